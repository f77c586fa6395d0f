//! Passes of `dlq-peek` over a real SQS server: every message is returned, and passes are limited.

use std::process::Stdio;
use std::time::Duration;

use dlq::time::Timestamp;
use serde_json::{Value, json};

use crate::support::peek::{bundle_messages, create_dlq_with, peek};
use crate::support::poll::{bench, journal, parse_output, poll};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::terminal::run_on_terminal;
use crate::support::workbench::{signal, wait_for};

/// Incident that an option names.
const INCIDENT: &str = "11111111-2222-8333-8444-555555555555";

#[test]
fn messages_are_returned_and_received_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["{\"n\":1}", "{\"n\":2}", "x", "y", "z"]);
    let bench = bench("put-back", &server.url);
    let output = peek(&bench, &["orders-dlq"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let sampled = output.single("queue.sampled");
    assert_eq!(sampled["data"]["taken"], 5);
    assert_eq!(sampled["data"]["depth"], 5);
    assert_eq!(sampled["data"]["refused"], Value::Null);
    assert_eq!(sqs.depth(&dlq), 5, "all are back at once");
    let bundle_messages = bundle_messages(sampled);
    for (id, count) in sqs.receive_counts(&dlq) {
        let of_ours = bundle_messages[&id]["receives"].as_u64().unwrap();
        assert_eq!(count, of_ours + 1, "the receive of this test is the only one since");
        assert_eq!(of_ours, 2, "one by the consumer, one by us");
        assert_eq!(bundle_messages[&id]["untrusted"], true);
        assert_eq!(bundle_messages[&id]["source_arn"], sqs.arn("orders"));
    }
    assert_eq!(bundle_messages.len(), 5);
    assert_eq!(journal(&bench).last().unwrap(), sampled);
}

#[test]
fn age_of_sampled_messages_narrows_their_loss() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let bench = bench("age", &server.url);
    // The messages were sent before the first round: its bound is later than the loss.
    let raised = poll(&bench, &[]).single("queue.raised")["data"]["expires_before"].clone();
    let output = peek(&bench, &["orders-dlq"]);
    let sampled = output.single("queue.sampled")["data"]["expires_before"].clone();
    let moment = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    assert!(moment(&sampled) < moment(&raised), "{sampled} and {raised}");
    let record = || {
        let text = std::fs::read_to_string(bench.state("queues.json")).unwrap();
        let doc: Value = serde_json::from_str(&text).unwrap();
        let queues = doc["queues"].as_object().unwrap();
        queues.values().next().unwrap()["record"].clone()
    };
    let retention_s = record()["retention_s"].as_u64().unwrap();
    let sent_at = moment(&record()["oldest_sent_at"]);
    assert_eq!(sent_at.plus(Duration::from_secs(retention_s)), moment(&sampled));
    poll(&bench, &[]);
    assert_eq!(moment(&record()["oldest_sent_at"]), sent_at, "a round keeps it");
}

#[test]
fn pass_is_filed_under_the_open_incident_that_the_id_begins() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let bench = bench("peek-incident", &server.url);
    bench.run("dlq-poll", &[], "");
    let raised = journal(&bench).into_iter().find(|event| event["type"] == "queue.raised");
    let open = raised.unwrap()["incident"].as_str().unwrap().to_owned();
    let of = |id: &str| {
        let output = bench.run("dlq-peek", &["--dry-run", "--incident", id, "orders-dlq"], "");
        let event: Value = serde_json::from_str(output.text().trim()).unwrap();
        (event["incident"].as_str().unwrap().to_owned(), output.stderr)
    };
    assert_eq!(of(&open[..8]), (open.clone(), String::new()));
    let warning = format!(
        "dlq-peek: warning: incident '{INCIDENT}' is not the one that is open in queue \
         'orders-dlq': '{open}'\n"
    );
    assert_eq!(of(INCIDENT), (INCIDENT.to_owned(), warning));
}

#[test]
fn third_pass_is_refused_before_receiving() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    let bench = bench("third", &server.url);
    let first = peek(&bench, &["orders-dlq"]);
    let second = peek(&bench, &["--incident", INCIDENT, "orders-dlq"]);
    assert_eq!(second.single("queue.sampled")["incident"], INCIDENT);
    let second = peek(&bench, &["orders-dlq"]);
    assert_ne!(first.single("queue.sampled")["id"], second.single("queue.sampled")["id"]);
    let third = peek(&bench, &["orders-dlq"]);
    let refused = third.single("queue.sampled");
    assert_eq!((third.code, &refused["data"]["refused"]), (1, &json!("peeked")));
    assert_eq!(refused["data"]["taken"], 0);
    let bundle = second.single("queue.sampled")["data"]["bundle"].as_str().unwrap().to_owned();
    assert!(third.stderr.contains(&format!("the evidence is in '{bundle}'")), "{}", third.stderr);
    assert_eq!(refused["data"]["bundle"], bundle, "what is known already");
    let shown = bench.run("dlq-peek", &["--messages", "--raw", "orders-dlq"], "");
    let filed = bundle_messages(second.single("queue.sampled"));
    let lines: Vec<Value> =
        shown.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2, "each message once, though both passes have filed it");
    assert!(
        lines.iter().all(|one| filed[one["message_id"].as_str().unwrap()] == *one),
        "{lines:?}"
    );
    let note =
        "queue 'orders-dlq' was peeked 2 times, which is the limit: showing 2 messages filed";
    assert_eq!(shown.code(), 0);
    assert!(shown.stderr.contains(note) && shown.stderr.contains("'--raw' has no"), "{shown:?}");
    let receive_counts = sqs.receive_counts(&dlq);
    assert!(receive_counts.values().all(|count| *count == 1 + 3 + 1), "{receive_counts:?}");
}

#[test]
fn harmful_peek_is_refused() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let fifo = sqs.create("orders-dlq.fifo", &json!({}));
    sqs.send(&fifo, "a");
    sqs.create("end-dlq", &json!({}));
    let chained = sqs.create_source("chained-dlq", "end-dlq");
    sqs.send(&chained, "a");
    let busy = sqs.create("busy-dlq", &json!({}));
    sqs.send(&busy, "a");
    sqs.send(&busy, "b");
    sqs.receive(&busy, 300);
    sqs.create("empty-dlq", &json!({}));
    let bench = bench("harm", &server.url);
    let rows = [
        ("orders-dlq.fifo", "fifo", "--allow-fifo"),
        ("chained-dlq", "chained", "push messages on to 'end-dlq'"),
        ("busy-dlq", "in_flight", "1 message in flight"),
        ("empty-dlq", "empty", "no message can be received"),
    ];
    for (queue, word, message) in rows {
        let output = peek(&bench, &[queue]);
        assert_eq!(
            (output.code, &output.single("queue.sampled")["data"]["refused"]),
            (1, &json!(word))
        );
        assert!(output.stderr.contains(message), "{}", output.stderr);
    }
    assert_eq!((sqs.depth(&fifo), sqs.depth(&chained), sqs.depth(&busy)), (1, 1, 1));
    assert!(!bench.state("evidence").exists());
    let output = peek(&bench, &["--allow-fifo", "orders-dlq.fifo"]);
    assert_eq!((output.code, &output.single("queue.sampled")["data"]["taken"]), (0, &json!(1)));
    assert!(sqs.receive(&fifo, 0).is_some(), "its group is free again");
    let missing = bench.run("dlq-peek", &["no-such-dlq"], "");
    assert_eq!((missing.code(), missing.stdout.len()), (1, 0));
    let why = "cannot find queue 'no-such-dlq' of '000000000000' in ";
    assert!(missing.stderr.contains(why), "{}", missing.stderr);
}

#[test]
fn kill_during_pass_loses_no_message_and_counts_pass() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let long = "x".repeat(100_000);
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &[long.as_str(); 5]);
    let bench = bench("killed", &server.url);
    let args = ["--messages", "--visibility", "10s", "orders-dlq"];
    // Nobody reads the output, so the program blocks in the middle of the pass with all messages in
    // flight.
    let mut child = bench.command("dlq-peek", &args).stdout(Stdio::piped()).spawn().unwrap();
    wait_for("it has received", || sqs.in_flight(&dlq) == 5);
    signal("KILL", i32::try_from(child.id()).unwrap());
    child.wait().unwrap();
    wait_for("all come back by themselves", || sqs.depth(&dlq) == 5);
    let output = peek(&bench, &["orders-dlq"]);
    assert_eq!(output.single("queue.sampled")["data"]["taken"], 5);
    assert_eq!(peek(&bench, &["orders-dlq"]).single("queue.sampled")["data"]["refused"], "peeked");
    let folder = std::fs::read_dir(bench.state("evidence")).unwrap().next().unwrap().unwrap();
    let names = std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["2"], "what was cut off has left nothing");
}

#[test]
fn pipe_peeks_once_per_raise_and_growth() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let bench = bench("pipe", &server.url);
    let raise = bench.run("dlq-poll", &[], "").text();
    let open = raise.lines().find(|line| line.contains("queue.raised")).unwrap();
    let open: Value = serde_json::from_str(open).unwrap();
    let first = parse_output(bench.run("dlq-peek", &[], &raise));
    assert_eq!((first.code, first.stderr.as_str()), (0, ""));
    let kinds: Vec<&str> = first.events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["queue.found", "queue.polled", "queue.raised", "queue.sampled", "poll.finished"]
    );
    assert_eq!(first.single("queue.sampled")["incident"], open["incident"]);
    // A replayed journal has the same lines again.
    let again = parse_output(bench.run("dlq-peek", &[], &raise));
    assert_eq!(again.events_of("queue.sampled").len(), 0);
    // Two more messages make the queue grow.
    let source = sqs.create_source("orders", "orders-dlq");
    sqs.dead_letter(&source, &dlq, &["b", "c"]);
    let grown = bench.run("dlq-poll", &[], "").text();
    assert!(grown.contains("queue.grew"), "{grown}");
    let output = parse_output(bench.run("dlq-peek", &[], &grown));
    assert_eq!(output.single("queue.sampled")["data"]["taken"], 3);
    assert_eq!(output.single("queue.sampled")["data"]["overseen"], 0);
    // A closed incident causes no pass.
    let other = raise.replace(open["incident"].as_str().unwrap(), INCIDENT);
    assert_eq!(
        parse_output(bench.run("dlq-peek", &[], &other)).events_of("queue.sampled").len(),
        0
    );
    assert_eq!(
        sqs.receive_counts(&dlq).values().max(),
        Some(&4),
        "consumer, two passes, this test"
    );
}

#[test]
fn dry_run_receives_and_writes_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let bench = bench("dry", &server.url);
    let output = peek(&bench, &["--dry-run", "orders-dlq"]);
    let data = &output.single("queue.sampled")["data"];
    assert_eq!(
        (&data["taken"], &data["refused"], &data["depth"]),
        (&Value::Null, &Value::Null, &json!(1))
    );
    assert!(!bench.state("peeks.json").exists() && !bench.state("journal.ndjson").exists());
    assert_eq!(sqs.receive_counts(&dlq).values().max(), Some(&2));
    assert_eq!(poll(&bench, &[]).single("queue.raised")["subject"], "orders-dlq");
}

#[test]
fn log_commands_get_message_ids() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    let mut bench = bench("logs", &server.url);
    let logs = bench.stub(
        "logs",
        "#!/bin/sh\nprintf '%s\\n' \"$@\" 'mail to ada@example.com' '\u{1b}[2J'; exit 3\n",
    );
    bench.configure(&format!(
        "auto_investigation:\n  queues:\n    - match: 'orders-*'\n      evidence:\n        \
         - [{0:?}, '-q', '{{queue}}', '{{start_ms}}', '{{message_ids}}']\n        \
         - [{0:?}, '{{request_ids}}']\n        - [/nonexistent/program]\n",
        logs.display().to_string()
    ));
    let output = peek(&bench, &["orders-dlq"]);
    let bundle_messages = bundle_messages(output.single("queue.sampled"));
    let bundle = output.single("queue.sampled")["data"]["bundle"].as_str().unwrap().to_owned();
    let read = |name: &str| std::fs::read_to_string(format!("{bundle}/{name}")).unwrap();
    let all: Value = serde_json::from_str(&read("logs.json")).unwrap();
    let all = all["logs"].as_array().unwrap();
    assert_eq!((&all[0]["id"], &all[0]["status"]), (&json!("log:1"), &json!(3)));
    let log = read(all[0]["file"].as_str().unwrap());
    for id in bundle_messages.keys() {
        assert!(log.contains(id), "{log}");
    }
    assert!(log.contains("-q\norders-dlq\n"), "{log}");
    assert!(!log.contains("ada@") && !log.contains('\u{1b}'), "{log}");
    assert!(all[1]["detail"].as_str().unwrap().contains("no ids"), "{all:?}");
    assert!(all[2]["detail"].as_str().unwrap().contains("could not be started"), "{all:?}");
}

#[test]
fn evidence_is_filed_when_its_age_cannot_be_recorded() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let bench = bench("no-age", &server.url);
    // The name of the temporary file is taken, so that the document cannot be replaced.
    std::fs::create_dir_all(bench.state("queues.tmp")).unwrap();
    let output = parse_output(bench.run("dlq-peek", &["orders-dlq"], ""));
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stderr.contains("queues.tmp"), "{}", output.stderr);
    let sampled = output.single("queue.sampled");
    assert_eq!(sampled["data"]["taken"], 1);
    let bundle = std::path::Path::new(sampled["data"]["bundle"].as_str().unwrap());
    assert!(bundle.join("messages.ndjson").is_file(), "{}", bundle.display());
}

#[test]
fn disk_full_returns_messages() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let long = "x".repeat(30_000);
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &[long.as_str(); 5]);
    let bench = bench("full", &server.url);
    // A file size limit of 4 KiB acts like a full disk.
    let output = bench.shell("ulimit -f 4; dlq-peek orders-dlq");
    assert_eq!((output.code(), output.stdout.len()), (1, 0));
    assert!(output.stderr.contains("cannot write"), "{}", output.stderr);
    assert_eq!((sqs.depth(&dlq), sqs.in_flight(&dlq)), (5, 0));
    assert_eq!(peek(&bench, &["orders-dlq"]).single("queue.sampled")["data"]["taken"], 5);
}

#[test]
fn refused_receive_counts_no_pass() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3)]);
    let bench = bench("refused", &sqs.url);
    let denied = Behavior::Refuse(403, "AccessDenied");
    (sqs.state().receive, sqs.state().later_receives) = (denied.clone(), denied);
    for _ in 0..3 {
        let output = bench.run("dlq-peek", &["orders-dlq"], "");
        assert_eq!((output.code(), output.stdout.len()), (1, 0));
        assert!(
            output.stderr.contains("cannot receive from queue 'orders-dlq'"),
            "{}",
            output.stderr
        );
    }
    let peeks: Value =
        serde_json::from_slice(&std::fs::read(bench.state("peeks.json")).unwrap()).unwrap();
    assert_eq!(peeks["peeks"][0]["passes"], json!([]));
}

/// By hand and in a pipe: what stays invisible is said, with the time of its end, and status 1.
#[test]
fn messages_that_stay_hidden_fail_the_pass() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 12)]);
    let denied = Behavior::Refuse(403, "AccessDenied");
    let one = |code| {
        let codes = [("m3".to_owned(), code)];
        (Behavior::Normal, codes.into_iter().collect::<std::collections::BTreeMap<_, _>>())
    };
    let none = Default::default;
    let cases = [
        (
            "all are refused",
            (denied, none()),
            Some("12 messages back into queue 'orders-dlq': access denied; "),
        ),
        (
            "one is refused",
            one("InternalError"),
            Some("1 message back into queue 'orders-dlq': InternalError; "),
        ),
        (
            "nothing is confirmed",
            (Behavior::Body("{}"), none()),
            Some("12 messages back into queue 'orders-dlq': the answer does not confirm it; "),
        ),
        ("one is visible already", one("AWS.SimpleQueueService.MessageNotInflight"), None),
        ("all are put back", (Behavior::Normal, none()), None),
    ];
    for (rule, (behavior, codes), expected) in cases {
        (sqs.state().put_back, sqs.state().not_put_back) = (behavior, codes);
        let raised = {
            let bench = bench("raised", &sqs.url);
            bench.run("dlq-poll", &[], "").text()
        };
        for (args, stdin) in
            [(&["--max", "20", "orders-dlq"][..], ""), (&["--max", "20"], &*raised)]
        {
            sqs.state().requests.clear();
            let bench = bench("hidden", &sqs.url);
            let output = parse_output(bench.run("dlq-peek", args, stdin));
            let sampled = output.single("queue.sampled");
            assert_eq!(sampled["data"]["taken"], 12, "{rule}: {output:?}");
            let Some(expected) = expected else {
                assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{rule}");
                continue;
            };
            assert_eq!((output.code, output.stderr.lines().count()), (1, 1), "{rule}: {output:?}");
            let begin =
                format!("dlq-peek: warning: cannot put {expected}SQS makes them visible again by ");
            assert!(output.stderr.starts_with(&begin), "{rule}: {}", output.stderr);
            let end = "Z, after their visibility timeout of 1m\n";
            assert!(output.stderr.ends_with(end), "{rule}: {}", output.stderr);
        }
    }
}

#[test]
fn sample_that_breaks_off_is_filed_and_fails_the_pass() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 25)]);
    sqs.state().later_receives = Behavior::Refuse(403, "AccessDenied");
    let output = peek(&bench("breaks-off", &sqs.url), &["--max", "25", "orders-dlq"]);
    assert_eq!((output.code, &output.single("queue.sampled")["data"]["taken"]), (1, &json!(10)));
    let message = "dlq-peek: warning: cannot receive more than 10 messages from queue 'orders-dlq': access denied\n";
    assert_eq!(output.stderr, message);
}

#[test]
fn unreadable_queue_fails_before_its_sources_are_listed() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3)]);
    let denied = Behavior::Refuse(403, "AccessDenied");
    sqs.state().queue("orders-dlq").behavior = denied;
    let output = bench("unreadable", &sqs.url).run("dlq-peek", &["orders-dlq"], "");
    assert_eq!((output.code(), output.stdout.len()), (1, 0));
    assert!(output.stderr.contains("cannot read queue 'orders-dlq'"), "{}", output.stderr);
    assert_eq!(sqs.state().count("ListDeadLetterSourceQueues"), 0);
}

#[test]
fn peek_without_queue_on_a_terminal_names_the_open_incidents() {
    let bench = bench("bare", "http://127.0.0.1:9");
    let shown = run_on_terminal(&bench, 80, "dlq-peek", &[]);
    let start = "dlq-peek: fatal: standard input is a terminal: give a QUEUE, or pipe events in with \
                 'dlq-poll | dlq-peek'";
    assert_eq!((shown.code, shown.text), (Some(2), format!("{start}; try 'dlq-peek --help'\n")));
    assert!(!bench.state("").exists());
    let sqs = FakeSqs::start();
    sqs.state().queue("orders-dlq").depth(3);
    let open = crate::support::poll::bench("bare-open", &sqs.url);
    poll(&open, &[]);
    let shown = run_on_terminal(&open, 80, "dlq-peek", &[]);
    assert!(shown.text.contains("; there are open incidents in 'orders-dlq'; try"), "{shown:?}");
}
