//! Returns under another id, returns that other moves have taken, and dead letters that only look like one.

use std::time::Duration;

use serde_json::{Value, json};

use super::watch::Repeated;
use super::{bodies, create_pair, die, drain, last_move, let_die, redrive};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{PollOutput, bench};
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::Bench;

const SHORT: [&str; 4] = ["--wait", "1s", "--hold", "5s"];

fn apply(bench: &Bench, args: &[&str]) -> PollOutput {
    redrive(bench, &[&["apply"], &SHORT[..], args].concat())
}

/// Starts a consumer that writes what it makes of a message into the dead-letter queue, and deletes it.
fn start_writer(
    server: &SqsServer,
    (source, dlq): (&str, &str),
    write: impl Fn(&str) -> Option<String> + Send + 'static,
) -> Repeated {
    let (source, dlq) = (source.to_owned(), dlq.to_owned());
    Repeated::start(server, Duration::from_millis(20), move |sqs| {
        let receive = json!({"QueueUrl": source, "MaxNumberOfMessages": 10});
        let received = sqs.call("ReceiveMessage", &receive);
        for one in received["Messages"].as_array().into_iter().flatten() {
            if let Some(body) = write(one["Body"].as_str().unwrap()) {
                sqs.send(&dlq, &body);
            }
            let handle = &one["ReceiptHandle"];
            sqs.call("DeleteMessage", &json!({"QueueUrl": source, "ReceiptHandle": handle}));
        }
    })
}

fn redrive_of(bench: &Bench) -> Value {
    let text = std::fs::read_to_string(bench.state("redrives.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let all = all["moves"].as_array().unwrap();
    all.iter().find(|one| one["kind"] == "redrive").unwrap().clone()
}

#[test]
fn copies_of_messages_that_came_after_the_begin_are_returns() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(2));
    let bench = bench("redrive-late-copies", &server.url);
    apply(&bench, &["orders-dlq"]).single("redrive.aborted");
    drain(&mut sqs, &source);
    let new: Vec<String> = (0..8).map(|n| format!("new {n}")).collect();
    let_die(&mut sqs, &source, &dlq, &new);
    let _writer = start_writer(&server, (&source, &dlq), |body| {
        body.starts_with("new").then(|| body.to_owned())
    });
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let resumed = apply(&bench, &["--resume", &id]);
    let aborted = &resumed.single("redrive.aborted")["data"];
    assert_eq!((resumed.code, &aborted["reason"]), (1, &json!("returned")), "{}", resumed.stderr);
}

/// Others may send what was sent, again and again, and such a message may have come just before its twin.
#[test]
fn equal_messages_that_nothing_has_written_back_are_no_returns() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    for round in 0..3 {
        let (source, dlq) = create_pair(&mut sqs, &format!("orders-{round}"));
        let _consumer = Consumer::start(&server, &source, Mode::Succeeds);
        let bench = bench(&format!("redrive-equal-{round}"), &server.url);
        let name = format!("orders-{round}-dlq");
        (0..20).for_each(|_| sqs.send(&dlq, "{\"event\":\"tick\"}"));
        let output = apply(&bench, &[&name]);
        assert_eq!(output.code, 0, "{round}: {}", output.stderr);
        let completed = &output.single("redrive.completed")["data"];
        assert_eq!((&completed["moved"], &completed["verified"]), (&json!(20), &json!(true)));
    }
}

#[test]
fn later_dead_letter_does_not_overturn_a_proof() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let tick = vec!["{\"tick\":1}".to_owned(); 3];
    let_die(&mut sqs, &source, &dlq, &tick);
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let bench = bench("redrive-proven", &server.url);
    assert_eq!(apply(&bench, &["orders-dlq"]).code, 0);
    assert!(last_move(&bench)["proven_at"].is_string());
    drop(consumer);
    let_die(&mut sqs, &source, &dlq, &tick[..2]);
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let again = redrive(&bench, &["verify", "--wait", "1s", &id]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let completed = &again.single("redrive.completed")["data"];
    assert_eq!((&completed["returned"], &completed["verified"]), (&json!(0), &json!(true)));
}

/// Sends all of a queue, lets all of them die again, and returns the id of the redrive.
fn send_in_vain(bench: &Bench, sqs: &mut Client, source: &str, dlq: &str) -> String {
    let_die(sqs, source, dlq, &bodies(6));
    redrive(bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
    die(sqs, source, dlq, 6);
    redrive_of(bench)["id"].as_str().unwrap().to_owned()
}

#[test]
fn returns_that_a_later_move_has_taken_are_returns() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    for verb in ["purge", "redrive"] {
        let bench = bench(&format!("redrive-taken-{verb}"), &server.url);
        let id = send_in_vain(&bench, &mut sqs, &source, &dlq);
        match verb {
            "purge" => {
                bench.run("dlq-purge", &["--confirm", "orders-dlq", "orders-dlq"], "");
            }
            _ => {
                redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
            }
        }
        assert_eq!(sqs.depth(&dlq), 0, "{verb}");
        drain(&mut sqs, &source);
        let output = redrive(&bench, &["verify", "--wait", "1s", &id]);
        let completed = &output.single("redrive.completed")["data"];
        let found = (output.code, &completed["returned"], &completed["verified"]);
        assert_eq!(found, (1, &json!(6), &json!(false)), "{verb}: {}", output.stderr);
    }
}

#[test]
fn canary_that_a_purge_has_taken_is_not_proven() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-canary-purged", &server.url);
    apply(&bench, &["orders-dlq"]).single("redrive.aborted");
    let canary = sqs.messages(&source).into_values().next().unwrap();
    die(&mut sqs, &source, &dlq, 5);
    let pattern = format!("^{}$", canary.replace('{', "\\{"));
    let purge = ["--confirm", "orders-dlq", "--match", &pattern, "orders-dlq"];
    bench.run("dlq-purge", &purge, "");
    assert_eq!(sqs.depth(&dlq), 4);
    let id = redrive_of(&bench)["id"].as_str().unwrap().to_owned();
    let resumed = apply(&bench, &["--resume", &id]);
    let aborted = &resumed.single("redrive.aborted")["data"];
    assert_eq!((resumed.code, &aborted["reason"]), (1, &json!("returned")), "{}", resumed.stderr);
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 4), "no ramp was sent");
}

/// SQS tells nobody what it has deleted.
#[test]
fn returns_that_no_archive_has_are_unknown() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let bench = bench("redrive-removed", &server.url);
    let id = send_in_vain(&bench, &mut sqs, &source, &dlq);
    let purge = ["--hard", "--confirm", "hard orders-dlq", "orders-dlq"];
    let purged = bench.run("dlq-purge", &purge, "");
    assert_eq!(sqs.depth(&dlq), 0, "{}", purged.stderr);
    let output = redrive(&bench, &["verify", "--wait", "1s", &id]);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((output.code, &completed["verified"]), (1, &json!(false)), "{}", output.stderr);
    assert!(output.stderr.contains("and no archive has them"), "{}", output.stderr);
}

#[test]
fn failures_that_a_consumer_has_wrapped_are_no_proof() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(30));
    let _writer = start_writer(&server, (&source, &dlq), |body| {
        Some(json!({"error": "boom", "original": body}).to_string())
    });
    let bench = bench("redrive-wrapped", &server.url);
    let output = apply(&bench, &["orders-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("arrivals")), "{}", output.stderr);
    assert_eq!((&aborted["moved"], sqs.depth(&dlq)), (&json!(1), 30), "the canary alone");
    assert!(output.stderr.contains("that did not die in a queue"), "{}", output.stderr);
}
