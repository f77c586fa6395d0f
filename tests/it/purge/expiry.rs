//! The expiry guard: messages are archived once before retention deletes them.

use serde_json::{Value, json};

use super::{archived, archives, incident, last_move, purge};
use crate::support::peek::create_dlq_with;
use crate::support::poll::{age_state, bench, parse_output, poll};
use crate::support::sqs_api::FakeSqs;
use crate::support::sqs_server::SqsServer;

#[test]
fn messages_are_archived_once_and_stay() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b", "c"]);
    let bench = bench("archive-once", &server.url);
    let dry = purge(&bench, &["-n", "--archive-only", "orders-dlq"]);
    assert_eq!(dry.single("archive.completed")["data"]["messages"], 3);
    assert_eq!((archives(&bench).len(), sqs.depth(&dlq)), (0, 3));
    let first = purge(&bench, &["-q", "--archive-only", "orders-dlq"]);
    assert_eq!((first.code, first.stderr.as_str()), (0, ""));
    let data = &first.single("archive.completed")["data"];
    assert_eq!(
        (&data["messages"], &data["known"], &data["detail"]),
        (&json!(3), &json!(0), &Value::Null)
    );
    assert!(data["expires_before"].is_string(), "{data}");
    assert_eq!((sqs.depth(&dlq), archived(&bench)), (3, sqs.messages(&dlq)));
    sqs.send(&dlq, "d");
    let second = purge(&bench, &["--archive-only", "orders-dlq"]);
    let data = &second.single("archive.completed")["data"];
    assert_eq!((&data["messages"], &data["known"]), (&json!(1), &json!(3)));
    let third = purge(&bench, &["--archive-only", "orders-dlq"]);
    let data = &third.single("archive.completed")["data"];
    assert_eq!((&data["messages"], &data["archive"]), (&json!(0), &Value::Null));
    assert_eq!((archives(&bench).len(), archived(&bench).len()), (2, 4));
    let state = last_move(&bench);
    assert_eq!((&state["kind"], &state["deleted"]), (&json!("expiry"), &json!(0)));
    // What others are reading cannot be archived now.
    sqs.receive(&dlq, 60).unwrap();
    sqs.send(&dlq, "e");
    let fourth = purge(&bench, &["--archive-only", "orders-dlq"]);
    let event = fourth.single("archive.completed");
    assert_eq!((fourth.code, &event["severitytext"]), (1, &json!("ERROR")), "{fourth:?}");
    let detail = event["data"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("1 message could not be received: others are reading"), "{detail}");
}

#[test]
fn filter_archives_the_queues_that_are_about_to_lose_messages() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    sqs.call(
        "SetQueueAttributes",
        &json!({
            "QueueUrl": dlq, "Attributes": {"MessageRetentionPeriod": "3600"},
        }),
    );
    let mut bench = bench("archive-filter", &server.url);
    let polled = bench.run("dlq-poll", &["--queue", "orders-dlq"], "").text();
    let expiring = |line: &&str| line.contains("\"queue.expiring\"");
    assert!(polled.lines().any(|line| expiring(&line)), "{polled}");
    let filter = |bench: &crate::support::workbench::Bench, text: &str| {
        bench.run("dlq-purge", &["--archive-only"], text)
    };
    assert_eq!(filter(&bench, &polled).text(), polled, "the switch is off");
    bench.configure("features: {archive_before_expiry: true}\n");
    // A line is a hint: this incident is not open.
    let incident = incident(&bench);
    let other = polled.replace(incident.as_str().unwrap(), "11111111-2222-8333-8444-555555555555");
    assert_eq!(filter(&bench, &other).text(), other);
    assert_eq!(archives(&bench).len(), 0);
    let output = filter(&bench, &polled);
    let (code, text) = (output.code(), output.text());
    let passed = parse_output(output);
    assert_eq!(code, 0, "{passed:?}");
    let event = passed.single("archive.completed");
    assert_eq!((&event["data"]["messages"], &event["incident"]), (&json!(2), &incident));
    let others: String = text
        .lines()
        .filter(|line| !line.contains("archive.completed"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(others, polled, "every line passes as it was");
    assert_eq!(archived(&bench), sqs.messages(&dlq));
    // A replay of the journal receives no message again; the warning is answered.
    let begun = last_move(&bench);
    assert_eq!(filter(&bench, &polled).text(), polled);
    assert_eq!(last_move(&bench), begun);
    // The next tier finds all of them archived, and says nothing.
    age_state(&bench, 3600);
    assert_eq!(filter(&bench, &polled).text(), polled);
    assert_ne!(last_move(&bench)["id"], begun["id"]);
    assert_eq!(poll(&bench, &["--queue", "orders-dlq"]).code, 0);
}

#[test]
fn file_that_cannot_be_read_does_not_end_the_guard_or_a_redrive() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 5)]);
    let bench = bench("expiry-odd", &sqs.url);
    assert_eq!(purge(&bench, &["--archive-only", "orders-dlq"]).code, 0);
    let archive = archives(&bench).pop().unwrap();
    std::os::unix::fs::symlink(&archive, bench.state("archive/moved.ndjson")).unwrap();
    std::fs::create_dir(bench.state("archive/folder.ndjson")).unwrap();
    std::fs::write(bench.state("archive/other.ndjson"), "{}\n").unwrap();
    sqs.state().requests.clear();
    let again = purge(&bench, &["--archive-only", "orders-dlq"]);
    let data = &again.single("archive.completed")["data"];
    assert_eq!((again.code, &data["messages"], &data["known"]), (0, &json!(0), &json!(5)));
    for name in ["moved.ndjson", "folder.ndjson", "other.ndjson"] {
        assert!(again.stderr.contains(name), "{}", again.stderr);
    }
    sqs.state().requests.clear();
    let args = ["apply", "--canary", "0", "--no-verify", "--to", "orders", "orders-dlq"];
    let redrive = parse_output(bench.run("dlq-redrive", &args, ""));
    assert_eq!(redrive.single("redrive.completed")["data"]["moved"], 5, "{}", redrive.stderr);
}

#[test]
fn guard_that_finds_its_queue_locked_tries_again() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a", "b"]);
    let retention = json!({"MessageRetentionPeriod": "3600"});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": dlq, "Attributes": retention}));
    let mut bench = bench("archive-locked", &server.url);
    // It makes the lock, whose name is a hash of the ARN.
    assert_eq!(purge(&bench, &["--archive-only", "orders-dlq"]).code, 0);
    for archive in archives(&bench) {
        std::fs::remove_file(archive).unwrap();
    }
    let polled = bench.run("dlq-poll", &["--queue", "orders-dlq"], "").text();
    let finished = polled.lines().find(|line| line.contains("poll.finished")).unwrap().to_owned();
    bench.configure("features: {archive_before_expiry: true}\n");
    let filter = |text: &str| {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut output = parse_output(bench.run("dlq-purge", &["--archive-only"], text));
        output.events.retain(|event| event["type"] == "archive.completed");
        assert!(!lines.is_empty());
        output
    };
    let folder = std::fs::read_dir(bench.state("archive")).unwrap().flatten();
    let lock = folder.map(|file| file.path()).find(|path| path.extension().unwrap() == "lock");
    let held = dlq::store::Lock::try_take(&lock.unwrap()).unwrap().unwrap();
    let busy = filter(&polled);
    assert_eq!((busy.code, busy.events.len()), (1, 1), "{busy:?}");
    let detail = busy.events[0]["data"]["detail"].as_str().unwrap();
    assert!(detail.contains("another move of it is running"), "{detail}");
    assert_eq!(busy.events[0]["severitytext"], "ERROR");
    let waiting = filter(&finished);
    assert_eq!((waiting.code, waiting.events.len()), (1, 0), "told once: {waiting:?}");
    drop(held);
    let done = filter(&finished);
    assert_eq!((done.code, done.events.len()), (0, 1), "{done:?}");
    assert_eq!((&done.events[0]["data"]["messages"], archived(&bench).len()), (&json!(2), 2));
    assert_ne!(done.events[0]["id"], busy.events[0]["id"]);
    assert_eq!(filter(&finished).events.len(), 0);
}
