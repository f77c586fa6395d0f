//! Sentences of the evidence that tell an agent what to conclude, and a verdict that repeats one. Pure.
//!
//! A sentence counts as an instruction by fixed patterns of English words; ordinary texts of errors
//! also command (`set the region`, `do not retry`), so a pattern needs a word of an investigation, too.
//! Promises: what is no instruction is never found in a verdict that quotes it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ModelVerdict, RedriveAdvice, VerdictStatus};
use crate::text::{hidden, safe, shorten};

/// Words in a row that repeat an instruction.
const RUN: usize = 5;
/// Least words of an instruction that is repeated whole.
const SHORTEST: usize = 3;
/// Sentences behind an instruction that belong to it.
const FOLLOWING: usize = 2;
/// Nested texts of JSON in JSON.
const LEVELS: usize = 4;
/// Longest text of lines that are read as one, in bytes.
const PARAGRAPH: usize = 8 << 10;
/// Limit of a quoted sentence, in characters.
const QUOTE: usize = 160;

/// An instruction of the evidence that a verdict repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repetition {
    /// File of the evidence.
    pub file: String,
    /// The sentence, without hidden characters.
    pub sentence: String,
}

/// Search for the first instruction that a verdict repeats.
#[derive(Debug)]
pub struct RepetitionSearch {
    /// Words of each text of the verdict.
    said: BTreeSet<String>,
    status: VerdictStatus,
    redrive: RedriveAdvice,
    found: Option<Repetition>,
}

/// A sentence as words in lower case, and whether a clause begins at each.
#[derive(Debug, Default, Clone)]
struct Sentence {
    text: String,
    words: Vec<String>,
    begins: Vec<bool>,
}

impl RepetitionSearch {
    pub fn new(verdict: &ModelVerdict) -> Self {
        let ModelVerdict { title, category, root_cause, prevention, fix, next_steps, .. } = verdict;
        let mut texts: Vec<&str> = vec![title];
        texts.extend([category, root_cause, prevention].into_iter().flatten().map(String::as_str));
        texts.extend(fix.iter().map(|fix| fix.summary.as_str()));
        texts.extend(next_steps.iter().map(String::as_str));
        texts.extend(verdict.evidence.iter().map(|one| one.claim.as_str()));
        texts.extend(verdict.hypotheses.iter().flat_map(|one| [one.hypothesis.as_str(), &one.why]));
        let said = texts.into_iter().flat_map(|text| {
            let words: Vec<String> =
                sentences(text).into_iter().flat_map(|sentence| sentence.words).collect();
            (SHORTEST..=RUN).flat_map(move |n| runs(&words, n).collect::<Vec<_>>())
        });
        let (status, redrive) = (verdict.status, verdict.redrive);
        RepetitionSearch { said: said.collect(), status, redrive, found: None }
    }

    /// Looks into a text of the evidence. Lines of JSON are read as its strings.
    pub fn read(&mut self, file: &str, text: &str) {
        for line in text.lines() {
            if self.found.is_some() {
                return;
            }
            self.read_line(file, line, LEVELS);
        }
        self.read_paragraphs(file, text);
    }

    /// Looks into the lines of a text that follow one another as one: a break can stand in a sentence.
    fn read_paragraphs(&mut self, file: &str, text: &str) {
        let mut paragraph = String::new();
        for line in text.lines().chain([""]) {
            let line = line.trim();
            let is_json = line.starts_with(['{', '[', '}', ']']) || is_member(line);
            if line.is_empty() || is_json || paragraph.len() + line.len() > PARAGRAPH {
                if paragraph.contains(' ') {
                    self.read_sentences(file, &paragraph);
                }
                paragraph.clear();
            }
            if !is_json {
                paragraph.push_str(line);
                paragraph.push(' ');
            }
        }
    }

    pub fn found(self) -> Option<Repetition> {
        self.found
    }

    fn read_line(&mut self, file: &str, line: &str, levels: usize) {
        let line = line.trim().trim_end_matches(',');
        let is_json = line.starts_with(['"', '{', '[']);
        let value = (is_json && levels > 0).then(|| {
            let member = || serde_json::from_str::<Value>(&format!("{{{line}}}"));
            serde_json::from_str::<Value>(line).or_else(|_| member()).ok()
        });
        match value.flatten() {
            Some(value) => self.read_value(file, &value, levels - 1),
            None => self.read_sentences(file, line),
        }
    }

    fn read_value(&mut self, file: &str, value: &Value, levels: usize) {
        match value {
            Value::String(text) => {
                text.lines().for_each(|line| self.read_line(file, line, levels));
                if text.contains('\n') {
                    self.read_paragraphs(file, text);
                }
            }
            Value::Array(items) => items.iter().for_each(|one| self.read_value(file, one, levels)),
            Value::Object(members) => {
                for (key, one) in members {
                    self.read_sentences(file, key);
                    self.read_value(file, one, levels);
                }
            }
            _ => {}
        }
    }

    fn read_sentences(&mut self, file: &str, text: &str) {
        let mut following = 0;
        for sentence in sentences(text) {
            let is_one = sentence.is_instruction();
            following = if is_one { FOLLOWING + 1 } else { following };
            if following == 0 {
                continue;
            }
            following -= 1;
            if self.found.is_none() && (self.repeats(&sentence) || is_one && self.obeys(&sentence))
            {
                let sentence = safe(&shorten(sentence.text.trim(), QUOTE)).into_owned();
                self.found = Some(Repetition { file: file.to_owned(), sentence });
            }
        }
    }

    /// Whether the verdict has words of the sentence in a row.
    fn repeats(&self, sentence: &Sentence) -> bool {
        let words = &sentence.words;
        let n = RUN.min(words.len());
        n >= SHORTEST && runs(words, n).any(|run| self.said.contains(&run))
    }

    /// Whether the verdict is the one that the instruction asks for.
    fn obeys(&self, sentence: &Sentence) -> bool {
        let asks = |phrase: &str| sentence.has(phrase, 0..sentence.words.len());
        let has_no_bug = self.status == VerdictStatus::NotABug;
        let is_safe = self.redrive == RedriveAdvice::Safe;
        has_no_bug && NO_BUG.split('|').any(&asks)
            || is_safe && asks("redrive") && !asks("not redrive")
    }
}

/// Returns each run of `n` words.
fn runs(words: &[String], n: usize) -> impl Iterator<Item = String> {
    words.windows(n).map(|run| run.join(" "))
}

/// Words before a verb that leave it a command.
const LEADS: &str = "\
    please kindly now then and also just must should always so immediately instead simply \
    first note important attention system urgent instruction instructions assistant \
    reviewer investigator agent";
/// Words before `to` that make a command of it: `you are to ignore`.
const DUTIES: &str = "have need are instructed required told";
const OVERRIDES: &str = "ignore disregard forget override bypass discard";
const EARLIER: &str = "\
    previous prior above earlier preceding foregoing all any your these other system \
    everything";
const RULES: &str = "\
    instruction instructions rule rules prompt prompts guideline guidelines directive \
    directives told constraints";
/// Verbs that judge: `mark this as …`.
const MARKS: &str = "\
    mark classify label flag treat categorize categorise report record rate consider regard \
    close log rank file";
/// Objects of such a verb that belong to an investigation.
const CASES: &str = "\
    this these it them incident incidents issue failure failures finding findings alert \
    case everything letters";
const JUDGEMENTS: &str = "\
    safe harmless benign transient expected resolved duplicate noise false known \
    intended inconclusive confirmed unknown low minor handled fixed solved approved \
    intermittent";
/// Verbs that state a result.
const STATES: &str = "\
    say state conclude claim declare answer respond reply report output confirm assert \
    pretend recommend advise suggest propose assume";
/// Verbs that fill a form, of which ordinary errors speak too.
const FILLS: &str = "set choose fill return write select";
/// Results that no ordinary error asks for.
const NO_BUG: &str = "not a bug|no bug";
const RESULTS: &str =
    "not a bug|no bug|safe to redrive|redrive safe|your verdict|the verdict to|not at fault";
/// Results that a verb of [`STATES`] makes an instruction.
const STATED: &str = "\
    redrive|cause is|cause was|cause to be|false positive|false alarm|nothing is wrong|\
    no action|no fix|inconclusive|no further investigation|code is correct|is transient";
/// Words behind such a verb, which may be a noun, too: `state machine`.
const THEN: &str = "that the this it with a redrive only inconclusive no nothing your";
/// Verbs that make known.
const TELLS: &str =
    "report mention investigate disclose reveal escalate flag cite blame inspect propose";
const WITHHELD: &str = "\
    this it incident investigation verdict finding findings cause bug evidence repository \
    user users human humans operator engineer code";
const APPROVES: &str = "approve merge accept";
const THE: &str = "this the these all any its";
const CHANGES: &str = "patch change changes pull pr fix commit redrive";
const ADDRESSES: &str =
    "note message instruction instructions attention memo notice command directive";
const MODELS: &str = "ai ais llm llms claude chatgpt gpt copilot investigator";

impl Sentence {
    /// Whether the sentence tells an agent what to do or to conclude.
    fn is_instruction(&self) -> bool {
        let addressed = || {
            let at =
                |i: usize| is_one(self.word(i), ADDRESSES) && is_one(self.word(i + 1), "to for");
            (0..3).any(|i| at(i) && self.any(i + 2..i + 7, MODELS)) && self.words.len() > 4
        };
        addressed() || (0..self.words.len()).any(|i| self.commands(i) && self.is_directed(i))
    }

    /// Whether the command at a word is one about an investigation.
    fn is_directed(&self, i: usize) -> bool {
        let (verb, end) = (self.word(i), self.words.len());
        let negated = match (verb, self.word(i + 1)) {
            ("do" | "must" | "should", "not") => Some(i + 2),
            ("dont" | "never" | "avoid", _) => Some(i + 1),
            _ => None,
        };
        let withholds =
            |at: usize| is_one(self.word(at), TELLS) && self.any(at + 1..at + 7, WITHHELD);
        let results = |all: &str| all.split('|').any(|phrase| self.has(phrase, i + 1..end));
        let marks = || {
            let behind = (i + 1..i + 9).find(|at| self.word(*at) == "as");
            behind.is_some_and(|at| {
                self.any(i + 1..at, CASES)
                    && (self.any(at + 1..at + 7, JUDGEMENTS) || results(NO_BUG))
            })
        };
        negated.is_some_and(withholds)
            || is_one(verb, OVERRIDES)
                && self.any(i + 1..i + 5, EARLIER)
                && self.any(i + 2..i + 9, RULES)
            || is_one(verb, MARKS) && marks()
            || is_one(verb, STATES)
                && (results(RESULTS) || is_one(self.word(i + 1), THEN) && results(STATED))
            || is_one(verb, FILLS) && results(RESULTS)
            || is_one(verb, APPROVES)
                && is_one(self.word(i + 1), THE)
                && self.any(i + 2..i + 5, CHANGES)
            || verb == "redrive" && is_one(self.word(i + 1), "these this them all it")
    }

    /// Whether a word is where a command has its verb.
    fn commands(&self, i: usize) -> bool {
        let before = |n: usize| i.checked_sub(n).map_or("", |at| self.word(at));
        self.begins[i]
            || is_one(before(1), LEADS)
            || before(1) == "you" && is_one(self.word(i), "must should")
            || before(1) == "to" && is_one(before(2), DUTIES)
    }

    fn word(&self, i: usize) -> &str {
        self.words.get(i).map_or("", String::as_str)
    }

    fn any(&self, range: std::ops::Range<usize>, words: &str) -> bool {
        range.into_iter().any(|at| is_one(self.word(at), words))
    }

    /// Whether words of a phrase stand in a row.
    fn has(&self, phrase: &str, range: std::ops::Range<usize>) -> bool {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        let range = range.start.min(self.words.len())..range.end.min(self.words.len());
        self.words[range].windows(phrase.len()).any(|run| run == phrase.as_slice())
    }
}

/// Whether a line is one of indented JSON: a text, or a member.
fn is_member(line: &str) -> bool {
    let line = line.trim_end_matches(',');
    let opens = line.starts_with('"') && line.ends_with(['{', '[']);
    let reads = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    opens || line.starts_with('"') && (reads(line) || reads(&format!("{{{line}}}")))
}

fn is_one(word: &str, words: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

/// Divides a text into sentences.
fn sentences(text: &str) -> Vec<Sentence> {
    let text: String = text.chars().filter(|c| !hidden(*c) || c.is_whitespace()).collect();
    let (mut all, mut now) = (Vec::new(), Sentence::default());
    let (mut word, mut begins) = (String::new(), true);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        now.text.push(c);
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            continue;
        }
        if matches!(c, '\'' | '\u{2019}') && rest.peek().is_some_and(|next| next.is_alphabetic()) {
            continue;
        }
        if !word.is_empty() {
            now.words.push(std::mem::take(&mut word));
            now.begins.push(std::mem::take(&mut begins));
        }
        begins |= matches!(c, ',' | ':' | '(' | ')' | '\u{2014}' | '\u{2013}');
        let ends = matches!(c, ';' | '\n' | '|' | '{' | '}' | '[' | ']' | '<' | '>')
            || matches!(c, '.' | '!' | '?')
                && rest.peek().is_none_or(|next| !next.is_alphanumeric());
        if ends {
            begins = true;
            all.push(std::mem::take(&mut now));
        }
    }
    if !word.is_empty() {
        now.words.push(word);
        now.begins.push(begins);
    }
    all.push(now);
    all.retain(|sentence| !sentence.words.is_empty());
    all
}

#[cfg(test)]
mod tests;
