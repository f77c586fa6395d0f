//! Redaction of secrets and personal data in dead letters.
//!
//! Promises: a match is replaced by a placeholder such as `<email:32>`: the kind, and the length in
//! characters, rounded up to a power of two from 8 on. What is encoded is decoded, and follows the
//! placeholder of its encoding, redacted: `<base64:64>{"email":"<email:16>"}`. What cannot be
//! decoded is replaced by its length and digest. Placeholders are never redacted again, so
//! redaction is idempotent. Time is linear in the length of the text; decoding is bounded in depth,
//! bytes and ratio. A text without a match is not copied. Pure.
//!
//! Never: treats names, addresses or bare digits as personal. Redaction lowers the risk of a leak
//! and does not exclude it.

use std::borrow::Cow;
use std::cell::Cell;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::decode::first_eight_bytes;
use crate::glob::GlobList;

pub use found::FoundSecret;

mod assigned;
mod bytes;
mod command_line;
mod encoded;
mod found;
mod iban;
mod json;
mod link;
mod manifest;
mod number;
mod percent;
mod php;
mod phrase;
mod prefix;
mod protobuf;
mod scan;
mod secret_name;
mod sql;
mod table;
mod token;
mod value;
mod webhook;

/// Limit on configured patterns.
pub const MAX_PATTERNS: usize = 64;
/// Limit on the length of a configured pattern, in bytes.
pub const MAX_PATTERN: usize = 512;
/// Limit on the name of a configured pattern, in bytes.
pub const MAX_NAME: usize = 32;
/// A text that still changes after this many rounds is hostile, and is replaced whole.
const ROUNDS_MAX: usize = 8;
/// Smallest length in a placeholder.
const LENGTH_CLASS_MIN: usize = 8;
/// Limit on encodings within one another, JSON in strings included.
const LEVELS_MAX: usize = 6;
/// Limit on all that is decoded of one value, in bytes: four times the largest message.
const DECODED_MAX: usize = 4 << 20;

/// Kinds of the built-in placeholders.
const KINDS: [&str; 15] = [
    EMAIL,
    CARD,
    PHONE,
    PERSON,
    IBAN,
    SECRET,
    TOKEN,
    JWT,
    PEM,
    TEXT,
    BASE64,
    HEX,
    COMPRESSED,
    PROTOBUF,
    URL_ENCODED,
];
const EMAIL: &str = "email";
const CARD: &str = "card";
const PHONE: &str = "phone";
const PERSON: &str = "id";
const SECRET: &str = "secret";
const TOKEN: &str = "token";
const JWT: &str = "jwt";
const PEM: &str = "pem";
const TEXT: &str = "text";
const IBAN: &str = "iban";
const BASE64: &str = "base64";
const HEX: &str = "hex";
const COMPRESSED: &str = "compressed";
const PROTOBUF: &str = "protobuf";
const URL_ENCODED: &str = "urlencoded";
/// A text that could hide a secret and cannot be decoded: `<opaque:4096:9f86d081884c7d65>`.
const OPAQUE: &str = "opaque";

/// A configured kind of secret: a match of `regex` becomes `<name:…>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Lower-case letters, and `-` between them.
    pub name: String,
    /// Perl syntax without look-around and back references, as regex-lite reads it.
    pub regex: String,
}

/// Built-in kinds, configured patterns, and texts that are never redacted.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    patterns: Vec<(String, regex_lite::Regex)>,
    allow: GlobList,
}

/// The range of a secret in a text, and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match<'k> {
    start: usize,
    end: usize,
    kind: &'k str,
}

/// A range of a text, and what is shown instead.
struct Replacement {
    start: usize,
    end: usize,
    shown: String,
}

/// Bounds on the decoding of a value.
#[derive(Clone, Copy)]
struct Nesting<'b> {
    /// Encodings that may still be removed.
    levels: usize,
    /// Bytes that may still be decoded.
    bytes: &'b Cell<usize>,
}

impl Nesting<'_> {
    /// Returns the bounds within one more encoding; `None` at the limit.
    fn inner(self) -> Option<Self> {
        Some(Nesting { levels: self.levels.checked_sub(1)?, ..self })
    }
}

impl Redactor {
    /// Returns a redactor of the built-in kinds and `patterns`. A match that a glob of `allow`
    /// covers wholly is kept; a text without `*?[]{}\` is such a glob. The error names the pattern
    /// and the reason.
    pub fn new<P: AsRef<str>>(patterns: &[Pattern], allow: &[P]) -> Result<Self, String> {
        if patterns.len() > MAX_PATTERNS {
            return Err(format!("more than {MAX_PATTERNS} patterns"));
        }
        let patterns = patterns.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Redactor { patterns, allow: GlobList::any(allow)? })
    }

    /// Redacts a text; returns it borrowed if nothing was found. JSON in the text is not parsed,
    /// and may be invalid afterwards: see [`Redactor::redact_json`].
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let bytes = Cell::new(DECODED_MAX);
        self.redact_text_within(text, Nesting { levels: LEVELS_MAX, bytes: &bytes })
    }

    fn redact_text_within<'a>(&self, text: &'a str, nesting: Nesting<'_>) -> Cow<'a, str> {
        // A replacement can expose a match that its neighbours hid. Repeat until nothing is found,
        // which also makes redaction idempotent.
        let mut current = Cow::Borrowed(text);
        for _ in 0..=ROUNDS_MAX {
            match self.redact_once(&current, nesting) {
                Some(next) => current = Cow::Owned(next),
                None => return current,
            }
        }
        Cow::Owned(placeholder(TEXT, text))
    }

    /// Returns a text with each match as its kind alone, `<token>`, as masks are written. What is
    /// encoded stays.
    pub fn mask_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find_matches(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for Match { start, end, kind } in found {
            out.push_str(&text[from..start]);
            out.push_str(&format!("<{kind}>"));
            from = end;
        }
        out.push_str(&text[from..]);
        Cow::Owned(out)
    }

    /// Redacts the parts between placeholders once, each as if it stood alone; `None` if nothing
    /// was found.
    fn redact_once(&self, text: &str, nesting: Nesting<'_>) -> Option<String> {
        let mut found = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(step) = memchr::memchr(b'<', &text.as_bytes()[at..]) {
            let start = at + step;
            at = start + 1;
            if let Some(length) = self.placeholder_end(&text[start..]) {
                self.find_replacements(text, from, start, nesting, &mut found);
                (from, at) = (start + length, start + length);
            }
        }
        self.find_replacements(text, from, text.len(), nesting, &mut found);
        if found.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len() + 16);
        let mut from = 0;
        for Replacement { start, end, shown } in found {
            out.push_str(&text[from..start]);
            out.push_str(&shown);
            from = end;
        }
        out.push_str(&text[from..]);
        Some(out)
    }

    /// Adds the replacements in a part of the text, ordered and without overlaps.
    fn find_replacements(
        &self,
        text: &str,
        from: usize,
        to: usize,
        nesting: Nesting<'_>,
        all: &mut Vec<Replacement>,
    ) {
        let part = &text[from..to];
        let matches = self.find_matches(part);
        let encoded = self.find_encoded(part, &matches, nesting);
        let shown = |hit: &Match<'_>| Replacement {
            start: from + hit.start,
            end: from + hit.end,
            shown: placeholder(hit.kind, &part[hit.start..hit.end]),
        };
        // A match within an encoding was found in the decoded text.
        let within = |hit: &&Match<'_>| {
            let after = encoded.partition_point(|other| other.end <= hit.start);
            encoded.get(after).is_none_or(|other| hit.end <= other.start)
        };
        let known = all.len();
        all.extend(matches.iter().filter(within).map(shown));
        all.extend(encoded.into_iter().map(|hit| Replacement {
            start: from + hit.start,
            end: from + hit.end,
            shown: hit.shown,
        }));
        all[known..].sort_by_key(|hit| hit.start);
    }

    /// Returns the matches in a text, ordered and without overlaps.
    fn find_matches<'s>(&'s self, text: &str) -> Vec<Match<'s>> {
        let mut found: Vec<Match<'s>> = scan::find_secrets(text.as_bytes());
        for (name, regex) in &self.patterns {
            let hits = regex.find_iter(text).filter(|hit| !hit.is_empty());
            found.extend(hits.map(|hit| Match { start: hit.start(), end: hit.end(), kind: name }));
        }
        if !self.allow.is_empty() {
            found.retain(|hit| !self.allow.matches(&text[hit.start..hit.end]));
        }
        found.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end)));
        let mut all: Vec<Match<'s>> = Vec::with_capacity(found.len());
        for hit in found {
            match all.last_mut() {
                Some(last) if hit.start < last.end => last.end = last.end.max(hit.end),
                _ => all.push(hit),
            }
        }
        all
    }

    /// Returns the end of a placeholder at the start of the text.
    fn placeholder_end(&self, text: &str) -> Option<usize> {
        let inner = text.strip_prefix('<')?;
        // The longest placeholder: a name, a colon and a number.
        let close = inner.bytes().take(MAX_NAME + 24).position(|byte| byte == b'>')?;
        let (kind, class) = inner.get(..close)?.split_once(':')?;
        if kind == OPAQUE {
            let (size, digest) = class.split_once(':')?;
            let is_digest =
                digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_size = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
            return (is_digest && is_size).then_some(close + 2);
        }
        let known = KINDS.contains(&kind) || self.patterns.iter().any(|(name, _)| name == kind);
        let size: usize = class.parse().ok()?;
        let fits = size >= LENGTH_CLASS_MIN && size.is_power_of_two() && class == size.to_string();
        (known && fits).then_some(close + 2)
    }
}

fn compile(pattern: &Pattern) -> Result<(String, regex_lite::Regex), String> {
    let Pattern { name, regex } = pattern;
    let letters = name
        .split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
    if !letters || name.len() > MAX_NAME {
        return Err(format!("'{name}' is not a name of lower-case letters and '-'"));
    }
    if regex.len() > MAX_PATTERN {
        return Err(format!("the pattern '{name}' is longer than {MAX_PATTERN} bytes"));
    }
    let compiled = regex_lite::Regex::new(regex)
        .map_err(|error| format!("the pattern '{name}' is not a regular expression: {error}"))?;
    if compiled.is_match("") {
        return Err(format!("the pattern '{name}' matches the empty text"));
    }
    Ok((name.clone(), compiled))
}

/// Returns the placeholder for a text of this kind.
fn placeholder(kind: &str, text: &str) -> String {
    let class = text.chars().count().next_power_of_two().max(LENGTH_CLASS_MIN);
    format!("<{kind}:{class}>")
}

/// Returns the placeholder for what cannot be decoded: its length and digest.
fn opaque(data: impl AsRef<[u8]>) -> String {
    let data = data.as_ref();
    let digest = first_eight_bytes(Sha256::new_with_prefix(data));
    format!("<{OPAQUE}:{}:{digest:016x}>", data.len())
}

#[cfg(test)]
mod tests;
