//! Redaction of random text and JSON around a planted secret: no panic, idempotent, and the secret
//! is gone.

#![no_main]

use dlq::rules::evidence::json_text::Json;
use dlq::rules::evidence::redact::Redactor;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// A secret, and the part of it that must be gone: nothing that mutations find by chance.
const PLANTED: [(&str, &str); 8] = [
    ("bob.smith.4711@example.com", "bob.smith.4711"),
    ("4111-1111-1111-1111", "4111-1111-1111-1111"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F292c6912"),
    ("sk-ant-api03-abcdef_GHIJKL", "api03-abcdef_GHIJKL"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.dBjftJeZ4CVPmB92K27u", "eyJzdWIiOiJib2IifQ"),
    ("-----BEGIN A KEY-----\nMIIEowIBAAKC\n-----END A KEY-----", "MIIEowIBAAKC"),
    ("https://bob:hunter2-4711@db.internal/x", "hunter2-4711"),
];

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let redactor = Redactor::default();
    let given = String::from_utf8_lossy(data);
    redact_twice(&redactor, &given);

    let (secret, gone) = PLANTED[usize::from(*choice) % PLANTED.len()];
    if given.contains(gone) {
        return;
    }
    let mut middle = given.len() / 2;
    while !given.is_char_boundary(middle) {
        middle -= 1;
    }
    let text = format!("{} {secret} {}", &given[..middle], &given[middle..]);
    let shown = redact_twice(&redactor, &text);
    assert!(!shown.contains(gone), "survived in the text: {shown:?}");

    let own: Value = serde_json::from_str(&given).unwrap_or(Value::Null);
    let inner = json!({ "own": own, text.as_str(): text.as_str() });
    let value = json!({ "body": inner.to_string(), text.as_str(): [text, inner] });
    let mut value = Json::from(&value);
    redactor.redact_json(&mut value);
    let shown = value.to_string();
    assert!(!shown.contains(gone), "survived in JSON: {shown}");
    redactor.redact_json(&mut value);
    assert_eq!(value.to_string(), shown, "redacted again");
});

/// Redacts a text, and checks that a second redaction changes nothing.
fn redact_twice(redactor: &Redactor, text: &str) -> String {
    let once = redactor.redact_text(text).into_owned();
    assert_eq!(redactor.redact_text(&once), once, "redacted again, from {text:?}");
    once
}
