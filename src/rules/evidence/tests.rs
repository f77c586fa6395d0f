//! Messages that the tests of decoding and fingerprinting share.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::time::{ClockId, clock_gettime};
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

/// Returns whether eight times the text, repeated from `unit`, costs more than 24 times as much; a
/// quadratic step costs 64 times. It counts the processor time of its own thread, so that a loaded
/// machine does not matter, and the best of several runs, because caches are shared.
pub(super) fn grows_faster_than_its_text<T>(
    unit: &str,
    small: usize,
    work: impl Fn(String) -> T,
) -> bool {
    let spent = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
    };
    let cost = |size: usize| {
        let text = unit.repeat(size / unit.len());
        let before = spent();
        work(text);
        (spent() - before).max(Duration::from_micros(200))
    };
    (0..8).all(|_| cost(small * 8) > cost(small) * 24)
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
