//! Events: the only place that names an event type or a JSON key of an event.
//!
//! The envelope is CloudEvents 1.0 in JSON, one object a line. This file has the envelope and its
//! reader; `data.rs` has a payload for each type; `schema.rs` derives the JSON Schema. Reading is
//! liberal (unknown types and fields pass unchanged), writing is strict (a type is written through
//! its payload only). Pure: the present is an argument.

mod data;
mod head;
mod health;
mod pull_request;
mod schema;
mod shown;

pub use data::*;
pub use head::{Head, Line, peek};
pub use health::{HealthCheck, HealthReport};
pub use pull_request::{PullRequest, PullRequestNews};
pub use schema::{JsonSchema, line_schema};
pub use shown::{
    RecordedType, ShownData, ShownEvent, ShownProofFields, ShownRequestFields, ShownVerdictFields,
};

pub(crate) use crate::words::words;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// Size limit of the line of an event, in bytes: writes up to `PIPE_BUF` of Linux into one pipe are atomic.
pub const LINE_MAX: usize = 4096;

words! {
    #[derive(Default)]
    /// The severity of an event for people, mildest first.
    Severity {
        Debug = "DEBUG",
        #[default]
        Info = "INFO",
        Warn = "WARN",
        Error = "ERROR",
        Fatal = "FATAL",
    }
}

words! {
    /// The programs, by their names: the `source` of the events that they write.
    ToolName {
        Poll = "dlq-poll",
        Peek = "dlq-peek",
        Investigate = "dlq-investigate",
        Notify = "dlq-notify",
        Prs = "dlq-prs",
        Log = "dlq-log",
        Status = "dlq-status",
        Say = "dlq-say",
        Dash = "dlq-dash",
        Redrive = "dlq-redrive",
        Purge = "dlq-purge",
        Metrics = "dlq-metrics",
        Doctor = "dlq-doctor",
    }
}

impl ToolName {
    /// Returns the types of the events that the program writes.
    pub fn emits(self) -> Vec<Type> {
        Type::ALL.iter().copied().filter(|kind| kind.emitter() == self).collect()
    }
}

impl Type {
    /// Returns whether `kind`, known or not, shares this type's noun: `queue.raised`,
    /// `queue.new_one`.
    pub fn is_of_family(self, kind: &str) -> bool {
        let noun = |kind: &str| kind.find('.').map_or(kind.len(), |dot| dot + 1);
        let (own, dot) = (self.as_str(), noun(self.as_str()));
        kind.get(..dot) == own.get(..dot)
    }
}

/// Returns the names of all types: those that the programs write, and those of recorded streams.
pub fn known_types() -> Vec<&'static str> {
    let written = Type::ALL.iter().map(|kind| kind.as_str());
    let recorded = RecordedType::ALL.iter().map(|kind| kind.as_str());
    let mut all: Vec<&str> = written.chain(recorded).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The `data` of one event type.
pub trait Payload: Serialize + DeserializeOwned + JsonSchema {
    const TYPE: Type;
    /// Returns the severity, which some payloads decide instead of their type.
    fn severity(&self) -> Severity;
}

/// An event of this family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event<D> {
    specversion: String,
    /// Unique together with `source`. Derived for edges and decisions: a repetition has the same
    /// id.
    pub id: String,
    /// The name of the program.
    pub source: String,
    #[serde(rename = "type")]
    kind: String,
    /// The queue's name, or `owner/repo#123`; absent for an event about neither.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub time: Timestamp,
    /// The id of the incident, which lasts from the first raise to the final clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(rename = "severitytext")]
    severity: Severity,
    pub data: D,
}

impl<D: Payload> Event<D> {
    /// Returns an event of the program that writes the type.
    pub fn new(id: String, subject: &str, time: Timestamp, data: D) -> Self {
        Event {
            specversion: "1.0".into(),
            id,
            source: D::TYPE.emitter().as_str().into(),
            kind: D::TYPE.as_str().into(),
            subject: subject.into(),
            time,
            incident: None,
            severity: data.severity(),
            data,
        }
    }

    /// Returns an event whose id is derived from its program and `parts`.
    pub fn derived(parts: &[&str], subject: &str, time: Timestamp, data: D) -> Self {
        let id = derived_id(&[&[D::TYPE.emitter().as_str()], parts].concat());
        Event::new(id, subject, time, data)
    }

    #[must_use]
    pub fn of_incident(mut self, incident: impl Into<Option<String>>) -> Self {
        self.incident = incident.into();
        self
    }

    /// Returns the line with its LF, below [`LINE_MAX`]. Longer lists and texts are cut, and their
    /// object then has `truncated: true`.
    pub fn line(&self) -> Vec<u8> {
        // The result is copied without spare capacity: thousands of lines may wait together.
        let mut line = Vec::with_capacity(LINE_MAX);
        let mut value = match serde_json::to_writer(&mut line, self) {
            Ok(()) if line.len() < LINE_MAX - 1 => return ended(&line),
            // Types with string keys and finite numbers always encode.
            _ => serde_json::to_value(self).unwrap_or_default(),
        };
        loop {
            let line = value.to_string();
            if line.len() < LINE_MAX - 1 || !cut_longest(&mut value) {
                return ended(line.as_bytes());
            }
        }
    }
}

fn ended(line: &[u8]) -> Vec<u8> {
    [line, b"\n"].concat()
}

/// Halves the longest list of the payload, or its longest text when there is no list.
fn cut_longest(event: &mut Value) -> bool {
    let Some(data) = event.get_mut("data") else {
        return false;
    };
    let size = longest(data);
    size > 64 && cut_first(data, size)
}

/// Returns the size of the longest value in an object. Any list is longer than any text.
fn longest(object: &Value) -> usize {
    let items = object.as_object().into_iter().flat_map(serde_json::Map::values);
    items.map(|item| size(item).max(longest(item))).max().unwrap_or(0)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) if items.len() > 1 => 10_000 + items.len(),
        Value::String(text) => text.len(),
        _ => 0,
    }
}

/// Halves the first value of this size, and marks the object that has it.
fn cut_first(object: &mut Value, longest: usize) -> bool {
    let Value::Object(items) = object else {
        return false;
    };
    for item in items.values_mut() {
        if size(item) != longest {
            if cut_first(item, longest) {
                return true;
            }
            continue;
        }
        match item {
            Value::Array(list) => list.truncate(list.len() / 2),
            Value::String(text) => text.truncate(text.floor_char_boundary(text.len() / 2)),
            _ => {}
        }
        items.insert("truncated".into(), Value::Bool(true));
        return true;
    }
    false
}

/// Reads an event of a known type; None when its payload is not of that type.
pub fn read<D: Payload>(line: &[u8]) -> Option<Event<D>> {
    // One instance of the decoder for the envelope of all types keeps programs small.
    let event: Event<&RawValue> = serde_json::from_slice(line).ok()?;
    if event.kind != D::TYPE.as_str() {
        return None;
    }
    Some(Event {
        data: serde_json::from_str(event.data.get()).ok()?,
        specversion: event.specversion,
        id: event.id,
        source: event.source,
        kind: event.kind,
        subject: event.subject,
        time: event.time,
        incident: event.incident,
        severity: event.severity,
    })
}

/// Reads the names of the account of an event's queue: as people call it, the profile, and the id.
pub fn accounts(line: &[u8]) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Line {
        data: Data,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Data {
        queue: QueueFields,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct QueueFields {
        account: Option<String>,
        profile: Option<String>,
        arn: Option<String>,
    }
    let Line { data: Data { queue } } = serde_json::from_slice(line).unwrap_or_default();
    let id = queue.arn.as_deref().and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
    [queue.account, queue.profile, id].into_iter().flatten().collect()
}

/// Reads the session that an event is about; None when its payload names none.
pub fn session_of(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        data: Data,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Data {
        session: Option<String>,
    }
    serde_json::from_slice::<Line>(line).ok()?.data.session
}

/// Derives an id from its parts: a UUIDv8 from their SHA-256. Equal parts have equal ids.
pub fn derived_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length distinguishes ("ab", "c") from ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// Returns a new id for an event that is never repeated, such as a heartbeat: a UUIDv7 at `now`.
/// `salt` distinguishes two of the same millisecond.
pub fn fresh_id(now: Timestamp, salt: &str) -> String {
    let mut random = [0; 10];
    random.copy_from_slice(&Sha256::digest(format!("{salt} {}", now.millis()))[..10]);
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

pub mod stream_time;
#[cfg(test)]
mod tests;
