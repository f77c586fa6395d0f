//! The wire schema: the only place that names an event type or a JSON key of an event.
//!
//! The envelope is CloudEvents 1.0 in JSON, one object a line. This file holds the envelope and
//! its reader; `data.rs` holds a payload per type; `schema.rs` derives the JSON Schema from both.
//! Reading is liberal (what we do not know passes untouched), writing is strict (a type can only
//! be written through its payload). It never reads a clock and never draws at random, save
//! [`fresh_id`], which takes the moment as an argument.

mod data;
mod head;
mod schema;

pub use data::*;
pub use head::{Head, Line, peek};
pub use schema::{Shape, of as schema_of};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// An event stays below this, so that several writers into one pipe cannot tear each other's
/// lines (`PIPE_BUF` on Linux).
pub const LINE_MAX: usize = 4096;

/// How much an event matters to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Severity {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Severity; 5] =
        [Severity::Debug, Severity::Info, Severity::Warn, Severity::Error, Severity::Fatal];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Debug => "DEBUG",
            Severity::Info => "INFO",
            Severity::Warn => "WARN",
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }

    /// Reads the word on the wire, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Severity::ALL.into_iter().find(|severity| severity.as_str().eq_ignore_ascii_case(word))
    }
}

impl Type {
    /// Whether a type, known or not, has the same noun: `queue.raised`, `queue.of_tomorrow`.
    pub fn is_of_family(self, kind: &str) -> bool {
        let noun = |kind: &str| kind.find('.').map_or(kind.len(), |dot| dot + 1);
        let (own, dot) = (self.as_str(), noun(self.as_str()));
        kind.get(..dot) == own.get(..dot)
    }
}

/// What an event of one type carries under `data`.
pub trait Payload: Serialize + DeserializeOwned + Shape {
    /// The type on the wire.
    const TYPE: Type;
    /// How much it matters; some payloads know better than their type.
    fn severity(&self) -> Severity;
}

/// An event of ours, before it becomes a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event<D> {
    specversion: String,
    /// Unique together with `source`; derived for edges and decisions, so that a repeat is equal.
    pub id: String,
    /// The tool's name.
    pub source: String,
    #[serde(rename = "type")]
    kind: String,
    /// The queue's name, or `owner/repo#123`; absent when it is about neither.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// From the first raise to the final clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(rename = "severitytext")]
    severity: Severity,
    /// The payload.
    pub data: D,
}

impl<D: Payload> Event<D> {
    /// An event of ours.
    pub fn new(source: &str, id: String, subject: &str, time: Timestamp, data: D) -> Self {
        Event {
            specversion: "1.0".into(),
            id,
            source: source.into(),
            kind: D::TYPE.as_str().into(),
            subject: subject.into(),
            time,
            incident: None,
            severity: data.severity(),
            data,
        }
    }

    /// The same, as part of an incident.
    #[must_use]
    pub fn of_incident(mut self, incident: impl Into<Option<String>>) -> Self {
        self.incident = incident.into();
        self
    }

    /// The line, with its LF, below [`LINE_MAX`]: longer lists and texts are cut, and the object
    /// that holds them then says `truncated: true`.
    pub fn line(&self) -> Vec<u8> {
        // Encoded with room to grow, kept without: thousands of lines may wait together.
        let mut line = Vec::with_capacity(LINE_MAX);
        let mut value = match serde_json::to_writer(&mut line, self) {
            Ok(()) if line.len() < LINE_MAX - 1 => return ended(&line),
            // Our own types have string keys and finite numbers: this cannot fail.
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

/// Halves the longest list of the payload, or, when there is none, its longest text.
fn cut_longest(event: &mut Value) -> bool {
    fn size(value: &Value) -> usize {
        match value {
            Value::Array(items) if items.len() > 1 => 10_000 + items.len(),
            Value::String(text) => text.len(),
            _ => 0,
        }
    }
    fn longest(value: &Value, path: &mut Vec<String>, best: &mut (usize, Vec<String>)) {
        if let Value::Object(map) = value {
            for (key, item) in map {
                path.push(key.clone());
                if size(item) > best.0 {
                    *best = (size(item), path.clone());
                }
                longest(item, path, best);
                path.pop();
            }
        }
    }
    let Some(data) = event.get_mut("data") else {
        return false;
    };
    let mut best = (64, Vec::new());
    longest(data, &mut Vec::new(), &mut best);
    let Some((last, parents)) = best.1.split_last() else {
        return false;
    };
    let holder = parents.iter().try_fold(data, |at, key| at.get_mut(key.as_str()));
    let Some(Value::Object(holder)) = holder else {
        return false;
    };
    match holder.get_mut(last) {
        Some(Value::Array(items)) => items.truncate(items.len() / 2),
        Some(Value::String(text)) => {
            let half = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= text.len() / 2);
            let half = half.last().unwrap_or(0);
            text.truncate(half);
        }
        _ => return false,
    }
    holder.insert("truncated".into(), Value::Bool(true));
    true
}

/// Reads a whole event of a known type; `None` when the payload is not what the type promises.
pub fn read<D: Payload>(line: &[u8]) -> Option<Event<D>> {
    // The envelope is decoded by one piece of code for all types, which keeps programs small.
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

/// An id that is the same whenever it is derived from the same parts: UUIDv8 from a SHA-256.
pub fn derived_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// An id for an event that nothing causes and nothing repeats (a heartbeat): UUIDv7 at `now`.
/// `salt` keeps two of the same millisecond apart.
pub fn fresh_id(now: Timestamp, salt: &str) -> String {
    let mut random = [0; 10];
    random.copy_from_slice(&Sha256::digest(format!("{salt} {}", now.millis()))[..10]);
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

pub mod stream_time;
#[cfg(test)]
mod tests;
