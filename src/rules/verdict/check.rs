//! What is left of a verdict when its claims have been looked up.
//!
//! Promises: `confirmed`, `likely` and `not_a_bug` stand only on evidence that exists, and
//! `confirmed` with a patch only on tests that this tool has run. A check only ever lowers. Each
//! change has a note with its reason.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::citation::{Citation, path_of};
use super::{ModelVerdict, RedriveAdvice, VerdictStatus};
use crate::text::{safe, shorten};

/// So many names stand in a note.
const NAMED: usize = 5;
/// So much of a name.
const NAME: usize = 80;

/// A verdict after the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckedVerdict {
    /// What is left of it.
    #[serde(rename = "found")]
    pub verdict: ModelVerdict,
    /// What it cites that does not exist, each once; the empty text for a claim that cites nothing.
    pub unresolved: Vec<String>,
    /// What the model said, and what it is now.
    pub demoted: Option<(VerdictStatus, VerdictStatus)>,
    /// What was changed and why, a sentence each.
    pub notes: Vec<String>,
}

/// What was changed in the repository, as this tool has seen for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatchFacts {
    /// Their paths in the repository.
    pub files_changed: Vec<String>,
    /// The patch lacks something: it is too long, or has a repository within.
    pub truncated: bool,
    /// The tests that this tool has run; null when it ran none.
    pub tests: Option<TestRun>,
}

/// A run of the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// The command, for people.
    pub command: String,
    /// How that ended.
    #[serde(rename = "ran")]
    pub result: TestResult,
}

/// How a run of the tests has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestResult {
    /// They pass.
    Passed,
    /// They do not.
    Failed,
    /// The command could not be started, or the patch cannot be applied.
    NotStarted,
    /// They were ended at the deadline of the session.
    TooLate,
    /// Somebody asked for the end of the session.
    Stopped,
}

impl TestResult {
    /// What is to be said of them.
    pub fn sentence(self) -> &'static str {
        match self {
            TestResult::Passed => "passed",
            TestResult::Failed => "did not pass",
            TestResult::NotStarted => "could not be started",
            TestResult::TooLate => "were not done by the deadline",
            TestResult::Stopped => "were stopped, because somebody asked for the end",
        }
    }
}

/// Judges `verdict` by what of its citations was verdict: `resolved` holds them as [`Citation`]
/// displays them. Each that was not lowers the status by a step. A place in the code counts as
/// verdict when it was there before the model changed anything.
pub fn check(mut verdict: ModelVerdict, resolved: &BTreeSet<String>) -> CheckedVerdict {
    let exists =
        |id: &str| Citation::parse(id).is_some_and(|cited| resolved.contains(&cited.to_string()));
    let mut unresolved: Vec<String> = Vec::new();
    let mut hits = 0;
    for claim in &verdict.evidence {
        if exists(&claim.id) {
            hits += 1;
        } else if !unresolved.contains(&claim.id) {
            unresolved.push(claim.id.clone());
        }
    }
    let notes = std::mem::take(&mut verdict.notes);
    let mut checked = CheckedVerdict { verdict, unresolved, demoted: None, notes };
    if !checked.unresolved.is_empty() {
        let names = named(checked.unresolved.iter().map(String::as_str));
        checked.notes.push(format!("what it cites does not exist: {names}"));
    }
    let from = checked.verdict.status;
    let is_vague = from != VerdictStatus::NotABug && checked.verdict.root_cause.is_none();
    let (to, why) = match (from, checked.unresolved.len()) {
        (VerdictStatus::Inconclusive, _) => (from, "its cause is not known"),
        _ if hits == 0 => (VerdictStatus::Inconclusive, "nothing that it cites exists"),
        _ if is_vague => (VerdictStatus::Inconclusive, "it names no root cause"),
        (_, 0) => (from, ""),
        (VerdictStatus::Confirmed, 1) => {
            (VerdictStatus::Likely, "one thing that it cites does not exist")
        }
        _ => (VerdictStatus::Inconclusive, "not everything that it cites exists"),
    };
    checked.lower(to, why);
    // That nothing is wrong with the code is an advice in itself.
    let careless = match from {
        VerdictStatus::NotABug => to != from,
        _ => to == VerdictStatus::Inconclusive && (to != from || hits == 0),
    };
    let advice = checked.verdict.redrive;
    if careless
        && (advice == RedriveAdvice::Safe
            || (from == VerdictStatus::NotABug && advice < RedriveAdvice::DoNot))
    {
        checked.verdict.redrive = RedriveAdvice::DoNot;
        checked
            .notes
            .push(format!("the redrive advice was lowered from {advice} to do_not: {why}"));
    }
    checked
}

/// Judges what `checked` says of a fix by what was changed and what the tests said.
pub fn apply_patch_facts(mut checked: CheckedVerdict, patch: &PatchFacts) -> CheckedVerdict {
    let changed: BTreeSet<String> = patch.files_changed.iter().map(|path| normal(path)).collect();
    let claimed: BTreeSet<String> = match &checked.verdict.fix {
        Some(fix) => fix.files.iter().map(|path| normal(path)).collect(),
        None => BTreeSet::new(),
    };
    let mut notes = Vec::new();
    let mut say = |text: String| notes.push(text);
    if checked.verdict.fix.is_some() && changed.is_empty() {
        say("it says that there is a fix, and no file was changed".into());
    }
    let names = |all: &mut dyn Iterator<Item = &String>| named(all.map(String::as_str));
    if !changed.is_empty() && !claimed.is_subset(&changed) {
        let names = names(&mut claimed.difference(&changed));
        say(format!("it says that it changed files which it did not change: {names}"));
    }
    if !changed.is_subset(&claimed) {
        let names = names(&mut changed.difference(&claimed));
        say(format!("files were changed that it does not name: {names}"));
    }
    if patch.truncated {
        say("the patch is not whole: it is too long, or a repository is within".into());
    }
    let has_tests = checked.verdict.fix.as_ref().is_some_and(|fix| !fix.tests.is_empty());
    let unproven = match &patch.tests {
        Some(TestRun { result: TestResult::Passed, .. }) => None,
        Some(TestRun { command, result }) => {
            let command = safe(&shorten(command, NAME)).into_owned();
            let how = result.sentence();
            say(format!("the tests {how} when this tool ran them: '{command}'"));
            Some("the tests are not known to pass")
        }
        None => {
            if has_tests {
                say("it names tests, and this tool has run none".into());
            }
            Some("this tool has run no tests on the patch")
        }
    };
    checked.notes.extend(notes);
    if let Some(why) = unproven.filter(|_| !changed.is_empty())
        && checked.verdict.status == VerdictStatus::Confirmed
    {
        checked.lower(VerdictStatus::Likely, why);
    }
    checked
}

impl CheckedVerdict {
    fn lower(&mut self, to: VerdictStatus, why: &str) {
        let from = self.verdict.status;
        if from == to {
            return;
        }
        self.verdict.status = to;
        let first = self.demoted.map_or(from, |(first, _)| first);
        self.demoted = Some((first, to));
        self.notes.push(format!("the status was lowered from {from} to {to}: {why}"));
    }
}

/// A path as git writes it, without the line that a model may have put behind it.
fn normal(path: &str) -> String {
    match Citation::parse(path) {
        Some(Citation::File { path, .. }) => path,
        _ => path_of(path).unwrap_or_else(|| path.to_owned()),
    }
}

fn named<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.collect();
    let show = |name: &&str| match *name {
        "" => "a claim that cites nothing".to_owned(),
        name => format!("'{}'", safe(&shorten(name, NAME))),
    };
    let mut names = all.iter().take(NAMED).map(show).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        names.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    names
}
