//! The finding of a session, as far as it is published: `finding.json` in its folder.
//!
//! The supervisor writes it when the verdict was checked. All of it is redacted, and none of it is
//! inert: [`super::published`] makes it so.

use serde::{Deserialize, Serialize};

use super::published::EvidenceExcerpt;

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
