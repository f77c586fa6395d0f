//! The head of a line: the fields that filters decide by, borrowed from the line.
//!
//! The payload is not decoded, but the whole line is checked: UTF-8, and JSON to its last byte.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny};

use super::{Severity, Type};
use crate::text::shorten;
use crate::time::Timestamp;

/// The longest text of a head that is kept without its payload, in characters.
const TEXT_MAX: usize = 500;

/// The envelope of an event.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Head<'a> {
    #[serde(deserialize_with = "version")]
    pub(super) specversion: (),
    /// The type, when it is a known one.
    #[serde(skip)]
    pub known: Option<Type>,
    /// The type as the line has it.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    /// Unique together with `source`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The program that wrote the line.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// The time as the line has it.
    #[serde(borrow, default, deserialize_with = "text")]
    pub(super) time: Option<Cow<'a, str>>,
    /// The queue's name, or `owner/repo#123`.
    #[serde(borrow, default, deserialize_with = "text")]
    pub subject: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub incident: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text", rename = "severitytext")]
    pub(super) severity: Option<Cow<'a, str>>,
}

/// Reads a text that may be absent, but not null. Borrows it unless it has escapes.
pub(super) fn text<'de: 'a, 'a, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Text::deserialize(from).map(|text| Some(text.0))
}

/// Refuses another version of CloudEvents than 1.0.
pub(super) fn version<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    match text(from)?.as_deref() {
        Some("1.0") => Ok(()),
        _ => Err(D::Error::custom("unknown version")),
    }
}

impl Head<'_> {
    /// Returns the time; None when the line has none or an invalid one.
    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::parse(self.time.as_deref()?)
    }

    /// Returns the severity, which is INFO for an event without one.
    pub fn severity(&self) -> Severity {
        self.severity.as_deref().and_then(Severity::parse).unwrap_or(Severity::Info)
    }
}

impl Head<'_> {
    /// Returns a line with the head alone, for an event that is too long to keep.
    pub fn without_payload(&self) -> String {
        let mut line = serde_json::json!({
            "specversion": "1.0",
            "id": shorten(&self.id, TEXT_MAX),
            "source": shorten(&self.source, TEXT_MAX),
            "type": shorten(&self.kind, TEXT_MAX),
            "severitytext": self.severity(),
            "data": {},
        });
        let texts =
            [("time", &self.time), ("subject", &self.subject), ("incident", &self.incident)];
        for (key, text) in texts {
            if let Some(text) = text {
                line[key] = shorten(text, TEXT_MAX).into();
            }
        }
        line.to_string()
    }
}

/// The kinds of lines.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// An event of CloudEvents 1.0.
    Event(Head<'a>),
    /// A JSON object that is not an event of CloudEvents 1.0, or has a field of the head twice or
    /// of a wrong type: passed on, not acted on.
    Object,
    /// Anything but a JSON object in UTF-8, with the reason.
    Bad(&'static str),
}

/// Reads the head of a line (without its LF).
pub fn peek(line: &[u8]) -> Line<'_> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Line::Bad("not UTF-8");
    };
    // Serde would also read the fields from an array.
    let is_object = text.trim_start().starts_with('{');
    if is_object && let Ok(head) = serde_json::from_str::<Head>(text) {
        return Line::Event(Head { known: Type::parse(&head.kind), ..head });
    }
    // `IgnoredAny` checks the syntax alone, at any depth.
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) if is_object => Line::Object,
        Ok(_) => Line::Bad("JSON, but not an object"),
        Err(_) => Line::Bad("not JSON"),
    }
}
