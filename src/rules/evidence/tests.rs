//! Messages that the tests of decoding and fingerprinting share.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::message::{Attribute, Message};

pub(super) fn body(text: &str) -> Message {
    Message { id: "m".into(), body: text.into(), ..Message::default() }
}

pub(super) fn with_attributes(text: &str, attributes: &[(&str, &str)]) -> Message {
    let attributes =
        attributes.iter().map(|(name, text)| ((*name).into(), Attribute::Text((*text).into())));
    Message { attributes: attributes.collect(), ..body(text) }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Reads a file of `tests/fixtures/messages`.
pub(super) fn fixture(text: &str) -> Message {
    let form: Value = serde_json::from_str(text).unwrap();
    let entries = |key: &str| form.get(key).and_then(Value::as_object).into_iter().flatten();
    let attribute = |value: &Value| match value {
        Value::String(text) => Attribute::Text(text.clone()),
        other => Attribute::Binary(STANDARD.decode(other["base64"].as_str().unwrap()).unwrap()),
    };
    Message {
        attributes: entries("attributes").map(|(k, v)| (k.clone(), attribute(v))).collect(),
        system: entries("system").map(|(k, v)| (k.clone(), v.as_str().unwrap().into())).collect(),
        ..body(form["body"].as_str().unwrap())
    }
}
