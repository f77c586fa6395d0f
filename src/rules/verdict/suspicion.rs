//! Verdicts that would have a person look away, although only strangers speak for them. Pure.
//!
//! "Not a bug" and "safe to redrive" are what an attacker wants to read. They are lowered when they
//! rest on messages or prose alone, and when the session does not go with them: it has changed files,
//! calls of tools were denied, or it repeats an instruction of the evidence. Promises: a lowered
//! verdict says that it needs a person, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::instruction::Repetition;
use super::{Citation, ModelVerdict, PatchFacts, RedriveAdvice, VerdictCheck, VerdictStatus};
use crate::event::Verdict;
use crate::text::{count, safe};

/// Files of the evidence that hold messages and what follows from them. Strangers choose their words.
const OF_MESSAGES: [&str; 3] = ["fingerprints", "timeline", "index"];
/// Facts of a queue that say only which queue it is.
const OF_NAMES: [&str; 2] = ["q.queue", "q.asked_at"];
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

/// Things that a verdict may cite.
#[derive(Debug, Clone, Copy)]
pub struct Cited<'a> {
    /// The citations that exist.
    pub resolved: &'a BTreeSet<String>,
    /// The text of a citation.
    pub texts: &'a BTreeMap<String, String>,
    /// Ids of logs without a line.
    pub silent_logs: &'a BTreeSet<String>,
}

/// Returns whether a verdict cites something that is neither a text of a message nor prose.
pub fn is_grounded(verdict: &ModelVerdict, cited: Cited<'_>) -> bool {
    let mut citations = verdict.evidence.iter().filter_map(|claim| Citation::parse(&claim.id));
    citations.any(|citation| citation.is_in(cited.resolved) && is_ground(&citation, cited))
}

fn is_ground(citation: &Citation, cited: Cited<'_>) -> bool {
    let text = cited.texts.get(&citation.to_string()).map(String::as_str);
    // A blank line, or a brace alone, says nothing.
    let says = text.is_none_or(|text| text.contains(char::is_alphanumeric));
    let logs = |id: &str| !cited.silent_logs.contains(id);
    match citation {
        Citation::File { path, .. } => says && !is_prose(path),
        Citation::Commit(_) => true,
        Citation::Item(id) if id.starts_with("log:") => logs(id),
        Citation::Item(id) if id.starts_with("q.") => {
            text != Some("null") && !OF_NAMES.contains(&id.as_str())
        }
        Citation::Item(id) => id.starts_with("lint."),
        Citation::Items { kind, first, last } => {
            *kind == "log:" && (*first..=*last).any(|number| logs(&format!("log:{number}")))
        }
        Citation::Evidence { file, lines } => {
            let stem = file.split('.').next().unwrap_or_default();
            match stem {
                // Documents of facts count by a line with a fact.
                "queue" | "logs" => {
                    lines.is_some() && text.is_some_and(|line| has_fact(stem, line))
                }
                // A file of a message is cited as its item.
                _ => says && !OF_MESSAGES.contains(&stem),
            }
        }
    }
}

/// Whether a file of the repository is prose: it says what somebody expects, not what code does.
fn is_prose(path: &str) -> bool {
    const ENDS: [&str; 11] = [
        ".md",
        ".markdown",
        ".mdx",
        ".txt",
        ".rst",
        ".adoc",
        ".asciidoc",
        ".org",
        ".tex",
        ".html",
        ".pdf",
    ];
    const NAMES: [&str; 9] = [
        "readme",
        "license",
        "licence",
        "copying",
        "notice",
        "authors",
        "changelog",
        "changes",
        "contributing",
    ];
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    // What a program reads has an end of its own: requirements.txt, CMakeLists.txt.
    let is_read = ["requirements", "constraints", "cmakelists", "robots"]
        .iter()
        .any(|start| name.starts_with(start) && name.ends_with(".txt"));
    !is_read && (ENDS.iter().any(|end| name.ends_with(end)) || NAMES.contains(&name.as_str()))
}

/// Whether a line of an indented document of facts has one: a setting or a count of the queue, or a
/// line of a log.
fn has_fact(document: &str, line: &str) -> bool {
    const NAMES: [&str; 9] =
        ["name", "url", "arn", "region", "account", "fifo", "q.queue", "q.asked_at", "rule"];
    let Some((key, value)) = line.trim().split_once(':') else { return false };
    let (key, value) = (key.trim().trim_matches('"'), value.trim().trim_end_matches(','));
    let has_value = value != "null" && value.contains(char::is_alphanumeric);
    has_value && if document == "logs" { key == "text" } else { !NAMES.contains(&key) }
}

/// Lowers a verdict that has a person look away, and marks what a person has to see.
pub fn apply(mut checked: VerdictCheck, signs: &Signs) -> VerdictCheck {
    let (status, advice) = (checked.verdict.status, checked.verdict.redrive);
    let is_calming = status == VerdictStatus::NotABug || advice == RedriveAdvice::Safe;
    let mut reasons: Vec<String> = Vec::new();
    if is_calming && !signs.grounded {
        reasons.push(
            "it rests on messages or prose alone: it cites no code, log or fact of the queue"
                .into(),
        );
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

/// Marks the result of an agent whose citations nobody has checked. `held` says what is wrong with its
/// changes, if it has any.
pub fn mark_unchecked(mut verdict: Verdict, held: Option<String>) -> Verdict {
    // An agent of one's own chooses its spelling, and a person reads 'Not a bug' all the same.
    let is = |text: &str, word: &str| {
        let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        plain.eq_ignore_ascii_case(&word.replace('_', ""))
    };
    let is_calming = is(&verdict.status, VerdictStatus::NotABug.as_str())
        || verdict.redrive.as_deref().is_some_and(|text| is(text, RedriveAdvice::Safe.as_str()));
    let reasons: Vec<String> =
        is_calming.then(|| UNCHECKED.to_owned()).into_iter().chain(held).collect();
    verdict.needs_person = (!reasons.is_empty()).then(|| reasons.join("; "));
    verdict
}
