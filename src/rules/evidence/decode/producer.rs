//! Detection of the service that put a message into a dead-letter queue, by the marks that each
//! leaves.

use serde_json::Value;

use super::unwrap::outermost;
use super::{Content, Producer};
use crate::rules::evidence::message::{Attribute, Message};

/// Prefixes of the codes that SNS passes on from the queue and the key of a subscription. They tell
/// its letters from those of others when messages are delivered without an envelope.
const SNS_CODES: [&str; 2] = ["AWS.SimpleQueueService.", "KMS."];

pub(super) fn detect(message: &Message, wrapped: &[&str], content: &Content) -> Producer {
    let has = |name: &str| message.attributes.contains_key(name);
    if has("SCHEDULE_ARN") && (has("ERROR_CODE") || has("EXECUTION_ID")) {
        return Producer::Scheduler;
    }
    if has("RULE_ARN") && has("ERROR_CODE") {
        return Producer::EventbridgeRule;
    }
    if has("ErrorCode") && (has("RequestID") || has("ErrorMessage")) {
        let code =
            message.attributes.get("ErrorCode").and_then(Attribute::text).unwrap_or_default();
        let is_sns =
            outermost(wrapped) == Some("sns") || SNS_CODES.iter().any(|p| code.starts_with(p));
        if is_sns && has("RequestID") {
            return Producer::Sns;
        }
        // Lambda's code is the status of a response; a consumer writes other words.
        if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Producer::LambdaAsync;
        }
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
    if outermost(wrapped) == Some("sns") { Producer::Sns } else { Producer::Unknown }
}

/// Returns whether a value is Lambda's record of an asynchronous invocation or of a stream batch.
fn is_destination_record(value: &Value) -> bool {
    let parts = ["responsePayload", "responseContext", "KinesisBatchInfo", "DDBStreamBatchInfo"];
    value.pointer("/requestContext/condition").is_some_and(Value::is_string)
        && value.pointer("/requestContext/functionArn").is_some_and(Value::is_string)
        && parts.iter().any(|part| value.get(part).is_some())
}
