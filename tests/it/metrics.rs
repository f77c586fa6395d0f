//! `dlq-metrics`: what it counts, where it gives it, and what Prometheus makes of it.

mod counting;
mod documents;
mod filter;
mod prometheus;
mod server;

use std::io::Write;

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::workbench::Bench;

/// Returns a bench with a journal of a raised queue and a round.
fn with_journal(name: &str) -> Bench {
    let bench = Bench::new(name);
    std::fs::create_dir_all(bench.state("")).unwrap();
    add(&bench, &raised("orders-dlq", "i-1", seconds_ago(50), None));
    add(&bench, &heartbeat(seconds_ago(45)));
    bench
}

/// Adds lines to the journal, as another program would.
fn add(bench: &Bench, lines: &str) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.append(true).create(true).open(bench.state("journal.ndjson")).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

/// Returns the metrics as a run prints them.
#[track_caller]
fn once(bench: &Bench) -> String {
    let output = bench.run("dlq-metrics", &["--once"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{output:?}");
    output.text()
}

/// Returns the value of a series, with its labels as the text has them.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    found(text, series).unwrap_or_else(|| panic!("no {series} in:\n{text}"))
}

fn found(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}
