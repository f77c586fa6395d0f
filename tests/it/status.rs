//! `dlq-status`: what it shows, that it shows what there is beside what is broken, and that it
//! leaves everything as it was.

use serde_json::{Value, json};

use dlq::store::{Lock, Store};

use crate::stream::{agent, ago, beat, investigate, noted, nothing_is_left, raised, sessions};
use crate::workbench::{Bench, Output, arguments, at_work, signal, wait_for};

fn status(bench: &Bench) -> Value {
    let output = bench.run("dlq-status", &["--json"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!(output.text().lines().count(), 1);
    serde_json::from_str(&output.text()).unwrap()
}

fn shown(output: &Output) -> String {
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    output.text()
}

/// Every file below the state folder, with what it holds.
fn files(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![bench.state("")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn without_a_state_folder_nothing_is_known_and_none_is_made() {
    let bench = Bench::new("status-none");
    let text = shown(&bench.run("dlq-status", &[], ""));
    let dir = bench.path("state").display().to_string();
    assert_eq!(text, format!("nothing is known yet in '{dir}'\n"));
    assert_eq!(status(&bench)["incidents"], json!([]));
    assert!(!bench.path("state").exists());
}

#[test]
fn what_has_ended_is_shown_with_its_verdict_cost_and_report_and_nothing_is_changed() {
    let mut bench = Bench::new("status-ended");
    let body = r#"echo ran >> "@/ran"
echo '{"status":"likely","title":"the total is \u001b[2J missing","cost_usd":0.42}'"#;
    agent(&mut bench, body, "");
    investigate(&bench, &[], raised("orders-dlq", "inc-1", ago(7200), None) + &beat(ago(0)));
    let before = files(&bench);
    let all = status(&bench);
    let (one, open) = (&all["sessions"][0], &all["incidents"][0]);
    for (key, value) in [
        ("queue", json!("orders-dlq")),
        ("status", json!("completed")),
        ("recorded", json!(true)),
        ("cost_usd", json!(0.42)),
        ("verdict", json!("likely")),
        ("reason", json!(null)),
    ] {
        assert_eq!(one[key], value, "{key}: {one}");
    }
    assert_eq!((&open["depth"], &open["expires_after"]), (&json!(3), &json!(null)));
    assert_eq!(open["investigation"]["state"], "ended");
    assert_eq!(open["investigation"]["session"], one["id"]);
    assert_eq!(all["spend"]["limit_usd"], 25.0);
    let text = shown(&bench.run("dlq-status", &[], ""));
    assert!(text.contains("likely: the total is \\u{1b}[2J missing"), "{text}");
    assert!(text.contains(one["report"].as_str().unwrap()), "{text}");
    assert!(text.contains(one["id"].as_str().unwrap()), "{text}");
    assert!(text.contains("$0.42") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(files(&bench), before);
    assert_eq!(noted(&bench, "ran"), "ran\n", "defect 8: what shows the status starts nothing");
    nothing_is_left(&bench);
}

#[test]
fn the_lock_says_what_runs_and_what_has_crashed() {
    let mut bench = Bench::new("status-crashed");
    agent(&mut bench, r#"while [ ! -e "@/open" ]; do sleep 0.02; done"#, "");
    let open = raised("orders-dlq", "inc-1", ago(60), None) + &beat(ago(0));
    investigate(&bench, &["--no-wait"], open);
    let all = status(&bench);
    assert_eq!(all["sessions"][0]["status"], "running");
    assert_eq!(all["incidents"][0]["investigation"]["state"], "running");
    let text = shown(&bench.run("dlq-status", &[], ""));
    assert!(text.contains(" is at work\n"), "{text}");
    let session = all["sessions"][0]["id"].as_str().unwrap().to_owned();
    let supervisors =
        at_work(&bench).into_iter().filter(|pid| arguments(*pid).contains("--supervise "));
    supervisors.for_each(|pid| signal("KILL", pid));
    wait_for("the lock is free", || status(&bench)["sessions"][0]["status"] == "crashed");
    assert_eq!(status(&bench)["sessions"][0]["recorded"], false);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "running", "it records nothing");
    let text = shown(&bench.run("dlq-status", &[], ""));
    assert!(text.contains("  crashed (not yet recorded)  "), "{text}");
    assert!(text.contains(&format!("session {session}: crashed\n")), "{text}");
    bench.write("open", "");
    nothing_is_left(&bench);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_shown() {
    let bench = Bench::new("status-broken");
    bench.write("state/sessions.json", r#"{"version":1,"sessions":[],"#);
    let spend = json!({"session": "s", "queue": "q", "fingerprint": "cause-of-it", "at": ago(60),
        "reserved_usd": 6.0, "cost_usd": null, "settled_at": null});
    let budget = json!({"version": 1, "spends": [spend]});
    bench.write("state/budget.json", budget.to_string());
    let output = bench.run("dlq-status", &[], "");
    assert_eq!(output.code(), 1);
    let path = bench.state("sessions.json").display().to_string();
    let named = format!("dlq-status: error: cannot read '{path}': not a valid state file at byte");
    assert!(output.stderr.starts_with(&named), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1);
    assert_eq!(
        output.text(),
        "incidents: none is open\nsessions: unknown\n\
         spend in 24 hours: $0.00 spent, $6.00 reserved, limit $25.00, left $19.00\n  \
         left when no loss is near: $14.00\n  CAUSE        IN 30 DAYS\n  cause-of-it  $6.00\n"
    );
    let output = bench.run("dlq-status", &["--json"], "");
    let all: Value = serde_json::from_str(&output.text()).unwrap();
    assert_eq!((output.code(), &all["sessions"]), (1, &Value::Null));
    assert!(all["problems"][0].as_str().unwrap().contains("sessions.json"), "{all}");
}

#[test]
fn it_waits_for_nobody() {
    let bench = Bench::new("status-locked");
    let store = Store::open(&bench.state("")).unwrap();
    let _held: Vec<Lock> = ["sessions", "queues", "budget", "journal"]
        .iter()
        .map(|name| Lock::wait(&store.dir().join(format!("{name}.lock"))).unwrap())
        .collect();
    let text = shown(&bench.run("dlq-status", &[], ""));
    assert!(text.starts_with("incidents: none is open\nsessions: none on record\n"), "{text}");
}
