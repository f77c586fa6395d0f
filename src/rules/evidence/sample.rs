//! A received message as a line of the bundle: unwrapped, redacted, and marked as untrusted. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::bundle::{Group, Sampled, SnsOrigin};
use super::decode::{Content, Decoded, decode};
use super::fingerprint::{self, Fingerprint};
use super::json_text::{Json, JsonString, JsonText};
use super::message::{Attribute, Message};
use super::redact::Redactor;
use super::sender;
use crate::time::Timestamp;

/// Longest ARN of a topic or subscription that is kept.
const ARN_MAX: usize = 512;

/// Returns the fingerprint of a message. Its texts are those of the redacted message, because a mask
/// can hide by what redaction knows a secret, such as the host of a webhook. Its id is that of the
/// message as received, and does not depend on the configuration.
pub fn fingerprint_of(decoded: &Decoded, redactor: &Redactor) -> Fingerprint {
    let found = fingerprint::compute(decoded);
    // The payload is copied only for a secret: a copy costs twice as much as this redaction.
    let mut error = decoded.error.clone();
    let texts = [&mut error.code, &mut error.exception, &mut error.message];
    let texts = texts.into_iter().flatten().map(|part| &mut part.text);
    let texts = texts.chain(&mut error.function).chain(&mut error.place);
    let mut is_clean = true;
    for text in texts.chain(error.owners.iter_mut().map(|(_, name)| name)) {
        if let Cow::Owned(masked) = redactor.mask_text(text) {
            (*text, is_clean) = (masked, false);
        }
    }
    // The title of XML and of other serializations has names only.
    let content = match &decoded.content {
        Content::Text(text) if found.message.is_some() => redactor.mask_text(text),
        _ => Cow::Borrowed(""),
    };
    if is_clean && matches!(content, Cow::Borrowed(_)) {
        return found;
    }
    let mut clean = Decoded { error, ..decoded.clone() };
    if let Cow::Owned(masked) = content {
        clean.content = Content::Text(masked);
    }
    let shown = fingerprint::compute(&clean);
    Fingerprint { id: found.id, kind: found.kind, paths: found.paths, ..shown }
}

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
    let sns = decoded.envelope() == Some("sns");
    let (form, body) = match decoded.content {
        Content::Json(value) => {
            let text = decoded.json_text.as_deref().and_then(Json::parse);
            ("json", Some(text.unwrap_or_else(|| Json::from(&value))))
        }
        Content::Text(text) => ("text", Some(Json::string(&text))),
        Content::Binary { .. } => ("binary", None),
    };
    let mut body = body.unwrap_or_else(|| Json::from(&Value::Null));
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
        system: system_attributes(message, redactor),
        attributes: redacted_entries(attributes.collect(), redactor),
        attribute_types: redacted_entries(message.attribute_types.clone(), redactor),
        sns: sns.then(|| sns_origin(&message.body)).flatten(),
        wrapped: decoded.wrapped.into_iter().map(str::to_owned).collect(),
        form: form.to_owned(),
        size: message.body.len() as u64,
        body: JsonText::from(&body),
    }
}

/// Returns the system attributes. The `SenderId` of the Lambda service, which the triage relies on,
/// has a fixed form and is kept; any other may be of a person, and is redacted.
fn system_attributes(message: &Message, redactor: Option<&Redactor>) -> BTreeMap<String, String> {
    const SENDER: &str = "SenderId";
    let mut all = redacted_entries(message.system.clone(), redactor);
    let known = message.system.get(SENDER).filter(|id| sender::is_lambda_service(id));
    all.extend(known.map(|id| (SENDER.to_owned(), id.clone())));
    all
}

/// Returns the topic and the subscription of an SNS envelope whose ARNs are well formed.
fn sns_origin(envelope: &str) -> Option<SnsOrigin> {
    let envelope: Value = serde_json::from_str(envelope.trim_start_matches('\u{feff}')).ok()?;
    let arn = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
        let is_arn = text.len() <= ARN_MAX && text.split(':').nth(2) == Some("sns");
        (is_arn && text.starts_with("arn:aws") && text.chars().all(plain)).then(|| text.to_owned())
    };
    let subscription = || {
        let link = envelope.get("UnsubscribeURL")?.as_str()?;
        let (_, query) = link.split_once('?')?;
        arn(query.split('&').find_map(|pair| pair.strip_prefix("SubscriptionArn="))?)
    };
    Some(SnsOrigin {
        topic_arn: arn(envelope.get("TopicArn")?.as_str()?)?,
        subscription_arn: subscription(),
    })
}

/// Returns texts by name. As in any JSON, a name such as `password` makes its value a secret.
fn redacted_entries(
    given: BTreeMap<String, String>,
    redactor: Option<&Redactor>,
) -> BTreeMap<String, String> {
    let Some(redactor) = redactor else { return given };
    let entries = given.iter().map(|(name, text)| (JsonString::new(name), Json::string(text)));
    let mut all = Json::Object(entries.collect());
    redactor.redact_json(&mut all);
    let Json::Object(entries) = all else { return given };
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    entries.iter().map(|(name, value)| (name.text().to_owned(), text(value))).collect()
}

/// Encodes a message, whose redacted form is `kept`, as a JSON line without its LF: as it came with
/// `raw`, else redacted.
pub fn json_line(message: &Message, kept: &Sampled, raw: bool) -> Vec<u8> {
    let raw =
        raw.then(|| sampled_message(&kept.id, message, decode(message), &kept.fingerprint, None));
    serde_json::to_vec(raw.as_ref().unwrap_or(kept)).unwrap_or_default()
}

/// Redacts what is left in the texts of a group: names of keys and types, and what a log has said.
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

#[cfg(test)]
mod tests;
