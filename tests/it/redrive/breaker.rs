//! The breaker: messages that die again stop a redrive.

use std::time::Duration;

use dlq::time::Timestamp;
use serde_json::json;

use super::{QUICK, archive, bodies, create_pair, drain, last_move, let_die, redrive, summary};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::bench;
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::wait_for;

#[test]
fn broken_consumer_gets_the_canary_alone() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(50));
    let consumer = Consumer::start(&server, &source, Mode::Fails);
    let bench = bench("redrive-canary", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "5s", "orders-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("returned")));
    assert_eq!((&aborted["moved"], &aborted["returned"]), (&json!(1), &json!(1)));
    assert_eq!((&aborted["left"], &aborted["regression"]), (&json!(49), &json!(true)));
    assert_eq!(consumer.consumed().len(), 0);
    drop(consumer);
    let archived = summary(&archive(&bench));
    assert_eq!((archived.bodies.len(), archived.sent.len()), (1, 1), "exactly one has travelled");
    let returned = archived.sent.values().next().unwrap();
    let back = drain(&mut sqs, &dlq);
    assert_eq!(back.len(), 50);
    assert!(back.iter().any(|one| one["MessageId"] == *returned), "it is known by its new id");
    assert_eq!(last_move(&bench)["outcome"], "aborted");
}

/// A batch whose receive began before the return was visible still travels: ten messages, and four times as many after
/// the first 500.
#[test]
fn consumer_that_breaks_later_stops_the_next_batch() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    for (name, count, breaks_at, most) in [("early", 450, 200, 10), ("late", 800, 550, 40)] {
        let (source, dlq) = create_pair(&mut sqs, name);
        let_die(&mut sqs, &source, &dlq, &bodies(count));
        let bench = bench(&format!("redrive-later-{name}"), &server.url);
        let queue = format!("{name}-dlq");
        let args = [&["apply", "--rate", "100"], &QUICK[..], &[queue.as_str()]].concat();
        let mut running = bench.start("dlq-redrive", &args);
        consume_until_death(&mut sqs, &source, breaks_at);
        let at_death = summary(&archive(&bench)).sent.len();
        let output = crate::support::poll::parse_output(running.finish());
        let aborted = &output.single("redrive.aborted")["data"];
        assert_eq!((output.code, &aborted["reason"]), (1, &json!("returned")), "{}", output.stderr);
        let sent = summary(&archive(&bench)).sent.len();
        assert_eq!(aborted["moved"], sent);
        let after = sent - at_death;
        assert!(after <= most, "{name}: {after} have travelled after the death");
        let on_the_way = sqs.depth(&source) + sqs.in_flight(&source);
        let left = sqs.depth(&dlq) + sqs.in_flight(&dlq) + on_the_way;
        assert_eq!(left, (count - breaks_at) as u64, "none is lost");
    }
}

/// Consumes this many messages of a source, and lets the next one die at once.
fn consume_until_death(sqs: &mut Client, source: &str, count: usize) {
    let receive = json!({"QueueUrl": source, "MaxNumberOfMessages": 10});
    let mut consumed = 0;
    wait_for("a message dies", || {
        let received = sqs.call("ReceiveMessage", &receive);
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        let good = messages.len().min(count - consumed);
        if good > 0 {
            let mut entries = Vec::new();
            for (at, one) in messages[..good].iter().enumerate() {
                let handle = &one["ReceiptHandle"];
                entries.push(json!({"Id": at.to_string(), "ReceiptHandle": handle}));
            }
            sqs.call("DeleteMessageBatch", &json!({"QueueUrl": source, "Entries": entries}));
            consumed += good;
        }
        let Some(bad) = messages.get(good) else { return false };
        let mut body = json!({"QueueUrl": source, "ReceiptHandle": bad["ReceiptHandle"]});
        body["VisibilityTimeout"] = json!(0);
        sqs.call("ChangeMessageVisibility", &body);
        // The second receive of a message whose policy allows one.
        sqs.call("ReceiveMessage", &receive);
        true
    });
}

#[test]
fn return_that_is_visible_stops_the_next_send() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(400));
    for (rate, most) in [("20", 10), ("4", 4)] {
        sqs.call("PurgeQueue", &json!({"QueueUrl": source}));
        return_stops_the_next_send(&mut sqs, (&source, &server.url), rate, most);
    }
}

fn return_stops_the_next_send(
    sqs: &mut Client,
    (source, url): (&str, &str),
    rate: &str,
    most: usize,
) {
    let bench = bench(&format!("redrive-visible-{rate}"), url);
    let args = ["apply", "--canary", "0", "--no-verify", "--rate", rate, "orders-dlq"];
    let running = bench.start("dlq-redrive", &args);
    // The first messages that have arrived die while the others travel.
    wait_for("messages arrive", || sqs.depth(source) >= 4);
    let receive = json!({"QueueUrl": source, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10});
    let sent = || summary(&archive(&bench)).sent.len();
    let mut at_return = 0;
    wait_for("a message dies", || {
        sqs.call("ReceiveMessage", &receive);
        sqs.call("ReceiveMessage", &receive);
        at_return = sent();
        let everywhere = sqs.depth(source) + sqs.in_flight(source);
        everywhere < at_return as u64
    });
    let mut running = running;
    let output = running.finish();
    let aborted = output.text().lines().last().unwrap().to_owned();
    let aborted: serde_json::Value = serde_json::from_str(&aborted).unwrap();
    assert_eq!((output.code(), &aborted["data"]["reason"]), (1, &json!("returned")));
    let after = sent() - at_return;
    assert!(after <= most, "{rate} a second: {after} have travelled after a return");
}

#[test]
fn rate_is_kept_in_every_second() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(10));
    let bench = bench("redrive-rate", &server.url);
    let args = ["apply", "--canary", "0", "--no-verify", "--rate", "3", "orders-dlq"];
    assert_eq!(redrive(&bench, &args).code, 0);
    let lines = archive(&bench);
    let sent = lines.iter().filter(|line| line.get("sent").is_some());
    let at = |line: &serde_json::Value| Timestamp::parse(line["at"].as_str().unwrap()).unwrap();
    let at: Vec<Timestamp> = sent.map(at).collect();
    assert_eq!(at.len(), 10);
    for pair in at.windows(4) {
        let span = pair[3].since(pair[0]);
        assert!(span >= Duration::from_secs(1), "four messages within {span:?}");
    }
}

#[test]
fn message_that_dies_again_after_two_redrives_is_parked() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(1));
    let bench = bench("redrive-parking", &server.url);
    for round in 0..2 {
        let output = redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
        assert_eq!(output.single("redrive.completed")["data"]["moved"], 1, "{round}");
        super::die(&mut sqs, &source, &dlq, 1);
    }
    let output = redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["parked"]), (&json!(0), &json!(1)));
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 0));
    let recorded = last_move(&bench);
    assert_eq!((&recorded["deleted"], &recorded["parked"]), (&json!(1), &json!(1)));
    let path = recorded["archive"].as_str().unwrap().to_owned();
    let undo = format!("is now in the archive only; after a fix: dlq-redrive restore {path}\n");
    assert!(output.stderr.ends_with(&undo), "{}", output.stderr);
    let restored = redrive(&bench, &["restore", &path]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    // A person has brought it back: it travels once more.
    let output = redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
    assert_eq!(output.single("redrive.completed")["data"]["moved"], 1, "{}", output.stderr);
    super::die(&mut sqs, &source, &dlq, 1);
    let output = redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]);
    assert_eq!(output.single("redrive.completed")["data"]["parked"], 1, "{}", output.stderr);
    let path = last_move(&bench)["archive"].as_str().unwrap().to_owned();
    assert_eq!(redrive(&bench, &["restore", &path]).code, 0);
    assert_eq!(super::bodies_of(&drain(&mut sqs, &dlq)), bodies(1), "the archive has it");
}
