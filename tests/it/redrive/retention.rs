//! Retention of a destination: what it deletes looks as if it were consumed.

use std::time::Duration;

use dlq::clock;
use dlq::time::Timestamp;
use serde_json::{Value, json};

use super::{bodies, create_pair, drain, last_move, let_die, redrive};
use crate::support::poll::{bench, parse_output};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, wait_for};

const SHORT: [&str; 4] = ["--wait", "1s", "--hold", "1s"];

const ALL: [&str; 5] = ["apply", "--canary", "0", "--no-verify", "orders-dlq"];

/// Has the destination of the last redrive delete what was sent from a moment on.
fn expire(bench: &Bench, from: Timestamp) {
    let path = bench.state("redrives.json");
    let mut all: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let last = all["moves"].as_array_mut().unwrap().last_mut().unwrap();
    let kept = last["kept_until"].as_object_mut().unwrap();
    assert_eq!(kept.len(), 1, "the moment is recorded");
    kept.values_mut().for_each(|at| *at = json!(from.to_string()));
    std::fs::write(&path, all.to_string()).unwrap();
}

#[test]
fn messages_that_expire_during_the_watch_are_not_consumed() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-retention-watch", &server.url);
    assert_eq!(redrive(&bench, &ALL).code, 0);
    let kept_until = clock::now().plus(Duration::from_secs(4));
    expire(&bench, kept_until);
    let mut running = bench.start("dlq-redrive", &["verify", "--wait", "30s", "orders-dlq"]);
    wait_for("the retention has passed", || clock::now() > kept_until);
    drain(&mut sqs, &source);
    let output = parse_output(running.finish());
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((output.code, &completed["verified"]), (1, &json!(false)), "{}", output.stderr);
    let told = "has passed since the first of them was sent";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

/// What has died keeps the time of its send, and its queue may forget it first.
#[test]
fn shorter_retention_of_the_dead_letter_queue_counts() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let attributes = json!({"MessageRetentionPeriod": "60"});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": dlq, "Attributes": attributes}));
    let bench = bench("redrive-retention-dlq", &server.url);
    assert_eq!(redrive(&bench, &ALL).code, 0);
    let recorded = &last_move(&bench)["kept_until"][sqs.arn("orders")];
    let kept_until = recorded.as_str().and_then(Timestamp::parse).unwrap();
    assert!(kept_until <= clock::now().plus(Duration::from_secs(60)), "{recorded}");
}

#[test]
fn messages_that_expired_before_a_verification_are_not_verified() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-retention-verify", &server.url);
    assert_eq!(redrive(&bench, &ALL).code, 0);
    drain(&mut sqs, &source);
    expire(&bench, clock::now());
    let verified = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    let completed = &verified.single("redrive.completed")["data"];
    assert_eq!((verified.code, &completed["verified"]), (1, &json!(false)), "{}", verified.stderr);
    assert_eq!(last_move(&bench)["outcome"], "unverified");
}

#[test]
fn canary_that_has_expired_proves_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-retention-resume", &server.url);
    let begin = [&["apply"], &SHORT[..], &["orders-dlq"]].concat();
    assert_eq!(redrive(&bench, &begin).single("redrive.aborted")["data"]["reason"], "not_consumed");
    assert_eq!(drain(&mut sqs, &source).len(), 1);
    expire(&bench, clock::now());
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let resumed = redrive(&bench, &[&["apply"], &SHORT[..], &["--resume", &id]].concat());
    let aborted = &resumed.single("redrive.aborted")["data"];
    assert_eq!((resumed.code, &aborted["reason"]), (1, &json!("destination")));
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 4), "nothing more is sent");
    assert!(resumed.stderr.contains("then begin anew"), "{}", resumed.stderr);
    assert_eq!(redrive(&bench, &begin).events_of("redrive.started").len(), 1, "that is allowed");
}
