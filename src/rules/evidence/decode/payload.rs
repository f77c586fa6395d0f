//! What a payload is, by the keys that its makers document.

use serde_json::Value;

use super::unwrap::Peeled;
use super::{Content, Payload, Producer};

pub(super) fn of(producer: Producer, peeled: &Peeled) -> Payload {
    let value = match &peeled.content {
        Content::Binary { .. } => return Payload::Binary,
        Content::Text(text) if text.trim().is_empty() => return Payload::Empty,
        Content::Text(_) if peeled.sns_id.is_some() => return Payload::SnsNotification,
        Content::Text(_) => return Payload::Text,
        Content::Json(value) => value,
    };
    if producer == Producer::LambdaDestination {
        return value.get("requestPayload").map_or(Payload::Json, of_json);
    }
    of_json(value)
}

fn of_json(value: &Value) -> Payload {
    if let Some(kind) = value.pointer("/Records/0").and_then(records) {
        return kind;
    }
    let has = |key: &str| value.get(key).is_some();
    let says = |key: &str, what: &str| value.get(key).and_then(Value::as_str) == Some(what);
    if says("Event", "s3:TestEvent") {
        Payload::S3Event
    } else if has("detail-type") && has("detail") && has("source") {
        let source = value.get("source").and_then(Value::as_str).unwrap_or_default();
        if source == "aws.states" { Payload::StepFunctions } else { Payload::EventbridgeEvent }
    } else if has("AlarmName") && has("NewStateValue") {
        Payload::CloudwatchAlarm
    } else if is_task(value) {
        Payload::StepFunctions
    } else if is_pointer(value) {
        Payload::ExtendedClient
    } else {
        Payload::Json
    }
}

/// What a state machine sends: a task that waits for its token, or how an execution failed.
fn is_task(value: &Value) -> bool {
    const KEYS: [&str; 4] = ["taskToken", "TaskToken", "executionArn", "ExecutionArn"];
    KEYS.iter().any(|key| value.get(key).is_some())
        || (value.get("Error").is_some_and(Value::is_string) && value.get("Cause").is_some())
}

fn records(first: &Value) -> Option<Payload> {
    let source = first.get("eventSource").or_else(|| first.get("EventSource"))?.as_str()?;
    Some(match source {
        "aws:s3" => Payload::S3Event,
        "aws:sns" => Payload::SnsNotification,
        "aws:sqs" => Payload::SqsRecords,
        "aws:dynamodb" => Payload::DynamodbStream,
        "aws:kinesis" => Payload::KinesisRecords,
        _ => return None,
    })
}

/// What the extended client leaves in the queue when the message itself is in S3.
fn is_pointer(value: &Value) -> bool {
    let class = value.get(0).and_then(Value::as_str).unwrap_or_default();
    class.ends_with("S3Pointer") && value.get(1).is_some_and(|at| at.get("s3BucketName").is_some())
}
