//! `dlq-redrive` on a real SQS server, with a consumer that has a switch.

mod apply;
mod auto_stopped;
mod breaker;
mod clock;
mod consumer;
mod copies;
mod encryption;
mod faults;
mod fifo;
mod filter;
mod hostile;
mod kills;
mod native;
mod places;
mod plan;
mod refusals;
mod restore;
mod resume;
mod resume_unseen;
mod retention;
mod service;
mod sources;
mod unknown;
mod verify;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::poll::{PollOutput, parse_output};
use crate::support::sqs_server::Client;
use crate::support::workbench::{Bench, wait_for};

/// Options that shorten the waits: nothing of the rest changes.
const QUICK: [&str; 2] = ["--wait", "1s"];

/// Creates a source whose messages die after one receive, and its dead-letter queue. Returns the URLs
/// of both.
fn create_pair(sqs: &mut Client, name: &str) -> (String, String) {
    let (name, end) = match name.strip_suffix(".fifo") {
        Some(name) => (name, ".fifo"),
        None => (name, ""),
    };
    let dlq_name = format!("{name}-dlq{end}");
    let dlq = sqs.create(&dlq_name, &json!({}));
    let policy = json!({"deadLetterTargetArn": sqs.arn(&dlq_name), "maxReceiveCount": 1});
    let attributes = json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": "1"});
    let source = sqs.create(&format!("{name}{end}"), &attributes);
    (source, dlq)
}

/// Sends messages with these bodies to a source, and lets all of them die.
fn let_die(sqs: &mut Client, source: &str, dlq: &str, bodies: &[String]) {
    let until = sqs.depth(dlq) + bodies.len() as u64;
    for chunk in bodies.chunks(10) {
        let entry =
            |(at, body): (usize, &String)| json!({"Id": at.to_string(), "MessageBody": body});
        let entries: Vec<Value> = chunk.iter().enumerate().map(entry).collect();
        send_batch(sqs, source, &entries);
    }
    die(sqs, source, dlq, until);
}

fn send_batch(sqs: &mut Client, url: &str, entries: &[Value]) {
    let sent = sqs.call("SendMessageBatch", &json!({"QueueUrl": url, "Entries": entries}));
    let failed = sent["Failed"].as_array().map_or(0, Vec::len);
    assert_eq!(failed, 0, "{sent}");
}

/// Receives from a source without success until the dead-letter queue has so many messages.
fn die(sqs: &mut Client, source: &str, dlq: &str, until: u64) {
    let receive = json!({"QueueUrl": source, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10});
    wait_for("the messages die", || {
        for _ in 0..20 {
            sqs.call("ReceiveMessage", &receive);
        }
        sqs.depth(dlq) >= until
    });
}

fn bodies(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{{\"n\":{n}}}")).collect()
}

/// Receives and deletes all messages of a queue.
fn drain(sqs: &mut Client, url: &str) -> Vec<Value> {
    let receive = json!({
        "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 300,
        "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"],
    });
    let mut all = Vec::new();
    loop {
        let received = sqs.call("ReceiveMessage", &receive);
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            return all;
        }
        for message in &messages {
            let handle = &message["ReceiptHandle"];
            sqs.call("DeleteMessage", &json!({"QueueUrl": url, "ReceiptHandle": handle}));
        }
        all.extend(messages);
    }
}

fn bodies_of(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|one| one["Body"].as_str().unwrap().to_owned()).collect()
}

/// Runs `dlq-redrive` to its end, with a check of each line.
#[track_caller]
fn redrive(bench: &Bench, args: &[&str]) -> PollOutput {
    parse_output(bench.run("dlq-redrive", args, ""))
}

/// Returns the newest move of `redrives.json`.
fn last_move(bench: &Bench) -> Value {
    let text = std::fs::read_to_string(bench.state("redrives.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all["moves"].as_array().unwrap().last().unwrap().clone()
}

/// Returns the lines of the only archive.
fn archive(bench: &Bench) -> Vec<Value> {
    let files = std::fs::read_dir(bench.state("archive")).unwrap().flatten();
    let paths: Vec<_> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "ndjson"))
        .collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    let text = std::fs::read_to_string(&paths[0]).unwrap();
    // A kill may have left a part of a line.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Bodies by message id, and ids by what happened to them.
#[derive(Debug, Default)]
struct ArchiveSummary {
    bodies: BTreeMap<String, String>,
    sent: BTreeMap<String, String>,
    deleted: BTreeSet<String>,
    listed: BTreeSet<String>,
    parked: BTreeSet<String>,
}

fn summary(lines: &[Value]) -> ArchiveSummary {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = ArchiveSummary::default();
    for line in lines {
        if let Some(message) = line.get("message") {
            all.bodies.insert(text(&message["id"]), text(&message["body"]));
        } else if let Some(sent) = line.get("sent") {
            all.sent.insert(text(&sent["id"]), text(&sent["new"]));
        } else if let Some(deleted) = line.get("deleted") {
            all.deleted.insert(text(&deleted["id"]));
        } else if let Some(listed) = line.get("possible_duplicate") {
            all.listed.insert(text(&listed["id"]));
        } else if let Some(parked) = line.get("parked") {
            all.parked.insert(text(&parked["id"]));
        }
    }
    all
}
