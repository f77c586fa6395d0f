//! Last answer of the real Claude Code, whose run has ended without a verdict.

use serde_json::{Value, json};

use super::session::{last_data, run, session_logs};
use crate::support::claude_api::{FakeClaudeApi, Script, Step, say, structured, tool};
use crate::support::claude_cli::{configure_claude, verdict};
use crate::support::requirement::{claude_cli, has_bubblewrap};
use crate::support::workbench::Bench;

#[test]
fn run_without_verdict_is_asked_once_for_last_answer() {
    asked_for_last_answer(", sandbox: off");
}

#[cfg(target_os = "linux")]
#[test]
fn last_answer_is_given_in_the_sandbox() {
    if has_bubblewrap() {
        asked_for_last_answer(", sandbox: require");
    }
}

fn asked_for_last_answer(sandbox: &str) {
    let Some(cli) = claude_cli() else { return };
    let last = || structured(verdict(Value::Null));
    let look = |n: u32| tool("Grep", json!({"pattern": format!("{n}")}));
    let dear = look(1).costing(300_000, 0);
    let rows: [(&str, Vec<Step>, &str); 3] = [
        ("its turns are used up", vec![look(1), look(2), look(3), last()], ", max_turns: 3"),
        ("its money is used up", vec![dear, last()], ", budget_usd_per_run: 0.5"),
        ("no structured output", vec![say("Well."), say("It is."), last()], ""),
    ];
    for (rule, steps, more) in rows {
        let api = FakeClaudeApi::start(Script::new(steps));
        let mut bench = Bench::new("real-last");
        configure_claude(&mut bench, &cli, &api, &format!("{more}{sandbox}"), "");
        let events = run(&bench);
        let data = last_data(&events);
        let logs = session_logs(&bench, data);
        assert_eq!(data["verdict"]["status"], "confirmed", "{rule}: {logs}");
        let started = events.iter().filter(|one| one["type"] == "investigation.started").count();
        let begun = logs.lines().filter(|line| line.contains(r#""subtype":"init""#)).count();
        assert_eq!((started, begun), (1, 2), "{rule}: {logs}");
        // The cost is that of both parts.
        let results = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let costs: Vec<f64> = results.filter_map(|line| line["total_cost_usd"].as_f64()).collect();
        assert!(costs.len() == 2 && costs[0] < costs[1], "{rule}: {costs:?}");
        assert_eq!(data["cost_usd"].as_f64(), Some((costs[1] * 1e6).round() / 1e6), "{rule}");
    }
}
