//! Fingerprints of made-up messages: no panic, an id of 16 hex digits that is the same every time,
//! texts that a terminal can be shown, and no trace of the queue.

#![no_main]

mod message;

use dlq::rules::decode::decode;
use dlq::rules::fingerprint;
use dlq::text::safe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut message = message::of(data);
    let print = fingerprint::of(&decode(&message));
    assert!(print.id.len() == 16 && print.id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(!print.title.is_empty() && print.title.chars().count() <= 121, "{}", print.title);
    for text in print.why.iter().chain([&print.title]).chain(&print.message) {
        assert_eq!(safe(text), text.as_str());
    }
    message.id.push('x');
    message.system.insert("SentTimestamp".into(), "1763633472000".into());
    assert_eq!(fingerprint::of(&decode(&message)), print);
});
