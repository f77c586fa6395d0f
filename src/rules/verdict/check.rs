//! Check of a verdict against the citations that exist, and against the patch.
//!
//! Promises: `confirmed`, `likely` and `not_a_bug` need evidence that exists, and `confirmed` with
//! a patch needs a proof by tests that this tool has run. A check only lowers. Each change has a note with its
//! reason.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::citation::{Citation, path_of};
use super::patch_gate::{self, GatedPath};
use super::proof::{PatchProof, ProofGrade, ProofJudgement};
use super::{ModelVerdict, RedriveAdvice, VerdictStatus};
use crate::text::{safe, shorten};

/// Most names in a note.
const NAMED: usize = 5;
/// Limit of a name in a note, in characters.
const NAME: usize = 80;

/// A verdict after the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictCheck {
    #[serde(rename = "found")]
    pub verdict: ModelVerdict,
    /// Citations that do not exist, each once; the empty text for a claim that cites nothing.
    pub unresolved: Vec<String>,
    /// Status that the model stated, and status after the check.
    pub demoted: Option<(VerdictStatus, VerdictStatus)>,
    /// Changes and their reasons, a sentence each.
    pub notes: Vec<String>,
    /// Reasons why a person has to look, as clauses.
    #[serde(default)]
    pub needs_person: Vec<String>,
}

/// Changes in the repository, read by this tool and not taken from the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchFacts {
    /// Paths in the repository.
    pub files_changed: Vec<String>,
    /// Set when the patch is incomplete: it is too long, or holds a nested repository.
    pub truncated: bool,
    /// Changes for which the patch is not offered as a pull request.
    pub gated: Vec<GatedPath>,
    /// Files that something else than the agent has made or changed.
    pub left_out: Vec<String>,
    /// Runs of the tests; none when this tool ran none.
    pub proof: Option<PatchProof>,
}

impl PatchFacts {
    /// Returns why the patch is not offered as a pull request; none when it is.
    pub fn held(&self) -> Option<String> {
        patch_gate::reason(&self.gated, self.truncated)
    }
}

/// Checks the citations of `verdict`. `resolved` holds those that exist, as [`Citation`] displays
/// them. Each missing citation lowers the status by a step. A cited line proves something when it
/// existed before the model changed anything; one of a file that the patch has `changed` is not
/// missing.
pub fn check(
    mut verdict: ModelVerdict,
    resolved: &BTreeSet<String>,
    changed: &BTreeSet<String>,
) -> VerdictCheck {
    let exists = |id: &str| Citation::parse(id).is_some_and(|cited| cited.is_in(resolved));
    let is_changed = |id: &str| match Citation::parse(id) {
        Some(Citation::File { path, .. }) => changed.contains(&path),
        _ => false,
    };
    let mut unresolved: Vec<String> = Vec::new();
    let mut hits = 0;
    for claim in &verdict.evidence {
        if exists(&claim.id) {
            hits += 1;
        } else if !unresolved.contains(&claim.id) && !is_changed(&claim.id) {
            unresolved.push(claim.id.clone());
        }
    }
    let notes = std::mem::take(&mut verdict.notes);
    let mut checked =
        VerdictCheck { verdict, unresolved, demoted: None, notes, needs_person: Vec::new() };
    if !checked.unresolved.is_empty() {
        let names = named(checked.unresolved.iter());
        checked.notes.push(format!("citations that do not exist: {names}"));
    }
    let from = checked.verdict.status;
    let is_vague = from != VerdictStatus::NotABug && checked.verdict.root_cause.is_none();
    let (to, why) = match (from, checked.unresolved.len()) {
        (VerdictStatus::Inconclusive, _) => (from, "its cause is unknown"),
        _ if hits == 0 => (VerdictStatus::Inconclusive, "none of its citations exists"),
        _ if is_vague => (VerdictStatus::Inconclusive, "it names no root cause"),
        (_, 0) => (from, ""),
        (VerdictStatus::Confirmed, 1) => {
            (VerdictStatus::Likely, "one of its citations does not exist")
        }
        _ => (VerdictStatus::Inconclusive, "not all of its citations exist"),
    };
    checked.lower(to, why);
    let advice = checked.verdict.redrive;
    let is_careless = match (from, advice) {
        (_, RedriveAdvice::DoNot) => false,
        // The status `not_a_bug` is an advice in itself.
        (VerdictStatus::NotABug, _) => to != from,
        (_, RedriveAdvice::AfterFix) => false,
        _ => to == VerdictStatus::Inconclusive && (to != from || hits == 0),
    };
    if is_careless {
        checked.lower_redrive(RedriveAdvice::DoNot, why);
    }
    checked
}

/// Checks the claimed fix against the changed files and the test run.
pub fn apply_patch_facts(mut checked: VerdictCheck, patch: &PatchFacts) -> VerdictCheck {
    let fix = checked.verdict.fix.as_ref();
    let (claimed, tests) = fix.map_or((&[][..], &[][..]), |fix| (&fix.files, &fix.tests));
    let paths = |all: &[String]| all.iter().map(|path| normal(path)).collect::<BTreeSet<_>>();
    let (changed, claimed) = (paths(&patch.files_changed), paths(claimed));
    let mut notes = Vec::new();
    if fix.is_some() && changed.is_empty() {
        notes.push("it claims a fix, but no file was changed".to_owned());
    }
    if !changed.is_empty() && !claimed.is_subset(&changed) {
        let names = named(claimed.difference(&changed));
        notes.push(format!("it claims changes in files that were not changed: {names}"));
    }
    if !changed.is_subset(&claimed) {
        let names = named(changed.difference(&claimed));
        notes.push(format!("files were changed that it does not name: {names}"));
    }
    if patch.truncated {
        notes.push("the patch is incomplete: it is too long, or holds a nested repository".into());
    }
    if !patch.left_out.is_empty() {
        let names = named(patch.left_out.iter());
        notes
            .push(format!("changes of files that the agent has not written are left out: {names}"));
    }
    let unproven = match &patch.proof {
        Some(proof) => {
            let ProofJudgement { grade, why } = proof.judge();
            if grade != ProofGrade::Proven || proof.is_base_red() {
                let command = safe(&shorten(&proof.command, NAME)).into_owned();
                notes.push(format!("when this tool ran '{command}', {why}"));
            }
            match grade {
                ProofGrade::Proven => None,
                ProofGrade::Unproven => Some("its fix is not proven"),
                ProofGrade::Unknown => Some("whether its fix is proven is unknown"),
            }
        }
        None => {
            if !tests.is_empty() {
                notes.push("it names tests, but this tool has run none".into());
            }
            Some("this tool has run no tests on the patch")
        }
    };
    let unproven = match (changed.is_empty() && !patch.truncated, fix.is_some()) {
        (true, true) => Some("its fix has changed no file"),
        (true, false) => None,
        (false, _) => unproven,
    };
    checked.notes.extend(notes);
    if let Some(why) = unproven
        && checked.verdict.status == VerdictStatus::Confirmed
    {
        checked.lower(VerdictStatus::Likely, why);
    }
    checked
}

/// Lowers the verdict of a session that may have changed files, when it is not known which.
pub fn without_patch_facts(mut checked: VerdictCheck, why: &str) -> VerdictCheck {
    checked.notes.push(format!("its changes are unknown: {why}"));
    if checked.verdict.status == VerdictStatus::Confirmed {
        checked.lower(VerdictStatus::Likely, "whether its fix is proven is unknown");
    }
    checked
}

impl VerdictCheck {
    pub(super) fn lower(&mut self, to: VerdictStatus, why: &str) {
        let from = self.verdict.status;
        if from == to {
            return;
        }
        self.verdict.status = to;
        let first = self.demoted.map_or(from, |(first, _)| first);
        self.demoted = Some((first, to));
        self.notes.push(format!("the status was lowered from {from} to {to}: {why}"));
    }

    pub(super) fn lower_redrive(&mut self, to: RedriveAdvice, why: &str) {
        let from = std::mem::replace(&mut self.verdict.redrive, to);
        if from != to {
            self.notes.push(format!("the redrive advice was lowered from {from} to {to}: {why}"));
        }
    }
}

/// Returns the path as git writes it, without a line number that the model may have appended.
fn normal(path: &str) -> String {
    match Citation::parse(path) {
        Some(Citation::File { path, .. }) => path,
        _ => path_of(path).unwrap_or_else(|| path.to_owned()),
    }
}

fn named<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<&String> = all.collect();
    let show = |name: &&String| match name.as_str() {
        "" => "a claim that cites nothing".to_owned(),
        name => format!("'{}'", safe(&shorten(name, NAME))),
    };
    let mut names = all.iter().take(NAMED).map(show).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        names.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    names
}
