//! Redaction of credentials after the word of a scheme, JSON web tokens, PEM blocks, and secret keys
//! of AWS.
//!
//! Promises: rejecting a candidate takes bounded time, or none of its bytes is scanned again.

use super::bytes::{is_base64, is_base64url, run};
use super::prefix::match_from;
use super::{JWT, Match, PEM, SECRET};

/// Bytes of a candidate that are checked before it is accepted.
const LOOKAHEAD: usize = 64;

/// Length of a secret key of AWS.
const AWS_SECRET_KEY: usize = 40;
/// Minimum length of a line of a JSON web token that goes on in the next one.
const JWT_LINE_MIN: usize = 60;
const PEM_BEGIN: &[u8] = b"-----BEGIN ";

/// State of one pass, which keeps it linear.
#[derive(Default)]
pub(super) struct ScanState {
    /// No JSON web token begins before this offset.
    jwt: usize,
}

/// Schemes of an authorization, and the minimum length of their credentials in a text.
const SCHEMES: [(&[u8], usize); 10] = [
    (b"auth plain", 8),
    (b"auth login", 8),
    (b"bearer", 8),
    (b"basic", 8),
    (b"negotiate", 16),
    (b"ntlm", 16),
    (b"apikey", 16),
    (b"token", 16),
    (b"ssws", 16),
    (b"splunk", 16),
];

/// Adds the credentials after `Bearer`, `Basic` and others, unless they look like a word.
pub(super) fn find_authorization(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let mut lowest = 0;
    for at in memchr::memchr3_iter(b' ', b'+', b'%', bytes) {
        let apart: &[u8] = if bytes[at] == b'%' { b"%20" } else { &bytes[at..=at] };
        let (head, rest) = bytes.split_at(at);
        // Fast path: the last letters of the schemes.
        let last = head.last().map(u8::to_ascii_lowercase);
        if at < lowest || !last.is_some_and(|byte| b"rcemynsk".contains(&byte)) {
            continue;
        }
        let ends = |scheme: &[u8]| {
            head.len().checked_sub(scheme.len()).is_some_and(|from| {
                head[from..].eq_ignore_ascii_case(scheme)
                    && !(from > 0 && head[from - 1].is_ascii_alphabetic() && scheme.len() < 6)
            })
        };
        let scheme = SCHEMES.iter().find(|(scheme, _)| ends(scheme));
        let Some((min, rest)) = scheme.and_then(|(_, min)| Some((*min, rest.strip_prefix(apart)?)))
        else {
            continue;
        };
        let start = at + apart.len() + run(&rest[..rest.len().min(2)], |byte| byte == b' ');
        if let Some(hit) = credentials(bytes, start, min) {
            lowest = hit.end;
            found.push(hit);
        }
    }
}

/// Matches credentials of at least `min` bytes that do not look like a word.
fn credentials<'k>(bytes: &[u8], start: usize, min: usize) -> Option<Match<'k>> {
    let class = |byte: u8| is_base64url(byte) || b"+/.~=:".contains(&byte);
    let head = &bytes[start..bytes.len().min(start + LOOKAHEAD)];
    let head = &head[..run(head, class)];
    let mixed = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let random = head.iter().any(|byte| byte.is_ascii_digit() || *byte == b'=')
        || head.windows(2).any(mixed);
    (head.len() >= min && random).then(|| match_from(bytes, start, start, 0, class)).flatten()
}

/// Matches a JSON web token around the `J` of `eyJ`: two parts of which the second is an object
/// too, or at least three parts.
pub(super) fn jwt<'k>(
    bytes: &[u8],
    lowest: usize,
    at: usize,
    state: &mut ScanState,
) -> Option<Match<'k>> {
    if at < state.jwt || !bytes[lowest..at].ends_with(b"ey") {
        return None;
    }
    let start = at - 2;
    let mut line = start;
    let mut end = part_end(bytes, at, &mut line);
    // A later candidate within the first part has the same rest.
    state.jwt = end;
    let header = end - start;
    let mut parts = 1;
    let next = |end: usize| end + 1 + line_break(&bytes[bytes.len().min(end + 1)..]);
    let object = bytes.get(next(end)..).is_some_and(|rest| rest.starts_with(b"eyJ"));
    while parts < 5 && bytes.get(end) == Some(&b'.') {
        let from = next(end);
        line = if from > end + 1 { from } else { line };
        let to = part_end(bytes, from, &mut line);
        if to == from && parts > 1 {
            break;
        }
        parts += 1;
        end = if to == from { end + 1 } else { to };
    }
    let is = header >= 8 && (parts > 2 || parts > 1 && object);
    is.then_some(Match { start, end, kind: JWT })
}

/// Returns the end of a part of a JSON web token, which may go on in the next line.
/// `line` is where the line begins.
fn part_end(bytes: &[u8], from: usize, line: &mut usize) -> usize {
    let mut end = from;
    loop {
        end += run(&bytes[end..], is_base64url);
        let broken = line_break(&bytes[end..]);
        let goes_on = bytes.get(end + broken).is_some_and(|byte| is_base64url(*byte));
        if broken == 0 || end - *line < JWT_LINE_MIN || !goes_on {
            return end;
        }
        (end, *line) = (end + broken, end + broken);
    }
}

/// Returns the length of a line break at the start, which may be escaped.
fn line_break(bytes: &[u8]) -> usize {
    let breaks: [&[u8]; 4] = [b"\n", b"\r\n", b"\\n", b"\\r\\n"];
    breaks.iter().find(|text| bytes.starts_with(text)).map_or(0, |text| text.len())
}

/// Adds the PEM blocks.
pub(super) fn find_pem(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() < PEM_BEGIN.len() {
        return;
    }
    let (mut lowest, mut close) = (0, 0);
    for at in memchr::memmem::find_iter(bytes, PEM_BEGIN) {
        if let Some(hit) =
            Some(at).filter(|at| *at >= lowest).and_then(|at| pem(bytes, at, &mut close))
        {
            lowest = hit.end;
            found.push(hit);
        }
    }
}

/// Matches a PEM block from its first dash to its last; without an end, up to the last byte that
/// can belong to it. `known_end` is the last end that was searched, `usize::MAX` if none follows:
/// it keeps the search linear.
fn pem<'k>(bytes: &[u8], at: usize, known_end: &mut usize) -> Option<Match<'k>> {
    let dashes = b"-----";
    let label = bytes[at..].strip_prefix(PEM_BEGIN)?;
    let label = &label[..label.len().min(LOOKAHEAD)];
    let length =
        run(label, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    if length == 0 || !label[length..].starts_with(dashes) {
        return None;
    }
    let body = at + 11 + length + dashes.len();
    if *known_end < body {
        let close = memchr::memmem::find(&bytes[body..], b"-----END ");
        *known_end = close.map_or(usize::MAX, |offset| body + offset);
    }
    let end = if *known_end == usize::MAX {
        let inside =
            |byte: u8| is_base64(byte) || byte.is_ascii_whitespace() || b"=\\:,-".contains(&byte);
        body + run(&bytes[body..], inside)
    } else {
        let from = *known_end + 9;
        let rest = &bytes[from..bytes.len().min(from + LOOKAHEAD + 5)];
        from + memchr::memmem::find(rest, dashes).map_or(0, |label| label + 5)
    };
    Some(Match { start: at, end, kind: PEM })
}

/// Adds secret keys of AWS. They have no prefix: 40 characters of base64 near the word "secret" or
/// an access key id.
pub(super) fn find_aws_secret_keys(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() < AWS_SECRET_KEY {
        return;
    }
    let is_id = |hit: &&Match| matches!(bytes[hit.start..], [b'A', b'K' | b'S', b'I', b'A', ..]);
    let ids: Vec<usize> = found.iter().filter(is_id).map(|hit| hit.end).collect();
    let words = memchr::memmem::find_iter(bytes, b"ecret")
        .chain(memchr::memmem::find_iter(bytes, b"ECRET"))
        .map(|word| word + 5);
    for from in ids.into_iter().chain(words) {
        let (mut at, limit) = (from, bytes.len().min(from + LOOKAHEAD + AWS_SECRET_KEY + 1));
        while at < limit.min(from + LOOKAHEAD) {
            let length = run(&bytes[at..limit], is_base64);
            let text = &bytes[at..at + length];
            let mixed = text.iter().any(u8::is_ascii_uppercase)
                && text.iter().any(u8::is_ascii_lowercase)
                && text.iter().any(u8::is_ascii_digit);
            if length == AWS_SECRET_KEY && mixed {
                found.push(Match { start: at, end: at + length, kind: SECRET });
                break;
            }
            at += length.max(1);
        }
    }
}

/// Schemes of hashed passwords in crypt's form, `$2b$12$…`, and words before that of Django.
const HASHES: [&[u8]; 15] = [
    b"1",
    b"5",
    b"6",
    b"7",
    b"2a",
    b"2b",
    b"2y",
    b"y",
    b"apr1",
    b"scrypt",
    b"argon2i",
    b"argon2d",
    b"argon2id",
    b"pbkdf2-sha256",
    b"pbkdf2-sha512",
];
const DJANGO: [&[u8]; 3] = [b"pbkdf2_sha256", b"pbkdf2_sha1", b"bcrypt_sha256"];
/// Minimum length of what follows the scheme.
const HASH_MIN: usize = 24;

/// Adds hashed passwords.
pub(super) fn find_hashes(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let is_of_hash = |byte: u8| is_base64(byte) || b"$.=,_-".contains(&byte);
    let mut lowest = 0;
    for at in memchr::memchr_iter(b'$', bytes) {
        if at < lowest {
            continue;
        }
        let rest = &bytes[at + 1..];
        let close = rest.iter().take(16).position(|byte| *byte == b'$');
        let is_crypt = close.is_some_and(|close| HASHES.contains(&&rest[..close]));
        let django = DJANGO.iter().find(|name| bytes[..at].ends_with(name));
        let start = match (is_crypt, django) {
            (true, _) => at,
            (false, Some(name)) => at - name.len(),
            (false, None) => continue,
        };
        let length = run(rest, is_of_hash);
        lowest = at + 1 + length;
        if length >= HASH_MIN && memchr::memchr_iter(b'$', &rest[..length]).count() > 1 {
            found.push(Match { start, end: lowest, kind: SECRET });
        }
    }
}
