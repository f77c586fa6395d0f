//! Decoding of a dead letter: its producer, its payload, and the error that it reports.
//!
//! Promises: no input causes a panic or more than linear time; every layer, text and search has a
//! limit. Never: runs, fetches or trusts anything that a message contains.

mod error_fields;
mod error_report;
mod ids;
mod payload;
mod producer;
mod trace;
mod unwrap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::message::Message;
use crate::event::words;
pub use trace::last_segment;

/// Length up to which a text is searched for an error.
const TEXT_MAX: usize = 8 * 1024;
/// Limit on the length of an extracted field.
const FIELD_MAX: usize = 4 * 1024;

/// An unwrapped message and the facts extracted from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub producer: Producer,
    pub payload: PayloadKind,
    /// Encodings, outermost first: `base64`, `gzip`, `sns`, `json_string`, `awslogs`.
    pub wrapped: Vec<&'static str>,
    /// Unwrapped body.
    pub content: Content,
    /// Error that the message reports.
    pub error: ErrorReport,
    /// Id of the failed request.
    pub request_id: Option<String>,
    /// Trace id of `AWSTraceHeader` or a `traceparent`.
    pub trace_id: Option<String>,
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
    },
}

impl Content {
    /// Returns a digest that is equal for equal contents on every machine: it finds repeats without
    /// storing bodies.
    pub fn digest(&self) -> u64 {
        first_eight_bytes(match self {
            Content::Json(value) => Sha256::new_with_prefix(value.to_string()),
            Content::Text(text) => Sha256::new_with_prefix(text),
            Content::Binary { len } => Sha256::new_with_prefix(len.to_le_bytes()),
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
        EventbridgeEvent = "eventbridge_event",
        SnsNotification = "sns_notification",
        StepFunctions = "step_functions",
        DynamodbStream = "dynamodb_stream",
        KinesisRecords = "kinesis_records",
        SqsRecords = "sqs_records",
        CloudwatchAlarm = "cloudwatch_alarm",
        ExtendedClient = "extended_client",
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
            PayloadKind::EventbridgeEvent => "EventBridge event",
            PayloadKind::SnsNotification => "SNS notification",
            PayloadKind::StepFunctions => "Step Functions task",
            PayloadKind::DynamodbStream => "DynamoDB stream records",
            PayloadKind::KinesisRecords => "Kinesis records",
            PayloadKind::SqsRecords => "SQS records",
            PayloadKind::CloudwatchAlarm => "CloudWatch alarm",
            PayloadKind::ExtendedClient => "pointer to S3",
            PayloadKind::Json => "JSON",
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
    /// Service of the target ARN that the producer could not deliver to, such as `lambda`.
    pub target: Option<String>,
}

impl ErrorReport {
    /// Returns whether nothing about an error is known.
    pub fn is_none(&self) -> bool {
        self.code.is_none()
            && self.exception.is_none()
            && self.message.is_none()
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
    let (wrapped, content) = unwrap::unwrap_body(&message.body);
    let producer = producer::detect(message, &wrapped, &content);
    let (request_id, trace_id) = ids::find(message, &content);
    Decoded {
        producer,
        payload: payload::classify(producer, &wrapped, &content),
        error: error_report::extract(message, producer, &content),
        request_id,
        trace_id,
        wrapped,
        content,
    }
}

/// Returns what a message would decode to whose error is this text of a log.
pub fn from_log(text: &str, producer: Producer, payload: PayloadKind) -> Decoded {
    Decoded {
        producer,
        payload,
        wrapped: Vec::new(),
        content: Content::Text(String::new()),
        error: error_report::error_in_text(text, "log", false),
        request_id: None,
        trace_id: None,
    }
}

/// Returns at most `max` bytes of a text, without splitting a character.
fn truncated(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// Returns a key in lower case without separators: `error_message`, `Error-Message` and
/// `errorMessage` are equal. Returns an empty string for a key longer than the buffer, as no known
/// key is.
fn normalized_key<'a>(key: &str, buffer: &'a mut [u8; 24]) -> &'a str {
    let mut len = 0;
    for byte in key.bytes().filter(u8::is_ascii_alphanumeric) {
        let Some(slot) = buffer.get_mut(len) else {
            return "";
        };
        *slot = byte.to_ascii_lowercase();
        len += 1;
    }
    std::str::from_utf8(&buffer[..len]).unwrap_or_default()
}

#[cfg(test)]
mod tests;
