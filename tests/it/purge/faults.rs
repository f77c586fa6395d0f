//! Purges that cannot be finished: a full disk, the limit of the archives, refused deletes, hostile
//! names, a queue that is in use.

use serde_json::{Value, json};

use super::{archived, archives, deleted, last_move, purge};
use crate::support::poll::{bench, parse_output};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, Running, bin, wait_for};

const GIB: u64 = 1 << 30;

fn confirmed(bench: &Bench, queue: &str) -> crate::support::poll::PollOutput {
    purge(bench, &["--confirm", queue, queue])
}

#[test]
fn full_disk_or_archive_deletes_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq", &json!({}));
    for number in 0..20 {
        sqs.send(&dlq, &format!("{number} {}", "x".repeat(20_000)));
    }
    let mut bench = bench("purge-full", &server.url);
    // No file may have more than 64 KB.
    let program = bin("dlq-purge").display().to_string();
    let line = format!("prlimit --fsize=65536 {program} --confirm orders-dlq orders-dlq");
    let output = parse_output(bench.shell(&line));
    assert_eq!(output.code, 1, "{output:?}");
    let event = output.single("purge.completed");
    assert_eq!((&event["data"]["messages"], &event["data"]["left"]), (&json!(0), &json!(20)));
    let detail = event["data"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("20 messages are left: cannot write '"), "{detail}");
    assert_eq!((sqs.depth(&dlq), archived(&bench).len()), (20, 0), "all are visible");
    assert_eq!(event["severitytext"], "WARN");

    bench.configure("state: {archive_max_gib: 1}\n");
    let full = std::fs::File::create(bench.state("archive/full.ndjson")).unwrap();
    full.set_len(GIB - 100_000).unwrap();
    let output = confirmed(&bench, "orders-dlq");
    assert_eq!(output.code, 1, "{output:?}");
    let detail = output.single("purge.completed")["data"]["detail"].clone();
    assert!(detail.as_str().unwrap().contains("'state.archive_max_gib' allows 1;"), "{detail}");
    assert_eq!(sqs.depth(&dlq), 20);
    full.set_len(GIB + 1).unwrap();
    let output = confirmed(&bench, "orders-dlq");
    assert_eq!((output.code, output.events.len()), (1, 0), "not even begun: {output:?}");
    assert_eq!(sqs.depth(&dlq), 20);
    drop(full);
    std::fs::remove_file(bench.state("archive/full.ndjson")).unwrap();
    let output = confirmed(&bench, "orders-dlq");
    assert_eq!((output.code, sqs.messages(&dlq).len(), archived(&bench).len()), (0, 0, 20));
}

#[test]
fn refused_deletes_stay_and_are_told() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 25)]);
    sqs.state().not_deleted.insert("m3".into(), "ReceiptHandleIsInvalid");
    sqs.state().not_deleted.insert("m17".into(), "InternalError");
    let bench = bench("purge-refused", &sqs.url);
    let output = confirmed(&bench, "orders-dlq");
    assert_eq!(output.code, 1, "{output:?}");
    let data = &output.single("purge.completed")["data"];
    assert_eq!((&data["messages"], &data["left"]), (&json!(23), &json!(2)));
    let detail = data["detail"].as_str().unwrap();
    assert!(detail.starts_with("2 messages are left: SQS did not delete 2 messages: "), "{detail}");
    assert_eq!((archived(&bench).len(), deleted(&bench).len()), (25, 23));
    let gone = deleted(&bench);
    assert!(!gone.contains(&"m3".to_owned()) && !gone.contains(&"m17".to_owned()));
    let state = last_move(&bench);
    assert_eq!((&state["deleted"], &state["outcome"]), (&json!(23), &json!("aborted")));

    sqs.state().purge = Behavior::Refuse(403, "AWS.SimpleQueueService.PurgeQueueInProgress");
    let hard = purge(&bench, &["--hard", "--confirm", "hard orders-dlq", "orders-dlq"]);
    assert_eq!((hard.code, hard.events.len()), (1, 0), "{hard:?}");
    assert!(
        hard.stderr.contains("SQS allows one purge of a queue in 60 seconds"),
        "{}",
        hard.stderr
    );
    assert_eq!(last_move(&bench)["deleted"], 0);

    // An answer that does not confirm a delete leaves the message.
    for behavior in
        [Behavior::Disconnect, Behavior::Body("{}"), Behavior::Refuse(403, "AccessDenied")]
    {
        let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
        sqs.state().delete = behavior.clone();
        let bench = crate::support::poll::bench("purge-denied", &sqs.url);
        let output = confirmed(&bench, "orders-dlq");
        let data = &output.single("purge.completed")["data"];
        let counts = (output.code, &data["messages"], &data["left"]);
        assert_eq!(counts, (1, &json!(0), &json!(5)), "{behavior:?}");
        assert!(sqs.state().count("ChangeMessageVisibilityBatch") > 0, "{behavior:?}: put back");
    }
}

#[test]
fn hostile_names_stay_in_the_folder_and_off_the_terminal() {
    let names = ["..%2f..%2fx-dlq", "\u{1b}[2J-dlq", "$(touch x)-dlq", "a b\u{202e}-dlq", ".-dlq"];
    for name in names {
        let sqs = FakeSqs::start().with_queues(&[(name, 2)]);
        let bench = bench("purge-names", &sqs.url);
        let output = confirmed(&bench, name);
        let shown = output.stderr.replace('\n', "");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        let paths = archives(&bench);
        if output.code != 0 {
            // A name that no URL can have is refused before a request.
            assert!(paths.is_empty() && output.stderr.contains("cannot"), "{name:?} {output:?}");
            continue;
        }
        assert_eq!((paths.len(), archived(&bench).len()), (1, 2), "{name:?}");
        let file = paths[0].file_name().unwrap().to_str().unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!(file.chars().all(plain) && !file.starts_with('.'), "{file}");
        assert!(!bench.path("x").exists());
    }
}

#[test]
fn queue_in_use_is_not_purged() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3), ("chained-dlq", 3)]);
    sqs.state().queue("chained-dlq").redrives_to("last", 2);
    let bench = bench("purge-in-use", &sqs.url);
    let chained = confirmed(&bench, "chained-dlq");
    assert!(
        chained.code == 1 && chained.stderr.contains("redrive policy of its own"),
        "{chained:?}"
    );
    sqs.state().delete = Behavior::Hold;
    let args = ["--confirm", "orders-dlq", "orders-dlq"];
    let mut first = Running::spawn(&mut bench.command("dlq-purge", &args));
    wait_for("the first delete", || sqs.state().count("DeleteMessageBatch") > 0);
    let second = confirmed(&bench, "orders-dlq");
    assert_eq!((second.code, second.events.len()), (1, 0), "{second:?}");
    assert!(second.stderr.contains("another move of it is running"), "{}", second.stderr);
    sqs.state().delete = Behavior::Normal;
    assert_eq!(first.finish().code(), 0);

    // A session whose supervisor holds its lock.
    let queue = last_move(&bench)["queue"].clone();
    let arn = queue["arn"].as_str().unwrap();
    let session = json!({
        "id": "s1", "incident": "i", "queue_name": "orders-dlq", "queue": queue, "status": "running",
        "pid": null, "start_time": "2026-11-30T00:00:00Z", "timeout_at": "2036-11-30T00:00:00Z",
        "ended_at": null, "cooldown_until": null, "printed": 0, "cost_usd": null,
    });
    let document = json!({"version": 1, "sessions": [session], "incidents": []});
    bench.write("state/sessions.json", document.to_string());
    let lock = bench.write("state/sessions/s1/supervisor.lock", "");
    let held = dlq::store::Lock::try_take(&lock).unwrap().unwrap();
    let refused = confirmed(&bench, "orders-dlq");
    assert_eq!((refused.code, refused.events.len()), (1, 0), "{refused:?}");
    assert!(refused.stderr.contains("session s1 is investigating it"), "{}: {arn}", refused.stderr);
    drop(held);
    assert_eq!(
        confirmed(&bench, "orders-dlq").single("purge.completed")["data"]["hard"],
        Value::from(false)
    );
}

#[test]
fn messages_that_come_meanwhile_do_not_stand_for_those_that_others_read() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    sqs.state().queue("orders-dlq").set("ApproximateNumberOfMessagesNotVisible", 3);
    // Two of the five, and three that were sent later.
    sqs.state().receive = Behavior::Body(
        r#"{"Messages":[
            {"MessageId":"m0","ReceiptHandle":"m0","Body":"a","Attributes":{"SentTimestamp":"1"}},
            {"MessageId":"m1","ReceiptHandle":"m1","Body":"b","Attributes":{"SentTimestamp":"2"}},
            {"MessageId":"n0","ReceiptHandle":"n0","Body":"c","Attributes":{"SentTimestamp":"3"}},
            {"MessageId":"n1","ReceiptHandle":"n1","Body":"d","Attributes":{"SentTimestamp":"4"}},
            {"MessageId":"n2","ReceiptHandle":"n2","Body":"e","Attributes":{
                "SentTimestamp":"99999999999999"}}]}"#,
    );
    let bench = bench("purge-others", &sqs.url);
    let archived = purge(&bench, &["--archive-only", "orders-dlq"]);
    let detail = &archived.single("archive.completed")["data"]["detail"];
    let expected = "3 messages could not be received: others are reading them, or they are delayed";
    assert_eq!((archived.code, detail), (1, &json!(expected)), "{archived:?}");
    sqs.state().requests.clear();
    let output = confirmed(&bench, "orders-dlq");
    let data = &output.single("purge.completed")["data"];
    assert_eq!((output.code, &data["left"]), (1, &json!(3)), "{output:?}");
}

/// Times of messages are those of SQS.
#[test]
fn clock_that_is_behind_makes_no_message_late() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let minutes = |count: u64| std::time::Duration::from_secs(count * 60);
    let sent = dlq::clock::now().plus(minutes(9)).millis();
    let message = json!({
        "MessageId": "m0", "ReceiptHandle": "m0", "Body": "a",
        "Attributes": {"SentTimestamp": sent.to_string()},
    });
    let body = json!({"Messages": [message]}).to_string();
    sqs.state().receive = Behavior::Body(body.leak());
    sqs.state().ahead = Some(minutes(10));
    let output = confirmed(&bench("purge-clock", &sqs.url), "orders-dlq");
    let data = &output.single("purge.completed")["data"];
    assert_eq!((output.code, &data["messages"]), (0, &json!(1)), "{output:?}");
}

#[test]
fn receive_at_which_sqs_fails_is_repeated() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
    sqs.state().receive = Behavior::Refuse(500, "InternalError");
    let output = confirmed(&bench("purge-500", &sqs.url), "orders-dlq");
    let data = &output.single("purge.completed")["data"];
    assert_eq!((output.code, &data["messages"]), (0, &json!(5)), "{output:?}");
}
