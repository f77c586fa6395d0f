//! Completions for shells: written from the tables of options into `completions/` with
//! `DLQ_BLESS=1`, compared with what is there, and judged by the shells themselves.

mod bash;
mod fish;
mod shells;
mod zsh;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dlq::args::{COMMON, Opt, ValueKind};
use dlq::programs;
use dlq::tool::Tool;

/// The first lines of each file, after what a shell wants in its first one.
const HEAD: &str = "\
# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.
";

/// The placeholders of values that are files.
const FILES: [&str; 3] = ["FILE", "PLAN", "ARCHIVE"];

/// What a shell offers at one place of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Offer {
    Nothing,
    Files,
    Words(Vec<String>),
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

fn options(tool: &Tool) -> impl Iterator<Item = &'static Opt> {
    let own: &'static [Opt] = tool.options;
    own.iter().chain(&COMMON)
}

/// Returns the names of an option, and of those that cannot be given beside it.
fn excluded(tool: &Tool, opt: &Opt) -> Vec<String> {
    let beside =
        |other: &&Opt| opt.conflicts.contains(&other.long) || other.conflicts.contains(&opt.long);
    let others = options(tool).filter(beside).flat_map(Opt::names);
    let own = opt.names().into_iter().filter(|_| !opt.repeatable);
    own.chain(others).collect()
}

/// Splits `one|two` into its words; None for anything else, such as `QUEUE|PLAN`.
fn alternatives(text: &str) -> Option<Vec<String>> {
    let words: Vec<String> = text.split('|').map(str::to_owned).collect();
    let is_word = |word: &String| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    (words.len() > 1 && words.iter().all(is_word)).then_some(words)
}

/// Returns what is offered as the value of an option. Where a setting has a set of values, the help
/// of its option ends with `(one|two)`.
fn value(opt: &Opt) -> Offer {
    let in_help = || opt.help.rsplit_once('(')?.1.strip_suffix(')').and_then(alternatives);
    match opt.kind {
        ValueKind::Words(words) => Offer::Words(words.iter().map(|word| (*word).into()).collect()),
        _ if FILES.contains(&opt.value) => Offer::Files,
        _ => in_help().map_or(Offer::Nothing, Offer::Words),
    }
}

/// Returns what is offered as the first argument that is no option, and as further ones, by the
/// usage of the program: `dlq-x plan [options] FILE` and `dlq-x [options] [one|two]`.
fn operands(tool: &Tool) -> (Offer, Offer) {
    if !tool.takes_operands {
        return (Offer::Nothing, Offer::Nothing);
    }
    let usage = tool.usage.split("\n\n").next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    let mut files = Offer::Nothing;
    let mut before = "";
    for token in usage.split_whitespace() {
        let bare = token.trim_matches(['[', ']']);
        if before == tool.name.as_str() && token.chars().all(|c| c.is_ascii_lowercase()) {
            words.push(token.to_owned());
        } else if bare.len() + 2 == token.len() {
            words.extend(alternatives(bare).into_iter().flatten());
        }
        if bare.split('|').any(|part| FILES.contains(&part)) {
            files = Offer::Files;
        }
        before = token;
    }
    words.dedup();
    (if words.is_empty() { files.clone() } else { Offer::Words(words) }, files)
}

/// Returns every file below `completions/` with its content.
fn written() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for tool in programs::ALL {
        let name = tool.name.as_str();
        files.insert(format!("bash/{name}"), bash::script(tool));
        files.insert(format!("fish/{name}.fish"), fish::script(tool));
        files.insert(format!("zsh/_{name}"), zsh::script(tool));
    }
    files
}

/// Returns every file that is there.
fn committed() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for shell in ["bash", "fish", "zsh"] {
        let Ok(entries) = std::fs::read_dir(folder().join(shell)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.insert(format!("{shell}/{name}"), std::fs::read_to_string(&path).unwrap());
        }
    }
    files
}

#[test]
fn completions_are_those_of_the_tables() {
    let expected = written();
    if std::env::var("DLQ_BLESS").is_ok_and(|word| word == "1") {
        for name in committed().keys().filter(|name| !expected.contains_key(*name)) {
            std::fs::remove_file(folder().join(name)).unwrap();
        }
        for (name, text) in &expected {
            let path = folder().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    let found = committed();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "DLQ_BLESS=1 writes them");
    for (name, text) in &expected {
        assert_eq!(&found[name], text, "completions/{name}: DLQ_BLESS=1 accepts");
    }
}

#[test]
fn operands_are_read_from_the_usage() {
    let words = |words: &[&str]| Offer::Words(words.iter().map(|word| (*word).into()).collect());
    let redrive = (words(&["plan", "apply", "verify", "restore"]), Offer::Files);
    assert_eq!(operands(&programs::REDRIVE), redrive);
    let parts = words(&["incidents", "queues", "spend", "prs"]);
    assert_eq!(operands(&programs::STATUS), (parts, Offer::Nothing));
    assert_eq!(operands(&programs::PEEK), (Offer::Nothing, Offer::Nothing));
    assert_eq!(operands(&programs::NOTIFY), (Offer::Nothing, Offer::Nothing));
}
