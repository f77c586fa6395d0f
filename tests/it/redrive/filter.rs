//! `dlq-redrive --auto` in a pipe: it acts by the records, never by a line.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{bodies, create_pair, last_move, let_die};
use crate::support::consumer::{Consumer, Mode};
use crate::support::event_lines::{heartbeat, seconds_ago};
use crate::support::poll::{bench, parse_output};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, Running, event, is_alive, processes_of, signal, wait_for};

const SESSION: &str = "11111111-2222-8333-8444-555555555555";
pub(super) const INCIDENT: &str = "11111111-2222-8333-8444-666666666666";

/// Writes the records of a fix: `step` of its opening, and whether its merge is deployed.
pub(super) fn record_fix(
    bench: &Bench,
    queue: &Value,
    fingerprint: &str,
    step: &str,
    deployed: Value,
) {
    let at = "2026-11-29T10:00:00Z";
    let session = ended_session(queue, fingerprint);
    let fix = json!({
        "id": SESSION, "step": step, "incident": INCIDENT, "fingerprint": fingerprint,
        "repo": "acme/shop", "attempt": 1, "branch": "dlq/x", "base": "abc",
        "pull_request": {"id": "PR_1", "number": 12, "url": "https://github.com/acme/shop/pull/12"},
        "at": at, "tries": 0, "retry_at": null,
    });
    let watched = json!({
        "id": "PR_1", "repo": "acme/shop", "number": 12, "title": "Fix", "url": "",
        "author": "bot", "origin": "ours", "draft": false, "base": "main", "head_commit": "abc",
        "created_at": at, "checks": "passing", "review": "approved", "waiting_on": "nobody",
        "actor": "nobody", "turn_since": at, "reminded_at": null,
        "end": {"merged": {"at": at, "commit": "def"}}, "failed_commit": null,
        "known_review": "approved", "opinions_against": [], "unread": 0, "read_at": at,
        "deployed_at": deployed, "sequence": 1,
    });
    let prs = json!({"version": 1, "sessions": [fix], "watched": {"PR_1": watched}});
    let sessions = json!({"version": 1, "sessions": [session], "incidents": []});
    bench.write("state/prs.json", prs.to_string());
    bench.write("state/sessions.json", sessions.to_string());
}

/// Returns the record of a session that has ended.
fn ended_session(queue: &Value, fingerprint: &str) -> Value {
    let at = "2026-11-29T10:00:00Z";
    json!({
        "id": SESSION, "incident": INCIDENT, "queue_name": "orders-dlq", "queue": queue,
        "status": "completed", "pid": null, "start_time": at, "timeout_at": at, "ended_at": at,
        "cooldown_until": null, "printed": 0, "fingerprint": fingerprint, "verdict": "confirmed",
    })
}

/// Records a session that has ended with this advice about the messages of a cause.
pub fn record_advice(bench: &Bench, queue: &Value, fingerprint: &str, advice: &str) {
    let session = ended_session(queue, fingerprint);
    let sessions = json!({"version": 1, "sessions": [session], "incidents": []});
    bench.write("state/sessions.json", sessions.to_string());
    let finding = json!({"redrive": advice}).to_string();
    bench.write(&format!("state/sessions/{SESSION}/finding.json"), finding);
}

/// Returns the queue and the fingerprint of its messages, as a plan names them.
pub(super) fn planned(bench: &Bench) -> (Value, String) {
    let plan = bench.run("dlq-redrive", &["plan", "orders-dlq"], "").text();
    let lines: Vec<Value> = plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines[0]["queue"].clone(), lines[1]["fingerprint"].as_str().unwrap().to_owned())
}

#[test]
fn deployed_fix_of_ours_brings_its_messages_home_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    sqs.send(&dlq, "an opaque message of another cause");
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let mut bench = bench("redrive-auto", &server.url);
    let (queue, fingerprint) = planned(&bench);
    let line = event("pr.deployed", "1", "INFO", ",\"data\":{}");
    let auto = ["--auto", "--wait", "1s"];
    let deployed = json!("2026-11-29T11:00:00Z");
    let moved = |output: &crate::support::workbench::Output| {
        output.text().lines().filter(|line| line.contains("\"redrive.started\"")).count()
    };
    let rows = [
        ("switched off", "features: {auto_redrive: false}", "opened", deployed.clone()),
        ("not by us", "features: {auto_redrive: true}", "refused", deployed.clone()),
        ("not deployed", "features: {auto_redrive: true}", "opened", Value::Null),
    ];
    for (rule, config, step, deployed) in rows {
        record_fix(&bench, &queue, &fingerprint, step, deployed);
        bench.configure(config);
        let output = bench.run("dlq-redrive", &auto, &line);
        assert_eq!((output.code(), output.text()), (0, line.clone()), "{rule}: {}", output.stderr);
        let is_off = rule == "switched off";
        let due = bench.run("dlq-redrive", &["--due", "--wait", "1s"], "");
        let is_told =
            due.stderr.contains("'features.auto_redrive' is off: set it, or move the messages");
        let code = if is_off { 2 } else { 0 };
        assert_eq!((due.code(), is_told, moved(&due)), (code, is_off, 0), "{rule}: {}", due.stderr);
    }
    record_fix(&bench, &queue, &fingerprint, "opened", deployed);
    let dry = bench.run("dlq-redrive", &["--auto", "-n"], &line);
    assert!(dry.text().contains("redrive.planned") && moved(&dry) == 0, "{dry:?}");
    let output = bench.run("dlq-redrive", &auto, &line);
    assert_eq!((output.code(), moved(&output)), (0, 1), "{}", output.stderr);
    let lines = output.text();
    assert!(lines.starts_with(&line));
    let own = crate::support::workbench::Output {
        stdout: lines.as_bytes()[line.len()..].to_vec(),
        ..output
    };
    let output = parse_output(own);
    let completed = output.single("redrive.completed")["data"].clone();
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(5), &json!(true)));
    assert_eq!(completed["pull_request"], "acme/shop#12");
    // queues.json knows no incident: it has cleared it, and it goes on with the fix.
    for event in output.events {
        assert_eq!(event["incident"], INCIDENT, "{event}");
    }
    assert_eq!(super::last_move(&bench)["incident"], INCIDENT);
    assert_eq!((consumer.consumed().len(), sqs.depth(&dlq)), (5, 1));
    let again = bench.run("dlq-redrive", &auto, &line);
    assert_eq!((again.code(), again.text()), (0, line.clone()), "once: {}", again.stderr);
}

/// `scripts/pipeline` ends its stages by a signal to their group.
#[test]
fn redrive_that_has_begun_outlives_a_signal_to_the_pipe() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let consumer = Consumer::start(&server, &source, Mode::Stopped);
    let mut bench = bench("redrive-auto-term", &server.url);
    let (queue, fingerprint) = planned(&bench);
    record_fix(&bench, &queue, &fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
    bench.configure("features: {auto_redrive: true}");
    let mut command = bench.command("dlq-redrive", &["--auto", "--wait", "2s"]);
    let mut filter = Running::spawn(command.stdin(Stdio::piped()).process_group(0));
    filter.write(event("pr.deployed", "1", "INFO", ",\"data\":{}"));
    wait_for("the canary travels", || sqs.depth(&source) == 1);
    signal("TERM", -filter.pid());
    wait_for("the filter ends", || !is_alive(filter.pid()));
    consumer.switch(Mode::Succeeds);
    wait_for("the redrive ends", || !last_move(&bench)["outcome"].is_null());
    assert_eq!(last_move(&bench)["outcome"], "completed", "{}", last_move(&bench));
    assert_eq!((consumer.consumed().len(), sqs.depth(&dlq)), (5, 0));
    wait_for("its process ends", || processes_of(&bench).is_empty());
}

#[test]
fn redrive_that_could_not_begin_is_tried_again_while_lines_flow() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(2));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let mut bench = bench("redrive-auto-again", &server.url);
    let (queue, fingerprint) = planned(&bench);
    record_fix(&bench, &queue, &fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
    bench.configure("features: {auto_redrive: true}");
    let _ = std::fs::remove_dir_all(bench.state("archive"));
    let obstacle = bench.write("state/archive", "no folder");
    let mut filter = bench.start("dlq-redrive", &["--auto", "--wait", "1s"]);
    filter.write(event("pr.deployed", "1", "INFO", ",\"data\":{}"));
    wait_for("the first try fails", || filter.stderr().contains("warning: "));
    std::fs::remove_file(obstacle).unwrap();
    // A heartbeat may come before the end of the child was seen.
    wait_for("it is redriven", || {
        filter.write(heartbeat(seconds_ago(0)));
        filter.line();
        consumer.consumed().len() == 2
    });
    let output = filter.finish();
    assert_eq!((output.code(), sqs.depth(&dlq)), (1, 0), "a part has failed: {}", output.stderr);
    assert_eq!(last_move(&bench)["outcome"], "completed");
}

/// What is due was read before another process has redriven it.
#[test]
fn redrive_that_was_made_meanwhile_is_not_made_again() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 2)]);
    let mut bench = bench("redrive-due-meanwhile", &sqs.url);
    let plan = bench.run("dlq-redrive", &["plan", "--to", "orders", "orders-dlq"], "").text();
    let lines: Vec<Value> = plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (queue, fingerprint) = (&lines[0]["queue"], lines[1]["fingerprint"].as_str().unwrap());
    record_fix(&bench, queue, fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
    bench.configure("features: {auto_redrive: true}");
    sqs.state().requests.clear();
    sqs.state().queue("orders-dlq").behavior = Behavior::Hold;
    let mut running = bench.start("dlq-redrive", &["--due"]);
    wait_for("it reads the queue", || sqs.state().count("GetQueueAttributes") > 0);
    let at = "2026-11-29T12:00:00Z";
    let made = json!({
        "id": "made", "kind": "redrive", "queue": queue, "session": SESSION, "begun_at": at,
        "updated_at": at, "finished_at": at, "outcome": "completed",
    });
    bench.write("state/redrives.json", json!({"version": 1, "moves": [made]}).to_string());
    sqs.state().queue("orders-dlq").behavior = Behavior::Normal;
    let output = running.finish();
    assert_eq!((output.code(), output.text()), (0, String::new()), "{}", output.stderr);
    assert_eq!(sqs.state().count("ReceiveMessage"), 0, "nothing is received");
}
