//! Secrets assigned to a name: `password=…`, `"password": "…"`, `<password>…`.
//!
//! Promises: the search before a sign is bounded; the search after it ends with the value found.

use super::bytes::run;
use super::secret_name::{
    EMPTY_VALUES, NAME_MAX, NormalizedName, QUERY_NAMES, is_of_random, is_random, is_secret_name,
};
use super::{Match, SECRET};

/// Limit on the search for the beginning of a tag, and for the name before a value, in bytes.
const LOOKBACK: usize = 128;
/// Limit on the length of a value that must look random, in bytes.
const RANDOM_MAX: usize = 256;
/// Quotes as HTML, JSON and others spell them within a text.
const SPELLED_QUOTES: [&[u8]; 8] =
    [b"&quot;", b"&#34;", b"&#x22;", b"&#39;", b"&apos;", b"\\u0022", b"\\u0027", b"\\x22"];

/// Adds the values of secret names.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let (mut at, mut lowest) = (0, 0);
    while let Some(step) = memchr::memchr3(b'=', b':', b'>', &bytes[at..]) {
        at += step;
        match assigned_value(bytes, lowest, at) {
            Some((start, end)) => {
                found.push(Match { start, end, kind: SECRET });
                (at, lowest) = (end, end);
            }
            None => at += 1,
        }
    }
    find_in_parts(bytes, found);
}

/// Returns the range of the value after the sign at `at`, if a secret name stands before it.
fn assigned_value(bytes: &[u8], lowest: usize, at: usize) -> Option<(usize, usize)> {
    let tag = bytes[at] == b'>';
    let (start, end) =
        if tag { tag_before(bytes, lowest, at)? } else { name_before(bytes, lowest, at)? };
    // Fast path: a name cannot end in a separator.
    if !bytes[end - 1].is_ascii_alphanumeric() {
        return None;
    }
    let name = NormalizedName::read(&bytes[start..end]);
    let asked = start > lowest && matches!(bytes[start - 1], b'?' | b'&');
    let known = name.is_secret()
        || asked && QUERY_NAMES.contains(&name.text.as_str())
        || name.text == "value" && follows_secret_name(bytes, lowest, start);
    let often = !known && name.is_often_secret();
    if !known && !often {
        return None;
    }
    let (from, to) = match tag {
        true => tag_value(bytes, at + 1),
        false if often => random_after(bytes, at)?,
        false => value_after(bytes, at, name.is_of_line())?,
    };
    let value = &bytes[from..to];
    let blank = value.iter().all(|byte| byte.is_ascii_whitespace());
    let is_secret = !blank && !EMPTY_VALUES.contains(&value) && (known || is_random(value));
    is_secret.then_some((from, to))
}

/// Returns whether the name of a pair stands before its value: `name="password" value="…"`.
fn follows_secret_name(bytes: &[u8], lowest: usize, value: usize) -> bool {
    let window = &bytes[lowest.max(value.saturating_sub(LOOKBACK))..value];
    let window = window.to_ascii_lowercase();
    let keys: [&[u8]; 3] = [b"name", b"key", b"header"];
    let key = keys.iter().filter_map(|key| Some(memchr::memmem::rfind(&window, key)? + key.len()));
    let Some(from) = key.max() else { return false };
    let is_joint = |byte: u8| byte.is_ascii_whitespace() || b"\"'\\=:>".contains(&byte);
    let from = from + run(&window[from..], is_joint);
    let length =
        run(&window[from..], |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    std::str::from_utf8(&window[from..from + length]).is_ok_and(is_secret_name)
}

/// Returns the length of the quote, plain or spelled, that the text ends in.
fn quote_before(text: &[u8]) -> usize {
    let plain = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
    match text.last() {
        Some(byte) if plain(byte) => {
            let escapes = text[..text.len() - 1].iter().rev().take(8);
            1 + escapes.take_while(|byte| **byte == b'\\').count()
        }
        Some(b';' | b'2' | b'7') => {
            let quote = SPELLED_QUOTES.iter().find(|quote| text.ends_with(quote));
            let Some(quote) = quote else { return 0 };
            let escapes = text[..text.len() - quote.len()].iter().rev().take(8);
            quote.len() + escapes.take_while(|byte| **byte == b'\\').count()
        }
        _ => 0,
    }
}

/// Returns the range of the name before the sign, without quotes and brackets.
fn name_before(bytes: &[u8], lowest: usize, at: usize) -> Option<(usize, usize)> {
    let back = |from: usize, most: usize, class: &dyn Fn(u8) -> bool| {
        let head = &bytes[lowest.max(from.saturating_sub(most))..from];
        from - head.iter().rev().take_while(|byte| class(**byte)).count()
    };
    let mut end = back(at, 2, &|byte| byte == b' ');
    end -= quote_before(&bytes[lowest..end]);
    // `user[password]=…`, and `params["password"] = …`
    let brackets: [&[u8]; 3] = [b"]", b"%5D", b"%5d"];
    if let Some(bracket) = brackets.iter().find(|bracket| bytes[lowest..end].ends_with(bracket)) {
        end -= bracket.len();
        end -= quote_before(&bytes[lowest..end]);
    }
    let start = back(end, NAME_MAX, &|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
    });
    (start < end).then_some((start, end))
}

/// Returns the range of the name in the opening tag that ends at `at`, without its namespace.
fn tag_before(bytes: &[u8], lowest: usize, at: usize) -> Option<(usize, usize)> {
    let from = lowest.max(at.saturating_sub(LOOKBACK));
    let open = from + memchr::memrchr2(b'<', b'>', &bytes[from..at])?;
    let name = &bytes[open + 1..at];
    if bytes[open] == b'>' || name.ends_with(b"/") {
        return None;
    }
    let length = run(name, |byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
    let name = &name[..length];
    let space = name.iter().rposition(|byte| *byte == b':').map_or(0, |colon| colon + 1);
    (space < length).then_some((open + 1 + space, open + 1 + length))
}

/// Returns the range of the text within a tag.
fn tag_value(bytes: &[u8], from: usize) -> (usize, usize) {
    if let Some(data) = bytes[from..].strip_prefix(b"<![CDATA[") {
        let from = from + 9;
        let length = memchr::memmem::find(data, b"]]>").unwrap_or(data.len());
        return (from, from + length);
    }
    (from, from + run(&bytes[from..], |byte| byte != b'<'))
}

/// Adds the values of a form in parts: the name, an empty line, and the value up to the next line.
fn find_in_parts(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    const FIELD: &[u8] = b"form-data; name=";
    if bytes.len() < FIELD.len() {
        return;
    }
    let mut lowest = 0;
    for at in memchr::memmem::find_iter(bytes, FIELD) {
        let from = at
            + FIELD.len()
            + run(&bytes[at + FIELD.len()..bytes.len().min(at + FIELD.len() + 8)], |b| {
                b == b'"' || b == b'\\'
            });
        let head = &bytes[from..bytes.len().min(from + NAME_MAX)];
        let length = run(head, |byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte));
        let name = std::str::from_utf8(&head[..length]).unwrap_or_default();
        if at < lowest || !is_secret_name(name.trim_end_matches(']')) {
            continue;
        }
        // A line break may be escaped.
        let is_break = |byte: u8| b"\"\\rn\r\n".contains(&byte);
        let rest = &bytes[from + length..bytes.len().min(from + length + 24)];
        let start = from + length + rest.iter().take_while(|byte| is_break(**byte)).count();
        let end = start + run(&bytes[start..], |byte| !b"\r\n\\".contains(&byte));
        if start < end {
            found.push(Match { start, end, kind: SECRET });
            lowest = end;
        }
    }
}

/// Returns the range of the random value after a sign and quotes.
fn random_after(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let joint = |byte: u8| byte == b' ' || b"\"'\\=>".contains(&byte);
    let head = &bytes[at + 1..bytes.len().min(at + 17)];
    let from = at + 1 + run(head, joint);
    let length = run(&bytes[from..bytes.len().min(from + RANDOM_MAX)], is_of_random);
    let value = &bytes[from..from + length];
    let end = value.iter().rposition(|byte| !b",.:".contains(byte))?;
    Some((from, from + end + 1))
}

/// Returns the range of the value after `=`, `:`, `=>` or `:=`: a quoted text, a word, or the rest
/// of the line.
fn value_after(bytes: &[u8], at: usize, line: bool) -> Option<(usize, usize)> {
    let skip = |from: usize, most: usize, class: &dyn Fn(u8) -> bool| {
        from + bytes[from..].iter().take(most).take_while(|byte| class(**byte)).count()
    };
    let mut from = skip(at + 1, 2, &|byte| byte == b'=' || byte == b'>');
    from = skip(from, 8, &|byte| matches!(byte, b' ' | b'\t' | b'[' | b'+'));
    let open = skip(from, 8, &|byte| byte == b'\\');
    let spelled = SPELLED_QUOTES.iter().find_map(|quote| {
        let at = if quote.starts_with(b"\\") { open.max(from + 1) - 1 } else { open };
        bytes[at..].starts_with(quote).then_some((at + quote.len(), quote))
    });
    if let Some((start, quote)) = spelled {
        let rest = &bytes[start..];
        let length = memchr::memmem::find(rest, quote).unwrap_or(rest.len());
        let escapes = rest[..length].iter().rev().take_while(|byte| **byte == b'\\').count();
        return Some((start, start + length - escapes));
    }
    if let Some(quote @ (b'"' | b'\'' | b'`')) = bytes.get(open).copied() {
        return Some((open + 1, quoted_end(bytes, open + 1, quote, open - from)));
    }
    if line {
        return Some((from, line_end(bytes, from)));
    }
    let ends = |offset: usize, byte: u8| match byte {
        b'\n' | b'\r' | b'"' => true,
        b'\\' => matches!(bytes.get(from + offset + 1), Some(b'"' | b'\'')),
        _ => byte.is_ascii_whitespace() || b",;&'`)]}<>|{".contains(&byte),
    };
    let rest = &bytes[from..];
    let length = rest.iter().enumerate().position(|(offset, byte)| ends(offset, *byte));
    Some((from, from + length.unwrap_or(rest.len())))
}

/// Returns the end of a header's value: a quote or the end of the line, which may be escaped.
/// `Digest username="bob"` goes on after its quotes.
fn line_end(bytes: &[u8], from: usize) -> usize {
    let (mut quoted, mut last) = (false, b' ');
    for (offset, byte) in bytes[from..].iter().enumerate() {
        let next = bytes.get(from + offset + 1);
        match byte {
            b'\n' | b'\r' => return from + offset,
            b'\\' if matches!(next, Some(b'"' | b'\'' | b'n' | b'r')) => return from + offset,
            b'"' if !quoted && last != b'=' => return from + offset,
            b'"' => quoted = !quoted,
            _ => {}
        }
        last = *byte;
    }
    bytes.len()
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
