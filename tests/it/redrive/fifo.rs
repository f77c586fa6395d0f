//! FIFO queues: order within a group, new deduplication ids, content-based deduplication.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{archive, create_pair, die, drain, redrive, send_batch};
use crate::support::poll::bench;
use crate::support::sqs_server::{Client, SqsServer};

/// Sends messages in rounds over the groups, and lets all die.
pub fn let_groups_die(sqs: &mut Client, source: &str, dlq: &str, groups: usize, rounds: usize) {
    let all: Vec<Value> = (0..rounds)
        .flat_map(|round| (0..groups).map(move |group| (group, round)))
        .map(|(group, round)| {
            let id = format!("g{group}r{round}");
            let body = json!({"group": group, "round": round}).to_string();
            json!({"Id": id, "MessageBody": body, "MessageGroupId": format!("g{group}")})
        })
        .collect();
    for entries in all.chunks(10) {
        send_batch(sqs, source, entries);
    }
    die(sqs, source, dlq, (groups * rounds) as u64);
}

/// Sends messages with these bodies to a group, and lets all die.
pub fn let_die_in_group(sqs: &mut Client, source: &str, dlq: &str, group: &str, bodies: &[&str]) {
    let until = sqs.depth(dlq) + bodies.len() as u64;
    for body in bodies {
        let entry = json!({"Id": "0", "MessageBody": body, "MessageGroupId": group});
        send_batch(sqs, source, &[entry]);
    }
    die(sqs, source, dlq, until);
}

/// Returns the rounds of each group, in the order of arrival.
fn rounds_by_group(messages: &[Value]) -> BTreeMap<u64, Vec<u64>> {
    let mut all: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for message in messages {
        let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        all.entry(body["group"].as_u64().unwrap())
            .or_default()
            .push(body["round"].as_u64().unwrap());
    }
    all
}

#[test]
fn groups_keep_their_order_and_every_message_is_delivered() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders.fifo");
    let (groups, rounds) = (100, 4);
    let_groups_die(&mut sqs, &source, &dlq, groups, rounds);
    let bench = bench("redrive-fifo", &server.url);
    // Content-based deduplication is on: with the ids of the first sending nothing would arrive.
    let args = ["apply", "-q", "--canary", "0", "--no-verify", "orders-dlq.fifo"];
    let output = redrive(&bench, &args);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let arrived = drain(&mut sqs, &source);
    assert_eq!(arrived.len(), groups * rounds);
    let order: Vec<u64> = (0..rounds as u64).collect();
    for (group, found) in rounds_by_group(&arrived) {
        assert_eq!(found, order, "group {group}");
    }
    assert_eq!(sqs.depth(&dlq) + sqs.in_flight(&dlq), 0);
    let lines = archive(&bench);
    let dedup: std::collections::BTreeSet<_> = lines
        .iter()
        .filter_map(|line| line.get("sent")?["dedup"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(dedup.len(), groups * rounds);
    assert!(arrived.iter().all(|one| {
        dedup.contains(one["Attributes"]["MessageDeduplicationId"].as_str().unwrap())
    }));
}

#[test]
fn killed_redrive_of_groups_keeps_order_and_sends_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders.fifo");
    let (groups, rounds) = (20, 5);
    let_groups_die(&mut sqs, &source, &dlq, groups, rounds);
    let bench = bench("redrive-fifo-kill", &server.url);
    let args = ["apply", "--canary", "0", "--no-verify", "--hold", "1s", "orders-dlq.fifo"];
    let mut running = bench.start("dlq-redrive", &args);
    crate::support::workbench::wait_for("messages arrive", || sqs.depth(&source) >= 20);
    running.kill();
    let id = super::last_move(&bench)["id"].as_str().unwrap().to_owned();
    let output = redrive(&bench, &[&args[..6], &["--resume", &id]].concat());
    assert_eq!(output.code, 0, "{}", output.stderr);
    let arrived = drain(&mut sqs, &source);
    // A send that is repeated has the same id within five minutes, and is delivered once.
    let order: Vec<u64> = (0..rounds as u64).collect();
    for (group, found) in rounds_by_group(&arrived) {
        assert_eq!(found, order, "group {group}");
    }
    assert_eq!(arrived.len(), groups * rounds);
    assert_eq!(sqs.depth(&dlq) + sqs.in_flight(&dlq), 0);
    // The kill may have cut off the lines of deletions; their number is known from the empty queue.
    assert_eq!(super::last_move(&bench)["deleted"], groups * rounds);
}
