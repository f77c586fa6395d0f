//! End of a session: what is cleaned up, what is kept, and signals during the last steps.

use std::fs::OpenOptions;

use fs2::FileExt;
use serde_json::{Value, json};

use crate::support::claude_cli::commit_all;
use crate::support::claude_stub::{INIT_LINE, bench_with_stub, result_line, verdict};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::investigate::{
    assert_no_process_left, investigate, own_events, read_text, sessions, status_json, summaries,
};
use crate::support::workbench::{Bench, arguments_of, processes_of, signal, wait_for};

/// Returns the number of worktrees and the branches of sessions.
fn worktrees_and_branches(bench: &Bench) -> String {
    bench.shell("cd repo && git worktree list | wc -l && git branch --list 'dlq/*'").text()
}

/// The supervisor is killed after its last event, while it waits for the lock of the budget.
#[test]
fn supervisor_killed_after_result_leaves_nothing() {
    let wait = "touch @/ran; while [ ! -e @/go ]; do sleep 0.05; done";
    let body = format!("cat >/dev/null; {INIT_LINE}; {wait}; {}", result_line(&verdict()));
    let bench = bench_with_stub("after-result", "2.1.330", &body, "");
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("it is at work", || bench.path("ran").exists());
    let lock = OpenOptions::new().append(true).open(bench.state("budget.lock")).unwrap();
    lock.lock_exclusive().unwrap();
    std::fs::write(bench.path("go"), "").unwrap();
    let events = || {
        let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap_or("-").to_owned();
        std::fs::read_to_string(bench.state(&format!("sessions/{id}/events.ndjson")))
    };
    wait_for("its result is recorded", || events().is_ok_and(|all| all.contains("completed")));
    for pid in processes_of(&bench) {
        if arguments_of(pid).contains("dlq-supervise run ") {
            signal("KILL", pid);
        }
    }
    FileExt::unlock(&lock).unwrap();
    wait_for("session is reported, settled and cleaned up", || {
        investigate(&bench, &[], "");
        worktrees_and_branches(&bench) == "1\n"
    });
    let session = &sessions(&bench)["sessions"][0];
    assert_eq!((&session["status"], &session["cost_usd"]), (&json!("completed"), &json!(0.009)));
    let spent = &status_json(&bench)["spend"];
    assert_eq!(spent["reserved_usd"], 0.0, "{spent}");
    assert!(!bench.shell("ls state/sessions/*").text().contains("unswept"));
    assert_no_process_left(&bench);
}

#[test]
fn retention_keeps_resumed_sessions_together() {
    let nothing = result_line(&Value::Null);
    let body = format!("cat >/dev/null; {INIT_LINE}; {nothing}");
    let mut bench = bench_with_stub("after-parts", "2.1.330", &body, "");
    let config = std::fs::read_to_string(bench.path("config.yaml")).unwrap();
    bench.configure(
        &(config.replace("agent: claude", "agent: claude, cooldown_hours: 0")
            + "state: {sessions_keep: 1}\n"),
    );
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let mut ids = vec![sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned()];
    for _ in 0..3 {
        let output = investigate(&bench, &["--resume", ids.last().unwrap()], "");
        let all = summaries(&output.text());
        assert_eq!(
            all,
            ["started orders", "failed orders no_structured_output"],
            "{}",
            output.stderr
        );
        let id = own_events(&output.text())[0]["data"]["session"].as_str().unwrap().to_owned();
        assert!(!ids.contains(&id), "each part has an id of its own");
        ids.push(id);
        investigate(&bench, &[], "");
    }
    let bundle_messages: Vec<Value> = sessions(&bench)["sessions"].as_array().unwrap().clone();
    assert_eq!(bundle_messages.len(), ids.len(), "{bundle_messages:?}");
    assert_eq!(worktrees_and_branches(&bench), "1\n");
    // The next investigation is the newest, so the resumed sessions are deleted.
    investigate(&bench, &[], raised("other", "k", seconds_ago(0), None));
    investigate(&bench, &[], "");
    assert_eq!(sessions(&bench)["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(bench.shell("ls state/sessions | wc -l").text(), "1\n");
    assert_no_process_left(&bench);
}

/// The damage may last, and each run would fail before it prints.
#[test]
fn events_are_printed_when_a_clean_up_fails() {
    let body = format!("cat >/dev/null; {INIT_LINE}; {}", result_line(&verdict()));
    let body = format!("{body}; touch @/ran; exec sleep 600");
    let bench = bench_with_stub("clean-up-fails", "2.1.330", &body, "");
    let first = investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let events = bench.state(&format!("sessions/{id}/events.ndjson"));
    let is_recorded = || std::fs::read_to_string(&events).is_ok_and(|all| all.contains("started"));
    wait_for("it is at work, and on record", || bench.path("ran").exists() && is_recorded());
    for pid in processes_of(&bench) {
        if arguments_of(pid).contains("dlq-supervise run ") {
            signal("KILL", pid);
        }
    }
    wait_for("the agent has ended", || processes_of(&bench).is_empty());
    bench.write("state/budget.json", "damaged");
    let output = bench.run("dlq-investigate", &[], "");
    assert!(output.stderr.contains(&format!("clean up after session '{id}'")), "{output:?}");
    assert_eq!(output.code(), 1);
    // The first run prints the start when it sees it before its end.
    let printed = first.text() + &output.text();
    assert_eq!(summaries(&printed), ["started orders", "failed orders crashed"]);
    assert_no_process_left(&bench);
}

/// A signal counts also after the agent has ended, while its tests run.
#[test]
fn signal_during_fix_tests_stops_them() {
    let init =
        INIT_LINE.replace(r#""permissionMode":"default""#, r#""permissionMode":"acceptEdits""#);
    let mut message = verdict();
    message["fix"] = json!({"summary": "s", "files": ["a.py"], "tests": []});
    // Only what a tool of the agent has written is in the patch.
    let wrote = r#"echo '{"type":"assistant","message":{"id":"a","content":[{"type":"tool_use","id":"t","name":"Write","input":{"file_path":"a.py"}}]}}'"#;
    let body = format!("cat >/dev/null; echo x >>a.py; {init}; {wrote}; {}", result_line(&message));
    let mut bench = bench_with_stub("after-signal", "2.1.330", &body, "");
    bench.write("repo/slow.sh", format!("touch '{}'; sleep 600\n", bench.path("tests").display()));
    commit_all(&bench);
    let config = std::fs::read_to_string(bench.path("config.yaml")).unwrap();
    bench.configure(&config.replace("repo: ", "fix: true, test_command: [sh, slow.sh], repo: "));
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("the tests run", || bench.path("tests").exists());
    for pid in processes_of(&bench) {
        if arguments_of(pid).contains("dlq-supervise run ") {
            signal("TERM", pid);
        }
    }
    wait_for("it has ended", || processes_of(&bench).is_empty());
    let output = investigate(&bench, &[], "");
    assert_eq!(summaries(&output.text()).last().unwrap(), "completed orders", "{}", output.stderr);
    let done = own_events(&output.text()).last().unwrap()["data"].clone();
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("- On the base with the patch: **were stopped on request"), "{report}");
    assert_no_process_left(&bench);
}

#[test]
fn look_at_huge_files_after_agent_is_bounded() {
    let body = format!(
        "cat >/dev/null; {INIT_LINE}; for n in 1 2 3 4 5 6 7 8 9 10; do truncate -s 1G big$n; done; {}",
        result_line(&verdict())
    );
    let mut bench = bench_with_stub("huge", "2.1.330", &body, ", timeout_minutes: 0.2");
    let yaml = read_text(&bench, "config.yaml").replace("repo: '", "fix: true, repo: '");
    bench.configure(&yaml);
    let begun = std::time::Instant::now();
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let took = begun.elapsed().as_secs();
    let events = own_events(&output.text());
    let report = events.last().unwrap()["data"]["report"].as_str().unwrap_or_default();
    let report = std::fs::read_to_string(report).unwrap_or_default();
    assert!(report.contains("big1"), "{events:?} {report}");
    assert!(took < 40, "it took {took} s of a deadline of 12 s");
    assert_no_process_left(&bench);
}

/// Each git call after the deadline has a few seconds, whatever it would have by itself.
#[test]
fn git_that_hangs_after_the_agent_is_bounded() {
    let body = format!(
        "cat >/dev/null; {INIT_LINE}; echo 1 > b.py; touch @/ran; {}",
        result_line(&verdict())
    );
    let mut bench = bench_with_stub("hanging-git", "2.1.330", &body, ", timeout_minutes: 0.1");
    let yaml = read_text(&bench, "config.yaml").replace("repo: '", "fix: true, repo: '");
    bench.configure(&yaml);
    let real = bench.shell("command -v git").text();
    let ran = bench.path("ran").display().to_string();
    // The clean-up of the worktree comes last, and is not what hangs.
    let hang = "case \" $* \" in *' worktree '*) ;; *) exec sleep 600 ;; esac";
    let script =
        format!("#!/bin/sh\nif [ -e '{ran}' ]; then {hang}; fi\nexec {} \"$@\"\n", real.trim());
    bench.stub("git", &script);
    let begun = std::time::Instant::now();
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let took = begun.elapsed().as_secs();
    let all = summaries(&output.text());
    assert_eq!(all.first().map(String::as_str), Some("started orders"), "{all:?}");
    assert!(all.len() == 2, "it has its end: {all:?}");
    assert!(took < 50, "it took {took} s of a deadline of 6 s");
    assert_no_process_left(&bench);
}
