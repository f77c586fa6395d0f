//! The archive for support: it has no secret, no body and no name, and tar reads it.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::poll::{bench, poll};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::Bench;

/// What must not be in an archive.
const PLANTED: [&str; 15] = [
    "hunter2",
    "123456789012",
    "210987654321",
    "orders-dlq",
    "payments-dlq",
    "customer 4711",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "acme-corp",
    "ops-room",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_9876543210",
    "acme-model",
    "alice",
    "o'brien",
    "dlq-acme-pager",
];

fn planted(sqs: &FakeSqs) -> Bench {
    let mut bench = bench("doctor-bundle", &sqs.url);
    let token =
        bench.write("token-of-acme-corp", "hunter2 ghp_0123456789abcdefghijABCDEFGHIJ012345");
    bench.configure(&format!(
        "# hunter2 AKIAIOSFODNN7EXAMPLE in a comment\n\
         github: {{token: {{file: {}}}}}\n\
         aws: {{region: us-east-1}}\n\
         auto_investigation:\n  enabled: true\n  agent: [acme-corp-agent, --token, hunter2]\n  \
         model: acme-model\n  \
         target_queues: [orders-dlq]\n  \
         queues: [{{match: orders-dlq, github: acme-corp/orders, test_command: [run, hunter2], repo: \"/no/acme-corp/o'brien's code\"}}]\n\
         notifications:\n  channels:\n    ops-room: {{type: webhook, url: 'http://127.0.0.1:9/acme-corp/hunter2'}}\n    \
         dlq-acme-pager: {{type: exec, command: [acme-corp-pager, hunter2]}}\n",
        token.display()
    ));
    let file = bench.path("dlq.log").display().to_string();
    bench.set("DLQ_LOGGING_FILE", &file);
    let message = "dlq-peek[1]: warning: queue 'orders-dlq' of account 123456789012: \
                   ghp_0123456789abcdefghijABCDEFGHIJ012345\n\
                   dlq-notify[1]: warning: channel 'dlq-acme-pager' is down\n\
                   dlq-prs[1]: warning: cannot read /home/alice/x of alice@acme-corp.example, orders-dlq \
                   and payments-dlq, for it answered ghp_9876543210…\n";
    bench.write("dlq.log", message);
    poll(&bench, &[]);
    let line = r#"{"specversion":"1.0","id":"hunter2","source":"hunter2 210987654321","type":"customer 4711","subject":"payments-dlq","time":"2026-11-22T19:57:32Z","severitytext":"hunter2","incident":"payments-dlq","data":{"body":"customer 4711"}}"#;
    let mut journal = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    journal += &format!("{line}\nhunter2, no event\n");
    std::fs::write(bench.state("journal.ndjson"), journal).unwrap();
    std::fs::write(bench.state("orders-dlq hunter2.json"), "{}").unwrap();
    std::fs::write(bench.state("peeks.json"), "{\"hunter2\": \"customer 4711\"").unwrap();
    bench
}

#[test]
fn archive_holds_no_secret_body_or_name() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3), ("payments-dlq", 1)]);
    let bench = planted(&sqs);
    let output = bench.run("dlq-doctor", &["--bundle", "support.tar.gz"], "");
    assert_eq!(output.code(), 1, "checks fail: {output:?}");
    let path = bench.path("support.tar.gz");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let unpacked = bench.shell("tar xzf support.tar.gz && ls dlq-doctor && cat dlq-doctor/*");
    assert_eq!((unpacked.code(), unpacked.stderr.as_str()), (0, ""), "{unpacked:?}");
    let text = unpacked.text();
    let names = "README\nchecks.txt\ndocuments.json\njournal.ndjson\nmessages.log\nsettings.json\n\
         versions.json\n";
    assert!(text.starts_with(names), "{text}");
    for word in PLANTED {
        assert!(!text.contains(word), "'{word}' is in {text}");
    }
    let read = |name: &str| std::fs::read_to_string(bench.path("dlq-doctor").join(name)).unwrap();
    let documents: Value = serde_json::from_str(&read("documents.json")).unwrap();
    assert_eq!(documents["queues.json"]["version"], 1, "{documents:#}");
    assert_eq!(documents["peeks.json"]["is_readable"], false, "{documents:#}");
    let settings: Value = serde_json::from_str(&read("settings.json")).unwrap();
    assert_eq!(settings["github"]["token"], "file", "{settings:#}");
    // Equal names are equal everywhere.
    let heads = read("journal.ndjson");
    let raised: Value =
        serde_json::from_str(heads.lines().find(|line| line.contains("queue.raised")).unwrap())
            .unwrap();
    let hashed = raised["about"].as_str().unwrap();
    assert!(read("checks.txt").contains(hashed) || heads.matches(hashed).count() > 1, "{heads}");
    let messages = read("messages.log");
    assert!(messages.contains("dlq-peek[1]: warning: queue "), "{messages}");
}

#[test]
fn archive_is_written_whoever_reads_the_output_and_replaces_nothing() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3)]);
    let bench = bench("doctor-bundle-pipe", &sqs.url);
    let piped = bench.shell("dlq-doctor --bundle b.tgz | true; tar tzf b.tgz");
    assert!(piped.text().contains("dlq-doctor/checks.txt"), "{piped:?}");
    // No file can be made there, though root may write to the folder.
    let lost = bench.shell("(dlq-doctor --bundle /proc/b.tgz; echo $? >status) | true; cat status");
    assert_eq!(lost.text(), "1\n", "{lost:?}");
    assert!(lost.stderr.contains("cannot write '/proc/b.tgz'"), "{lost:?}");
    bench.write("file", "");
    let requests = sqs.state().requests.len();
    for path in ["b.tgz", ".", "missing/b.tgz", "file/b.tgz"] {
        let refused = bench.run("dlq-doctor", &["--bundle", path], "");
        assert_eq!((refused.code(), refused.text().as_str()), (1, ""), "{refused:?}");
        assert!(refused.stderr.contains(&format!("cannot write '{path}'")), "{refused:?}");
    }
    assert_eq!(sqs.state().requests.len(), requests, "no check was made before");
}

#[test]
fn names_are_kept_on_request_and_secrets_never() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3)]);
    let bench = planted(&sqs);
    bench.run("dlq-doctor", &["--bundle", "b.tgz", "--keep-names"], "");
    let text = bench.shell("tar xOzf b.tgz").text();
    assert!(text.contains("'orders-dlq' has 3 messages"), "{text}");
    let secrets = ["hunter2", "customer 4711", "ghp_0123456789abcdef", "AKIAIOSFODNN7EXAMPLE"];
    for word in secrets {
        assert!(!text.contains(word), "'{word}' is in {text}");
    }
}
