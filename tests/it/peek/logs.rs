//! Causes from logs, by the real `aws` command: against the server of moto, and against a stand-in.

use std::path::Path;

use serde_json::{Value, json};

use super::secrets;
use crate::support::aws_logs::{FakeAws, Log, MESSAGE, Setup, VISIBILITY, aws_v1, aws_v2};
use crate::support::claude_stub::{INIT_LINE, bench_with_stub, result_line, verdict};
use crate::support::moto::Moto;
use crate::support::peek::peek;
use crate::support::poll::bench;
use crate::support::workbench::Bench;

/// Returns a bench whose PATH begins with a folder of the `aws` command.
fn bench_with(name: &str, url: &str, aws: &Path) -> Bench {
    let mut bench = bench(name, url);
    bench.unset("DLQ_EVIDENCE_LOGS");
    let others = std::env::var("PATH").unwrap_or_default();
    let programs = Path::new(env!("CARGO_BIN_EXE_dlq-log")).parent().unwrap();
    bench.set("PATH", format!("{}:{}:{others}", aws.display(), programs.display()));
    bench
}

/// Peeks at `orders-dlq` and returns the event and the documents of the bundle.
#[track_caller]
fn sampled(bench: &Bench) -> (Value, Value, Value) {
    let output = peek(bench, &["orders-dlq"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let event = output.single("queue.sampled").clone();
    let bundle = event["data"]["bundle"].as_str().unwrap();
    let read = |name: &str| {
        serde_json::from_slice(&std::fs::read(format!("{bundle}/{name}")).unwrap()).unwrap()
    };
    (event.clone(), read("logs.json"), read("fingerprints.json"))
}

/// Asserts that no file of the state folder holds a text.
#[track_caller]
fn assert_nowhere(bench: &Bench, secret: &str) {
    let mut folders = vec![bench.state("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
            assert!(!text.contains(secret), "{}", entry.path().display());
        }
    }
}

#[test]
fn cause_is_found_by_message_id_with_both_versions() {
    let folders = [("v1", aws_v1()), ("v2", aws_v2())];
    let Some(python) = folders[0].1.as_ref().map(|folder| folder.join("python")) else { return };
    let moto = Moto::start(&python);
    let (url, secret) =
        (moto.facts["url"].as_str().unwrap(), moto.facts["secret"].as_str().unwrap());
    for (version, folder) in folders {
        let Some(folder) = folder else { continue };
        let bench = bench_with(&format!("logs-{version}"), url, &folder);
        let (event, logs, groups) = sampled(&bench);
        assert_eq!(event["data"]["fingerprints"][0]["title"], "KeyError: 'customer_id' in charge");
        let group = &groups["fingerprints"][0];
        assert_eq!((&group["kind"], &group["count"]), (&json!("error_text"), &json!(3)), "{group}");
        assert_eq!(group["found_by"], "message_id");
        assert_eq!(group["logs"], json!(["log:1"]));
        let log = &logs["logs"][0];
        assert_eq!(
            (&log["answer"], &log["group"]),
            (&json!("found"), &json!("/aws/lambda/orders"))
        );
        let line = &log["lines"][0];
        assert!(line["text"].as_str().unwrap().contains("worker.py\", line 12"), "{line}");
        assert_eq!((&line["receive"], &line["receives"]), (&json!(1), &json!(2)));
        let cost = &log["cost"];
        assert!(
            cost["calls"].as_u64().unwrap() <= 7,
            "mapping, function, ids, a block each, the lines around: {cost}"
        );
        assert!(cost["bytes"].as_u64().unwrap() < 100_000, "{cost}");
        assert_nowhere(&bench, secret);
        let bundle = event["data"]["bundle"].as_str().unwrap();
        let messages = std::fs::read_to_string(format!("{bundle}/messages.ndjson")).unwrap();
        let print = group["id"].as_str().unwrap();
        assert_eq!(messages.matches(print).count(), 3, "the messages name their group");
    }
}

/// A line of a log becomes a title, a citation in the report and in the prompt, and a notice.
#[test]
fn planted_secrets_of_log_lines_are_in_no_output_file_or_prompt() {
    let Some(folder) = aws_v1() else { return };
    let planted: Vec<(String, String)> =
        (0..secrets::KINDS.len()).map(|kind| secrets::secret(kind, 0)).collect();
    // The title shows the beginning of the first text.
    let webhook = secrets::KINDS.iter().position(|(name, _)| *name == "Teams").unwrap();
    let mut text = format!("[ERROR] failed {MESSAGE}: CallError: {}", planted[webhook].0);
    for (secret, _) in &planted {
        text += &format!("\n  note: {secret}");
    }
    let log = Log::Lines(vec![(200, text)]);
    let aws = FakeAws::start(Setup { log, group: None, may_list: true });
    let mut bench = bench_with("logs-secrets", &aws.url, &folder);
    secrets::configure(&mut bench);
    let line = "dlq-poll --queue orders-dlq | dlq-peek | dlq-investigate | dlq-notify; \
                dlq-log --json; dlq-log | cat; dlq-status; dlq-status --json; dlq-log --json | \
                dlq-investigate --agent triage | dlq-notify";
    let output = bench.shell(line);
    let printed = output.text() + &output.stderr;
    let (everything, files) = secrets::everything_written(&bench, printed.clone());
    for needed in ["prompts", "report.md", "fingerprints.json", "notices.json", "journal.ndjson"] {
        assert!(files.contains(needed), "{needed}: {files}{printed}");
    }
    assert!(
        everything.matches("CallError: https://a.webhook.office.com/").count() > 3,
        "{everything}"
    );
    for (secret, core) in &planted {
        let seen = secrets::forms(core).into_iter().find(|form| everything.contains(form));
        assert!(seen.is_none(), "{secret}: {}", seen.unwrap());
    }
}

/// The search keeps what the function logged of messages that it handled, and the prompt says how the
/// dead letter differs from them.
#[test]
fn prompt_names_what_differs_from_handled_messages() {
    let Some(folder) = aws_v1() else { return };
    let invocation = |n: i64, texts: &[String]| {
        let request = format!("0d6f3b1c-5e0e-4a4e-9d2a-0c1a5d0e6a{n:02}");
        let start = format!("START RequestId: {request} Version: $LATEST");
        let report = format!("REPORT RequestId: {request}\tDuration: 60 ms");
        let all: Vec<String> = [&[start], texts, &[report]].concat();
        all.into_iter().zip(0..).map(|(text, k)| (n * 1000 - 9800 + k, text)).collect::<Vec<_>>()
    };
    let handled = |n: i64| {
        let body = json!({"order": 70 + n, "currency": "EUR"});
        invocation(n, &[format!("received {body}"), "done".into()])
    };
    let failed = invocation(
        10,
        &[
            "received {\"order\": 1}".into(),
            format!("[ERROR] failed {MESSAGE}: KeyError: 'currency'"),
        ],
    );
    let lines = (1..6).flat_map(handled).chain(failed).collect();
    let aws = FakeAws::start(Setup { log: Log::Lines(lines), group: None, may_list: true });
    let body = format!("cat > @/prompt; {INIT_LINE}; {}", result_line(&verdict()));
    let mut bench = bench_with_stub("logs-contrast", "2.1.330", &body, "");
    let programs = Path::new(env!("CARGO_BIN_EXE_dlq-log")).parent().unwrap();
    let others = std::env::var("PATH").unwrap_or_default();
    let stubs = bench.path("stubs");
    bench.set(
        "PATH",
        format!("{}:{}:{}:{others}", stubs.display(), folder.display(), programs.display()),
    );
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_PROXY", "127.0.0.1"),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
    ];
    for (name, value) in variables {
        bench.set(name, value);
    }
    bench.unset("DLQ_EVIDENCE_LOGS");
    let output = bench.shell("dlq-poll --queue orders-dlq | dlq-peek | dlq-investigate");
    let prompts = bench.shell("cat prompt").text();
    let expected = "currency: absent in all 1 dead letters, and in none of 5 handled messages, such as \"EUR\"";
    assert!(prompts.contains(expected), "{prompts} {} {}", output.text(), output.stderr);
    let file = bench.shell("cat $(find . -name log-1.txt)").text();
    assert!(file.contains("(m1): [ERROR] failed"), "{file}");
    assert_eq!(file.matches("(): received").count(), 6, "{file}");
}

/// The invocations of three receives, which all fail in the same way.
fn recurring() -> Vec<(i64, String)> {
    let invocation = |receive: i64| {
        let (at, request) = (
            receive * VISIBILITY * 1000 + 100,
            format!("0d6f3b1c-5e0e-4a4e-9d2a-0c1a5d0e6a5{receive}"),
        );
        [
            (at, format!("START RequestId: {request} Version: $LATEST")),
            (at + 50, "[ERROR] KeyError: 'sku'\nTraceback (most recent call last):".to_owned()),
            (at + 60, format!("REPORT RequestId: {request}\tDuration: 60 ms")),
        ]
    };
    (0..3).flat_map(invocation).collect()
}

/// One version after the other: together they would need more time than a search has.
#[test]
fn answers_of_search_are_told_apart_with_both_versions() {
    for (version, folder) in [("v1", aws_v1()), ("v2", aws_v2())] {
        if let Some(folder) = folder {
            answers_are_told_apart(version, &folder);
        }
    }
}

/// Searches once for each behavior of the stand-in, with the `aws` command of a folder.
fn answers_are_told_apart(version: &str, aws_folder: &Path) {
    let setup = |log| Setup { log, group: None, may_list: true };
    let named = vec![(200, format!("[ERROR] failed {MESSAGE}: KeyError: 'sku'"))];
    let custom = Setup { group: Some("/app/custom"), ..setup(Log::Lines(named)) };
    let denied = Setup { may_list: false, ..setup(Log::Lines(Vec::new())) };
    let rows = [
        ("recurrence", setup(Log::Lines(recurring())), "found", "1 of 1 message"),
        ("custom-group", custom, "found", "1 of 1 message"),
        ("empty", setup(Log::Lines(Vec::new())), "never_run", "the log shows no invocation"),
        ("throttled", setup(Log::Refuse("ThrottlingException")), "cut", "too often"),
        ("denied", setup(Log::Refuse("AccessDeniedException")), "denied", "logs:FilterLogEvents"),
        ("no-list", denied, "denied", "lambda:ListEventSourceMappings"),
        (
            "no-group",
            setup(Log::Refuse("ResourceNotFoundException")),
            "unknown_group",
            "no such log group",
        ),
        ("html", setup(Log::Body("<html>proxy login</html>")), "failed", "proxy"),
        ("silent", setup(Log::Silent), "", ""),
        ("endless", setup(Log::Endless), "cut", "more lines"),
        ("same-token", setup(Log::SameToken), "cut", "more lines"),
    ];
    std::thread::scope(|scope| {
        for (name, setup, answer, reason) in rows {
            // The faults of a server; a call of version 2 takes seconds, and Debian's is an old one,
            // which has another answer where it cannot see the log group.
            let is_fault = ["throttled", "denied", "html", "silent", "endless"].contains(&name);
            if version == "v2" && !is_fault {
                continue;
            }
            scope.spawn(move || {
                let aws = FakeAws::start(setup);
                let bench = bench_with(&format!("logs-{version}-{name}"), &aws.url, aws_folder);
                let (_, logs, groups) = sampled(&bench);
                let log = &logs["logs"][0];
                let (found, detail) =
                    (log["answer"].as_str().unwrap(), log["detail"].as_str().unwrap());
                match name {
                    // Either the command gives up, or it is stopped.
                    "silent" => assert!(["failed", "cut"].contains(&found), "{log}"),
                    _ => assert!(found == answer && detail.contains(reason), "{name}: {log}"),
                }
                let is_found = answer == "found";
                let kind = if is_found { "error_text" } else { "shape" };
                assert_eq!(groups["fingerprints"][0]["kind"], kind, "{name}: {groups}");
                let command = log["command"].to_string();
                assert!(
                    command.starts_with("[\"aws\",") && command.contains(&aws.url),
                    "{command}"
                );
                let cost = &log["cost"];
                assert!(cost["calls"].as_u64().unwrap() <= 30, "{name}: {cost}");
                assert!(cost["bytes"].as_u64().unwrap() <= 4 << 20, "{name}: {cost}");
                assert!(cost["millis"].as_u64().unwrap() <= 65_000, "{name}: {cost}");
                let asked = aws.asked.lock().unwrap();
                if name == "denied" {
                    let count = asked.iter().filter(|(name, _)| name.contains("Filter")).count();
                    assert_eq!(count, 1, "a refusal ends the search");
                }
                if name == "recurrence" {
                    let line = &log["lines"];
                    let receives: Vec<_> = line
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|line| line["receive"].as_u64())
                        .collect();
                    assert_eq!(receives, [Some(1), Some(2), Some(3)], "{line}");
                    assert_eq!(groups["fingerprints"][0]["found_by"], "recurrence");
                    assert!(
                        cost["calls"].as_u64().unwrap() <= 4 + 6,
                        "3 receives and 3 controls: {cost}"
                    );
                }
            });
        }
    });
}

#[test]
fn old_version_cannot_tell_custom_log_group() {
    let Some(v2) = aws_v2() else { return };
    let log = Log::Lines(vec![(200, format!("[ERROR] failed {MESSAGE}: KeyError: 'sku'"))]);
    let aws = FakeAws::start(Setup { log, group: Some("/app/custom"), may_list: true });
    let mut bench = bench_with("logs-old", &aws.url, &v2);
    let (_, logs, _) = sampled(&bench);
    let detail = logs["logs"][0]["detail"].as_str().unwrap();
    assert_eq!(logs["logs"][0]["answer"], "unknown_group", "{logs}");
    assert!(
        detail.contains("does not tell the log group") && detail.contains("'logs'"),
        "{detail}"
    );
    bench.configure("auto_investigation: {queues: [{match: '*', logs: {log_group: /app/custom}}]}");
    let (_, logs, groups) = sampled(&bench);
    assert_eq!(
        (&logs["logs"][0]["answer"], &logs["logs"][0]["group"]),
        (&json!("found"), &json!("/app/custom"))
    );
    assert_eq!(groups["fingerprints"][0]["found_by"], "message_id");
}

/// AWS itself, with whatever credentials there are, knows nothing of a queue at another server.
#[test]
fn endpoint_of_sqs_alone_switches_search_off() {
    let aws = FakeAws::start(Setup { log: Log::Silent, group: None, may_list: true });
    let mut bench = bench_with("logs-endpoint", &aws.url, Path::new("/nonexistent"));
    let marker = bench.path("aws-was-run");
    bench.stub("aws", &format!("#!/bin/sh\ntouch '{}'\n", marker.display()));
    bench.unset("AWS_ENDPOINT_URL");
    bench.set("AWS_ENDPOINT_URL_SQS", &aws.url);
    let (_, logs, groups) = sampled(&bench);
    let log = &logs["logs"][0];
    let detail = log["detail"].as_str().unwrap();
    assert_eq!(log["answer"], "no_endpoint", "{log}");
    assert!(detail.contains(&aws.url) && detail.contains("set AWS_ENDPOINT_URL"), "{detail}");
    assert_eq!(log["cost"]["calls"], 0, "{log}");
    assert_eq!(groups["fingerprints"][0]["kind"], "shape");
    assert!(!marker.exists());
}

#[test]
fn missing_command_leaves_the_question() {
    let aws = FakeAws::start(Setup { log: Log::Silent, group: None, may_list: true });
    let mut bench = bench_with("logs-none", &aws.url, Path::new("/nonexistent"));
    bench.set("PATH", "/nonexistent");
    let (_, logs, _) = sampled(&bench);
    let log = &logs["logs"][0];
    assert_eq!(log["answer"], "no_command", "{log}");
    let command = &log["command"];
    assert_eq!(command[2], "list-event-source-mappings", "{command}");
    assert_eq!(command[3], "--event-source-arn=arn:aws:sqs:us-east-1:123456789012:orders");
    assert_eq!(log["cost"]["calls"], 1);
    bench.set("DLQ_EVIDENCE_LOGS", "off");
    let (_, logs, _) = sampled(&bench);
    assert_eq!(logs["logs"], json!([]), "switched off");
    assert!(aws.asked.lock().unwrap().is_empty());
}
