//! Secrets in the values of an SQL statement: `INSERT INTO t (user, password) VALUES ('bob', '…')`.
//!
//! Promises: the search for the columns is bounded; values are read once.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::bytes::{finders, run};
use super::secret_name::{EMPTY_VALUES, is_secret_name};
use super::{Match, SECRET};

/// Limit on the length of the list of columns, in bytes.
const COLUMNS_LENGTH_MAX: usize = 2048;
/// Minimum length of a statement with columns and values.
const STATEMENT_MIN: usize = 24;

static VALUES_FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| finders([&b"VALUES"[..], b"values"]));

/// Adds the values of columns with secret names.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() < STATEMENT_MIN {
        return;
    }
    for finder in &*VALUES_FINDERS {
        let mut lowest = 0;
        for at in finder.find_iter(bytes) {
            if at < lowest {
                continue;
            }
            let columns = secret_columns(bytes, lowest, at);
            if !columns.is_empty() {
                lowest = add_values(bytes, at + finder.needle().len(), &columns, found);
            }
        }
    }
}

/// Returns the places of the secret names in the list before `VALUES`.
fn secret_columns(bytes: &[u8], lowest: usize, at: usize) -> Vec<usize> {
    let head = &bytes[lowest.max(at.saturating_sub(COLUMNS_LENGTH_MAX))..at];
    let Some(list) = head.trim_ascii_end().strip_suffix(b")") else { return Vec::new() };
    let Some(open) = memchr::memrchr(b'(', list) else { return Vec::new() };
    let names = list[open + 1..].split(|byte| *byte == b',').enumerate();
    let is_secret = |name: &[u8]| std::str::from_utf8(name).is_ok_and(is_secret_name);
    names.filter(|(_, name)| is_secret(name)).map(|(place, _)| place).collect()
}

/// Adds the values at these places of all rows; returns their end.
fn add_values(bytes: &[u8], from: usize, columns: &[usize], found: &mut Vec<Match<'_>>) -> usize {
    let skip =
        |at: usize| at + run(&bytes[at..], |byte| byte.is_ascii_whitespace() || byte == b',');
    let mut at = skip(from);
    while bytes.get(at) == Some(&b'(') {
        at += 1;
        for place in 0.. {
            let (start, end, next) = value(bytes, at);
            let value = &bytes[start..end];
            if columns.contains(&place) && !is_variable(value) {
                found.push(Match { start, end, kind: SECRET });
            }
            at = next;
            if bytes.get(at) != Some(&b',') {
                break;
            }
            at += 1;
        }
        if bytes.get(at) != Some(&b')') {
            break;
        }
        at = skip(at + 1);
    }
    at
}

/// Returns the range of the value at `at` without its quotes, and the sign that ends it.
fn value(bytes: &[u8], at: usize) -> (usize, usize, usize) {
    let start = at + run(&bytes[at..], |byte| byte.is_ascii_whitespace() || byte == b'\\');
    // `N'…'`, `E'…'`
    let prefix = run(&bytes[start..bytes.len().min(start + 2)], |byte| byte.is_ascii_alphabetic());
    let quote = bytes.get(start + prefix).filter(|byte| matches!(byte, b'\'' | b'"')).copied();
    let (mut depth, mut quoted, mut end) = (0, None, start);
    while let Some(&byte) = bytes.get(end) {
        match (quoted, byte) {
            (Some(_), b'\\') if bytes.get(end + 1) == quoted.as_ref() && quote != Some(b'"') => {
                end += 1;
            }
            (Some(open), _) if byte == open => quoted = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quoted = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')' | b',') if depth == 0 => break,
            (None, b')') => depth -= 1,
            (None, _) => {}
        }
        end += 1;
    }
    let text = start + bytes[start..end].trim_ascii_end().len();
    match quote {
        Some(quote) if text > start + prefix + 1 && bytes[text - 1] == quote => {
            (start + prefix + 1, text - 1, end)
        }
        _ => (start, text, end),
    }
}

/// Returns whether a value is a variable, or says nothing: `?`, `$1`, `:name`, `NULL`.
fn is_variable(value: &[u8]) -> bool {
    value.is_empty()
        || b"?$:@%".contains(&value[0])
        || value.eq_ignore_ascii_case(b"null")
        || value.eq_ignore_ascii_case(b"default")
        || EMPTY_VALUES.contains(&value)
}
