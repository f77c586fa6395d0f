//! The JSON Schema of the lines of a program, derived from its event types and their payloads.

use serde_json::{Map, Value, json};

use super::{Severity, ToolName};
use crate::money::Usd;
use crate::time::Timestamp;

/// A type with a JSON Schema.
pub trait JsonSchema {
    fn shape() -> Value;
}

macro_rules! shapes {
    ($($of:ty => $schema:tt),* $(,)?) => {
        $(impl JsonSchema for $of { fn shape() -> Value { json!($schema) } })*
    };
}

shapes! {
    u64 => {"type": "integer", "minimum": 0},
    f64 => {"type": "number"},
    Usd => {"type": "number"},
    bool => {"type": "boolean"},
    String => {"type": "string"},
    Timestamp => {"type": "string", "format": "date-time"},
}

impl<T: JsonSchema> JsonSchema for Option<T> {
    fn shape() -> Value {
        json!({"anyOf": [T::shape(), {"type": "null"}]})
    }
}

impl<T: JsonSchema> JsonSchema for Box<T> {
    fn shape() -> Value {
        T::shape()
    }
}

impl<T: JsonSchema> JsonSchema for Vec<T> {
    fn shape() -> Value {
        json!({"type": "array", "items": T::shape()})
    }
}

/// Returns the schema of an object: every key is required, and `truncated` is optional.
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

/// Returns the JSON Schema of a line that the program writes.
pub fn line_schema(tool: ToolName) -> Value {
    let kinds: Vec<Value> = tool
        .emits()
        .into_iter()
        .map(|kind| {
            json!({
                "type": "object",
                "properties": {
                    "specversion": {"const": "1.0"},
                    "id": {"type": "string", "format": "uuid"},
                    "source": {"const": tool.as_str()},
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
    // An empty `oneOf` is not a valid schema. A program without events has no valid line.
    let (keyword, kinds) = match kinds.as_slice() {
        [] => ("not", json!({})),
        _ => ("oneOf", Value::Array(kinds)),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("a line that {} originates", tool.as_str()),
        keyword: kinds,
    })
}
