//! The body and the signature of the generic webhook, as Standard Webhooks defines them.
//!
//! A receiver verifies the signature, refuses a time that is minutes away, and drops an id that it
//! has seen: the id is the same for every attempt, the time is that of the attempt.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{LineRoom, NAME_MAX, Texts, bounded, event};
use crate::event::{Severity, derived_id};
use crate::rules::notification::delivery::{Action, Delivery};
use crate::time::Timestamp;

/// The lengths of a signing key, in bytes.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;
/// The longest id that is sent as it is.
const ID_MAX: usize = 64;
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The type of the body.
const TYPE: &str = "dlq.notice";

#[derive(Serialize)]
struct WebhookBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: WebhookNotice<'a>,
}

#[derive(Serialize)]
struct WebhookNotice<'a> {
    id: String,
    action: Action,
    key: String,
    open: Vec<String>,
    ended: Vec<String>,
    incident: Option<String>,
    severity: Severity,
    subject: String,
    title: String,
    text: String,
    event: Option<&'a RawValue>,
}

/// Returns the body: the notice, and the event that it is about.
pub fn body(delivery: &Delivery) -> Vec<u8> {
    let texts = Texts::new(&delivery.notice, &LineRoom::WIDE);
    let keys = |keys: &[String]| keys.iter().map(|key| bounded(key, NAME_MAX)).collect();
    let data = WebhookNotice {
        id: id(delivery),
        action: delivery.action,
        key: bounded(&delivery.key, NAME_MAX),
        open: keys(&delivery.problems.open),
        ended: keys(&delivery.problems.ended),
        incident: delivery.incident.as_deref().map(|incident| bounded(incident, NAME_MAX)),
        severity: delivery.notice.severity,
        subject: bounded(delivery.notice.subject.trim(), NAME_MAX),
        text: texts.whole(),
        title: texts.title,
        event: event(delivery),
    };
    let body = WebhookBody { kind: TYPE, timestamp: delivery.at, data };
    serde_json::to_vec(&body).unwrap_or_default()
}

/// A key that signs bodies.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads a secret: `whsec_` and 24 to 64 bytes in base64.
    pub fn parse(secret: &str) -> Option<Self> {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
        KEY.contains(&key.len()).then_some(SigningKey(key))
    }
}

/// Returns the headers of a body that is sent at `now`.
pub fn headers(
    delivery: &Delivery,
    body: &[u8],
    key: Option<&SigningKey>,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let (id, seconds) = (id(delivery), now.millis().div_euclid(1000).to_string());
    let signature = key.map(|SigningKey(key)| {
        let text = [id.as_bytes(), seconds.as_bytes(), body].join(&b'.');
        format!("v1,{}", BASE64_STANDARD.encode(hmac(key, &text)))
    });
    let mut headers = vec![("webhook-id", id), ("webhook-timestamp", seconds)];
    headers.extend(signature.map(|signature| ("webhook-signature", signature)));
    headers
}

/// Returns the id of a delivery; one that is long, or has other characters than letters, digits, `-`
/// and `_`, is replaced by an id that is derived from it.
fn id(delivery: &Delivery) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let id = &delivery.id;
    if !id.is_empty() && id.len() <= ID_MAX && id.chars().all(is_plain) {
        return id.clone();
    }
    derived_id(&[id])
}

/// Returns the HMAC-SHA256 of a text, with a key of at most [`BLOCK`] bytes.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test cases 1, 2 and 3 of RFC 4231.
    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let rows: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
        ];
        for (key, text, expected) in rows {
            let hex = hmac(key, text).into_iter().map(|byte| format!("{byte:02x}"));
            assert_eq!(hex.collect::<String>(), expected);
        }
    }

    #[test]
    fn signing_key_has_24_to_64_bytes_in_base64() {
        let secret = |length: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]));
        for (length, is_good) in [(23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(SigningKey::parse(&secret(length)).is_some(), is_good, "{length}");
        }
        let bare = secret(32)["whsec_".len()..].to_owned();
        for bad in ["", "whsec_", "whsec_hunter2!", &bare] {
            assert!(SigningKey::parse(bad).is_none(), "{bad}");
        }
    }
}
