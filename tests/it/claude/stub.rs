//! Agent `claude` with a stub in its place: a shell script that prints recorded lines.

use serde_json::{Value, json};

use crate::support::claude_stub::{INIT_LINE, bench_with_stub, result_line, verdict};
use crate::support::event_lines::{cleared, heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    agent, assert_no_process_left, investigate, own_events, read_text, sessions, summaries,
};
use crate::support::workbench::{Bench, bin, wait_for};

fn budget(bench: &Bench) -> Value {
    serde_json::from_str(&read_text(bench, "state/budget.json")).unwrap_or_default()
}

#[test]
fn verdict_is_reported_with_cost_and_progress() {
    let used = r#"echo '{"type":"assistant","message":{"id":"a","content":[{"type":"tool_use","id":"t","name":"Grep","input":{}}]}}'"#;
    let body = format!(
        "env >@/env; pwd >@/cwd; ls -A >@/ls; for word; do echo \"$word\"; case $word in \
         --agents=*) cat \"${{word#*=}}\" >@/agents ;; --settings=*) \
         word=${{word#*Helper\\\":\\\"}}; sh -c \"${{word%%\\\"*}}\" >@/key ;; esac; done >@/argv; \
         cat >@/prompt; {INIT_LINE}; {used}; {}",
        result_line(&verdict())
    );
    let limits =
        ", budget_usd_per_run: 5, budget_usd_per_day: 50, max_turns: 37, timeout_minutes: 47";
    let bench = bench_with_stub("claude-verdict", "2.1.330", &body, limits);
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(
        summaries(&output.text()),
        ["started orders", "progressed orders", "completed orders"]
    );
    let events = own_events(&output.text());
    assert_eq!(events[1]["data"]["tool"], "Grep");
    let done = &events[2]["data"];
    assert_eq!((&done["cost_usd"], &done["turns"]), (&json!(0.009), &json!(3)));
    // One of the two citations exists.
    assert_eq!(done["verdict"]["status"], "likely", "lowered from confirmed");
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("lowered from confirmed to likely"), "{report}");
    assert!(report.contains("print(order.customer.id)"), "an excerpt: {report}");
    assert!(report.contains("`a.py:1-9` (**does not exist**)"), "{report}");
    let spend = &budget(&bench)["spends"][0];
    assert_eq!((&spend["reserved_usd"], &spend["cost_usd"]), (&json!(6.0), &json!(0.009)));
    assert_eq!(sessions(&bench)["sessions"][0]["cost_usd"], 0.009);
    // The key of the model comes from a pipe that can be read once.
    assert_eq!(read_text(&bench, "key"), "sk-ant-api03-of-the-model");
    let env = read_text(&bench, "env");
    for absent in ["of-the-cloud", "MODEL_KEY=", "of-the-model", "API_KEY="] {
        assert!(!env.contains(absent), "{absent}: {env}");
    }
    let (argv, agents) = (read_text(&bench, "argv"), read_text(&bench, "agents"));
    assert!(argv.contains("--restricted\n"), "{argv}");
    assert!(argv.contains("--tools=Read,Grep,Glob,Agent\n"), "{argv}");
    assert!(agents.contains("\"code-review\"") && !agents.contains("Bash\""), "{agents}");
    let prompt = read_text(&bench, "prompt");
    assert!(prompt.contains("</data nonce="), "{prompt}");
    let limits = "you have at most 37 turns of your own, $5.00 and 47 minutes";
    assert!(prompt.contains(limits), "{prompt}");
    // The worktree of the agent is gone, and the user's checkout has no new file.
    assert!(read_text(&bench, "cwd").trim().ends_with("/tree"), "{}", read_text(&bench, "cwd"));
    assert_eq!(read_text(&bench, "ls"), ".dlq\n.git\na.py\n");
    let git = "cd repo && git worktree list | wc -l && git branch --list | cat && git status -s";
    assert_eq!(bench.shell(git).text(), "1\n* main\n");
    assert!(!argv.contains("of-the-model"), "{argv}");
    let files = bench.shell("grep -rl of-the-model state; true").text();
    assert_eq!(files, "", "in no file");
    assert_no_process_left(&bench);
}

#[test]
fn failure_has_reason() {
    let other = INIT_LINE.replace("\"Glob\",", "\"Glob\",\"Bash\",");
    let retry = r#"echo '{"type":"system","subtype":"api_retry","attempt":1,"error_status":401,"error":"authentication_failed"}'"#;
    let nothing = result_line(&Value::Null);
    let unhooked = INIT_LINE.replace(": >\"$DLQ_SESSION_DIR/hooked\"", ":");
    let used = r#"echo '{"type":"assistant","message":{"id":"a","content":[{"type":"tool_use","id":"t","name":"Grep","input":{}}]}}'"#;
    let unknown_status = result_line(&json!({"status": "fixed"}));
    let rows = [
        ("another policy", format!("{other}; sleep 600"), "policy"),
        ("no hooks", format!("{unhooked} ; {used}; sleep 600"), "policy"),
        ("a refused key", format!("{INIT_LINE}; {retry}; sleep 600"), "unauthorized"),
        ("no structured output", format!("{INIT_LINE}; {nothing}"), "no_structured_output"),
        ("an unknown status", format!("{INIT_LINE}; {unknown_status}"), "no_result"),
        ("a claim", "echo I need Bash permissions".into(), "no_result"),
        ("silence", "exit 0".into(), "no_result"),
    ];
    for (rule, body, reason) in rows {
        let bench = bench_with_stub("claude-ends", "2.1.330", &body, "");
        let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
        let summaries = summaries(&output.text());
        assert_eq!(summaries.last().unwrap(), &format!("failed orders {reason}"), "{rule}");
        // The cost is unknown, so the whole reservation counts.
        assert!(budget(&bench)["spends"][0]["settled_at"].is_string(), "{rule}");
        assert_no_process_left(&bench);
    }
}

#[test]
fn unsupported_release_starts_no_agent_and_no_cooldown() {
    let bench = bench_with_stub("claude-old", "2.1.197", "touch @/ran", "");
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(summaries(&output.text()), ["skipped orders agent_unfit"]);
    let message = own_events(&output.text());
    assert_eq!(message[0]["severitytext"], "WARN");
    assert!(message[0]["data"]["detail"].as_str().unwrap().contains("2.1.212"), "{message:?}");
    assert_eq!(sessions(&bench)["sessions"][0]["cooldown_until"], Value::Null);
    assert!(!bench.path("ran").exists() && !bench.state("budget.json").exists());
}

#[test]
fn budget_below_cost_of_run_skips_with_warning() {
    let bench = bench_with_stub("claude-poor", "2.1.330", "touch @/ran", ", budget_usd_per_day: 5");
    let output = investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("skip is recorded", || {
        read_text(&bench, "state/journal.ndjson").contains("\"budget\"")
    });
    let rest = investigate(&bench, &[], "");
    let message = own_events(&(output.text() + &rest.text()));
    assert_eq!(
        (&message[0]["data"]["reason"], &message[0]["severitytext"]),
        (&json!("budget"), &json!("WARN"))
    );
    assert!(!bench.path("ran").exists());
    assert_no_process_left(&bench);
}

#[test]
fn stop_option_ends_running_session() {
    let bench = bench_with_stub(
        "claude-stop",
        "2.1.330",
        &format!("{INIT_LINE}; touch @/ready; sleep 600"),
        "",
    );
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("it is ready", || bench.path("ready").exists());
    let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let usage = format!("state/sessions/{id}/usage.json");
    wait_for("it is sampled", || bench.path(&usage).exists());
    let usage: Value = serde_json::from_str(&read_text(&bench, &usage)).unwrap();
    let more = |key: &str| usage[key].as_u64().unwrap() > 0;
    assert!(more("processes") && more("rss_bytes") && more("rss_peak_bytes"), "{usage}");
    let output = bench.run("dlq-investigate", &["--stop", &id[..8]], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert_eq!(summaries(&output.text()).last().unwrap(), "stopped orders");
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "stopped");
    let again = bench.run("dlq-investigate", &["--stop", &id], "");
    assert_eq!(again.code(), 1);
    assert!(again.stderr.contains("it has ended already"), "{}", again.stderr);
    assert_no_process_left(&bench);
}

/// A session that is resumed takes a slot like any other, and its queue has one session at a time.
#[test]
fn resumed_session_needs_a_slot() {
    let rows = [
        (1, "users", "auto_investigation.max_concurrent sessions are running"),
        (2, "orders", "another session is investigating its queue"),
    ];
    for (slots, busy, why) in rows {
        let body = format!("{INIT_LINE}; echo ran >>@/ran; exec sleep 600");
        let more = format!(", cooldown_hours: 0, max_concurrent: {slots}");
        let bench = bench_with_stub("claude-slots", "2.1.330", &body, &more);
        let runs =
            |count| wait_for("it runs", || read_text(&bench, "ran").lines().count() == count);
        investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
        runs(1);
        let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(bench.run("dlq-investigate", &["--stop", &id], "").code(), 0);
        investigate(&bench, &["--no-wait"], raised(busy, "k", seconds_ago(0), None));
        runs(2);
        let output = bench.run("dlq-investigate", &["--resume", &id], "");
        assert_eq!(output.code(), 1, "{busy}: {}", output.text());
        assert!(output.stderr.contains(why), "{busy}: {}", output.stderr);
        assert_eq!(sessions(&bench)["sessions"].as_array().unwrap().len(), 2, "{busy}");
        let other = sessions(&bench)["sessions"][1]["id"].as_str().unwrap().to_owned();
        assert_eq!(bench.run("dlq-investigate", &["--stop", &other], "").code(), 0);
        assert_no_process_left(&bench);
        assert_eq!(read_text(&bench, "ran"), "ran\nran\n", "{busy}");
    }
}

/// The last answer has no verdict either: it is not asked for again.
#[test]
fn last_answer_is_asked_for_once() {
    let body =
        format!("cat >/dev/null; echo $* >>@/ran; {INIT_LINE}; {}", result_line(&Value::Null));
    let bench = bench_with_stub("claude-once", "2.1.330", &body, "");
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let all = summaries(&output.text());
    assert_eq!(all, ["started orders", "failed orders no_structured_output"]);
    let ran = read_text(&bench, "ran");
    let resumed: Vec<bool> = ran
        .lines()
        .filter(|line| line.contains("--session-id=") || line.contains("--resume="))
        .map(|line| line.contains("--resume="))
        .collect();
    assert_eq!(resumed, [false, true], "{ran}");
    assert_no_process_left(&bench);
}

#[test]
fn explain_names_refusing_rule_and_retry_passes_cooldown() {
    let body =
        format!("echo ran >>@/ran; cat >/dev/null; {INIT_LINE}; {}", result_line(&verdict()));
    let bench = bench_with_stub("claude-retry", "2.1.330", &body, "");
    let unknown = bench.run("dlq-investigate", &["--explain", "orders"], "");
    assert_eq!((unknown.code(), unknown.stdout.len()), (1, 0));
    assert!(unknown.stderr.contains("no queue has an open incident"), "{}", unknown.stderr);
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let explained = investigate(&bench, &["--explain", "orders"], "").text();
    assert!(explained.contains("  yes enabled\n"), "{explained}");
    assert!(
        explained.contains("  no  cooldown over: the queue is in its cooldown until"),
        "{explained}"
    );
    assert!(explained.contains("  no  to be judged: it was investigated"), "{explained}");
    assert_eq!(read_text(&bench, "ran").lines().count(), 1, "an explanation starts nothing");
    let again = investigate(&bench, &["--retry", "orders"], "");
    assert_eq!(summaries(&again.text()), ["started orders", "completed orders"]);
    assert_eq!(read_text(&bench, "ran").lines().count(), 2);
    assert_eq!(summaries(&investigate(&bench, &[], "").text()), [""; 0], "once");
    assert_eq!(bench.run("dlq-investigate", &["--retry", "other"], "").code(), 1);
    assert_no_process_left(&bench);
}

#[test]
fn missing_claude_starts_no_cooldown_and_is_found_later() {
    let mut bench = Bench::new("claude");
    // The PATH must not reach a `claude` that is installed on this machine.
    bench.set("PATH", bin("dlq-log").parent().unwrap());
    let yaml = "auto_investigation: {enabled: true, target_queues: ['*'], agent: claude, \
                require_evidence: false}\n";
    bench.configure(yaml);
    let input = raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0));
    let output = investigate(&bench, &[], &input);
    assert_eq!(summaries(&output.text()), ["skipped orders agent_missing"]);
    assert_eq!(own_events(&output.text())[0]["data"]["until"], Value::Null);
    assert_eq!(sessions(&bench)["sessions"].as_array().unwrap().len(), 0);
    assert!(!bench.state("budget.json").exists(), "and nothing was reserved");
    // An unsupported release starts no cooldown either, and shows that the incident was still
    // waiting.
    bench.stub("claude", "#!/bin/sh\necho '1.0.0 (Claude Code)'\n");
    let output = investigate(&bench, &[], "");
    assert_eq!(summaries(&output.text()), ["skipped orders agent_unfit"]);
    let document = sessions(&bench);
    assert_eq!(document["sessions"][0]["cooldown_until"], Value::Null, "{document}");
    // The next incident of the queue is not delayed.
    agent(&mut bench, "echo '{\"status\":\"likely\"}'", "");
    let next =
        cleared("orders", "i", seconds_ago(0)) + &raised("orders", "next", seconds_ago(0), None);
    let output = investigate(&bench, &[], next);
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}
