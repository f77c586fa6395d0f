//! Answers that a real server cannot be made to give: cut connections, throttling, partial results,
//! ids that are known.

use serde_json::{Value, json};

use super::{ArchiveSummary, archive, last_move, redrive, summary};
use crate::support::poll::{PollOutput, bench};
use crate::support::sqs_api::{Behavior, FakeSqs};

const ALL: [&str; 6] = ["apply", "--canary", "0", "--no-verify", "--to", "orders"];

/// Runs a redrive of a queue with five messages, `m0` to `m4`.
fn run(sqs: &FakeSqs, name: &str) -> (PollOutput, ArchiveSummary, Value) {
    let bench = bench(name, &sqs.url);
    let output = redrive(&bench, &[&ALL[..], &["-q", "orders-dlq"]].concat());
    (output, summary(&archive(&bench)), last_move(&bench))
}

fn start() -> FakeSqs {
    FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 5)])
}

#[test]
fn cut_connection_at_a_send_deletes_nothing_and_lists_what_may_be_twice() {
    let sqs = start();
    sqs.state().send = Behavior::Disconnect;
    let (output, archived, recorded) = run(&sqs, "redrive-cut");
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("unanswered")), "{}", output.stderr);
    assert_eq!((archived.bodies.len(), archived.listed.len()), (5, 5));
    assert_eq!((archived.sent.len(), sqs.state().count("DeleteMessageBatch")), (0, 0));
    assert_eq!(sqs.state().count("SendMessageBatch"), 1, "a send is not repeated");
    assert_eq!(sqs.state().count("ChangeMessageVisibilityBatch"), 1, "all are put back");
    assert_eq!(recorded["deleted"], 0);
}

#[test]
fn message_that_is_received_twice_at_once_travels_once() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 2)]);
    sqs.state().receive = Behavior::Body(
        r#"{"Messages":[
            {"MessageId":"m0","ReceiptHandle":"old","Body":"{}","Attributes":{}},
            {"MessageId":"m1","ReceiptHandle":"m1","Body":"{}","Attributes":{}},
            {"MessageId":"m0","ReceiptHandle":"new","Body":"{}","Attributes":{}}]}"#,
    );
    let (output, archived, recorded) = run(&sqs, "redrive-copies");
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!((archived.bodies.len(), archived.sent.len()), (2, 2));
    assert_eq!((&recorded["moved"], &recorded["deleted"]), (&json!(2), &json!(2)));
    let state = sqs.state();
    let entries = |action: &str| {
        let request = state.requests.iter().find(|one| one.action == action).unwrap();
        request.body["Entries"].as_array().unwrap().clone()
    };
    assert_eq!(entries("SendMessageBatch").len(), 2);
    let deleted = entries("DeleteMessageBatch");
    let handles: Vec<&Value> = deleted.iter().map(|one| &one["ReceiptHandle"]).collect();
    assert_eq!(handles, ["new", "m1"]);
}

#[test]
fn throttled_send_is_repeated() {
    let sqs = start();
    sqs.state().send = Behavior::Refuse(400, "com.amazonaws.sqs#RequestThrottled");
    let (output, archived, _) = run(&sqs, "redrive-throttled");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!((archived.sent.len(), archived.deleted.len(), archived.listed.len()), (5, 5, 0));
}

#[test]
fn denied_send_stops_before_anything_is_deleted() {
    let sqs = start();
    sqs.state().send = Behavior::Refuse(403, "AccessDeniedException");
    let (output, archived, _) = run(&sqs, "redrive-denied");
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("not_sent")));
    assert!(aborted["detail"].as_str().unwrap().contains("access denied"));
    assert_eq!((archived.sent.len(), sqs.state().count("DeleteMessageBatch")), (0, 0));
}

#[test]
fn each_entry_of_a_batch_has_its_own_result() {
    let sqs = start();
    sqs.state().send = Behavior::Body(
        r#"{"Successful":[{"Id":"0","MessageId":"n0","MD5OfMessageBody":"x"},
            {"Id":"2","MessageId":"n2","MD5OfMessageBody":"x"}],
            "Failed":[{"Id":"1","Code":"InternalError","SenderFault":false}]}"#,
    );
    let (output, archived, _) = run(&sqs, "redrive-partial");
    assert_eq!(output.code, 1, "some are left");
    let sent: Vec<&str> = archived.sent.keys().map(String::as_str).collect();
    assert_eq!(sent, ["m0", "m2"], "1 has failed, and 3 and 4 are not confirmed");
    assert_eq!(archived.deleted.iter().collect::<Vec<_>>(), ["m0", "m2"]);
    let listed: Vec<&String> = archived.listed.iter().collect();
    assert_eq!(listed, ["m1", "m3", "m4"], "SQS may have taken what it does not confirm");
    assert!(output.stderr.contains("does not confirm message 'm1'"), "{}", output.stderr);
}

#[test]
fn known_id_is_a_failure_and_nothing_is_deleted() {
    let sqs = start();
    sqs.state().send = Behavior::Body(
        r#"{"Successful":[{"Id":"0","MessageId":"m0","MD5OfMessageBody":"x"}],"Failed":[]}"#,
    );
    let (output, archived, _) = run(&sqs, "redrive-known");
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("known_id")));
    assert_eq!((archived.sent.len(), sqs.state().count("DeleteMessageBatch")), (0, 0));
}

#[test]
fn failed_deletion_is_listed() {
    let sqs = start();
    sqs.state().not_deleted = [("m3".to_owned(), "ReceiptHandleIsInvalid")].into();
    let (output, archived, recorded) = run(&sqs, "redrive-undeleted");
    assert_eq!(output.single("redrive.aborted")["data"]["reason"], "not_deleted");
    assert_eq!(output.code, 1, "it is still in the dead-letter queue");
    assert_eq!(archived.sent.len(), 5);
    assert_eq!(archived.listed.iter().collect::<Vec<_>>(), ["m3"]);
    assert_eq!(recorded["deleted"], 4, "{}", output.stderr);
    assert!(output.stderr.contains("was sent and cannot be deleted"), "{}", output.stderr);
}

#[test]
fn message_without_an_origin_needs_a_destination() {
    let sqs = start();
    let bench = bench("redrive-nowhere", &sqs.url);
    let output = redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
    assert_eq!((output.code, sqs.state().count("SendMessageBatch")), (1, 0));
    assert!(output.stderr.contains("its queue has no source; give --to"), "{}", output.stderr);
}

#[test]
fn named_messages_and_causes_that_are_not_there_are_told() {
    let sqs = start();
    let bench = bench("redrive-unnamed", &sqs.url);
    let all = ["--canary", "0", "--no-verify", "--to", "orders"];
    let apply = |choice: &[&str]| {
        sqs.state().requests.clear();
        redrive(&bench, &[&["apply", "-q"], &all[..], choice, &["orders-dlq"]].concat())
    };
    let missing = apply(&["--id", "m1", "--id", "nope"]);
    assert_eq!(
        (missing.code, missing.single("redrive.completed")["data"]["moved"].as_u64()),
        (1, Some(1))
    );
    let expected = "dlq-redrive: warning: message 'nope' was not found in queue 'orders-dlq'\n";
    assert_eq!(missing.stderr, expected);
    let typo = apply(&["--fingerprint", "feedfacefeedface"]);
    assert_eq!(typo.code, 1);
    assert!(typo.stderr.contains("none is of 'feedfacefeedface'"), "{}", typo.stderr);
    let old = apply(&["--older", "30d"]);
    let told = "no message of queue 'orders-dlq' has been chosen: none matches";
    assert!(old.code == 1 && old.stderr.contains(told), "{}", old.stderr);
    sqs.state().requests.clear();
    let args = ["plan", "-q", "--to", "orders", "--id", "nope", "orders-dlq"];
    let planned = bench.run("dlq-redrive", &args, "");
    assert_eq!((planned.code(), planned.stderr.as_str()), (1, expected));
}

#[test]
fn move_without_messages_leaves_no_archive() {
    let sqs = start();
    let bench = bench("redrive-nothing", &sqs.url);
    let args = ["apply", "--canary", "0", "--to", "orders", "--match", "no such", "orders-dlq"];
    let output = redrive(&bench, &args);
    assert_eq!(output.single("redrive.completed")["data"]["archive"], Value::Null);
    sqs.state().requests.clear();
    let args = ["--match", "no such", "--confirm", "orders-dlq", "orders-dlq"];
    let purged = crate::support::poll::parse_output(bench.run("dlq-purge", &args, ""));
    assert_eq!(purged.single("purge.completed")["data"]["archive"], Value::Null);
    let files = std::fs::read_dir(bench.state("archive")).unwrap().flatten();
    let ends: Vec<_> = files.map(|file| file.path().extension().unwrap().to_owned()).collect();
    assert_eq!(ends, ["lock"]);
}

#[test]
fn person_sees_a_sentence_and_no_json() {
    let sqs = start();
    let bench = bench("redrive-terminal", &sqs.url);
    let program = crate::support::workbench::bin("dlq-redrive").display().to_string();
    let options = "--canary 0 --no-verify --to orders";
    let line = format!("{program} apply {options} orders-dlq; echo status $?");
    let terminal = crate::support::pty::Pty::start(&bench, &line, 200, 24);
    terminal.wait_for_text("status 0");
    let text = terminal.text();
    let sentence = "5 messages of queue 'orders-dlq' moved, not watched for returns; archive: /";
    assert!(text.contains(sentence) && !text.contains("specversion"), "{text}");
}

#[test]
fn dry_run_on_a_terminal_prints_sentences() {
    let sqs = start();
    let bench = bench("redrive-terminal-dry", &sqs.url);
    let bin = |name| crate::support::workbench::bin(name).display().to_string();
    let rows = [
        (
            format!("{} apply -n --to orders orders-dlq", bin("dlq-redrive")),
            "at most 5 messages would move; to look at 5 messages of queue 'orders-dlq'",
        ),
        (
            format!("{} -n orders-dlq", bin("dlq-purge")),
            "5 messages of queue 'orders-dlq' would be archived and deleted",
        ),
    ];
    for (line, sentence) in rows {
        let line = format!("{line}; echo status $?");
        let terminal = crate::support::pty::Pty::start(&bench, &line, 200, 24);
        terminal.wait_for_text("status 0");
        let text = terminal.text();
        assert!(text.contains(sentence) && !text.contains("specversion"), "{text}");
    }
}

/// A thousand receives have an answer of the kind now and then.
#[test]
fn receive_at_which_sqs_fails_is_repeated() {
    let sqs = start();
    sqs.state().receive = Behavior::Refuse(503, "ServiceUnavailable");
    let (output, archived, _) = run(&sqs, "redrive-503");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!((archived.sent.len(), archived.deleted.len()), (5, 5));
}

#[test]
fn receive_at_which_sqs_fails_for_good_stops_the_redrive() {
    let sqs = start();
    let failed = Behavior::Refuse(500, "InternalError");
    (sqs.state().receive, sqs.state().later_receives) = (failed.clone(), failed);
    let bench = bench("redrive-500", &sqs.url);
    let output = redrive(&bench, &[&ALL[..], &["-q", "orders-dlq"]].concat());
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("queue")), "{}", output.stderr);
    let detail = aborted["detail"].as_str().unwrap();
    assert!(detail.starts_with("cannot receive from the queue: InternalError"), "{detail}");
    assert_eq!(sqs.state().count("ReceiveMessage"), 4, "not for ever");
}
