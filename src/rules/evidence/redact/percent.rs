//! Percent-encoded text: `%22password%22%3A%22…`.

use std::ops::Range;

/// Returns the runs of percent-encoded text that contain an encoded sign, such as a quote.
pub(super) fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'%', bytes) {
        if runs.last().is_some_and(|last| at < last.end) || !is_sign(&bytes[at..]) {
            continue;
        }
        let lowest = runs.last().map_or(0, |last| last.end);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~*+!%".contains(&byte);
        let before = bytes[lowest..at].iter().rev().take_while(|byte| plain(**byte)).count();
        let after = bytes[at..].iter().take_while(|byte| plain(**byte)).count();
        runs.push(at - before..at + after);
    }
    runs
}

/// Returns whether the escape encodes a sign that structures a text.
fn is_sign(bytes: &[u8]) -> bool {
    decode_escape(bytes).is_some_and(|byte| b"\"':={}[]&;,%\n\\<>|".contains(&byte))
}

fn decode_escape(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Decodes a run; `None` if it is no text. A plus sign stays: it may be a part of an address.
pub(super) fn decode(run: &str) -> Option<String> {
    let mut rest = run.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        match decode_escape(rest) {
            Some(byte) => {
                decoded.push(byte);
                rest = &rest[3..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(decoded).ok()
}
