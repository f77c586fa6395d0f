//! The full verdict of an investigation: what a model claims, and what is left of it after the
//! check.
//!
//! Promises: what is claimed without evidence that exists is never left standing. Whatever is cut,
//! guessed or corrected is said in a note; notes are our own sentences, never read from a model. All
//! text in it is on one line, with nothing hidden, and of a known length. Unknown is null.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::triage::RedriveAdvice;
use crate::event::Verdict;

pub use check::{CheckedVerdict, PatchFacts, TestResult, TestRun, apply_patch_facts, check};
pub use citation::{Citation, citable_ids, citations};
pub use parse::parse;
pub use schema::schema;

mod check;
mod schema;

/// Limits of what is read, in characters and items.
pub mod limits {
    /// A title.
    pub const TITLE: usize = 200;
    /// The kind of a cause.
    pub const CATEGORY: usize = 60;
    /// The root cause, a summary, the prevention.
    pub const TEXT: usize = 4000;
    /// A claim, a hypothesis, its reason, a step.
    pub const LINE: usize = 600;
    /// What a claim cites, a path, the name of a test.
    pub const NAME: usize = 300;
    /// Claims.
    pub const EVIDENCE: usize = 40;
    /// Hypotheses.
    pub const HYPOTHESES: usize = 12;
    /// Files of a fix.
    pub const FILES: usize = 100;
    /// TestRun of a fix.
    pub const TESTS: usize = 40;
    /// Next steps.
    pub const STEPS: usize = 20;
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictStatus {
    /// The cause is proven by the evidence.
    Confirmed,
    /// The evidence points there, and it is not proven.
    Likely,
    /// The cause is not known.
    Inconclusive,
    /// The code is not to blame.
    NotABug,
}

impl VerdictStatus {
    /// Every status that there is.
    pub const ALL: [VerdictStatus; 4] = [
        VerdictStatus::Confirmed,
        VerdictStatus::Likely,
        VerdictStatus::Inconclusive,
        VerdictStatus::NotABug,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            VerdictStatus::Confirmed => "confirmed",
            VerdictStatus::Likely => "likely",
            VerdictStatus::Inconclusive => "inconclusive",
            VerdictStatus::NotABug => "not_a_bug",
        }
    }
}

impl fmt::Display for VerdictStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an investigation has verdict. It is read as [`read`] reads it, wherever it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct ModelVerdict {
    /// How sure it is.
    pub status: VerdictStatus,
    /// One line.
    pub title: String,
    /// The kind of the cause.
    pub category: Option<String>,
    /// What the dead letters died of; null when unknown.
    pub root_cause: Option<String>,
    /// From 0 to 1, as the model says; null when it does not say.
    pub confidence: Option<f64>,
    /// The facts that it rests on.
    pub evidence: Vec<Claim>,
    /// The causes that were thought of.
    pub hypotheses: Vec<Hypothesis>,
    /// What was changed; null when nothing was.
    pub fix: Option<Fix>,
    /// What would keep it from happening again.
    pub prevention: Option<String>,
    /// Whether the messages may be put back.
    pub redrive: RedriveAdvice,
    /// What a person should do next.
    pub next_steps: Vec<String>,
    /// What reading it has changed, a sentence each. Not written: [`CheckedVerdict`] keeps it.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// A fact, and where it can be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What it cites: see [`Citation`]. Empty when it cites nothing.
    pub id: String,
    /// What it says.
    pub claim: String,
}

/// A cause that was thought of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// The possible cause.
    pub hypothesis: String,
    /// `supported`, `possible` or `rejected`, mostly; empty when it is not said.
    pub verdict: String,
    /// Why; empty when it is not said.
    pub why: String,
}

/// A change that a model claims to have made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What it changes, and why that helps.
    pub summary: String,
    /// The files that it says it has changed.
    pub files: Vec<String>,
    /// The tests that it says it has added or run.
    pub tests: Vec<String>,
}

impl TryFrom<Value> for ModelVerdict {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        parse(&value)
    }
}

impl From<&CheckedVerdict> for Verdict {
    /// The short form, for events.
    fn from(checked: &CheckedVerdict) -> Self {
        let verdict = &checked.verdict;
        Verdict {
            status: verdict.status.to_string(),
            title: Some(verdict.title.clone()),
            category: verdict.category.clone(),
            confidence: verdict.confidence,
            redrive: Some(verdict.redrive.to_string()),
        }
    }
}

mod citation;
mod parse;
pub mod report;
#[cfg(test)]
mod tests;
