//! Unwrapping of a body: base64, gzip, JSON in a string, SNS, CloudWatch Logs.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use flate2::{Decompress, FlushDecompress, Status};
use serde_json::Value;

use super::Content;

/// Limit on nested encodings; deeper nesting is an attack.
const LAYERS_MAX: usize = 6;
/// Limit on the decompressed size: the maximum size of an SQS message.
const UNPACKED_MAX: usize = 1024 * 1024;
/// Minimum length of base64; a shorter text is more likely a word.
const BASE64_MIN: usize = 16;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 8];

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
    let plausible =
        bytes.starts_with(GZIP_MAGIC) || std::str::from_utf8(&bytes).is_ok_and(is_printable);
    plausible.then_some(bytes)
}

/// Returns whether a text has no control characters other than line breaks and tabs.
fn is_printable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Returns the bytes as text, decompressed if need be.
fn decompress_to_text(
    mut bytes: Vec<u8>,
    wrapped: &mut Vec<&'static str>,
) -> Result<String, Content> {
    let binary = |len| Content::Binary { len };
    while bytes.starts_with(GZIP_MAGIC) && wrapped.len() < LAYERS_MAX {
        wrapped.push("gzip");
        bytes = gunzip(&bytes).map_err(binary)?;
    }
    String::from_utf8(bytes).map_err(|error| binary(error.as_bytes().len()))
}

/// Decompresses the first member of a gzip file; the error is the number of bytes up to the damage
/// or the limit. Done by hand, because the crate's reader does I/O. The checksum is not verified,
/// since the content is not trusted anyway.
fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, usize> {
    let start = gzip_header(bytes).ok_or(0_usize)?;
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity((bytes.len() * 4).min(UNPACKED_MAX));
    loop {
        let before = (inflate.total_in(), out.len());
        let read = start + usize::try_from(before.0).unwrap_or(usize::MAX);
        let rest = bytes.get(read..).unwrap_or_default();
        match inflate.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return Ok(out),
            Ok(_) if out.len() >= UNPACKED_MAX => return Err(out.len()),
            Ok(_) if out.len() == out.capacity() => {
                out.reserve_exact(out.len().max(1024).min(UNPACKED_MAX - out.len()));
            }
            Ok(_) if before != (inflate.total_in(), out.len()) => {}
            Ok(_) | Err(_) => return Err(out.len()),
        }
    }
}

/// Returns the offset of the compressed data.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        let extra = bytes.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_le_bytes([extra[0], extra[1]]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}
