//! Decoding of random dead letters: no panic, deterministic, and every extracted part within its
//! limit.

#![no_main]

use dlq::rules::evidence::decode::{Content, SourcedText, decode};
use libfuzzer_sys::fuzz_target;

mod input;

/// Limits of `decode`; see `src/rules/evidence/decode/unwrap.rs`.
const UNPACKED_MAX: usize = 1024 * 1024;
const LAYERS_MAX: usize = 6;
const FIELD_MAX: usize = 4 * 1024;

fuzz_target!(|data: &[u8]| {
    let message = input::message(data);
    let decoded = decode(&message);
    assert_eq!(decode(&message), decoded, "decoded again");

    // gzip within base64 counts as two layers; the last may exceed the limit by one.
    assert!(decoded.wrapped.len() <= LAYERS_MAX + 1, "layers: {:?}", decoded.wrapped);
    let most = message.body.len().max(UNPACKED_MAX);
    match &decoded.content {
        Content::Json(_) => {}
        Content::Text(text) => assert!(text.len() <= most, "a text of {}", text.len()),
        Content::Binary { len, .. } => assert!(*len <= most, "{len} bytes"),
    }
    let error = &decoded.error;
    for SourcedText { text, source } in
        [&error.code, &error.exception, &error.message].into_iter().flatten()
    {
        assert!(text.len() <= FIELD_MAX && source.len() <= 64, "text: {text:?} in {source:?}");
    }
    assert!(error.function.as_ref().is_none_or(|name| name.len() <= 80 && !name.is_empty()));
    let is_within = |name: &String| !name.is_empty() && name.len() <= FIELD_MAX;
    assert!(error.owners.iter().all(|(_, name)| is_within(name)), "owners: {:?}", error.owners);
    let mut ids = [&decoded.request_id, &decoded.trace_id].into_iter().flatten();
    assert!(ids.all(|id| id.len() <= 128), "a long id");
});
