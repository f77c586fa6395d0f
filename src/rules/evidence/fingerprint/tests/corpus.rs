//! Precision and recall of fingerprints over `tests/fixtures/messages`, dead letters whose causes a
//! person has labelled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::super::*;
use crate::rules::evidence::bundle::Group;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::tests::fixture;

/// A message of the corpus, its label and its fingerprint.
pub(super) struct Letter {
    pub file: String,
    pub cause: String,
    pub held_out: bool,
    /// The report that the letter belongs to, of those that are compared whole.
    pub case: Option<String>,
    pub message: Message,
    pub found: Fingerprint,
    /// The group of all letters that it belongs to.
    pub group: String,
}

/// Returns the whole corpus in the order of its index.
pub(super) fn letters() -> Vec<Letter> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/messages");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let index: Value = serde_json::from_str(&read("index.json")).unwrap();
    let entries = index["messages"].as_array().unwrap();
    let letter = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let file = text("file").unwrap();
        let message = fixture(&read(&file));
        Letter {
            cause: text("cause").unwrap(),
            held_out: entry["held_out"].as_bool().unwrap_or(false),
            case: text("case"),
            found: compute(&decode(&message)),
            group: String::new(),
            file,
            message,
        }
    };
    let mut letters: Vec<Letter> = entries.iter().map(letter).collect();
    let all = letters.iter().collect::<Vec<_>>();
    let groups: BTreeMap<String, String> = groups_of(&all)
        .into_iter()
        .flat_map(|group| group.messages.into_iter().map(move |file| (file, group.item.clone())))
        .collect();
    for letter in &mut letters {
        letter.group.clone_from(&groups[&letter.file]);
    }
    letters
}

/// Returns the groups of letters, as in one report.
fn groups_of(letters: &[&Letter]) -> Vec<Group> {
    let mut grouper = Grouper::default();
    for letter in letters {
        let content = decode(&letter.message).content.digest();
        grouper.add(&letter.file, None, content, letter.found.clone());
    }
    grouper.finish().fingerprints
}

/// Numbers of pairs in the same group, with the same cause, and with both.
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
                let (joined, expected) = (a.group == b.group, a.cause == b.cause);
                pairs.joined += u32::from(joined);
                pairs.expected += u32::from(expected);
                pairs.both += u32::from(joined && expected);
            }
        }
        pairs
    }

    /// Returns the share of pairs in the same group that have the same cause.
    fn precision(&self) -> f64 {
        f64::from(self.both) / f64::from(self.joined)
    }

    /// Returns the share of pairs with the same cause that are in the same group.
    fn recall(&self) -> f64 {
        f64::from(self.both) / f64::from(self.expected)
    }
}

/// Lists causes in several groups, and groups of several causes. Held-out messages are not shown, so
/// that nobody tunes a rule to them.
fn errors(letters: &[Letter]) -> String {
    let letters: Vec<&Letter> = letters.iter().filter(|letter| !letter.held_out).collect();
    let mut by_cause: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut by_group: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for letter in &letters {
        by_cause.entry(&letter.cause).or_default().insert(&letter.group);
        by_group.entry(&letter.group).or_default().insert(&letter.cause);
    }
    let mut report = String::new();
    for (cause, _) in by_cause.iter().filter(|(_, groups)| groups.len() > 1) {
        report += &format!("\nsplit cause: {cause}");
        for letter in letters.iter().filter(|letter| letter.cause == *cause) {
            let Fingerprint { id, why, .. } = &letter.found;
            report += &format!("\n    {id} {}: {}", letter.file, why.join("; "));
        }
    }
    for (group, causes) in by_group.iter().filter(|(_, causes)| causes.len() > 1) {
        let of_id = letters.iter().find(|letter| letter.group == **group);
        let title = of_id.map_or("", |letter| letter.found.title.as_str());
        report += &format!("\nmerged causes: {causes:?} as '{title}'");
    }
    report
}

/// A pair with one held-out message is held out: it shows whether a new message joins an existing
/// group.
#[test]
fn corpus_precision_and_recall_are_at_least_97_percent() {
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
        let good = pairs.precision() >= 0.97 && pairs.recall() >= 0.97;
        assert!(good, "{part} is under 0.97\n{figures}{}", errors(&letters));
    }
}

/// The letters of a case are those of one queue, in the forms of a public report.
#[test]
fn groups_of_a_case_are_its_causes() {
    let letters = letters();
    let mut cases: BTreeMap<&str, Vec<&Letter>> = BTreeMap::new();
    for letter in letters.iter().filter(|letter| !letter.held_out) {
        if let Some(case) = &letter.case {
            cases.entry(case).or_default().push(letter);
        }
    }
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (case, letters) in cases {
        let cause =
            |file: &String| &letters.iter().find(|letter| letter.file == *file).unwrap().cause;
        let groups = groups_of(&letters);
        let titles: BTreeSet<&str> = groups.iter().map(|group| group.title.as_str()).collect();
        let causes: BTreeSet<&String> = letters.iter().map(|letter| &letter.cause).collect();
        let pure = groups
            .iter()
            .all(|group| group.messages.iter().map(cause).collect::<BTreeSet<_>>().len() == 1);
        if !pure || groups.len() != causes.len() || titles.len() != groups.len() {
            let shown = |group: &Group| {
                let causes: BTreeSet<_> = group.messages.iter().map(cause).collect();
                format!("\n    {} {causes:?}: {}", group.count, group.title)
            };
            wrong.push(format!("{case}: {}", groups.iter().map(shown).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
