//! Unwrapping of a body: base64, gzip, JSON in a string, SNS, CloudWatch Logs.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use serde_json::{Map, Value};

use super::{Content, binary, is_printable};
use crate::rules::evidence::inflate::{gunzip, is_gzip};

/// Name of the mark of byte order.
const MARK: &str = "bom";
/// Limit on nested encodings; deeper nesting is an attack.
const LAYERS_MAX: usize = 6;
/// Limit on the decompressed size: the maximum size of an SQS message.
const UNPACKED_MAX: usize = 1024 * 1024;
/// Minimum length of base64; a shorter text is more likely a word.
const BASE64_MIN: usize = 16;
/// Shortest base64 of bytes that are no text.
const BYTES_MIN: usize = 24;
/// Shortest base64 of a Protocol Buffer.
const BUFFER_MIN: usize = 12;
/// Shortest base64 without padding and signs that is told from an id.
const UNMARKED_MIN: usize = 40;
/// Limit on the attributes of an envelope that are read.
const ATTRIBUTES_MAX: usize = 64;

/// A body without its encodings.
pub(super) struct Unwrapped {
    /// Names of the encodings, outermost first.
    pub layers: Vec<&'static str>,
    /// Attributes of the envelopes.
    pub attributes: Map<String, Value>,
    pub content: Content,
    /// The text of JSON content, as it came.
    pub json_text: Option<String>,
}

/// Removes all encodings of a body.
pub(super) fn unwrap_body(body: &str) -> Unwrapped {
    let (mut layers, mut attributes) = (Vec::new(), Map::new());
    let mut text = Cow::Borrowed(body);
    loop {
        match remove_layer(&text, &mut layers, &mut attributes) {
            Ok(inner) => text = Cow::Owned(inner),
            Err(content) => {
                let is_json = matches!(content, Content::Json(_));
                let json_text = is_json.then(|| without_mark(&text).trim().to_owned());
                return Unwrapped { layers, attributes, content, json_text };
            }
        }
    }
}

/// Returns the outermost encoding that is not a mark of byte order.
pub(super) fn outermost<'w>(wrapped: &[&'w str]) -> Option<&'w str> {
    wrapped.iter().find(|name| **name != MARK).copied()
}

/// Returns the JSON in base64, compressed or not.
pub(super) fn json_in_base64(text: &str) -> Option<Value> {
    let text = decompress_to_text(decode_base64(text)?, &mut Vec::new()).ok()?;
    serde_json::from_str(&text).ok()
}

fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// Returns the text within the outermost encoding, or the content if there is none. A mark of byte
/// order before what is no plain text is an encoding, too: many parsers refuse it.
fn remove_layer(
    text: &str,
    wrapped: &mut Vec<&'static str>,
    attributes: &mut Map<String, Value>,
) -> Result<String, Content> {
    let marked = without_mark(text).len() < text.len() && wrapped.len() < LAYERS_MAX;
    let at = wrapped.len();
    wrapped.extend(marked.then_some(MARK));
    let inner = remove_encoding(text, wrapped, attributes);
    if marked && matches!(inner, Err(Content::Text(_))) {
        wrapped.remove(at);
    }
    inner
}

fn remove_encoding(
    text: &str,
    wrapped: &mut Vec<&'static str>,
    attributes: &mut Map<String, Value>,
) -> Result<String, Content> {
    let trimmed = without_mark(text).trim();
    let may_unwrap = wrapped.len() < LAYERS_MAX;
    match trimmed.as_bytes().first() {
        Some(b'{' | b'[') => {
            if let Ok(value) = serde_json::from_str(trimmed) {
                return if may_unwrap {
                    unwrap_json(value, wrapped, attributes)
                } else {
                    Err(Content::Json(value))
                };
            }
        }
        Some(b'"') if may_unwrap => {
            if let Ok(inner) = serde_json::from_str(trimmed) {
                wrapped.push("json_string");
                return Ok(inner);
            }
        }
        Some(_) if may_unwrap => {
            if let Some(bytes) = decode_base64(trimmed) {
                wrapped.push("base64");
                return decompress_to_text(bytes, wrapped);
            }
            if let Some(bytes) = opaque_bytes(trimmed) {
                wrapped.push("base64");
                return Err(Content::Binary { len: bytes.len(), form: binary::form(&bytes) });
            }
        }
        _ => {}
    }
    Err(Content::Text(text.to_owned()))
}

/// Returns the text within an SNS or CloudWatch Logs envelope, or the value itself.
fn unwrap_json(
    mut value: Value,
    wrapped: &mut Vec<&'static str>,
    attributes: &mut Map<String, Value>,
) -> Result<String, Content> {
    if is_sns(&value)
        && let Some(Value::String(inner)) = value.get_mut("Message").map(Value::take)
    {
        wrapped.push("sns");
        if let Some(topic) = value.get_mut("TopicArn").map(Value::take) {
            attributes.insert("TopicArn".into(), topic);
        }
        if let Some(Value::Object(carried)) = value.get_mut("MessageAttributes").map(Value::take) {
            attributes.extend(carried.into_iter().take(ATTRIBUTES_MAX));
        }
        return Ok(inner);
    }
    // `awslogs.data` is always base64; leave anything else alone.
    let data = value.pointer("/awslogs/data").and_then(Value::as_str);
    if let Some(bytes) = data.and_then(decode_base64) {
        wrapped.extend(["awslogs", "base64"]);
        return decompress_to_text(bytes, wrapped);
    }
    Err(Content::Json(value))
}

fn is_sns(value: &Value) -> bool {
    value.get("Type").and_then(Value::as_str) == Some("Notification")
        && value.get("TopicArn").is_some_and(Value::is_string)
        && value.get("Message").is_some_and(Value::is_string)
}

/// Decodes base64 of bytes that are no text. An id or a path is told from it by its length, its
/// padding or its letters.
fn opaque_bytes(text: &str) -> Option<Vec<u8>> {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let is_mixed =
        || has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let is_marked = text.ends_with('=')
        || (text.contains('+') && text.contains('/'))
        || (text.len() >= UNMARKED_MIN && text.len().is_multiple_of(4) && is_mixed());
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\n\r".contains(&byte);
    // A shorter text has to hold the fields of a Protocol Buffer.
    if (BUFFER_MIN..BYTES_MIN).contains(&text.len()) && text.bytes().all(is_base64) {
        let bytes = STANDARD_PAD_INDIFFERENT.decode(text).ok()?;
        let form = binary::form(&bytes);
        let has_fields = form.len() > 1 && form.iter().all(|field| field.starts_with('.'));
        let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        return (has_fields && is_mixed && text.len().is_multiple_of(4)).then_some(bytes);
    }
    if text.len() < BYTES_MIN || !is_marked || !text.bytes().all(is_base64) {
        return None;
    }
    STANDARD_PAD_INDIFFERENT.decode(text.replace(['\n', '\r'], "")).ok()
}

/// Decodes text that plausibly is base64: only its alphabet, with printable text or gzip inside.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_\n\r".contains(&byte);
    if text.len() < BASE64_MIN || !text.bytes().all(is_base64) {
        return None;
    }
    let text = text.replace(['\n', '\r'], "");
    let is_url_safe = text.contains(['-', '_']);
    let engine = if is_url_safe { URL_SAFE_PAD_INDIFFERENT } else { STANDARD_PAD_INDIFFERENT };
    let bytes = engine.decode(text).ok()?;
    let plausible = is_gzip(&bytes) || std::str::from_utf8(&bytes).is_ok_and(is_printable);
    plausible.then_some(bytes)
}

/// Returns the bytes as text, decompressed if need be.
fn decompress_to_text(
    mut bytes: Vec<u8>,
    wrapped: &mut Vec<&'static str>,
) -> Result<String, Content> {
    let damaged = |len| Content::Binary { len, form: Vec::new() };
    while is_gzip(&bytes) && wrapped.len() < LAYERS_MAX {
        wrapped.push("gzip");
        bytes = gunzip(&bytes, UNPACKED_MAX).map_err(damaged)?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        Content::Binary { len: bytes.len(), form: binary::form(bytes) }
    })
}
