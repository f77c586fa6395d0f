//! Classification of a word by its form: a word, a number, an id, a time, a host …

use super::random::is_random;
use super::{MaskedText, address};

/// Words with digits that are kept.
const WORDS_WITH_DIGITS: [&str; 24] = [
    "s3",
    "ec2",
    "utf-8",
    "utf8",
    "utf-16",
    "base64",
    "sha256",
    "sha-256",
    "sha1",
    "md5",
    "http2",
    "http/1.1",
    "http/2",
    "oauth2",
    "ipv4",
    "ipv6",
    "int32",
    "int64",
    "float64",
    "x86_64",
    "arm64",
    "iso-8859-1",
    "route53",
    "log4j",
];
/// Last labels of host names.
const HOST_SUFFIXES: [&str; 26] = [
    "com",
    "net",
    "org",
    "io",
    "internal",
    "local",
    "dev",
    "app",
    "cloud",
    "aws",
    "example",
    "test",
    "br",
    "uk",
    "de",
    "fr",
    "eu",
    "us",
    "edu",
    "gov",
    "co",
    "ai",
    "svc",
    "invalid",
    "localhost",
    "lan",
];
const UNITS: [&str; 18] = [
    "ms", "s", "m", "h", "d", "us", "ns", "sec", "secs", "min", "b", "kb", "mb", "gb", "kib",
    "mib", "gib", "x",
];
const DAYS_AND_MONTHS: [&str; 19] = [
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun",
    "jul", "aug", "sep", "oct", "nov", "dec",
];

pub(super) fn one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(word))
}

pub(super) fn starts_url(rest: &str) -> bool {
    let scheme = rest.bytes().take(16).take_while(|b| b.is_ascii_alphanumeric() || *b == b'+');
    let len = scheme.count();
    len > 0 && rest[len..].starts_with("://")
}

/// Writes a chunk, masked. `words` are the two words before it, `next` the text after it.
pub(super) fn write_masked(chunk: &str, words: [&str; 2], next: &str, out: &mut MaskedText) {
    // Fast path: most words have letters only.
    if chunk.bytes().all(|b| b.is_ascii_alphabetic()) {
        let is_day = one_of(chunk, &DAYS_AND_MONTHS)
            && (next.trim_start_matches([',', ' ']).starts_with(|c: char| c.is_ascii_digit())
                || words[0].ends_with(|c: char| c.is_ascii_digit()));
        return match (is_day, is_random(chunk)) {
            (true, _) => out.push_mask("<time>"),
            (_, true) => out.push_mask("<id>"),
            _ => out.push_word(chunk),
        };
    }
    if starts_url(chunk) {
        return address::write_url(chunk, out);
    }
    if let Some(rest) = chunk.strip_prefix("arn:") {
        return address::write_arn(rest, out);
    }
    if chunk.starts_with("eyJ") && chunk.len() > 20 {
        return out.push_mask("<secret>");
    }
    if let Some((user, host)) = chunk.split_once('@')
        && !user.is_empty()
    {
        return write_at_sign(user, host, out);
    }
    let digits = chunk.bytes().filter(u8::is_ascii_digit).count();
    if digits > 0 && (one_of(chunk, &WORDS_WITH_DIGITS) || is_kept_code(chunk, words, next)) {
        return out.push_word(chunk);
    }
    if digits > 0 && is_constant(chunk, digits) {
        return out.push_word(chunk);
    }
    if digits > 0
        && let Some(mask) = digit_mask(chunk, digits)
    {
        out.push_mask(mask);
        return address::write_port_of(chunk, mask, out);
    }
    if let Some(separator) = chunk.chars().find(|c| "/\\:".contains(*c)) {
        return write_parts(chunk, separator, words, next, out);
    }
    if is_host(chunk) {
        return address::write_host(chunk, out);
    }
    write_word(chunk, digits, out);
}

/// Returns whether a chunk is the name of a constant: `NGHTTP2_INTERNAL_ERROR`.
fn is_constant(chunk: &str, digits: usize) -> bool {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let letters = chunk.bytes().filter(u8::is_ascii_uppercase).count();
    chunk.contains('_') && chunk.bytes().all(plain) && digits <= 3 && letters > digits * 4
}

/// Writes a word that has no path separator.
fn write_word(chunk: &str, digits: usize, out: &mut MaskedText) {
    if digits == 0 {
        return if is_random(chunk) { out.push_mask("<id>") } else { out.push_word(chunk) };
    }
    // `address1`, `worker7`: only the number varies.
    let stem = chunk.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_stem = stem.len() >= 2 && stem.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.');
    if is_stem && chunk.len() - stem.len() <= 4 && !is_random(stem) && !is_hex(chunk) {
        out.push_word(stem);
        return out.push_mask("<num>");
    }
    // Parts of a dotted name that are words stay.
    if chunk.contains('.') && chunk.split('.').all(|part| !part.is_empty()) {
        for (index, part) in chunk.split('.').enumerate() {
            if index > 0 {
                out.text.push('.');
            }
            let has_digit = part.bytes().any(|b| b.is_ascii_digit());
            write_part(part, !has_digit && !is_random(part), out);
        }
        return;
    }
    out.push_mask("<id>");
}

/// Writes a part of a name: itself if it is a word, else the mask of a number or an id.
fn write_part(part: &str, is_word: bool, out: &mut MaskedText) {
    if is_word {
        out.push_word(part);
    } else if part.bytes().all(|b| b.is_ascii_digit()) {
        out.push_mask("<num>");
    } else {
        out.push_mask("<id>");
    }
}

/// Returns the mask of a chunk with digits in a known format.
fn digit_mask(chunk: &str, digits: usize) -> Option<&'static str> {
    let bytes = chunk.as_bytes();
    let hex = chunk.strip_prefix("0x").or_else(|| chunk.strip_prefix("0X")).unwrap_or_default();
    let is_uuid = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-');
    let is_run = || bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+=_-".contains(b));
    if is_number(chunk) {
        Some("<num>")
    } else if !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        Some("<hex>")
    } else if is_uuid {
        Some("<id>")
    } else if is_time(bytes) {
        Some("<time>")
    } else if is_ip_address(chunk) {
        Some("<host>")
    } else {
        (digits >= 3 && bytes.len() >= 20 && is_run()).then_some("<id>")
    }
}

/// Returns whether a chunk is a number, with a sign, a currency or a unit.
fn is_number(chunk: &str) -> bool {
    let trimmed = chunk.trim_start_matches(['-', '+', '#', '$', '~', '€', '£']);
    let number = trimmed.trim_start_matches(|c: char| c.is_ascii_digit() || ".,_".contains(c));
    if number.len() == trimmed.len() || !trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let unit = number.trim_end_matches(['%', '/']);
    let exponent = number.strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches(['-', '+']));
    let is_exponent =
        exponent.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    unit.is_empty() || is_exponent || one_of(unit, &UNITS)
}

/// Returns whether a chunk is a date, a time of day, or both.
fn is_time(bytes: &[u8]) -> bool {
    // A zero stands for any digit, a dash for any separator of a date.
    const FORMS: [&[u8]; 3] = [b"0000-00-0", b"00-00-00", b"00:00:"];
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'-' => b"-/.".contains(byte),
        form => byte == form,
    };
    let goes_on = |byte: &u8| byte.is_ascii_digit() || b":.,+-TZ ".contains(byte);
    FORMS.iter().any(|form| {
        bytes.len() >= form.len()
            && bytes.iter().zip(*form).all(fits)
            && bytes[form.len()..].iter().all(goes_on)
    })
}

/// Returns whether a chunk is an IP address, with or without a port.
fn is_ip_address(chunk: &str) -> bool {
    let trimmed = chunk.trim_start_matches('/');
    let (host, port) = trimmed.split_once(':').unwrap_or((trimmed, ""));
    let parts = host.split('.').filter(|part| part.parse::<u8>().is_ok()).count();
    if parts == 4 && host.split('.').count() == 4 {
        return port.bytes().all(|b| b.is_ascii_digit());
    }
    chunk.matches(':').count() >= 3
        && chunk.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'%' | b'.'))
}

/// Returns whether a chunk is a host name: lower case, with a known suffix.
pub(super) fn is_host(chunk: &str) -> bool {
    let Some((name, end)) = chunk.rsplit_once('.') else {
        return one_of(chunk, &["localhost"]);
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    !name.is_empty() && HOST_SUFFIXES.contains(&end) && name.bytes().all(plain) && name != "java"
}

fn write_at_sign(user: &str, host: &str, out: &mut MaskedText) {
    if host.contains('.') {
        return out.push_mask("<email>");
    }
    // Java prints an object as its class and its address.
    if is_hex(host) {
        write_masked(user, ["", ""], "", out);
        out.text.push('@');
        return out.push_mask("<hex>");
    }
    out.push_mask("<id>");
}

/// Writes the parts of a path, or of names and numbers joined by colons: `/var/task/index.js:12:5`.
fn write_parts(chunk: &str, separator: char, words: [&str; 2], next: &str, out: &mut MaskedText) {
    if separator == ':'
        && let Some((host, port)) = chunk.split_once(':')
        && port.bytes().all(|b| b.is_ascii_digit())
        && (is_host(host) || (host.is_empty() && out.ends_in_address()))
    {
        address::write_host(host, out);
        return address::write_port(port, out);
    }
    let mut folder = "";
    let is_path = separator != ':';
    for (index, part) in chunk.split(separator).enumerate() {
        if index > 0 {
            out.text.push(separator);
        }
        let of_person = is_path && one_of(folder, &["home", "users", "user"]);
        if of_person && !part.is_empty() {
            out.push_mask("<*>");
        } else {
            write_masked(part, words, next, out);
        }
        folder = part;
    }
}

/// Returns whether a number is the cause itself: a status, a signal, a database's code.
fn is_kept_code(chunk: &str, words: [&str; 2], next: &str) -> bool {
    let bytes = chunk.as_bytes();
    let [before, earlier] = words;
    if bytes.iter().all(u8::is_ascii_digit) {
        let labelled =
            one_of(before, &["status", "code", "http", "error", "statuscode", "status_code"])
                || one_of(before, &["HTTP/1.1", "HTTP/2", "returned", "responded", "response"])
                || (one_of(before, &["with", "is", "was", "of"])
                    && one_of(
                        earlier,
                        &["failed", "responded", "error", "code", "status", "rejected"],
                    ));
        let named = next.starts_with(|c: char| c.is_ascii_uppercase()) || next.starts_with("from ");
        let port = one_of(before, &["port"]) && address::is_service_port(chunk);
        let status = bytes.len() == 3 && matches!(bytes[0], b'4' | b'5');
        let ended = bytes.len() <= 3 && one_of(earlier, &["exit", "exited"])
            || one_of(before, &["signal", "errno", "sqlstate"]);
        return (status && (labelled || named)) || ended || port;
    }
    let letters = bytes.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let number = bytes[letters..].strip_prefix(b"-").unwrap_or(&bytes[letters..]);
    let is_code = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    is_code
        && match &chunk[..letters] {
            "ORA" | "SQLSTATE" | "TNS" | "PLS" | "TS" | "CS" | "HTTP" => true,
            "E" => number.len() == 5,
            "P" => number.len() == 4,
            _ => false,
        }
}

fn is_hex(word: &str) -> bool {
    word.len() >= 6 && word.bytes().all(|b| b.is_ascii_hexdigit())
}
