//! Citation of a claim: an item of the evidence bundle, a line of code, or a commit.
//!
//! Promises: a citation names no file outside of the repository and nothing in `.git`, and no
//! program reads it as an option.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::ModelVerdict;
use crate::rules::evidence::bundle::Logs;
use crate::rules::triage::BundleContents;
use crate::text::hidden;

/// Citation that can be looked up. `Display` writes its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Citation {
    /// An item of the bundle: `m1`, `f1`, `t1`, `q.retention_s`, `lint.chained`, `log:1`.
    Item(String),
    /// A file of the repository, and a line of it, from 1.
    File {
        /// Path relative to the repository, with `/`.
        path: String,
        /// First and last line.
        lines: Option<(u64, u64)>,
    },
    /// A commit: 7 to 40 hex digits, in lower case.
    Commit(String),
}

impl Citation {
    /// Parses `m1`, `src/a.rs`, `src/a.rs:12`, `src/a.rs:12-20`, `src/a.rs#L12` or `4f2a91c`.
    /// Returns none for a text that can never be looked up.
    pub fn parse(text: &str) -> Option<Citation> {
        let text = text.trim();
        if is_item(text) {
            return Some(Citation::Item(text.to_owned()));
        }
        let hash =
            text.strip_prefix("commit").map_or(text, |rest| rest.trim_start_matches([':', ' ']));
        if (7..=40).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Citation::Commit(hash.to_ascii_lowercase()));
        }
        let (path, lines) = match text.split_once("#L") {
            Some((path, lines)) => (path, Some(lines)),
            None => split_line(text),
        };
        let lines = match lines {
            None => None,
            Some(lines) => Some(line_numbers(lines)?),
        };
        Some(Citation::File { path: path_of(path)?, lines })
    }
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Citation::Item(text) | Citation::Commit(text) => f.write_str(text),
            Citation::File { path, lines: None } => f.write_str(path),
            Citation::File { path, lines: Some((first, last)) } if first == last => {
                write!(f, "{path}:{first}")
            }
            Citation::File { path, lines: Some((first, last)) } => {
                write!(f, "{path}:{first}-{last}")
            }
        }
    }
}

/// Returns the citations of a verdict, each once.
pub fn citations(verdict: &ModelVerdict) -> BTreeSet<Citation> {
    verdict.evidence.iter().filter_map(|claim| Citation::parse(&claim.id)).collect()
}

/// Returns the ids that a bundle offers. A fact that is null has no id.
pub fn citable_ids(bundle: &BundleContents, logs: &Logs) -> BTreeSet<String> {
    let BundleContents { queue, fingerprints, timeline, facts, .. } = bundle;
    let mut all: BTreeSet<String> = facts.iter().map(|message| message.id.clone()).collect();
    // The keys of the document are the ids.
    if let Ok(Value::Object(members)) = serde_json::to_value(queue) {
        all.extend(members.into_iter().filter(|(_, fact)| !fact.is_null()).map(|(key, _)| key));
    }
    all.extend(queue.lint.iter().map(|finding| format!("lint.{}", finding.rule)));
    all.extend(fingerprints.fingerprints.iter().map(|group| group.item.clone()));
    all.extend(timeline.timeline.iter().map(|moment| moment.id.clone()));
    all.extend(logs.logs.iter().map(|log| log.id.clone()));
    all
}

fn is_item(text: &str) -> bool {
    let named = |rest: &str| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
    };
    // Five digits at most: `f123456` could be a commit.
    let number = |rest: &str| {
        (1..=5).contains(&rest.len())
            && !rest.starts_with('0')
            && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    ["m", "f", "t", "log:"].iter().any(|kind| text.strip_prefix(kind).is_some_and(number))
        || ["q.", "lint."].iter().any(|kind| text.strip_prefix(kind).is_some_and(named))
}

/// Splits `src/a.rs:12`, `src/a.rs:12:5` and `src/a.rs:12-20` at the first colon of the numbers.
fn split_line(text: &str) -> (&str, Option<&str>) {
    let is_line = |c: char| c.is_ascii_digit() || matches!(c, ':' | '-' | ',' | 'L');
    let lines = text
        .rfind(|c| !is_line(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    match text[lines..].find(':') {
        Some(colon) => (&text[..lines + colon], Some(&text[lines + colon + 1..])),
        None => (text, None),
    }
}

/// Returns the first and the last line of `12`, `12:5` (a column), `12-20`, `L12-L20` or `12,20`.
fn line_numbers(text: &str) -> Option<(u64, u64)> {
    let lines = text.split(':').next().unwrap_or(text);
    let number = |part: &str| part.trim_start_matches('L').parse().ok().filter(|line| *line > 0);
    let all: Option<Vec<u64>> = lines.split(['-', ',']).map(number).collect();
    let all = all?;
    Some((all.iter().copied().min()?, all.iter().copied().max()?))
}

/// Returns a path inside of the repository, without a leading `./`.
pub(super) fn path_of(text: &str) -> Option<String> {
    let path = text.strip_prefix("./").unwrap_or(text);
    // `-x` is an option, `:x` means something to git, `~` to a shell, `C:` to Windows.
    let begins_ill = path.starts_with(['/', '-', ':', '~']);
    let ill = |c: char| c == '\\' || c == ':' || hidden(c);
    let part = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.eq_ignore_ascii_case(".git")
    };
    (!begins_ill && !path.chars().any(ill) && path.split('/').all(part)).then(|| path.to_owned())
}
