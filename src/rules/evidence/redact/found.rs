//! Secrets as places in a text, for those who refuse a text instead of redacting it.

use std::cell::Cell;

use super::{CARD, DECODED_MAX, IBAN, JWT, LEVELS_MAX, Nesting, PEM, Redactor, SECRET, TOKEN};

/// Kinds that count within an encoding.
const ENCODED: [&str; 6] = [SECRET, TOKEN, JWT, PEM, CARD, IBAN];

/// The range of a secret in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundSecret<'k> {
    /// The name of its kind, as in its placeholder.
    pub kind: &'k str,
    pub start: usize,
    pub end: usize,
}

impl FoundSecret<'_> {
    /// Whether the value has no form of its own: the name before it tells that it is a secret.
    pub fn is_by_name(&self) -> bool {
        self.kind == SECRET
    }

    /// Whether it is an address of mail.
    pub fn is_mail(&self) -> bool {
        self.kind == super::EMAIL
    }

    /// Whether it is the number of a card.
    pub fn is_card(&self) -> bool {
        self.kind == CARD
    }
}

impl Redactor {
    /// Returns the secrets in a text, in their order. Nothing is decoded.
    pub fn secrets(&self, text: &str) -> Vec<FoundSecret<'_>> {
        let found = self.find_matches(text).into_iter();
        found.map(|hit| FoundSecret { kind: hit.kind, start: hit.start, end: hit.end }).collect()
    }

    /// Returns the number of secrets within the encoded parts of a text.
    pub fn encoded_secrets(&self, text: &str) -> usize {
        let bytes = Cell::new(DECODED_MAX);
        let nesting = Nesting { levels: LEVELS_MAX, bytes: &bytes };
        let found = self.find_encoded(text, &self.find_matches(text), nesting);
        let count = |shown: &str| -> usize {
            ENCODED.iter().map(|kind| shown.matches(&format!("<{kind}:")).count()).sum()
        };
        found.iter().map(|hit| count(&hit.shown)).sum()
    }
}
