//! Precision and recall of fingerprints over `tests/fixtures/messages`, dead letters whose causes a
//! person has labelled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::super::*;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::tests::fixture;

/// A message of the corpus, its label and its fingerprint.
pub(super) struct Letter {
    pub file: String,
    pub cause: String,
    pub held_out: bool,
    pub message: Message,
    pub found: Fingerprint,
}

/// Returns the whole corpus in the order of its index.
pub(super) fn letters() -> Vec<Letter> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/messages");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let index: Value = serde_json::from_str(&read("index.json")).unwrap();
    let entries = index["messages"].as_array().unwrap();
    let letter = |entry: &Value| {
        let file = entry["file"].as_str().unwrap().to_owned();
        let message = fixture(&read(&file));
        let found = compute(&decode(&message));
        let held_out = entry["held_out"].as_bool().unwrap_or(false);
        Letter { cause: entry["cause"].as_str().unwrap().into(), file, held_out, message, found }
    };
    entries.iter().map(letter).collect()
}

/// Numbers of pairs with the same fingerprint, with the same cause, and with both.
#[derive(Default)]
struct Pairs {
    joined: u32,
    expected: u32,
    both: u32,
}

impl Pairs {
    fn count(letters: &[Letter], counts: impl Fn(&Letter, &Letter) -> bool) -> Self {
        let mut pairs = Pairs::default();
        for (index, a) in letters.iter().enumerate() {
            for b in letters[..index].iter().filter(|b| counts(a, b)) {
                let (joined, expected) = (a.found.id == b.found.id, a.cause == b.cause);
                pairs.joined += u32::from(joined);
                pairs.expected += u32::from(expected);
                pairs.both += u32::from(joined && expected);
            }
        }
        pairs
    }

    /// Returns the share of pairs with the same fingerprint that have the same cause.
    fn precision(&self) -> f64 {
        f64::from(self.both) / f64::from(self.joined)
    }

    /// Returns the share of pairs with the same cause that have the same fingerprint.
    fn recall(&self) -> f64 {
        f64::from(self.both) / f64::from(self.expected)
    }
}

/// Lists causes with several ids, and ids with several causes. Held-out messages are not shown, so
/// that nobody tunes a rule to them.
fn errors(letters: &[Letter]) -> String {
    let letters: Vec<&Letter> = letters.iter().filter(|letter| !letter.held_out).collect();
    let mut by_cause: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut by_id: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for letter in &letters {
        by_cause.entry(&letter.cause).or_default().insert(&letter.found.id);
        by_id.entry(&letter.found.id).or_default().insert(&letter.cause);
    }
    let mut report = String::new();
    for (cause, _) in by_cause.iter().filter(|(_, ids)| ids.len() > 1) {
        report += &format!("\nsplit cause: {cause}");
        for letter in letters.iter().filter(|letter| letter.cause == *cause) {
            let Fingerprint { id, why, .. } = &letter.found;
            report += &format!("\n    {id} {}: {}", letter.file, why.join("; "));
        }
    }
    for (id, causes) in by_id.iter().filter(|(_, causes)| causes.len() > 1) {
        let of_id = letters.iter().find(|letter| letter.found.id == **id);
        let title = of_id.map_or("", |letter| letter.found.title.as_str());
        report += &format!("\nmerged causes: {causes:?} as '{title}'");
    }
    report
}

/// A pair with one held-out message is held out: it shows whether a new message joins an existing
/// group.
#[test]
fn corpus_precision_and_recall_are_at_least_95_percent() {
    let letters = letters();
    let parts: [(&str, Pairs); 3] = [
        ("tuning", Pairs::count(&letters, |a, b| !a.held_out && !b.held_out)),
        ("held out", Pairs::count(&letters, |a, b| a.held_out || b.held_out)),
        ("all", Pairs::count(&letters, |_, _| true)),
    ];
    let figures: Vec<String> = parts
        .iter()
        .map(|(part, pairs)| {
            let Pairs { joined, expected, both } = pairs;
            let (precision, recall) = (pairs.precision(), pairs.recall());
            format!("{part}: precision {precision:.3} ({both}/{joined}), recall {recall:.3} ({both}/{expected})")
        })
        .collect();
    let figures = figures.join("\n");
    eprintln!("{figures}");
    for (part, pairs) in &parts {
        let good = pairs.precision() >= 0.95 && pairs.recall() >= 0.95;
        assert!(good, "{part} is under 0.95\n{figures}{}", errors(&letters));
    }
}

/// Requirements on the corpus that give its figures meaning.
#[test]
fn corpus_is_large_and_part_of_it_is_held_out() {
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
