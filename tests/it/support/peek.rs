//! Runs of `dlq-peek` on a real SQS server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::poll::{PollOutput, parse_output};
use super::sqs_server::Client;
use super::workbench::Bench;

/// Runs `dlq-peek` to its end.
#[track_caller]
pub fn peek(bench: &Bench, args: &[&str]) -> PollOutput {
    parse_output(bench.run("dlq-peek", args, ""))
}

/// Creates a DLQ whose messages a consumer failed to process, and returns its URL.
pub fn create_dlq_with(sqs: &mut Client, name: &str, bodies: &[&str]) -> String {
    let dlq = sqs.create(name, &json!({}));
    let source = sqs.create_source(&name.replace("-dlq", ""), name);
    sqs.dead_letter(&source, &dlq, bodies);
    dlq
}

/// Returns the messages of a bundle by their SQS id.
pub fn bundle_messages(sampled: &Value) -> BTreeMap<String, Value> {
    let path = sampled["data"]["bundle"].as_str().unwrap();
    let text = std::fs::read_to_string(format!("{path}/messages.ndjson")).unwrap();
    let message = |line: &str| {
        let message: Value = serde_json::from_str(line).unwrap();
        (message["message_id"].as_str().unwrap().to_owned(), message)
    };
    text.lines().map(message).collect()
}
