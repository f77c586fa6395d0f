//! Secrets in command lines: `curl -u user:password`, `--token …`, `sshpass -p …`.
//!
//! Promises: each search is bounded, or ends where the next one begins.

use super::bytes::run;
use super::secret_name::{is_often_secret, is_random, is_secret_name};
use super::{Match, SECRET};

/// Limit on the length of an option, and on the search for the program before it, in bytes.
const OPTION_MAX: usize = 64;
const PROGRAM_MAX: usize = 256;
/// Minimum length of an option after one dash that is no group of letters.
const LONG_MIN: usize = 5;

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
    let name = std::str::from_utf8(&head[..length]).ok()?;
    // The value may be glued to a short option, or be the next word of a list.
    let short = matches!(name.as_bytes(), [b'-', b'u' | b'p', ..]);
    let is_glued = short && length > 2;
    let option = if is_glued { &name[..2] } else { name };
    let joints = &bytes[at + option.len()..bytes.len().min(at + option.len() + 8)];
    let joint = run(joints, |byte| byte == b' ' || b"\"',=".contains(&byte));
    let start = at + option.len() + joint;
    if joint == 0 && !is_glued {
        return None;
    }
    let value = &bytes[start..start + run(&bytes[start..], is_of_word)];
    let is_secret = match option {
        "-u" => is_pair(value) && follows_program(bytes, lowest, at, &[b"curl", b"wget", b"http "]),
        "-p" if is_glued => follows_program(bytes, lowest, at, &[b"mysql", b"sshpass"]),
        "-p" => follows_program(bytes, lowest, at, &[b"sshpass"]),
        "-A" | "-X" => follows_program(bytes, lowest, at, &[b"snmp"]),
        "-a" => follows_program(bytes, lowest, at, &[b"redis-cli"]),
        _ => takes(option, value),
    };
    (is_secret && !value.is_empty()).then_some((start, start + value.len()))
}

fn is_of_word(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"'`,;|&<>)]}".contains(&byte)
}

/// Returns whether a program stands before the option, on the same line.
fn follows_program(bytes: &[u8], lowest: usize, at: usize, programs: &[&[u8]]) -> bool {
    let head = &bytes[lowest.max(at.saturating_sub(PROGRAM_MAX))..at];
    let line = memchr::memrchr(b'\n', head).map_or(head, |end| &head[end..]);
    programs.iter().any(|program| memchr::memmem::find(line, program).is_some())
}

/// Returns whether a value is a user and a password; `1000:1000` are ids.
fn is_pair(value: &[u8]) -> bool {
    let colon = value.iter().position(|byte| *byte == b':');
    colon.is_some_and(|colon| colon + 1 < value.len())
        && value.iter().any(|byte| !byte.is_ascii_digit() && *byte != b':')
}

fn takes(option: &str, value: &[u8]) -> bool {
    // One dash stands before the options of PowerShell and Go.
    let long = option.strip_prefix("--");
    let short = || option.strip_prefix('-').filter(|name| name.len() >= LONG_MIN);
    let Some(name) = long.or_else(short) else { return false };
    !value.starts_with(b"-")
        && match name {
            "user" | "proxy-user" => is_pair(value),
            name if is_often_secret(name) => is_random(value),
            name => is_secret_name(name),
        }
}

/// Returns whether an option of a list of words takes the next word as its secret.
pub(super) fn takes_secret(option: &str, value: &str) -> bool {
    match option {
        "-u" => is_pair(value.as_bytes()) && !value.contains([' ', '/']),
        option => option.len() <= OPTION_MAX && takes(option, value.as_bytes()),
    }
}
