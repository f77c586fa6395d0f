//! Second look at an incident whose logs were asked too early, with the real `aws` command against a
//! stand-in. The test lets the ten minutes pass in `sessions.json`.

use std::path::Path;
use std::time::Duration;

use dlq::rules::investigation::document::Sessions;
use dlq::store::Store;
use serde_json::{Value, json};

use crate::support::aws_logs::{FakeAws, Log, MESSAGE, Setup, aws_v1};
use crate::support::event_lines::{heartbeat, seconds_ago};
use crate::support::investigate::{
    agent, investigate, read_text, sessions, status_json, summaries,
};
use crate::support::poll::{bench, journal};
use crate::support::workbench::Bench;

/// Agent that counts its runs and finds no cause.
const AGENT: &str = r#"cat >/dev/null; echo run >>@/ran; echo '{"status":"inconclusive"}'"#;
const TRIAGE: &str = "auto_investigation: {enabled: true, target_queues: ['*'], agent: triage}";

/// Starts a stand-in whose message died a minute ago, without a line in the log, and a bench.
fn early(name: &str) -> Option<(FakeAws, Bench)> {
    let folder = aws_v1()?;
    let setup = Setup { log: Log::Lines(Vec::new()), group: None, may_list: true };
    let aws = FakeAws::start_after(setup, 150);
    let mut bench = bench(name, &aws.url);
    bench.unset("DLQ_EVIDENCE_LOGS");
    let others = std::env::var("PATH").unwrap_or_default();
    let programs = Path::new(env!("CARGO_BIN_EXE_dlq-log")).parent().unwrap();
    bench.set("PATH", format!("{}:{}:{others}", folder.display(), programs.display()));
    Some((aws, bench))
}

/// Lets the line that names the message arrive.
fn let_line_arrive(aws: &FakeAws) {
    aws.set_log(Log::Lines(vec![(200, format!("[ERROR] failed {MESSAGE}: KeyError: 'sku'"))]));
}

/// Moves all waits into the past.
fn let_waits_end(bench: &Bench) {
    let store = Store::open(&bench.state("")).unwrap();
    let update = store.update(&dlq::document::Keys::all(), |document: &mut Sessions| {
        for wait in document.incidents.iter_mut().filter_map(|one| one.wait.as_mut()) {
            let passed = Duration::from_secs(3600);
            wait.since = wait.since.minus(passed);
            wait.until = wait.until.map(|until| until.minus(passed));
        }
        Ok(())
    });
    update.unwrap();
}

fn incident(bench: &Bench) -> Value {
    status_json(bench)["incidents"][0]["investigation"].clone()
}

fn look_again(bench: &Bench) -> Vec<String> {
    summaries(&investigate(bench, &[], heartbeat(seconds_ago(0))).text())
}

/// Returns how often the queue was sampled.
fn passes(bench: &Bench) -> usize {
    journal(bench).iter().filter(|event| event["type"] == "queue.sampled").count()
}

#[test]
fn triage_is_repeated_once_when_the_logs_are_complete() {
    let Some((aws, mut bench)) = early("second-look") else { return };
    bench.configure(TRIAGE);
    // The evidence comes in the stream, and must not be taken again.
    let raised = bench.run("dlq-poll", &["--queue", "orders-dlq"], "").text();
    let lines = bench.run("dlq-peek", &[], &raised).text();
    let first = investigate(&bench, &[], &lines);
    assert_eq!(summaries(&first.text()), ["started orders-dlq", "completed orders-dlq"]);
    assert!(!first.text().contains("KeyError"), "{}", first.text());
    let waits = incident(&bench);
    assert_eq!((&waits["state"], &waits["reason"]), (&json!("waiting"), &json!("logs_not_yet")));
    let clause = "waits for the lines of the log, then looks once more";
    let explained = investigate(&bench, &["--explain", "orders-dlq"], "").text();
    assert!(explained.contains(&format!("no  not waiting: {clause}, until ")), "{explained}");
    let status = bench.run("dlq-status", &[], "").text();
    assert!(status.contains(clause), "{status}");
    // Nothing but time ends the wait, and a replay brings no older evidence back.
    assert_eq!(look_again(&bench), Vec::<String>::new());
    let_line_arrive(&aws);
    let_waits_end(&bench);
    investigate(&bench, &[], &lines);
    let second = look_again(&bench);
    let log = journal(&bench);
    let titles: Vec<&str> = log
        .iter()
        .filter(|event| event["type"] == "investigation.completed")
        .map(|event| event["data"]["verdict"]["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles.len(), 2, "{titles:?} {second:?}");
    assert!(titles[1].contains("KeyError"), "{titles:?}");
    assert_eq!(passes(&bench), 2);
    assert_eq!(incident(&bench)["state"], "ended", "no third look");
}

#[test]
fn agent_starts_after_the_logs_and_at_most_one_wait() {
    let Some((_aws, mut bench)) = early("second-look-agent") else { return };
    agent(&mut bench, AGENT, "");
    let line = "dlq-poll --queue orders-dlq | dlq-investigate";
    let first = bench.shell(line);
    assert_eq!(summaries(&first.text()), ["skipped orders-dlq logs_not_yet"], "{}", first.stderr);
    assert_eq!(read_text(&bench, "ran"), "");
    let_waits_end(&bench);
    // The log is as empty as before, and asked as early: a second wait would have no end.
    assert_eq!(look_again(&bench), ["started orders-dlq", "completed orders-dlq"]);
    assert_eq!(read_text(&bench, "ran"), "run\n");
    assert_eq!(passes(&bench), 2);
    assert_eq!(sessions(&bench)["incidents"][0]["second_look"], true);
}
