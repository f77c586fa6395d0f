//! Restores: once only, with each doubt named, also from archives that are damaged.

use std::path::Path;

use serde_json::{Value, json};

use super::redrive;
use crate::support::peek::create_dlq_with;
use crate::support::poll::{PollOutput, bench, parse_output};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::Bench;

/// Purges a queue. Returns the path of the archive.
fn purged(bench: &Bench, queue: &str) -> String {
    let output = parse_output(bench.run("dlq-purge", &["--confirm", queue, queue], ""));
    assert_eq!(output.code, 0, "{output:?}");
    output.single("purge.completed")["data"]["archive"].as_str().unwrap().to_owned()
}

/// Returns how many messages a restore reports to have put back.
fn messages(output: &PollOutput) -> u64 {
    output.single("archive.restored")["data"]["messages"].as_u64().unwrap()
}

/// Returns the results of one kind that an archive has.
fn results(path: &str, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line.get(kind).cloned()).collect()
}

#[test]
fn second_restore_brings_nothing_twice_also_when_forced() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b", "c"]);
    let bench = bench("restore-once", &server.url);
    let path = purged(&bench, "orders-dlq");
    let first = redrive(&bench, &["restore", &path]);
    assert_eq!((first.code, messages(&first), sqs.depth(&dlq)), (0, 3, 3), "{}", first.stderr);
    for args in [vec!["restore", &path], vec!["restore", "--force", &path]] {
        let again = redrive(&bench, &args);
        assert_eq!((again.code, messages(&again), sqs.depth(&dlq)), (0, 0, 3), "{args:?}");
        assert!(again.stderr.contains("3 messages not restored: restored before"), "{again:?}");
    }
    let id = results(&path, "restored")[0]["id"].as_str().unwrap().to_owned();
    let named = redrive(&bench, &["restore", "--force", "--id", &id, &path]);
    assert_eq!((named.code, messages(&named), sqs.depth(&dlq)), (0, 1, 4));
    let missing = redrive(&bench, &["restore", "--id", "nope", &path]);
    assert_eq!((missing.code, sqs.depth(&dlq)), (1, 4));
    assert!(missing.stderr.contains("the archive has no message 'nope'"), "{missing:?}");
}

#[test]
fn restore_of_kept_messages_says_that_they_need_force() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    let bench = bench("restore-kept", &server.url);
    let output = parse_output(bench.run("dlq-purge", &["--archive-only", "orders-dlq"], ""));
    let archive = output.single("archive.completed")["data"]["archive"].clone();
    let path = archive.as_str().unwrap();
    sqs.messages(&dlq);
    let none = redrive(&bench, &["restore", path]);
    assert_eq!((none.code, messages(&none), sqs.depth(&dlq)), (1, 0, 2));
    let why =
        "2 messages not restored: not known to be deleted from their queue; --force restores them";
    assert!(none.stderr.contains(why), "{}", none.stderr);
    assert_eq!(none.single("archive.restored")["severitytext"], "WARN");
    assert_eq!(redrive(&bench, &["restore", "-n", path]).code, 1);
    let forced = redrive(&bench, &["restore", "--force", path]);
    assert_eq!((forced.code, messages(&forced), sqs.depth(&dlq)), (0, 2, 4));
}

#[test]
fn restore_without_an_answer_is_listed_and_not_repeated() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
    let bench = bench("restore-cut", &sqs.url);
    let path = purged(&bench, "orders-dlq");
    sqs.state().send = Behavior::Disconnect;
    let cut = redrive(&bench, &["restore", &path]);
    assert_eq!((cut.code, messages(&cut), results(&path, "possible_duplicate").len()), (1, 0, 5));
    assert!(cut.stderr.contains("5 messages may be back in the queue"), "{}", cut.stderr);
    let again = redrive(&bench, &["restore", &path]);
    assert_eq!((again.code, sqs.state().count("SendMessageBatch")), (1, 1), "{again:?}");
    assert!(again.stderr.contains("5 messages not restored: may be in a queue already"));
    let named = redrive(&bench, &["restore", "--id", "m2", &path]);
    assert_eq!((named.code, messages(&named)), (0, 1), "{named:?}");
    let rest = redrive(&bench, &["restore", "--force", &path]);
    assert_eq!((rest.code, messages(&rest)), (0, 4), "{rest:?}");
}

#[test]
fn interrupted_restore_is_not_repeated() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3)]);
    let bench = bench("restore-killed", &sqs.url);
    let path = purged(&bench, "orders-dlq");
    // What a kill leaves between a send and the record of its result.
    let line = json!({"restoring": {"id": "m1"}, "at": "2026-11-30T00:00:00Z"});
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{line}\n")).unwrap();
    let output = redrive(&bench, &["restore", &path]);
    assert_eq!((output.code, messages(&output)), (1, 2), "{output:?}");
    assert!(output.stderr.contains("1 message not restored: may be in a queue already"));
}

#[test]
fn throttled_restore_is_repeated() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
    let bench = bench("restore-throttled", &sqs.url);
    let path = purged(&bench, "orders-dlq");
    sqs.state().send = Behavior::Refuse(400, "com.amazonaws.sqs#RequestThrottled");
    let output = redrive(&bench, &["restore", &path]);
    assert_eq!((output.code, messages(&output)), (0, 5), "{output:?}");
    assert_eq!(results(&path, "restored").len(), 5);
}

#[test]
fn refused_restore_can_be_run_again_and_a_known_id_is_none() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let bench = bench("restore-known", &sqs.url);
    let path = purged(&bench, "orders-dlq");
    sqs.state().send = Behavior::Body(
        r#"{"Successful":[{"Id":"0","MessageId":"m0","MD5OfMessageBody":"x"}],
            "Failed":[{"Id":"1","Code":"InvalidMessageContents","SenderFault":true}]}"#,
    );
    let output = redrive(&bench, &["restore", &path]);
    assert_eq!((output.code, messages(&output)), (1, 0), "{output:?}");
    assert!(output.stderr.contains("SQS has returned the known id 'm0'"), "{}", output.stderr);
    assert_eq!(output.single("archive.restored")["data"]["left"], 2);
    let again = redrive(&bench, &["restore", &path]);
    assert_eq!((again.code, messages(&again)), (0, 2), "{again:?}");
}

#[test]
fn damaged_archive_is_restored_as_far_as_it_goes_and_the_gap_is_told() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
    let bench = bench("restore-damaged", &sqs.url);
    let path = purged(&bench, "orders-dlq");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let place = lines.iter().position(|line| line.contains(r#""id":"m2""#)).unwrap();
    let bad = [&lines[..place], &["{\"mess"], &lines[place + 1..]].concat().join("\n") + "\n";
    let copy = |name: &str, text: &str| {
        let copy = Path::new(&path).with_file_name(name).display().to_string();
        std::fs::write(&copy, text).unwrap();
        copy
    };
    let damaged = redrive(&bench, &["restore", &copy("bad.ndjson", &bad)]);
    assert_eq!((damaged.code, messages(&damaged)), (1, 4), "{damaged:?}");
    assert!(damaged.stderr.contains("the archive is not whole: 1 line cannot be read"));
    let cut = lines[..lines.len() - 1].join("\n") + "\n";
    let cut = redrive(&bench, &["restore", &copy("cut.ndjson", &cut)]);
    assert_eq!((cut.code, messages(&cut)), (1, 5), "{cut:?}");
    assert!(cut.stderr.contains("the archive is not whole: it has no end"), "{}", cut.stderr);
    let none = redrive(&bench, &["restore", &copy("empty.ndjson", "")]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("it has no head"), "{}", none.stderr);
    let plan = redrive(&bench, &["restore", &copy("plan.ndjson", "{\"plan\":1}\n")]);
    assert!(plan.stderr.contains("it is a plan, which 'dlq-redrive apply' moves"), "{plan:?}");
}
