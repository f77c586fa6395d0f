//! Encoded text within a text: base64, hexadecimal digits, percent encoding, and what they contain.
//!
//! Promises: depth, bytes and ratio of what is decoded are bounded. Beyond the bounds, and where a
//! long text cannot be decoded, its length and digest are shown.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use serde_json::value::RawValue;

use super::bytes::run;
use super::{
    BASE64, COMPRESSED, HEX, Match, Nesting, PROTOBUF, Redactor, Replacement, SECRET, URL_ENCODED,
    opaque, percent, placeholder, protobuf, secret_name,
};
use crate::rules::evidence::decode::is_printable;
use crate::rules::evidence::inflate::inflate;
use crate::rules::evidence::json_text::Json;

/// Minimum length of encoded text; a shorter one is more likely a word.
const ENCODED_MIN: usize = 16;
/// Minimum length of hexadecimal digits that may encode a text.
const HEX_MIN: usize = 32;
/// Longest hash in hexadecimal digits, SHA-512; more digits are opaque.
const HEX_MAX: usize = 128;
/// Length of a line of base64 (RFC 2045). A longer text that cannot be decoded is opaque.
const LINE: usize = 76;
/// Minimum length of a line that goes on in the next one.
const BROKEN_LINE_MIN: usize = 60;
/// Beginnings of base64 after other characters of its alphabet: JSON, gzip, XML.
const BEGINNINGS: [&str; 5] = ["eyJ", "H4sI", "W3s", "W1s", "PD94"];
/// Limit on decompressed data: times its size, and in bytes.
const RATIO_MAX: usize = 256;
const INFLATED_MAX: usize = 1 << 20;
/// Minimum length of a text within binary data.
const STRING_MIN: usize = 4;

impl Redactor {
    /// Returns what is shown instead of the encoded parts of a text, in their order. `matches` are
    /// the matches in the text.
    pub(super) fn find_encoded(
        &self,
        text: &str,
        matches: &[Match<'_>],
        nesting: Nesting<'_>,
    ) -> Vec<Replacement> {
        let is_free = |run: &Range<usize>| {
            let first = matches.partition_point(|hit| hit.end <= run.start);
            let over = matches[first..].iter().take_while(|hit| hit.start < run.end);
            let is_within = |hit: &Match<'_>| {
                run.start <= hit.start && hit.end <= run.end && hit.end - hit.start < run.len()
            };
            over.clone().all(is_within) && !self.allow.matches(&text[run.clone()])
        };
        let mut found = Vec::new();
        for run in percent::runs(text.as_bytes()).into_iter().filter(&is_free) {
            if let Some(shown) = self.show_percent(&text[run.clone()], nesting) {
                found.push(Replacement { start: run.start, end: run.end, shown });
            }
        }
        let known = found.len();
        for run in base64_runs(text.as_bytes()).into_iter().filter(&is_free) {
            let after = found[..known].partition_point(|other| other.end <= run.start);
            let overlaps = found[..known].get(after).is_some_and(|other| other.start < run.end);
            if overlaps {
                continue;
            }
            if let Some((from, shown)) = self.show_run(&text[run.clone()], nesting) {
                found.push(Replacement { start: run.start + from, end: run.end, shown });
            }
        }
        found.sort_by_key(|hit| hit.start);
        found
    }

    /// Returns a percent-encoded text decoded and redacted; `None` if nothing was redacted.
    fn show_percent(&self, run: &str, nesting: Nesting<'_>) -> Option<String> {
        let mut decoded = percent::decode(run)?;
        if decoded == run {
            return None;
        }
        let Some(inner) = nesting.take(run.len()).and_then(Nesting::inner) else {
            return Some(opaque(run));
        };
        // In a form, a plus sign is a space; in an address it is itself.
        let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
        if run.contains('+')
            && !is_json(&decoded)
            && let Some(spaced) = percent::decode(&run.replace('+', " "))
            && is_json(&spaced)
        {
            decoded = spaced;
        }
        let mut shown = decoded.clone();
        self.redact_string(&mut shown, inner);
        (shown != decoded).then(|| placeholder(URL_ENCODED, run) + &shown)
    }

    /// Returns what is shown instead of a run of base64 or hexadecimal digits, and where the
    /// encoding begins; `None` if it stays.
    fn show_run(&self, run: &str, nesting: Nesting<'_>) -> Option<(usize, String)> {
        let joined: Cow<'_, str> = if run.contains(['\\', '\n', '\r']) {
            let joined = run.replace("\\n", "").replace("\\r", "");
            Cow::Owned(joined.replace(['\\', '\n', '\r'], ""))
        } else {
            Cow::Borrowed(run)
        };
        if let Some(bytes) = decode_hex(&joined) {
            let text = std::str::from_utf8(&bytes).is_ok_and(is_printable);
            if text && let Some(shown) = self.show_bytes(HEX, run, bytes, nesting) {
                return Some((0, shown));
            }
            return (joined.len() > HEX_MAX).then(|| (0, opaque(run)));
        }
        if let Some(shown) =
            decode_base64(&joined).and_then(|bytes| self.show_bytes(BASE64, run, bytes, nesting))
        {
            return Some((0, shown));
        }
        // `payload/eyJ…`
        let glued = |at: &usize| *at > 0 && b"/-_+".contains(&run.as_bytes()[at - 1]);
        let begins = BEGINNINGS.iter().filter_map(|head| run.find(head).filter(glued)).min();
        if let Some(from) = begins
            && let Some(shown) = decode_base64(&run[from..])
                .and_then(|bytes| self.show_bytes(BASE64, &run[from..], bytes, nesting))
        {
            return Some((from, shown));
        }
        looks_opaque(joined.as_bytes()).then(|| (0, opaque(run)))
    }

    /// Returns what decoded bytes contain, redacted, after the placeholder of their encoding;
    /// `None` if they are binary data without a secret that can be seen.
    fn show_bytes(
        &self,
        kind: &str,
        run: &str,
        mut bytes: Vec<u8>,
        nesting: Nesting<'_>,
    ) -> Option<String> {
        let mut shown = placeholder(kind, run);
        let mut inner = nesting.inner();
        loop {
            let Some(left) = nesting.take(bytes.len()) else { return Some(opaque(run)) };
            if std::str::from_utf8(&bytes).is_ok_and(is_printable) {
                break;
            }
            let most = (bytes.len() * RATIO_MAX).min(INFLATED_MAX).min(left.bytes.get());
            match inflate(&bytes, most) {
                None => break,
                Some(Err(_)) => return Some(opaque(run)),
                Some(Ok(inflated)) => bytes = inflated,
            }
            inner = inner.and_then(Nesting::inner);
            if inner.is_none() {
                return Some(opaque(run));
            }
            shown += &format!("<{COMPRESSED}:{}>", bytes.len().next_power_of_two().max(8));
        }
        if let Some(mut text) = decode_text(&bytes) {
            let Some(inner) = inner else { return Some(opaque(run)) };
            if is_credentials(&text) {
                return Some(shown + &placeholder(SECRET, &text));
            }
            self.redact_string(&mut text, inner);
            return Some(shown + &text);
        }
        if let Some(message) = protobuf::decode(&bytes) {
            let mut message = Json::from(&message);
            let Some(inner) = inner else { return Some(opaque(run)) };
            self.redact_nested(&mut message, inner);
            return Some(format!(
                "{shown}<{PROTOBUF}:{}>{message}",
                bytes.len().next_power_of_two().max(8)
            ));
        }
        let is_compressed = shown.contains(COMPRESSED);
        (is_compressed || self.hides_secret(&bytes)).then(|| opaque(run))
    }

    /// Returns whether binary data contains a text that is or names a secret.
    fn hides_secret(&self, bytes: &[u8]) -> bool {
        let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let texts = bytes.split(|byte| !is_text(byte)).filter(|text| text.len() >= STRING_MIN);
        texts.filter_map(|text| std::str::from_utf8(text).ok()).any(|text| {
            let is_name = text.len() >= 6 && secret_name::is_secret_name(text);
            is_name || !self.find_matches(text).is_empty()
        })
    }
}

impl Nesting<'_> {
    /// Counts decoded bytes; `None` if they are too many.
    fn take(self, size: usize) -> Option<Self> {
        self.bytes.set(self.bytes.get().checked_sub(size)?);
        Some(self)
    }
}

/// Returns the runs of the alphabets of base64, with padding and escaped slashes. A run of whole
/// lines is one run.
fn base64_runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes[at..].iter().position(|byte| is_digit(*byte)) {
        let start = at + step;
        let (mut end, mut line) = (start, start);
        loop {
            end += run(&bytes[end..], is_digit);
            if bytes[end..].starts_with(b"\\/") {
                end += 2;
                continue;
            }
            let breaks: [&[u8]; 4] = [b"\n", b"\r\n", b"\\n", b"\\r\\n"];
            let ended = breaks.iter().find(|ended| bytes[end..].starts_with(ended));
            match ended.map(|ended| end + ended.len()) {
                Some(next)
                    if end - line >= BROKEN_LINE_MIN
                        && bytes.get(next).is_some_and(|byte| is_digit(*byte)) =>
                {
                    (end, line) = (next, next);
                }
                _ => break,
            }
        }
        let padding = &bytes[end..bytes.len().min(end + 2)];
        let padded = end + run(padding, |byte| byte == b'=');
        if end - start >= ENCODED_MIN && may_encode(&bytes[start..end]) {
            runs.push(start..padded);
        }
        at = padded;
    }
    runs
}

/// Returns whether a run is no plain word: hexadecimal digits, or letters of both cases.
fn may_encode(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_lowercase) && run.iter().any(u8::is_ascii_uppercase)
        || run.len() >= HEX_MIN && run.iter().all(u8::is_ascii_hexdigit)
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() < HEX_MIN || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}

/// Decodes base64; a text that was cut, to its last whole group.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let is_url_safe = text.contains(['-', '_']);
    let engine = if is_url_safe { URL_SAFE_PAD_INDIFFERENT } else { STANDARD_PAD_INDIFFERENT };
    engine.decode(text).or_else(|_| engine.decode(&text[..text.len() / 4 * 4])).ok()
}

/// Returns the bytes as text; `None` if they are none. A character that was cut is dropped.
fn decode_text(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(cut) if cut.error_len().is_none() && cut.valid_up_to() >= ENCODED_MIN / 2 => {
            String::from_utf8_lossy(&bytes[..cut.valid_up_to()]).into_owned()
        }
        Err(_) => return None,
    };
    if is_printable(&text) {
        return Some(text);
    }
    // UTF-16, as .NET and PowerShell write it.
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let wide: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    (wide.is_ascii() && is_printable(&wide)).then_some(wide)
}

/// Returns whether a text is a user and a password.
fn is_credentials(text: &str) -> bool {
    let Some((user, password)) = text.split_once(':') else { return false };
    let is_user = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_pair = is_user && !user.is_empty() && !password.is_empty() && text.len() <= 128;
    let are_numbers = is_number(user) && is_number(password);
    let is_url = password.starts_with("//");
    is_pair && !are_numbers && !is_url && !password.contains([':', ' ', '"', '{', '\n'])
}

/// Returns whether a text is longer than a line, and its characters are as mixed as those of
/// base64: a path or a name is not.
fn looks_opaque(text: &[u8]) -> bool {
    let count = |class: fn(&u8) -> bool| text.iter().filter(|byte| class(byte)).count();
    text.len() > LINE
        && count(u8::is_ascii_uppercase) * 8 > text.len()
        && count(u8::is_ascii_lowercase) * 8 > text.len()
        && count(u8::is_ascii_digit) * 32 > text.len()
}
