//! `--once`: a view as plain text, without a terminal.

use super::{INCIDENT, bench};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::terminal::run_on_terminal;
use crate::support::workbench::Bench;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/monday.ndjson");

/// Returns the greatest width of a line, in characters.
fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn once_prints_the_journal_without_a_terminal() {
    let bench = bench("dash-once");
    let output = bench.shell("setsid -w dlq-dash --once </dev/null");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert!(output.text().contains("orders-dlq"), "{}", output.text());
    assert!(!output.stdout.contains(&0x1b), "no escape");
    let width = widest(&output.text());
    assert!((80..=100).contains(&width), "{width}");
}

#[test]
fn once_reads_stdin_to_its_end() {
    let bench = bench("dash-once-stdin");
    let line = raised("payments-dlq", "i2", seconds_ago(9), None);
    let output = bench.run("dlq-dash", &["--once", "--width", "80"], line.trim_end());
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    let text = output.text();
    assert!(text.contains("payments-dlq") && !text.contains("orders-dlq"), "{text}");
    assert!(widest(&text) <= 80);
}

#[test]
fn once_has_the_width_that_is_asked_for() {
    let bench = bench("dash-once-width");
    for view in ["overview", "analytics", "investigations", "incidents"] {
        for (width, most) in [("40", 40), ("80", 80), ("132", 132), ("500", 500)] {
            let args = ["--once", "--view", view, "--width", width, "--replay", FIXTURE];
            let output = bench.run("dlq-dash", &args, "");
            assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{view} {width}");
            assert!(widest(&output.text()) <= most, "{view} {width}:\n{}", output.text());
        }
    }
    let shown = run_on_terminal(&bench, 60, "dlq-dash", &["--once", "--replay", FIXTURE]);
    assert!(shown.code == Some(0) && widest(&shown.text) <= 60, "{}", shown.text);
}

/// A recording looks the same at any time, in any state folder.
#[test]
fn recording_is_shown_as_of_its_newest_event() {
    let (one, other) = (bench("dash-replay"), Bench::new("dash-replay"));
    let args = ["--once", "--replay", FIXTURE];
    let [one, other] = [one, other].map(|bench| bench.run("dlq-dash", &args, "").text());
    assert_eq!(one, other);
    assert!(one.contains("payments-events-dlq"), "{one}");
    assert!(one.contains("recording of 2026-11-16 23:00:00Z"), "{one}");
}

#[test]
fn unread_parts_are_said_with_status_1() {
    let bench = bench("dash-once-damaged");
    bench.write("state/acks.json", "[");
    let line = raised("payments-dlq", "i2", seconds_ago(9), None);
    let journal = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    bench.write("state/journal.ndjson", journal + "not an event\n" + &line[..50]);
    let output = bench.shell("dlq-dash --once --width 200 </dev/null");
    assert_eq!(output.code(), 1, "{output:?}");
    let text = output.text();
    for part in ["acks.json", "last line", "1 line", "orders-dlq"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn state_that_is_missing_is_empty() {
    let bench = Bench::new("dash-once-nothing");
    let output = bench.shell("dlq-dash --once </dev/null");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert!(!bench.state("").exists(), "nothing is made");
}

#[test]
fn unreadable_recording_is_an_error() {
    let bench = Bench::new("dash-once-missing");
    let output = bench.run("dlq-dash", &["--once", "--replay", "missing.ndjson"], "");
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains("'missing.ndjson'"), "{}", output.stderr);
    let folder = bench.run("dlq-dash", &["--once", "--replay", "."], "");
    assert_eq!(folder.code(), 1, "{folder:?}");
}

/// No byte of a payload steers whoever reads the text.
#[test]
fn hostile_names_are_escaped() {
    let bench = Bench::new("dash-once-hostile");
    let name = "a\\u001b[31mred\\u202e\\u200b\\u009b2J-dlq";
    let line = raised("orders-dlq", INCIDENT, seconds_ago(9), None).replace("orders-dlq", name);
    for view in ["overview", "incidents"] {
        let output = bench.run("dlq-dash", &["--once", "--view", view], &line);
        let text = output.text();
        let is_bad =
            |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}\u{9b}".contains(c);
        assert!(!text.contains(is_bad), "{view}:\n{text:?}");
    }
}

#[test]
fn lines_that_are_no_events_give_status_1() {
    let bench = bench("dash-once-no-events");
    bench.write("no-events", "one\ntwo\n");
    let rows = [
        ("dlq-dash --once --replay no-events", 1, "2 lines"),
        ("dlq-dash --once <no-events", 1, "2 lines"),
        (
            "{ cat state/journal.ndjson; head -c 1100000 /dev/zero; echo; } | dlq-dash --once",
            1,
            "1 line of the source is no event",
        ),
        ("dlq-dash --once --replay /dev/null", 0, "recording: no event yet"),
        ("gzip -c state/journal.ndjson >j.gz; dlq-dash --once --replay j.gz", 1, "zcat"),
    ];
    for (line, status, said) in rows {
        let output = bench.shell(line);
        assert_eq!(output.code(), status, "{line}: {output:?}");
        let all = output.text() + &output.stderr;
        assert!(all.contains(said), "{line}: {all}");
    }
}
