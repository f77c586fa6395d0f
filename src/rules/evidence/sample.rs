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
    let system_attributes = message.system.iter().map(|(name, text)| (name.clone(), text.clone()));
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
        system: redacted_entries(system_attributes, redactor),
        attributes: redacted_entries(attributes, redactor),
        wrapped: decoded.wrapped.into_iter().map(str::to_owned).collect(),
        form: form.to_owned(),
        size: message.body.len() as u64,
        body,
    }
}

/// Returns texts by name. As in any JSON, a name such as `password` makes its value a secret.
fn redacted_entries(
    given: impl Iterator<Item = (String, String)>,
    redactor: Option<&Redactor>,
) -> BTreeMap<String, String> {
    let mut all = Value::Object(given.map(|(name, text)| (name, Value::String(text))).collect());
    if let Some(redactor) = redactor {
        redactor.redact_json(&mut all);
    }
    let Value::Object(all) = all else { return BTreeMap::new() };
    let text = |(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    };
    all.into_iter().map(text).collect()
}

/// Returns the unredacted line of a message whose redacted line is `kept`.
pub fn unredacted(message: &Message, kept: &Sampled) -> Sampled {
    sampled_message(&kept.id, message, decode(message), &kept.fingerprint, None)
}

/// Encodes a message as a JSON line without its LF: as it came with `raw`, else redacted.
pub fn json_line(message: &Message, sampled: &Sampled, raw: bool) -> Vec<u8> {
    let line = match raw {
        true => serde_json::to_vec(&unredacted(message, sampled)),
        false => serde_json::to_vec(sampled),
    };
    line.unwrap_or_default()
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
