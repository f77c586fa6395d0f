//! Edges of `dlq-poll`: which readings cause an event. Moving the recorded times back lets time
//! pass.

use serde_json::{Value, json};

use crate::support::poll::{age_state, bench, journal, poll};
use crate::support::sqs_api::{Behavior, FakeSqs, arn};
use crate::support::workbench::Bench;

/// Polls once for each depth, `seconds` after the poll before, and returns the edges of each poll.
fn rounds(sqs: &FakeSqs, bench: &Bench, steps: &[(u64, u64)]) -> Vec<String> {
    let mut edges = Vec::new();
    for (seconds, depth) in steps {
        sqs.state().queue("orders-dlq").depth(*depth);
        if bench.state("queues.json").exists() {
            age_state(bench, *seconds);
        }
        let output = poll(bench, &[]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        edges.push(output.edges().join(" + ").replace(" orders-dlq", ""));
    }
    edges
}

#[test]
fn fluttering_queue_is_raised_once() {
    let sqs = FakeSqs::start();
    let bench = bench("flutter", &sqs.url);
    let edges = rounds(&sqs, &bench, &[(0, 3), (15, 0), (15, 3), (15, 0)]);
    assert_eq!(edges, ["queue.raised", "", "", ""]);
}

#[test]
fn clear_needs_two_zeros_over_a_minute() {
    let sqs = FakeSqs::start();
    let bench = bench("zeros", &sqs.url);
    let steps = [(0, 3), (30, 0), (5, 0), (70, 0), (30, 0), (30, 2)];
    let edges = rounds(&sqs, &bench, &steps);
    let lost = "queue.cleared + queue.loss_suspected";
    assert_eq!(edges, ["queue.raised", "", "", lost, "", "queue.raised"]);
    let journal = journal(&bench);
    let of_kind =
        |kind: &str| -> Vec<&Value> { journal.iter().filter(|e| e["type"] == kind).collect() };
    let (raised, cleared) = (of_kind("queue.raised"), of_kind("queue.cleared"));
    // One incident spans raise to clear; the next raise opens another.
    assert_eq!(raised[0]["incident"], cleared[0]["incident"]);
    assert_ne!(raised[1]["incident"], cleared[0]["incident"]);
    assert_eq!(cleared[0]["data"]["cause"], "unknown");
    assert!((100..130).contains(&cleared[0]["data"]["duration_s"].as_u64().unwrap()));
    assert_eq!(of_kind("queue.loss_suspected")[0]["data"]["why"], "unexplained");
}

#[test]
fn single_zero_after_a_minute_clears_nothing() {
    let sqs = FakeSqs::start();
    let bench = bench("one-zero", &sqs.url);
    assert_eq!(rounds(&sqs, &bench, &[(0, 1), (300, 0), (300, 1)]), ["queue.raised", "", ""]);
}

#[test]
fn clear_after_sets_number_of_zeros() {
    let sqs = FakeSqs::start();
    let mut bench = bench("clear-after", &sqs.url);
    bench.configure("monitoring: {clear_after: 3}");
    let edges = rounds(&sqs, &bench, &[(0, 1), (30, 0), (300, 0), (5, 0)]);
    assert!(!edges[..3].join("").contains("cleared"), "{edges:?}");
    assert_eq!(edges[3], "queue.cleared");
}

#[test]
fn growth_is_reported_once_per_doubling() {
    let sqs = FakeSqs::start();
    let bench = bench("growth", &sqs.url);
    let steps = [(0, 3), (30, 5), (30, 6), (30, 6), (30, 2), (30, 7), (30, 50), (30, 50)];
    let edges = rounds(&sqs, &bench, &steps);
    let grew = "queue.grew";
    assert_eq!(edges, ["queue.raised", "", grew, "", "", "", grew, ""]);
}

#[test]
fn depth_below_threshold_keeps_queue_raised() {
    let sqs = FakeSqs::start();
    let mut bench = bench("threshold", &sqs.url);
    bench.configure("monitoring: {notification_threshold: 10}");
    let edges = rounds(&sqs, &bench, &[(0, 9), (30, 10), (30, 4), (70, 4), (70, 12)]);
    assert_eq!(edges[0..2], ["", "queue.raised"]);
    assert!(
        !edges[2..].join("").contains("raised") && !edges.join("").contains("cleared"),
        "{edges:?}"
    );
}

#[test]
fn read_error_restarts_count_of_zeros() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let bench = bench("miss", &sqs.url);
    assert_eq!(poll(&bench, &[]).edges(), ["queue.raised orders-dlq"]);
    sqs.state().queue("orders-dlq").depth(0);
    assert_eq!(poll(&bench, &[]).code, 0);
    age_state(&bench, 50);
    sqs.state().queue("orders-dlq").behavior = Behavior::Refuse(400, "AccessDeniedException");
    assert_eq!(poll(&bench, &[]).code, 1);
    age_state(&bench, 50);
    sqs.state().queue("orders-dlq").behavior = Behavior::Normal;
    let output = poll(&bench, &[]);
    assert_eq!((output.code, output.events_of("queue.cleared").len()), (0, 0));
    age_state(&bench, 61);
    poll(&bench, &[]).single("queue.cleared");
}

#[test]
fn move_task_explains_depth_drop() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
    let bench = bench("moved", &sqs.url);
    poll(&bench, &[]).single("queue.raised");
    // SQS gives the start in milliseconds.
    let start = journal(&bench)[0]["time"].as_str().and_then(dlq::time::Timestamp::parse).unwrap();
    sqs.state().move_tasks =
        vec![json!({"Status": "COMPLETED", "StartedTimestamp": start.millis(),
        "SourceArn": arn("orders-dlq"), "ApproximateNumberOfMessagesMoved": 5})];
    let edges = rounds(&sqs, &bench, &[(10, 0), (70, 0)]);
    assert_eq!(edges, ["", "queue.cleared"]);
    let journal = journal(&bench);
    let cleared = journal.iter().find(|event| event["type"] == "queue.cleared").unwrap();
    assert_eq!(cleared["data"]["cause"], "redriven");
    // The tasks are listed once, when a drop needs an explanation.
    assert_eq!(sqs.state().count("ListMessageMoveTasks"), 1);
}

#[test]
fn depth_drop_without_permission_is_cannot_tell() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 5)]);
    let bench = bench("cannot-tell", &sqs.url);
    sqs.state().tasks = Behavior::Refuse(403, "AccessDeniedException");
    poll(&bench, &[]);
    rounds(&sqs, &bench, &[(30, 3)]);
    age_state(&bench, 70);
    let output = poll(&bench, &[]);
    let data = &output.single("queue.loss_suspected")["data"];
    assert_eq!((&data["missing"], &data["why"]), (&json!(2), &json!("cannot_tell")));
    assert!(output.events_of("queue.cleared").is_empty());
}

#[test]
fn expiry_is_reported_by_deepest_tier() {
    let sqs = FakeSqs::start();
    sqs.state().queue("orders-dlq").set("MessageRetentionPeriod", 90_000);
    let bench = bench("expiry", &sqs.url);
    let hour = 3600;
    let steps = [(0, 0), (10, 4), (2 * hour, 4), (hour, 4), (17 * hour, 4), (4 * hour, 4)];
    let edges = rounds(&sqs, &bench, &steps);
    let expiring = "queue.expiring";
    assert_eq!(edges, ["", "queue.raised", expiring, "", expiring, expiring]);
    let journal = journal(&bench);
    let tiers: Vec<_> = journal
        .iter()
        .filter(|event| event["type"] == expiring)
        .map(|e| {
            [&e["data"]["tier"], &e["severitytext"], &e["data"]["certain"]]
                .map(Value::to_string)
                .join(" ")
        })
        .collect();
    // The queue has no source and was empty before, so the first moment of loss is known.
    let expected = [r#""24h" "WARN" true"#, r#""6h" "ERROR" true"#, r#""1h" "FATAL" true"#];
    assert_eq!(tiers, expected);
    let raised = journal.iter().find(|event| event["type"] == "queue.raised").unwrap();
    let moment = |key: &str| {
        let text = raised["data"][key].as_str().unwrap();
        dlq::time::Timestamp::parse(text).unwrap()
    };
    let window = moment("expires_before").since(moment("expires_after")).as_secs();
    assert!((10..40).contains(&window), "{window}");
}

#[test]
fn retention_of_source_as_long_makes_first_expiry_unknown() {
    let sqs = FakeSqs::start();
    {
        let mut world = sqs.state();
        world.queue("orders").redrives_to("orders-dlq", 5).set("MessageRetentionPeriod", 7200);
        world.queue("orders-dlq").set("MessageRetentionPeriod", 7200);
    }
    let bench = bench("never-seen", &sqs.url);
    rounds(&sqs, &bench, &[(0, 0), (10, 4)]);
    let events = journal(&bench);
    let of_kind = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap();
    assert_eq!(of_kind("queue.raised")["data"]["expires_after"], Value::Null);
    assert_eq!(of_kind("queue.raised")["data"]["queue"]["sources"], json!(["orders"]));
    assert_eq!(of_kind("queue.expiring")["data"]["certain"], json!(false));
    assert_eq!(of_kind("queue.expiring")["data"]["tier"], "6h");
}
