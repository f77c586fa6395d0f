//! Values after the sign that assigns them: quoted, in brackets, in a tag, in a block of lines, or a
//! word.
//!
//! Promises: every search ends with the value found, or is bounded.

use super::bytes::run;
use super::secret_name::is_of_random;

/// Limit on the length of a value that must look random, in bytes.
const RANDOM_MAX: usize = 256;
/// Limit on the length of the literal or call around a text, in bytes.
const WRAPPING_MAX: usize = 24;
/// Quotes as HTML, JSON and others spell them within a text.
pub(super) const SPELLED_QUOTES: [&[u8]; 8] =
    [b"&quot;", b"&#34;", b"&#x22;", b"&#39;", b"&apos;", b"\\u0022", b"\\u0027", b"\\x22"];

/// Returns the range of the text within a tag.
pub(super) fn tag_value(bytes: &[u8], from: usize) -> (usize, usize) {
    if let Some(data) = bytes[from..].strip_prefix(b"<![CDATA[") {
        let from = from + 9;
        let length = memchr::memmem::find(data, b"]]>").unwrap_or(data.len());
        return (from, from + length);
    }
    (from, from + run(&bytes[from..], |byte| byte != b'<'))
}

/// Returns the range of the random value after a sign and quotes.
pub(super) fn random_after(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let joint = |byte: u8| byte == b' ' || b"\"'\\=>".contains(&byte);
    let head = &bytes[at + 1..bytes.len().min(at + 17)];
    let from = at + 1 + run(head, joint);
    let length = run(&bytes[from..bytes.len().min(from + RANDOM_MAX)], is_of_random);
    let value = &bytes[from..from + length];
    let end = value.iter().rposition(|byte| !b",.:".contains(byte))?;
    Some((from, from + end + 1))
}

/// Returns the range of the value after `=`, `:`, `=>` or `:=`: a quoted text, a text in brackets, a
/// word, or the rest of the line. `listed` is whether semicolons separate values.
pub(super) fn value_after(
    bytes: &[u8],
    at: usize,
    line: bool,
    listed: bool,
) -> Option<(usize, usize)> {
    let skip = |from: usize, most: usize, class: &dyn Fn(u8) -> bool| {
        from + bytes[from..].iter().take(most).take_while(|byte| class(**byte)).count()
    };
    let mut from = skip(at + 1, 2, &|byte| byte == b'=' || byte == b'>');
    from = skip(from, 8, &|byte| matches!(byte, b' ' | b'\t' | b'[' | b'+'));
    if !line {
        from = skip_wrapping(bytes, from);
    }
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
    if bytes.get(from) == Some(&b'{') {
        return Some((from + 1, bracket_end(bytes, from + 1)));
    }
    if let Some(block) = block_after(bytes, at, from) {
        return Some(block);
    }
    let ends = |offset: usize, byte: u8| match byte {
        b'\n' | b'\r' | b'"' | b';' => true,
        b'\\' => matches!(bytes.get(from + offset + 1), Some(b'"' | b'\'' | b'n' | b'r')),
        _ => !listed && (byte.is_ascii_whitespace() || b",&'`)]}<>|{".contains(&byte)),
    };
    let rest = &bytes[from..];
    let length = rest.iter().enumerate().position(|(offset, byte)| ends(offset, *byte));
    Some((from, from + length.unwrap_or(rest.len())))
}

/// Returns the start of a text within a literal or a call: `b'…'`, `Some("…")`, `string(7) "…"`,
/// `<<"…">>`.
fn skip_wrapping(bytes: &[u8], from: usize) -> usize {
    let head = &bytes[from..bytes.len().min(from + WRAPPING_MAX)];
    if head.starts_with(b"<<\"") {
        return from + 2;
    }
    let letters = run(head, |byte| byte.is_ascii_alphabetic());
    match head[letters..] {
        [b'\'' | b'"', ..] if (1..=2).contains(&letters) => from + letters,
        [b'(', ref rest @ ..] if letters > 0 => {
            let digits = run(rest, |byte| byte.is_ascii_digit());
            let is_size = rest[digits..].starts_with(b") \"");
            from + letters + 1 + if is_size { digits + 2 } else { 0 }
        }
        _ => from,
    }
}

/// Returns the end of a text in curly brackets; without a closing one, the end of the line.
fn bracket_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 1;
    for (offset, byte) in bytes[from..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return from + offset;
        }
    }
    from + run(&bytes[from..], |byte| byte != b'\n')
}

/// Returns the range of a value on the lines after its name, as YAML has it: a block after `|` or
/// `>`, or a single word.
fn block_after(bytes: &[u8], sign: usize, from: usize) -> Option<(usize, usize)> {
    if bytes[sign] != b':' {
        return None;
    }
    let marks = &bytes[from..bytes.len().min(from + 3)];
    let is_block = matches!(marks.first(), Some(b'|' | b'>'));
    let marks = run(marks, |byte| b"|>+-0123456789".contains(&byte));
    if marks > 0 && !is_block {
        return None;
    }
    let start = from + marks + run(&bytes[from + marks..], |byte| byte == b'\r');
    let line = bytes[start..].strip_prefix(b"\n")?;
    let indent = run(line, |byte| byte == b' ');
    if indent == 0 {
        return None;
    }
    let (from, mut end) = (start + 1 + indent, start + 1);
    if !is_block {
        end = from + run(&bytes[from..], |byte| !byte.is_ascii_whitespace());
        let last = bytes.get(end).is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
        return (last && !bytes[from..end].contains(&b':')).then_some((from, end));
    }
    while let rest = &bytes[end..]
        && !rest.is_empty()
        && run(&rest[..rest.len().min(indent)], |byte| byte == b' ') == indent
    {
        end += memchr::memchr(b'\n', rest).map_or(rest.len(), |length| length + 1);
    }
    let end = end - bytes[from..end].iter().rev().take_while(|b| b.is_ascii_whitespace()).count();
    Some((from, end))
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
pub(super) fn quoted_end(bytes: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    for offset in memchr::memchr_iter(quote, &bytes[from..]) {
        let before = bytes[from..from + offset].iter().rev().take_while(|byte| **byte == b'\\');
        let count = before.count();
        if count <= escapes || escapes == 0 && count.is_multiple_of(2) {
            return from + offset - count.min(escapes);
        }
    }
    bytes.len()
}
