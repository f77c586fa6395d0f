//! Program `dlq-status`: the view of sessions and incidents, with unreadable documents and held
//! locks, and without any change of state.

mod closed;
mod parts;
mod watch;

use dlq::store::{Lock, Store};
use serde_json::{Value, json};

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, read_text, sessions, summaries,
};
use crate::support::terminal::run_on_terminal;
use crate::support::workbench::{Bench, Output, arguments_of, processes_of, signal, wait_for};

fn status_json(bench: &Bench) -> Value {
    let output = bench.run("dlq-status", &["--json"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!(output.text().lines().count(), 1);
    serde_json::from_str(&output.text()).unwrap()
}

fn successful_stdout(output: &Output) -> String {
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    output.text()
}

/// Returns every file below the state folder with its content.
fn state_files(bench: &Bench) -> Vec<(String, Vec<u8>)> {
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
fn missing_state_folder_is_not_created() {
    let bench = Bench::new("status-none");
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    let dir = bench.path("state").display().to_string();
    assert_eq!(text, format!("nothing is known yet in '{dir}'\n"));
    assert_eq!(status_json(&bench)["incidents"], json!(null));
    assert!(!bench.path("state").exists());
}

#[test]
fn ended_session_shows_verdict_cost_and_report() {
    let mut bench = Bench::new("status-ended");
    let body = r#"echo ran >> "@/ran"
echo '{"status":"likely","title":"the total is \u001b[2J missing","cost_usd":0.42}'"#;
    agent(&mut bench, body, "");
    investigate(
        &bench,
        &[],
        raised("orders-dlq", "inc-1", seconds_ago(7200), None) + &heartbeat(seconds_ago(0)),
    );
    let before = state_files(&bench);
    let all = status_json(&bench);
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
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    assert!(text.contains("likely: the total is \\u{1b}[2J missing"), "{text}");
    assert!(text.contains(one["report"].as_str().unwrap()), "{text}");
    assert!(text.contains(one["id"].as_str().unwrap()), "{text}");
    assert!(text.contains("$0.42") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(state_files(&bench), before);
    assert_eq!(read_text(&bench, "ran"), "ran\n", "dlq-status starts nothing");
    assert_no_process_left(&bench);
    // Later proofs are the last events of a session, and do not hide its end.
    let events = bench.state(&format!("sessions/{}/events.ndjson", one["id"].as_str().unwrap()));
    let proof = json!({"base": "b", "grade": "proven", "detail": "x".repeat(1500), "on_base": null,
                       "with_tests": null, "with_patch": null});
    let proven = json!({"specversion": "1.0", "id": "p", "source": "dlq-investigate",
                        "type": "investigation.proven", "data": {"proof": proof}});
    let mut all_events = std::fs::read_to_string(&events).unwrap();
    all_events += &format!("{proven}\n").repeat(20);
    std::fs::write(&events, all_events).unwrap();
    let again = status_json(&bench);
    let (one, again) = (&all["sessions"][0], &again["sessions"][0]);
    for key in ["status", "verdict", "title", "cost_usd", "report"] {
        assert_eq!(again[key], one[key], "{key}");
    }
    assert_eq!(again["proof"]["grade"], "proven");
}

#[test]
fn session_lock_tells_running_from_crashed() {
    let mut bench = Bench::new("status-crashed");
    agent(&mut bench, r#"while [ ! -e "@/open" ]; do sleep 0.02; done"#, "");
    let open = raised("orders-dlq", "inc-1", seconds_ago(60), None) + &heartbeat(seconds_ago(0));
    investigate(&bench, &["--no-wait"], open);
    let all = status_json(&bench);
    assert_eq!(all["sessions"][0]["status"], "running");
    assert_eq!(all["incidents"][0]["investigation"]["state"], "running");
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    assert!(text.contains(" running\n"), "{text}");
    let session = all["sessions"][0]["id"].as_str().unwrap().to_owned();
    let supervisors = processes_of(&bench)
        .into_iter()
        .filter(|pid| arguments_of(*pid).contains("dlq-supervise run "));
    supervisors.for_each(|pid| signal("KILL", pid));
    wait_for("the lock is free", || status_json(&bench)["sessions"][0]["status"] == "crashed");
    assert_eq!(status_json(&bench)["sessions"][0]["recorded"], false);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "running", "it records nothing");
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    assert!(text.contains("  crashed  ") && text.contains("\n    not yet recorded\n"), "{text}");
    assert!(text.contains(&format!("session {session}: crashed\n")), "{text}");
    bench.write("open", "");
    assert_no_process_left(&bench);
}

#[test]
fn unreadable_document_is_named_and_rest_is_shown() {
    let bench = Bench::new("status-broken");
    bench.write("state/sessions.json", r#"{"version":1,"sessions":[],"#);
    let spend = json!({"session": "s", "queue": "q", "fingerprint": "cause-of-it", "at": seconds_ago(60),
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
        "incidents: unknown\nsessions: unknown\n\
         spend in 24 hours: $0.00 spent, $6.00 reserved, limit $25.00, left $19.00\n  \
         left for causes that are not near a loss: $14.00\n  CAUSE        IN 30 DAYS\n  cause-of-it  $6.00\n"
    );
    let output = bench.run("dlq-status", &["--json"], "");
    let all: Value = serde_json::from_str(&output.text()).unwrap();
    assert_eq!((output.code(), &all["sessions"]), (1, &Value::Null));
    assert!(all["problems"][0].as_str().unwrap().contains("sessions.json"), "{all}");
}

#[test]
fn acknowledgements_are_shown_or_named_as_unreadable() {
    let bench = Bench::new("status-acks");
    let silenced = ["--silence", "orders-*", "2h", "--reason", "migration"];
    for args in [&["--snooze", "acme/web#12", "2d"][..], &silenced] {
        assert_eq!(bench.run("dlq-status", args, "").code(), 0);
    }
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    assert!(text.contains("\nacknowledgements: 1 in force\n"), "{text}");
    assert!(text.contains("\n  acme/web#12  "), "{text}");
    assert!(text.contains("\n  orders-*  ") && text.contains("\n    migration\n"), "{text}");
    let all = status_json(&bench);
    assert_eq!(all["acks"][0]["key"], "acme/web#12");
    assert_eq!(all["silences"][0]["reason"], "migration");
    bench.write("state/acks.json", r#"{"version":1,"acks":[{"#);
    let output = bench.run("dlq-status", &[], "");
    let text = output.text();
    assert_eq!(output.code(), 1);
    assert!(
        output.stderr.contains("acks.json': not a valid state file at byte"),
        "{}",
        output.stderr
    );
    assert!(text.contains("\nacknowledgements: unknown\nsilences: 1 in force\n"), "{text}");
    let output = bench.run("dlq-status", &["--json"], "");
    let all: Value = serde_json::from_str(&output.text()).unwrap();
    assert_eq!((output.code(), &all["acks"]), (1, &Value::Null));
    assert_eq!(all["silences"][0]["glob"], "orders-*");
}

#[test]
fn statement_that_names_nothing_or_several_is_refused() {
    let bench = Bench::new("status-refused");
    for pull_request in ["acme/web#2", "acme/web#21"] {
        assert_eq!(bench.run("dlq-status", &["--snooze", pull_request, "2d"], "").code(), 0);
    }
    assert_eq!(bench.run("dlq-status", &["--silence", "orders-*", "2h"], "").code(), 0);
    let rows: [(&[&str], &str); 8] = [
        (&["--silence", "", "2h"], "option '--silence': expected a pattern of queue names"),
        (&["--unack", "acme"], "no acknowledgement is of 'acme'; known: acme/web#2, acme"),
        (&["--unack", "acme/web#"], "no acknowledgement is of 'acme/web#'; known"),
        (&["--unsilence", "orders"], "no silence has the pattern 'orders'; known: orders-*"),
        (
            &["--ack", "0195abcd"],
            "no open incident has an id that begins with '0195abcd'; there is",
        ),
        (&["--snooze", "acme/web", "2d"], "expected a pull request such as owner/repo#12"),
        (&["--snooze", "acme/we b#1", "2d"], "expected a pull request such as owner/repo#12"),
        (
            &["--silence", "a", "2h", "--reason", "a\nb"],
            "option '--reason': expected one line of at most 200 characters; it has a line break",
        ),
    ];
    for (args, expected) in rows {
        let output = bench.run("dlq-status", args, "");
        assert_eq!(output.code(), 2, "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains(expected), "{args:?}: {}", output.stderr);
    }
    assert_eq!(bench.run("dlq-status", &["--unack", "acme/web#2"], "").code(), 0);
    let all = status_json(&bench);
    assert_eq!(
        (all["acks"].as_array().unwrap().len(), &all["acks"][0]["key"]),
        (1, &"acme/web#21".into())
    );
}

#[test]
fn statement_is_sentences_on_a_terminal_and_a_line_elsewhere() {
    let mut bench = Bench::new("status-said");
    bench.set("TZ", "UTC0");
    let incident = "0195abcd-1234-8000-8000-000000000000";
    let open = raised("orders-dlq", incident, seconds_ago(60), None) + &heartbeat(seconds_ago(0));
    bench.configure("auto_investigation: {enabled: false}");
    bench.run("dlq-investigate", &[], open);
    let said = |args: &[&str]| {
        let shown = run_on_terminal(&bench, 100, "dlq-status", args);
        assert_eq!(shown.code, Some(0), "{}", shown.text);
        assert_eq!(shown.wide_line(100, &[]), None, "{}", shown.text);
        shown.text.replace("\r\n", "\n")
    };
    let acked = said(&["--ack", "0195abcd", "2h"]);
    assert!(acked.starts_with("orders-dlq (incident 0195abcd) is acknowledged until "), "{acked}");
    assert!(acked.contains(" UTC, for 2h\n"), "{acked}");
    assert!(acked.ends_with("take it back: dlq-status --unack 0195abcd\n"), "{acked}");
    let snoozed = said(&["--snooze", "acme/web#12", "2d"]);
    assert!(snoozed.starts_with("acme/web#12 is snoozed until "), "{snoozed}");
    let silenced = said(&["--silence", "orders-*", "2h"]);
    assert!(silenced.contains("\n1 of 1 watched queue now: orders-dlq\n"), "{silenced}");
    assert!(silenced.ends_with("dlq-status --unsilence 'orders-*'\n"), "{silenced}");
    assert!(said(&["--unsilence", "orders-*"]).contains("no longer silenced"));
    let log = run_on_terminal(&bench, 100, "dlq-log", &[]).text;
    assert!(log.contains("orders-dlq"), "{log}");
    assert!(log.contains("acknowledged for 2h: incident 0195abcd"), "{log}");
    assert!(log.contains("acme/web#12"), "{log}");
    let line = bench.run("dlq-status", &["--unack", "0195abcd"], "");
    let event: Value = serde_json::from_str(&successful_stdout(&line)).unwrap();
    assert_eq!((&event["subject"], &event["incident"]), (&json!("orders-dlq"), &json!(incident)));
    assert_eq!(event["data"], json!({"key": incident, "until": null}));
    let json = run_on_terminal(&bench, 100, "dlq-status", &["--unack", "acme/web#12", "--json"]);
    let event: Value = serde_json::from_str(&json.text).unwrap();
    assert_eq!(event["subject"], "acme/web#12");
}

/// Nothing is configured: the open incidents alone show that there is more than one account or region.
#[test]
fn queues_of_several_regions_or_accounts_are_shown_with_theirs() {
    let rows = [
        ("one place", ["eu-west-1", "eu-west-1"], ["prod", "prod"], false),
        ("two regions", ["eu-west-1", "us-east-1"], ["prod", "prod"], true),
        ("two accounts", ["eu-west-1", "eu-west-1"], ["prod", "test"], true),
    ];
    for (rule, regions, accounts, is_shown) in rows {
        let bench = Bench::new("status-places");
        let at = dlq::time::Timestamp::from_millis(0).to_string();
        let entry = |n: usize| {
            json!({"queue": {
                "name": format!("q{n}"), "url": "", "arn": format!("arn:q{n}"),
                "region": regions[n], "account": accounts[n], "fifo": false, "sources": [],
                "profile": null, "endpoint": null,
            }, "record": {
                "seq": 1, "sampled_at": at, "misses": 0, "zeros": null, "fall": null,
                "read": [at, {"visible": 3, "in_flight": 0, "delayed": 0}],
                "incident": {"id": format!("i{n}"), "raised_at": at, "raised_depth": 3,
                             "next_step": 6, "tier": null},
                "cohorts": [], "retention_s": null,
            }})
        };
        let queues = json!({"version": 1, "floor": 0, "rounds": {},
                            "queues": {"arn:q0": entry(0), "arn:q1": entry(1)}});
        bench.write("state/queues.json", queues.to_string());
        let text = bench.run("dlq-status", &[], "").text();
        assert!(text.contains("incidents: 2 open"), "{rule}: {text}");
        let row = text.lines().find(|line| line.contains("q1")).unwrap();
        let differs = if regions[0] == regions[1] { accounts[1] } else { regions[1] };
        assert_eq!(text.contains("  WHERE\n"), is_shown, "{rule}: {text}");
        assert_eq!(row.contains(differs), is_shown, "{rule}: {text}");
    }
}

/// The journal is no document: what it tells is not shown, and so it is not shown as none either.
#[test]
fn state_with_a_journal_alone_is_unknown() {
    let bench = Bench::new("status-journal-alone");
    bench.write("state/journal.ndjson", include_str!("../fixtures/tuesday.ndjson"));
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    let hint = ": no program has recorded a state; for its journal see 'dlq-status incidents'\n";
    assert!(text.starts_with("nothing is known yet in '") && text.ends_with(hint), "{text}");
    assert_eq!(status_json(&bench)["incidents"], json!(null));
    let spend = successful_stdout(&bench.run("dlq-status", &["spend"], ""));
    assert!(spend.contains("unknown: budget.json is not there yet"), "{spend}");
    assert!(!spend.contains("$0.00") && spend.contains("$0.47+"), "{spend}");
}

#[test]
fn status_waits_for_no_lock() {
    let bench = Bench::new("status-locked");
    let store = Store::open(&bench.state("")).unwrap();
    let _held: Vec<Lock> = ["sessions", "queues", "budget", "journal"]
        .iter()
        .map(|name| Lock::wait(&store.dir().join(format!("{name}.lock"))).unwrap())
        .collect();
    let text = successful_stdout(&bench.run("dlq-status", &[], ""));
    assert!(text.starts_with("nothing is known yet in "), "{text}");
}

#[test]
fn status_starts_no_waiting_investigation_or_notice() {
    let mut bench = Bench::new("status");
    let yaml = "auto_investigation: {enabled: true, target_queues: ['*'], agent: [an-agent], \
                require_evidence: false}\n\
                notifications: {channels: {desk: {type: desktop}}}\n";
    bench.configure(yaml);
    let input = raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0));
    investigate(&bench, &[], &input);
    // Agent and notifier are available now, and the incident waits.
    let ran = bench.path("ran").display().to_string();
    bench.stub("an-agent", &format!("#!/bin/sh\necho agent >> '{ran}'\n{QUICK_AGENT}\n"));
    for name in ["notify-send", "osascript"] {
        bench.stub(name, &format!("#!/bin/sh\necho notifier >> '{ran}'\n"));
    }
    let before =
        [read_text(&bench, "state/journal.ndjson"), read_text(&bench, "state/sessions.json")];
    for args in [&[][..], &["--json"]] {
        let output = bench.run("dlq-status", args, &input);
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
        assert!(output.text().contains("orders"), "{}", output.text());
        assert_no_process_left(&bench);
    }
    assert_eq!(read_text(&bench, "ran"), "");
    assert!(!bench.state("sessions").exists() && !bench.state("notices.json").exists());
    let after =
        [read_text(&bench, "state/journal.ndjson"), read_text(&bench, "state/sessions.json")];
    assert_eq!(before, after);
    // The next filter does start the investigation.
    assert_eq!(
        summaries(&investigate(&bench, &[], "").text()),
        ["started orders", "completed orders"]
    );
    assert_eq!(read_text(&bench, "ran"), "agent\n");
    assert_no_process_left(&bench);
}

#[test]
fn table_is_as_wide_as_the_terminal_and_coloured_there_alone() {
    let mut bench = Bench::new("status-terminal");
    bench.configure("aws: {regions: [us-east-1, eu-west-1]}\n");
    let name = "orders-dlq-of-a-service-with-a-long-name-in-production";
    investigate(&bench, &[], raised(name, "i", seconds_ago(60), None) + &heartbeat(seconds_ago(0)));
    for (columns, place) in [(60, "\n    in us-east-1, 0\n"), (200, "  us-east-1, 0\n")] {
        let shown = run_on_terminal(&bench, columns, "dlq-status", &["--color", "never"]);
        assert_eq!((shown.code, shown.wide_line(columns.into(), &[])), (Some(0), None));
        assert!(shown.text.contains(name) && shown.text.contains(place), "{}", shown.text);
    }
    let auto = run_on_terminal(&bench, 80, "dlq-status", &[]).text;
    assert!(auto.starts_with("\u{1b}[1mincidents: 1 open\u{1b}[0m\n"), "{auto}");
    let piped = successful_stdout(&bench.run("dlq-status", &[], ""));
    assert!(!piped.contains('\u{1b}'), "{piped}");
    let always = successful_stdout(&bench.run("dlq-status", &["--color", "always"], ""));
    assert!(always.contains('\u{1b}'), "{always}");
    bench.set("NO_COLOR", "1");
    let plain = run_on_terminal(&bench, 80, "dlq-status", &[]).text;
    assert!(!plain.contains('\u{1b}'), "{plain}");
}
