//! Unwrapping of a body: base64, gzip, JSON in a string, SNS, CloudWatch Logs.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
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

const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, PADDING);

/// A body without its encodings.
pub(super) struct UnwrappedBody {
    pub wrapped: Vec<&'static str>,
    pub content: Content,
    pub notes: Vec<String>,
    /// SNS message id, if SNS wrapped the body.
    pub sns_id: Option<String>,
}

/// Result of unwrapping one layer.
enum Layer {
    /// An inner layer, with the name of the encoding.
    Text(&'static str, String),
    Bytes(&'static str, Vec<u8>),
    /// The innermost content.
    Content(Content),
}

/// Removes all encodings of a body.
pub(super) fn unwrap_body(body: &str) -> UnwrappedBody {
    let mut unwrapped = UnwrappedBody {
        wrapped: Vec::new(),
        content: Content::Binary { len: 0 },
        notes: Vec::new(),
        sns_id: None,
    };
    let mut owned: String;
    let mut text = body;
    loop {
        let may_unwrap = unwrapped.wrapped.len() < LAYERS_MAX;
        match unwrap_layer(text, may_unwrap, &mut unwrapped) {
            Layer::Content(content) => {
                unwrapped.content = content;
                return unwrapped;
            }
            Layer::Text(name, inner) => {
                unwrapped.wrapped.push(name);
                owned = inner;
            }
            Layer::Bytes(name, bytes) => {
                unwrapped.wrapped.push(name);
                match decompress_to_text(bytes, &mut unwrapped) {
                    Ok(inner) => owned = inner,
                    Err(len) => {
                        unwrapped.content = Content::Binary { len };
                        return unwrapped;
                    }
                }
            }
        }
        text = &owned;
    }
}

fn unwrap_layer(text: &str, may_unwrap: bool, unwrapped: &mut UnwrappedBody) -> Layer {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    match trimmed.as_bytes().first() {
        Some(b'{' | b'[') => match serde_json::from_str::<Value>(trimmed) {
            Ok(value) => return unwrap_json(value, may_unwrap, unwrapped),
            Err(error) => unwrapped.notes.push(json_error_note(&error)),
        },
        Some(b'"') if may_unwrap => {
            if let Ok(inner) = serde_json::from_str::<String>(trimmed) {
                return Layer::Text("json_string", inner);
            }
        }
        Some(_) if may_unwrap => {
            if let Some(bytes) = decode_base64(trimmed) {
                return Layer::Bytes("base64", bytes);
            }
        }
        _ => {}
    }
    Layer::Content(Content::Text(text.to_owned()))
}

fn json_error_note(error: &serde_json::Error) -> String {
    let why = error.to_string();
    if why.starts_with("recursion limit") {
        "not JSON: nested too deeply".into()
    } else if error.is_eof() {
        "not JSON: it ends too early".into()
    } else {
        format!("not JSON at line {} column {}", error.line(), error.column())
    }
}

/// Returns the content of an SNS or CloudWatch Logs envelope, or the value itself.
fn unwrap_json(mut value: Value, may_unwrap: bool, unwrapped: &mut UnwrappedBody) -> Layer {
    if may_unwrap && is_sns(&value) {
        unwrapped.sns_id = value.get("MessageId").and_then(Value::as_str).map(str::to_owned);
        if let Some(Value::String(inner)) = value.get_mut("Message").map(Value::take) {
            return Layer::Text("sns", inner);
        }
    }
    if may_unwrap && let Some(Value::String(data)) = value.pointer("/awslogs/data") {
        // `awslogs.data` is always base64; leave anything else alone.
        if let Some(bytes) = decode_base64(data) {
            unwrapped.wrapped.push("awslogs");
            return Layer::Bytes("base64", bytes);
        }
    }
    Layer::Content(Content::Json(value))
}

fn is_sns(value: &Value) -> bool {
    value.get("Type").and_then(Value::as_str) == Some("Notification")
        && value.get("TopicArn").is_some_and(Value::is_string)
        && value.get("Message").is_some_and(Value::is_string)
}

/// Decodes text that plausibly is base64: only its alphabet, with printable text or gzip inside.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.len() < BASE64_MIN {
        return None;
    }
    let (mut url_safe, mut has_line_breaks) = (false, false);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => {}
            b'-' | b'_' => url_safe = true,
            b'\n' | b'\r' => has_line_breaks = true,
            _ => return None,
        }
    }
    let joined: String;
    let text = if has_line_breaks {
        joined = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        &joined
    } else {
        text
    };
    if !url_safe && text.len() % 4 == 1 {
        return None;
    }
    let bytes = if url_safe { URL_SAFE.decode(text) } else { STANDARD.decode(text) }.ok()?;
    let plausible =
        bytes.starts_with(GZIP_MAGIC) || std::str::from_utf8(&bytes).is_ok_and(is_printable);
    plausible.then_some(bytes)
}

/// Returns whether a text has no control characters other than line breaks and tabs.
fn is_printable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Returns the bytes as text, decompressed if need be; else the number of bytes.
fn decompress_to_text(mut bytes: Vec<u8>, unwrapped: &mut UnwrappedBody) -> Result<String, usize> {
    while bytes.starts_with(GZIP_MAGIC) && unwrapped.wrapped.len() < LAYERS_MAX {
        unwrapped.wrapped.push("gzip");
        let (inner, note) = gunzip(&bytes);
        bytes = inner;
        if let Some(note) = note {
            unwrapped.notes.push(note.into());
            return Err(bytes.len());
        }
    }
    String::from_utf8(bytes).map_err(|error| error.into_bytes().len())
}

/// Decompresses the first member of a gzip file; also returns a note about an error. Done by hand,
/// because the crate's reader does I/O. The checksum is not verified, since the content is not
/// trusted anyway.
fn gunzip(bytes: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    const BROKEN: &str = "gzip: it does not unpack";
    let Some(start) = gzip_header(bytes) else {
        return (Vec::new(), Some(BROKEN));
    };
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity((bytes.len() * 4).min(UNPACKED_MAX));
    loop {
        let read = start + usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let before = (inflate.total_in(), out.len());
        let rest = bytes.get(read..).unwrap_or_default();
        match inflate.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return (out, None),
            Ok(_) if out.len() >= UNPACKED_MAX => {
                return (out, Some("gzip: more than 1 MiB within, cut there"));
            }
            Ok(_) if out.len() == out.capacity() => {
                out.reserve_exact(out.len().max(1024).min(UNPACKED_MAX - out.len()));
            }
            Ok(_) if before != (inflate.total_in(), out.len()) => {}
            Ok(_) | Err(_) => return (out, Some(BROKEN)),
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
