//! A received message as a bundle keeps it: unwrapped, redacted, and marked as untrusted. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bundle::{Group, Sampled};
use super::decode::{Content, Decoded, decode};
use super::message::{Attribute, Message};
use super::redact::Redactor;
use crate::time::Timestamp;

/// The line of a message. Without a redactor it is as it came.
pub fn of(
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
    let of_sqs = message.system.iter().map(|(name, text)| (name.clone(), text.clone()));
    let (form, mut body) = match decoded.content {
        Content::Json(value) => ("json", value),
        Content::Text(text) => ("text", Value::String(text)),
        Content::Binary { .. } => ("binary", Value::Null),
    };
    if let Some(redactor) = redactor {
        redactor.value(&mut body);
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
        system: entries(of_sqs, redactor),
        attributes: entries(attributes, redactor),
        wrapped: decoded.wrapped,
        form: form.to_owned(),
        size: message.body.len() as u64,
        body,
    }
}

/// Texts by name. A name can tell that what stands under it is a secret, as in any JSON.
fn entries(
    given: impl Iterator<Item = (String, String)>,
    redactor: Option<&Redactor>,
) -> BTreeMap<String, String> {
    let mut all = Value::Object(given.map(|(name, text)| (name, Value::String(text))).collect());
    if let Some(redactor) = redactor {
        redactor.value(&mut all);
    }
    let Value::Object(all) = all else { return BTreeMap::new() };
    let text = |(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    };
    all.into_iter().map(text).collect()
}

/// The same line, unredacted.
pub fn raw(message: &Message, kept: &Sampled) -> Sampled {
    of(&kept.id, message, decode(message), &kept.fingerprint, None)
}

/// Encodes a message as a JSON line without its LF: as it came with `raw`, else redacted.
pub fn json_line(message: &Message, sampled: &Sampled, is_raw: bool) -> Vec<u8> {
    let line = match is_raw {
        true => serde_json::to_vec(&raw(message, sampled)),
        false => serde_json::to_vec(sampled),
    };
    line.unwrap_or_default()
}

/// Takes out of a group what the user's own patterns find; the built-in kinds are masked in it
/// already, so that a fingerprint does not depend on the configuration.
pub fn redact(group: &mut Group, redactor: &Redactor) {
    let texts = [
        Some(&mut group.title),
        group.code.as_mut(),
        group.exception.as_mut(),
        group.message.as_mut(),
    ];
    for text in texts.into_iter().flatten().chain(&mut group.why) {
        *text = redactor.text(text).into_owned();
    }
}
