//! Made-up dead letters, unwrapped: no panic, the same every time, and everything that is kept of
//! them within its limit.

#![no_main]

use dlq::rules::evidence::decode::{Content, SourcedText, decode};
use libfuzzer_sys::fuzz_target;

mod given;

/// What a layer may unpack to, and what a text may grow by when JSON is written anew.
const UNPACKED_MAX: usize = 1024 * 1024;
const LAYERS_MAX: usize = 6;
const FIELD_MAX: usize = 4 * 1024;

fuzz_target!(|data: &[u8]| {
    let message = given::message(data);
    let decoded = decode(&message);
    assert_eq!(decode(&message), decoded, "decoded again");

    // gzip in base64 counts as two; the last of them may be within the last layer.
    assert!(decoded.wrapped.len() <= LAYERS_MAX + 1, "layers: {:?}", decoded.wrapped);
    assert!(decoded.notes.len() <= LAYERS_MAX + 2, "notes: {:?}", decoded.notes);
    let most = message.body.len().max(UNPACKED_MAX);
    match &decoded.content {
        Content::Json(_) => {}
        Content::Text(text) => assert!(text.len() <= most, "a text of {}", text.len()),
        Content::Binary { len } => assert!(*len <= most, "{len} bytes"),
    }
    let error = &decoded.error;
    for SourcedText { text, source } in
        [&error.code, &error.exception, &error.message].into_iter().flatten()
    {
        assert!(text.len() <= FIELD_MAX && source.len() <= 64, "text: {text:?} in {source:?}");
    }
    assert!(error.function.as_ref().is_none_or(|name| name.len() <= 80 && !name.is_empty()));
    assert!(error.target.as_ref().is_none_or(|target| target.len() <= 32));
    let ids = [&decoded.request_id, &decoded.trace_id].into_iter().flatten();
    assert!(ids.chain(decoded.correlation.values()).all(|id| id.len() <= 128), "a long id");
    assert!(decoded.correlation.len() <= 9, "ids: {}", decoded.correlation.len());
});
