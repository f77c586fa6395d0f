//! Command lines and files that are not as they should be.

use dlq::clock;
use serde_json::{Value, json};

use super::filter::{planned, record_advice};
use super::{bodies, create_pair, let_die, redrive};
use crate::support::peek::{create_dlq_with, peek};
use crate::support::poll::bench;
use crate::support::pty::Pty;
use crate::support::sqs_api::FakeSqs;
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::{Bench, bin};

/// What a terminal must never get from a pattern: a title, a colour, a bell, a line that is overwritten.
#[test]
fn hostile_pattern_is_told_in_a_line_and_steers_no_terminal() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 3)]);
    let bench = bench("redrive-pattern", &sqs.url);
    bench.write("long", "x".repeat(100 << 10));
    bench.write("control", "(\u{1b}]0;owned\u{7}\u{1b}[31m\r\n\u{202e}");
    let program = bin("dlq-redrive").display().to_string();
    let rows = [
        ("control characters", "--match \"$(cat control)\"", "is not a pattern"),
        ("100 KiB", "--match=\"$(cat long)\"", "the pattern is longer than 1024 bytes"),
        ("like an option", "--match=-e'('", "'-e(' is not a pattern"),
        ("a pattern like an option", "--match -e", "\"selection\":\"match=-e\""),
    ];
    for (rule, option, expected) in rows {
        let line = format!("{program} plan {option} orders-dlq; echo status $?");
        let terminal = Pty::start(&bench, &line, 200, 24);
        terminal.wait_for("the end", |terminal| terminal.text().contains("\nstatus "));
        assert!(terminal.text().contains(expected), "{rule}: {}", terminal.text());
        let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        let hidden = bytes.chars().find(|c| "\u{1b}\u{7}\u{202e}".contains(*c));
        assert_eq!(hidden, None, "{rule}: {bytes:?}");
        assert!(bytes.len() < 2000, "{rule}: {} bytes", bytes.len());
        let has_received = sqs.state().count("ReceiveMessage") > 0;
        assert_eq!(has_received, rule == "a pattern like an option", "{rule}");
    }
}

#[test]
fn missing_files_are_told_before_aws_is_asked() {
    let mut bench = Bench::new("redrive-no-file");
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"] {
        bench.unset(name);
    }
    bench.write("head.ndjson", "{\"plan\":1}\n");
    let rows = [
        (&["apply", "none.ndjson"][..], "none.ndjson"),
        (&["apply", "--resume", "0123", "none.ndjson"], "none.ndjson"),
        (&["restore", "none.ndjson"], "none.ndjson"),
        (&["apply", "head.ndjson"], "line 1 is not one of a plan"),
        (&["restore", "head.ndjson"], "it is a plan"),
    ];
    for (args, expected) in rows {
        let output = bench.run("dlq-redrive", args, "");
        let is_told = output.stderr.contains(expected) && !output.stderr.contains("region");
        assert!(output.code() == 1 && is_told, "{args:?}: {}", output.stderr);
    }
}

#[test]
fn verdict_that_cannot_be_read_is_no_permission() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(2));
    let bench = bench("redrive-damaged-verdict", &server.url);
    let (queue, fingerprint) = planned(&bench);
    record_advice(&bench, &queue, &fingerprint, "safe");
    let folder = std::fs::read_dir(bench.state("sessions")).unwrap().next().unwrap().unwrap();
    let finding = folder.path().join("finding.json");
    for damaged in ["{\"redrive\": \"sa", "{\"redrive\": \"perhaps\"}"] {
        std::fs::write(&finding, damaged).unwrap();
        let args = ["apply", "--canary", "0", "--no-verify", "orders-dlq"];
        let output = redrive(&bench, &args);
        assert_eq!((output.code, sqs.depth(&source)), (1, 0), "{}", output.stderr);
        let told = format!("the verdict about '{fingerprint}' cannot be read");
        assert!(output.stderr.contains(&told), "{}", output.stderr);
        assert!(output.stderr.contains("2 messages left in queue"), "{}", output.stderr);
    }
    let args = ["apply", "--force", "--canary", "0", "--no-verify", "orders-dlq"];
    assert_eq!((redrive(&bench, &args).code, sqs.depth(&source)), (0, 2));
}

/// The limit on the size of a file stands for a full disk: the write fails in the same way.
#[test]
fn move_that_cannot_be_recorded_moves_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-record-full", &server.url);
    let old = json!({
        "id": "old", "kind": "redrive", "outcome": "completed", "reason": "x".repeat(20_000),
        "begun_at": clock::now(), "updated_at": clock::now(), "finished_at": clock::now(),
    });
    let before = json!({"version": 1, "moves": [old]}).to_string();
    let path = bench.write("state/redrives.json", &before);
    for command in [
        "dlq-redrive apply --canary 0 --no-verify orders-dlq",
        "dlq-purge --confirm orders-dlq orders-dlq",
    ] {
        let output = bench.shell(&format!("ulimit -f 8; trap '' XFSZ; exec {command}"));
        assert_eq!(output.code(), 1, "{command}: {}", output.stderr);
        assert!(output.stderr.contains("state/redrives."), "{command}: {}", output.stderr);
        assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 3), "{command}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "{command}");
    }
}

/// Makes the newest of the dead letters the only example of a cause that a log has told. Returns the URL of
/// their source.
fn sample_cause(sqs: &mut Client, bench: &Bench) -> String {
    let opaque: Vec<String> = (0..4).map(|n| format!("an opaque message of order {n}")).collect();
    let opaque: Vec<&str> = opaque.iter().map(String::as_str).collect();
    create_dlq_with(sqs, "orders-dlq", &opaque);
    let source = sqs.call("GetQueueUrl", &json!({"QueueName": "orders"}));
    let sampled = peek(bench, &["orders-dlq"]);
    let bundle = sampled.single("queue.sampled")["data"]["bundle"].as_str().unwrap().to_owned();
    let path = format!("{bundle}/fingerprints.json");
    let mut groups: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let group = &mut groups["fingerprints"][0];
    let last = group["messages"].as_array().unwrap().last().unwrap().clone();
    (group["id"], group["messages"]) = (json!("feedfacefeedface"), json!([last]));
    std::fs::write(&path, groups.to_string()).unwrap();
    source["QueueUrl"].as_str().unwrap().to_owned()
}

/// A message that was looked at before the one that shows the cause is looked at again.
#[test]
fn messages_before_the_example_of_their_cause_travel_as_well() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let bench = bench("redrive-logged", &server.url);
    let source = sample_cause(&mut sqs, &bench);
    let choice = ["--fingerprint", "feedfacefeedface", "--to", "orders"];
    let args = [&["apply", "--canary", "0", "--no-verify"], &choice[..], &["orders-dlq"]].concat();
    let output = redrive(&bench, &args);
    assert_eq!(output.single("redrive.completed")["data"]["moved"], 4, "{}", output.stderr);
    assert_eq!(sqs.depth(&source), 4);
}

/// The messages of a cause that a log has told do not carry it themselves.
#[test]
fn messages_that_the_evidence_gives_to_a_blocked_cause_are_left() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let bench = bench("redrive-logged-blocked", &server.url);
    let source = sample_cause(&mut sqs, &bench);
    let (queue, _) = planned(&bench);
    record_advice(&bench, &queue, "feedfacefeedface", "do_not");
    let plan = bench.run("dlq-redrive", &["plan", "--to", "orders", "orders-dlq"], "");
    assert!(plan.code() == 1 && plan.stderr.contains(" not planned: a verdict"), "{plan:?}");
    let args = ["apply", "--canary", "0", "--no-verify", "--to", "orders", "orders-dlq"];
    let output = redrive(&bench, &args);
    assert!(output.stderr.contains("left in queue 'orders-dlq': a verdict"), "{}", output.stderr);
    // Those that were looked at before the example travel: nothing had shown yet that they are alike.
    let left = sqs.depth(&source.replace("/orders", "/orders-dlq"));
    assert!(output.code == 1 && left >= 1 && left + sqs.depth(&source) == 4, "{left}");
}
