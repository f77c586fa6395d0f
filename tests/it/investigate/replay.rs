//! Lines that pass `dlq-investigate` unchanged, and the replay of a recorded day.

use std::path::Path;

use dlq::event::{LINE_MAX, Line, peek, strict};

use crate::support::event_lines::{heartbeat, raised, seconds_ago, unusual_lines};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, own_events, sessions, summaries,
};
use crate::support::workbench::Bench;

const MONDAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/monday.ndjson");

/// Returns every file below a folder with its content.
fn files_below(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten() {
        let path = path.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn recorded_day_has_valid_events() {
    let day = std::fs::read_to_string(MONDAY).unwrap();
    let mut last = String::new();
    for line in day.lines() {
        assert!(line.len() + 1 < LINE_MAX);
        let Line::Event(head) = peek(line.as_bytes()) else { panic!("no event: {line}") };
        strict(head.known.unwrap(), line.as_bytes()).unwrap();
        let time = head.time().unwrap().to_string();
        assert!(time >= last, "{time} after {last}");
        last = time;
    }
}

#[test]
fn recorded_day_replays_identically_and_writes_nothing() {
    let mut bench = Bench::new("monday");
    agent(&mut bench, r#"echo ran >> "@/ran""#, "");
    let pipe = format!("dlq-investigate --dry-run < '{MONDAY}' | dlq-notify --dry-run");
    let first = bench.shell(&pipe);
    let second = bench.shell(&pipe);
    assert_eq!((&first.stdout, &first.stderr), (&second.stdout, &second.stderr));
    assert_eq!(files_below(&bench.state("")), []);
    assert!(!bench.path("ran").exists());
    // All lines of the day pass in order, with the simulated sessions between them.
    let day = std::fs::read_to_string(MONDAY).unwrap();
    let text = first.text();
    let passed: Vec<&str> = text.lines().filter(|line| line.contains("\"dlq-poll\"")).collect();
    assert_eq!(passed, day.lines().collect::<Vec<_>>());
    // A simulated session takes half an hour, the cooldown an hour; the second queue grew meanwhile
    // and is investigated again.
    let message = own_events(&text);
    let with_time = summaries(&text).into_iter().zip(&message).map(|(message, event)| {
        let time = event["time"].as_str().unwrap();
        format!("{} {message}", &time[11..16])
    });
    assert_eq!(
        with_time.collect::<Vec<_>>(),
        [
            "09:12 started orders-dlq",
            "09:14 skipped orders-dlq already_running",
            "09:22 skipped orders-dlq already_running",
            "10:00 skipped orders-dlq cooldown",
            "14:03 started payments-events-dlq",
            "14:04 skipped payments-events-dlq already_running",
            "14:07 skipped payments-events-dlq already_running",
            "14:31 skipped payments-events-dlq already_running",
            "15:00 skipped payments-events-dlq cooldown",
            "16:00 started payments-events-dlq",
        ]
    );
    assert!(first.stderr.contains("orders-dlq: 3 messages, "), "{}", first.stderr);
    assert_no_process_left(&bench);
}

#[test]
fn dry_run_leaves_state_unchanged() {
    let mut bench = Bench::new("dry-state");
    agent(&mut bench, QUICK_AGENT, "cooldown_hours: 1");
    investigate(&bench, &[], raised("orders", "first", seconds_ago(60), None));
    let before = files_below(&bench.state(""));
    let input = raised("orders", "second", seconds_ago(0), None)
        + &raised("users", "third", seconds_ago(0), None);
    let output = investigate(&bench, &["--dry-run"], input);
    // A dry run decides by the recorded state.
    assert_eq!(summaries(&output.text()), ["skipped orders cooldown", "started users"]);
    assert!(before == files_below(&bench.state("")), "the state has changed");
    assert_no_process_left(&bench);
}

#[test]
fn lines_pass_unchanged_and_start_nothing() {
    let mut bench = Bench::new("exact");
    agent(&mut bench, QUICK_AGENT, "");
    assert_eq!(investigate(&bench, &[], unusual_lines()).text(), unusual_lines());
    assert_eq!(sessions(&bench)["sessions"], serde_json::json!([]));
}

#[test]
fn closed_stdout_ends_quietly_and_incident_is_recorded() {
    let mut bench = Bench::new("pipe");
    agent(&mut bench, QUICK_AGENT, "");
    bench.write("lines", raised("orders", "i", seconds_ago(0), None));
    let more = heartbeat(seconds_ago(3600));
    bench.write("more", more.trim_end());
    let output = bench.shell(
        "{ cat lines; yes \"$(cat more)\"; } | { dlq-investigate; echo \"status $?\" >&2; } | head -1",
    );
    assert_eq!(output.stderr, "status 0\n");
    assert_eq!(sessions(&bench)["incidents"][0]["id"], "i");
    assert_no_process_left(&bench);
}
