//! What a dead letter says once it is unwrapped: who put it there, what it carries, what failed.
//!
//! Promises: no input makes it panic or take more than linear time; every layer, every text and
//! every search has a limit. Never: runs, fetches or believes anything that a message says.

mod error_fields;
mod error_report;
mod ids;
mod payload;
mod producer;
mod trace;
mod unwrap;

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::message::Message;
pub use trace::last_segment;

/// A text that is looked at for an error: as much of it as this.
const TEXT_MAX: usize = 8 * 1024;
/// A field that is kept beside the content: as much of it as this.
const FIELD_MAX: usize = 4 * 1024;

/// A message, unwrapped and understood as far as it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Who put it into the dead-letter queue.
    pub producer: Producer,
    /// What its payload is.
    pub payload: PayloadKind,
    /// How it was wrapped, outermost first: `base64`, `gzip`, `sns`, `json_string`, `awslogs`.
    pub wrapped: Vec<String>,
    /// What was in the wrapping.
    pub content: Content,
    /// What failed, as the message says.
    pub error: ErrorReport,
    /// The id of the request that failed.
    pub request_id: Option<String>,
    /// The id of the trace: of `AWSTraceHeader`, or of a `traceparent`.
    pub trace_id: Option<String>,
    /// Other ids that tie it to something, by the name that they have there.
    pub correlation: BTreeMap<String, String>,
    /// What stood in the way of reading it: `not JSON: nested too deeply`.
    pub notes: Vec<String>,
}

/// What was in the wrapping.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A JSON object or array.
    Json(Value),
    /// Text, or what should be JSON and is not.
    Text(String),
    /// Bytes that are no text.
    Binary {
        /// How many; at most what may be unpacked.
        len: usize,
    },
}

impl Content {
    /// `json`, `text` or `binary`.
    pub fn form(&self) -> &'static str {
        match self {
            Content::Json(_) => "json",
            Content::Text(_) => "text",
            Content::Binary { .. } => "binary",
        }
    }

    /// Equal for equal contents, on every machine: tells repeats without keeping bodies.
    pub fn digest(&self) -> u64 {
        let hash = match self {
            Content::Json(value) => Sha256::digest(value.to_string()),
            Content::Text(text) => Sha256::digest(text),
            Content::Binary { len } => Sha256::digest(len.to_le_bytes()),
        };
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_be_bytes(first)
    }
}

/// Who put a message into a dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Producer {
    /// The redrive policy of an SQS queue: says nothing of the error.
    Sqs,
    /// Lambda, for an asynchronous call: attributes.
    LambdaAsync,
    /// Lambda's on-failure destination: a record with request and response.
    LambdaDestination,
    /// A rule of EventBridge: attributes.
    EventbridgeRule,
    /// EventBridge Scheduler: attributes.
    Scheduler,
    /// A subscription of SNS: an envelope, and no word on the error.
    Sns,
    /// Nobody that is known: somebody sent it there.
    Unknown,
}

impl Producer {
    /// Returns the word in events and files.
    pub fn as_str(self) -> &'static str {
        self.names().0
    }

    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Producer::Sqs => ("sqs", "SQS"),
            Producer::LambdaAsync => ("lambda_async", "Lambda"),
            Producer::LambdaDestination => ("lambda_destination", "Lambda"),
            Producer::EventbridgeRule => ("eventbridge_rule", "EventBridge"),
            Producer::Scheduler => ("scheduler", "EventBridge Scheduler"),
            Producer::Sns => ("sns", "SNS"),
            Producer::Unknown => ("unknown", "unknown"),
        }
    }
}

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayloadKind {
    S3Event,
    EventbridgeEvent,
    SnsNotification,
    StepFunctions,
    DynamodbStream,
    KinesisRecords,
    SqsRecords,
    CloudwatchAlarm,
    ExtendedClient,
    Json,
    Text,
    Binary,
    Empty,
}

impl PayloadKind {
    /// Returns the word in events and files.
    pub fn as_str(self) -> &'static str {
        self.names().0
    }

    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            PayloadKind::S3Event => ("s3_event", "S3 event"),
            PayloadKind::EventbridgeEvent => ("eventbridge_event", "EventBridge event"),
            PayloadKind::SnsNotification => ("sns_notification", "SNS notification"),
            PayloadKind::StepFunctions => ("step_functions", "Step Functions task"),
            PayloadKind::DynamodbStream => ("dynamodb_stream", "DynamoDB stream records"),
            PayloadKind::KinesisRecords => ("kinesis_records", "Kinesis records"),
            PayloadKind::SqsRecords => ("sqs_records", "SQS records"),
            PayloadKind::CloudwatchAlarm => ("cloudwatch_alarm", "CloudWatch alarm"),
            PayloadKind::ExtendedClient => ("extended_client", "pointer to S3"),
            PayloadKind::Json => ("json", "JSON"),
            PayloadKind::Text => ("text", "text"),
            PayloadKind::Binary => ("binary", "binary"),
            PayloadKind::Empty => ("empty", "empty body"),
        }
    }
}

/// What failed, as the message says. All of it comes from outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorReport {
    /// Whether the producer says it; else the payload does.
    pub by_producer: bool,
    /// A code: `429`, `NO_PERMISSIONS`.
    pub code: Option<SourcedText>,
    /// The class of an exception: `java.net.SocketTimeoutException`.
    pub exception: Option<SourcedText>,
    /// What it says.
    pub message: Option<SourcedText>,
    /// The function of the program's own in which it happened.
    pub function: Option<String>,
    /// What the producer was sending to: the service of an ARN, such as `lambda`.
    pub target: Option<String>,
}

impl ErrorReport {
    /// Whether anything is said at all.
    pub fn is_none(&self) -> bool {
        self.code.is_none()
            && self.exception.is_none()
            && self.message.is_none()
            && self.function.is_none()
    }
}

/// A text, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourcedText {
    /// What.
    pub text: String,
    /// Where: the name of an attribute or of a key.
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

/// Unwraps a message and says what is in it.
pub fn decode(message: &Message) -> Decoded {
    let unwrapped = unwrap::unwrap_body(&message.body);
    let producer = producer::detect(message, &unwrapped);
    let error = error_report::extract(message, producer, &unwrapped.content);
    let payload = payload::classify(producer, &unwrapped);
    let ids = ids::collect(message, &unwrapped);
    Decoded {
        producer,
        payload,
        wrapped: unwrapped.wrapped.into_iter().map(str::to_owned).collect(),
        content: unwrapped.content,
        error,
        request_id: ids.request,
        trace_id: ids.trace,
        correlation: ids.others,
        notes: unwrapped.notes,
    }
}

/// At most `max` bytes of a text, whole characters.
fn truncated(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// A key as it is compared: `error_message`, `Error-Message` and `errorMessage` are one. Longer
/// keys than the buffer are none that is known.
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
