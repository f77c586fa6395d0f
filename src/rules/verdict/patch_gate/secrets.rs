//! Secrets that a patch would publish: what redaction finds in a file afterwards and not before.
//!
//! Promises: a kind with a form of its own (a token, a key, a card) is always found. A secret that only
//! its name tells is one when the value is written out; in code a value without quotes is an
//! expression. Addresses of mail at names that are reserved for examples are none.

use std::collections::HashMap;

use crate::rules::evidence::redact::{FoundSecret, Redactor};

/// Endings of files in which a value needs no quotes, in lower case.
const PLAIN_VALUES: [&str; 13] = [
    ".cfg",
    ".conf",
    ".csv",
    ".env",
    ".ini",
    ".json",
    ".md",
    ".ndjson",
    ".properties",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
];

/// Values of examples, in lower case, after quotes and digits are removed.
const EXAMPLES: [&str; 25] = [
    "",
    "abc",
    "access",
    "bar",
    "changeme",
    "default",
    "dummy",
    "example",
    "fake",
    "foo",
    "hunter",
    "invalid",
    "key",
    "my",
    "none",
    "null",
    "pass",
    "password",
    "placeholder",
    "secret",
    "test",
    "token",
    "true",
    "false",
    "user",
];

/// Most letters and digits of an example that belong to none of its words.
const UNKNOWN_MAX: usize = 3;

/// Endings of the domains that RFC 2606 and RFC 6761 reserve.
const RESERVED: [&str; 7] =
    ["example.com", "example.org", "example.net", ".example", ".test", ".invalid", "localhost"];

/// Card numbers that providers of payments publish for tests.
const EXAMPLE_CARDS: [&str; 5] = [
    "4242424242424242",
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "4000000000000002",
];

/// Returns the kind of a secret that is in a text and not in the text before.
pub(super) fn find(redactor: &Redactor, path: &str, before: &str, after: &str) -> Option<String> {
    let mut known: HashMap<(&str, &str), usize> = HashMap::new();
    for found in redactor.secrets(before) {
        *known.entry((found.kind, &before[found.start..found.end])).or_insert(0) += 1;
    }
    for found in redactor.secrets(after) {
        let value = &after[found.start..found.end];
        if let Some(count) = known.get_mut(&(found.kind, value)).filter(|count| **count > 0) {
            *count -= 1;
        } else if is_real(path, after, &found) {
            return Some(found.kind.to_owned());
        }
    }
    let encoded = |text: &str| redactor.encoded_secrets(text);
    (encoded(after) > encoded(before)).then(|| "encoded secret".to_owned())
}

/// Whether what was found would tell somebody something.
fn is_real(path: &str, text: &str, found: &FoundSecret<'_>) -> bool {
    let value = &text[found.start..found.end];
    if found.is_mail() {
        let value = value.to_lowercase();
        return !RESERVED.iter().any(|ending| value.ends_with(ending));
    }
    if found.is_card() {
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        return !EXAMPLE_CARDS.contains(&digits.as_str());
    }
    if !found.is_by_name() {
        return true;
    }
    let path = path.to_lowercase();
    let is_plain = PLAIN_VALUES.iter().any(|ending| path.ends_with(ending));
    let quotes = ['"', '\'', '`'];
    let (left, right) = (&text[..found.start], &text[found.end..]);
    // The password of a URL stands before its host.
    let is_quoted = value.starts_with(quotes) || left.ends_with(quotes) || right.starts_with('@');
    let is_reference = ["${", "{{", "$(", "%(", "<%"].iter().any(|mark| value.contains(mark));
    (is_plain || is_quoted) && !is_reference && !is_example(value)
}

/// Whether a value consists of words of examples, such as `my-secret-token-1`, and at most
/// [`UNKNOWN_MAX`] other letters and digits.
fn is_example(value: &str) -> bool {
    let value = value.to_lowercase();
    let words = value.split(|c: char| !c.is_alphabetic());
    let unknown = words.filter(|word| !EXAMPLES.contains(word));
    let letters: usize = unknown.map(|word| word.chars().count()).sum();
    letters + value.chars().filter(char::is_ascii_digit).count() <= UNKNOWN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_found_where_it_is_new_and_written_out() {
        let redactor = Redactor::default();
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n";
        let encoded = "eyJwYXNzd29yZCI6ICJ0cjB1YjRkb3ImMyIsICJ1c2VyIjogImFubmEifQ==";
        let rows: [(&str, &str, String, bool); 26] = [
            ("a short password", "a.py", "password = \"x9-2k!7q\"\n".to_owned(), true),
            ("a token in code", "a.py", format!("key = \"{token}\"\n"), true),
            ("a token in a comment", "a.py", format!("# {token}\n"), true),
            ("a key", "a.pem.txt", key.to_owned(), true),
            ("a key of AWS", "a.rs", "let k = \"AKIAQ3EGRIJ7TQ5XPZ2M\";".to_owned(), true),
            ("a quoted password", "a.py", "password = \"tr0ub4dor&3\"\n".to_owned(), true),
            ("a password in single quotes", "a.js", "password: 'tr0ub4dor&3',".to_owned(), true),
            ("a password in YAML", "a.yaml", "password: tr0ub4dor\n".to_owned(), true),
            (
                "a password in a URL",
                "a.py",
                "u = \"postgres://me:tr0ub4dor@db/x\"".to_owned(),
                true,
            ),
            ("an address", "a.py", "to = \"anna@acme.com\"".to_owned(), true),
            ("a card", "a.py", "card = \"4539578763621486\"".to_owned(), true),
            ("an encoded password", "a.py", format!("body = \"{encoded}\"\n"), true),
            ("a call", "a.py", "password = get_password(user)\n".to_owned(), false),
            ("a field", "a.py", "password = user.password\n".to_owned(), false),
            ("a header", "a.py", "token = request.headers[\"X-Token\"]\n".to_owned(), false),
            (
                "a parameter",
                "a.rs",
                "fn login(password: &str, token: Option<String>) {}".to_owned(),
                false,
            ),
            ("a variable", "a.sh", "PASSWORD=\"$DB_PASSWORD\"\n".to_owned(), false),
            ("a reference", "a.yaml", "password: ${DB_PASSWORD}\n".to_owned(), false),
            ("an example", "a.py", "password = \"test-password-1\"\n".to_owned(), false),
            ("an example in YAML", "a.yaml", "password: changeme\n".to_owned(), false),
            ("an address of an example", "a.py", "to = \"anna@example.com\"".to_owned(), false),
            ("a card of tests", "a.py", "card = \"4242424242424242\"".to_owned(), false),
            ("a hash of a commit", "a.py", format!("at = \"{}\"", "0123abcd".repeat(5)), false),
            ("a placeholder", "a.py", "to = \"<email:16>\"".to_owned(), false),
            ("an id", "a.py", "id = \"123e4567-e89b-12d3-a456-426614174000\"".to_owned(), false),
            (
                "code",
                "a.py",
                "for item in items:\n    total += item.price * 100\n".to_owned(),
                false,
            ),
        ];
        for (rule, path, text, expected) in rows {
            let found = find(&redactor, path, "", &text);
            assert_eq!(found.is_some(), expected, "{rule}: {found:?}");
            assert_eq!(find(&redactor, path, &text, &text), None, "{rule} as before");
            assert_eq!(find(&redactor, path, &text, ""), None, "{rule} removed");
            let twice = format!("{text}\n{text}");
            assert_eq!(find(&redactor, path, &text, &twice).is_some(), expected, "{rule} twice");
        }
    }
}
