//! Budget of investigations: what it refuses, and what ends the wait.

use crate::support::claude_stub::{INIT_LINE, bench_with_stub, result_line, verdict};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    assert_no_process_left, investigate, own_events, read_text, sessions, status_json, summaries,
};
use serde_json::{Value, json};

fn expiring(name: &str, incident: &str, loss: &str) -> String {
    raised(name, incident, seconds_ago(0), None).replace("queue.raised", "queue.expiring").replace(
        r#""expires_after":null,"expires_before":null"#,
        &format!(
            r#""expires_after":"{loss}","expires_before":"{loss}","tier":"1h","certain":true"#
        ),
    )
}

#[test]
fn spent_budget_skips_incident_until_loss_is_near() {
    let body =
        format!("cat >/dev/null; echo ran >>@/ran; {INIT_LINE}; {}", result_line(&verdict()));
    let bench = bench_with_stub("after-money", "2.1.330", &body, ", budget_usd_per_day: 7");
    // A fifth of 7 dollars is reserved for incidents near loss. A run reserves 5 plus 1, which is
    // more than the rest.
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(summaries(&output.text()), ["skipped orders budget"]);
    assert!(own_events(&output.text())[0]["data"]["until"].is_null(), "no time alone helps");
    let again = investigate(&bench, &[], heartbeat(seconds_ago(0)));
    assert_eq!(summaries(&again.text()), [""; 0], "reported once");
    let explained = investigate(&bench, &["--explain", "orders"], "").text();
    assert!(!explained.contains("cooldown over: the queue was investigated"), "{explained}");
    let soon = dlq::clock::now().plus(std::time::Duration::from_secs(3600)).to_string();
    let output =
        investigate(&bench, &[], expiring("orders", "i", &soon) + &heartbeat(seconds_ago(0)));
    let all = summaries(&output.text());
    assert_eq!(all, ["started orders", "completed orders"], "{}", output.stderr);
    assert_no_process_left(&bench);
}

#[test]
fn raised_budget_limit_ends_wait() {
    let body = format!("cat >/dev/null; {INIT_LINE}; {}", result_line(&verdict()));
    let mut bench = bench_with_stub("after-more", "2.1.330", &body, ", budget_usd_per_day: 8");
    // Of 8 dollars, 6.40 are for all incidents: enough for one run, which costs almost nothing, and
    // another.
    investigate(&bench, &[], raised("a", "i", seconds_ago(0), None));
    bench.set("DLQ_AUTO_INVESTIGATION_BUDGET_USD_PER_DAY", "6");
    let output = investigate(&bench, &[], raised("b", "k", seconds_ago(0), None));
    assert_eq!(summaries(&output.text()), ["skipped b budget"]);
    let view = status_json(&bench);
    let waits = &view["incidents"].as_array().unwrap().iter().find(|one| one["incident"] == "k");
    assert_eq!(waits.unwrap()["investigation"]["reason"], "budget", "{view}");
    assert_eq!(summaries(&investigate(&bench, &[], heartbeat(seconds_ago(0))).text()), [""; 0]);
    bench.set("DLQ_AUTO_INVESTIGATION_BUDGET_USD_PER_DAY", "50");
    let output = investigate(&bench, &[], heartbeat(seconds_ago(0)));
    assert_eq!(summaries(&output.text()), ["started b", "completed b"]);
}

#[test]
fn settled_reservation_ends_waits_for_budget() {
    let body = format!("cat >/dev/null; sleep 0.3; {INIT_LINE}; {}", result_line(&verdict()));
    let bench = bench_with_stub("freed-money", "2.1.330", &body, ", budget_usd_per_day: 8");
    // Of 8 dollars, 6.40 are for all incidents: one run reserves 6 and costs a cent.
    let input: String =
        (0..10).map(|n| raised(&format!("q{n}"), &format!("i{n}"), seconds_ago(0), None)).collect();
    let output = investigate(&bench, &[], input);
    let all = summaries(&output.text());
    let ended = |word: &str| all.iter().filter(|one| one.starts_with(word)).count();
    assert_eq!(ended("completed"), 10, "{all:?}");
    let waits = all.iter().filter(|one| one.ends_with(" budget")).count();
    assert!(waits <= 9, "each waits for money once at most: {all:?}");
    assert_no_process_left(&bench);
}

/// Returns the spends of `budget.json`.
fn spends(bench: &crate::support::workbench::Bench) -> Value {
    let budget: Value = serde_json::from_str(&read_text(bench, "state/budget.json")).unwrap();
    budget["spends"].clone()
}

#[test]
fn cost_that_cannot_be_believed_counts_as_reserved() {
    let cut = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":2,"terminal_reason":"aborted_streaming","total_cost_usd":0,"session_id":"s","permission_denials":[]}"#;
    let stopped = format!(
        "cat >/dev/null; {INIT_LINE}; trap 'echo '\\''{cut}'\\''; exit 0' INT; while :; do sleep 0.05; done"
    );
    let costing = |cost: &str| {
        let line = result_line(&verdict()).replace("0.009000000000000001", cost);
        format!("cat >/dev/null; {INIT_LINE}; {line}")
    };
    let rows = [
        ("an answer cut short", stopped, ", timeout_minutes: 0.03", "in the middle of an answer"),
        ("a negative cost", costing("-5"), "", "no amount of money"),
        ("an absurd cost", costing("900.0"), "", "$900.00"),
    ];
    for (rule, body, more, why) in rows {
        let bench = bench_with_stub("odd-money", "2.1.330", &body, more);
        let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
        let events = own_events(&output.text());
        let end = events.last().unwrap();
        assert!(end["data"]["cost_usd"].is_null(), "{rule}: {end}");
        let said = end.to_string();
        assert!(said.contains(why) && said.contains("counts as reserved"), "{rule}: {said}");
        let spend = &spends(&bench)[0];
        assert!(spend["cost_usd"].is_null() && !spend["settled_at"].is_null(), "{rule}: {spend}");
        assert_no_process_left(&bench);
    }
}

#[test]
fn unavailable_api_is_tried_again_after_a_pause_without_cooldown() {
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":1,"error_status":null,"error":"unknown"}"#;
    let ended = |status: Value| {
        json!({"type": "result", "subtype": "success", "is_error": true, "num_turns": 1,
            "terminal_reason": "api_error", "api_error_status": status, "total_cost_usd": 0,
            "result": "API Error", "session_id": "s", "permission_denials": []})
    };
    let rows = [
        ("a rate limit", String::new(), json!(429)),
        ("an overload", String::new(), json!(529)),
        ("a server error", String::new(), json!(500)),
        ("a lost connection", format!("echo '{retry}';"), Value::Null),
    ];
    for (rule, before, status) in rows {
        let line = ended(status);
        let body = format!(
            "cat >/dev/null; echo ran >>@/ran; {INIT_LINE}; {before} echo '{line}'; exit 1"
        );
        let bench = bench_with_stub("busy-api", "2.1.330", &body, "");
        let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
        let mut all = summaries(&output.text());
        all.retain(|one| one != "progressed orders");
        assert_eq!(all, ["started orders", "failed orders api_unavailable"], "{rule}");
        let document = sessions(&bench);
        assert!(document["sessions"][0]["cooldown_until"].is_null(), "{rule}: {document}");
        let until = document["incidents"][0]["hold"]["until"].as_str().unwrap();
        let pause = dlq::time::Timestamp::parse(until).unwrap().since(seconds_ago(0));
        assert!((90..=180).contains(&pause.as_secs()), "{rule}: {pause:?}");
        let explained = investigate(&bench, &["--explain", "orders"], "").text();
        assert!(explained.contains("the model's API does not answer"), "{rule}: {explained}");
        assert!(!explained.contains("was investigated"), "{rule}: {explained}");
        // The pause is over.
        let past = document.to_string().replace(until, &seconds_ago(1).to_string());
        let past = past.replace(
            document["incidents"][0]["hold"]["since"].as_str().unwrap(),
            &seconds_ago(2).to_string(),
        );
        bench.write("state/sessions.json", past);
        let again = investigate(&bench, &[], heartbeat(seconds_ago(0)));
        let all = summaries(&again.text());
        assert_eq!(all.last().unwrap(), "failed orders api_unavailable", "{rule}: {all:?}");
        assert_eq!(read_text(&bench, "ran"), "ran\nran\n", "{rule}");
        let pause = sessions(&bench)["incidents"][0]["hold"]["until"].to_string();
        let pause = dlq::time::Timestamp::parse(pause.trim_matches('"')).unwrap();
        assert!(pause.since(seconds_ago(0)).as_secs() > 180, "{rule}: the next pause is longer");
        assert_no_process_left(&bench);
    }
}

/// Calls fail until the deadline: nothing was investigated, so that no cooldown begins.
#[test]
fn api_that_does_not_answer_until_the_deadline_is_tried_again() {
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"error_status":null,"error":"unknown"}"#;
    let body = format!("cat >/dev/null; {INIT_LINE}; echo '{retry}'; exec sleep 600");
    let bench = bench_with_stub("silent-api", "2.1.330", &body, ", timeout_minutes: 0.03");
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let all = summaries(&output.text());
    assert_eq!(all.last().unwrap(), "failed orders api_unavailable", "{all:?}");
    let document = sessions(&bench);
    assert!(document["sessions"][0]["cooldown_until"].is_null(), "{document}");
    assert!(document["incidents"][0]["hold"]["until"].is_string(), "{document}");
    assert_no_process_left(&bench);
}
