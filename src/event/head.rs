//! The head of a line: the fields that filters decide by, borrowed from the line.
//!
//! The payload is not decoded, but the whole line is checked: UTF-8, and JSON to its last byte.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Severity, Type};
use crate::time::Timestamp;

/// The envelope of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Head<'a> {
    /// The type, when it is a known one.
    pub known: Option<Type>,
    /// The type as the line has it.
    pub kind: Cow<'a, str>,
    /// Unique together with `source`.
    pub id: Cow<'a, str>,
    /// The program that wrote the line.
    pub source: Cow<'a, str>,
    /// The time as the line has it.
    time: Option<Cow<'a, str>>,
    /// The queue's name, or `owner/repo#123`.
    pub subject: Option<Cow<'a, str>>,
    pub incident: Option<Cow<'a, str>>,
    severity: Option<Cow<'a, str>>,
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

/// The kinds of lines.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// An event of CloudEvents 1.0.
    Event(Head<'a>),
    /// A JSON object that is not an event of CloudEvents 1.0, or has a field of the head twice or of
    /// a wrong type: passed on, not acted on.
    Object,
    /// Anything but a JSON object in UTF-8, with the reason.
    Bad(&'static str),
}

/// Reads the head of a line (without its LF).
pub fn peek(line: &[u8]) -> Line<'_> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Line::Bad("not UTF-8");
    };
    match serde_json::from_str::<HeadFields>(text) {
        Ok(fields) => fields.head().map_or(Line::Object, Line::Event),
        // The head may have a wrong type. `IgnoredAny` checks the syntax alone, at any depth.
        Err(_) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) if text.trim_start().starts_with('{') => Line::Object,
            Ok(_) => Line::Bad("JSON, but not an object"),
            Err(_) => Line::Bad("not JSON"),
        },
    }
}

/// The fields of the head as they were read; `twice` after a repeated one.
#[derive(Default)]
struct HeadFields<'a> {
    found: [Option<Cow<'a, str>>; HeadField::Other as usize],
    twice: bool,
}

#[derive(Clone, Copy, PartialEq)]
#[repr(usize)]
enum HeadField {
    SpecVersion,
    Id,
    Source,
    Type,
    Time,
    Subject,
    Incident,
    Severity,
    Other,
}

impl<'a> HeadFields<'a> {
    fn head(mut self) -> Option<Head<'a>> {
        let mut take = |field: HeadField| self.found[field as usize].take();
        if self.twice || take(HeadField::SpecVersion)? != "1.0" {
            return None;
        }
        let kind = take(HeadField::Type)?;
        Some(Head {
            known: Type::parse(&kind),
            kind,
            id: take(HeadField::Id)?,
            source: take(HeadField::Source)?,
            time: take(HeadField::Time),
            subject: take(HeadField::Subject),
            incident: take(HeadField::Incident),
            severity: take(HeadField::Severity),
        })
    }
}

impl<'de> Deserialize<'de> for HeadFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = HeadFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeadFields<'de>, A::Error> {
                let mut fields = HeadFields::default();
                while let Some(field) = map.next_key_seed(FieldKey)? {
                    if field == HeadField::Other {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let value = map.next_value_seed(FieldText)?;
                    fields.twice |= fields.found[field as usize].replace(value).is_some();
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Recognises a key without copying it.
struct FieldKey;

impl<'de> DeserializeSeed<'de> for FieldKey {
    type Value = HeadField;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<HeadField, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldKey {
    type Value = HeadField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<HeadField, E> {
        Ok(match key {
            "specversion" => HeadField::SpecVersion,
            "id" => HeadField::Id,
            "source" => HeadField::Source,
            "type" => HeadField::Type,
            "time" => HeadField::Time,
            "subject" => HeadField::Subject,
            "incident" => HeadField::Incident,
            "severitytext" => HeadField::Severity,
            _ => HeadField::Other,
        })
    }
}

/// Reads text, borrowed unless it has escapes.
struct FieldText;

impl<'de> DeserializeSeed<'de> for FieldText {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for FieldText {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
