//! Citation of a claim: an item of the evidence bundle, a line of the evidence or of code, or a commit.
//!
//! Forms that models use by themselves (`m1.body`, `m1-m7`, `.dlq/log-1.txt:20`) resolve to the item
//! that they name. Promises: a citation names no file outside of the repository and nothing in
//! `.git`, and no program reads it as an option.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::ModelVerdict;
use crate::rules::evidence::bundle::Logs;
use crate::rules::triage::BundleContents;
use crate::text::hidden;

/// Folder of the evidence, as the agent sees it.
const FOLDER: &str = ".dlq/";
const LOG: &str = "log:";
/// Kinds of items with numbers.
const KINDS: [&str; 4] = ["m", "f", "t", LOG];
/// Kinds of items with names.
const NAMED: [&str; 2] = ["q.", "lint."];
/// Documents of the evidence folder.
const DOCUMENTS: [(&str, &str); 6] = [
    ("queue", "json"),
    ("fingerprints", "json"),
    ("timeline", "json"),
    ("logs", "json"),
    ("index", "md"),
    ("history", "txt"),
];
/// Members of messages, groups and moments that a model names behind an id.
const FIELDS: [&str; 34] = [
    "at",
    "attribute_types",
    "attributes",
    "body",
    "code",
    "count",
    "distinct",
    "exception",
    "fingerprint",
    "first_received_at",
    "first_sent_at",
    "form",
    "found_by",
    "id",
    "items",
    "kind",
    "last_sent_at",
    "logs",
    "message",
    "message_id",
    "messages",
    "payload",
    "place",
    "producer",
    "receives",
    "sent_at",
    "size",
    "sns",
    "source_arn",
    "system",
    "title",
    "what",
    "why",
    "wrapped",
];

/// Citation that can be looked up. `Display` writes its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Citation {
    /// An item of the bundle: `m1`, `f1`, `t1`, `q.retention_s`, `lint.chained`, `log:1`.
    Item(String),
    /// Items of one kind, from the first to the last number: `m1-m7`.
    Items { kind: &'static str, first: u32, last: u32 },
    /// A file of the evidence folder, such as `log-1.txt`, and lines of it, from 1.
    Evidence { file: String, lines: Option<(u64, u64)> },
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
    /// Parses `m1`, `m1.body`, `m1-m7`, `.dlq/log-1.txt:20`, `src/a.rs`, `src/a.rs:12`,
    /// `src/a.rs:12-20`, `src/a.rs#L12` or `4f2a91c`. Returns none for a text that can never be
    /// looked up.
    pub fn parse(text: &str) -> Option<Citation> {
        let text = text.trim();
        let inside = text.strip_prefix("./").unwrap_or(text);
        if let Some(file) = inside.strip_prefix(FOLDER) {
            return evidence_file(file);
        }
        if let Some(item) = item(text) {
            return Some(item);
        }
        if is_evidence_name(inside) {
            return evidence_file(inside);
        }
        let named =
            text.strip_prefix("commit").map_or(text, |rest| rest.trim_start_matches([':', ' ']));
        if let Some(hash) = hash_of(named) {
            return Some(Citation::Commit(hash.to_ascii_lowercase()));
        }
        let (path, lines) = path_and_lines(text)?;
        Some(Citation::File { path: path_of(path)?, lines })
    }

    /// Returns whether the citation is among the `known` ones, as they are displayed, or is a range
    /// of which all are.
    pub fn is_in(&self, known: &BTreeSet<String>) -> bool {
        match self {
            Citation::Items { kind, first, last } => {
                (*first..=*last).all(|number| known.contains(&format!("{kind}{number}")))
            }
            other => known.contains(&other.to_string()),
        }
    }
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Citation::Item(text) | Citation::Commit(text) => f.write_str(text),
            Citation::Items { kind, first, last } => write!(f, "{kind}{first}-{kind}{last}"),
            Citation::Evidence { file, lines } => {
                write_lines(f, &format!("{FOLDER}{file}"), *lines)
            }
            Citation::File { path, lines } => write_lines(f, path, *lines),
        }
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, path: &str, lines: Option<(u64, u64)>) -> fmt::Result {
    match lines {
        None => f.write_str(path),
        Some((first, last)) if first == last => write!(f, "{path}:{first}"),
        Some((first, last)) => write!(f, "{path}:{first}-{last}"),
    }
}

/// Returns the result of a model with the names of these folders taken from its citations and
/// files: a path in the agent's folder is one of the repository.
pub fn relative_to(result: &Value, folders: &[&str]) -> Value {
    let mut result = result.clone();
    let strip = |text: &mut Value| {
        let Some(whole) = text.as_str() else { return };
        let mut kept = whole.to_owned();
        for folder in folders.iter().map(|folder| folder.trim_end_matches('/')) {
            if folder.len() > 1 {
                kept = kept.replace(&format!("{folder}/"), "");
            }
        }
        *text = kept.into();
    };
    let claims = result.get_mut("evidence").and_then(Value::as_array_mut);
    claims.into_iter().flatten().filter_map(|claim| claim.get_mut("id")).for_each(strip);
    let files = result.pointer_mut("/fix/files").and_then(Value::as_array_mut);
    files.into_iter().flatten().for_each(strip);
    result
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

/// Returns the hash that a text is, or begins with: `4f2a91c: its subject`, `4f2a91c:src/a.rs`.
fn hash_of(text: &str) -> Option<&str> {
    let end = text.bytes().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(text.len());
    let (hash, rest) = text.split_at(end);
    // A word such as `defaced` is none.
    let is_begin = rest.starts_with([':', ' ', '(']) && hash.contains(|c: char| c.is_ascii_digit());
    ((7..=40).contains(&end) && (rest.is_empty() || is_begin)).then_some(hash)
}

/// Returns an item in its own spelling: of `M1`, `message m1`, `log 1` and `log-1:2`.
fn spelled(text: &str) -> Option<String> {
    let short = |kind: char| {
        let rest = text.strip_prefix(kind).filter(|rest| number(rest).is_some())?;
        Some(format!("{}{rest}", kind.to_ascii_lowercase()))
    };
    let words = [("message m", "m"), ("Message m", "m"), ("log ", LOG), ("log-", LOG)];
    let long = words.iter().find_map(|(word, kind)| {
        let rest = text.strip_prefix(word)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let is_whole = digits == rest.len() || *kind == LOG && rest[digits..].starts_with(':');
        (number(&rest[..digits]).is_some() && is_whole).then(|| format!("{kind}{rest}"))
    });
    long.or_else(|| ['M', 'F', 'T'].into_iter().find_map(short))
}

/// Whether a text that begins like a named item is a file, such as `lint.py:2`.
fn is_file_name(text: &str) -> bool {
    const ENDS: [&str; 20] = [
        "py", "js", "mjs", "cjs", "ts", "tsx", "jsx", "rs", "go", "java", "kt", "rb", "php", "sh",
        "cs", "c", "h", "yml", "yaml", "json",
    ];
    let end = text.split('.').nth(1).unwrap_or_default();
    ENDS.contains(&end.split([':', '#']).next().unwrap_or_default())
}

fn is_item(text: &str) -> bool {
    let named = |rest: &str| !rest.is_empty() && rest.bytes().all(is_name);
    KINDS.iter().any(|kind| text.strip_prefix(kind).is_some_and(|rest| number(rest).is_some()))
        || NAMED.iter().any(|kind| text.strip_prefix(kind).is_some_and(named))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
}

/// Returns the number of an item. It has five digits at most: `f123456` could be a commit.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if digits && (1..=5).contains(&text.len()) { text.parse().ok() } else { None }
}

/// Parses an item, a range of items, a field of an item, or a line of a log.
fn item(text: &str) -> Option<Citation> {
    if let Some(text) = spelled(text) {
        return item(&text);
    }
    if NAMED.iter().any(|kind| text.starts_with(kind)) && is_file_name(text) {
        return None;
    }
    if is_item(text) {
        return Some(Citation::Item(text.to_owned()));
    }
    if let Some(kind) = NAMED.into_iter().find(|kind| text.starts_with(kind)) {
        let rest = &text[kind.len()..];
        let end = rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len());
        let item = &text[..kind.len() + end];
        let has_field = rest[end..].starts_with(['.', '[', ':', ' ', '/', '=']);
        return (end > 0 && has_field).then(|| Citation::Item(item.to_owned()));
    }
    let kind = KINDS.into_iter().find(|kind| {
        text.strip_prefix(kind).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })?;
    let rest = &text[kind.len()..];
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (first, rest) = (number(&rest[..end])?, &rest[end..]);
    if let Some(last) = range_end(kind, rest) {
        return (first < last).then_some(Citation::Items { kind, first, last });
    }
    let item = format!("{kind}{first}");
    let field = rest.trim_start_matches(['.', ':', ' ', '/', '#', '>', '[', '(', '\'', '"', 'L']);
    let line = field.strip_prefix("line").unwrap_or(field).trim();
    if let Some(lines) = line_numbers(line).filter(|_| rest.len() > field.len()) {
        return Some(match kind {
            LOG => Citation::Evidence { file: format!("log-{first}.txt"), lines: Some(lines) },
            _ => Citation::Item(item),
        });
    }
    let word = field.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    (rest.len() > field.len() && FIELDS.contains(&word)).then_some(Citation::Item(item))
}

/// Returns the last number of `-m7`, `-7`, `..m7` or ` to m7`.
fn range_end(kind: &str, rest: &str) -> Option<u32> {
    let rest = rest.trim_start();
    let marks = ["-", "\u{2013}", "...", "..", "\u{2026}", "to ", "through "];
    let last = marks.into_iter().find_map(|mark| rest.strip_prefix(mark))?.trim_start();
    number(last.strip_prefix(kind).unwrap_or(last))
}

/// Returns whether a text begins with the name of a file that only the evidence has.
fn is_evidence_name(text: &str) -> bool {
    let name = path_and_lines(text).map_or(text, |(path, _)| path);
    let diff = name.strip_prefix("commits/").and_then(|rest| rest.strip_suffix(".diff"));
    if diff.is_some_and(|hash| hash_of(hash) == Some(hash)) {
        return true;
    }
    let (stem, end) = name.split_once('.').unwrap_or((name, ""));
    let whole = end.rsplit('.').next().unwrap_or_default();
    match stem.strip_prefix("log-").or(stem.strip_prefix('m')).and_then(number) {
        Some(_) => matches!((stem.starts_with('m'), whole), (true, "json") | (false, "txt")),
        None => DOCUMENTS.contains(&(stem, whole)),
    }
}

/// Parses the name of a file in the evidence folder, with lines or without.
fn evidence_file(text: &str) -> Option<Citation> {
    let (path, lines) = path_and_lines(text)?;
    let file = path_of(path)?;
    let stem = file.split('.').next().unwrap_or_default();
    if let Some(hash) = stem.strip_prefix("commits/") {
        return Some(Citation::Commit(hash.to_ascii_lowercase()));
    }
    if stem.strip_prefix('m').and_then(number).is_some() && file.ends_with(".json") {
        return Some(Citation::Item(stem.to_owned()));
    }
    match (stem.strip_prefix("log-").and_then(number), lines) {
        (Some(number), None) => Some(Citation::Item(format!("{LOG}{number}"))),
        _ => Some(Citation::Evidence { file, lines }),
    }
}

/// Lines of a path, none for a path alone.
type Lines = Option<(u64, u64)>;

/// Splits the lines from a path. Returns none when they are no numbers.
fn path_and_lines(text: &str) -> Option<(&str, Lines)> {
    let (path, lines) = match text.split_once("#L") {
        Some((path, lines)) => (path, Some(lines)),
        None => split_line(text),
    };
    Some((path, lines.map(|lines| line_numbers(lines).ok_or(())).transpose().ok()?))
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
