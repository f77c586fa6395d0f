//! Decoding of a dead letter: its producer, its payload, and the error that it reports.
//!
//! Promises: no input causes a panic or more than linear time; every layer, text and search has a
//! limit. Never: runs, fetches or trusts anything that a message contains.

mod binary;
mod error_detail;
mod error_fields;
mod error_report;
mod expand;
mod fault;
mod frame;
mod free_text;
mod ids;
mod key;
mod owner;
mod payload;
mod producer;
mod trace;
mod unwrap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::message::Message;
use crate::event::words;
pub(super) use key::{KEY_MAX, normalized_key};
pub(super) use owner::stream as stream_of;
pub(super) use payload::s3_pointer;
pub use trace::last_segment;

/// Length up to which a text is searched for an error.
const TEXT_MAX: usize = 8 * 1024;
/// Limit on the length of an attribute that is read; JSON in it is longer than other texts.
const ATTRIBUTE_MAX: usize = 64 * 1024;
/// Limit on the length of an extracted field.
const FIELD_MAX: usize = 4 * 1024;

/// An unwrapped message and the facts extracted from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub producer: Producer,
    pub payload: PayloadKind,
    /// Encodings, outermost first: `base64`, `gzip`, `sns`, `json_string`, `awslogs`, and `bom`, a
    /// mark of byte order.
    pub wrapped: Vec<&'static str>,
    /// Unwrapped body.
    pub content: Content,
    /// The text of JSON content, as it came.
    pub json_text: Option<String>,
    /// Content with the JSON in its strings expanded; a form as an object. None if that changes
    /// nothing.
    pub expanded: Option<Value>,
    /// Text attributes, and those of an SNS envelope, expanded likewise.
    pub attributes: Map<String, Value>,
    /// Error that the message reports.
    pub error: ErrorReport,
    /// Id of the failed request.
    pub request_id: Option<String>,
    /// Trace id of `AWSTraceHeader` or a `traceparent`.
    pub trace_id: Option<String>,
}

impl Decoded {
    /// Returns the outermost encoding that is not a mark of byte order.
    pub fn envelope(&self) -> Option<&'static str> {
        unwrap::outermost(&self.wrapped)
    }

    /// Returns the JSON to analyse, if the content is or holds any.
    pub fn json(&self) -> Option<&Value> {
        json_of(&self.content, self.expanded.as_ref())
    }
}

fn json_of<'a>(content: &'a Content, expanded: Option<&'a Value>) -> Option<&'a Value> {
    match content {
        Content::Json(value) => Some(expanded.unwrap_or(value)),
        _ => expanded,
    }
}

/// An unwrapped body.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A JSON object or array.
    Json(Value),
    /// Text, malformed JSON included.
    Text(String),
    /// Bytes that are not valid UTF-8.
    Binary {
        /// Number of bytes, up to the limit on decompression.
        len: usize,
        /// Parts of the format, if it is known: `.1:number` of a Protocol Buffer, `schema 7`.
        form: Vec<String>,
    },
}

impl Content {
    /// Returns a digest that is equal for equal contents on every machine: it finds repeats without
    /// storing bodies.
    pub fn digest(&self) -> u64 {
        first_eight_bytes(match self {
            Content::Json(value) => Sha256::new_with_prefix(value.to_string()),
            Content::Text(text) => Sha256::new_with_prefix(text),
            Content::Binary { len, .. } => Sha256::new_with_prefix(len.to_le_bytes()),
        })
    }
}

/// Returns the first eight bytes of a hash as a number.
pub(super) fn first_eight_bytes(hash: Sha256) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

/// Returns whether a text has no control characters other than line breaks and tabs.
pub(super) fn is_printable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

words! {
    /// The service that put a message into a dead-letter queue.
    Producer {
        /// Redrive policy of an SQS queue: no error details.
        Sqs = "sqs",
        /// Asynchronous Lambda invocation: error in attributes.
        LambdaAsync = "lambda_async",
        /// On-failure destination of Lambda: a record with request and response.
        LambdaDestination = "lambda_destination",
        /// EventBridge rule: error in attributes.
        EventbridgeRule = "eventbridge_rule",
        /// EventBridge Scheduler: error in attributes.
        Scheduler = "scheduler",
        /// SNS subscription: error in attributes, mostly around an envelope.
        Sns = "sns",
        /// No known service: sent there directly.
        Unknown = "unknown",
    }
}

impl Producer {
    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            Producer::Sqs => "SQS",
            Producer::LambdaAsync | Producer::LambdaDestination => "Lambda",
            Producer::EventbridgeRule => "EventBridge",
            Producer::Scheduler => "EventBridge Scheduler",
            Producer::Sns => "SNS",
            Producer::Unknown => "unknown",
        }
    }
}

words! {
    /// The kind of a payload.
    PayloadKind {
        S3Event = "s3_event",
        /// S3's test of a new notification: nothing is in it to process.
        S3TestEvent = "s3_test_event",
        EventbridgeEvent = "eventbridge_event",
        SnsNotification = "sns_notification",
        StepFunctions = "step_functions",
        DynamodbStream = "dynamodb_stream",
        KinesisRecords = "kinesis_records",
        SqsRecords = "sqs_records",
        CloudwatchAlarm = "cloudwatch_alarm",
        ExtendedClient = "extended_client",
        /// Fields of a form: `a=1&b=2`.
        Form = "form",
        Json = "json",
        Text = "text",
        Binary = "binary",
        Empty = "empty",
    }
}

impl PayloadKind {
    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            PayloadKind::S3Event => "S3 event",
            PayloadKind::S3TestEvent => "S3 test event",
            PayloadKind::EventbridgeEvent => "EventBridge event",
            PayloadKind::SnsNotification => "SNS notification",
            PayloadKind::StepFunctions => "Step Functions task",
            PayloadKind::DynamodbStream => "DynamoDB stream records",
            PayloadKind::KinesisRecords => "Kinesis records",
            PayloadKind::SqsRecords => "SQS records",
            PayloadKind::CloudwatchAlarm => "CloudWatch alarm",
            PayloadKind::ExtendedClient => "pointer to S3",
            PayloadKind::Json => "JSON",
            PayloadKind::Form => "form",
            PayloadKind::Text | PayloadKind::Binary | PayloadKind::Empty => self.as_str(),
        }
    }
}

/// The error that a message reports. All of it comes from outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorReport {
    /// Whether the error comes from the producer rather than the payload.
    pub by_producer: bool,
    /// Error code: `429`, `NO_PERMISSIONS`.
    pub code: Option<SourcedText>,
    /// Exception class: `java.net.SocketTimeoutException`.
    pub exception: Option<SourcedText>,
    /// Error text.
    pub message: Option<SourcedText>,
    /// Innermost function of the application's own code in the stack trace.
    pub function: Option<String>,
    /// File and line of that function: `worker.py line 12`. No part of a fingerprint, because every
    /// deployment changes it.
    pub place: Option<String>,
    /// Resources that the producer names, by kind: `function`, `rule`, `target`, `stream`.
    pub owners: Vec<(&'static str, String)>,
}

impl ErrorReport {
    /// Returns whether nothing about an error is known.
    pub fn is_none(&self) -> bool {
        self.code.is_none()
            && self.exception.is_none()
            && self.message.is_none()
            && self.function.is_none()
    }

    /// Returns whether all that is known is one word.
    fn is_word(&self) -> bool {
        let is_word = |part: &SourcedText| !part.text.trim().contains(char::is_whitespace);
        self.message.as_ref().is_some_and(is_word)
            && self.code.is_none()
            && self.exception.is_none()
            && self.function.is_none()
    }
}

/// An extracted text and its origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourcedText {
    pub text: String,
    /// Name of the attribute or key that held the text.
    pub source: String,
}

impl SourcedText {
    fn new(text: &str, source: &str) -> Self {
        SourcedText {
            text: truncated(text, FIELD_MAX).into(),
            source: truncated(source, 64).into(),
        }
    }
}

/// Unwraps a message and extracts its facts.
pub fn decode(message: &Message) -> Decoded {
    let unwrap::Unwrapped { layers: wrapped, attributes, content, json_text } =
        unwrap::unwrap_body(&message.body);
    let attributes = text_attributes(message, attributes);
    let expanded = match &content {
        Content::Json(value) => expand::expanded(value),
        Content::Text(text) => {
            expand::form(text).map(|form| expand::expanded(&form).unwrap_or(form))
        }
        Content::Binary { .. } => None,
    };
    let producer = producer::detect(message, &wrapped, &content);
    let (request_id, trace_id) = ids::find(message, &content);
    let json = json_of(&content, expanded.as_ref());
    Decoded {
        producer,
        payload: payload::classify(producer, &wrapped, &content, expanded.is_some()),
        error: error_report::extract(message, producer, &attributes, &content, json),
        request_id,
        trace_id,
        wrapped,
        content,
        json_text,
        expanded,
        attributes,
    }
}

/// Returns the text attributes of a message and those that an envelope carried, expanded.
fn text_attributes(message: &Message, carried: Map<String, Value>) -> Map<String, Value> {
    if message.attributes.is_empty() && carried.is_empty() {
        return carried;
    }
    let mut all = carried;
    for (name, value) in &message.attributes {
        if let Some(text) = value.text() {
            all.insert(name.clone(), truncated(text, ATTRIBUTE_MAX).into());
        }
    }
    let all = Value::Object(all);
    match expand::expanded(&all).unwrap_or(all) {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

/// Returns what a message would decode to whose error is this text of a log.
pub fn from_log(text: &str, producer: Producer, payload: PayloadKind) -> Decoded {
    Decoded {
        producer,
        payload,
        wrapped: Vec::new(),
        content: Content::Text(String::new()),
        json_text: None,
        error: error_report::error_in_text(text, "log", false),
        request_id: None,
        trace_id: None,
        expanded: None,
        attributes: Map::new(),
    }
}

/// Returns at most `max` bytes of a text, without splitting a character.
fn truncated(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests;
