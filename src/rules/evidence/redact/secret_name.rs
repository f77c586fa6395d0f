//! Secrets recognised by their name: the value of `password` is a secret, whatever it looks like.
//!
//! Promises: case, `-`, `_` and `.` in a name do not matter, and its end decides: `dbPassword` and
//! `X-Api-Key` are secret names, `tokenCount` and `author` are not. In a text the name stands
//! before `=` or `:`, or in a tag. The search before the sign is bounded; the search after it ends
//! with the value found.

use super::bytes::run;
use super::{Match, SECRET};

/// Limit on the length of a name, counted from its end.
const NAME_MAX: usize = 64;
/// Secret names at the end of any name, in the singular and the plural.
const SECRET_ENDS: [&str; 28] = [
    "accesskey",
    "accesskeyid",
    "accountkey",
    "apikey",
    "authkey",
    "authorization",
    "cookie",
    "credential",
    "cvc",
    "cvv",
    "encryptionkey",
    "masterkey",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwordhash",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "secretstring",
    "secretvalue",
    "senha",
    "sessid",
    "sessionid",
    "signingkey",
    "token",
];
/// Secret names that also end harmless words (`compass`), and must be a word of their own.
const SECRET_WORDS: [&str; 6] = ["cpf", "otp", "pass", "pin", "session", "ssn"];
/// Secret names in the query of a URL only.
const QUERY_NAMES: [&str; 3] = ["sig", "signature", "xamzsignature"];
/// Values that are no secret under any name.
const EMPTY_VALUES: [&[u8]; 8] =
    [b"null", b"true", b"false", b"none", b"None", b"True", b"False", b"undefined"];

/// Letters and digits of a name in lower case, without trailing digits.
struct NormalizedName {
    text: String,
    /// Offsets of the words in `text`.
    words: Vec<usize>,
}

impl NormalizedName {
    fn read(name: &[u8]) -> Self {
        let name = &name[name.len().saturating_sub(NAME_MAX)..];
        let mut read =
            NormalizedName { text: String::with_capacity(name.len()), words: Vec::new() };
        let mut last = b' ';
        for byte in name {
            if byte.is_ascii_alphanumeric() {
                let hump = last.is_ascii_lowercase() && byte.is_ascii_uppercase();
                if hump || !last.is_ascii_alphanumeric() {
                    read.words.push(read.text.len());
                }
                read.text.push(char::from(byte.to_ascii_lowercase()));
            }
            last = *byte;
        }
        let end = read.text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        read.text.truncate(end);
        read
    }

    fn is_secret(&self) -> bool {
        let text = self.text.as_str();
        let single = text.strip_suffix('s').unwrap_or(text);
        let word = |name: &&str| {
            text.strip_suffix(*name).is_some_and(|rest| self.words.contains(&rest.len()))
        };
        SECRET_ENDS.iter().any(|name| text.ends_with(name) || single.ends_with(name))
            || SECRET_WORDS.iter().any(word)
            || text == QUERY_NAMES[2]
    }
}

/// Returns whether values under this name are secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    NormalizedName::read(name.as_bytes()).is_secret()
}

/// Matches the value after the sign at `at`, if a secret name stands before it: `password=…`,
/// `"password": "…"`, `<password>…`.
pub(super) fn assigned_value<'k>(bytes: &[u8], lowest: usize, at: usize) -> Option<Match<'k>> {
    let (start, end) = name_before(bytes, lowest, at)?;
    // Fast path: a name cannot end in a separator.
    if !bytes[end - 1].is_ascii_alphanumeric() {
        return None;
    }
    let name = NormalizedName::read(&bytes[start..end]);
    let asked = start > lowest && matches!(bytes[start - 1], b'?' | b'&');
    let known = name.is_secret() || asked && QUERY_NAMES.contains(&name.text.as_str());
    if !known {
        return None;
    }
    let (from, to) = if bytes[at] == b'>' {
        let tag = start > lowest && matches!(bytes[start - 1], b'<' | b':');
        let from = at + 1;
        tag.then(|| (from, from + run(&bytes[from..], |byte| byte != b'<')))?
    } else {
        let line = name.text.ends_with("authorization") || name.text.ends_with("cookie");
        value_after(bytes, at, line)?
    };
    let value = &bytes[from..to];
    let blank = value.iter().all(|byte| byte.is_ascii_whitespace());
    let is_secret = !blank && !EMPTY_VALUES.contains(&value);
    is_secret.then_some(Match { start: from, end: to, kind: SECRET })
}

/// Returns the range of the name before the sign, without quotes.
fn name_before(bytes: &[u8], lowest: usize, at: usize) -> Option<(usize, usize)> {
    let back = |from: usize, most: usize, class: &dyn Fn(u8) -> bool| {
        let head = &bytes[lowest.max(from.saturating_sub(most))..from];
        from - head.iter().rev().take_while(|byte| class(**byte)).count()
    };
    let tag = bytes[at] == b'>';
    let mut end = if tag { at } else { back(at, 2, &|byte| byte == b' ') };
    if !tag && end > lowest && matches!(bytes[end - 1], b'"' | b'\'' | b'`') {
        end = back(end - 1, 8, &|byte| byte == b'\\');
    }
    let start = back(end, NAME_MAX, &|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
    });
    (start < end).then_some((start, end))
}

/// Returns the range of the value after `=`, `:`, `=>` or `:=`: a quoted text, a word, or the rest
/// of the line.
fn value_after(bytes: &[u8], at: usize, line: bool) -> Option<(usize, usize)> {
    let skip = |from: usize, most: usize, class: &dyn Fn(u8) -> bool| {
        from + bytes[from..].iter().take(most).take_while(|byte| class(**byte)).count()
    };
    let mut from = skip(at + 1, 2, &|byte| byte == b'=' || byte == b'>');
    from = skip(from, 8, &|byte| matches!(byte, b' ' | b'\t' | b'['));
    let open = skip(from, 8, &|byte| byte == b'\\');
    if let Some(quote @ (b'"' | b'\'' | b'`')) = bytes.get(open).copied() {
        return Some((open + 1, quoted_end(bytes, open + 1, quote, open - from)));
    }
    let rest = &bytes[from..];
    let escaped = |offset: usize| {
        matches!(rest.get(offset + 1), Some(b'"' | b'\''))
            || line && matches!(rest.get(offset + 1), Some(b'n' | b'r'))
    };
    let ends = |offset: usize, byte: u8| match byte {
        b'\n' | b'\r' | b'"' => true,
        b'\\' => escaped(offset),
        _ if line => false,
        _ => byte.is_ascii_whitespace() || b",;&'`)]}<>|{".contains(&byte),
    };
    let length = rest.iter().enumerate().position(|(offset, byte)| ends(offset, *byte));
    Some((from, from + length.unwrap_or(rest.len())))
}

/// Returns the end of a quoted value whose opening quote has this many backslashes; the end of the
/// text if the quote is not closed.
fn quoted_end(bytes: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    for offset in memchr::memchr_iter(quote, &bytes[from..]) {
        let before = bytes[from..from + offset].iter().rev().take_while(|byte| **byte == b'\\');
        let count = before.count();
        if count <= escapes || escapes == 0 && count.is_multiple_of(2) {
            return from + offset - count.min(escapes);
        }
    }
    bytes.len()
}
