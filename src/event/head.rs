//! The head of a line: what a filter needs to know, borrowed from the line, without decoding the
//! rest. The whole line is nevertheless checked: UTF-8, and JSON to its last byte.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Severity, Type};
use crate::time::Timestamp;

/// The envelope of an event, as far as it is there and of the right kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Head<'a> {
    /// The type, when it is one of ours.
    pub known: Option<Type>,
    /// The type as written.
    pub kind: Cow<'a, str>,
    /// The id; unique together with `source`.
    pub id: Cow<'a, str>,
    /// The tool, or whoever wrote the line.
    pub source: Cow<'a, str>,
    /// The time as written.
    time: Option<Cow<'a, str>>,
    /// The queue's name, or `owner/repo#123`.
    pub subject: Option<Cow<'a, str>>,
    /// From the first raise to the final clear.
    pub incident: Option<Cow<'a, str>>,
    severity: Option<Cow<'a, str>>,
}

impl Head<'_> {
    /// When it happened, when that can be read.
    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::parse(self.time.as_deref()?)
    }

    /// How much it matters; an event that does not say is as one that only informs.
    pub fn severity(&self) -> Severity {
        self.severity.as_deref().and_then(Severity::parse).unwrap_or(Severity::Info)
    }
}

/// What a line is.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// A JSON object whose head is that of an event.
    Event(Head<'a>),
    /// A JSON object that is no event of CloudEvents 1.0, or has a head that is duplicated or of
    /// the wrong type: passed on, not acted on.
    Object,
    /// Not a JSON object in UTF-8, and why.
    Bad(&'static str),
}

/// Reads the head of a line (without its LF).
pub fn peek(line: &[u8]) -> Line<'_> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Line::Bad("not UTF-8");
    };
    match serde_json::from_str::<Fields>(text) {
        Ok(fields) => fields.head().map_or(Line::Object, Line::Event),
        // Perhaps only its head is odd. `IgnoredAny` checks the syntax alone, at any depth.
        Err(_) => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) if text.trim_start().starts_with('{') => Line::Object,
            Ok(_) => Line::Bad("JSON, but not an object"),
            Err(_) => Line::Bad("not JSON"),
        },
    }
}

/// The fields as they come; `twice` when one of them came again.
#[derive(Default)]
struct Fields<'a> {
    found: [Option<Cow<'a, str>>; Field::Other as usize],
    twice: bool,
}

#[derive(Clone, Copy, PartialEq)]
#[repr(usize)]
enum Field {
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

impl<'a> Fields<'a> {
    fn head(mut self) -> Option<Head<'a>> {
        let mut take = |field: Field| self.found[field as usize].take();
        if self.twice || take(Field::SpecVersion)? != "1.0" {
            return None;
        }
        let kind = take(Field::Type)?;
        Some(Head {
            known: Type::parse(&kind),
            kind,
            id: take(Field::Id)?,
            source: take(Field::Source)?,
            time: take(Field::Time),
            subject: take(Field::Subject),
            incident: take(Field::Incident),
            severity: take(Field::Severity),
        })
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(field) = map.next_key_seed(Key)? {
                    if field == Field::Other {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let value = map.next_value_seed(Text)?;
                    fields.twice |= fields.found[field as usize].replace(value).is_some();
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A key, recognised without being copied.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Field;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Field, E> {
        Ok(match key {
            "specversion" => Field::SpecVersion,
            "id" => Field::Id,
            "source" => Field::Source,
            "type" => Field::Type,
            "time" => Field::Time,
            "subject" => Field::Subject,
            "incident" => Field::Incident,
            "severitytext" => Field::Severity,
            _ => Field::Other,
        })
    }
}

/// A text, borrowed unless it has escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
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
