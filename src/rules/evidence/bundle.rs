//! An evidence bundle: what was captured of an incident's dead letters, once, for everybody after.
//!
//! The forms of its files, as they stand on disk. Every item has an id (`m1`, `f1`, `t1`,
//! `q.retention_s`, `lint.chained`, `log:1`) that whoever claims something has to cite. Promises:
//! what is unknown is null. All text in it comes from outside, redacted: data, never instructions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Finding, Queue};
use crate::time::Timestamp;

/// The names of a bundle's files.
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
    /// `m1`, `m2` …, in the order of receiving.
    pub id: String,
    /// The id that SQS gave it.
    pub message_id: String,
    /// The fingerprint that it has.
    pub fingerprint: String,
    /// Always true: whoever wrote the message may be an attacker.
    pub untrusted: bool,
    /// When it was first sent; null when SQS does not say.
    pub sent_at: Option<Timestamp>,
    /// When it was first received.
    pub first_received_at: Option<Timestamp>,
    /// How often it has been received by anybody, this time included.
    pub receives: Option<u64>,
    /// The queue that it died in, as SQS says: an ARN.
    pub source_arn: Option<String>,
    /// What SQS says of it, all of it.
    pub system: BTreeMap<String, String>,
    /// What its producer said of it.
    pub attributes: BTreeMap<String, String>,
    /// How it was wrapped, outermost first: `base64`, `gzip`, `sns` …
    pub wrapped: Vec<String>,
    /// `json`, `text` or `binary`.
    pub form: String,
    /// The bytes of the body as it was received.
    pub size: u64,
    /// What was in the wrapping, redacted: a JSON value, a text, or null for binary.
    pub body: Value,
}

/// `queue.json`. The keys are the ids.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct QueueFacts {
    /// The queue, as events name it.
    #[serde(rename = "q.queue")]
    pub queue: Queue,
    /// When it was asked.
    #[serde(rename = "q.asked_at")]
    pub asked_at: Option<Timestamp>,
    /// `visible` + `in_flight` + `delayed`, before the sample was taken.
    #[serde(rename = "q.depth")]
    pub depth: Option<u64>,
    /// Messages that can be received.
    #[serde(rename = "q.visible")]
    pub visible: Option<u64>,
    /// Messages that somebody had received and not yet deleted.
    #[serde(rename = "q.in_flight")]
    pub in_flight: Option<u64>,
    /// Messages whose delay has not passed.
    #[serde(rename = "q.delayed")]
    pub delayed: Option<u64>,
    /// How long it keeps a message, in seconds.
    #[serde(rename = "q.retention_s")]
    pub retention_s: Option<u64>,
    /// How long a received message stays invisible, in seconds.
    #[serde(rename = "q.visibility_s")]
    pub visibility_s: Option<u64>,
    /// The queues that send it their dead letters; null when they could not be asked for.
    #[serde(rename = "q.sources")]
    pub sources: Option<Vec<SourceFacts>>,
    /// What could be better about it and its sources.
    #[serde(rename = "q.lint")]
    pub lint: Vec<Finding>,
}

/// A queue that sends its dead letters there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// How many messages it holds.
    pub depth: Option<u64>,
    /// Messages that its consumers are working on.
    pub in_flight: Option<u64>,
    /// How long it keeps a message, in seconds.
    pub retention_s: Option<u64>,
    /// How long a received message stays invisible, in seconds.
    pub visibility_s: Option<u64>,
    /// After how many receives a message is a dead letter.
    pub max_receive_count: Option<u64>,
}

/// `fingerprints.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fingerprints {
    /// The groups, the largest first; equal ones by the fingerprint.
    pub fingerprints: Vec<Group>,
}

/// The messages of one cause. Everything but `messages` and the times depends on the cause alone:
/// not on the queue, the machine, or the order of the messages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Group {
    /// `f1`, `f2` …: what a claim cites.
    pub item: String,
    /// The fingerprint: 16 hex digits.
    pub id: String,
    /// The version of the rules that made it.
    pub version: u32,
    /// A line for people.
    pub title: String,
    /// What decided: `producer_error`, `error_text`, `shape`, or `opaque`.
    pub kind: String,
    /// Which parts decided, each a phrase: `error code 'AccessDenied' (EventBridge)`.
    pub why: Vec<String>,
    /// Who put the messages there: `sqs`, `lambda_async`, `lambda_destination`,
    /// `eventbridge_rule`, `scheduler`, `sns` …
    pub producer: String,
    /// What the payload is: `s3_event`, `eventbridge_event`, `sns_notification`,
    /// `step_functions`, `json`, `text`, `binary` …
    pub payload: String,
    /// The producer's error code, as it says: `429`, `NO_PERMISSIONS`.
    pub code: Option<String>,
    /// The class of the exception, as the text says: `java.net.SocketTimeoutException`.
    pub exception: Option<String>,
    /// The error's text, with what differs from message to message masked.
    pub message: Option<String>,
    /// How many messages of the sample.
    pub count: u64,
    /// Their ids in `messages.ndjson`.
    pub messages: Vec<String>,
    /// How many different contents they have: fewer than `count` means repeats.
    pub distinct: u64,
    /// When the first of them was sent.
    pub first_sent_at: Option<Timestamp>,
    /// When the last of them was sent.
    pub last_sent_at: Option<Timestamp>,
}

/// `timeline.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// What happened, the first first.
    pub timeline: Vec<Moment>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// `t1`, `t2` …
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What, in a phrase.
    pub what: String,
    /// The items that it concerns.
    pub items: Vec<String>,
}

/// `logs.json`: what the configured commands have brought.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Logs {
    /// The commands, in the order of the configuration.
    pub logs: Vec<Log>,
}

/// The output of a command.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Log {
    /// `log:1`, `log:2` …
    pub id: String,
    /// The command, with what was put into it.
    pub command: Vec<String>,
    /// Its exit status; null when it was stopped or could not be started.
    pub status: Option<i32>,
    /// What else there is to say: that it could not be started, or was stopped.
    pub detail: Option<String>,
    /// The file with its output, redacted; null when there is none.
    pub file: Option<String>,
    /// Whether it wrote more than is kept.
    pub truncated: bool,
}
