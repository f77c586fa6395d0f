//! Secrets that no sign assigns: `IDENTIFIED BY '…'`, `the password is …`, `('password', '…')`, and
//! tags whose brackets are spelled.
//!
//! Promises: each search is bounded, or ends with the value found.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::bytes::{finders, run};
use super::secret_name::{EMPTY_VALUES, is_secret_name};
use super::value::quoted_end;
use super::{Match, SECRET};

/// Words before a password, as SQL, sentences and tables have them: the part that is searched for,
/// and its possible ends.
const WORDS: [(&[u8], &[&[u8]]); 7] = [
    (b"ass", &[b"word", b"code", b"phrase", b"wort", b"e"]),
    (b"ASSWORD", &[b""]),
    (b"ontrase", &["ña".as_bytes(), b"na"]),
    (b"senha", &[b""]),
    (b"achtwoord", &[b""]),
    (b" BY", &[b""]),
    (b" by", &[b""]),
];
/// Words between a name and its value, and signs.
const COPULAS: [&[u8]; 14] = [
    b": ",
    b"is: ",
    b"is ",
    b"was ",
    b"to ",
    b"lautet ",
    b"lautet: ",
    b"ist ",
    b"ist: ",
    b"est ",
    b"es ",
    b"es: ",
    "é ".as_bytes(),
    "è ".as_bytes(),
];
/// Minimum length of a text with a word and a password.
const TEXT_MIN: usize = 12;
/// Limit on the length of a name, in bytes.
const NAME_MAX: usize = 64;
/// Minimum length of a password without quotes.
const BARE_MIN: usize = 6;
/// Angle brackets of a tag as HTML and JSON spell them.
const SPELLED_TAGS: [(&[u8], &[u8]); 3] =
    [(b"&lt;", b"&gt;"), (b"\\u003c", b"\\u003e"), (b"\\u003C", b"\\u003E")];

static WORD_FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| finders(WORDS.iter().map(|(word, _)| *word)));
static TAG_FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| finders(SPELLED_TAGS.iter().map(|(_, close)| *close)));
static SETTING_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("onfig"));

/// Adds the values.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() < TEXT_MIN {
        return;
    }
    let mut add = |(start, end): (usize, usize)| {
        let value = &bytes[start..end];
        if !value.is_empty() && !EMPTY_VALUES.contains(&value) {
            found.push(Match { start, end, kind: SECRET });
        }
        end
    };
    for ((word, ends), finder) in WORDS.iter().zip(&*WORD_FINDERS) {
        let mut lowest = 0;
        for at in finder.find_iter(bytes) {
            let rest = &bytes[at + word.len()..];
            let Some(end) = ends.iter().find(|end| rest.starts_with(end)) else { continue };
            let is_word = match *end {
                b"e" => bytes[..at].ends_with(b"ot de p"),
                _ => word[0] != b' ' || is_identified(&bytes[..at]),
            };
            if at >= lowest && is_word {
                let after = at + word.len() + end.len();
                lowest = said_after(bytes, after).map_or(lowest, &mut add);
            }
        }
    }
    for at in SETTING_FINDER.find_iter(bytes) {
        set_after(bytes, at + 5).map(&mut add);
    }
    for ((open, close), finder) in SPELLED_TAGS.iter().zip(&*TAG_FINDERS) {
        let mut lowest = 0;
        for at in finder.find_iter(bytes) {
            if at >= lowest
                && let Some(value) = in_spelled_tag(bytes, at, open, close)
            {
                lowest = add(value);
            }
        }
    }
    let mut lowest = 0;
    for at in memchr::memchr_iter(b',', bytes) {
        if at >= lowest
            && let Some(value) = paired(bytes, at)
        {
            lowest = add(value);
        }
    }
}

/// Returns whether `BY` belongs to `IDENTIFIED BY` or `IDENTIFIED WITH plugin BY`.
fn is_identified(before: &[u8]) -> bool {
    let head = &before[before.len().saturating_sub(NAME_MAX)..];
    let head = head.to_ascii_uppercase();
    head.ends_with(b"IDENTIFIED") || memchr::memmem::find(&head, b"IDENTIFIED WITH ").is_some()
}

/// Returns the range of a password after its word: quoted, or a word of letters and digits.
fn said_after(bytes: &[u8], after: usize) -> Option<(usize, usize)> {
    let rest = &bytes[after..];
    let mut at = run(&rest[..rest.len().min(8)], |byte| b" \t(|".contains(&byte));
    let quoted = |at: usize| {
        let escapes = run(&rest[at..rest.len().min(at + 4)], |byte| byte == b'\\');
        let quote = *rest.get(at + escapes).filter(|byte| matches!(byte, b'\'' | b'"'))?;
        let start = after + at + escapes + 1;
        Some((start, quoted_end(bytes, start, quote, escapes)))
    };
    if at == 0 {
        return None;
    }
    if let Some(word) = COPULAS.iter().find(|word| rest[at..].starts_with(word)) {
        at += word.len();
    }
    if let Some(value) = quoted(at) {
        return Some(value);
    }
    let ends = |byte: u8| byte.is_ascii_whitespace() || b",;'\"`()<>{}[]\\".contains(&byte);
    let word = &rest[at..at + run(&rest[at..], |byte| !ends(byte))];
    let word = &word[..word.iter().rposition(|byte| !b".:".contains(byte)).map_or(0, |at| at + 1)];
    let mixed = word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic);
    let assigns = word.iter().any(|byte| b"=:".contains(byte));
    (word.len() >= BARE_MIN && mixed && !assigns).then_some((after + at, after + at + word.len()))
}

/// Returns the range of a value that a command sets: `aws configure set aws_secret_access_key …`.
fn set_after(bytes: &[u8], after: usize) -> Option<(usize, usize)> {
    let rest = &bytes[after..];
    let rest = rest.strip_prefix(b"ure").unwrap_or(rest).strip_prefix(b" set ")?;
    let is_of_word = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`,;=".contains(&byte);
    let length = run(&rest[..rest.len().min(NAME_MAX)], is_of_word);
    let name = std::str::from_utf8(&rest[..length]).ok().filter(|name| is_secret_name(name))?;
    let value = rest[name.len()..].strip_prefix(b" ")?;
    let start = bytes.len() - value.len();
    Some((start, start + run(value, is_of_word)))
}

/// Returns the range of the text after a tag that ends at `at`.
fn in_spelled_tag(bytes: &[u8], at: usize, open: &[u8], close: &[u8]) -> Option<(usize, usize)> {
    let head = &bytes[at.saturating_sub(NAME_MAX)..at];
    let name = &head[memchr::memmem::rfind(head, open)? + open.len()..];
    let length = run(name, |byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
    let name = std::str::from_utf8(&name[..length]).ok()?;
    let start = at + close.len();
    let rest = &bytes[start..];
    let end = || start + memchr::memmem::find(rest, open).unwrap_or(rest.len());
    is_secret_name(name).then(|| (start, end()))
}

/// Returns the range of the second of two quoted texts in brackets, `('password', 'x')`,
/// `["password", "x"]` or `{password,<<"x">>}`, if the first is a secret name. `("password",
/// "email")` is a list of names.
fn paired(bytes: &[u8], comma: usize) -> Option<(usize, usize)> {
    let head = &bytes[comma.saturating_sub(NAME_MAX)..comma];
    let open = memchr::memrchr3(b'(', b'{', b'[', head)?;
    let is_list = head[open] == b'[';
    let quotes = |byte: &u8| matches!(byte, b'\'' | b'"' | b'u' | b'b');
    let name = &head[open + 1..];
    let name =
        &name[name.iter().position(|byte| matches!(byte, b'\'' | b'"')).map_or(0, |at| at + 1)..];
    let length = run(name, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if name.len() - length > 1 || !is_secret_name(std::str::from_utf8(&name[..length]).ok()?) {
        return None;
    }
    let rest = &bytes[comma + 1..];
    let joint = run(&rest[..rest.len().min(8)], |byte| byte == b' ' || byte == b'<');
    let prefix = rest[joint..].iter().take(2).take_while(|byte| quotes(byte)).count();
    let open = joint + prefix.checked_sub(1)?;
    let quote = *rest.get(open).filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let start = comma + 1 + open + 1;
    let end = quoted_end(bytes, start, quote, 0);
    let closed = bytes.get(end + 1).is_none_or(|byte| b")}>]".contains(byte));
    let is_name = bytes[start..end].iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    let is_name = is_name || is_list && looks_named(&bytes[start..end]);
    (closed && !is_name).then_some((start, end))
}

/// Returns whether a text in a list looks like a name: letters, signs within names, and a number.
pub(super) fn looks_named(text: &[u8]) -> bool {
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let is_of_name = |byte: &u8| byte.is_ascii_alphabetic() || b"_-.".contains(byte);
    digits < 3 && text[..text.len() - digits].iter().all(is_of_name)
}
