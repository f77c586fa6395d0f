//! Program `dlq-log`: output, filter options and `--follow`.

use std::time::Duration;

use dlq::journal::Journal;
use dlq::journal::rotation::Rotation;
use dlq::store::Store;

use crate::support::event_lines::{raised, seconds_ago};
use crate::support::terminal::run_on_terminal;
use crate::support::workbench::{Bench, Output, event, wait_for};

fn journal(bench: &Bench, size_max: u64) -> Journal {
    let store = Store::open(&bench.state("")).unwrap();
    Journal::new(&store, Rotation { size_max, keep: 50, age_max: Duration::MAX })
}

fn line(n: usize) -> String {
    event("queue.raised", &format!("{n}"), "ERROR", "")
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(line).collect()
}

fn fill_journal(bench: &Bench, size_max: u64, numbers: std::ops::Range<usize>) {
    let journal = journal(bench, size_max);
    numbers.for_each(|n| journal.append(line(n).as_bytes()).unwrap());
}

fn successful_stdout(output: &Output) -> String {
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    output.text()
}

#[test]
fn journal_is_printed_unchanged_oldest_segment_first() {
    let bench = Bench::new("log");
    fill_journal(&bench, 500, 0..10);
    assert!(bench.state("journal.ndjson.2.gz").exists());
    assert_eq!(successful_stdout(&bench.run("dlq-log", &[], "")), lines(0..10));
}

#[test]
fn missing_journal_prints_and_creates_nothing() {
    let bench = Bench::new("log-none");
    assert_eq!(successful_stdout(&bench.run("dlq-log", &[], "")), "");
    assert!(!bench.path("state").exists());
    let message = bench.run("dlq-log", &["-v"], "").stderr;
    assert!(message.contains("there is no journal yet"), "{message}");
}

#[test]
fn filter_options_select_events() {
    let bench = Bench::new("log-pick");
    let now = dlq::clock::now();
    let all = [
        event("queue.raised", "0", "ERROR", r#","incident":"aaaaaaaa-1""#),
        event("queue.cleared", "1", "INFO", r#","incident":"aaaaaaaa-1""#),
        event("poll.finished", "2", "DEBUG", ""),
        event("queue.raised", "3", "ERROR", r#","incident":"bbbbbbbb-1""#)
            .replace("orders", "users"),
        event("queue.raised", "4", "ERROR", r#","incident":"bbbbbbbb-2""#)
            .replace("2026-11-22T19:57:32Z", &now.to_string()),
        "{\"not\":\"an event\"}\n".to_owned(),
    ];
    let old = |line: &String| line.replace("2026-11-22", "2020-01-01");
    let all: Vec<String> = all.iter().map(old).collect();
    journal(&bench, 1 << 20).append(all.concat().as_bytes()).unwrap();
    let rows: [(&[&str], &[usize]); 8] = [
        (&[], &[0, 1, 2, 3, 4, 5]),
        (&["--type", "queue.*"], &[0, 1, 3, 4]),
        (&["--type", "queue.cleared", "--type", "poll.*"], &[1, 2]),
        (&["--queue", "orders-*"], &[0, 1, 2, 4]),
        (&["--queue", "users-*", "--type", "queue.*"], &[3]),
        (&["--incident", "aaaaaaaa"], &[0, 1]),
        (&["--incident", "bbbbbbbb-2"], &[4]),
        (&["--since", "3650d", "--type", "poll.*"], &[2]),
    ];
    for (args, expected) in rows {
        let expected: String = expected.iter().map(|&n| all[n].as_str()).collect();
        assert_eq!(successful_stdout(&bench.run("dlq-log", args, "")), expected, "{args:?}");
    }
    let several = bench.run("dlq-log", &["--incident", "bbbbbbbb"], "");
    assert_eq!((several.code(), several.text()), (2, String::new()));
    assert!(several.stderr.contains("any of 2: bbbbbbbb-1, bbbbbbbb-2"), "{}", several.stderr);
}

#[test]
fn unknown_incident_is_an_error_with_the_nearest_or_those_that_exist() {
    let bench = Bench::new("log-unknown");
    let whole = "aaaaaaaa-1111-2222-3333-444444444444";
    let stderr = |id: &str| {
        let output = bench.run("dlq-log", &["--incident", id], "");
        assert_eq!((output.code(), output.text().as_str()), (1, ""), "{output:?}");
        output.stderr
    };
    let state = bench.path("state");
    let why = format!("there is no journal yet in '{}'", state.display());
    let expected =
        |id: &str, why: &str| format!("dlq-log: fatal: cannot find incident '{id}': {why}\n");
    assert_eq!(stderr("aaaaaaaa"), expected("aaaaaaaa", &why));
    journal(&bench, 1 << 20).append(line(0).as_bytes()).unwrap();
    assert_eq!(stderr("aaaaaaaa"), expected("aaaaaaaa", "there is no incident"));
    let event = event("queue.raised", "1", "ERROR", &format!(r#","incident":"{whole}""#));
    journal(&bench, 1 << 20).append(event.as_bytes()).unwrap();
    let near = "no incident has this id; did you mean aaaaaaaa-1111 (orders-dlq)?";
    let far = "no incident has this id; there is aaaaaaaa-1111 (orders-dlq)";
    let changed = whole.replace("444444444444", "555555555555");
    for (id, why) in [("aaaaaaab", near), (changed.as_str(), near), ("cccccccc", far)] {
        assert_eq!(stderr(id), expected(id, why));
    }
    assert_eq!(successful_stdout(&bench.run("dlq-log", &["--incident", whole], "")), event);
}

#[test]
fn since_counts_from_now() {
    let bench = Bench::new("log-since");
    let now = dlq::clock::now();
    let at = |minutes: u64| {
        let time = now.minus(std::time::Duration::from_secs(minutes * 60)).to_string();
        event("queue.raised", &format!("{minutes}"), "ERROR", "")
            .replace("2026-11-22T19:57:32Z", &time)
    };
    let all = [at(120), at(61), at(59), at(0)];
    journal(&bench, 1 << 20).append(all.concat().as_bytes()).unwrap();
    let printed = successful_stdout(&bench.run("dlq-log", &["--since", "1h"], ""));
    assert_eq!(printed, all[2..].concat());
}

#[test]
fn torn_lines_are_skipped_with_one_warning() {
    let bench = Bench::new("log-torn");
    let content = format!("{}{{\"half\n{}xx\n{}", line(0), line(1), line(2));
    bench.write("state/journal.ndjson", content + "{\"unfinished\":");
    let output = bench.run("dlq-log", &[], "");
    assert_eq!((output.code(), output.text()), (0, lines(0..3)));
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("2 lines are not whole"), "{}", output.stderr);
    assert!(output.stderr.contains("line 2 of "), "{}", output.stderr);
}

#[test]
fn unreadable_segment_is_skipped_and_others_are_printed() {
    let bench = Bench::new("log-damaged");
    fill_journal(&bench, 500, 0..10);
    std::fs::write(bench.state("journal.ndjson.1.gz"), b"\x1f\x8bgarbage").unwrap();
    let output = bench.run("dlq-log", &[], "");
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains("journal.ndjson.1.gz"), "{}", output.stderr);
    assert!(output.text().starts_with(&line(0)) && output.text().ends_with(&line(9)));
}

#[test]
fn closed_stdout_ends_quietly() {
    let bench = Bench::new("log-pipe");
    let journal = journal(&bench, 100 << 20);
    journal.append(lines(0..5000).as_bytes()).unwrap();
    let output = bench.shell("{ dlq-log; echo \"status $?\" >&2; } | head -1");
    assert_eq!((output.text(), output.stderr.as_str()), (line(0), "status 0\n"));
    // A closed reader is noticed also while no event comes.
    let output = bench.shell("{ dlq-log --follow; echo \"status $?\" >&2; } | head -1");
    assert_eq!((output.text(), output.stderr.as_str()), (line(0), "status 0\n"));
}

#[test]
fn follow_loses_and_repeats_nothing_over_rotations() {
    let bench = Bench::new("log-follow");
    let mut running = bench.start("dlq-log", &["--follow"]);
    // A segment holds three lines. The folder and the journal are created after the program has
    // started.
    let journal = journal(&bench, 500);
    let mut written = 0;
    for step in 0..12 {
        for _ in 0..step {
            journal.append(line(written).as_bytes()).unwrap();
            written += 1;
        }
        // Some steps wait for the program, and some have several rotations between two reads.
        if step % 3 == 0 {
            continue;
        }
        let due = if step % 3 == 1 { step - 1 + step } else { step };
        for n in written - due..written {
            assert_eq!(running.line(), line(n));
        }
    }
    assert!(bench.state("journal.ndjson.10.gz").exists());
    running.kill();
}

#[test]
fn follow_applies_filter_options() {
    let bench = Bench::new("log-follow-pick");
    let journal = journal(&bench, 1 << 20);
    let mut running = bench.start("dlq-log", &["--follow", "--type", "queue.cleared"]);
    journal.append(lines(0..3).as_bytes()).unwrap();
    let wanted = event("queue.cleared", "x", "INFO", "");
    journal.append(wanted.as_bytes()).unwrap();
    assert_eq!(running.line(), wanted);
}

#[test]
fn follow_prints_partial_line_when_complete() {
    use std::io::Write;
    let bench = Bench::new("log-half");
    let (whole, half) = (line(0), line(1));
    let (start, end) = half.split_at(40);
    let path = bench.write("state/journal.ndjson", whole.clone() + start);
    let mut running = bench.start("dlq-log", &["--follow"]);
    assert_eq!(running.line(), whole);
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(end.as_bytes()).unwrap();
    assert_eq!(running.line(), half);
}

#[test]
fn terminal_shows_sentences_and_json_shows_lines() {
    let mut bench = Bench::new("log-terminal");
    let hostile = raised("orders-dlq", "1f2e3d4c-0000", seconds_ago(60), None)
        .replace("us-east-1", "us-\u{9b}2J\u{202e}");
    journal(&bench, 1 << 20).append(hostile.as_bytes()).unwrap();
    let shown = run_on_terminal(&bench, 60, "dlq-log", &[]);
    assert_eq!(shown.code, Some(0));
    assert!(
        shown.text.contains("\u{1b}[1;31mERROR\u{1b}[0m \u{1b}[1morders-dlq"),
        "{}",
        shown.text
    );
    let plain = run_on_terminal(&bench, 60, "dlq-log", &["--color", "never"]);
    assert_eq!(plain.wide_line(60, &["'aws ", "'dlq-"]), None);
    let plain = plain.text;
    assert!(!plain.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{plain}");
    assert!(plain.contains(" ERROR orders-dlq"), "{plain}");
    bench.set("NO_COLOR", "1");
    assert_eq!(run_on_terminal(&bench, 60, "dlq-log", &[]).text, plain);
    let lines = run_on_terminal(&bench, 60, "dlq-log", &["--json"]).text;
    let [line, given] = [lines.as_str(), hostile.as_str()]
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert_eq!(line, given);
    assert_eq!(successful_stdout(&bench.run("dlq-log", &["--color", "always"], "")), hostile);
}

#[test]
fn incident_is_told_as_a_story_on_a_terminal() {
    let bench = Bench::new("log-story");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/monday.ndjson");
    bench.write("state/journal.ndjson", std::fs::read(path).unwrap());
    for columns in [60, 200] {
        let args = ["--incident", "8dcf9e4c", "--color", "never"];
        let shown = run_on_terminal(&bench, columns, "dlq-log", &args);
        assert_eq!((shown.code, shown.wide_line(columns.into(), &[])), (Some(0), None));
        let lines: Vec<&str> = shown.text.lines().collect();
        assert!(lines[0].starts_with("incident 8dcf9e4c-04e6 of orders-dlq"), "{lines:?}");
        let ends = ["what next", "  nothing: the incident has ended"];
        assert_eq!(lines[lines.len() - 2..], ends, "{lines:?}");
        let events = lines.iter().filter(|line| line.starts_with("  2026-11-16 "));
        let severities: Vec<&str> = events.flat_map(|line| line.split("  ").nth(2)).collect();
        assert_eq!(severities, ["ERROR", "ERROR", "ERROR", "INFO"], "{lines:?}");
    }
}

#[test]
fn pattern_without_a_match_is_reported_with_the_nearest_name() {
    let bench = Bench::new("log-nearest");
    fill_journal(&bench, 1 << 20, 0..2);
    let output = bench.run("dlq-log", &["--queue", "order-*", "--type", "queue.raised"], "");
    assert_eq!((output.code(), output.text().as_str()), (0, ""));
    let expected = "dlq-log: warning: option '--queue': 'order-*' matches none of 1 queue name in \
                    the journal; did you mean 'orders-dlq'?\n";
    assert_eq!(output.stderr, expected);
}

#[test]
fn verbose_reports_the_configuration_in_force() {
    let mut bench = Bench::new("log-config");
    bench.unset("DLQ_EVIDENCE_LOGS");
    fill_journal(&bench, 1 << 20, 0..1);
    let state = bench.path("state").display().to_string();
    let stderr = |bench: &Bench| bench.run("dlq-log", &["-v"], "").stderr;
    let end = format!("else the built-in defaults; state in '{state}'\n");
    let expected = format!("dlq-log: configuration: no file; environment DLQ_STATE_DIR; {end}");
    assert_eq!(stderr(&bench), expected);
    bench.configure("state: {journal_keep: 3}\n");
    bench.write(".env", "DLQ_STATE_JOURNAL_KEEP=4\n");
    let file = bench.path("config.yaml").display().to_string();
    let expected = format!(
        "dlq-log: configuration: file '{file}'; environment DLQ_STATE_DIR, DLQ_STATE_JOURNAL_KEEP \
         (.env); {end}"
    );
    assert_eq!(stderr(&bench), expected);
}

#[test]
fn replay_says_what_was_deleted() {
    let bench = Bench::new("log-cut");
    let store = Store::open(&bench.state("")).unwrap();
    let small = Rotation { size_max: 1, keep: 2, age_max: Duration::MAX };
    let journal = Journal::new(&store, small);
    let begun = seconds_ago(1);
    for n in 0..5 {
        journal.append(line(n).as_bytes()).unwrap();
    }
    let warning = bench.run("dlq-log", &["--since", "7d"], "").stderr;
    assert!(warning.starts_with("dlq-log: warning: events from "), "{warning}");
    assert!(warning.contains(" are missing: that part of the journal was deleted"), "{warning}");
    // What was deleted is older than what is asked for.
    let cut = journal.cut().unwrap().unwrap();
    assert!(cut > begun, "{cut}");
    wait_for("the time of the deletion to pass", || seconds_ago(1) > cut);
    assert_eq!(bench.run("dlq-log", &["--since", "1s"], "").stderr, "");
    assert_eq!(bench.run("dlq-log", &[], "").stderr, "");
}
