//! `scripts/demo`, as a newcomer runs it: what it says, in which order, and in which time.

use std::path::Path;
use std::process::Stdio;

use crate::support::requirement::is_met;
use crate::support::workbench::{Bench, Running, bin};

/// Beginnings of lines that a reader is to see, in their order.
const SEEN: [&str; 22] = [
    "== Building the programs and the servers",
    "== A shop with 12 queues",
    "orders-dlq             dead letters: 13",
    "== The pipeline: find the dead letters",
    "The pipeline ended with status 0.",
    "== The same as events",
    "== Why they died",
    "# Triage: `KeyError: 'items'`; perhaps the code fails",
    "== The whole way: a fix for orders-dlq",
    "$ dlq-investigate --retry orders-dlq | dlq-prs | dlq-notify",
    "+    return sum(item[\"quantity\"] * item[\"price\"] for item in order.get(\"items\", []))",
    "acme/shop#1 (draft): An order without items fails",
    "== People decide about it",
    "ann marks it ready, bob approves and merges it.",
    "== The messages go home: one, then ten, then the rest",
    "\"step\":\"ramp\",\"messages\":null,\"moved\":1,\"returned\":0",
    "\"step\":\"verify\",\"messages\":null,\"moved\":13,\"returned\":0",
    "\"verified\":true",
    "== The incident closes",
    "acme/shop#1 (merged): An order without items fails",
    "dlq-tools comments: 13 messages redriven, 0 returned. They were consumed and stayed gone.",
    "== What next",
];

#[test]
fn demo_tells_the_story_within_a_minute() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_there = |name: &str| root.join("target").join(name).join("complete").exists();
    let all = ["venv", "github", "github-documents", "github-recorded"];
    let missing = "the servers of the demo are not installed; run scripts/test, which does it";
    if !is_met(all.iter().all(|name| is_there(name)), missing) {
        return;
    }
    let mut bench = Bench::new("demo");
    bench.set("DLQ_BIN", bin("dlq-poll").parent().unwrap());
    bench.set("DLQ_STATE", "a variable of the user, which no program knows");
    let mut command = bench.command(root.join("scripts/demo"), &[]);
    // `finish` has the deadline of a minute.
    let output = Running::spawn(command.stdin(Stdio::null())).finish();
    let text = output.text();
    assert_eq!(output.code(), 0, "{}\n{text}", output.stderr);
    let mut lines = text.lines();
    for words in SEEN {
        let found = lines.any(|line| line.starts_with(words));
        assert!(found, "no '{words}' in its place:\n{text}\n{}", output.stderr);
    }
    let closed = text.lines().any(|line| line.contains("✓ redriven  orders-dlq"));
    assert!(closed, "{text}");
    let warned = output.stderr.lines().filter(|line| line.contains("warning:"));
    assert_eq!(warned.count(), 0, "{}", output.stderr);
}
