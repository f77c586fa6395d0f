//! The checks of the installation: the meaning of each answer, and the remedy.
//!
//! Promises: what is not known is never `ok`; a check that fails names a remedy; no text from outside
//! keeps a control character. Pure.

pub mod aws;
pub mod feature;
pub mod github;
pub mod investigator;
pub mod machine;
pub mod mask;
pub mod policy;
pub mod state;
pub mod table;
pub mod tar;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::event::{CheckedPart, HealthChecked, words};
use crate::text::{safe, shorten};
use crate::time::show_span;

/// Characters of a finding and of a remedy that are shown.
const TEXT_MAX: usize = 400;
/// Characters of both that are kept: what is not shown has to be there when secrets are looked for.
const KEPT_MAX: usize = 64 << 10;
/// Characters of both in an event whose line is too long.
const SHORT_MAX: usize = 100;
/// Bytes of the checks in an event; the envelope needs the rest of a line.
const EVENT_MAX: usize = 3500;

words! {
    /// Status of a check, the gravest last.
    CheckStatus {
        Ok = "ok",
        /// The check was not made; nothing is known.
        Skipped = "skipped",
        Warning = "warning",
        Failed = "failed",
    }
}

/// The meaning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub status: CheckStatus,
    /// The finding, as a clause.
    pub detail: String,
    /// The remedy, as a clause; empty without one.
    pub remedy: String,
}

impl Diagnosis {
    fn new(status: CheckStatus, detail: &str, remedy: &str) -> Self {
        let plain = |text: &str| safe(&shorten(text.trim(), KEPT_MAX)).into_owned();
        Diagnosis { status, detail: plain(detail), remedy: plain(remedy) }
    }

    /// Returns finding and remedy as they are shown.
    fn shown(&self) -> [String; 2] {
        [&self.detail, &self.remedy].map(|text| shorten(text, TEXT_MAX).into_owned())
    }

    pub fn ok(detail: impl AsRef<str>) -> Self {
        Diagnosis::new(CheckStatus::Ok, detail.as_ref(), "")
    }

    /// Returns the diagnosis of a check that was not made, for the reason given.
    pub fn skipped(reason: impl AsRef<str>) -> Self {
        Diagnosis::new(CheckStatus::Skipped, reason.as_ref(), "")
    }

    pub fn warning(detail: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Diagnosis::new(CheckStatus::Warning, detail.as_ref(), remedy.as_ref())
    }

    pub fn failed(detail: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Diagnosis::new(CheckStatus::Failed, detail.as_ref(), remedy.as_ref())
    }

    /// Returns the diagnosis of a check that has not ended within its limit.
    pub fn endless(limit: Duration) -> Self {
        Diagnosis::failed(
            format!("no result within {}", show_span(limit)),
            "see what it asks: a server, a command or a folder that does not answer",
        )
    }

    /// Returns the diagnosis of a check that another one before it has left no time for.
    pub fn untried(before: &str) -> Self {
        Diagnosis::skipped(format!("not tried, because '{before}' has not ended"))
    }
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    pub name: String,
    pub diagnosis: Diagnosis,
    pub took: Duration,
}

/// Returns the number of results of a status.
pub fn count(results: &[CheckResult], status: CheckStatus) -> usize {
    results.iter().filter(|one| one.diagnosis.status == status).count()
}

/// Returns whether a check failed.
pub fn has_failed(results: &[CheckResult]) -> bool {
    count(results, CheckStatus::Failed) > 0
}

/// Returns the payload of the event, the gravest result first. Where a line has no room for all texts,
/// those of checks that succeed are left out, then the others are cut.
pub fn payload(results: &[CheckResult]) -> HealthChecked {
    let sum = |status| count(results, status) as u64;
    let with = |keep: CheckStatus, most: usize| HealthChecked {
        checks: parts(results, keep, most),
        failed: sum(CheckStatus::Failed),
        warnings: sum(CheckStatus::Warning),
        skipped: sum(CheckStatus::Skipped),
    };
    let fits = |data: &HealthChecked| {
        serde_json::to_string(data).is_ok_and(|text| text.len() <= EVENT_MAX)
    };
    let steps = [
        (CheckStatus::Ok, TEXT_MAX),
        (CheckStatus::Warning, TEXT_MAX),
        (CheckStatus::Warning, SHORT_MAX),
    ];
    let found = steps.into_iter().map(|(keep, most)| with(keep, most)).find(fits);
    found.unwrap_or_else(|| with(CheckStatus::Failed, SHORT_MAX))
}

/// Returns the checks of an event; those milder than `keep` without their texts.
fn parts(results: &[CheckResult], keep: CheckStatus, most: usize) -> Vec<CheckedPart> {
    let mut sorted: Vec<&CheckResult> = results.iter().collect();
    sorted.sort_by_key(|one| std::cmp::Reverse(one.diagnosis.status));
    let part = |one: &&CheckResult| {
        let Diagnosis { status, detail, remedy } = &one.diagnosis;
        let text = |text: &String| {
            let is_kept = *status >= keep && !text.is_empty();
            is_kept.then(|| shorten(text, most).into_owned())
        };
        CheckedPart {
            name: one.name.clone(),
            ok: match status {
                CheckStatus::Ok | CheckStatus::Warning => Some(true),
                CheckStatus::Skipped => None,
                CheckStatus::Failed => Some(false),
            },
            status: status.as_str().to_owned(),
            detail: text(detail),
            remedy: text(remedy),
            ms: u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX),
        }
    };
    sorted.iter().map(part).collect()
}
