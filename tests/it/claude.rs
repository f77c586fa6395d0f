//! The agent `claude`: a script stands in for the program, and speaks lines that it has recorded.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stream::{ago, investigate, noted, nothing_is_left, own, raised, sessions, told};
use crate::workbench::{Bench, wait_for};

const FLAGS: &str = "--restricted --permission-prompts --json-schema --max-budget-usd";

/// What it says of itself; `$session` is filled in by the shell.
pub const INIT: &str = r#": >"$DLQ_SESSION_DIR/hooked"; printf '{"type":"system","subtype":"init","session_id":"%s","model":"m","tools":["Task","Read","Grep","Glob","StructuredOutput"],"mcp_servers":[],"permissionMode":"default","agents":[],"claude_code_version":"2.1.330","apiKeySource":"x","cwd":"/"}\n' "$session""#;

/// A result with this for its structured output.
pub fn result(structured: &Value) -> String {
    let line = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 3,
        "terminal_reason": "completed", "total_cost_usd": 0.009000000000000001, "result": "done",
        "session_id": "s", "permission_denials": [], "structured_output": structured});
    format!("echo '{line}'")
}

pub fn verdict() -> Value {
    json!({"status": "confirmed", "title": "it fails", "category": "code_bug", "confidence": 0.8,
        "root_cause": "customer may be absent", "hypotheses": [], "fix": null, "prevention": null,
        "evidence": [{"id": "a.py:2", "claim": "nobody looks"}, {"id": "a.py:1-9", "claim": "it has no line 9"}],
        "redrive": "after_fix", "next_steps": ["look"]})
}

/// A repository with one commit of one file.
pub fn repository(bench: &Bench, name: &str, content: &str) {
    bench.write(&format!("repo/{name}"), content);
    let line = "git init -q -b main repo && cd repo && git add -A && \
                git -c user.name=a -c user.email=a@b.c commit -q -m first";
    assert_eq!(bench.shell(line).code(), 0);
}

/// A bench whose `claude` is of this release and does `body`.
pub fn with_claude(name: &str, version: &str, body: &str, more: &str) -> Bench {
    let mut bench = Bench::new(name);
    let body = body.replace('@', &bench.dir().display().to_string());
    let script = format!(
        "#!/bin/sh\ncase $1 in --version) echo '{version} (Claude Code)'; exit ;; \
         --help) echo '{FLAGS}'; exit ;; esac\n\
         for word in \"$@\"; do case $word in --session-id=* | --resume=*) session=${{word#*=}} ;; esac; done\n\
         {body}\n"
    );
    let program = bench.stub("claude", &script);
    let folder = program.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    bench.set("PATH", format!("{folder}:{path}"));
    repository(&bench, "a.py", "import x\nprint(order.customer.id)\n");
    bench.set("MODEL_KEY", "sk-ant-api03-of-the-model");
    bench.set("AWS_SECRET_ACCESS_KEY", "of-the-cloud");
    bench.configure(&format!(
        "auto_investigation: {{enabled: true, target_queues: ['*'], agent: claude, \
         auth: {{env: MODEL_KEY}}, require_evidence: false, stop_grace_seconds: 0.2, \
         queues: [{{match: '*', repo: '{}'}}]{more}}}\n",
        bench.path("repo").display()
    ));
    bench
}

fn budget(bench: &Bench) -> Value {
    serde_json::from_str(&noted(bench, "state/budget.json")).unwrap_or_default()
}

#[test]
fn a_verdict_is_told_with_what_it_cost_and_how_it_went() {
    let used = r#"echo '{"type":"assistant","message":{"id":"a","content":[{"type":"tool_use","id":"t","name":"Grep","input":{}}]}}'"#;
    let body = format!(
        "env >@/env; pwd >@/cwd; ls -A >@/ls; for word; do echo \"$word\"; case $word in \
         --agents=*) cat \"${{word#*=}}\" >@/agents ;; --settings=*) \
         word=${{word#*Helper\\\":\\\"}}; sh -c \"${{word%%\\\"*}}\" >@/key ;; esac; done >@/argv; \
         cat >@/prompt; {INIT}; {used}; {}",
        result(&verdict())
    );
    let bench = with_claude("claude-verdict", "2.1.330", &body, "");
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(told(&output.text()), ["started orders", "progressed orders", "completed orders"]);
    let events = own(&output.text());
    assert_eq!(events[1]["data"]["tool"], "Grep");
    let done = &events[2]["data"];
    assert_eq!((&done["cost_usd"], &done["turns"]), (&json!(0.009), &json!(3)));
    // One thing that it cites is there, the other is not.
    assert_eq!(done["verdict"]["status"], "likely", "lowered from confirmed");
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("lowered from confirmed to likely"), "{report}");
    assert!(report.contains("print(order.customer.id)"), "an excerpt: {report}");
    assert!(report.contains("`a.py:1-9` (**does not exist**)"), "{report}");
    let spend = &budget(&bench)["spends"][0];
    assert_eq!((&spend["reserved_usd"], &spend["cost_usd"]), (&json!(6.0), &json!(0.009)));
    assert_eq!(sessions(&bench)["sessions"][0]["cost_usd"], 0.009);
    // The model's own credential is had once, from a pipe, and is nowhere else.
    assert_eq!(noted(&bench, "key"), "sk-ant-api03-of-the-model");
    let env = noted(&bench, "env");
    for absent in ["of-the-cloud", "MODEL_KEY=", "of-the-model", "API_KEY="] {
        assert!(!env.contains(absent), "{absent}: {env}");
    }
    let (argv, agents) = (noted(&bench, "argv"), noted(&bench, "agents"));
    assert!(argv.contains("--restricted\n"), "{argv}");
    assert!(argv.contains("--tools=Read,Grep,Glob,Agent\n"), "{argv}");
    assert!(agents.contains("\"code-review\"") && !agents.contains("Bash\""), "{agents}");
    assert!(noted(&bench, "prompt").contains("</data nonce="));
    // It stood in a worktree that is gone, and the user's checkout has nothing new.
    assert!(noted(&bench, "cwd").trim().ends_with("/tree"), "{}", noted(&bench, "cwd"));
    assert_eq!(noted(&bench, "ls"), ".dlq\n.git\na.py\n");
    let git = "cd repo && git worktree list | wc -l && git branch --list | cat && git status -s";
    assert_eq!(bench.shell(git).text(), "1\n* main\n");
    assert!(!argv.contains("of-the-model"), "{argv}");
    let files = bench.shell("grep -rl of-the-model state; true").text();
    assert_eq!(files, "", "in no file");
    nothing_is_left(&bench);
}

#[test]
fn every_other_end_has_its_name() {
    let other = INIT.replace("\"Glob\",", "\"Glob\",\"Bash\",");
    let retry = r#"echo '{"type":"system","subtype":"api_retry","attempt":1,"error_status":401,"error":"authentication_failed"}'"#;
    let nothing = result(&Value::Null);
    let unhooked = INIT.replace(": >\"$DLQ_SESSION_DIR/hooked\"", ":");
    let used = r#"echo '{"type":"assistant","message":{"id":"a","content":[{"type":"tool_use","id":"t","name":"Grep","input":{}}]}}'"#;
    let odd = result(&json!({"status": "fixed"}));
    let rows = [
        ("another policy", format!("{other}; sleep 600"), "policy"),
        ("no hooks", format!("{unhooked} ; {used}; sleep 600"), "policy"),
        ("a refused key", format!("{INIT}; {retry}; sleep 600"), "unauthorized"),
        ("no structured output", format!("{INIT}; {nothing}"), "no_structured_output"),
        ("an unknown status", format!("{INIT}; {odd}"), "no_result"),
        ("a claim", "echo I need Bash permissions".into(), "no_result"),
        ("silence", "exit 0".into(), "no_result"),
    ];
    for (rule, body, reason) in rows {
        let began = Instant::now();
        let bench = with_claude("claude-ends", "2.1.330", &body, "");
        let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
        let told = told(&output.text());
        assert_eq!(told.last().unwrap(), &format!("failed orders {reason}"), "{rule}");
        assert!(began.elapsed() < Duration::from_secs(20), "{rule}: at once");
        // What it may have cost is not known, and so it counts in full.
        assert!(budget(&bench)["spends"][0]["settled_at"].is_string(), "{rule}");
        nothing_is_left(&bench);
    }
}

#[test]
fn a_release_that_will_not_do_starts_nothing_and_no_cooldown() {
    let bench = with_claude("claude-old", "2.1.197", "touch @/ran", "");
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(told(&output.text()), ["skipped orders agent_unfit"]);
    let said = own(&output.text());
    assert_eq!(said[0]["severitytext"], "WARN");
    assert!(said[0]["data"]["detail"].as_str().unwrap().contains("2.1.212"), "{said:?}");
    assert_eq!(sessions(&bench)["sessions"][0]["cooldown_until"], Value::Null);
    assert!(!bench.path("ran").exists() && !bench.state("budget.json").exists());
}

#[test]
fn without_money_it_is_skipped_and_said() {
    let bench = with_claude("claude-poor", "2.1.330", "touch @/ran", ", budget_usd_per_day: 5");
    let output = investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
    wait_for("it is told", || noted(&bench, "state/journal.ndjson").contains("\"budget\""));
    let rest = investigate(&bench, &[], "");
    let said = own(&(output.text() + &rest.text()));
    assert_eq!(
        (&said[0]["data"]["reason"], &said[0]["severitytext"]),
        (&json!("budget"), &json!("WARN"))
    );
    assert!(!bench.path("ran").exists());
    nothing_is_left(&bench);
}

#[test]
fn a_session_can_be_stopped() {
    let bench =
        with_claude("claude-stop", "2.1.330", &format!("{INIT}; touch @/ready; sleep 600"), "");
    investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
    wait_for("it is ready", || bench.path("ready").exists());
    let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let usage = format!("state/sessions/{id}/usage.json");
    wait_for("it is sampled", || bench.path(&usage).exists());
    let usage: Value = serde_json::from_str(&noted(&bench, &usage)).unwrap();
    let more = |key: &str| usage[key].as_u64().unwrap() > 0;
    assert!(more("processes") && more("rss_bytes") && more("rss_peak_bytes"), "{usage}");
    let output = bench.run("dlq-investigate", &["--stop", &id[..8]], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert_eq!(told(&output.text()).last().unwrap(), "stopped orders");
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "stopped");
    let again = bench.run("dlq-investigate", &["--stop", &id], "");
    assert_eq!(again.code(), 1);
    assert!(again.stderr.contains("no such session is running"), "{}", again.stderr);
    nothing_is_left(&bench);
}

#[test]
fn a_rule_that_says_no_is_explained_and_a_cooldown_can_be_passed() {
    let body = format!("echo ran >>@/ran; cat >/dev/null; {INIT}; {}", result(&verdict()));
    let bench = with_claude("claude-retry", "2.1.330", &body, "");
    let unknown = bench.run("dlq-investigate", &["--explain", "orders"], "");
    assert_eq!((unknown.code(), unknown.stdout.len()), (1, 0));
    assert!(unknown.stderr.contains("no incident of it is open"), "{}", unknown.stderr);
    investigate(&bench, &[], raised("orders", "i", ago(0), None));
    let explained = investigate(&bench, &["--explain", "orders"], "").text();
    assert!(explained.contains("  yes enabled\n"), "{explained}");
    assert!(explained.contains("  no  cooldown over: the queue was investigated"), "{explained}");
    assert!(explained.contains("  no  to be judged: it was investigated"), "{explained}");
    assert_eq!(noted(&bench, "ran").lines().count(), 1, "an explanation starts nothing");
    let again = investigate(&bench, &["--retry", "orders"], "");
    assert_eq!(told(&again.text()), ["started orders", "completed orders"]);
    assert_eq!(noted(&bench, "ran").lines().count(), 2);
    assert_eq!(told(&investigate(&bench, &[], "").text()), [""; 0], "once");
    assert_eq!(bench.run("dlq-investigate", &["--retry", "other"], "").code(), 1);
    nothing_is_left(&bench);
}
