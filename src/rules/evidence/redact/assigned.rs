//! Secrets assigned to a name: `password=…`, `"password": "…"`, `<password>…`.
//!
//! Promises: the search before a sign is bounded; the search after it ends with the value found.

use super::bytes::run;
use super::link;
use super::secret_name::{
    EMPTY_VALUES, NAME_MAX, NormalizedName, QUERY_NAMES, QUERY_RANDOM_NAMES, is_random,
    is_secret_name,
};
use super::value::{SPELLED_QUOTES, random_after, tag_value, value_after};
use super::{Match, SECRET};

/// Limit on the search for the beginning of a tag, and for the name before a value, in bytes.
const LOOKBACK: usize = 128;
/// Limit on the spaces between a name and its sign.
const SPACES_MAX: usize = 40;
/// Second words of names: `API key`.
const SECOND_WORDS: [&str; 5] = ["key", "code", "id", "phrase", "word"];
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
    let arrow = bytes[lowest..at].ends_with(b" -");
    let tag = bytes[at] == b'>' && !arrow;
    let sign = if arrow { at - 1 } else { at };
    let (start, end) =
        if tag { tag_before(bytes, lowest, at)? } else { name_before(bytes, lowest, sign)? };
    // Fast path: a name cannot end in a separator.
    if !is_of_word(bytes[end - 1]) {
        return None;
    }
    let name = NormalizedName::read(&bytes[start..end]);
    let asked = start > lowest && matches!(bytes[start - 1], b'?' | b'&');
    let is_content = name.text == "content" && bytes[at] == b'=';
    let paired = name.text == "value" || is_content || tag && name.text == "string";
    let known = name.is_secret() && !is_of_arn(bytes, lowest, start, end)
        || asked && QUERY_NAMES.contains(&name.text.as_str())
        || paired && (follows_secret_name(bytes, lowest, start) || is_of_input(bytes, start))
        || SECOND_WORDS.contains(&name.text.as_str())
            && two_words_before(bytes, lowest, start, end)
                .is_some_and(|name| NormalizedName::read(name).is_secret());
    let often = !known
        && (name.is_often_secret() || asked && QUERY_RANDOM_NAMES.contains(&name.text.as_str()));
    if !known && !often {
        let (from, to) = random_after(bytes, at).filter(|_| asked && bytes[at] == b'=')?;
        return link::is_asked(bytes, lowest, start, &bytes[from..to]).then_some((from, to));
    }
    let (from, to) = match tag {
        true => tag_value(bytes, at + 1),
        false if often => random_after(bytes, at)?,
        false => {
            let listed =
                bytes[lowest..start].ends_with(b";") || bytes[lowest..start].ends_with(b"; ");
            value_after(bytes, at, name.is_of_line(), listed)?
        }
    };
    let value = &bytes[from..to];
    let blank = value.iter().all(|byte| byte.is_ascii_whitespace());
    let is_said = bytes[at] == b':' && is_prose(value)
        || name.text == "token" && follows_unexpected(&bytes[lowest..start]);
    let is_count = name.is_count() && value.iter().all(u8::is_ascii_digit);
    let says_nothing = blank || is_said || is_count || EMPTY_VALUES.contains(&value);
    let is_secret = !says_nothing && (known || is_random(value));
    is_secret.then_some((from, to))
}

/// Returns whether a byte can end a name. A byte of a letter that is not ASCII can.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Returns whether a value continues a sentence about its name: `password: must not be blank`.
fn is_prose(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 22] = [
        b"must",
        b"is",
        b"should",
        b"cannot",
        b"can't",
        b"may",
        b"has",
        b"was",
        b"not",
        b"does",
        b"unexpected",
        b"expected",
        b"invalid",
        b"incorrect",
        b"required",
        b"missing",
        b"expired",
        b"unknown",
        b"too",
        b"field",
        b"length",
        b"cannot",
    ];
    WORDS.contains(&value)
}

/// Returns whether a parser reports the token: `Unexpected token: EOF`.
fn follows_unexpected(before: &[u8]) -> bool {
    before.ends_with(b"nexpected ")
}

/// Returns whether the name is a part of an ARN: `:111122223333:secret:prod/db`.
fn is_of_arn(bytes: &[u8], lowest: usize, start: usize, end: usize) -> bool {
    let ended = bytes[lowest..start].strip_suffix(b":").and_then(|before| before.last());
    ended.is_some_and(u8::is_ascii_digit) && bytes.get(end) == Some(&b':')
}

/// Returns the name with the word before it.
fn two_words_before(bytes: &[u8], lowest: usize, start: usize, end: usize) -> Option<&[u8]> {
    let before = bytes[lowest..start].strip_suffix(b" ")?;
    let length = before.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    (length > 0).then(|| &bytes[start - 1 - length..end])
}

/// Returns whether the name of a pair stands before its value: `name="password" value="…"`,
/// `<key>password</key><value>…`.
fn follows_secret_name(bytes: &[u8], lowest: usize, value: usize) -> bool {
    let window = &bytes[lowest.max(value.saturating_sub(LOOKBACK))..value];
    let window = window.to_ascii_lowercase();
    let named = |key: &[u8]| {
        memchr::memmem::rfind_iter(&window, key).find_map(|at| named_after(&window, at + key.len()))
    };
    let keys: [&[u8]; 3] = [b"name", b"key", b"header"];
    let last = keys.into_iter().filter_map(named).max_by_key(|(at, _)| *at);
    last.is_some_and(|(_, name)| is_secret_name(name))
}

/// Returns whether a value belongs to a field of HTML for a password, or with a secret name:
/// `<input value="…" type="password">`.
fn is_of_input(bytes: &[u8], value: usize) -> bool {
    let before = &bytes[value.saturating_sub(LOOKBACK)..value];
    let Some(open) = memchr::memmem::rfind(before, b"<input") else { return false };
    let tag = &bytes[value - before.len() + open..bytes.len().min(value + LOOKBACK)];
    let tag = tag[..run(tag, |byte| byte != b'>')].to_ascii_lowercase();
    let says = |key: &[u8]| {
        let at = memchr::memmem::find(&tag, key)? + key.len();
        named_after(&tag, at).map(|(_, name)| name)
    };
    says(b"type") == Some("password") || says(b" name").is_some_and(is_secret_name)
}

/// Returns the name that a key at the end `at` assigns, and where it begins.
fn named_after(window: &[u8], at: usize) -> Option<(usize, &str)> {
    let is_joint = |byte: u8| byte.is_ascii_whitespace() || b"\"'\\=:>".contains(&byte);
    let joint = run(&window[at..], is_joint);
    let from = at + joint;
    let length =
        run(&window[from..], |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let signed = window[at..from].iter().any(|byte| b"=:>".contains(byte));
    let name = std::str::from_utf8(&window[from..from + length]).ok()?;
    (signed && length > 0).then_some((from, name))
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
    let mut end = back(at, SPACES_MAX, &|byte| byte == b' ' || byte == b'\t');
    // `password\:…` of a properties file.
    end = back(end, 1, &|byte| byte == b'\\');
    end -= quote_before(&bytes[lowest..end]);
    // `user[password]=…`, `params["password"] = …`, and `passwords[0]=…`
    let brackets: [&[u8]; 3] = [b"]", b"%5D", b"%5d"];
    if let Some(bracket) = brackets.iter().find(|bracket| bytes[lowest..end].ends_with(bracket)) {
        end -= bracket.len();
        let index = back(end, 4, &|byte| byte.is_ascii_digit());
        if index < end && bytes[lowest..index].ends_with(b"[") {
            end = index - 1;
        }
        end -= quote_before(&bytes[lowest..end]);
    }
    let start = back(end, NAME_MAX, &|byte| is_of_word(byte) || b"_-.".contains(&byte));
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
