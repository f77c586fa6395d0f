//! `dlq-redrive --auto` after a redrive that has not come to its end, and over several queues.

use dlq::event::Queue;
use dlq::rules::investigation::incident::Incident;
use dlq::time::Timestamp;
use serde_json::{Value, json};

use super::filter::{INCIDENT, planned, record_fix};
use super::{bodies, create_pair, last_move, let_die};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::bench;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, Output, event, is_alive, processes_of, signal, wait_for};

const AUTO: [&str; 3] = ["--auto", "--wait", "1s"];

fn events(output: &Output, kind: &str) -> Vec<Value> {
    let all = output
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect::<Vec<Value>>();
    all.into_iter().filter(|one| one["type"].as_str().unwrap().ends_with(kind)).collect()
}

fn deployed() -> String {
    event("pr.deployed", "1", "INFO", ",\"data\":{}")
}

#[test]
fn killed_redrive_of_a_fix_is_told_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let mut bench = bench("redrive-auto-killed", &server.url);
    let (queue, fingerprint) = planned(&bench);
    record_fix(&bench, &queue, &fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
    bench.configure("features: {auto_redrive: true}");
    let mut filter = bench.start("dlq-redrive", &AUTO);
    filter.write(deployed());
    wait_for("the canary travels", || sqs.depth(&source) == 1);
    let child = i32::try_from(last_move(&bench)["pid"].as_i64().unwrap()).unwrap();
    assert_ne!(child, filter.pid());
    signal("KILL", child);
    let output = filter.finish();
    let aborted = events(&output, "redrive.aborted");
    assert_eq!((output.code(), aborted.len()), (1, 1), "{}", output.stderr);
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let data = &aborted[0]["data"];
    assert_eq!((&data["reason"], &data["redrive"]), (&json!("interrupted"), &json!(id)));
    assert_eq!(
        (&aborted[0]["incident"], &data["pull_request"]),
        (&json!(INCIDENT), &json!("acme/shop#12"))
    );
    let remedy = format!("'dlq-redrive apply --resume {id}' goes on with it");
    assert!(data["detail"].as_str().unwrap().ends_with(&remedy), "{data}");
    assert!(output.stderr.contains(&remedy), "{}", output.stderr);
    let again = bench.run("dlq-redrive", &AUTO, deployed());
    assert_eq!((again.code(), again.text()), (0, deployed()), "once: {}", again.stderr);
}

#[test]
fn redrive_that_was_killed_with_its_pipe_is_told_at_the_next_start() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let mut bench = bench("redrive-auto-killed-all", &server.url);
    let (queue, fingerprint) = planned(&bench);
    record_fix(&bench, &queue, &fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
    bench.configure("features: {auto_redrive: true}");
    let mut filter = bench.start("dlq-redrive", &["--auto"]);
    filter.write(deployed());
    wait_for("the canary travels", || sqs.depth(&source) == 1);
    let child = i32::try_from(last_move(&bench)["pid"].as_i64().unwrap()).unwrap();
    filter.kill();
    // While it runs it is not interrupted.
    let before = bench.run("dlq-redrive", &AUTO, "");
    assert_eq!((before.code(), before.text()), (0, String::new()), "{}", before.stderr);
    signal("KILL", child);
    wait_for("it ends", || !is_alive(child) && processes_of(&bench).is_empty());
    let output = bench.run("dlq-redrive", &AUTO, "");
    assert_eq!((output.code(), events(&output, "redrive.aborted").len()), (1, 1), "{output:?}");
    let again = bench.run("dlq-redrive", &AUTO, "");
    assert_eq!((again.code(), again.text()), (0, String::new()), "{}", again.stderr);
}

/// Adds an open incident of a queue with a cause.
fn add_incident(bench: &Bench, id: &str, name: &str, like: &Value, fingerprint: &str) {
    let mut queue: Queue = serde_json::from_value(like.clone()).unwrap();
    let rename = |text: &str| text.replace("orders-dlq", name);
    (queue.name, queue.arn, queue.url) =
        (rename(&queue.name), rename(&queue.arn), rename(&queue.url));
    let mut incident = Incident::new(id, queue, Timestamp::parse("2026-11-29T10:00:00Z").unwrap());
    incident.causes.push(fingerprint.to_owned());
    let path = bench.state("sessions.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    all["incidents"].as_array_mut().unwrap().push(serde_json::to_value(incident).unwrap());
    std::fs::write(path, all.to_string()).unwrap();
}

#[test]
fn queues_with_the_cause_of_a_fix_follow_one_after_the_other() {
    const OTHER: &str = "11111111-2222-8333-8444-777777777777";
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let rows = [
        ("whole", Mode::Succeeds, Mode::Succeeds, "acme/shop"),
        ("broken", Mode::Fails, Mode::Succeeds, "acme/shop"),
        ("second", Mode::Succeeds, Mode::Fails, "acme/shop"),
        ("elsewhere", Mode::Succeeds, Mode::Succeeds, "acme/bills"),
    ];
    for (name, mode, second_mode, repository) in rows {
        let (source, dlq) = create_pair(&mut sqs, "orders");
        let (other, other_dlq) = create_pair(&mut sqs, "bills");
        for url in [&source, &dlq, &other, &other_dlq] {
            sqs.call("PurgeQueue", &json!({"QueueUrl": url}));
        }
        let_die(&mut sqs, &source, &dlq, &bodies(3));
        let_die(&mut sqs, &other, &other_dlq, &bodies(2));
        let first = Consumer::start(&server, &source, mode);
        let second = Consumer::start(&server, &other, second_mode);
        let mut bench = bench(&format!("redrive-auto-queues-{name}"), &server.url);
        let (queue, fingerprint) = planned(&bench);
        record_fix(&bench, &queue, &fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
        add_incident(&bench, OTHER, "bills-dlq", &queue, &fingerprint);
        bench.configure(&format!(
            "features: {{auto_redrive: true}}\n\
             auto_investigation: {{queues: [{{match: bills-*, github: {repository}}}]}}\n"
        ));
        let output = bench.run("dlq-redrive", &[&AUTO[..], &["-v"]].concat(), deployed());
        let ends: Vec<(String, String)> = ["redrive.completed", "redrive.aborted"]
            .iter()
            .flat_map(|kind| events(&output, kind))
            .map(|one| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&one["data"]["queue"]["name"]), text(&one["incident"]))
            })
            .collect();
        let pair = |name: &str, incident: &str| (name.to_owned(), incident.to_owned());
        let (own, others) = (pair("orders-dlq", INCIDENT), pair("bills-dlq", OTHER));
        let waiting = "1 queue with the same cause is not redriven, because the redrive of queue \
                       'orders-dlq' has not come to its end: 'bills-dlq'";
        match name {
            "whole" => {
                assert_eq!((output.code(), ends), (0, vec![own, others]), "{}", output.stderr);
                assert_eq!((first.consumed().len(), second.consumed().len()), (3, 2));
            }
            "second" => {
                assert_eq!((output.code(), ends), (1, vec![own, others]), "{}", output.stderr);
                let expected = [("orders-dlq", "completed", 3), ("bills-dlq", "aborted", 1)];
                assert_eq!(
                    recorded(&bench),
                    expected
                        .map(|(name, end, moved)| { (name.to_owned(), json!(end), json!(moved)) })
                );
                assert_eq!((first.consumed().len(), second.consumed().len()), (3, 0));
            }
            "elsewhere" => {
                assert_eq!((output.code(), ends), (0, vec![own]), "{}", output.stderr);
                let told =
                    "1 other queue with the cause that 'acme/shop#12' has fixed: 'bills-dlq'";
                assert!(output.stderr.contains(told), "{}", output.stderr);
                assert_eq!((second.consumed().len(), sqs.depth(&other_dlq)), (0, 2));
            }
            _ => {
                assert_eq!((output.code(), ends), (1, vec![own]), "{}", output.stderr);
                assert!(output.stderr.contains(waiting), "{}", output.stderr);
                assert_eq!((second.consumed().len(), sqs.depth(&other_dlq)), (0, 2));
                let again = bench.run("dlq-redrive", &["--due"], "");
                let told =
                    "the redrive of queue 'orders-dlq' for 'acme/shop#12' has not come to its end";
                assert!(again.code() == 1 && again.stderr.contains(told), "{}", again.stderr);
            }
        }
    }
}

/// Returns queue, outcome and number of moved messages of each redrive, in their order.
fn recorded(bench: &Bench) -> Vec<(String, Value, Value)> {
    let text = std::fs::read_to_string(bench.state("redrives.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let moves = all["moves"].as_array().unwrap().iter();
    let name = |one: &Value| one["queue"]["name"].as_str().unwrap().to_owned();
    moves.map(|one| (name(one), one["outcome"].clone(), one["moved"].clone())).collect()
}

#[test]
fn kill_at_the_second_queue_of_a_fix_leaves_the_first_verified() {
    const OTHER: &str = "11111111-2222-8333-8444-777777777777";
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let (other, other_dlq) = create_pair(&mut sqs, "bills");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let_die(&mut sqs, &other, &other_dlq, &bodies(2));
    let first = Consumer::start(&server, &source, Mode::Succeeds);
    let mut bench = bench("redrive-auto-second-killed", &server.url);
    let (queue, fingerprint) = planned(&bench);
    record_fix(&bench, &queue, &fingerprint, "opened", json!("2026-11-29T11:00:00Z"));
    add_incident(&bench, OTHER, "bills-dlq", &queue, &fingerprint);
    bench.configure(
        "features: {auto_redrive: true}\n\
         auto_investigation: {queues: [{match: bills-*, github: acme/shop}]}\n",
    );
    let mut filter = bench.start("dlq-redrive", &AUTO);
    filter.write(deployed());
    wait_for("the canary of the second queue travels", || sqs.depth(&other) == 1);
    signal("KILL", i32::try_from(last_move(&bench)["pid"].as_i64().unwrap()).unwrap());
    let output = filter.finish();
    let name = |one: &Value| one["data"]["queue"]["name"].as_str().unwrap().to_owned();
    let names = |kind: &str| events(&output, kind).iter().map(name).collect::<Vec<_>>();
    assert_eq!(names("redrive.completed"), ["orders-dlq"], "{}", output.stderr);
    assert_eq!((output.code(), names("redrive.aborted")), (1, vec!["bills-dlq".to_owned()]));
    let ends: Vec<_> = recorded(&bench).into_iter().map(|one| (one.0, one.1)).collect();
    let expected = [("orders-dlq", "completed"), ("bills-dlq", "aborted")];
    assert_eq!(ends, expected.map(|(name, end)| (name.to_owned(), json!(end))));
    let again = bench.run("dlq-redrive", &AUTO, deployed());
    assert_eq!((again.code(), again.text()), (0, deployed()), "{}", again.stderr);
    assert_eq!((first.consumed().len(), sqs.depth(&other)), (3, 1), "nothing else has moved");
}
