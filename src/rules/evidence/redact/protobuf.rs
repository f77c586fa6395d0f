//! Protocol buffers without their schema: fields by number, as JSON.
//!
//! Promises: a message is decoded wholly or not at all; depth is bounded. Bytes that are a message
//! by chance are rare: at least one field must be a text with letters.

use serde_json::{Map, Value};

use super::opaque;
use crate::rules::evidence::decode::is_printable;

/// Limit on messages within one another.
const DEPTH_MAX: usize = 4;
/// Limit on the number of a field.
const FIELD_MAX: u64 = 4096;
/// Minimum length of a text.
const TEXT_MIN: usize = 4;

/// Decodes a message that contains a text.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    let value = message(bytes, DEPTH_MAX)?;
    contains_text(&value).then_some(value)
}

fn contains_text(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() >= TEXT_MIN && !text.starts_with('<'),
        Value::Array(values) => values.iter().any(contains_text),
        Value::Object(map) => map.values().any(contains_text),
        _ => false,
    }
}

fn message(mut bytes: &[u8], depth: usize) -> Option<Value> {
    let mut fields = Map::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let number = tag >> 3;
        if !(1..=FIELD_MAX).contains(&number) {
            return None;
        }
        let value = match tag & 7 {
            0 => Value::from(varint(&mut bytes)?),
            1 => Value::from(u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?)),
            5 => Value::from(u32::from_le_bytes(take(&mut bytes, 4)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                text_or_message(take(&mut bytes, length)?, depth)
            }
            _ => return None,
        };
        match fields.get_mut(&number.to_string()) {
            None => drop(fields.insert(number.to_string(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn text_or_message(bytes: &[u8], depth: usize) -> Value {
    match std::str::from_utf8(bytes) {
        Ok("") => Value::String(String::new()),
        Ok(text) if is_printable(text) => Value::String(text.to_owned()),
        _ => {
            let inner = depth.checked_sub(1).and_then(|depth| message(bytes, depth));
            inner.unwrap_or_else(|| Value::String(opaque(bytes)))
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes, 1)? else { return None };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
