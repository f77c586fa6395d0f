//! Budget of investigations: what it refuses, and what ends the wait.

use crate::support::claude_stub::{INIT_LINE, bench_with_stub, result_line, verdict};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    assert_no_process_left, investigate, own_events, status_json, summaries,
};

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
