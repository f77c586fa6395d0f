//! A received message as a line of the bundle: unwrapped, redacted, and marked as untrusted. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bundle::{Group, Sampled};
use super::decode::{Content, Decoded, decode};
use super::message::{Attribute, Message};
use super::redact::Redactor;
use crate::time::Timestamp;

/// Returns the bundle line of a message. Without a redactor the texts stay as received.
pub fn sampled_message(
    id: &str,
    message: &Message,
    decoded: Decoded,
    fingerprint: &str,
    redactor: Option<&Redactor>,
) -> Sampled {
    let system = |key: &str| message.system.get(key).map(String::as_str);
    let moment = |key: &str| Some(Timestamp::from_millis(system(key)?.parse().ok()?));
    let attributes = message.attributes.iter().map(|(name, value)| {
        let text = match value {
            Attribute::Text(text) => text.clone(),
            Attribute::Binary(bytes) => format!("<binary:{}>", bytes.len()),
        };
        (name.clone(), text)
    });
    let (form, mut body) = match decoded.content {
        Content::Json(value) => ("json", value),
        Content::Text(text) => ("text", Value::String(text)),
        Content::Binary { .. } => ("binary", Value::Null),
    };
    if let Some(redactor) = redactor {
        redactor.redact_json(&mut body);
    }
    Sampled {
        id: id.to_owned(),
        message_id: message.id.clone(),
        fingerprint: fingerprint.to_owned(),
        untrusted: true,
        sent_at: moment("SentTimestamp"),
        first_received_at: moment("ApproximateFirstReceiveTimestamp"),
        receives: system("ApproximateReceiveCount").and_then(|count| count.parse().ok()),
        source_arn: system("DeadLetterQueueSourceArn").map(str::to_owned),
        system: redacted_entries(message.system.clone(), redactor),
        attributes: redacted_entries(attributes.collect(), redactor),
        wrapped: decoded.wrapped.into_iter().map(str::to_owned).collect(),
        form: form.to_owned(),
        size: message.body.len() as u64,
        body,
    }
}

/// Returns texts by name. As in any JSON, a name such as `password` makes its value a secret.
fn redacted_entries(
    given: BTreeMap<String, String>,
    redactor: Option<&Redactor>,
) -> BTreeMap<String, String> {
    let Some(redactor) = redactor else { return given };
    let mut all = serde_json::json!(given);
    redactor.redact_json(&mut all);
    let entries = all.as_object_mut().map(std::mem::take).into_iter().flatten();
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    entries.map(|(name, value)| (name, text(value))).collect()
}

/// Encodes a message, whose redacted form is `kept`, as a JSON line without its LF: as it came with
/// `raw`, else redacted.
pub fn json_line(message: &Message, kept: &Sampled, raw: bool) -> Vec<u8> {
    let raw =
        raw.then(|| sampled_message(&kept.id, message, decode(message), &kept.fingerprint, None));
    serde_json::to_vec(raw.as_ref().unwrap_or(kept)).unwrap_or_default()
}

/// Redacts matches of the configured patterns in a group. The built-in kinds are masked already, so
/// that a fingerprint does not depend on the configuration.
pub fn redact_group(group: &mut Group, redactor: &Redactor) {
    let texts = [
        Some(&mut group.title),
        group.code.as_mut(),
        group.exception.as_mut(),
        group.message.as_mut(),
    ];
    for text in texts.into_iter().flatten().chain(&mut group.why) {
        *text = redactor.redact_text(text).into_owned();
    }
}
