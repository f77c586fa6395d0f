//! What a filter owes when nobody reads it: what was not read is printed by the next run.

use std::process::Stdio;

use crate::support::stream::{QUICK, agent, ago, investigate, raised, sessions, told};
use crate::support::workbench::{Bench, wait_for};

#[test]
fn what_a_session_told_waits_for_a_reader() {
    let mut bench = Bench::new("reader");
    agent(&mut bench, QUICK, "");
    let first = investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
    wait_for("the end", || sessions(&bench)["sessions"][0]["status"] == "completed");
    let before = told(&first.text());
    let mut filter = bench.command("dlq-investigate", &[]);
    let filter = filter.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = filter.spawn().unwrap();
    drop(running.stdout.take());
    drop(running.stdin.take());
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let after = told(&investigate(&bench, &[], "").text());
    assert_eq!([before, after].concat(), ["started orders", "completed orders"]);
    assert_eq!(investigate(&bench, &[], "").text(), "", "printed once");
}

#[test]
fn a_journal_that_cannot_be_rotated_is_a_warning() {
    let mut bench = Bench::new("rotation");
    agent(&mut bench, QUICK, "");
    bench.set("DLQ_STATE_JOURNAL_MAX_MIB", "1");
    std::fs::create_dir_all(bench.state("")).unwrap();
    std::fs::write(bench.state("journal.ndjson"), "{}\n".repeat(400_000)).unwrap();
    // Where the packed part is written stands a folder.
    std::fs::create_dir(bench.state("journal.ndjson.tmp")).unwrap();
    let output = investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
    assert_eq!(output.code(), 0);
    wait_for("the end", || sessions(&bench)["sessions"][0]["status"] == "completed");
    let log = bench.run("dlq-log", &["--type", "investigation.completed"], "");
    assert_eq!(log.text().lines().count(), 1);
}
