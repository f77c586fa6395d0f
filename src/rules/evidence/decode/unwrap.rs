//! Unwrapping of a body: base64, gzip, JSON in a string, SNS, CloudWatch Logs.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use serde_json::Value;

use super::{Content, is_printable};
use crate::rules::evidence::inflate::{gunzip, is_gzip};

/// Limit on nested encodings; deeper nesting is an attack.
const LAYERS_MAX: usize = 6;
/// Limit on the decompressed size: the maximum size of an SQS message.
const UNPACKED_MAX: usize = 1024 * 1024;
/// Minimum length of base64; a shorter text is more likely a word.
const BASE64_MIN: usize = 16;

/// Removes all encodings of a body. Returns their names, outermost first, and the content.
pub(super) fn unwrap_body(body: &str) -> (Vec<&'static str>, Content) {
    let mut wrapped = Vec::new();
    let mut text = Cow::Borrowed(body);
    loop {
        match remove_layer(&text, &mut wrapped) {
            Ok(inner) => text = Cow::Owned(inner),
            Err(content) => return (wrapped, content),
        }
    }
}

/// Returns the text within the outermost encoding, or the content if there is none.
fn remove_layer(text: &str, wrapped: &mut Vec<&'static str>) -> Result<String, Content> {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    let may_unwrap = wrapped.len() < LAYERS_MAX;
    match trimmed.as_bytes().first() {
        Some(b'{' | b'[') => {
            if let Ok(value) = serde_json::from_str(trimmed) {
                return if may_unwrap {
                    unwrap_json(value, wrapped)
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
        }
        _ => {}
    }
    Err(Content::Text(text.to_owned()))
}

/// Returns the text within an SNS or CloudWatch Logs envelope, or the value itself.
fn unwrap_json(mut value: Value, wrapped: &mut Vec<&'static str>) -> Result<String, Content> {
    if is_sns(&value)
        && let Some(Value::String(inner)) = value.get_mut("Message").map(Value::take)
    {
        wrapped.push("sns");
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
    let binary = |len| Content::Binary { len };
    while is_gzip(&bytes) && wrapped.len() < LAYERS_MAX {
        wrapped.push("gzip");
        bytes = gunzip(&bytes, UNPACKED_MAX).map_err(binary)?;
    }
    String::from_utf8(bytes).map_err(|error| binary(error.as_bytes().len()))
}
