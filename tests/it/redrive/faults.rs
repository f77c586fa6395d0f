//! Faults: of destinations, of the disk, of the network, of the service.

use serde_json::{Value, json};

use super::{
    QUICK, archive, bodies, create_pair, drain, last_move, let_die, redrive, send_batch, summary,
};
use crate::support::poll::bench;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::wait_for;

const ALL: [&str; 4] = ["apply", "--canary", "0", "--no-verify"];

#[test]
fn deleted_destination_is_found_before_anything_moves() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    sqs.call("DeleteQueue", &json!({"QueueUrl": source}));
    let bench = bench("redrive-deleted", &server.url);
    let output = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("destination")), "{}", output.stderr);
    assert!(aborted["detail"].as_str().unwrap().contains("does not exist"));
    assert_eq!((summary(&archive(&bench)).bodies.len(), sqs.depth(&dlq)), (0, 3));
}

#[test]
fn destination_that_is_deleted_on_the_way_stops_the_redrive() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(100));
    let bench = bench("redrive-gone", &server.url);
    let args = [&ALL[..], &["--rate", "20", "orders-dlq"]].concat();
    let mut running = bench.start("dlq-redrive", &args);
    wait_for("messages travel", || sqs.depth(&source) >= 10);
    sqs.call("DeleteQueue", &json!({"QueueUrl": source}));
    let output = running.finish();
    assert_eq!(output.code(), 1);
    let last: Value = serde_json::from_str(output.text().lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["data"]["reason"]),
        (&json!("redrive.aborted"), &json!("not_sent"))
    );
    let archived = summary(&archive(&bench));
    let left = sqs.depth(&dlq) + sqs.in_flight(&dlq);
    assert_eq!(left, 100 - archived.sent.len() as u64, "what was not sent is in the queue");
    assert_eq!(archived.deleted.len(), archived.sent.len());
}

#[test]
fn full_archive_sends_and_deletes_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(30));
    let bench = bench("redrive-full", &server.url);
    // The limit on the size of a file stands for a full disk: the write fails in the same way.
    let line = format!("ulimit -f 8; trap '' XFSZ; exec dlq-redrive {} orders-dlq", ALL.join(" "));
    let big = "x".repeat(20_000);
    let_die(&mut sqs, &source, &dlq, &[big]);
    let output = bench.shell(&line);
    assert_eq!(output.code(), 1, "{}", output.stderr);
    let archived = summary(&archive(&bench));
    let left = sqs.depth(&dlq) + sqs.in_flight(&dlq);
    assert_eq!(sqs.depth(&source) + left, 31, "none is twice: {}", output.stderr);
    assert_eq!(sqs.depth(&source), archived.sent.len() as u64);
    assert!(left > 0 && output.stderr.contains("file too large"), "{left} {}", output.stderr);
}

#[test]
fn message_over_the_limit_is_left_and_the_others_travel() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let large = "x".repeat(3000);
    let_die(&mut sqs, &source, &dlq, &[bodies(5), vec![large.clone()]].concat());
    let limit = json!({"MaximumMessageSize": "1024"});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": source, "Attributes": limit}));
    let bench = bench("redrive-large", &server.url);
    let output = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    assert_eq!((output.code, &output.single("redrive.completed")["data"]["moved"]), (1, &json!(5)));
    assert!(output.stderr.contains("it has 3000 bytes") && output.stderr.contains("takes 1024"));
    assert_eq!(drain(&mut sqs, &dlq)[0]["Body"], large);
}

#[test]
fn large_messages_travel_in_several_requests() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let large: Vec<String> = (0..12).map(|n| format!("{n:02}{}", "x".repeat(100_000))).collect();
    for body in &large {
        send_batch(&mut sqs, &source, &[json!({"Id": "0", "MessageBody": body})]);
    }
    super::die(&mut sqs, &source, &dlq, 12);
    let bench = bench("redrive-large-batch", &server.url);
    let output = redrive(&bench, &[&ALL[..], &["-q", "orders-dlq"]].concat());
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let mut arrived = super::bodies_of(&drain(&mut sqs, &source));
    arrived.sort();
    assert!(arrived == large);
}

#[test]
fn queue_with_a_policy_of_its_own_needs_receives() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let end = sqs.create("end-dlq", &json!({}));
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let policy = |sqs: &crate::support::sqs_server::Client, most: u64| {
        let policy = json!({"deadLetterTargetArn": sqs.arn("end-dlq"), "maxReceiveCount": most});
        json!({"RedrivePolicy": policy.to_string()})
    };
    let bench = bench("redrive-chained", &server.url);
    // The messages were received twice: by their consumer, and when they died.
    let rows = [(2, "moves a message on after 2 receives"), (3, "and two receives are needed")];
    for (most, expected) in rows {
        let attributes = policy(&sqs, most);
        sqs.call("SetQueueAttributes", &json!({"QueueUrl": dlq, "Attributes": attributes}));
        let output = bench.run("dlq-redrive", &[&ALL[..], &["orders-dlq"]].concat(), "");
        assert!(output.code() == 1 && output.stderr.contains(expected), "{}", output.stderr);
        assert_eq!((sqs.depth(&source), sqs.depth(&dlq), sqs.depth(&end)), (0, 3, 0), "{most}");
    }
    let attributes = policy(&sqs, 10);
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": dlq, "Attributes": attributes}));
    let output = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    assert_eq!((output.code, sqs.depth(&source), sqs.depth(&end)), (0, 3, 0), "{}", output.stderr);
}

#[test]
fn second_move_of_a_queue_waits_for_its_turn() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-two", &server.url);
    let mut first = bench.start("dlq-redrive", &["apply", "--wait", "60s", "orders-dlq"]);
    crate::support::poll::read_until(&mut first, "redrive.started");
    let second = bench.run("dlq-redrive", &[&["apply"], &QUICK[..], &["orders-dlq"]].concat(), "");
    assert_eq!(second.code(), 1);
    assert!(second.stderr.contains("another move of it is running"), "{}", second.stderr);
    crate::support::workbench::signal("TERM", first.pid());
    let output = first.finish();
    assert!(output.status.code().is_none(), "{output:?}");
    assert_eq!(last_move(&bench)["outcome"], "aborted");
}
