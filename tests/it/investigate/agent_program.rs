//! Custom agents, as dlq-agent(7) describes them: the example program, and the result in each
//! output format.

use std::path::Path;

use dlq::rules::evidence::bundle::Group;
use serde_json::{Value, json};

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::evidence::{self, cause};
use crate::support::investigate::{
    agent, assert_no_process_left, investigate, own_events, read_text, sessions, summaries,
};
use crate::support::requirement::has_jq;
use crate::support::workbench::Bench;

/// Writes a configuration with this agent.
fn configure(bench: &mut Bench, agent: &str, format: &str, required: bool) {
    bench.configure(&format!(
        "auto_investigation: {{enabled: true, target_queues: ['*'], require_evidence: {required}, \
         agent: {{command: ['{agent}'], format: {format}}}}}\n"
    ));
}

fn example(bench: &mut Bench, required: bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/agent-example");
    configure(bench, path.to_str().unwrap(), "text", required);
}

/// Writes evidence into the state folder and returns its `queue.sampled` line.
fn sampled(bench: &Bench, causes: Vec<Group>) -> String {
    evidence::sampled(bench, "orders", "i", causes)
}

/// Investigates a queue; returns the summaries of all events and the last event.
fn investigate_queue(bench: &Bench, sampled: &str) -> (Vec<String>, Value) {
    let input = raised("orders", "i", seconds_ago(0), None) + sampled + &heartbeat(seconds_ago(0));
    let output = investigate(bench, &[], input);
    assert_no_process_left(bench);
    (summaries(&output.text()), own_events(&output.text()).pop().unwrap())
}

#[test]
fn example_agent_names_most_frequent_cause() {
    if !has_jq() {
        return;
    }
    let mut bench = Bench::new("agent-example");
    example(&mut bench, true);
    // Neither a shell nor jq evaluates a title.
    let title = "TypeError: \"$(touch ran)\" `touch ran` \\(1) is not a function";
    let causes = vec![
        cause("f1", "error_text", title, &["m1", "m3"]),
        cause("f2", "shape", "an order", &["m2"]),
    ];
    let (summaries, last) = investigate_queue(&bench, &sampled(&bench, causes));
    assert_eq!(summaries, ["started orders", "completed orders"]);
    assert_eq!(
        last["data"]["verdict"],
        json!({"status": "likely", "title": title, "category": "unknown", "confidence": 0.66,
            "redrive": "after_fix", "needs_person": null})
    );
    let report = std::fs::read_to_string(last["data"]["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("- Status: likely, ") && report.contains("TypeError"), "{report}");
    let transcript =
        format!("state/sessions/{}/transcript.ndjson", last["data"]["session"].as_str().unwrap());
    let lines = read_text(&bench, &transcript);
    assert!(lines.starts_with("f1: 2 of one cause (error_text): TypeError"), "{lines}");
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert_eq!(bench.shell("find . -name ran").text(), "");
}

#[test]
fn example_agent_is_inconclusive_without_error_text() {
    if !has_jq() {
        return;
    }
    let mut bench = Bench::new("agent-example-shape");
    example(&mut bench, true);
    let causes = vec![cause("f1", "shape", "an order", &["m1"])];
    let (_, last) = investigate_queue(&bench, &sampled(&bench, causes));
    assert_eq!(last["data"]["verdict"]["status"], "inconclusive");
    let mut bench = Bench::new("agent-example-nothing");
    example(&mut bench, false);
    let (summaries, last) = investigate_queue(&bench, "");
    assert_eq!(summaries, ["started orders", "completed orders"]);
    assert_eq!(last["data"]["verdict"]["title"], "No message could be looked at");
}

/// Returns a success line of Claude Code with `more` in place of the structured output.
fn success(more: &str) -> String {
    format!(
        r#"{{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","num_turns":7,"total_cost_usd":0.42,{more}}}"#
    )
}

fn verdict(status: &str) -> String {
    format!(r#""structured_output":{{"status":"{status}","cost_usd":9,"turns":9}}"#)
}

#[test]
fn agent_result_is_read_by_output_format() {
    let text = r#"thinking\n{"status":"odd","cost_usd":0.42,"turns":7}\n\n"#;
    let assistant =
        r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"grep"}]}}"#;
    // Turns of all result lines are added up.
    let failed = success(&verdict("no")).replace("success", "error_max_turns");
    let failed = failed.replace("false", "true").replace("\"num_turns\":7", "\"num_turns\":0");
    let of_text = success(r#""result":"so\\n{\"status\":\"odd\"}\\n""#);
    let other_status = success(&verdict("odd"));
    let bare = success(r#""result":"I have done it""#);
    let rows = [
        ("the last line", "text", text.to_owned(), "completed orders"),
        ("one document", "json", other_status.clone(), "completed orders"),
        ("a list", "json", format!("[{assistant},{other_status}]"), "completed orders"),
        (
            "lines",
            "stream-json",
            format!("{assistant}\\nno json\\n{other_status}"),
            "completed orders",
        ),
        ("the end of a text", "stream-json", of_text, "completed orders"),
        (
            "a success is enough",
            "stream-json",
            format!("{other_status}\\n{failed}\\n"),
            "completed orders",
        ),
        ("an error", "json", failed, "failed orders max_turns"),
        ("a success without a result", "json", bare, "failed orders no_result"),
        ("the form of another format", "stream-json", text.to_owned(), "failed orders no_result"),
        ("nothing, and status 1", "json", "exit 1".to_owned(), "failed orders bad_usage"),
    ];
    for (rule, format, writes, word) in rows {
        let mut bench = Bench::new("agent-formats");
        let body = match writes.as_str() {
            "exit 1" => writes,
            _ => format!("printf '%b' '{}'", writes.replace('\'', "'\\''")),
        };
        let agent = bench.stub("agent", &format!("#!/bin/sh\n{body}\n"));
        configure(&mut bench, agent.to_str().unwrap(), format, false);
        let (summaries, last) = investigate_queue(&bench, "");
        assert_eq!(summaries.last().unwrap(), word, "{rule}");
        if word.starts_with("completed") {
            let data = &last["data"];
            let found = (&data["verdict"]["status"], &data["cost_usd"], &data["turns"]);
            assert_eq!(found, (&json!("odd"), &json!(0.42), &json!(7)), "{rule}");
            let progress =
                format == "stream-json" && summaries.contains(&"progressed orders".into());
            assert_eq!(progress, rule == "lines", "{rule}");
        }
        // A cost settles the reservation only where the format reports the whole cost.
        let spends: Value =
            serde_json::from_str(&read_text(&bench, "state/budget.json")).unwrap_or_default();
        let settled = spends["spends"][0]["settled_at"].is_string();
        assert_eq!(settled, format != "text", "{rule}");
        assert_eq!(sessions(&bench)["sessions"].as_array().unwrap().len(), 1, "{rule}");
    }
}

#[test]
fn claim_of_success_is_no_result_in_any_format() {
    let claim = "echo 'Investigation completed. All is well.'; echo '{\"is_error\":false}'; exit 0";
    for format in ["text", "json", "stream-json"] {
        let mut bench = Bench::new("claim");
        let script = agent(&mut bench, claim, "");
        let argv = format!("[\"{}\"]", script.display());
        let yaml = read_text(&bench, "config.yaml");
        bench.configure(&yaml.replace(&argv, &format!("{{command: {argv}, format: {format}}}")));
        let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
        let summaries = summaries(&output.text());
        assert!(summaries.last().unwrap().starts_with("failed orders "), "{format}: {summaries:?}");
        assert_eq!(sessions(&bench)["sessions"][0]["status"], "failed", "{format}");
        assert!(sessions(&bench)["sessions"][0]["cooldown_until"].is_string(), "{format}");
        assert_no_process_left(&bench);
    }
}
