//! Incidents whose messages only look alike: one investigation at a time in an account, and none on
//! its own after two in vain.

use serde_json::Value;

use crate::support::event_lines::{grew, heartbeat, raised, seconds_ago};
use crate::support::evidence::{cause, sampled};
use crate::support::investigate::{
    agent, assert_no_process_left, investigate, own_events, read_text, sessions, status_json,
    summaries,
};
use crate::support::workbench::Bench;

/// Agent that fails when another one runs, and finds no cause.
const LONELY_AGENT: &str = r#"mkdir @/alone || { echo two >>@/crowd; exit 3; }
echo "$DLQ_QUEUE" >>@/ran; sleep 0.1; rmdir @/alone
echo '{"status":"inconclusive","title":"t"}'"#;

/// Returns the lines of an incident with evidence of one cause.
fn incident(bench: &Bench, name: &str, id: &str, kind: &str) -> String {
    let group = cause("f1", kind, "an order", &["m1", "m2"]);
    raised(name, id, seconds_ago(60), None) + &sampled(bench, name, id, vec![group])
}

/// Returns the lines as of another account.
fn elsewhere(lines: &str) -> String {
    lines.replace(":000000000000:", ":111111111111:")
}

fn ran(bench: &Bench) -> Vec<String> {
    read_text(bench, "ran").lines().map(str::to_owned).collect()
}

fn investigation(bench: &Bench, queue: &str) -> Value {
    let incidents = status_json(bench)["incidents"].as_array().unwrap().clone();
    let row = incidents.into_iter().find(|row| row["queue"] == queue);
    row.unwrap()["investigation"].clone()
}

#[test]
fn shape_is_investigated_one_by_one_and_twice_in_vain() {
    let mut bench = Bench::new("same-shape");
    agent(&mut bench, LONELY_AGENT, "");
    let names: Vec<String> = (1..=12).map(|n| format!("q{n}")).collect();
    let lines = |name: &String| incident(&bench, name, &format!("i-{name}"), "shape");
    let input: String = names.iter().map(lines).collect();
    let output = investigate(&bench, &[], input + &heartbeat(seconds_ago(0)));
    assert_eq!(read_text(&bench, "crowd"), "", "one at a time");
    assert_eq!(ran(&bench).len(), 2, "{}", output.text());
    let events = own_events(&output.text());
    let skipped = |word: &str| events.iter().filter(|one| one["data"]["reason"] == word).count();
    assert_eq!(skipped("unexplained"), 10, "each of the others says what it waits for");
    assert_eq!(skipped("known_cause"), 0);
    let last = events.iter().rfind(|one| one["data"]["reason"] == "unexplained").unwrap();
    let detail = last["data"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("2 investigations of messages of the same shape found no cause"));
    assert_eq!(last["severitytext"], "WARN");
    // Neither another run nor growth with the same messages starts one.
    let waiting = names.iter().find(|name| !ran(&bench).contains(name)).unwrap();
    let id = format!("i-{waiting}");
    let again = grew(waiting, &id, seconds_ago(0)) + &heartbeat(seconds_ago(0));
    let output = investigate(&bench, &[], again);
    assert_eq!(summaries(&output.text()), [format!("skipped {waiting} unexplained")]);
    assert_eq!(ran(&bench).len(), 2);
    assert_eq!(investigation(&bench, waiting)["reason"], "unexplained");
    // A person, and other evidence, do.
    let output = bench.run("dlq-investigate", &["--retry", waiting], "");
    assert_eq!(ran(&bench).last(), Some(waiting), "{}", output.text());
    let other = names.iter().find(|name| !ran(&bench).contains(name)).unwrap();
    let new = vec![cause("f2", "error_text", "KeyError", &["m1"])];
    let new = sampled(&bench, other, &format!("i-{other}"), new).replace("sampled-", "again-");
    investigate(&bench, &[], new + &heartbeat(seconds_ago(0)));
    assert_eq!(ran(&bench).last(), Some(other));
    assert_no_process_left(&bench);
}

#[test]
fn shape_in_another_account_is_another_case() {
    let mut bench = Bench::new("same-shape-elsewhere");
    agent(&mut bench, LONELY_AGENT, "");
    let input: String = ["a", "b", "c"].map(|name| incident(&bench, name, name, "shape")).concat();
    investigate(&bench, &[], input + &heartbeat(seconds_ago(0)));
    assert_eq!(ran(&bench).len(), 2);
    let input = elsewhere(&incident(&bench, "d", "d", "shape"));
    investigate(&bench, &[], input + &heartbeat(seconds_ago(0)));
    assert_eq!(ran(&bench).last().unwrap(), "d");
}

#[test]
fn error_without_an_explanation_is_no_known_cause() {
    let mut bench = Bench::new("unexplained-error");
    agent(&mut bench, LONELY_AGENT, "");
    let input: String =
        ["a", "b", "c", "d"].map(|name| incident(&bench, name, name, "error_text")).concat();
    let output = investigate(&bench, &[], input + &heartbeat(seconds_ago(0)));
    assert_eq!(read_text(&bench, "crowd"), "", "one at a time");
    assert_eq!(ran(&bench).len(), 2, "{}", output.text());
    let ends = summaries(&output.text());
    assert_eq!(ends.iter().filter(|end| end.ends_with(" unexplained")).count(), 2, "{ends:?}");
}

#[test]
fn triage_judges_each_queue_of_a_shape() {
    let mut bench = Bench::new("same-shape-triage");
    bench.configure("auto_investigation: {enabled: true, target_queues: ['*'], agent: triage}");
    let names = ["a", "b", "c", "d"];
    let input: String = names.map(|name| incident(&bench, name, name, "shape")).concat();
    let output = investigate(&bench, &[], input + &heartbeat(seconds_ago(0)));
    let ends = summaries(&output.text());
    assert_eq!(ends.iter().filter(|end| end.starts_with("completed")).count(), 4, "{ends:?}");
    for incident in sessions(&bench)["incidents"].as_array().unwrap() {
        assert_eq!(incident["unexplained"], serde_json::json!([]), "{incident}");
    }
}
