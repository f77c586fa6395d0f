//! The parts of `dlq-status` and its summary: figures of the dashboard, unreadable and old state.

use serde_json::{Value, json};

use super::successful_stdout;
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::workbench::Bench;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tuesday.ndjson");
const PARTS: [&str; 4] = ["incidents", "queues", "spend", "prs"];

/// Returns a bench whose journal has a recorded day, and an incident of today.
fn bench(name: &str) -> Bench {
    let bench = Bench::new(name);
    let day = std::fs::read_to_string(FIXTURE).unwrap();
    let today = raised("orders-dlq", "inc-today", seconds_ago(7200), None);
    bench.write("state/journal.ndjson", day + &today + &heartbeat(seconds_ago(9000)));
    bench
}

/// The ages may differ by a moment; once in a few attempts they do not.
#[track_caller]
fn assert_equal_soon(texts: impl Fn() -> (String, String)) {
    let pairs = (0..5).map(|_| texts());
    let last = pairs.into_iter().find(|(one, other)| one == other);
    assert!(last.is_some(), "{:#?}", texts());
}

#[test]
fn parts_have_the_figures_of_the_dashboard() {
    let bench = bench("status-parts");
    assert_equal_soon(|| {
        let shown = bench.shell("dlq-dash --once --view incidents --width 120 </dev/null").text();
        let (_, incidents) = shown.split_once('\n').unwrap();
        (incidents.to_owned(), successful_stdout(&bench.run("dlq-status", &["incidents"], "")))
    });
    for part in ["queues", "prs"] {
        assert_equal_soon(|| {
            let shown = bench.shell("dlq-dash --once --width 120 </dev/null").text();
            let page = successful_stdout(&bench.run("dlq-status", &[part], ""));
            // The problems of both stand at the end.
            let page = page.split("\n! ").next().unwrap().trim_end().to_owned();
            let found = if shown.contains(&page) { page.clone() } else { shown };
            (found, page)
        });
    }
    let spend = successful_stdout(&bench.run("dlq-status", &["spend"], ""));
    let shown = bench.shell("dlq-dash --once --view analytics --width 40 </dev/null").text();
    let days = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("  2026-11-17"));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert!(!days(&shown).is_empty() && days(&spend) == days(&shown), "{spend}\n{shown}");
}

#[test]
fn documents_have_the_figures_of_the_pages() {
    let bench = bench("status-parts-json");
    for part in PARTS {
        let text = successful_stdout(&bench.run("dlq-status", &[part, "--json"], ""));
        assert_eq!(text.lines().count(), 1, "{text}");
        let all: Value = serde_json::from_str(&text).unwrap();
        assert!(!all[part].is_null() && !all["at"].is_null(), "{all}");
        if let Some(rows) = all[part].as_array() {
            let page = successful_stdout(&bench.run("dlq-status", &[part], ""));
            let shown = page.lines().filter(|line| line.starts_with("  ")).count() - 1;
            assert_eq!(rows.len(), shown, "{page}");
        }
    }
}

#[test]
fn unread_journal_is_unknown_and_not_empty() {
    let bench = Bench::new("status-parts-unread");
    for part in PARTS {
        let all: Value =
            serde_json::from_str(&bench.run("dlq-status", &[part, "--json"], "").text()).unwrap();
        let rows = if part == "spend" { &all[part]["days"] } else { &all[part] };
        assert_eq!(rows, &Value::Null, "no journal: {all}");
    }
    std::fs::create_dir_all(bench.state("journal.ndjson")).unwrap();
    bench.write("state/acks.json", "[");
    bench.write("state/budget.json", "[");
    for part in PARTS {
        let output = bench.run("dlq-status", &[part], "");
        assert_eq!(output.code(), 1, "{output:?}");
        // A path is wrapped anywhere.
        let text: String = output.text().split_whitespace().collect();
        assert!(text.contains("journal.ndjson") && text.contains("acks.json"), "{text}");
        assert!(output.stderr.is_empty(), "{}", output.stderr);
        let output = bench.run("dlq-status", &[part, "--json"], "");
        let all: Value = serde_json::from_str(&output.text()).unwrap();
        assert!(output.code() == 1 && output.stderr.contains("acks.json"), "{output:?}");
        let problems = all["problems"].as_array().unwrap();
        assert_eq!(problems.len(), if part == "spend" { 3 } else { 2 }, "{all}");
        assert_eq!(all["spend"]["budget"], Value::Null);
    }
}

#[test]
fn words_that_are_no_part_are_refused() {
    let bench = Bench::new("status-words");
    let rows: [(&[&str], &str); 5] = [
        (&["queue"], "unknown part 'queue'; did you mean 'queues'? known: incidents, queues, "),
        (&["queues", "prs"], "unexpected argument 'prs'"),
        (&["queues", "--summary"], "option '--summary' is about everything"),
        (&["--summary", "--json"], "option '--summary' cannot be combined with '--json'"),
        (&["--unack", "x", "queues"], "unexpected argument 'queues'"),
    ];
    for (args, expected) in rows {
        let output = bench.run("dlq-status", args, "");
        assert_eq!(output.code(), 2, "{args:?}: {output:?}");
        assert!(output.stderr.contains(expected), "{args:?}: {}", output.stderr);
    }
}

/// Writes the state of a round that began so many seconds ago.
fn write_round(bench: &Bench, seconds: u64) {
    let queues =
        json!({"version": 1, "floor": 1, "rounds": {"all": seconds_ago(seconds)}, "queues": {}});
    bench.write("state/queues.json", queues.to_string());
}

#[test]
fn summary_is_one_line_that_says_what_is_unknown() {
    let bench = Bench::new("status-summary");
    let summary = || {
        let output = bench.run("dlq-status", &["--summary", "--ascii"], "");
        assert_eq!(output.stderr, "");
        (output.text(), output.code())
    };
    let line = |text: &str| text.to_owned() + "\n";
    assert_eq!(summary(), (line("? dlq: no round yet, incidents unknown"), 1));
    write_round(&bench, 20);
    assert_eq!(summary(), (line("+ dlq: no open incident"), 0));
    write_round(&bench, 7260);
    assert_eq!(summary(), (line("? dlq: no round for 2h, no open incident"), 1));
    bench.write("state/sessions.json", "[");
    bench.write("state/budget.json", "[");
    let unknown = "investigations unknown, spend unknown, no open incident known";
    assert_eq!(summary(), (line(&format!("? dlq: no round for 2h, {unknown}")), 1));
}

/// The journal may be long, or damaged: the line needs the documents alone.
#[test]
fn summary_reads_no_journal() {
    let bench = Bench::new("status-summary-journal");
    write_round(&bench, 20);
    std::fs::create_dir_all(bench.state("journal.ndjson")).unwrap();
    let text = successful_stdout(&bench.run("dlq-status", &["--summary"], ""));
    assert_eq!(text, "✓ dlq: no open incident\n");
}
