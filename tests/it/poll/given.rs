//! Queues that a run is given by name, URL or ARN: how they are found, and what is said when not.

use serde_json::json;

use crate::support::poll::{bench, journal, poll, read_until};
use crate::support::sqs_api::{Behavior, FakeSqs, arn};

const DENIED: Behavior = Behavior::Refuse(403, "com.amazonaws.sqs#AccessDeniedException");

#[test]
fn missing_name_is_reported_with_region_account_and_nearest_name() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1), ("billing-dlq", 1)]);
    let bench = bench("typo", &sqs.url);
    for failures in [1, 0] {
        let output = poll(&bench, &["--queue", "ordes-dlq", "--queue", "billing-dlq"]);
        assert_eq!(output.code, 1);
        let message = "dlq-poll: warning: cannot find queue 'ordes-dlq' of '123456789012' in \
                       'us-east-1': does not exist, or access to it was lost; of 2 queues there, \
                       'orders-dlq' has the nearest name\n";
        assert_eq!(output.stderr, message);
        assert_eq!(output.single("poll.finished")["data"]["unreadable"], 1);
        assert_eq!(output.single("poll.finished")["data"]["queues"], 1);
        assert_eq!(output.events_of("poll.failed").len(), failures, "a failure is reported once");
    }
    sqs.state().list = DENIED;
    let output = poll(&bench, &["--queue", "ordes-dlq"]);
    let message = "dlq-poll: warning: cannot find queue 'ordes-dlq' in 'us-east-1': does not exist, or access to it was lost\n";
    assert_eq!((output.code, output.stderr.as_str()), (1, message));
}

#[test]
fn look_up_that_fails_is_an_event() {
    let kinds = [
        ("denied", DENIED, "access denied"),
        ("throttled", Behavior::Refuse(403, "RequestThrottled"), "throttled"),
        ("dropped", Behavior::Disconnect, "network: "),
        ("silent", Behavior::Silent, "network: '127.0.0.1:"),
        ("portal", Behavior::Body("<html>"), "the answer is not one of SQS"),
    ];
    // Ends when all rows have, also when one fails.
    std::thread::scope(|scope| {
        for (name, behavior, reason) in kinds {
            scope.spawn(move || {
                let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
                let mut bench = bench(&format!("look-up-{name}"), &sqs.url);
                if name == "silent" {
                    bench.configure("monitoring: {timeout: 500ms}");
                }
                sqs.state().look_up = behavior;
                let output = poll(&bench, &["--queue", "orders-dlq"]);
                assert_eq!((output.code, output.edges()), (1, vec!["poll.failed ".to_owned()]));
                let failed = &output.single("poll.failed")["data"];
                let expected = format!("cannot find queue 'orders-dlq': {reason}");
                assert!(
                    failed["reason"].as_str().unwrap().starts_with(&expected),
                    "{name}: {failed}"
                );
                assert_eq!(failed["region"], "us-east-1");
                let message = format!(
                    "dlq-poll: warning: cannot find queue 'orders-dlq' in 'us-east-1': {reason}"
                );
                assert!(output.stderr.starts_with(&message), "{name}: {}", output.stderr);
                sqs.state().look_up = Behavior::Normal;
                bench.configure("");
                let found = poll(&bench, &["--queue", "orders-dlq"]);
                assert_eq!((found.code, found.subjects("queue.raised").len()), (0, 1), "{name}");
            });
        }
    });
}

/// A queue that an earlier run has found is read without its look-up.
#[test]
fn known_queue_is_read_while_its_look_up_fails() {
    for (name, depth) in [("recorded", 1), ("discovered", 0)] {
        let sqs = FakeSqs::start().with_queues(&[("orders-dlq", depth)]);
        let bench = bench(&format!("known-{name}"), &sqs.url);
        assert_eq!(poll(&bench, &[]).code, 0);
        sqs.state().look_up = DENIED;
        let named = ["--queue", "orders-dlq"];
        let output = poll(&bench, &named);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{name}: {output:?}");
        sqs.state().queue("orders-dlq").behavior = DENIED;
        assert_eq!(poll(&bench, &named).code, 1, "{name}");
        let second = poll(&bench, &named);
        assert_eq!((second.code, second.edges()), (1, vec!["queue.unreadable orders-dlq".into()]));
    }
}

#[test]
fn queue_is_found_by_arn_and_by_url_with_slash() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let bench = bench("addresses", &sqs.url);
    let url = format!("{}/", sqs.queue_url("orders-dlq"));
    for (address, edges) in [(url, 1), (arn("orders-dlq"), 0), ("orders-dlq".into(), 0)] {
        let output = poll(&bench, &["--queue", &address]);
        assert_eq!((output.code, output.edges().len()), (0, edges), "{address}: {output:?}");
        let finished = &output.single("poll.finished")["data"];
        assert_eq!([&finished["queues"], &finished["raised"]], [&json!(1); 2], "{address}");
    }
    let elsewhere = arn("orders-dlq").replace("us-east-1", "eu-west-1");
    let output = poll(&bench, &["--queue", &elsewhere]);
    assert_eq!((output.code, output.events.len()), (2, 0));
    let remedy = "is in region 'eu-west-1', which is not asked: give --region eu-west-1\n";
    assert!(output.stderr.ends_with(remedy), "{}", output.stderr);
}

/// Of two scopes, one has the queue and the other one cannot be asked.
#[test]
fn look_up_that_fails_in_one_scope_is_reported() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("other-scope", &sqs.url);
    bench.write("aws-config", "[profile good]\naws_access_key_id = A\naws_secret_access_key = x\n");
    bench.configure("aws: {region: us-east-1, accounts: [{profile: good}, {profile: nobody}]}");
    let output = poll(&bench, &["--queue", "orders-dlq"]);
    assert_eq!(output.edges(), ["poll.failed ", "queue.raised orders-dlq"]);
    assert_eq!(
        (output.code, &output.single("poll.failed")["data"]["account"]),
        (1, &json!("nobody"))
    );
}

#[test]
fn named_queue_that_goes_is_gone_once() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1), ("other", 0)]);
    let bench = bench("named-gone", &sqs.url);
    let named = ["--queue", "orders-dlq"];
    assert_eq!(poll(&bench, &named).edges(), ["queue.raised orders-dlq"]);
    sqs.state().queues.remove("orders-dlq");
    let rounds = ["--follow", "--interval", "100ms", "--rounds", "6"];
    let output = poll(&bench, &[&named[..], &rounds].concat());
    assert_eq!(output.events_of("queue.gone").len(), 1, "{output:?}");
    let later = poll(&bench, &named);
    assert_eq!((later.code, later.events_of("queue.gone").len()), (1, 0), "{later:?}");
}

#[test]
fn named_queue_that_appears_is_polled_from_then_on() {
    let sqs = FakeSqs::start();
    let bench = bench("appears", &sqs.url);
    let mut running =
        bench.start("dlq-poll", &["--follow", "--interval", "200ms", "--queue", "orders-dlq"]);
    read_until(&mut running, "poll.finished");
    read_until(&mut running, "poll.finished");
    sqs.state().queue("orders-dlq").depth(1);
    assert_eq!(read_until(&mut running, "queue.raised")["subject"], "orders-dlq");
    running.kill();
    assert_eq!(journal(&bench).iter().filter(|event| event["type"] == "poll.failed").count(), 1);
}
