//! Counting: each event once, over processes, kills, rotations and damage.

use std::process::Stdio;
use std::thread::scope;

use serde_json::Value;

use super::{add, found, once, value, with_journal};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::workbench::{Running, wait_for};

const RAISED: &str = "dlq_incidents_raised_total";

#[test]
fn events_count_once_over_runs_and_replays() {
    let bench = with_journal("metrics-once");
    assert_eq!(value(&once(&bench), RAISED), 1.0);
    assert_eq!(value(&once(&bench), RAISED), 1.0);
    // A replay on standard input is passed, and counts nothing.
    let replay = std::fs::read(bench.state("journal.ndjson")).unwrap();
    let output = bench.run("dlq-metrics", &["--textfile", "m.prom"], &replay);
    assert_eq!(output.stdout, replay);
    assert_eq!(value(&once(&bench), RAISED), 1.0);
    // A program that was run by hand writes to the journal only.
    add(&bench, &raised("emails-dlq", "i-2", seconds_ago(3), None));
    assert_eq!(value(&once(&bench), RAISED), 2.0);
}

#[test]
fn many_processes_at_once_count_each_event_once() {
    let bench = with_journal("metrics-many");
    scope(|scope| {
        for writer in 0..2 {
            let bench = &bench;
            scope.spawn(move || {
                for n in 0..40 {
                    let id = format!("i-{writer}-{n}");
                    add(bench, &raised("a-dlq", &id, seconds_ago(2), None));
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| drop(once(&bench))));
        }
    });
    assert_eq!(value(&once(&bench), RAISED), 81.0);
}

#[test]
fn kills_count_nothing_twice_and_lose_nothing() {
    let bench = with_journal("metrics-kills");
    for n in 0..40_u64 {
        add(&bench, &raised("a-dlq", &format!("k-{n}"), seconds_ago(2), None));
        let mut command = bench.command("dlq-metrics", &["--once", "--textfile", "m.prom"]);
        let mut running = Running::spawn(command.stdin(Stdio::null()));
        // Moments before, within and after the update.
        std::thread::sleep(std::time::Duration::from_micros(n * 250));
        running.kill();
    }
    assert_eq!(value(&once(&bench), RAISED), 41.0);
}

#[test]
fn journal_rotated_away_is_a_gap_that_is_told_once() {
    let mut bench = with_journal("metrics-gap");
    bench.configure("state: {journal_max_mib: 1, journal_keep: 0}");
    once(&bench);
    // What dlq-metrics has not seen is rotated away by another program.
    std::fs::remove_file(bench.state("journal.ndjson")).unwrap();
    add(&bench, &raised("b-dlq", "i-9", seconds_ago(1), None));
    let output = bench.run("dlq-metrics", &["--once"], "");
    let warning = "dlq-metrics: warning: the journal was rotated away before it was counted: events \
                   are missing\n";
    assert_eq!((output.code(), output.stderr.as_str()), (0, warning));
    assert_eq!(value(&output.text(), "dlq_journal_gaps_total"), 1.0);
    let text = once(&bench);
    assert_eq!(value(&text, "dlq_journal_gaps_total"), 1.0);
    assert_eq!(value(&text, RAISED), 2.0);
}

#[test]
fn damaged_document_is_kept_and_fails_the_run() {
    let bench = with_journal("metrics-damage");
    once(&bench);
    std::fs::write(bench.state("metrics.json"), "{\"version\":1,").unwrap();
    let output = bench.run("dlq-metrics", &["--once"], "");
    assert_eq!(output.code(), 1, "{output:?}");
    assert!(output.stderr.contains("not a valid state file"), "{}", output.stderr);
    // As a filter it passes lines all the same.
    let line = heartbeat(seconds_ago(1));
    let output = bench.run("dlq-metrics", &["--textfile", "m.prom"], line.repeat(3));
    assert_eq!((output.code(), output.text()), (1, line.repeat(3)));
    assert_eq!(output.stderr.matches("not a valid state file").count(), 1, "{}", output.stderr);
    assert_eq!(std::fs::read(bench.state("metrics.json")).unwrap(), b"{\"version\":1,");
}

#[test]
fn dry_run_writes_nothing() {
    let bench = with_journal("metrics-dry");
    let output = bench.run("dlq-metrics", &["--dry-run", "--textfile", "m.prom"], "");
    assert_eq!((output.code(), value(&output.text(), RAISED)), (0, 1.0));
    let files: Vec<_> = std::fs::read_dir(bench.state("")).unwrap().flatten().collect();
    let names: Vec<_> = files.iter().map(|file| file.file_name()).collect();
    assert!(!names.iter().any(|name| name.to_str().unwrap().starts_with("metrics")), "{names:?}");
    assert!(!bench.path("m.prom").exists());
}

/// A queue that cannot be read has no depth, and a document that cannot be read is named.
#[test]
fn unknown_values_have_no_samples() {
    let bench = with_journal("metrics-unknown");
    std::fs::write(bench.state("budget.json"), "broken").unwrap();
    let text = once(&bench);
    assert_eq!(value(&text, "dlq_state_document_unreadable{document=\"budget\"}"), 1.0);
    assert_eq!(value(&text, "dlq_state_document_unreadable{document=\"queues\"}"), 0.0);
    assert_eq!(found(&text, "dlq_spend_day_usd"), None);
    if cfg!(target_os = "linux") {
        assert!(
            value(&text, "process_open_fds") >= 3.0
                && value(&text, "process_resident_memory_bytes") > 1e6
        );
        assert!(value(&text, "process_start_time_seconds") > 1.7e9);
    }
    assert!(value(&text, "dlq_state_free_bytes") > 0.0 && value(&text, "dlq_state_bytes") > 100.0);
}

/// The others are not hidden by it, so that an alert about their oldest notice can fire.
#[test]
fn channel_whose_outbox_cannot_be_read_is_unknown_alone() {
    let mut bench = with_journal("metrics-outbox");
    bench.configure("notifications: {channels: {a: {type: console}, b: {type: console}}}\n");
    std::fs::create_dir_all(bench.state("outbox")).unwrap();
    // For root, too.
    std::os::unix::fs::symlink("b", bench.state("outbox/b")).unwrap();
    let text = once(&bench);
    assert_eq!(found(&text, "dlq_outbox_notices{channel=\"a\"}"), Some(0.0), "{text}");
    assert_eq!(found(&text, "dlq_outbox_notices{channel=\"b\"}"), None, "{text}");
}

#[test]
fn embedded_lines_replace_the_events_and_tell_growth() {
    let bench = with_journal("metrics-emf");
    let mut running = bench.start("dlq-metrics", &["--emf"]);
    // The first lines tell the gauges, and no history.
    let first: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!(first["_aws"]["CloudWatchMetrics"][0]["Namespace"], "dlq-tools");
    wait_for("the first lines are noted", || {
        let document = std::fs::read_to_string(bench.state("metrics.json")).unwrap_or_default();
        document.contains("\"reported\":{\"")
    });
    add(&bench, &raised("b-dlq", "i-2", seconds_ago(1), None));
    let line = heartbeat(seconds_ago(0));
    add(&bench, &line);
    running.write(&line);
    let output = running.finish();
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    let lines: Vec<Value> =
        output.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["_aws"].is_object() && line["specversion"].is_null()));
    // Without a new round there is nothing to tell, by whatever process.
    let again = bench.run("dlq-metrics", &["--once", "--emf"], "");
    assert_eq!((again.code(), again.text().as_str()), (0, ""), "{again:?}");
    add(&bench, &heartbeat(dlq::time::Timestamp::parse("2999-01-01T00:00:00Z").unwrap()));
    let ahead = bench.run("dlq-metrics", &["--once", "--emf"], "");
    assert_eq!((ahead.code(), ahead.text().as_str()), (0, ""), "{ahead:?}");
    assert!(ahead.stderr.contains("which is in the future"), "{ahead:?}");
    let raised: f64 = lines.iter().filter_map(|line| line[RAISED].as_f64()).sum();
    let events: f64 = lines
        .iter()
        .filter(|line| line["type"] == "queue.raised")
        .filter_map(|line| line["dlq_events_total"].as_f64())
        .sum();
    assert_eq!((raised, events), (1.0, 1.0), "{lines:#?}");
}
