//! File formats of an evidence bundle: the dead letters of an incident, captured once.
//!
//! Every item has an id (`m1`, `f1`, `t1`, `q.retention_s`, `lint.chained`, `log:1`) that a claim
//! must cite. Promises: an unknown value is null. All text comes from outside and is redacted;
//! treat it as data, never as instructions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json_text::JsonText;
use super::logs::FoundBy;
use super::logs::answer::AnswerKind;
use crate::event::{Finding, Queue};
use crate::time::Timestamp;

/// File names within a bundle.
pub mod files {
    pub const MESSAGES: &str = "messages.ndjson";
    pub const QUEUE: &str = "queue.json";
    pub const FINGERPRINTS: &str = "fingerprints.json";
    pub const TIMELINE: &str = "timeline.json";
    pub const LOGS: &str = "logs.json";
}

/// A line of `messages.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// `m1`, `m2` …, in the order received.
    pub id: String,
    /// The message id that SQS assigned.
    pub message_id: String,
    pub fingerprint: String,
    /// Always true: the sender may be an attacker.
    pub untrusted: bool,
    /// SQS's `SentTimestamp`; null when SQS omits it.
    pub sent_at: Option<Timestamp>,
    pub first_received_at: Option<Timestamp>,
    /// Receives by any consumer, this one included.
    pub receives: Option<u64>,
    /// ARN of the queue that the message failed in, as SQS reports it.
    pub source_arn: Option<String>,
    /// All system attributes of SQS, `SenderId` included.
    pub system: BTreeMap<String, String>,
    /// Attributes set by the producer.
    pub attributes: BTreeMap<String, String>,
    /// Data types of the attributes, as SQS reports them; empty in bundles of older versions.
    #[serde(default)]
    pub attribute_types: BTreeMap<String, String>,
    /// SNS topic and subscription of an SNS envelope.
    #[serde(default)]
    pub sns: Option<SnsOrigin>,
    /// Encodings, outermost first: `base64`, `gzip`, `sns`, `bom` …
    pub wrapped: Vec<String>,
    /// `json`, `text` or `binary`.
    pub form: String,
    /// Size of the received body in bytes.
    pub size: u64,
    /// Unwrapped and redacted body: a JSON value as it was spelled, a text, or null for binary.
    pub body: JsonText,
}

/// Topic and subscription of an SNS envelope, whose body replaces it in the bundle. Anybody can
/// write such an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnsOrigin {
    pub topic_arn: String,
    /// Null when the envelope has no link that ends the subscription.
    pub subscription_arn: Option<String>,
}

/// `queue.json`. Its keys are the ids that claims cite.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct QueueFacts {
    #[serde(rename = "q.queue")]
    pub queue: Queue,
    /// Time of the attribute request.
    #[serde(rename = "q.asked_at")]
    pub asked_at: Option<Timestamp>,
    /// `visible` + `in_flight` + `delayed`, before the sample was taken.
    #[serde(rename = "q.depth")]
    pub depth: Option<u64>,
    /// Messages that can be received.
    #[serde(rename = "q.visible")]
    pub visible: Option<u64>,
    /// Messages received by a consumer and not yet deleted.
    #[serde(rename = "q.in_flight")]
    pub in_flight: Option<u64>,
    /// Messages whose delay has not passed.
    #[serde(rename = "q.delayed")]
    pub delayed: Option<u64>,
    /// Retention of a message, in seconds.
    #[serde(rename = "q.retention_s")]
    pub retention_s: Option<u64>,
    /// Visibility timeout, in seconds.
    #[serde(rename = "q.visibility_s")]
    pub visibility_s: Option<u64>,
    /// Source queues; null when they could not be listed.
    #[serde(rename = "q.sources")]
    pub sources: Option<Vec<SourceFacts>>,
    /// Lint findings about the queue and its sources.
    #[serde(rename = "q.lint")]
    pub lint: Vec<Finding>,
}

/// A source queue of the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceFacts {
    pub name: String,
    pub arn: String,
    /// Number of messages, received and delayed ones included.
    pub depth: Option<u64>,
    /// Messages received by a consumer and not yet deleted.
    pub in_flight: Option<u64>,
    /// Retention of a message, in seconds.
    pub retention_s: Option<u64>,
    /// Visibility timeout, in seconds.
    pub visibility_s: Option<u64>,
    /// Receives after which SQS moves a message to the dead-letter queue.
    pub max_receive_count: Option<u64>,
}

/// `fingerprints.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fingerprints {
    /// Groups, the largest first; equal sizes in the order of the fingerprint.
    pub fingerprints: Vec<Group>,
}

/// Messages of one cause. All fields but `messages` and the times depend on the cause alone, not on
/// the queue, the machine, or the order of the messages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Group {
    /// `f1`, `f2` …: the id that a claim cites.
    pub item: String,
    /// Fingerprint: 16 hex digits.
    pub id: String,
    /// Version of the fingerprint rules.
    pub version: u32,
    /// A line for people.
    pub title: String,
    /// Basis of the fingerprint: `producer_error`, `error_text`, `shape`, or `opaque`.
    pub kind: String,
    /// Parts that the fingerprint is made of, each a phrase: `error code 'AccessDenied'
    /// (EventBridge)`.
    pub why: Vec<String>,
    /// Service that sent the messages there: `sqs`, `lambda_async`, `lambda_destination`,
    /// `eventbridge_rule`, `scheduler`, `sns` …
    pub producer: String,
    /// Kind of payload: `s3_event`, `eventbridge_event`, `sns_notification`, `step_functions`,
    /// `json`, `text`, `binary` …
    pub payload: String,
    /// The producer's error code, verbatim: `429`, `NO_PERMISSIONS`.
    pub code: Option<String>,
    /// Exception class, verbatim: `java.net.SocketTimeoutException`.
    pub exception: Option<String>,
    /// Error text, with the parts that vary between messages masked.
    pub message: Option<String>,
    /// Innermost place of the application's own code in the stack trace of one of the messages:
    /// `worker.py line 12`.
    #[serde(default)]
    pub place: Option<String>,
    /// Number of messages in the sample.
    pub count: u64,
    /// Ids in `messages.ndjson`.
    pub messages: Vec<String>,
    /// Number of different contents; fewer than `count` means repeats.
    pub distinct: u64,
    pub first_sent_at: Option<Timestamp>,
    pub last_sent_at: Option<Timestamp>,
    /// The rule that found the error in a log: `message_id` or `recurrence`; null when the messages
    /// carry the error themselves, or there is none.
    #[serde(default)]
    pub found_by: Option<FoundBy>,
    /// Ids in `logs.json` of the output that holds the error.
    #[serde(default)]
    pub logs: Vec<String>,
}

/// `timeline.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// Moments in the order of time.
    pub timeline: Vec<Moment>,
}

/// A dated fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// `t1`, `t2` …
    pub id: String,
    pub at: Timestamp,
    /// A phrase that describes the moment.
    pub what: String,
    /// Ids of the items concerned.
    pub items: Vec<String>,
}

/// `logs.json`: output of the configured log commands, and searches in CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Logs {
    /// Commands in the order of the configuration, then searches.
    pub logs: Vec<Log>,
}

impl Logs {
    /// Whether a search was too early to be complete.
    pub fn is_early(&self) -> bool {
        self.logs.iter().any(|log| log.answer.is_some_and(AnswerKind::is_early))
    }
}

/// Output of one command, or a search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Log {
    /// `log:1`, `log:2` …
    pub id: String,
    /// Command line with placeholders filled in; of a search, one that shows what was searched, or
    /// what would have been asked.
    pub command: Vec<String>,
    /// Exit status; null when the command was stopped or could not be started.
    pub status: Option<i32>,
    /// Reason why the command was stopped or could not be started.
    pub detail: Option<String>,
    /// File with the redacted output; null when there is none.
    pub file: Option<String>,
    /// Whether output beyond the limit was dropped.
    pub truncated: bool,
    /// The answer of a search; null for a command.
    #[serde(default)]
    pub answer: Option<AnswerKind>,
    /// Log group of a search; null when it is not known.
    #[serde(default)]
    pub group: Option<String>,
    /// Cost of a search; null for a command.
    #[serde(default)]
    pub cost: Option<SearchCost>,
    /// Lines that show a cause.
    #[serde(default)]
    pub lines: Vec<LogLine>,
}

/// Cost of a search in CloudWatch Logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchCost {
    /// Calls of the `aws` command.
    pub calls: u64,
    /// Bytes that it wrote.
    pub bytes: u64,
    pub millis: u64,
}

/// A line of a log that shows a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: Timestamp,
    /// Stream in the log group; empty for the output of a command.
    pub stream: String,
    /// Id of the line in its log, or its number in the output of a command.
    pub event: String,
    /// Ids in `messages.ndjson`.
    pub messages: Vec<String>,
    pub found_by: FoundBy,
    /// The receive of the message to which the line belongs, from 1; null when that is unknown.
    pub receive: Option<u64>,
    /// Receives after which SQS moves a message.
    pub receives: Option<u64>,
    /// The redacted line.
    pub text: String,
}
