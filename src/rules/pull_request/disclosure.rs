//! Evidence that a patch would publish: names of the queue, identifiers and excerpts of its messages and
//! logs, in added lines and in the paths of new files. Pure: the caller reads the evidence piece by
//! piece, and looks up in the base what is found.
//!
//! A fix names fields of the messages, handles a value that the code did not know, and quotes an error.
//! The rule separates that from evidence by what tells a message from others of its kind:
//!
//! - A name (queue, source, account, ARN, message, log group) is found wherever it stands by itself. A
//!   name that is one word of letters, such as `orders`, is a word of the code, too: it is found as a whole
//!   string in quotes only.
//!   A name of several words is found in the spellings of code, too: `orders-dlq` as `ORDERS_DLQ` and
//!   `OrdersDlq`.
//! - An identifier has many digits: see `is_identifier`. `sha256` and `eu-west-1` are none.
//! - A value of a message is found as a whole when it has a space and [`VALUE_MIN`] characters. One word
//!   without digits, such as `cancelled`, is most often what the fix has to handle: it is none.
//! - Of longer values, and of lines of logs, each run of [`RUN_WORDS`] words and [`RUN_MIN`] characters is
//!   an excerpt. Keys of JSON are names of fields, and belong to no run: a fixture may have the form of
//!   a message.
//!
//! Capital letters make no difference, except in names of one word.
//!
//! What the base repository has already is public; the caller leaves it out. Text that was encoded, or
//! spread over lines, is not found.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::rules::verdict::patch_gate::Difference;
use crate::text::{count, safe, shorten};
use words::{
    Word, folded, folded_identifier, folded_names, identifiers, key, private_paths, words,
};

mod words;

/// The characters of a value of a message that is found as a whole.
const VALUE_MIN: usize = 12;
/// The characters and words of an excerpt.
const RUN_MIN: usize = 36;
const RUN_WORDS: usize = 4;
/// The words of a run at most.
const RUN_WORDS_MAX: usize = 16;
/// The characters of the shortest name that is looked for.
const NAME_MIN: usize = 4;
/// The depth of JSON in strings of JSON.
const DEPTH_MAX: u32 = 4;
/// The findings that are kept, and those that are told.
const FOUND_MAX: usize = 100;
const TOLD_MAX: usize = 3;

/// A text of the evidence in a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisclosedText<'a> {
    pub path: &'a str,
    /// The number of the line; 0: the path itself.
    pub line: usize,
    /// The text, as it stands there.
    pub text: &'a str,
    /// The kind of text, in words: `the name of the queue`.
    pub what: &'static str,
}

/// A line that would be published.
struct PublishedLine<'a> {
    path: &'a str,
    number: usize,
    text: &'a str,
}

/// A text in a line.
#[derive(Clone, Copy)]
struct PublishedText<'a> {
    line: usize,
    text: &'a str,
}

/// The lines that a patch would publish, prepared for the comparison with evidence of any length.
pub struct PublishedLines<'a> {
    lines: Vec<PublishedLine<'a>>,
    /// Runs of words, by their normalised text.
    runs: HashMap<String, PublishedText<'a>>,
    /// Names of several words, folded.
    names: HashMap<String, PublishedText<'a>>,
    /// Identifiers, folded, and paths of machines.
    identifiers: HashMap<String, PublishedText<'a>>,
    found: Vec<DisclosedText<'a>>,
    /// The texts that are found already.
    known: HashSet<&'a str>,
}

impl<'a> PublishedLines<'a> {
    /// Collects the added lines of a difference, and the paths of its new files.
    pub fn added_by(difference: &'a Difference) -> Self {
        let mut lines = Vec::new();
        for file in &difference.files {
            let path = file.change.path.as_str();
            if file.change.was == "000000" {
                lines.push(PublishedLine { path, number: 0, text: path });
            }
            let before = file.before.as_deref().unwrap_or_default();
            let after = file.after.as_deref().unwrap_or_default();
            let added = added_lines(before, after).into_iter();
            lines.extend(added.map(|(number, text)| PublishedLine { path, number, text }));
        }
        let (mut runs, mut known, mut names) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (line, published) in lines.iter().enumerate() {
            let text: &'a str = published.text;
            let words = words(text);
            for first in 0..words.len() {
                for last in first + 1..words.len().min(first + RUN_WORDS_MAX) {
                    let key = key(text, &words[first..=last]);
                    let is_excerpt = is_excerpt(&key, last - first + 1);
                    if is_value(&key) || is_excerpt {
                        let text = &text[words[first].start..words[last].end];
                        runs.entry(key).or_insert(PublishedText { line, text });
                    }
                    if is_excerpt {
                        break;
                    }
                }
            }
            for (name, place) in folded_names(text) {
                names.entry(name).or_insert(PublishedText { line, text: &text[place] });
            }
            for text in identifiers(text, true) {
                known.entry(folded_identifier(text)).or_insert(PublishedText { line, text });
            }
            for text in private_paths(text, true) {
                known.entry(text.to_owned()).or_insert(PublishedText { line, text });
            }
        }
        let (found, identifiers) = (Vec::new(), known);
        PublishedLines { lines, runs, names, identifiers, found, known: HashSet::new() }
    }

    /// Looks for a name. `what` says what it is.
    pub fn compare_name(&mut self, what: &'static str, name: &str) {
        if name.chars().count() < NAME_MIN {
            return;
        }
        let is_word = name.chars().all(char::is_alphabetic);
        let place = self.lines.iter().enumerate().find_map(|(line, published)| {
            let text = published.text;
            let is_it = |at: &usize| {
                let left = text[..*at].chars().next_back();
                let right = text[at + name.len()..].chars().next();
                match is_word {
                    true => left == right && left.is_some_and(|c| "\"'`".contains(c)),
                    false => ![left, right].into_iter().flatten().any(char::is_alphanumeric),
                }
            };
            let at = text.match_indices(name).map(|(at, _)| at).find(is_it)?;
            Some(PublishedText { line, text: &text[at..at + name.len()] })
        });
        let spelled = || self.names.get(&folded(name)?).copied();
        let place = place.or_else(spelled);
        place.into_iter().for_each(|place| self.add(what, place));
    }

    /// Looks for excerpts of a text, such as lines of a log. A line that is JSON, or ends in it, is
    /// compared by its values.
    pub fn compare_text(&mut self, what: &'static str, text: &str) {
        for line in text.lines() {
            let json = line.find(['{', '[']).and_then(|at| {
                let value = serde_json::from_str::<Value>(&line[at..]).ok()?;
                Some((at, value))
            });
            match json {
                Some((at, value)) => {
                    self.compare_line(what, &line[..at]);
                    self.compare_json(what, &value);
                }
                None => self.compare_line(what, line),
            }
        }
    }

    /// Looks for a value of a message: as a whole, and for excerpts of it.
    pub fn compare_value(&mut self, what: &'static str, text: &str) {
        let words = words(text);
        if !words.is_empty() {
            let key = key(text, &words);
            let place = self.runs.get(&key).filter(|_| is_value(&key)).copied();
            place.into_iter().for_each(|place| self.add(what, place));
        }
        self.compare_text(what, text);
    }

    /// Looks for the values of JSON.
    pub fn compare_json(&mut self, what: &'static str, value: &Value) {
        self.compare_json_at(what, value, 0);
    }

    fn compare_json_at(&mut self, what: &'static str, value: &Value, depth: u32) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.compare_identifiers(what, &number.to_string()),
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(inner @ (Value::Object(_) | Value::Array(_))) if depth < DEPTH_MAX => {
                    self.compare_json_at(what, &inner, depth + 1);
                }
                _ => self.compare_value(what, text),
            },
            Value::Array(all) => {
                all.iter().for_each(|one| self.compare_json_at(what, one, depth));
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.compare_identifiers(what, name);
                    self.compare_json_at(what, value, depth);
                }
            }
        }
    }

    fn compare_line(&mut self, what: &'static str, line: &str) {
        let words: Vec<Word> = words(line);
        for first in 0..words.len() {
            for last in first + 1..words.len().min(first + RUN_WORDS_MAX) {
                let key = key(line, &words[first..=last]);
                if is_excerpt(&key, last - first + 1) {
                    let place = self.runs.get(&key).copied();
                    place.into_iter().for_each(|place| self.add(what, place));
                    break;
                }
            }
        }
        self.compare_identifiers(what, line);
    }

    fn compare_identifiers(&mut self, what: &'static str, text: &str) {
        let named = identifiers(text, false).into_iter().map(folded_identifier);
        let paths = private_paths(text, false).into_iter().map(str::to_owned);
        for one in named.chain(paths) {
            let place = self.identifiers.get(&one).copied();
            place.into_iter().for_each(|place| self.add(what, place));
        }
    }

    fn add(&mut self, what: &'static str, PublishedText { line, text }: PublishedText<'a>) {
        if self.found.len() < FOUND_MAX && self.known.insert(text) {
            let PublishedLine { path, number, .. } = self.lines[line];
            self.found.push(DisclosedText { path, line: number, text, what });
        }
    }

    /// Returns what was found, each text once.
    pub fn found(self) -> Vec<DisclosedText<'a>> {
        self.found
    }
}

/// Returns the places of what a patch would publish, as a sentence. It shows nothing of the texts.
pub fn sentence(found: &[DisclosedText<'_>]) -> String {
    let mut found: Vec<&DisclosedText<'_>> = found.iter().collect();
    found.sort_by_key(|one| (one.path, one.line));
    let place = |one: &&DisclosedText<'_>| {
        let path = safe(&shorten(one.path, 120)).into_owned();
        match one.line {
            0 => format!("the path of '{path}' has {}", one.what),
            line => format!("line {line} of '{path}' has {}", one.what),
        }
    };
    let mut all: Vec<String> = found.iter().take(TOLD_MAX).map(place).collect();
    let more = found.len().saturating_sub(TOLD_MAX);
    all.extend((more > 0).then(|| format!("and {}", count(more as u64, "more place"))));
    all.join(", ")
}

/// Returns the lines of a text that the text before does not have, with their numbers from 1.
fn added_lines<'a>(before: &str, after: &'a str) -> Vec<(usize, &'a str)> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    before.lines().for_each(|line| *known.entry(line).or_default() += 1);
    let numbered = (1..).zip(after.lines());
    let mut added = Vec::new();
    for (number, line) in numbered {
        match known.get_mut(line).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => added.push((number, line)),
        }
    }
    added
}

fn is_value(key: &str) -> bool {
    key.contains(' ') && key.chars().count() >= VALUE_MIN
}

fn is_excerpt(key: &str, words: usize) -> bool {
    words >= RUN_WORDS && key.chars().count() >= RUN_MIN
}

#[cfg(test)]
mod tests;
