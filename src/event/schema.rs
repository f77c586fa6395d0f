//! The JSON Schema of what a program emits, derived from the payloads, so that it cannot drift.

use serde_json::{Map, Value, json};

use super::{Severity, Type};
use crate::time::Timestamp;

/// Something that knows its own JSON Schema.
pub trait Shape {
    /// The schema of a value.
    fn shape() -> Value;
}

macro_rules! shapes {
    ($($of:ty => $schema:tt),* $(,)?) => {
        $(impl Shape for $of { fn shape() -> Value { json!($schema) } })*
    };
}

shapes! {
    u64 => {"type": "integer", "minimum": 0},
    f64 => {"type": "number"},
    bool => {"type": "boolean"},
    String => {"type": "string"},
    Timestamp => {"type": "string", "format": "date-time"},
}

impl<T: Shape> Shape for Option<T> {
    fn shape() -> Value {
        json!({"anyOf": [T::shape(), {"type": "null"}]})
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn shape() -> Value {
        json!({"type": "array", "items": T::shape()})
    }
}

/// The schema of an object of ours: every key is there, and a list that was cut says so.
pub(super) fn object(keys: Vec<(&'static str, Value)>) -> Value {
    let required: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let mut properties: Map<String, Value> =
        keys.iter().map(|(key, shape)| ((*key).to_owned(), shape.clone())).collect();
    properties.insert("truncated".into(), bool::shape());
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The JSON Schema of a line of a program that emits these types.
pub fn of(tool: &str, emits: &[Type]) -> Value {
    let kinds: Vec<Value> = emits
        .iter()
        .map(|kind| {
            json!({
                "type": "object",
                "properties": {
                    "specversion": {"const": "1.0"},
                    "id": {"type": "string", "format": "uuid"},
                    "source": {"const": tool},
                    "type": {"const": kind.as_str()},
                    "subject": String::shape(),
                    "time": Timestamp::shape(),
                    "incident": {"type": "string", "format": "uuid"},
                    "severitytext": {"enum": Severity::ALL.map(Severity::as_str)},
                    "data": kind.shape(),
                },
                "required": ["specversion", "id", "source", "type", "time", "severitytext", "data"],
                "additionalProperties": false,
            })
        })
        .collect();
    // A list of none would be no schema: who originates nothing has no valid line.
    let (keyword, kinds) = match kinds.as_slice() {
        [] => ("not", json!({})),
        _ => ("oneOf", Value::Array(kinds)),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("a line that {tool} originates"),
        keyword: kinds,
    })
}
