//! Detection of the service that put a message into a dead-letter queue, by the marks that each
//! leaves.

use serde_json::Value;

use super::{Content, Producer};
use crate::rules::evidence::message::{Attribute, Message};

pub(super) fn detect(message: &Message, wrapped: &[&str], content: &Content) -> Producer {
    let has = |name: &str| message.attributes.contains_key(name);
    if has("SCHEDULE_ARN") && (has("ERROR_CODE") || has("EXECUTION_ID")) {
        return Producer::Scheduler;
    }
    if has("RULE_ARN") && has("ERROR_CODE") {
        return Producer::EventbridgeRule;
    }
    if let Some(code) = message.attributes.get("ErrorCode").and_then(Attribute::text)
        && (has("RequestID") || has("ErrorMessage"))
        && let Some(producer) = invoker(message, wrapped, code)
    {
        return producer;
    }
    if let Content::Json(value) = content
        && is_destination_record(value)
    {
        return Producer::LambdaDestination;
    }
    if message.system.contains_key("DeadLetterQueueSourceArn") {
        return Producer::Sqs;
    }
    // SNS's own dead letters never were in a source queue.
    if wrapped.first() == Some(&"sns") { Producer::Sns } else { Producer::Unknown }
}

/// Returns who wrote `ErrorCode` beside `RequestID`: Lambda, whose code is a status of HTTP, or SNS,
/// whose code is a word or stands beside its own envelope.
fn invoker(message: &Message, wrapped: &[&str], code: &str) -> Option<Producer> {
    let is_redriven = message.system.contains_key("DeadLetterQueueSourceArn");
    let is_status = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    if wrapped.first() == Some(&"sns") && !is_redriven {
        return Some(Producer::Sns);
    }
    if is_status {
        return Some(Producer::LambdaAsync);
    }
    (message.attributes.contains_key("RequestID") && !is_redriven).then_some(Producer::Sns)
}

/// Returns whether a value is Lambda's record of an asynchronous invocation or of a stream batch.
fn is_destination_record(value: &Value) -> bool {
    let parts = ["responsePayload", "responseContext", "KinesisBatchInfo", "DDBStreamBatchInfo"];
    value.pointer("/requestContext/condition").is_some_and(Value::is_string)
        && value.pointer("/requestContext/functionArn").is_some_and(Value::is_string)
        && parts.iter().any(|part| value.get(part).is_some())
}
