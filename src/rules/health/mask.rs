//! Texts and names of a support archive, without what tells whose they are.
//!
//! Promises: secrets are redacted as in evidence, and so is the word before a cut, which may be half of one;
//! account ids, ARNs, known names, paths, addresses and whatever stands between single quotes become a word
//! of their kind with a hash. Equal names have equal hashes within one archive and others in the next: the
//! salt is random.

use sha2::{Digest, Sha256};

use crate::event::ToolName;
use crate::rules::evidence::redact::Redactor;

/// Hexadecimal digits of a hash.
const DIGITS: usize = 10;
/// Digits of the number of an account.
const ACCOUNT: usize = 12;
/// Quoted words that are ours or well known, and tell nothing.
const PLAIN: [&str; 14] = [
    "auto",
    "aws",
    "bwrap",
    "claude",
    "gh",
    "git",
    "logs",
    "lambda",
    "notify-send",
    "off",
    "osascript",
    "require",
    "triage",
    "fix",
];

/// Letters of the shortest name that is replaced wherever it stands; a shorter one may be a word.
const KNOWN_MIN: usize = 3;
/// The mark that `text::shorten` leaves where it cuts.
const CUT: char = '…';

/// Replaces names and secrets.
pub struct Mask {
    salt: Vec<u8>,
    redactor: Redactor,
    /// Names that are replaced without quotes, too, the longest first.
    known: Vec<String>,
    /// Whether names stay as they are.
    keeps_names: bool,
}

impl Mask {
    pub fn new(
        salt: &[u8],
        redactor: Redactor,
        known: impl IntoIterator<Item = String>,
        keeps_names: bool,
    ) -> Self {
        let long = |name: &String| name.chars().count() >= KNOWN_MIN && !is_plain(name);
        let mut known: Vec<String> = known.into_iter().filter(long).collect();
        known.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        known.dedup();
        Mask { salt: salt.to_owned(), redactor, known, keeps_names }
    }

    /// Returns what stands for a name.
    pub fn name(&self, kind: &str, name: &str) -> String {
        if self.keeps_names {
            return self.redactor.redact_text(name).into_owned();
        }
        let mut hash = Sha256::new();
        hash.update(&self.salt);
        hash.update(name.as_bytes());
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{}", &hex[..DIGITS])
    }

    /// Returns a text without secrets and names.
    pub fn text(&self, text: &str) -> String {
        let text = without_cut_words(&self.redactor.redact_text(text));
        if self.keeps_names {
            return text;
        }
        self.accounts(&self.paths(&self.known(&self.arns(&self.quoted(&text)))))
    }

    /// Replaces what stands between single quotes. An apostrophe inside of a word is none; a quote that is
    /// not closed, as in a text that was cut, reaches to the end.
    fn quoted(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('\'') {
            let (before, from) = rest.split_at(at);
            let after_letter = before.ends_with(char::is_alphanumeric);
            if after_letter {
                out += before;
                out.push('\'');
                rest = &from[1..];
                continue;
            }
            let is_end =
                |(at, _): &(usize, &str)| !from[1 + at + 1..].starts_with(char::is_alphanumeric);
            let end = from[1..].match_indices('\'').find(is_end).map(|(at, _)| at);
            let inner = &from[1..end.map_or(from.len(), |end| end + 1)];
            let shown = if is_plain(inner) { inner.to_owned() } else { self.name("name", inner) };
            out += &format!("{before}'{shown}'");
            rest = end.map_or("", |end| &from[end + 2..]);
        }
        out + rest
    }

    /// Replaces known names where they are whole words.
    fn known(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in &self.known {
            let (mut out, mut rest) = (String::with_capacity(text.len()), text.as_str());
            while let Some(at) = rest.find(name.as_str()) {
                let (before, after) = (&rest[..at], &rest[at + name.len()..]);
                let is_whole = !before.ends_with(in_name) && !after.starts_with(in_name);
                out += before;
                out += &if is_whole { self.name("name", name) } else { name.clone() };
                rest = after;
            }
            text = out + rest;
        }
        text
    }

    /// Replaces words with a slash or an `@`: paths, repositories, addresses.
    fn paths(&self, text: &str) -> String {
        let is_end = |c: char| c.is_whitespace() || "\"',;()[]{}<>=".contains(c);
        let words = text.split_inclusive(is_end).map(|word| {
            let (word, end) =
                word.strip_suffix(is_end).map_or((word, ""), |head| (head, &word[head.len()..]));
            let name = word.trim_end_matches(['.', ':', '!', '?']);
            match name.contains(['/', '@']) && name != "/" {
                true => format!("{}{}{end}", self.name("name", name), &word[name.len()..]),
                false => format!("{word}{end}"),
            }
        });
        words.collect()
    }

    /// Replaces account and resource of ARNs.
    fn arns(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("arn:aws") {
            let is_end = |c: char| c.is_whitespace() || "\"',;()[]{}<>".contains(c);
            let (before, from) = rest.split_at(at);
            let (arn, after) = from.split_at(from.find(is_end).unwrap_or(from.len()));
            let parts: Vec<&str> = arn.splitn(6, ':').collect();
            out += before;
            out += &match parts.as_slice() {
                [arn, partition, service, region, account, resource] => {
                    let account = match account.is_empty() {
                        true => String::new(),
                        false => self.name("account", account),
                    };
                    let resource = self.name("resource", resource);
                    [arn, partition, service, region, &account.as_str(), &resource.as_str()]
                        .map(|part| (*part).to_owned())
                        .join(":")
                }
                _ => self.name("arn", arn),
            };
            rest = after;
        }
        out + rest
    }

    /// Replaces numbers of twelve digits.
    fn accounts(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut digits = String::new();
        let take = |digits: &mut String, out: &mut String| {
            *out += &match digits.len() {
                ACCOUNT => self.name("account", digits),
                _ => digits.clone(),
            };
            digits.clear();
        };
        for c in text.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
            } else {
                take(&mut digits, &mut out);
                out.push(c);
            }
        }
        take(&mut digits, &mut out);
        out
    }
}

/// Whether a text is the name of a program of ours, or a word that is well known. A text that only begins
/// like one may be the name of a queue.
fn is_plain(text: &str) -> bool {
    ToolName::parse(text).is_some() || PLAIN.contains(&text)
}

/// Whether a character may be a part of a name.
fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// Removes the words that were cut: half of a secret is not recognised as one.
fn without_cut_words(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| match word.rfind(CUT) {
        Some(at) => &word[at..],
        None => word,
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(keeps_names: bool) -> Mask {
        let known = ["orders-dlq", "orders", "ab", "claude", "dlq-orders"].map(str::to_owned);
        Mask::new(b"salt", Redactor::default(), known, keeps_names)
    }

    #[test]
    fn names_and_secrets_are_replaced_alike_everywhere() {
        let mask = mask(false);
        let orders = mask.name("name", "orders-dlq");
        let rows = [
            ("'orders-dlq' has 3 messages", format!("'{orders}' has 3 messages")),
            ("'claude' is not found; 'dlq-peek' is", "'claude' is not found; 'dlq-peek' is".into()),
            (
                "'dlq-tools/orders' is a clone",
                format!("'{}' is a clone", mask.name("name", "dlq-tools/orders")),
            ),
            (
                "queue dlq-orders is raised; 'dlq-acme' and 'fix acme-web' are not",
                format!(
                    "queue {} is raised; '{}' and '{}' are not",
                    mask.name("name", "dlq-orders"),
                    mask.name("name", "dlq-acme"),
                    mask.name("name", "fix acme-web")
                ),
            ),
            ("it's 'orders-dlq', isn't it", format!("it's '{orders}', isn't it")),
            (
                "sqs:SendMessage on arn:aws:sqs:eu-west-1:123456789012:orders-dlq, by a deny",
                format!(
                    "sqs:SendMessage on arn:aws:sqs:eu-west-1:{}:{}, by a deny",
                    mask.name("account", "123456789012"),
                    mask.name("resource", "orders-dlq")
                ),
            ),
            ("account 123456789012.", format!("account {}.", mask.name("account", "123456789012"))),
            ("1234567890123 and 12", "1234567890123 and 12".into()),
            (
                "'/srv/it's here/x' is closed",
                format!("'{}' is closed", mask.name("name", "/srv/it's here/x")),
            ),
            ("the users' 'ab'", format!("the users' '{}'", mask.name("name", "ab"))),
            ("'/srv/acme corp/a", format!("'{}'", mask.name("name", "/srv/acme corp/a"))),
            (
                "queue orders-dlq (of orders): no orders2, ab",
                format!("queue {orders} (of {}): no orders2, ab", mask.name("name", "orders")),
            ),
            (
                "/home/ana/x: denied; see acme/web#3, claude",
                format!(
                    "{}: denied; see {}, claude",
                    mask.name("name", "/home/ana/x"),
                    mask.name("name", "acme/web#3")
                ),
            ),
            ("HTTP 500: token ghp_0123456…", "HTTP 500: token …".into()),
        ];
        for (text, expected) in rows {
            assert_eq!(mask.text(text), expected, "{text}");
        }
        let other = Mask::new(b"pepper", Redactor::default(), [], false);
        assert_ne!(other.name("name", "orders-dlq"), orders);
    }

    #[test]
    fn kept_names_are_kept_without_secrets() {
        let mask = mask(true);
        assert_eq!(mask.text("'orders-dlq' of 123456789012"), "'orders-dlq' of 123456789012");
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        for text in [mask.text(&format!("token {token}")), mask.name("x", token)] {
            assert!(!text.contains(token), "{text}");
        }
        let cut = mask.text(&format!("of /srv/a: token {}… and", &token[..9]));
        assert_eq!(cut, "of /srv/a: token … and");
    }

    #[test]
    fn odd_quotes_and_arns_lose_nothing_and_end() {
        let mask = mask(false);
        for text in ["'", "a'", "''", "' '", "'a", "arn:aws", "arn:aws:", "é'ü'é", "'é' arn:aws:é"]
        {
            let masked = mask.text(text);
            assert!(!masked.is_empty(), "{text}");
        }
        assert_eq!(mask.text("a' b"), "a' b");
    }
}
