//! Verdicts that would have a person look away, although only strangers speak for them. Pure.
//!
//! "Not a bug" and "safe to redrive" are what an attacker wants to read. They are lowered when they
//! rest on messages or prose alone, and when the session does not go with them: it has changed files,
//! calls of tools were denied, or it repeats an instruction of the evidence. Promises: a lowered
//! verdict says that it needs a person, and why.

use std::collections::BTreeSet;

use super::instruction::Repetition;
use super::{Citation, ModelVerdict, PatchFacts, RedriveAdvice, VerdictCheck, VerdictStatus};
use crate::event::Verdict;
use crate::text::{count, safe};

/// Files of the evidence that hold messages and what follows from them. Strangers choose their words.
const OF_MESSAGES: [&str; 3] = ["fingerprints", "timeline", "index"];
/// Reason of a result that this tool has not checked.
const UNCHECKED: &str = "nothing of it was checked";

/// Facts of a session beside its verdict.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signs<'a> {
    /// Whether a citation that exists names code, a log or a fact of the queue.
    pub grounded: bool,
    /// Denied calls of tools.
    pub denied: u64,
    pub patch: Option<&'a PatchFacts>,
    /// Whether the changes are unknown.
    pub unknown_changes: bool,
    pub repetition: Option<&'a Repetition>,
}

/// Returns whether a verdict cites something that is no text of a message: `resolved` holds the
/// citations that exist.
pub fn is_grounded(verdict: &ModelVerdict, resolved: &BTreeSet<String>) -> bool {
    let mut cited = verdict.evidence.iter().filter_map(|claim| Citation::parse(&claim.id));
    cited.any(|citation| is_ground(&citation) && citation.is_in(resolved))
}

fn is_ground(citation: &Citation) -> bool {
    match citation {
        Citation::File { .. } | Citation::Commit(_) => true,
        Citation::Item(id) => ["q.", "lint.", "log:"].iter().any(|kind| id.starts_with(kind)),
        Citation::Items { kind, .. } => *kind == "log:",
        Citation::Evidence { file, .. } => {
            let stem = file.split('.').next().unwrap_or_default();
            let number =
                stem.strip_prefix('m').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
            !number && !OF_MESSAGES.contains(&stem)
        }
    }
}

/// Lowers a verdict that has a person look away, and marks what a person has to see.
pub fn apply(mut checked: VerdictCheck, signs: &Signs) -> VerdictCheck {
    let (status, advice) = (checked.verdict.status, checked.verdict.redrive);
    let is_calming = status == VerdictStatus::NotABug || advice == RedriveAdvice::Safe;
    let mut reasons: Vec<String> = Vec::new();
    if is_calming && !signs.grounded {
        reasons
            .push("it rests on messages alone: it cites no code, log or fact of the queue".into());
    }
    let changed = signs.patch.map_or(0, |patch| patch.files_changed.len());
    if is_calming && changed > 0 {
        let what = if status == VerdictStatus::NotABug { "not a bug" } else { "safe to redrive" };
        reasons
            .push(format!("it says '{what}', and has changed {}", count(changed as u64, "file")));
    }
    if is_calming && signs.unknown_changes {
        reasons.push("its changes are unknown".into());
    }
    if is_calming && signs.denied > 0 {
        reasons.push(denials(signs.denied));
    }
    if let Some(Repetition { file, sentence }) = signs.repetition {
        reasons.push(format!("it repeats an instruction of the evidence, in '{}'", safe(file)));
        checked.notes.push(format!("the evidence instructs: '{sentence}'"));
    }
    if is_calming && !reasons.is_empty() {
        let why = reasons.join("; ");
        if status == VerdictStatus::NotABug {
            checked.lower(VerdictStatus::Inconclusive, &why);
        }
        checked.lower_redrive(RedriveAdvice::DoNot, &why);
    }
    reasons.extend(signs.patch.and_then(PatchFacts::held));
    checked.needs_person = reasons;
    checked
}

fn denials(denied: u64) -> String {
    let verb = if denied == 1 { "was" } else { "were" };
    format!("{} of tools {verb} denied", count(denied, "call"))
}

/// Marks the result of an agent whose citations nobody has checked.
pub fn mark_unchecked(mut verdict: Verdict, held: Option<String>) -> Verdict {
    let is_calming = verdict.status == VerdictStatus::NotABug.as_str()
        || verdict.redrive.as_deref() == Some(RedriveAdvice::Safe.as_str());
    let reasons: Vec<String> =
        is_calming.then(|| UNCHECKED.to_owned()).into_iter().chain(held).collect();
    verdict.needs_person = (!reasons.is_empty()).then(|| reasons.join("; "));
    verdict
}
