//! What is left when a session has ended, and what its incident waits for then.

use std::fs::OpenOptions;

use fs2::FileExt;
use serde_json::{Value, json};

use crate::claude::{INIT, result, verdict, with_claude};
use crate::stream::{agent, ago, beat, investigate, nothing_is_left, own, raised, sessions, told};
use crate::workbench::{Bench, arguments, at_work, signal, wait_for};

fn expiring(name: &str, incident: &str, loss: &str) -> String {
    raised(name, incident, ago(0), None).replace("queue.raised", "queue.expiring").replace(
        r#""expires_after":null,"expires_before":null"#,
        &format!(
            r#""expires_after":"{loss}","expires_before":"{loss}","tier":"1h","certain":true"#
        ),
    )
}

fn status(bench: &Bench) -> Value {
    serde_json::from_str(&bench.run("dlq-status", &["--json"], "").text()).unwrap()
}

/// What is left of worktrees and branches.
fn left(bench: &Bench) -> String {
    bench.shell("cd repo && git worktree list | wc -l && git branch --list 'dlq/*'").text()
}

#[test]
fn money_that_is_spent_holds_up_its_incident_and_no_other() {
    let body = format!("cat >/dev/null; echo ran >>@/ran; {INIT}; {}", result(&verdict()));
    let bench = with_claude("after-money", "2.1.330", &body, ", budget_usd_per_day: 7");
    // A fifth of 7 is kept for what is near its loss: a run of 5, and 1 above it, is too much.
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(told(&output.text()), ["skipped orders budget"]);
    assert!(own(&output.text())[0]["data"]["until"].is_null(), "no time alone helps");
    let again = investigate(&bench, &[], beat(ago(0)));
    assert_eq!(told(&again.text()), [""; 0], "said once");
    let explained = investigate(&bench, &["--explain", "orders"], "").text();
    assert!(!explained.contains("cooldown over: the queue was investigated"), "{explained}");
    let soon = dlq::clock::now().plus(std::time::Duration::from_secs(3600)).to_string();
    let output = investigate(&bench, &[], expiring("orders", "i", &soon) + &beat(ago(0)));
    let all = told(&output.text());
    assert_eq!(all, ["started orders", "completed orders"], "{}", output.stderr);
    nothing_is_left(&bench);
}

#[test]
fn more_money_in_the_configuration_ends_the_wait() {
    let body = format!("cat >/dev/null; {INIT}; {}", result(&verdict()));
    let mut bench = with_claude("after-more", "2.1.330", &body, ", budget_usd_per_day: 8");
    // Of 8, 6.40 is for all: one run fits, which costs next to nothing, and then another.
    investigate(&bench, &[], raised("a", "i", ago(0), None));
    bench.set("DLQ_AUTO_INVESTIGATION_BUDGET_USD_PER_DAY", "6");
    let output = investigate(&bench, &[], raised("b", "k", ago(0), None));
    assert_eq!(told(&output.text()), ["skipped b budget"]);
    let view = status(&bench);
    let waits = &view["incidents"].as_array().unwrap().iter().find(|one| one["incident"] == "k");
    assert_eq!(waits.unwrap()["investigation"]["reason"], "budget", "{view}");
    assert_eq!(told(&investigate(&bench, &[], beat(ago(0))).text()), [""; 0]);
    bench.set("DLQ_AUTO_INVESTIGATION_BUDGET_USD_PER_DAY", "50");
    let output = investigate(&bench, &[], beat(ago(0)));
    assert_eq!(told(&output.text()), ["started b", "completed b"]);
}

/// It is killed after its last event, when it waits for the document of the money.
#[test]
fn a_supervisor_that_dies_after_its_result_leaves_nothing() {
    let wait = "touch @/ran; while [ ! -e @/go ]; do sleep 0.05; done";
    let body = format!("cat >/dev/null; {INIT}; {wait}; {}", result(&verdict()));
    let bench = with_claude("after-result", "2.1.330", &body, "");
    investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
    wait_for("it is at work", || bench.path("ran").exists());
    let lock = OpenOptions::new().append(true).open(bench.state("budget.lock")).unwrap();
    lock.lock_exclusive().unwrap();
    std::fs::write(bench.path("go"), "").unwrap();
    let events = || {
        let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap_or("-").to_owned();
        std::fs::read_to_string(bench.state(&format!("sessions/{id}/events.ndjson")))
    };
    wait_for("its result is told", || events().is_ok_and(|all| all.contains("completed")));
    for pid in at_work(&bench) {
        if arguments(pid).contains("dlq-supervise run ") {
            signal("KILL", pid);
        }
    }
    FileExt::unlock(&lock).unwrap();
    wait_for("all is told, settled and gone", || {
        investigate(&bench, &[], "");
        left(&bench) == "1\n"
    });
    let session = &sessions(&bench)["sessions"][0];
    assert_eq!((&session["status"], &session["cost_usd"]), (&json!("completed"), &json!(0.009)));
    let spent = &status(&bench)["spend"];
    assert_eq!(spent["reserved_usd"], 0.0, "{spent}");
    assert!(!bench.shell("ls state/sessions/*").text().contains("unswept"));
    nothing_is_left(&bench);
}

#[test]
fn a_conversation_is_kept_or_forgotten_as_one() {
    let nothing = result(&Value::Null);
    let body = format!("cat >/dev/null; {INIT}; {nothing}");
    let mut bench = with_claude("after-parts", "2.1.330", &body, "");
    let config = std::fs::read_to_string(bench.path("config.yaml")).unwrap();
    bench.configure(
        &(config.replace("agent: claude", "agent: claude, cooldown_hours: 0")
            + "state: {sessions_keep: 1}\n"),
    );
    investigate(&bench, &[], raised("orders", "i", ago(0), None));
    let mut ids = vec![sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned()];
    for _ in 0..3 {
        let output = investigate(&bench, &["--resume", ids.last().unwrap()], "");
        let all = told(&output.text());
        assert_eq!(
            all,
            ["started orders", "failed orders no_structured_output"],
            "{}",
            output.stderr
        );
        let id = own(&output.text())[0]["data"]["session"].as_str().unwrap().to_owned();
        assert!(!ids.contains(&id), "each part has an id of its own");
        ids.push(id);
        investigate(&bench, &[], "");
    }
    let kept: Vec<Value> = sessions(&bench)["sessions"].as_array().unwrap().clone();
    assert_eq!(kept.len(), ids.len(), "{kept:?}");
    assert_eq!(left(&bench), "1\n");
    // The next investigation is the newest, and the conversation goes.
    investigate(&bench, &[], raised("other", "k", ago(0), None));
    investigate(&bench, &[], "");
    assert_eq!(sessions(&bench)["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(bench.shell("ls state/sessions | wc -l").text(), "1\n");
    nothing_is_left(&bench);
}

#[test]
fn a_look_only_starts_ends_and_marks_nothing() {
    let mut bench = Bench::new("after-dry");
    agent(&mut bench, "echo '{\"status\":\"likely\"}'", "");
    let wrong: [&[&str]; 5] = [
        &["-n", "--retry", "orders"],
        &["-n", "--resume", "x"],
        &["--dry-run", "--stop", "x"],
        &["--retry", "a", "--stop", "b"],
        &["--explain", "a", "--resume", "b"],
    ];
    for options in wrong {
        let output = bench.run("dlq-investigate", options, "");
        assert_eq!((output.code(), output.stdout.len()), (2, 0), "{options:?}");
        assert!(output.stderr.contains("does not go with"), "{options:?}: {}", output.stderr);
    }
    assert!(!bench.state("sessions.json").exists());
}

/// A signal that comes when the agent has ended, and its tests are run, is no less heard.
#[test]
fn a_signal_during_the_tests_of_a_fix_ends_them() {
    let init = INIT.replace(r#""permissionMode":"default""#, r#""permissionMode":"acceptEdits""#);
    let mut said = verdict();
    said["fix"] = json!({"summary": "s", "files": ["a.py"], "tests": []});
    let body = format!("cat >/dev/null; echo x >>a.py; {init}; {}", result(&said));
    let mut bench = with_claude("after-signal", "2.1.330", &body, "");
    bench.write("repo/slow.sh", format!("touch '{}'; sleep 600\n", bench.path("tests").display()));
    crate::real_claude::commit(&bench);
    let config = std::fs::read_to_string(bench.path("config.yaml")).unwrap();
    bench.configure(&config.replace("repo: ", "fix: true, test_command: [sh, slow.sh], repo: "));
    investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
    wait_for("the tests run", || bench.path("tests").exists());
    for pid in at_work(&bench) {
        if arguments(pid).contains("dlq-supervise run ") {
            signal("TERM", pid);
        }
    }
    wait_for("it has ended", || at_work(&bench).is_empty());
    let output = investigate(&bench, &[], "");
    assert_eq!(told(&output.text()).last().unwrap(), "completed orders", "{}", output.stderr);
    let done = own(&output.text()).last().unwrap()["data"].clone();
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("Tests: **were stopped, because somebody asked"), "{report}");
    nothing_is_left(&bench);
}
