//! Links that let in whoever has them: to reset a password, to confirm an address, to sign in.
//!
//! Promises: each search is bounded.

use super::bytes::run;
use super::{Match, TOKEN};

/// Limit on the length of a URL that is read, in bytes.
const URL_MAX: usize = 256;
/// Minimum length of the letters and digits of a token.
const TOKEN_MIN: usize = 16;
/// Words in the paths of such links.
const WORDS: [&[u8]; 8] =
    [b"magic", b"reset", b"verif", b"confirm", b"invit", b"activat", b"passwordless", b"signin"];

/// Matches the token in the path of a link, `https://host/password/reset/…`. `colon` is that of its
/// scheme.
pub(super) fn path<'k>(bytes: &[u8], colon: usize) -> Option<Match<'k>> {
    if !bytes[colon + 1..].starts_with(b"//") {
        return None;
    }
    let url = &bytes[colon + 3..bytes.len().min(colon + 3 + URL_MAX)];
    let url = &url[..run(url, |byte| byte.is_ascii_alphanumeric() || b"-._~/:%".contains(&byte))];
    let (mut at, mut is_link) = (memchr::memchr(b'/', url)? + 1, false);
    while at < url.len() {
        let length = run(&url[at..], |byte| byte != b'/');
        let segment = &url[at..at + length];
        if is_link && is_token(segment) {
            let start = colon + 3 + at;
            return Some(Match { start, end: start + length, kind: TOKEN });
        }
        is_link |= names_link(segment);
        at += length + 1;
    }
    None
}

/// Returns whether the query before `at` belongs to such a link, and its value is a token.
pub(super) fn is_asked(bytes: &[u8], lowest: usize, at: usize, value: &[u8]) -> bool {
    let head = &bytes[lowest.max(at.saturating_sub(URL_MAX))..at];
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>".contains(byte);
    let url = head.iter().rposition(is_end).map_or(head, |end| &head[end + 1..]);
    let path = &url[..memchr::memchr(b'?', url).unwrap_or(url.len())];
    is_token(value) && names_link(path)
}

fn names_link(text: &[u8]) -> bool {
    WORDS.iter().any(|word| memchr::memmem::find(text, word).is_some())
}

/// Returns whether a text contains a long run of letters and digits; the words of a campaign and a
/// UUID have short ones.
fn is_token(text: &[u8]) -> bool {
    let runs = text.split(|byte| !byte.is_ascii_alphanumeric());
    runs.filter(|run| run.len() >= TOKEN_MIN)
        .any(|run| run.iter().any(u8::is_ascii_digit) && run.iter().any(u8::is_ascii_alphabetic))
}
