//! Decoding of made-up messages: no panic, bounded layers and texts, and the same every time.

#![no_main]

mod message;

use dlq::rules::decode::{Content, decode};
use libfuzzer_sys::fuzz_target;

/// What may be unpacked, and a margin for the replacement of what is no text.
const UNPACKED_MAX: usize = 16 << 20;

fuzz_target!(|data: &[u8]| {
    let message = message::of(data);
    let decoded = decode(&message);
    assert!(decoded.wrapped.len() < 20, "{:?}", decoded.wrapped);
    let len = match &decoded.content {
        Content::Json(value) => value.to_string().len(),
        Content::Text(text) => text.len(),
        Content::Binary { len } => *len,
    };
    assert!(len <= UNPACKED_MAX, "{len} bytes");
    let failure = &decoded.failure;
    for said in [&failure.code, &failure.exception, &failure.message].into_iter().flatten() {
        assert!(said.text.len() <= 4096 && said.from.len() <= 64, "{said:?}");
    }
    assert_eq!(decode(&message), decoded);
});
