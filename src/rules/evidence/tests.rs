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

/// Parts whose cost is compared with that of the whole.
const PARTS: usize = 4;
/// Processor time of a whole that matters; below, the cost of fresh memory is what is measured.
const COST_MIN: Duration = Duration::from_millis(2);

/// Returns whether a text of `size` bytes, repeated from `unit`, costs more than one and a half times
/// as much as its four parts. A quadratic step costs four times as much, and is seen from 0.8 of the
/// cost of all else at this size on. The processor time of the own thread is counted, so that a
/// loaded machine does not matter, and the best of several runs, because caches are shared.
pub(super) fn grows_faster_than_its_text<T>(
    unit: &str,
    size: usize,
    work: impl Fn(String) -> T,
) -> bool {
    let spent = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
    };
    let cost = |size: usize, times: usize| {
        let texts = vec![unit.repeat(size / unit.len()); times];
        let before = spent();
        texts.into_iter().for_each(|text| drop(work(text)));
        spent() - before
    };
    (0..8).all(|_| {
        let whole = cost(size, 1);
        whole > COST_MIN && whole.as_secs_f64() > 1.5 * cost(size / PARTS, PARTS).as_secs_f64()
    })
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
