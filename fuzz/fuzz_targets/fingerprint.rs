//! Fingerprints of random dead letters: no panic, deterministic, independent of the queue, and safe
//! to print.

#![no_main]

use dlq::rules::evidence::decode::decode;
use dlq::rules::evidence::fingerprint;
use dlq::text::safe;
use libfuzzer_sys::fuzz_target;

mod input;

fuzz_target!(|data: &[u8]| {
    let message = input::message(data);
    let found = fingerprint::compute(&decode(&message));
    assert_eq!(fingerprint::compute(&decode(&message)), found, "the same message");

    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    assert!(found.id.len() == 16 && found.id.bytes().all(hex), "id: {:?}", found.id);
    assert!(!found.title.is_empty() && found.title.chars().count() <= 120, "{:?}", found.title);
    assert!(!found.why.is_empty() && found.why.len() <= 60, "reasons: {:?}", found.why);
    let said = [&found.code, &found.exception, &found.message];
    for text in said.into_iter().flatten().chain(&found.why).chain([&found.title]) {
        assert!(safe(text) == *text, "cannot be shown: {text:?}");
        assert!(text.len() <= 2048, "{} bytes: {text:?}", text.len());
    }

    // Another queue, time and delivery: system attributes do not affect the cause, except to detect
    // the producer.
    let mut again = message;
    again.id = "n".into();
    again.system.insert("SentTimestamp".into(), "1".into());
    again.system.insert("ApproximateReceiveCount".into(), "99".into());
    if let Some(queue) = again.system.get_mut("DeadLetterQueueSourceArn") {
        *queue = "arn:aws:sqs:eu-west-1:1:another".into();
    }
    assert_eq!(fingerprint::compute(&decode(&again)).id, found.id, "in another queue");
});
