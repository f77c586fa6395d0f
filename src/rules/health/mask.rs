//! Texts and names of a support archive, without what tells whose they are.
//!
//! Promises: secrets are redacted as in evidence; account ids, ARNs, names and whatever stands between
//! single quotes become a word of their kind with a hash. Equal names have equal hashes within one archive
//! and others in the next: the salt is random.

use sha2::{Digest, Sha256};

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

/// Replaces names and secrets.
pub struct Mask {
    salt: Vec<u8>,
    redactor: Redactor,
    /// Whether names stay as they are.
    keeps_names: bool,
}

impl Mask {
    pub fn new(salt: &[u8], redactor: Redactor, keeps_names: bool) -> Self {
        Mask { salt: salt.to_owned(), redactor, keeps_names }
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
        let text = self.redactor.redact_text(text);
        if self.keeps_names {
            return text.into_owned();
        }
        self.accounts(&self.arns(&self.quoted(&text)))
    }

    /// Replaces what stands between single quotes. An apostrophe inside of a word is none.
    fn quoted(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('\'') {
            let (before, from) = rest.split_at(at);
            let after_letter = before.ends_with(char::is_alphanumeric);
            let end = from[1..].find('\'').filter(|_| !after_letter);
            let Some(end) = end else {
                out += before;
                out.push('\'');
                rest = &from[1..];
                continue;
            };
            let inner = &from[1..=end];
            let is_ours = inner.starts_with("dlq-") && !inner.contains('/');
            let is_plain = is_ours || PLAIN.contains(&inner.split(' ').next().unwrap_or(inner));
            let shown = if is_plain { inner.to_owned() } else { self.name("name", inner) };
            out += &format!("{before}'{shown}'");
            rest = &from[end + 2..];
        }
        out + rest
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(keeps_names: bool) -> Mask {
        Mask::new(b"salt", Redactor::default(), keeps_names)
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
        ];
        for (text, expected) in rows {
            assert_eq!(mask.text(text), expected, "{text}");
        }
        let other = Mask::new(b"pepper", Redactor::default(), false);
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
