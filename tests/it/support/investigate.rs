//! Runs of `dlq-investigate` with agents that are shell scripts.

use std::path::PathBuf;

use dlq::event::{LINE_MAX, Line, peek, strict};
use serde_json::Value;

use super::workbench::{Bench, Output, processes_of, wait_for};

/// Agent that has a result at once.
pub const QUICK_AGENT: &str = r#"cat >/dev/null; echo '{"status":"likely"}'"#;

/// Writes an agent, `body` in sh, and a configuration that investigates every queue with it. `more`
/// is added to `auto_investigation`; `@` in the body stands for the folder of the bench.
pub fn agent(bench: &mut Bench, body: &str, more: &str) -> PathBuf {
    let body = body.replace('@', &bench.dir().display().to_string());
    let path = bench.stub("agent", &format!("#!/bin/sh\n{body}\n"));
    bench.configure(&format!(
        "auto_investigation: {{enabled: true, target_queues: [\"*\"], agent: [\"{}\"], \
         require_evidence: false, stop_grace_seconds: 0.2, max_concurrent: 8{}{more}}}\n",
        path.display(),
        if more.is_empty() { "" } else { ", " },
    ));
    path
}

/// Returns the events of `dlq-investigate` itself, after a check of each line.
#[track_caller]
pub fn own_events(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["source"] == "dlq-investigate"
    });
    lines
        .map(|line| {
            assert!(line.len() + 1 < LINE_MAX, "{line}");
            let Line::Event(head) = peek(line.as_bytes()) else { panic!("no event: {line}") };
            strict(head.known.unwrap(), line.as_bytes()).unwrap();
            serde_json::from_str(line).unwrap()
        })
        .collect()
}

/// Returns these events in short, such as `failed orders-dlq no_result`.
#[track_caller]
pub fn summaries(text: &str) -> Vec<String> {
    let word = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        let kind = kind.strip_prefix("investigation.").unwrap();
        let reason = event["data"]["reason"].as_str().map(|why| format!(" {why}"));
        let queue = event["data"]["queue"]["name"].as_str().unwrap();
        format!("{kind} {queue}{}", reason.unwrap_or_default())
    };
    own_events(text).iter().map(word).collect()
}

/// Runs `dlq-investigate` to its end.
#[track_caller]
pub fn investigate(bench: &Bench, args: &[&str], input: impl AsRef<[u8]>) -> Output {
    let output = bench.run("dlq-investigate", args, input);
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    output
}

/// Returns the text of a file of the bench; empty when it is missing.
pub fn read_text(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(name)).unwrap_or_default()
}

/// Returns the document `sessions.json`.
pub fn sessions(bench: &Bench) -> Value {
    let bytes = std::fs::read(bench.state("sessions.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Waits until no process of the bench is left.
#[track_caller]
pub fn assert_no_process_left(bench: &Bench) {
    wait_for("no process is left", || processes_of(bench).is_empty());
}

/// Returns the view of `dlq-status --json`.
pub fn status_json(bench: &Bench) -> Value {
    serde_json::from_str(&bench.run("dlq-status", &["--json"], "").text()).unwrap()
}
