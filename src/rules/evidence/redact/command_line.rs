//! Secrets in command lines: `curl -u user:password`, `--token …`, `sshpass -p …`.
//!
//! Promises: each search is bounded, or ends where the next one begins.

use super::bytes::run;
use super::secret_name::{is_often_secret, is_random, is_secret_name};
use super::value::quoted_end;
use super::{Match, SECRET};

/// Limit on the length of an option, and on the search for the program before it, in bytes.
const OPTION_MAX: usize = 64;
const PROGRAM_MAX: usize = 256;
/// Minimum length of an option after one dash that is no group of letters.
const LONG_MIN: usize = 5;

/// Limit on the letters before the one that takes a value, and on a value in quotes.
const GROUP_MAX: usize = 8;
const VALUE_MAX: usize = 256;

/// An option of one letter whose value is secret, or contains one.
struct ShortOption {
    letter: u8,
    programs: &'static [&'static [u8]],
    value: OptionValue,
    /// Whether the value may follow without a space.
    takes_glued: bool,
}

/// The form of the value of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OptionValue {
    Secret,
    /// A user and a password, with this sign between them.
    Pair(u8),
    /// A header of HTTP.
    Header,
}

const fn option(
    letter: u8,
    programs: &'static [&'static [u8]],
    value: OptionValue,
    takes_glued: bool,
) -> ShortOption {
    ShortOption { letter, programs, value, takes_glued }
}

const SHORT_OPTIONS: [ShortOption; 11] = [
    option(b'u', &[b"curl", b"wget"], OptionValue::Pair(b':'), true),
    option(b'U', &[b"curl"], OptionValue::Pair(b':'), true),
    option(b'U', &[b"smb", b"rpcclient"], OptionValue::Pair(b'%'), false),
    option(b'H', &[b"curl"], OptionValue::Header, true),
    option(b'a', &[b"http ", b"https "], OptionValue::Pair(b':'), false),
    option(b'a', &[b"redis-cli"], OptionValue::Secret, false),
    option(
        b'p',
        &[b"mysql", b"mariadb", b"sshpass", b" login", b"mongo", b"cqlsh", b"7z "],
        OptionValue::Secret,
        true,
    ),
    option(
        b'P',
        &[b"mosquitto", b"sqlcmd", b"bcp ", b"unzip ", b"ipmitool"],
        OptionValue::Secret,
        false,
    ),
    option(b'w', &[b"ldap"], OptionValue::Secret, false),
    option(b'A', &[b"snmp"], OptionValue::Secret, false),
    option(b'X', &[b"snmp"], OptionValue::Secret, false),
];

/// Adds the values of options.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let mut lowest = 0;
    for at in memchr::memchr_iter(b'-', bytes) {
        let separated = at.checked_sub(1).is_none_or(|before| {
            bytes[before].is_ascii_whitespace() || b"\"',[(".contains(&bytes[before])
        });
        if at < lowest || !separated {
            continue;
        }
        if let Some((start, end)) = option_value(bytes, lowest, at) {
            found.push(Match { start, end, kind: SECRET });
            lowest = end;
        }
    }
}

fn option_value(bytes: &[u8], lowest: usize, at: usize) -> Option<(usize, usize)> {
    let head = &bytes[at..bytes.len().min(at + OPTION_MAX)];
    let length = run(head, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let name = &head[..length];
    let line = line_before(bytes, lowest, at);
    for option in SHORT_OPTIONS {
        if let Some(length) = letter_end(name, option.letter)
            && (option.takes_glued || length == name.len())
            && option.programs.iter().any(|one| memchr::memmem::find(line, one).is_some())
            && let Some((start, end)) = value_after(bytes, at + length, length < name.len())
            && let Some(before) = option.value.secret_of(&bytes[start..end])
        {
            return Some((start + before, end));
        }
    }
    let (start, end) = value_after(bytes, at + length, false)?;
    let value = &bytes[start..end];
    if name == b"--header" {
        return Some((start + OptionValue::Header.secret_of(value)?, end));
    }
    takes(std::str::from_utf8(name).ok()?, value).then_some((start, end))
}

/// Returns the end of a letter in a group of options, `-sSu`.
fn letter_end(name: &[u8], letter: u8) -> Option<usize> {
    let group = name.strip_prefix(b"-").filter(|group| !group.starts_with(b"-"))?;
    let before = group.iter().position(|byte| *byte == letter)?;
    (before <= GROUP_MAX && group[..before].iter().all(u8::is_ascii_alphabetic))
        .then_some(before + 2)
}

/// Returns the range of a value after an option: quoted, or a word.
fn value_after(bytes: &[u8], after: usize, is_glued: bool) -> Option<(usize, usize)> {
    let joints = &bytes[after..bytes.len().min(after + 8)];
    let joint = run(joints, |byte| byte == b' ' || b"\"',=".contains(&byte));
    if joint == 0 && !is_glued {
        return None;
    }
    let start = after + joint;
    let word = start + run(&bytes[start..], is_of_word);
    let quote = bytes[..start].last().filter(|byte| joint > 0 && matches!(byte, b'"' | b'\''));
    // A password in quotes may have spaces and other signs.
    let line = &bytes[..bytes.len().min(start + VALUE_MAX)];
    let line = &line[..start + run(&line[start..], |byte| byte != b'\n')];
    let quoted =
        quote.map(|quote| quoted_end(line, start, *quote, 0)).filter(|end| *end < line.len());
    let end = quoted.unwrap_or(word);
    (end > start).then_some((start, end))
}

fn is_of_word(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"'`,;|&<>)]}".contains(&byte)
}

/// Returns the part of a command line before an option. A line that ends in a backslash goes on.
fn line_before(bytes: &[u8], lowest: usize, at: usize) -> &[u8] {
    let head = &bytes[lowest.max(at.saturating_sub(PROGRAM_MAX))..at];
    let is_end = |end: &usize| !head[..*end].trim_ascii_end().ends_with(b"\\");
    memchr::memrchr_iter(b'\n', head).find(is_end).map_or(head, |end| &head[end..])
}

impl OptionValue {
    /// Returns where the secret in a value begins, if there is one.
    fn secret_of(self, value: &[u8]) -> Option<usize> {
        match self {
            OptionValue::Secret => (!is_ports(value)).then_some(0),
            OptionValue::Pair(sign) => is_pair(value, sign).then_some(0),
            OptionValue::Header => {
                let colon = memchr::memchr(b':', value)?;
                let name = std::str::from_utf8(&value[..colon]).ok()?;
                let start = colon + 1 + run(&value[colon + 1..], |byte| byte == b' ');
                let is_secret = is_secret_name(name) || is_often_secret(name);
                (is_secret && start < value.len()).then_some(start)
            }
        }
    }
}

/// Returns whether a value is the two ports of `docker run mongo -p 27017:27017`.
fn is_ports(value: &[u8]) -> bool {
    value.contains(&b':') && value.iter().all(|byte| byte.is_ascii_digit() || *byte == b':')
}

/// Returns whether a value is a user and a password; `1000:1000` are ids.
fn is_pair(value: &[u8], sign: u8) -> bool {
    let at = memchr::memchr(sign, value);
    at.is_some_and(|at| at + 1 < value.len())
        && value.iter().any(|byte| !byte.is_ascii_digit() && *byte != sign)
}

fn takes(option: &str, value: &[u8]) -> bool {
    // One dash stands before the options of PowerShell and Go.
    let long = option.strip_prefix("--");
    let short = || option.strip_prefix('-').filter(|name| name.len() >= LONG_MIN);
    let Some(name) = long.or_else(short) else { return false };
    !value.starts_with(b"-")
        && match name {
            "user" | "proxy-user" => is_pair(value, b':'),
            name if is_often_secret(name) => is_random(value),
            name => is_secret_name(name),
        }
}

/// Returns whether an option of a list of words takes the next word as its secret.
pub(super) fn takes_secret(option: &str, value: &str) -> bool {
    match option {
        "-u" => is_pair(value.as_bytes(), b':') && !value.contains([' ', '/']),
        "-H" | "--header" => OptionValue::Header.secret_of(value.as_bytes()).is_some(),
        option => option.len() <= OPTION_MAX && takes(option, value.as_bytes()),
    }
}
