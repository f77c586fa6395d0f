//! Evaluation: every incident of `tests/eval` has its form, what proves its truth reaches an agent,
//! and the triage never says of a bug that it is none.
//!
//! `DLQ_LONG` runs all incidents, else one for each language is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::aws_logs::aws_v1;
use crate::support::workbench::Bench;

/// Incidents of a short run: one for each language; the first has forged attributes of an error.
const SAMPLE: [&str; 5] = [
    "node-tickets-injection",
    "python-stripe-period-moved",
    "java-opening-hours",
    "go-contact-form-note",
    "infra-carrier-certificate",
];

fn incidents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval")
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(incidents()).unwrap().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Prepares `eval.py` with these arguments, run by the interpreter of the SQS server.
fn evaluation(aws: &Path, arguments: &[&str]) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/eval.py");
    let mut command = Command::new(aws.join("python"));
    command.args(["-B", "-W", "ignore", script]).args(arguments);
    command.env_remove("ANTHROPIC_API_KEY");
    command
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{said}");
    shown
}

/// Runs incidents with an agent, all of them in a long run.
#[track_caller]
fn run(bench: &Bench, aws: &Path, agent: &str, more: &[&str]) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_dlq-poll")).parent().unwrap();
    let work = bench.path("work");
    let places = [programs, &work, aws].map(|path| path.to_str().unwrap());
    let mut command = evaluation(aws, &places);
    command.args(["--agent", agent]).args(more);
    if std::env::var_os("DLQ_LONG").is_none() {
        command.args(SAMPLE.iter().flat_map(|name| ["--only", name]));
    }
    succeeded(&command.output().unwrap())
}

#[test]
fn incidents_have_the_form_of_their_page() {
    let Some(aws) = aws_v1() else { return };
    succeeded(&evaluation(&aws, &["--check", "--agent", "triage"]).output().unwrap());
    let names = names();
    assert!(names.len() >= 16, "{names:?}");
    for language in ["python", "node", "java", "go", "infra"] {
        assert!(names.iter().any(|name| name.starts_with(language)), "none of {language}");
    }
    let page = std::fs::read_to_string(incidents().join("README.md")).unwrap();
    let script = include_str!("../../scripts/eval_incident.py");
    let kinds = script.split_once("KINDS = (").unwrap().1.split_once(')').unwrap().0;
    for kind in kinds.split('"').skip(1).step_by(2) {
        assert!(page.contains(&format!("`{kind}`")), "the page does not name {kind}");
    }
}

#[test]
fn scores_follow_their_tables() {
    let Some(aws) = aws_v1() else { return };
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/eval_test.py");
    succeeded(&Command::new(aws.join("python")).args(["-B", tables]).output().unwrap());
}

#[test]
fn malformed_incident_is_refused_with_its_name_and_the_reason() {
    let Some(aws) = aws_v1() else { return };
    let bench = Bench::new("eval-malformed");
    let copy = "cp -R \"$FROM\" all && sed -i.old 's/\"likely\"/\"not_a_bug\"/' all/*/truth.json";
    let mut command = bench.command("sh", &["-c", copy]);
    command.env("FROM", incidents()).current_dir(bench.dir());
    succeeded(&command.output().unwrap());
    let folder = bench.path("all");
    let arguments = [
        "--check",
        "--agent=triage",
        "--only=python-float-in-dynamodb",
        "--incidents",
        folder.to_str().unwrap(),
    ];
    let output = evaluation(&aws, &arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let reason =
        "python-float-in-dynamodb: the code is to blame, and 'not_a_bug' is among the right";
    assert!(said.contains(reason), "{said}");
}

#[test]
fn triage_never_denies_a_bug() {
    let Some(aws) = aws_v1() else { return };
    let bench = Bench::new("eval-triage");
    let file = bench.path("scores.ndjson");
    let table = run(&bench, &aws, "triage", &["--json", file.to_str().unwrap()]);
    assert!(table.contains("agent: triage"), "{table}");
    let scores = std::fs::read_to_string(file).unwrap();
    for line in scores.lines() {
        let score: Value = serde_json::from_str(line).unwrap();
        assert_eq!(score["end"], "completed", "{line}");
        assert_eq!(score["denies_bug"], false, "{line}");
        assert_eq!(score["cited"], score["resolved"], "{line}");
    }
    assert!(scores.lines().count() >= SAMPLE.len(), "{table}");
}

#[test]
fn evidence_of_each_truth_reaches_an_agent() {
    let Some(aws) = aws_v1() else { return };
    let bench = Bench::new("eval-reader");
    run(&bench, &aws, "reader", &[]);
}
