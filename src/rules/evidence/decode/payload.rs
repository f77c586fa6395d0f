//! Classification of a payload by the keys that its producer documents.

use serde_json::Value;

use super::{Content, PayloadKind, Producer};

/// Limit on the keys of a pointer to S3.
const POINTER_KEYS_MAX: usize = 4;

pub(super) fn classify(
    producer: Producer,
    wrapped: &[&str],
    content: &Content,
    is_form: bool,
) -> PayloadKind {
    let value = match content {
        Content::Binary { .. } => return PayloadKind::Binary,
        Content::Text(text) if text.trim().is_empty() => return PayloadKind::Empty,
        Content::Text(_) if is_form => return PayloadKind::Form,
        Content::Text(_) if wrapped.contains(&"sns") => return PayloadKind::SnsNotification,
        Content::Text(_) => return PayloadKind::Text,
        Content::Json(value) => value,
    };
    if producer == Producer::LambdaDestination {
        return value.get("requestPayload").map_or(PayloadKind::Json, classify_json);
    }
    classify_json(value)
}

fn classify_json(value: &Value) -> PayloadKind {
    if let Some(kind) = value.pointer("/Records/0").and_then(records_kind) {
        return kind;
    }
    let has = |key: &str| value.get(key).is_some();
    let says = |key: &str, what: &str| value.get(key).and_then(Value::as_str) == Some(what);
    if says("Event", "s3:TestEvent") {
        PayloadKind::S3TestEvent
    } else if has("detail-type") && has("detail") && has("source") {
        let is_states = says("source", "aws.states");
        if is_states { PayloadKind::StepFunctions } else { PayloadKind::EventbridgeEvent }
    } else if has("AlarmName") && has("NewStateValue") {
        PayloadKind::CloudwatchAlarm
    } else if is_step_functions(value) {
        PayloadKind::StepFunctions
    } else if s3_pointer(value).is_some() {
        PayloadKind::ExtendedClient
    } else {
        PayloadKind::Json
    }
}

/// Returns whether a Step Functions state machine sent the value: a task with a token, or a failed
/// execution.
fn is_step_functions(value: &Value) -> bool {
    const KEYS: [&str; 4] = ["taskToken", "TaskToken", "executionArn", "ExecutionArn"];
    KEYS.iter().any(|key| value.get(key).is_some())
        || (value.get("Error").is_some_and(Value::is_string) && value.get("Cause").is_some())
}

fn records_kind(first: &Value) -> Option<PayloadKind> {
    let source = first.get("eventSource").or_else(|| first.get("EventSource"))?.as_str()?;
    Some(match source {
        "aws:s3" => PayloadKind::S3Event,
        "aws:sns" => PayloadKind::SnsNotification,
        "aws:sqs" => PayloadKind::SqsRecords,
        "aws:dynamodb" => PayloadKind::DynamodbStream,
        "aws:kinesis" => PayloadKind::KinesisRecords,
        _ => return None,
    })
}

/// Returns the bucket of the pointer that an SQS extended client leaves for a message stored in S3.
/// Java's client writes its class before it.
pub(in crate::rules::evidence) fn s3_pointer(value: &Value) -> Option<&str> {
    let object = match value {
        Value::Array(items) => match &items[..] {
            [Value::String(class), Value::Object(pointer)] if class.ends_with("S3Pointer") => {
                pointer
            }
            _ => return None,
        },
        Value::Object(object) if object.len() <= POINTER_KEYS_MAX => object,
        _ => return None,
    };
    let key = |name: &str| {
        let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        found.1.as_str()
    };
    key("s3Key").and(key("s3BucketName"))
}
