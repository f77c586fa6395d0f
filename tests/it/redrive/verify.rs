//! `verify`: what a later look may settle, and what it only tells.

use serde_json::{Value, json};

use super::{QUICK, bodies, create_pair, die, last_move, let_die, redrive};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{bench, parse_output, read_until};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, signal, wait_for};

const ALL: [&str; 4] = ["apply", "--canary", "0", "--no-verify"];

fn last_id(bench: &Bench) -> String {
    last_move(bench)["id"].as_str().unwrap().to_owned()
}

#[test]
fn unsettled_messages_are_not_settled_by_a_look() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 5)]);
    sqs.state().send = Behavior::Disconnect;
    let bench = bench("redrive-verify-unsettled", &sqs.url);
    let all = [&ALL[..], &["--to", "orders", "orders-dlq"]].concat();
    redrive(&bench, &all).single("redrive.aborted");
    let id = last_id(&bench);
    sqs.state().send = Behavior::Normal;
    let verified = redrive(&bench, &["verify", "--wait", "1s", &id]);
    assert_eq!((verified.code, verified.events_of("redrive.completed").len()), (1, 0));
    let expected = format!(
        "it is not known to have sent a message; 'dlq-redrive apply --resume {id}' goes on with it"
    );
    assert!(verified.stderr.contains(&expected), "{}", verified.stderr);
    assert_eq!(last_move(&bench)["outcome"], "aborted");
    let again = redrive(&bench, &all);
    assert!(again.stderr.contains("5 messages whose end is not known"), "{}", again.stderr);
    assert_eq!(sqs.state().count("SendMessageBatch"), 1, "nothing is sent a second time");
}

#[test]
fn redrive_that_was_killed_stays_open() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(30));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let bench = bench("redrive-verify-killed", &server.url);
    let args = [&ALL[..], &["--rate", "5", "--hold", "1s", "orders-dlq"]].concat();
    let mut running = bench.start("dlq-redrive", &args);
    wait_for("some are consumed", || consumer.consumed().len() >= 10);
    running.kill();
    let id = last_id(&bench);
    let verified = redrive(&bench, &["verify", "--wait", "1s", &id]);
    assert_eq!((verified.code, verified.events_of("redrive.completed").len()), (1, 0));
    let expected = format!("'dlq-redrive apply --resume {id}' goes on with it");
    assert!(verified.stderr.contains(&expected), "{}", verified.stderr);
    let recorded = last_move(&bench);
    assert_eq!((&recorded["outcome"], &recorded["verified"]), (&Value::Null, &Value::Null));
    let args = [&ALL[..], &["--hold", "1s", "--rate", "1000", "--resume", &id]].concat();
    let resumed = redrive(&bench, &args);
    assert_eq!(resumed.single("redrive.completed")["data"]["moved"], 30, "{}", resumed.stderr);
}

#[test]
fn redrive_that_stopped_after_its_canary_is_not_verified() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let consumer = Consumer::start(&server, &source, Mode::Stopped);
    let bench = bench("redrive-verify-stopped", &server.url);
    redrive(&bench, &[&["apply"], &QUICK[..], &["orders-dlq"]].concat()).single("redrive.aborted");
    consumer.switch(Mode::Succeeds);
    wait_for("the canary is consumed", || consumer.consumed().len() == 1);
    let verified = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    assert_eq!((verified.code, verified.events_of("redrive.completed").len()), (1, 0));
    let begin = "1 message of redrive";
    assert!(verified.stderr.contains(begin), "{}", verified.stderr);
    let recorded = last_move(&bench);
    assert_eq!((&recorded["outcome"], &recorded["verified"]), (&json!("aborted"), &Value::Null));
    let resumed =
        redrive(&bench, &["apply", "--wait", "1s", "--hold", "1s", "--resume", &last_id(&bench)]);
    assert_eq!(resumed.single("redrive.completed")["data"]["moved"], 5, "{}", resumed.stderr);
}

#[test]
fn look_that_is_stopped_leaves_a_completed_redrive_completed() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-verify-interrupted", &server.url);
    assert_eq!(redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat()).code, 0);
    for word in ["INT", "KILL"] {
        let mut running = bench.start("dlq-redrive", &["verify", "--wait", "60s", "orders-dlq"]);
        read_until(&mut running, "redrive.progressed");
        wait_for("it watches", || !last_move(&bench)["verify_until"].is_null());
        signal(word, running.pid());
        let output = running.finish();
        assert!(output.status.code().is_none(), "{word}: it dies by the signal");
        assert!(!output.stderr.contains("--resume"), "{word}: {}", output.stderr);
        let recorded = last_move(&bench);
        assert_eq!(recorded["outcome"], "completed", "{word}: {recorded}");
        assert!(recorded["finished_at"].is_string(), "{word}: {recorded}");
    }
    let resumed = redrive(&bench, &["apply", "--resume", &last_id(&bench)]);
    assert!(resumed.code == 1 && resumed.stderr.contains("it has ended"), "{resumed:?}");
}

#[test]
fn return_that_was_seen_is_not_forgotten() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-verify-returned", &server.url);
    assert_eq!(redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat()).code, 0);
    super::die(&mut sqs, &source, &dlq, 3);
    let returned = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    let completed = &returned.single("redrive.completed")["data"];
    assert_eq!((returned.code, &completed["verified"]), (1, &json!(false)));
    assert!(completed["returned"].as_u64().unwrap() >= 1, "{completed}");
    assert!(returned.events_of("redrive.aborted").is_empty(), "it has come to its end before");
    assert!(returned.stderr.contains("is not verified: at least "), "{}", returned.stderr);
    // Somebody deletes them: they had died again all the same.
    super::drain(&mut sqs, &dlq);
    let verified = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    assert_eq!(verified.code, 1, "{}", verified.stderr);
    let completed = &verified.single("redrive.completed")["data"];
    assert_eq!(completed["verified"], false);
    assert_eq!(last_move(&bench)["outcome"], "unverified");
    let resumed =
        parse_output(bench.run("dlq-redrive", &["apply", "--resume", &last_id(&bench)], ""));
    assert!(resumed.stderr.contains("it has ended"), "{}", resumed.stderr);
}

#[test]
fn return_that_has_stopped_a_redrive_is_told_by_a_look() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let consumer = Consumer::start(&server, &source, Mode::Fails);
    let bench = bench("redrive-verify-regression", &server.url);
    let stopped = redrive(&bench, &["apply", "--wait", "3s", "orders-dlq"]);
    assert_eq!(stopped.single("redrive.aborted")["data"]["reason"], "returned");
    super::drain(&mut sqs, &dlq);
    let verified = redrive(&bench, &[&["verify"], &QUICK[..], &["orders-dlq"]].concat());
    let told = "at least 1 message has died again after it was sent; the redrive has not come to its end: \
                look for the cause";
    assert!(verified.code == 1 && verified.stderr.contains(told), "{}", verified.stderr);
    drop(consumer);
}

/// What others send afterwards shows nothing about messages that were seen to be consumed.
#[test]
fn verified_redrive_stays_verified() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-verify-twice", &server.url);
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let first = redrive(&bench, &["apply", "--canary", "0", "--wait", "2s", "orders-dlq"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    drop(consumer);
    for n in 0..10 {
        sqs.send(&source, &format!("live {n}"));
    }
    let later = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    let completed = &later.single("redrive.completed")["data"];
    assert_eq!((later.code, &completed["verified"]), (0, &json!(true)), "{}", later.stderr);
    assert!(later.stderr.contains("stays verified"), "{}", later.stderr);
    assert_eq!(last_move(&bench)["outcome"], "completed");
}

/// A regression reopens an incident, and calls a person: once.
#[test]
fn return_that_is_known_is_told_and_no_event_again() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-verify-again", &server.url);
    let begin = ["apply", "--wait", "1s", "--hold", "1s", "orders-dlq"];
    redrive(&bench, &begin).single("redrive.aborted");
    die(&mut sqs, &source, &dlq, 3);
    let verify = || redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    let first = verify();
    let regression = &first.single("redrive.aborted")["data"]["regression"];
    assert_eq!((first.code, regression), (1, &json!(true)), "{}", first.stderr);
    for _ in 0..2 {
        let again = verify();
        let events = again.events_of("redrive.aborted").len();
        assert_eq!((again.code, events), (1, 0), "{}", again.stderr);
        assert!(again.stderr.contains("died again"), "{}", again.stderr);
    }
}
