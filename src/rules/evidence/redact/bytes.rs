//! Classes of bytes, runs of one class, and searchers.

use memchr::memmem::Finder;

/// Returns searchers for texts that are searched for in every message; to make one takes longer than
/// to search a line.
pub(super) fn finders(texts: impl IntoIterator<Item = &'static [u8]>) -> Vec<Finder<'static>> {
    texts.into_iter().map(Finder::new).collect()
}

/// Returns the number of leading ASCII digits.
pub(super) fn digits(bytes: &[u8]) -> usize {
    run(bytes, |byte| byte.is_ascii_digit())
}

/// Returns the number of leading bytes of `class`.
pub(super) fn run(bytes: &[u8], class: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !class(*byte)).unwrap_or(bytes.len())
}

pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}
