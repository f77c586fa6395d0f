//! The finding of a session, as far as it is published: `finding.json` in its folder.
//!
//! The supervisor writes it when the verdict was checked. Excerpts are redacted there; the sentences are the
//! model's, which has read the code, too. [`Finding::redacted`] is applied before anything is published, and
//! [`super::published`] makes it inert.

use serde::{Deserialize, Serialize};

use super::published::EvidenceExcerpt;
use crate::rules::evidence::redact::Redactor;

/// Most files and causes that are kept.
pub const ITEMS_MAX: usize = 50;

/// The finding of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// The title and the explanation of the model.
    pub title: String,
    pub root_cause: String,
    /// The status after the check.
    pub status: String,
    pub category: Option<String>,
    /// `safe`, `after_fix` or `do_not`.
    pub redrive: Option<String>,
    /// The fingerprints of all causes of the evidence.
    pub causes: Vec<String>,
    pub evidence: Vec<EvidenceExcerpt>,
    /// The files that the verdict cites and the patch changes.
    pub files: Vec<String>,
    /// Reasons why a person has to look before anybody acts on it.
    pub needs_person: Vec<String>,
    /// The cost in words; None when unknown.
    pub cost: Option<String>,
}

impl Finding {
    /// Returns the finding without the secrets that redaction knows, in all texts that are published.
    pub fn redacted(mut self, redactor: &Redactor) -> Self {
        let redact = |text: &mut String| *text = redactor.redact_text(text).into_owned();
        [&mut self.title, &mut self.root_cause].into_iter().for_each(redact);
        self.cost.iter_mut().for_each(redact);
        for item in &mut self.evidence {
            [&mut item.id, &mut item.claim, &mut item.excerpt].into_iter().for_each(redact);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_of_a_text_that_is_published_is_redacted() {
        let key = "AKIAIOSFODNN7EXAMPLE";
        let texts = [
            format!("The key {key} is in the code"),
            "password=tr0ub4dor&3x9".to_owned(),
            "see postgres://shop:s3cr3t-of-the-shop@db/orders".to_owned(),
        ];
        for text in texts {
            let item =
                EvidenceExcerpt { id: text.clone(), claim: text.clone(), excerpt: text.clone() };
            let finding = Finding {
                title: text.clone(),
                root_cause: text.clone(),
                evidence: vec![item],
                ..Finding::default()
            };
            let found = serde_json::to_string(&finding.redacted(&Redactor::default())).unwrap();
            for secret in [key, "tr0ub4dor", "s3cr3t-of-the-shop"] {
                assert!(!found.contains(secret), "{text}: {found}");
            }
        }
    }

    /// A citation is what people need to find the place.
    #[test]
    fn citation_and_sentence_without_a_secret_stay() {
        let texts = [
            "m1",
            "q.retention_s",
            "src/a.py:12",
            "src/token.py:12",
            "src/secrets/password.rs:7",
            "commit:0123456789abcdef0123456789abcdef01234567",
            "Orders of version 2 have no customer, since 2026-11-27T08:00:00Z.",
            "`order['customer']` raises KeyError in src/a.py:12; see d15cc665f7b7.",
        ];
        for text in texts {
            let item = EvidenceExcerpt { id: text.into(), ..EvidenceExcerpt::default() };
            let finding =
                Finding { root_cause: text.into(), evidence: vec![item], ..Finding::default() };
            assert_eq!(finding.clone().redacted(&Redactor::default()), finding, "{text}");
        }
    }
}
