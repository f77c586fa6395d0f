//! Passes over a text. The first examines only trigger bytes, those that can begin a secret or its
//! separator; the others search one kind each.
//!
//! Promises: each examination is bounded, or ends where the next one begins, so that a pass is
//! linear. Matches of different passes may overlap, so that a match of one kind does not hide the
//! rest of another. Matches lie on character boundaries.

use super::bytes::{digits, run};
use super::{EMAIL, Match, SECRET};
use super::{
    assigned, command_line, iban, link, manifest, number, php, phrase, prefix, sql, table, token,
    webhook,
};

/// Limit on the length of a user and a password before an address, in bytes.
const DSN_MAX: usize = 128;

/// Bytes that trigger an examination.
const TRIGGERS: [bool; 256] = {
    let mut triggers = [false; 256];
    let bytes = b"@%\\0123456789+_-J:";
    let mut i = 0;
    while i < bytes.len() {
        triggers[bytes[i] as usize] = true;
        i += 1;
    }
    triggers
};

/// Returns all matches of the built-in kinds, in no order.
pub(super) fn find_secrets<'k>(bytes: &[u8]) -> Vec<Match<'k>> {
    let mut found = Vec::new();
    find_by_trigger(bytes, &mut found);
    prefix::find_plain(bytes, &mut found);
    token::find_aws_secret_keys(bytes, &mut found);
    token::find_authorization(bytes, &mut found);
    token::find_pem(bytes, &mut found);
    token::find_hashes(bytes, &mut found);
    assigned::find(bytes, &mut found);
    phrase::find(bytes, &mut found);
    php::find(bytes, &mut found);
    command_line::find(bytes, &mut found);
    webhook::find(bytes, &mut found);
    table::find(bytes, &mut found);
    sql::find(bytes, &mut found);
    manifest::find(bytes, &mut found);
    found
}

fn find_by_trigger(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let mut state = token::ScanState::default();
    let (mut at, mut lowest) = (0, 0);
    while let Some(step) = bytes[at..].iter().position(|byte| TRIGGERS[usize::from(*byte)]) {
        at += step;
        match match_at(bytes, lowest, at, &mut state) {
            Some(hit) => {
                (at, lowest) = (hit.end, hit.end);
                found.push(hit);
            }
            None if bytes[at].is_ascii_digit() => at += digits(&bytes[at..]),
            None => at += 1,
        }
    }
}

/// Returns the match that the byte at `at` triggers; it begins at or after `lowest`.
fn match_at<'k>(
    bytes: &[u8],
    lowest: usize,
    at: usize,
    state: &mut token::ScanState,
) -> Option<Match<'k>> {
    let rest = &bytes[at..];
    match bytes[at] {
        b'@' => email(bytes, lowest, at, at + 1).or_else(|| dsn(bytes, lowest, at)),
        b'\\' if rest.starts_with(b"\\u0040") => email(bytes, lowest, at, at + 6),
        b'%' if rest.starts_with(b"%40") => email(bytes, lowest, at, at + 3),
        b'%' if rest.starts_with(b"%2B") || rest.starts_with(b"%2b") => {
            number::international_phone(bytes, lowest, at, at + 3)
        }
        b'0'..=b'9' => {
            iban::iban(bytes, lowest, at).or_else(|| number::card_or_phone(bytes, lowest, at))
        }
        b'+' => number::international_phone(bytes, lowest, at, at + 1),
        b':' => userinfo(bytes, at).or_else(|| link::path(bytes, at)),
        b'-' => prefix::dashed(bytes, lowest, at),
        b'J' => token::jwt(bytes, lowest, at, state),
        b'_' => prefix::underscored(bytes, lowest, at),
        _ => None,
    }
}

/// Returns whether a byte is a letter, a digit, or part of a non-ASCII character.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Matches an e-mail address around its `@`, which may be escaped. Neither side extends beyond
/// another `@`.
fn email<'k>(bytes: &[u8], lowest: usize, at_sign: usize, after: usize) -> Option<Match<'k>> {
    let mut start = at_sign;
    while start > lowest {
        let byte = bytes[start - 1];
        let local = is_word(byte) || b"._+-%!#$*~^".contains(&byte);
        if !local || bytes[start - 1..].starts_with(b"%40") {
            break;
        }
        start -= 1;
    }
    if start == at_sign {
        start = quoted_local(bytes, lowest, at_sign)?;
    }
    let end = after + domain(&bytes[after..])?;
    Some(Match { start, end, kind: EMAIL })
}

/// Returns the start of a quoted local part, `"john doe"@…`. RFC 5321 limits it to 64 bytes.
fn quoted_local(bytes: &[u8], lowest: usize, at_sign: usize) -> Option<usize> {
    let close = at_sign.checked_sub(1).filter(|close| *close >= lowest && bytes[*close] == b'"')?;
    let from = lowest.max(close.saturating_sub(64));
    memchr::memrchr(b'"', &bytes[from..close]).map(|open| from + open)
}

/// Returns the length of a domain: at least two labels, the last not a number; or an address in
/// brackets.
fn domain(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'[') {
        let length = run(&bytes[1..], |byte| byte.is_ascii_alphanumeric() || b".:".contains(&byte));
        return (length > 2 && bytes.get(length + 1) == Some(&b']')).then_some(length + 2);
    }
    let (mut at, mut labels, mut best) = (0, 0, None);
    loop {
        let length = run(&bytes[at..], |byte| is_word(byte) || byte == b'-');
        if length == 0 {
            return best;
        }
        labels += 1;
        if labels > 1 && length > 1 && is_word(bytes[at]) && !bytes[at].is_ascii_digit() {
            best = Some(at + length);
        }
        at += length;
        if bytes.get(at) != Some(&b'.') {
            return best;
        }
        at += 1;
    }
}

/// Matches the user and password of `user:password@tcp(host)`, as drivers of Go have it.
fn dsn<'k>(bytes: &[u8], lowest: usize, at_sign: usize) -> Option<Match<'k>> {
    let rest = &bytes[at_sign + 1..];
    let head = &bytes[lowest.max(at_sign.saturating_sub(DSN_MAX))..at_sign];
    let is_of_pair = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`=/".contains(&byte);
    let length = head.iter().rev().take_while(|byte| is_of_pair(**byte)).count();
    let is = (rest.starts_with(b"tcp(") || rest.starts_with(b"unix("))
        && head[head.len() - length..].contains(&b':');
    is.then_some(Match { start: at_sign - length, end: at_sign, kind: SECRET })
}

/// Matches the user and password of `https://user:password@host`.
fn userinfo<'k>(bytes: &[u8], colon: usize) -> Option<Match<'k>> {
    // `jdbc:oracle:thin:user/password@host`
    if bytes[..=colon].ends_with(b":thin:") {
        let start = colon + 1;
        let head = &bytes[start..bytes.len().min(start + 128)];
        let length = run(head, |byte| !byte.is_ascii_whitespace() && !b"@\"':".contains(&byte));
        let is_pair = head[..length].contains(&b'/') && head.get(length) == Some(&b'@');
        return is_pair.then_some(Match { start, end: start + length, kind: SECRET });
    }
    let slashes: &[&[u8]] = &[b"//", b"\\/\\/"];
    let slash = slashes.iter().find(|slash| bytes[colon + 1..].starts_with(slash))?;
    let start = colon + 1 + slash.len();
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"/\\?#\"'<>`".contains(&byte);
    let authority = run(&bytes[start..], |byte| !ends(byte));
    let length = memchr::memrchr(b'@', &bytes[start..start + authority])
        .or_else(|| unescaped_password(&bytes[start..], authority))?;
    (length > 0).then_some(Match { start, end: start + length, kind: SECRET })
}

/// Returns the length of a user and a password with a slash or another sign that ought to be
/// escaped: `app:pa/ss@host`. Digits before the slash are a port.
fn unescaped_password(rest: &[u8], authority: usize) -> Option<usize> {
    let colon = memchr::memchr(b':', &rest[..authority])?;
    if rest[colon + 1..authority].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let head = &rest[..rest.len().min(DSN_MAX)];
    let is_of_password = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'<>`\\".contains(&byte);
    let length = run(head, |byte| is_of_password(byte) && byte != b'@');
    (head.get(length) == Some(&b'@')).then_some(length)
}
