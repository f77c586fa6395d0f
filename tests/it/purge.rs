//! `dlq-purge`: deletes exactly what it has archived, and archives what is about to be lost.

mod expiry;
mod faults;
mod kills;
mod real_sqs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::poll::{PollOutput, journal, parse_output};
use crate::support::workbench::Bench;

/// Runs `dlq-purge` to its end.
#[track_caller]
fn purge(bench: &Bench, args: &[&str]) -> PollOutput {
    parse_output(bench.run("dlq-purge", args, ""))
}

/// Returns the paths of all archives.
fn archives(bench: &Bench) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(bench.state("archive")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "ndjson")).collect();
    paths.sort();
    paths
}

/// Returns the whole lines of an archive.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the bodies of all archived messages by their id.
fn archived(bench: &Bench) -> BTreeMap<String, String> {
    let all = archives(bench).into_iter().flat_map(|path| lines(&path));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let messages = all.filter(|line| line["message"].is_object());
    messages.map(|line| (text(&line["message"]["id"]), text(&line["message"]["body"]))).collect()
}

/// Returns the ids that archives list as deleted.
fn deleted(bench: &Bench) -> Vec<String> {
    let all = archives(bench).into_iter().flat_map(|path| lines(&path));
    all.filter_map(|line| line["deleted"]["id"].as_str().map(str::to_owned)).collect()
}

/// Returns the incident that the last raise has opened.
fn incident(bench: &Bench) -> Value {
    let raised = journal(bench).into_iter().rfind(|event| event["type"] == "queue.raised");
    raised.unwrap()["incident"].clone()
}

/// Returns the newest record of `redrives.json`.
fn last_move(bench: &Bench) -> Value {
    let text = std::fs::read(bench.state("redrives.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    document["moves"].as_array().unwrap().last().unwrap().clone()
}
