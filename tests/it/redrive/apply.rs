//! Redrives that end well: what travels, from where to where, and how that is verified.

use serde_json::{Value, json};

use super::{
    QUICK, archive, bodies, bodies_of, create_pair, die, drain, last_move, let_die, redrive,
    send_batch, summary,
};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{bench, journal, parse_output};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, wait_for};

#[test]
fn messages_travel_with_body_attributes_and_trace() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let body = "a \u{1f4e6}\t\"quoted\"\r\n<xml/>";
    let attributes = json!({
        "text": {"DataType": "String", "StringValue": "caf\u{e9}"},
        "own": {"DataType": "String.own", "StringValue": "x"},
        "number": {"DataType": "Number", "StringValue": "12345678901234567890.5"},
        "float": {"DataType": "Number.float", "StringValue": "1.5"},
        "bytes": {"DataType": "Binary", "BinaryValue": "AP8BgH8="},
        "image": {"DataType": "Binary.png", "BinaryValue": "iVBORw0="},
    });
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    send_batch(
        &mut sqs,
        &source,
        &[json!({
            "Id": "0", "MessageBody": body, "MessageAttributes": attributes,
            "MessageSystemAttributes": {
                "AWSTraceHeader": {"DataType": "String", "StringValue": trace},
            },
        })],
    );
    die(&mut sqs, &source, &dlq, 1);
    let bench = bench("redrive-whole", &server.url);
    let output = redrive(&bench, &["apply", "-q", "--canary", "0", "--no-verify", "orders-dlq"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(1), &Value::Null));
    let [message] = drain(&mut sqs, &source).try_into().unwrap();
    assert_eq!(message["Body"], body);
    assert_eq!(message["Attributes"]["AWSTraceHeader"], trace);
    let arrived = message["MessageAttributes"].as_object().unwrap();
    assert_eq!(arrived.len(), 6, "none was added: {arrived:?}");
    for (name, sent) in attributes.as_object().unwrap() {
        for key in ["DataType", "StringValue", "BinaryValue"] {
            let value = arrived[name].get(key).filter(|value| !value.is_null());
            assert_eq!(value, sent.get(key), "{name} {key}");
        }
    }
    assert_eq!(sqs.depth(&dlq) + sqs.in_flight(&dlq), 0);
    let lines = archive(&bench);
    let archived = summary(&lines);
    assert_eq!(lines[0]["archive"], 1);
    assert_eq!(lines.last().unwrap()["finished"]["outcome"], "completed");
    let (old, new) = archived.sent.iter().next().unwrap();
    assert_eq!(
        (&archived.bodies[old], new),
        (&body.to_owned(), &message["MessageId"].as_str().unwrap().to_owned())
    );
    assert!(archived.deleted.contains(old));
    let recorded = last_move(&bench);
    assert_eq!((&recorded["outcome"], &recorded["deleted"]), (&json!("completed"), &json!(1)));
}

#[test]
fn thousands_of_messages_arrive_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    // The consumer takes about 240 a second, and is to keep pace.
    let long = std::env::var_os("DLQ_LONG").is_some();
    let (count, rate) = if long { (10_000, "200") } else { (2000, "10000") };
    let mut expected = bodies(count);
    let_die(&mut sqs, &source, &dlq, &expected);
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let bench = bench("redrive-many", &server.url);
    let args = [&["apply", "-q", "--rate", rate], &QUICK[..], &["orders-dlq"]].concat();
    let mut running = bench.start("dlq-redrive", &args);
    wait_for("half has moved", || {
        let is_recorded = bench.state("redrives.json").exists();
        is_recorded && last_move(&bench)["moved"].as_u64() >= Some(count as u64 / 2)
    });
    let output = parse_output(running.finish());
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(count), &json!(true)));
    let progress = output.events_of("redrive.progressed");
    let steps: Vec<_> = progress.iter().map(|one| one["data"]["step"].as_str().unwrap()).collect();
    for step in ["canary", "ramp", "rest", "verify"] {
        assert!(steps.contains(&step), "{steps:?}");
    }
    // The last ones may be in the hands of the consumer.
    wait_for("all are consumed", || consumer.consumed().len() >= count);
    let mut arrived = bodies_of(&consumer.consumed());
    arrived.sort();
    expected.sort();
    assert!(arrived == expected, "{} arrived", arrived.len());
    assert_eq!(sqs.depth(&dlq) + sqs.in_flight(&dlq), 0);
}

#[test]
fn sources_of_one_dead_letter_queue_get_their_own_messages() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("shared-dlq", &json!({}));
    let first = sqs.create_source("first", "shared-dlq");
    let second = sqs.create_source("second", "shared-dlq");
    let of = |name: &str| (0..7).map(|n| format!("{name} {n}")).collect::<Vec<_>>();
    let_die(&mut sqs, &first, &dlq, &of("first"));
    let_die(&mut sqs, &second, &dlq, &of("second"));
    // A message that nobody has let die has no origin, and the queue has two sources.
    sqs.send(&dlq, "lost");
    let bench = bench("redrive-shared", &server.url);
    let output = redrive(&bench, &["apply", "--canary", "0", "--no-verify", "shared-dlq"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("its queue has 2 sources; give --to"), "{}", output.stderr);
    for (url, name) in [(&first, "first"), (&second, "second")] {
        let mut arrived = bodies_of(&drain(&mut sqs, url));
        arrived.sort();
        assert_eq!(arrived, of(name));
    }
    assert_eq!(bodies_of(&drain(&mut sqs, &dlq)), ["lost"], "and it is back");
}

#[test]
fn filling_queue_is_emptied_without_chasing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(60));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let bench = bench("redrive-filling", &server.url);
    let mut running = bench.start(
        "dlq-redrive",
        &[&["apply", "--to", "orders"], &QUICK[..], &["orders-dlq"]].concat(),
    );
    crate::support::poll::read_until(&mut running, "redrive.started");
    // Dead letters of another cause, and of another source.
    let other = sqs.create_source("other", "orders-dlq");
    for n in 0..20 {
        sqs.send(&other, &format!("other {n}"));
        sqs.receive(&other, 0);
        sqs.receive(&other, 0);
    }
    let output = running.finish();
    let moved = consumer.consumed().len() as u64;
    let left = sqs.depth(&dlq);
    assert_eq!((output.code(), moved + left), (0, 80), "{}", output.stderr);
    assert!(moved >= 60, "{moved}");
}

#[test]
fn stopped_consumer_is_no_success() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let consumer = Consumer::start(&server, &source, Mode::Stopped);
    let bench = bench("redrive-stopped", &server.url);
    let output = redrive(&bench, &[&["apply"], &QUICK[..], &["orders-dlq"]].concat());
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("not_consumed")));
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (1, 4), "the canary only");
    // Without a canary everything has travelled, and is not called verified.
    let all = redrive(&bench, &[&["apply", "--canary", "0"], &QUICK[..], &["orders-dlq"]].concat());
    let completed = &all.single("redrive.completed")["data"];
    assert_eq!(
        (all.code, &completed["verified"], &completed["moved"]),
        (1, &json!(false), &json!(4))
    );
    assert!(all.stderr.contains("its consumer has stopped"), "{}", all.stderr);
    assert_eq!(last_move(&bench)["outcome"], "unverified");
    // The consumer is back: the redrive can be verified afterwards.
    consumer.switch(Mode::Succeeds);
    wait_for("all are consumed", || consumer.consumed().len() == 5);
    let verified = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    assert_eq!(verified.single("redrive.completed")["data"]["verified"], true);
    assert_eq!((verified.code, &last_move(&bench)["outcome"]), (0, &json!("completed")));
}

#[test]
fn messages_that_were_there_before_are_no_unconsumed_ones() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    // They are in the depth of the source, and no consumer gets them.
    let later = |n: u64| json!({"Id": n.to_string(), "MessageBody": "later", "DelaySeconds": 900});
    send_batch(&mut sqs, &source, &(0..4).map(later).collect::<Vec<_>>());
    let bench = bench("redrive-busy", &server.url);
    let args = ["apply", "--canary", "0", "--no-verify", "orders-dlq"];
    assert_eq!(redrive(&bench, &args).code, 0);
    assert_eq!(last_move(&bench)["baselines"], json!({sqs.arn("orders"): 4}));
    let stopped = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    assert!(
        stopped.stderr.contains("at most 3 of those sent are still in the destination"),
        "{}",
        stopped.stderr
    );
    assert_eq!(drain(&mut sqs, &source).len(), 3);
    let verified = redrive(&bench, &["verify", "--wait", "1s", "orders-dlq"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""));
    assert_eq!(verified.single("redrive.completed")["data"]["verified"], true);
}

#[test]
fn selection_moves_what_it_names() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(30));
    let bench = bench("redrive-selection", &server.url);
    let args = ["apply", "--canary", "0", "--no-verify", "--match", r#""n":1[0-9]"#, "orders-dlq"];
    let output = redrive(&bench, &[&args[..6], &["-q", "--limit", "7"], &args[6..]].concat());
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!(output.single("redrive.completed")["data"]["moved"], 7);
    assert_eq!(redrive(&bench, &args).code, 0);
    let mut arrived = bodies_of(&drain(&mut sqs, &source));
    arrived.sort();
    assert_eq!(arrived, bodies(30)[10..20]);
    assert_eq!(sqs.depth(&dlq), 20, "the others are back at once");
}

#[test]
fn restore_puts_back_what_only_the_archive_has() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-restore", &server.url);
    assert_eq!(redrive(&bench, &["apply", "--canary", "0", "--no-verify", "orders-dlq"]).code, 0);
    let path = last_move(&bench)["archive"].as_str().unwrap().to_owned();
    let none = redrive(&bench, &["restore", &path]);
    assert_eq!((none.code, sqs.depth(&dlq)), (0, 0), "all were sent");
    let archived = summary(&archive(&bench));
    let (id, body) = archived.bodies.iter().next().unwrap();
    let dry = redrive(&bench, &["restore", "-n", "--id", id, &path]);
    assert_eq!(
        (dry.single("archive.restored")["data"]["messages"].as_u64(), sqs.depth(&dlq)),
        (Some(1), 0)
    );
    let one = redrive(&bench, &["restore", "--id", id, &path]);
    assert!(
        one.code == 0 && one.stderr.contains("1 message back in queue 'orders-dlq'"),
        "{one:?}"
    );
    let event = one.single("archive.restored");
    let fields = ["messages", "left", "archive", "detail"].map(|name| event["data"][name].clone());
    assert_eq!(fields, [json!(1), json!(0), json!(path), Value::Null]);
    assert_eq!(&journal(&bench).pop().unwrap(), event);
    // It is no return: the redrive goes on, and takes it along.
    let id = last_redrive(&bench);
    let text = std::fs::read_to_string(bench.state("redrives.json")).unwrap();
    let text = text.replacen(r#""outcome":"completed""#, r#""outcome":"aborted""#, 1);
    bench.write("state/redrives.json", text);
    let args = ["apply", "-q", "--canary", "0", "--hold", "1s", "--no-verify", "--resume", &id];
    let resumed = redrive(&bench, &args);
    assert_eq!((resumed.code, resumed.stderr.as_str()), (0, ""));
    assert_eq!(resumed.single("redrive.completed")["data"]["moved"], 4);
    let mut arrived = bodies_of(&drain(&mut sqs, &source));
    arrived.sort();
    let mut expected = [bodies(3), vec![body.clone()]].concat();
    expected.sort();
    assert_eq!((arrived, sqs.depth(&dlq)), (expected, 0));
}

/// Returns the id of the newest redrive of `redrives.json`.
fn last_redrive(bench: &Bench) -> String {
    let text = std::fs::read_to_string(bench.state("redrives.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let moves = all["moves"].as_array().unwrap();
    let newest = moves.iter().rfind(|one| one["kind"] == "redrive").unwrap();
    newest["id"].as_str().unwrap().to_owned()
}
