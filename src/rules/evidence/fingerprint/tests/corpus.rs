//! How well fingerprints group the dead letters of `tests/fixtures/messages`, for which a person has
//! said what they died of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use base64::Engine;
use serde_json::Value;

use super::super::*;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::message::{Attribute, Message};

/// A message of the corpus, with what is expected of it and what came of it.
pub(super) struct Letter {
    pub file: String,
    pub cause: String,
    pub held_out: bool,
    pub message: Message,
    pub found: Fingerprint,
}

pub(super) fn message(text: &str) -> Message {
    let form: Value = serde_json::from_str(text).unwrap();
    let texts = |key: &str| form.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let attribute = |value: &Value| match value {
        Value::String(text) => Attribute::Text(text.clone()),
        other => {
            let text = other["base64"].as_str().unwrap();
            Attribute::Binary(base64::engine::general_purpose::STANDARD.decode(text).unwrap())
        }
    };
    Message {
        id: "m".into(),
        body: form["body"].as_str().unwrap().into(),
        attributes: texts("attributes").iter().map(|(k, v)| (k.clone(), attribute(v))).collect(),
        system: texts("system")
            .into_iter()
            .map(|(k, v)| (k, v.as_str().unwrap().to_owned()))
            .collect(),
    }
}

/// All of the corpus, in the order of its index.
pub(super) fn letters() -> Vec<Letter> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/messages");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let index: Value = serde_json::from_str(&read("index.json")).unwrap();
    let entries = index["messages"].as_array().unwrap();
    let letter = |entry: &Value| {
        let file = entry["file"].as_str().unwrap().to_owned();
        let message = message(&read(&file));
        let found = compute(&decode(&message));
        let held_out = entry["held_out"].as_bool().unwrap_or(false);
        Letter { cause: entry["cause"].as_str().unwrap().into(), file, held_out, message, found }
    };
    entries.iter().map(letter).collect()
}

/// Pairs that were put together, pairs that belong together, and pairs that are both.
#[derive(Default)]
struct Pairs {
    put: u32,
    meant: u32,
    both: u32,
}

impl Pairs {
    fn count(letters: &[Letter], counts: impl Fn(&Letter, &Letter) -> bool) -> Self {
        let mut pairs = Pairs::default();
        for (place, a) in letters.iter().enumerate() {
            for b in letters[..place].iter().filter(|b| counts(a, b)) {
                let (put, meant) = (a.found.id == b.found.id, a.cause == b.cause);
                pairs.put += u32::from(put);
                pairs.meant += u32::from(meant);
                pairs.both += u32::from(put && meant);
            }
        }
        pairs
    }

    /// Of the pairs that were put together, how many belong together.
    fn precision(&self) -> f64 {
        f64::from(self.both) / f64::from(self.put)
    }

    /// Of the pairs that belong together, how many were put together.
    fn recall(&self) -> f64 {
        f64::from(self.both) / f64::from(self.meant)
    }
}

/// Causes that were torn apart, and ids that have several causes. Of what is held out nothing is
/// shown: who repairs a rule works on the rest.
fn wrong(letters: &[Letter]) -> String {
    let letters: Vec<&Letter> = letters.iter().filter(|letter| !letter.held_out).collect();
    let mut by_cause: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut by_id: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for letter in &letters {
        by_cause.entry(&letter.cause).or_default().insert(&letter.found.id);
        by_id.entry(&letter.found.id).or_default().insert(&letter.cause);
    }
    let mut told = String::new();
    for (cause, _) in by_cause.iter().filter(|(_, ids)| ids.len() > 1) {
        told += &format!("\ntorn apart: {cause}");
        for letter in letters.iter().filter(|letter| letter.cause == *cause) {
            let Fingerprint { id, why, .. } = &letter.found;
            told += &format!("\n    {id} {}: {}", letter.file, why.join("; "));
        }
    }
    for (id, causes) in by_id.iter().filter(|(_, causes)| causes.len() > 1) {
        let of_id = letters.iter().find(|letter| letter.found.id == **id);
        let title = of_id.map_or("", |letter| letter.found.title.as_str());
        told += &format!("\nthrown together: {causes:?} as '{title}'");
    }
    told
}

/// A pair with one held-out message in it is held out: it says whether a new message finds the
/// group that was there.
#[test]
fn of_a_hundred_pairs_at_least_95_are_right_both_ways() {
    let letters = letters();
    let parts: [(&str, Pairs); 3] = [
        ("tuning", Pairs::count(&letters, |a, b| !a.held_out && !b.held_out)),
        ("held out", Pairs::count(&letters, |a, b| a.held_out || b.held_out)),
        ("all", Pairs::count(&letters, |_, _| true)),
    ];
    let figures: Vec<String> = parts
        .iter()
        .map(|(part, pairs)| {
            let Pairs { put, meant, both } = pairs;
            let (precision, recall) = (pairs.precision(), pairs.recall());
            format!("{part}: precision {precision:.3} ({both}/{put}), recall {recall:.3} ({both}/{meant})")
        })
        .collect();
    let figures = figures.join("\n");
    eprintln!("{figures}");
    for (part, pairs) in &parts {
        let good = pairs.precision() >= 0.95 && pairs.recall() >= 0.95;
        assert!(good, "{part} is under 0.95\n{figures}{}", wrong(&letters));
    }
}

/// What a corpus has to have before its figures say anything.
#[test]
fn the_corpus_is_large_and_part_of_it_is_held_out() {
    let letters = letters();
    let causes = |held: Option<bool>| -> BTreeSet<&str> {
        let chosen =
            letters.iter().filter(|letter| held.is_none_or(|held| letter.held_out == held));
        chosen.map(|letter| letter.cause.as_str()).collect()
    };
    let held = letters.iter().filter(|letter| letter.held_out).count();
    let only_held = causes(None).difference(&causes(Some(false))).count();
    assert!(letters.len() >= 60 && causes(None).len() >= 14, "{} messages", letters.len());
    assert!(held * 4 >= letters.len(), "held out: {held} of {}", letters.len());
    assert!(only_held >= 2, "causes only held out: {only_held}");
    let files: BTreeSet<&str> = letters.iter().map(|letter| letter.file.as_str()).collect();
    assert_eq!(files.len(), letters.len(), "a file is listed twice");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/messages");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = files.contains(name.as_str()) || name == "index.json" || name == "README.md";
        assert!(known, "{name} is not in index.json");
    }
}
