//! The verdict of an investigation by a model: its parser, its check against evidence and code, and
//! its report.
//!
//! Promises: a claim without existing evidence lowers the status. A note names whatever was cut,
//! replaced or lowered; notes are this tool's sentences and never come from a model. Each text is
//! on one line, holds no hidden character and has a known length. Unknown is null.

use serde::{Deserialize, Serialize};

pub use super::triage::RedriveAdvice;
use crate::event::{Verdict, words};
use crate::text::shorten;

pub use check::{PatchFacts, VerdictCheck, apply_patch_facts, check, without_patch_facts};
pub use citation::{Citation, citable_ids, citations, relative_to};
pub use excerpt::excerpts;
pub use instruction::{Repetition, RepetitionSearch};
pub use parse::parse;
pub use proof::{PatchFile, PatchProof, PatchSplit, ProofGrade, ProofJudgement, TestResult};
pub use schema::schema;
pub use test_files::TestFiles;
pub use written_files::WrittenFiles;

mod check;
mod citation;
mod excerpt;
mod instruction;
mod parse;
pub mod patch_gate;
pub mod proof;
pub mod report;
mod schema;
pub mod suspicion;
mod test_files;
mod test_output;
mod written_files;

/// Limits of a parsed verdict, in characters and items.
pub mod limits {
    pub const TITLE: usize = 200;
    /// Category, and the word that judges a hypothesis.
    pub const WORD: usize = 60;
    /// Root cause, summary of a fix, prevention.
    pub const TEXT: usize = 4000;
    /// Claim, hypothesis and its reason, step.
    pub const LINE: usize = 600;
    /// Citation, path, test.
    pub const NAME: usize = 300;
    /// Items of the list `evidence`.
    pub const EVIDENCE: usize = 40;
    /// Items of the list `hypotheses`.
    pub const HYPOTHESES: usize = 12;
    /// Files of a fix.
    pub const FILES: usize = 100;
    /// Tests of a fix.
    pub const TESTS: usize = 40;
    /// Items of the list `next_steps`.
    pub const STEPS: usize = 20;
}

words! {
    /// Degree to which the evidence supports the root cause.
    VerdictStatus {
        /// The evidence proves the cause.
        Confirmed = "confirmed",
        /// The evidence points to the cause without proof.
        Likely = "likely",
        /// The cause is unknown.
        Inconclusive = "inconclusive",
        /// The code is not at fault.
        NotABug = "not_a_bug",
    }
}

/// A verdict as a model states it. [`parse`] brings it within [`limits`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVerdict {
    pub status: VerdictStatus,
    /// A single line; never empty.
    #[serde(default)]
    pub title: String,
    /// Kind of the cause.
    pub category: Option<String>,
    /// Cause of the failures; null when unknown.
    pub root_cause: Option<String>,
    /// Probability from 0 to 1, as the model states it; null when unknown.
    pub confidence: Option<f64>,
    #[serde(default)]
    pub evidence: Vec<Claim>,
    #[serde(default)]
    pub hypotheses: Vec<Hypothesis>,
    /// Claimed change; null when there is none.
    pub fix: Option<Fix>,
    /// Measures against a repetition.
    pub prevention: Option<String>,
    pub redrive: RedriveAdvice,
    /// Next steps for a person, in order.
    #[serde(default)]
    pub next_steps: Vec<String>,
    /// Changes that the parser made, a sentence each. Not serialized: [`VerdictCheck`] keeps them.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// A fact and its source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Text of a [`Citation`]; empty when the claim cites nothing.
    pub id: String,
    pub claim: String,
}

/// A possible cause.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hypothesis {
    pub hypothesis: String,
    /// `supported`, `possible` or `rejected`; empty when not stated.
    pub verdict: String,
    /// Reason; empty when not stated.
    pub why: String,
}

/// A change that a model claims to have made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fix {
    /// Change, and why it removes the cause.
    pub summary: String,
    /// Files that the model claims to have changed.
    pub files: Vec<String>,
    /// Tests that the model claims to have added or run.
    pub tests: Vec<String>,
}

impl From<&VerdictCheck> for Verdict {
    /// Returns the short form, for events.
    fn from(checked: &VerdictCheck) -> Self {
        let verdict = &checked.verdict;
        Verdict {
            status: verdict.status.to_string(),
            title: Some(verdict.title.clone()),
            category: verdict.category.clone(),
            confidence: verdict.confidence,
            redrive: Some(verdict.redrive.to_string()),
            needs_person: (!checked.needs_person.is_empty())
                .then(|| shorten(&checked.needs_person.join("; "), limits::LINE).into_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
