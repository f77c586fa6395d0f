//! Purges of a real SQS server.

use std::collections::BTreeMap;

use dlq::time::Timestamp;
use serde_json::{Value, json};

use super::{archived, archives, deleted, incident, last_move, lines, purge};
use crate::support::peek::{create_dlq_with, peek};
use crate::support::poll::{age_state, bench, journal, poll};
use crate::support::pty::Pty;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{signal, wait_for};

const FAILED: &str = r#"{"errorMessage":"KeyError: 'customer'","errorType":"KeyError"}"#;

#[test]
fn purge_by_cause_leaves_the_other_messages() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b","RequestId":"R"}"#;
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &[FAILED, test, FAILED, test, "x"]);
    let bench = bench("purge-cause", &server.url);
    let sampled = peek(&bench, &["orders-dlq"]);
    let causes = sampled.single("queue.sampled")["data"]["fingerprints"].clone();
    let of_test = |cause: &&Value| cause["title"].as_str().unwrap().contains("s3:TestEvent");
    let cause = causes.as_array().unwrap().iter().find(of_test).unwrap();
    let id = cause["id"].as_str().unwrap();
    let before = sqs.messages(&dlq);
    for [option, value] in [["--fingerprint", "0123456789abcdef"], ["--match", "nothing like it"]] {
        let none = purge(&bench, &[option, value, "--confirm", "orders-dlq", "orders-dlq"]);
        let is_told = none.stderr.contains("no message of queue 'orders-dlq' has been chosen");
        assert!(none.code == 1 && is_told, "{none:?}");
    }
    let args = ["--fingerprint", id, "--reason", "test", "--confirm", "orders-dlq", "orders-dlq"];
    let output = purge(&bench, &args);
    assert_eq!(output.code, 0, "{output:?}");
    let event = output.single("purge.completed");
    let archive = archives(&bench).pop().unwrap();
    let fields = ["messages", "left", "archive", "fingerprint", "hard", "detail"];
    let data = fields.map(|field| event["data"][field].clone());
    let path = archive.display().to_string();
    assert_eq!(data, [json!(2), json!(0), json!(path), json!(id), json!(false), Value::Null]);
    assert_eq!(journal(&bench).last().unwrap(), event);
    let undo = format!("to undo: dlq-redrive restore {path}\n");
    assert!(output.stderr.ends_with(&undo), "{}", output.stderr);
    let left = sqs.messages(&dlq);
    assert_eq!((left.len(), sqs.depth(&dlq)), (3, 3), "the others are visible at once");
    let gone: BTreeMap<_, _> =
        before.into_iter().filter(|(id, _)| !left.contains_key(id)).collect();
    assert_eq!(gone, archived(&bench));
    assert!(gone.values().all(|body| body == test), "{gone:?}");
    let head = &lines(&archive)[0];
    assert_eq!((&head["kind"], &head["reason"]), (&json!("purge"), &json!("test")));
    let state = last_move(&bench);
    assert_eq!((&state["deleted"], &state["outcome"]), (&json!(2), &json!("completed")));
}

#[test]
fn printed_command_undoes_a_purge_with_the_same_options() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let bodies = ["one", "two", "three"];
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &bodies);
    let mut bench = bench("purge-undo", &server.url);
    let config =
        bench.write("a config.yaml", format!("aws: {{endpoint_url: \"{}\"}}\n", server.url));
    bench.write("aws-config", "[profile prod+eu]\nregion = us-east-1\n");
    let keys = "aws_access_key_id = test\naws_secret_access_key = test\n";
    bench.write("aws-credentials", format!("[prod+eu]\n{keys}"));
    for name in ["AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        bench.unset(name);
    }
    let (config, url) = (config.display().to_string(), server.url.as_str());
    let place = [
        "--config",
        &config,
        "--profile",
        "prod+eu",
        "--region",
        "us-east-1",
        "--endpoint-url",
        url,
    ];
    let rows: [&[&str]; 6] = [
        &[],
        &["--match", "o"],
        &["--reason", "it's over; $(touch injected)"],
        &["--verbose"],
        &["--log-format", "text"],
        &["--account", "prod+eu"],
    ];
    for more in rows {
        let args = [&place, more, &["--confirm", "orders-dlq", "orders-dlq"]].concat();
        let output = purge(&bench, &args);
        assert_eq!(output.code, 0, "{more:?}: {}", output.stderr);
        let (_, undo) = output.stderr.split_once("to undo: ").unwrap();
        let undone = bench.shell(undo.lines().next().unwrap());
        assert_eq!(undone.code(), 0, "{more:?}: {undo} {}", undone.stderr);
        let mut back: Vec<String> = sqs.messages(&dlq).into_values().collect();
        back.sort();
        assert_eq!(back, ["one", "three", "two"], "{more:?}");
    }
}

#[test]
fn cause_that_a_log_has_told_is_purged_by_the_evidence() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let opaque = |n: u64| format!("an opaque message of order {n}");
    let bodies: Vec<String> = (0..4).map(opaque).chain([FAILED.to_owned()]).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &bodies);
    let bench = bench("purge-logged", &server.url);
    let sampled = peek(&bench, &["orders-dlq"]);
    // What a log would have made of it: a cause that no message shows, with one message as evidence.
    let bundle = sampled.single("queue.sampled")["data"]["bundle"].as_str().unwrap().to_owned();
    let path = format!("{bundle}/fingerprints.json");
    let mut groups: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let all = groups["fingerprints"].as_array_mut().unwrap();
    let group = all.iter_mut().find(|one| one["count"] == 4).unwrap();
    (group["id"], group["messages"]) = (json!("feedfacefeedface"), json!([group["messages"][0]]));
    std::fs::write(&path, groups.to_string()).unwrap();
    let args = ["--fingerprint", "feedfacefeedface", "--confirm", "orders-dlq", "orders-dlq"];
    let output = purge(&bench, &args);
    assert_eq!(
        (output.code, output.single("purge.completed")["data"]["messages"].as_u64()),
        (0, Some(4))
    );
    assert_eq!(sqs.messages(&dlq).into_values().collect::<Vec<_>>(), [FAILED]);
    assert_eq!(archived(&bench).len(), 4);
}

#[test]
fn purge_keeps_every_kind_of_attribute_and_what_arrives_meanwhile() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq", &json!({}));
    let body = "\u{fffd}ação\t\"\n";
    let message = json!({"QueueUrl": dlq, "MessageBody": body, "MessageAttributes": {
        "text": {"DataType": "String.x", "StringValue": "ação"},
        "count": {"DataType": "Number.int", "StringValue": "7"},
        "raw": {"DataType": "Binary.z", "BinaryValue": "AP8Q"},
    }, "MessageSystemAttributes": {
        "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"},
    }});
    sqs.call("SendMessage", &message);
    let bench = bench("purge-arrivals", &server.url);
    let mut running = bench.start("dlq-purge", &["--confirm", "orders-dlq", "orders-dlq"]);
    wait_for("the delete", || sqs.messages(&dlq).is_empty());
    let begun = last_move(&bench)["begun_at"].as_str().and_then(Timestamp::parse).unwrap();
    // SQS would show by its time that it has come later.
    let late = begun.plus(std::time::Duration::from_millis(2100));
    wait_for("a later moment", || dlq::clock::now() > late);
    sqs.send(&dlq, "late");
    let output = running.finish();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert_eq!(sqs.messages(&dlq).into_values().collect::<Vec<_>>(), ["late"]);
    assert_eq!(sqs.depth(&dlq), 1, "it is visible");
    let line = lines(&archives(&bench)[0])[1].clone();
    let message = &line["message"];
    assert_eq!(message["body"], body);
    let attributes = json!({
        "text": {"type": "String.x", "text": "ação"},
        "count": {"type": "Number.int", "text": "7"},
        "raw": {"type": "Binary.z", "base64": "AP8Q"},
    });
    assert_eq!(message["attributes"], attributes);
    assert_eq!(message["system"]["AWSTraceHeader"], "Root=1-5759e988-bd862e3fe1be46a994272793");
}

#[test]
fn poll_knows_a_purge_and_the_part_that_was_none() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    for (name, taken, edges) in [
        ("orders-dlq", 0, vec!["queue.cleared orders-dlq"]),
        ("mails-dlq", 1, vec!["queue.cleared mails-dlq", "queue.loss_suspected mails-dlq"]),
    ] {
        let dlq = create_dlq_with(&mut sqs, name, &["a", "b", "c"]);
        let bench = bench(&format!("purge-poll-{name}"), &server.url);
        assert_eq!(poll(&bench, &["--queue", name]).edges(), [format!("queue.raised {name}")]);
        for _ in 0..taken {
            let handle = sqs.receive(&dlq, 60).unwrap();
            sqs.call("DeleteMessage", &json!({"QueueUrl": dlq, "ReceiptHandle": handle}));
        }
        let purged = purge(&bench, &["--confirm", name, name]);
        assert_eq!(purged.single("purge.completed")["incident"], incident(&bench));
        assert_eq!(poll(&bench, &["--queue", name]).edges(), [""; 0]);
        age_state(&bench, 70);
        let output = poll(&bench, &["--queue", name]);
        assert_eq!(output.edges(), edges);
        assert_eq!(output.single("queue.cleared")["data"]["cause"], "purged", "{output:?}");
        if let [lost] = output.events_of("queue.loss_suspected")[..] {
            assert_eq!(lost["data"]["missing"], taken);
        }
    }
}

#[test]
fn fifo_queue_is_purged_in_the_order_of_its_groups() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq.fifo", &json!({}));
    for number in 0..36 {
        let group = format!("g{}", number % 3);
        sqs.call("SendMessage", &json!({
            "QueueUrl": dlq, "MessageBody": format!("{group} {number:02}"), "MessageGroupId": group,
        }));
    }
    let bench = bench("purge-fifo", &server.url);
    let output = purge(&bench, &["--confirm", "orders-dlq.fifo", "orders-dlq.fifo"]);
    assert_eq!((output.code, sqs.messages(&dlq).len()), (0, 0), "{output:?}");
    let bodies: Vec<String> = lines(&archives(&bench)[0])
        .iter()
        .filter_map(|line| line["message"]["body"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(bodies.len(), 36);
    for group in ["g0", "g1", "g2"] {
        let of_group: Vec<&String> = bodies.iter().filter(|one| one.starts_with(group)).collect();
        assert!(of_group.is_sorted() && of_group.len() == 12, "{of_group:?}");
    }
    assert_eq!(deleted(&bench).len(), 36);
}

#[test]
fn person_types_the_name_and_a_signal_leaves_the_rest() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    let bench = bench("purge-typed", &server.url);
    let program = crate::support::workbench::bin("dlq-purge").display().to_string();
    let line = format!("{program} orders-dlq > out; echo status $?");
    let mut wrong = Pty::start(&bench, &line, 120, 24);
    wrong.wait_for_text("Type 'orders-dlq' to go on: ");
    assert!(wrong.text().contains("then deletes all 2 messages of queue"), "{}", wrong.text());
    wrong.write("orders\n");
    wrong.wait_for_text("status 1");
    assert!(wrong.text().contains("it was not confirmed"), "{}", wrong.text());
    assert_eq!((sqs.depth(&dlq), archives(&bench).len()), (2, 0));
    // Without a terminal nobody can be asked.
    let output = bench.shell(&format!("setsid -w {program} orders-dlq"));
    assert_eq!(output.code(), 2, "{}", output.stderr);
    assert!(output.stderr.contains("give --confirm 'orders-dlq'"), "{}", output.stderr);
    let refused = purge(&bench, &["--hard", "--confirm", "orders-dlq", "orders-dlq"]);
    assert_eq!((refused.code, sqs.depth(&dlq)), (2, 2), "a hard purge has its own confirmation");
    let dry = purge(&bench, &["-n", "orders-dlq"]);
    assert_eq!(dry.single("purge.completed")["data"]["messages"], 2);
    assert_eq!((dry.code, sqs.depth(&dlq), archives(&bench).len()), (0, 2, 0));
    let mut right = Pty::start(&bench, &line, 120, 24);
    right.wait_for_text("Type 'orders-dlq' to go on: ");
    right.write("orders-dlq\n");
    right.wait_for_text("status 0");
    assert_eq!((sqs.messages(&dlq).len(), archived(&bench).len()), (0, 2));

    for number in 0..300 {
        sqs.send(&dlq, &number.to_string());
    }
    let args = ["--match", "^1", "--confirm", "orders-dlq", "orders-dlq"];
    let mut running = bench.start("dlq-purge", &args);
    wait_for("a delete", || sqs.messages(&dlq).len() < 300);
    signal("TERM", running.pid());
    let output = running.finish();
    assert!(output.stderr.contains("it was stopped"), "{}", output.stderr);
    let left = sqs.messages(&dlq).len() as u64;
    assert_eq!(sqs.depth(&dlq), left, "all that is left is visible");
}

#[test]
fn hard_purge_archives_nothing_and_poll_knows_it() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    let bench = bench("purge-hard", &server.url);
    poll(&bench, &["--queue", "orders-dlq"]);
    let output = purge(&bench, &["--hard", "--confirm", "hard orders-dlq", "orders-dlq"]);
    assert_eq!((output.code, sqs.messages(&dlq).len()), (0, 0), "{output:?}");
    let data = &output.single("purge.completed")["data"];
    assert_eq!((&data["hard"], &data["messages"]), (&json!(true), &Value::Null));
    assert_eq!(archives(&bench).len(), 0);
    poll(&bench, &["--queue", "orders-dlq"]);
    age_state(&bench, 70);
    let cleared = poll(&bench, &["--queue", "orders-dlq"]);
    assert_eq!(cleared.single("queue.cleared")["data"]["cause"], "purged");
}
