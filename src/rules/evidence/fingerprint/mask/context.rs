//! Classification of a word by the words before it: an identifier, a person, a secret.

use super::random::is_random;
use super::word::{is_host, one_of};

/// Returns whether a short capitalised word is the value of the word before it: `in country DE`,
/// `currency: EUR`.
pub(super) fn is_choice_value(words: [&str; 2], word: &str) -> bool {
    const CHOICES: [&str; 14] = [
        "country",
        "currency",
        "language",
        "locale",
        "region",
        "state",
        "warehouse",
        "depot",
        "airport",
        "station",
        "store",
        "plant",
        "market",
        "branch",
    ];
    (2..=3).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_uppercase())
        && (one_of(words[0], &CHOICES) || (words[0] == "code" && one_of(words[1], &CHOICES)))
}

/// Returns whether quoted text is an identifier: `'id'`, `"customerId"`, `'NoneType'`. A plain word
/// may be a value or a person's name, and counts only after a word such as `field`.
pub(super) fn is_identifier(text: &str, after_kind: bool) -> bool {
    // `com.acme.Customer.getEmail()` is always an identifier.
    let (text, called) = match text.split_once('(') {
        Some((name, given)) if given.ends_with(')') && given.len() <= 64 => (name, true),
        _ => (text, false),
    };
    let most = if called { 96 } else { 48 };
    let plain = text.bytes().all(|b| b.is_ascii_alphabetic() || b"_$.-[]/:".contains(&b));
    if !plain || text.is_empty() || text.len() > most || is_random(text) || is_host(text) {
        return false;
    }
    let joined = text.bytes().any(|b| b"_$".contains(&b));
    let humped = text
        .as_bytes()
        .windows(2)
        .any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
    after_kind || called || joined || humped
}

/// Returns whether the words before announce a key, a property or a type.
pub(super) fn follows_identifier_kind(words: [&str; 2]) -> bool {
    const IDENTIFIER_KINDS: [&str; 26] = [
        "property",
        "properties",
        "field",
        "key",
        "column",
        "attribute",
        "parameter",
        "argument",
        "reading",
        "setting",
        "module",
        "table",
        "relation",
        "method",
        "function",
        "object",
        "type",
        "constraint",
        "header",
        "option",
        "variable",
        "member",
        "element",
        "class",
        "of",
        "missing",
    ];
    words.iter().any(|word| one_of(word, &IDENTIFIER_KINDS))
}

/// Returns whether the word before announces the path of a URL.
pub(super) fn follows_url_word(words: [&str; 2]) -> bool {
    const URL_WORDS: [&str; 12] = [
        "url", "uri", "path", "endpoint", "route", "get", "post", "put", "delete", "patch", "head",
        "options",
    ];
    one_of(words[0], &URL_WORDS)
}

/// Returns whether the word before announces a person.
pub(super) fn follows_person_word(words: [&str; 2]) -> bool {
    const PERSON_WORDS: [&str; 8] =
        ["user", "username", "customer", "login", "email", "name", "account", "recipient"];
    one_of(words[0], &PERSON_WORDS)
}

/// Returns whether the word before announces a value: `input_value='…'`, `token 'x'`, `entry 'x'`.
pub(super) fn follows_value_word(words: [&str; 2]) -> bool {
    const VALUE_WORDS: [&str; 8] =
        ["value", "input", "got", "received", "token", "entry", "string", "literal"];
    let last = words[0].rsplit(['_', '.']).next().unwrap_or(words[0]);
    one_of(last, &VALUE_WORDS)
}

/// Returns whether a chunk with digits is the path of a class: `psycopg2.OperationalError`,
/// `System.Int32`.
pub(super) fn is_class_path(chunk: &str) -> bool {
    const DIGITS_MAX: usize = 2;
    let digits = chunk.bytes().filter(u8::is_ascii_digit).count();
    let begins = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'.';
    (1..=DIGITS_MAX).contains(&digits)
        && chunk.bytes().all(is_name)
        && chunk.rsplit_once('.').is_some_and(|(_, last)| {
            last.len() > 3 && last.starts_with(|c: char| c.is_ascii_uppercase())
        })
        && chunk.split('.').all(|part| begins(part) && !is_random(part))
}

/// Returns whether a chunk is a secret because of the words before it.
pub(super) fn is_secret_after(words: [&str; 2], assigned: bool, chunk: &str) -> bool {
    const ALWAYS: [&str; 5] = ["password", "passwd", "pwd", "secret", "apikey"];
    const OFTEN: [&str; 8] = [
        "token",
        "api_key",
        "api-key",
        "authorization",
        "credential",
        "access_token",
        "client_secret",
        "signature",
    ];
    let before = words[0].rsplit(['.', '_', '-', '"']).next().unwrap_or(words[0]);
    let is_word = chunk.len() < 12 && chunk.bytes().all(|b| b.is_ascii_lowercase());
    if assigned && (one_of(before, &ALWAYS) || one_of(words[0], &ALWAYS)) {
        return true;
    }
    if assigned && !is_word && (one_of(words[0], &OFTEN) || one_of(before, &OFTEN)) {
        return !one_of(chunk, &["Bearer", "Basic"]);
    }
    one_of(words[0], &["bearer", "basic"])
        && chunk.len() >= 8
        && !chunk.bytes().all(|b| b.is_ascii_lowercase())
}
