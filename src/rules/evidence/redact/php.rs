//! Secrets in PHP's serialization: `s:8:"password";s:6:"hunter2";`.
//!
//! Promises: each search is bounded, or ends where the next one begins.

use super::bytes::{digits, run};
use super::secret_name::is_secret_name;
use super::{Match, SECRET};

/// Limit on the length of a name, in bytes. A private property has its class in its name.
const NAME_MAX: usize = 256;

/// Minimum length of a name and its value, in bytes.
const PAIR_MIN: usize = 15;

/// Adds the values that follow a secret name.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    // Fast path: the shortest pair of a name and a value.
    if bytes.len() < PAIR_MIN {
        return;
    }
    let mut lowest = 0;
    for at in memchr::memmem::find_iter(bytes, b"s:") {
        let joined = bytes[..at].last().is_some_and(u8::is_ascii_alphanumeric);
        if at < lowest || joined {
            continue;
        }
        let Some((start, end)) = name(bytes, at).and_then(|after| value(bytes, after)) else {
            continue;
        };
        if start < end {
            found.push(Match { start, end, kind: SECRET });
            lowest = end;
        }
    }
}

/// Returns the start of a string, its length as stated, and the backslashes before its quote.
fn string(bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let rest = bytes[at..].strip_prefix(b"s:")?;
    let length = digits(&rest[..rest.len().min(8)]);
    let size = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
    let rest = rest[length..].strip_prefix(b":")?;
    let escapes = run(&rest[..rest.len().min(8)], |byte| byte == b'\\');
    (rest.get(escapes) == Some(&b'"')).then_some((at + 2 + length + 1 + escapes + 1, size, escapes))
}

/// Returns the end of a secret name with its quote and semicolon.
fn name(bytes: &[u8], at: usize) -> Option<usize> {
    let (start, size, escapes) = string(bytes, at)?;
    if size > NAME_MAX {
        return None;
    }
    // With escapes in the text, the length that is stated is too small.
    let window = &bytes[start..bytes.len().min(start + NAME_MAX)];
    let length = memchr::memchr(b'"', window)?;
    let name = std::str::from_utf8(window[..length].get(..length - escapes.min(length))?).ok()?;
    (is_secret_name(name) && window.get(length + 1) == Some(&b';')).then_some(start + length + 2)
}

/// Returns the range of the string or number at `at`.
fn value(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    if let [b'i' | b'd', b':', rest @ ..] = &bytes[at..] {
        return Some((at + 2, at + 2 + run(rest, |byte| byte != b';' && byte != b'}')));
    }
    let (start, size, escapes) = string(bytes, at)?;
    let close = [&b"\\\\\\\\\\\\\\\\"[..escapes], b"\""].concat();
    let rest = &bytes[start..];
    if rest.get(size..).is_some_and(|rest| rest.starts_with(&close)) {
        return Some((start, start + size));
    }
    let length = memchr::memmem::find(rest, &[&close[..], b";"].concat()).unwrap_or(rest.len());
    Some((start, start + length))
}
