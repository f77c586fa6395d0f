//! The lines of an archive: the messages of a move as they were received, and what became of them.
//!
//! An archive is the log of its move: a message has its line before it is sent or deleted, and each
//! result has a line when SQS has confirmed it. Promises: a message that is read from its line is the
//! message that was written; a line that this program has not written is an error. Bodies are not
//! redacted. Pure.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::MoveKind;
use crate::event::Queue;
use crate::rules::evidence::message::{Attribute, Message};
use crate::time::Timestamp;

/// The version of the format, which is the value of `archive` in the first line.
pub const VERSION: u64 = 1;
/// The longest line of an archive, in bytes. SQS has messages of 1 MiB at most; JSON has up to six
/// bytes for a character, and base64 four for three.
pub const LINE_MAX: usize = 8 << 20;
/// The longest name of a queue in the name of an archive, in characters.
const NAME_MAX: usize = 80;
/// The characters of a move's id in the name of its archive.
const ID_PREFIX: usize = 8;

/// The first line of an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchiveHead {
    #[serde(rename = "archive")]
    pub version: u64,
    /// The id of the move.
    #[serde(rename = "move")]
    pub id: String,
    pub kind: MoveKind,
    pub queue: Queue,
    pub incident: Option<String>,
    /// The reason that a person gave.
    pub reason: Option<String>,
    /// `user@host`.
    pub who: String,
    /// The SHA-256 of the plan.
    pub plan: Option<String>,
    pub at: Timestamp,
}

/// A message of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedMessage {
    pub message: Message,
    /// The cause, when it was computed.
    pub fingerprint: Option<String>,
}

/// The outcome for a message, which has a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveResult {
    /// SQS has confirmed that the message was sent.
    Sent {
        /// The id in the dead-letter queue.
        id: String,
        /// The id in the destination.
        new: String,
        /// The ARN of the destination.
        to: String,
        /// The deduplication id, in a FIFO queue.
        dedup: Option<String>,
        /// The bounds of the moment of the send, on the clock of SQS; none in an archive of an older version.
        after: Option<Timestamp>,
        by: Option<Timestamp>,
    },
    /// SQS has confirmed that the message was deleted from the dead-letter queue.
    Deleted { id: String },
    /// The message is about to be put back into the dead-letter queue.
    Restoring { id: String },
    /// SQS has refused the message, which was not put back.
    NotRestored { id: String },
    /// SQS has confirmed that the message was put back into the dead-letter queue.
    Restored {
        /// The id with which it was archived.
        id: String,
        /// The id that it has now.
        new: String,
    },
    /// The message is kept in the archive only: it has died so many times after a redrive.
    Parked { id: String, deaths: u64 },
    /// The message may be in both queues.
    PossibleDuplicate { id: String, new: Option<String>, why: String },
    /// The move has ended.
    Finished { outcome: String },
}

/// A line of an archive.
#[derive(Debug, Clone, PartialEq)]
pub enum ArchiveLine {
    Head(Box<ArchiveHead>),
    Message(Box<ArchivedMessage>, Timestamp),
    Result(MoveResult, Timestamp),
}

/// The wire form of a message: borrowed to write it, owned to read it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageForm<Text, Attributes, System> {
    id: Text,
    body: Text,
    attributes: Attributes,
    system: System,
    fingerprint: Option<Text>,
}

/// The wire form of an attribute: `text` or `base64`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeForm {
    #[serde(rename = "type")]
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

type OwnedMessage = MessageForm<String, BTreeMap<String, AttributeForm>, BTreeMap<String, String>>;

/// A line behind the first one, as it is read: with a message, or with one result.
#[derive(Deserialize)]
struct BodyLine {
    message: Option<OwnedMessage>,
    at: Timestamp,
    #[serde(flatten)]
    result: serde_json::Map<String, Value>,
}

/// Returns the first line of an archive, with its LF.
pub fn head_line(head: &ArchiveHead) -> Vec<u8> {
    ended(serde_json::to_vec(head))
}

/// Returns the line of a message, with its LF; an error for a message that no line has room for.
pub fn message_line(
    message: &Message,
    fingerprint: Option<&str>,
    at: Timestamp,
) -> Result<Vec<u8>, String> {
    #[derive(Serialize)]
    struct Line<'a> {
        message:
            MessageForm<&'a str, BTreeMap<&'a str, AttributeForm>, &'a BTreeMap<String, String>>,
        at: Timestamp,
    }
    let attributes = message.attributes.iter().map(|(name, value)| {
        let known = message.attribute_types.get(name).cloned();
        let (text, base64, usual) = match value {
            Attribute::Text(text) => (Some(text.clone()), None, "String"),
            Attribute::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes)), "Binary"),
        };
        let data_type = known.unwrap_or_else(|| usual.into());
        (name.as_str(), AttributeForm { data_type, text, base64 })
    });
    let message = MessageForm {
        id: message.id.as_str(),
        body: message.body.as_str(),
        attributes: attributes.collect(),
        system: &message.system,
        fingerprint,
    };
    let line = ended(serde_json::to_vec(&Line { message, at }));
    match line.len() {
        0..=LINE_MAX => Ok(line),
        more => Err(format!("a message needs a line of {more} bytes, more than {LINE_MAX}")),
    }
}

/// Returns the line of a result, with its LF.
pub fn result_line(result: &MoveResult, at: Timestamp) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        result: &'a MoveResult,
        at: Timestamp,
    }
    ended(serde_json::to_vec(&Line { result, at }))
}

/// Types with string keys and finite numbers always encode.
fn ended(line: serde_json::Result<Vec<u8>>) -> Vec<u8> {
    let mut line = line.unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a line without its LF. The `first` line of an archive is its head.
pub fn read_line(line: &[u8], first: bool) -> Result<ArchiveLine, String> {
    if first {
        let read = serde_json::from_slice::<ArchiveHead>(line);
        let head = read.map_err(|error| match is_of_plan(line) {
            true => "it is a plan, which 'dlq-redrive apply' moves, and no archive".to_owned(),
            false => format!("it is no head of an archive: {error}"),
        })?;
        return match head.version {
            VERSION => Ok(ArchiveLine::Head(Box::new(head))),
            other => Err(format!("its version is {other}, this program knows {VERSION}")),
        };
    }
    let line: BodyLine = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    match (line.message, line.result.len()) {
        (Some(form), 0) => Ok(ArchiveLine::Message(Box::new(archived(form)?), line.at)),
        (None, 1) => {
            let result = serde_json::from_value(Value::Object(line.result));
            Ok(ArchiveLine::Result(result.map_err(|e| e.to_string())?, line.at))
        }
        _ => Err("it is neither a message nor a result".into()),
    }
}

/// Whether a line is the first one of a plan.
fn is_of_plan(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line)
        .is_ok_and(|value| value.get("plan").is_some_and(Value::is_u64))
}

fn archived(form: OwnedMessage) -> Result<ArchivedMessage, String> {
    let mut message =
        Message { id: form.id, body: form.body, system: form.system, ..Message::default() };
    for (name, value) in form.attributes {
        let read = match (value.text, value.base64) {
            (Some(text), None) => Attribute::Text(text),
            (None, Some(text)) => {
                let bytes = BASE64_STANDARD.decode(text);
                Attribute::Binary(bytes.map_err(|why| format!("attribute '{name}': {why}"))?)
            }
            _ => return Err(format!("attribute '{name}' has not exactly one value")),
        };
        message.attribute_types.insert(name.clone(), value.data_type);
        message.attributes.insert(name, read);
    }
    Ok(ArchivedMessage { message, fingerprint: form.fingerprint })
}

/// Returns the name of the archive of a move. A name that no queue of AWS has becomes a harmless one.
pub fn file_name(queue: &str, id: &str, at: Timestamp) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = queue.chars().take(NAME_MAX).map(plain).collect();
    // A leading dot would hide the file.
    let name = match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".into(),
        None => name,
    };
    let moment: String = at.to_string().chars().filter(|c| !"-:".contains(*c)).collect();
    let moment = moment.split(['.', 'Z']).next().unwrap_or_default().to_owned();
    let id: String = id.chars().filter(char::is_ascii_hexdigit).take(ID_PREFIX).collect();
    format!("{name}.{moment}Z.{id}.ndjson")
}

/// Decides whether a batch may be added to the archives. `used` is the sum of all of them, in bytes.
pub fn judge_size(used: u64, batch: u64, max: u64) -> Result<(), String> {
    if used.saturating_add(batch) <= max {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Err(format!(
        "the archives have {:.1} GiB, and 'state.archive_max_gib' allows {:.0}; move old archives \
         away, or raise it",
        gib(used),
        gib(max)
    ))
}

#[cfg(test)]
mod tests;
