//! What is not known is no success: hidden returns, messages that others hold, deletions that fail,
//! redrives that were interrupted.

use serde_json::{Value, json};

use super::fifo::let_die_in_group;
use super::filter::record_advice;
use super::{archive, bodies, bodies_of, create_pair, drain, last_move, let_die, redrive, summary};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::bench;
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::wait_for;

const ALL: [&str; 6] = ["apply", "--canary", "0", "--no-verify", "--to", "orders"];

#[test]
fn return_is_seen_while_others_leave_the_queue() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let consumer = Consumer::start(&server, &source, Mode::Fails);
    let bench = bench("redrive-hidden-return", &server.url);
    let args = ["apply", "--limit", "1", "--wait", "6s", "--hold", "1s", "orders-dlq"];
    let mut running = bench.start("dlq-redrive", &args);
    wait_for("the message travels", || {
        // The folder has the lock first.
        let files = std::fs::read_dir(bench.state("archive")).into_iter().flatten().flatten();
        let mut ends = files.filter_map(|file| Some(file.path().extension()?.to_owned()));
        ends.any(|end| end == "ndjson") && summary(&archive(&bench)).deleted.len() == 1
    });
    let moved = summary(&archive(&bench)).bodies.into_values().next().unwrap();
    // A person deletes the other two, so that the queue is no deeper than before.
    let mut others = Vec::new();
    wait_for("the others are deleted", || {
        let receive = json!({"QueueUrl": dlq, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
        let received = sqs.call("ReceiveMessage", &receive);
        for one in received["Messages"].as_array().into_iter().flatten() {
            if one["Body"] != *moved {
                let handle = &one["ReceiptHandle"];
                sqs.call("DeleteMessage", &json!({"QueueUrl": dlq, "ReceiptHandle": handle}));
                others.push(one["Body"].clone());
            }
        }
        others.len() == 2
    });
    let output = crate::support::poll::parse_output(running.finish());
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("returned")), "{}", output.stderr);
    drop(consumer);
}

#[test]
fn messages_that_others_hold_are_no_end_of_the_queue() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let held: Vec<String> = (0..2).filter_map(|_| sqs.receive(&dlq, 300)).collect();
    let bench = bench("redrive-held", &server.url);
    let args = ["apply", "--canary", "0", "--no-verify", "--hold", "1s", "orders-dlq"];
    let output = redrive(&bench, &args);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("unseen")), "{}", output.stderr);
    assert_eq!(aborted["moved"], 3);
    let detail = aborted["detail"].as_str().unwrap();
    assert!(detail.starts_with("2 messages could not be received"), "{detail}");
    for handle in held {
        let visible = json!({"QueueUrl": dlq, "ReceiptHandle": handle, "VisibilityTimeout": 0});
        sqs.call("ChangeMessageVisibility", &visible);
    }
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let args = ["apply", "--canary", "0", "--no-verify", "--hold", "1s", "--resume", &id];
    let resumed = redrive(&bench, &args);
    assert_eq!(resumed.single("redrive.completed")["data"]["moved"], 5, "{}", resumed.stderr);
    assert_eq!(drain(&mut sqs, &source).len(), 5);
}

#[test]
fn denied_deletion_stops_the_first_batch() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 35)]);
    sqs.state().delete = Behavior::Refuse(403, "AccessDeniedException");
    let bench = bench("redrive-no-delete", &sqs.url);
    let output = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("not_deleted")), "{}", output.stderr);
    assert_eq!(sqs.state().count("SendMessageBatch"), 1, "no further message travels");
    let archived = summary(&archive(&bench));
    assert_eq!((archived.sent.len(), archived.listed.len()), (10, 10));
    // The permission is given: what was sent is deleted, and not sent again.
    sqs.state().delete = Behavior::Normal;
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let before = sqs.state().count("ReceiveMessage");
    redrive(&bench, &["apply", "-n", "--resume", &id]);
    assert_eq!(sqs.state().count("ReceiveMessage"), before, "a dry run receives nothing");
}

#[test]
fn redrive_does_not_begin_anew_beside_an_interrupted_one() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 5)]);
    sqs.state().send = Behavior::Disconnect;
    let bench = bench("redrive-anew", &sqs.url);
    let first = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    assert_eq!(first.single("redrive.aborted")["data"]["reason"], "unanswered");
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let again = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    assert_eq!((again.code, sqs.state().count("SendMessageBatch")), (1, 1));
    let expected = format!("5 messages whose end is not known: 'dlq-redrive apply --resume {id}'");
    assert!(again.stderr.contains(&expected), "{}", again.stderr);
    // Without its archive nobody knows what it has sent.
    let archived = last_move(&bench)["archive"].as_str().unwrap().to_owned();
    let elsewhere = format!("{archived}.moved");
    std::fs::rename(&archived, &elsewhere).unwrap();
    let blind = redrive(&bench, &[&ALL[..], &["orders-dlq"]].concat());
    assert_eq!((blind.code, sqs.state().count("SendMessageBatch")), (1, 1), "{}", blind.stderr);
    let expected =
        format!("when that can be read, 'dlq-redrive apply --resume {id}' goes on with it");
    assert!(blind.stderr.contains(&expected), "{}", blind.stderr);
    std::fs::rename(&elsewhere, &archived).unwrap();
    let planned = redrive(&bench, &["apply", "-n", "--resume", &id]);
    assert_eq!(planned.single("redrive.planned")["data"]["messages"], 5);
    assert_eq!(sqs.state().count("SendMessageBatch"), 1, "a dry run moves nothing");
    let forced = redrive(&bench, &[&ALL[..], &["--force", "--hold", "1s", "orders-dlq"]].concat());
    forced.single("redrive.started");
}

#[test]
fn redrive_that_has_ended_is_not_resumed() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(1));
    let bench = bench("redrive-ended", &server.url);
    assert_eq!(redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]).code, 0);
    sqs.send(&dlq, "another message");
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let resumed = redrive(&bench, &["apply", "--resume", &id]);
    assert!(resumed.code == 1 && resumed.stderr.contains("it has ended"), "{resumed:?}");
    assert_eq!(sqs.depth(&dlq), 1);
}

#[test]
fn verdict_that_is_newer_than_the_plan_holds_its_messages() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-do-not", &server.url);
    let plan = bench.run("dlq-redrive", &["plan", "orders-dlq"], "").text();
    bench.write("plan.ndjson", &plan);
    let path = bench.path("plan.ndjson");
    let path = path.to_str().unwrap();
    let chosen = redrive(&bench, &["apply", "--match", "1", path]);
    assert!(chosen.code == 2 && chosen.stderr.contains("a plan has chosen"), "{chosen:?}");
    let lines: Vec<Value> = plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fingerprint = lines[1]["fingerprint"].as_str().unwrap();
    record_advice(&bench, &lines[0]["queue"], fingerprint, "do_not");
    let quick = ["apply", "--canary", "0", "--no-verify"];
    let held = redrive(&bench, &[&quick[..], &[path]].concat());
    assert_eq!((held.code, sqs.depth(&dlq)), (1, 3), "{}", held.stderr);
    assert!(held.stderr.contains("3 messages left in queue 'orders-dlq': a verdict advises"));
    let held = redrive(&bench, &[&quick[..], &["orders-dlq"]].concat());
    assert_eq!((held.code, sqs.depth(&dlq)), (1, 3), "{}", held.stderr);
    let forced = redrive(&bench, &[&quick[..], &["--force", path]].concat());
    assert_eq!((forced.code, sqs.depth(&dlq)), (0, 0), "{}", forced.stderr);
}

#[test]
fn group_waits_behind_a_message_that_is_left() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders.fifo");
    let large = "x".repeat(3000);
    let_die_in_group(&mut sqs, &source, &dlq, "g1", &["first", &large, "third", "fourth"]);
    let_die_in_group(&mut sqs, &source, &dlq, "g2", &["other"]);
    let limit = json!({"MaximumMessageSize": "1024"});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": source, "Attributes": limit}));
    let bench = bench("redrive-group-waits", &server.url);
    let args = ["apply", "--canary", "0", "--no-verify", "--hold", "10s", "orders-dlq.fifo"];
    let output = redrive(&bench, &args);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let mut arrived = bodies_of(&drain(&mut sqs, &source));
    arrived.sort();
    assert_eq!(arrived, ["first", "other"]);
    assert!(output.stderr.contains("an earlier message of its group is left"), "{}", output.stderr);
}

/// A redrive goes on from its archive: one that has lost lines knows neither ids nor contents of what was sent.
#[test]
fn archive_that_has_lost_lines_holds_its_redrive() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-archive-lost", &server.url);
    let first = redrive(&bench, &["apply", "--wait", "1s", "--hold", "1s", "orders-dlq"]);
    assert_eq!(first.single("redrive.aborted")["data"]["reason"], "not_consumed");
    let recorded = last_move(&bench);
    let (id, path) = (recorded["id"].as_str().unwrap(), recorded["archive"].as_str().unwrap());
    let whole = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let edit = |change: &dyn Fn(&str) -> Option<String>| {
        lines.iter().filter_map(|line| change(line)).map(|line| line + "\n").collect::<String>()
    };
    let is_sent = |line: &str| line.starts_with("{\"sent\"");
    let rows = [
        ("emptied", String::new()),
        ("no head", lines[1..].join("\n") + "\n"),
        ("no sent line", edit(&|line| (!is_sent(line)).then(|| line.to_owned()))),
        (
            "a damaged line",
            edit(&|line| Some(if is_sent(line) { "{".into() } else { line.into() })),
        ),
    ];
    assert_ne!(rows[2].1, whole, "the archive has a line of what was sent");
    for (name, text) in &rows {
        std::fs::write(path, text).unwrap();
        let commands = [
            &["apply", "--wait", "1s", "--resume", id][..],
            &["verify", "--wait", "1s", id],
            &["apply", "--wait", "1s", "orders-dlq"],
        ];
        for command in commands {
            let output = redrive(&bench, command);
            assert_eq!(output.code, 1, "{name}, {command:?}: {}", output.stderr);
            assert!(output.stderr.contains("it is not whole: "), "{name}: {}", output.stderr);
        }
        assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (1, 4), "{name}: nothing is sent");
    }
    std::fs::write(path, &whole).unwrap();
    let again = redrive(&bench, &["apply", "--wait", "1s", "--hold", "1s", "--resume", id]);
    assert_eq!(again.single("redrive.aborted")["data"]["reason"], "not_consumed", "a whole copy");
}
