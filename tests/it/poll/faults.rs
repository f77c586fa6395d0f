//! Faults of SQS: an unreadable queue is unknown and reported, and never taken for empty, cleared
//! or gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::poll::{age_state, bench, poll};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::workbench::{Bench, wait_for};

const DENIED: Behavior = Behavior::Refuse(403, "com.amazonaws.sqs#AccessDeniedException");

/// Creates three queues with messages that are already raised.
fn raised(name: &str) -> (FakeSqs, Bench) {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 1), ("b-dlq", 2), ("c-dlq", 3)]);
    let bench = bench(name, &sqs.url);
    let output = poll(&bench, &[]);
    assert_eq!((output.code, output.events_of("queue.raised").len()), (0, 3));
    (sqs, bench)
}

#[test]
fn unreadable_queue_is_unknown_and_others_are_read() {
    let behaviors = [
        ("denied", DENIED, "access denied"),
        ("dropped", Behavior::Disconnect, "network: "),
        ("silent", Behavior::Silent, "no answer in time"),
        ("throttled", Behavior::Refuse(403, "RequestThrottled"), "throttled"),
        (
            "no-counts",
            Behavior::Body(r#"{"Attributes":{"QueueArn":"x"}}"#),
            "the answer has no counts",
        ),
        ("empty", Behavior::Body("{}"), "the answer has no counts"),
        ("portal", Behavior::Body("<html>Welcome to the hotel"), "the answer is not one of SQS"),
    ];
    // Ends when all rows have, also when one fails.
    std::thread::scope(|scope| {
        for (name, behavior, reason) in behaviors {
            scope.spawn(move || {
                let (sqs, mut bench) = raised(name);
                // A busy machine may miss a short time in the other rows.
                if name == "silent" {
                    bench.configure("monitoring: {timeout: 500ms}");
                }
                sqs.state().queue("b-dlq").behavior = behavior;
                sqs.state().queue("c-dlq").depth(9);
                let begun = Instant::now();
                let first = poll(&bench, &["--all"]);
                assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {:?}", begun.elapsed());
                assert_eq!(first.code, 1, "{name}");
                // The first error is a warning only, and the other queues are read.
                assert_eq!(first.edges(), ["queue.grew c-dlq"], "{name}");
                let message = format!("dlq-poll: warning: cannot read queue 'b-dlq': {reason}");
                assert!(first.stderr.starts_with(&message), "{name}: {}", first.stderr);
                assert_eq!(first.stderr.lines().count(), 1, "{name}");
                let polled = first.events_of("queue.polled");
                let b = polled.iter().find(|event| event["subject"] == "b-dlq").unwrap();
                assert_eq!(b["data"]["depth"], Value::Null, "{name}");
                assert!(b["data"]["reason"].as_str().unwrap().starts_with(reason), "{name}");
                assert_eq!(first.single("poll.finished")["data"]["unreadable"], 1);
                // The second error makes the queue unreadable, which is reported once.
                assert_eq!(poll(&bench, &[]).edges(), ["queue.unreadable b-dlq"], "{name}");
                age_state(&bench, 600);
                let third = poll(&bench, &[]);
                assert_eq!((third.code, third.edges().len()), (1, 0), "{name}: {third:?}");
                // The depth is unchanged, so only the recovery is reported.
                sqs.state().queue("b-dlq").behavior = Behavior::Normal;
                let back = poll(&bench, &[]);
                assert_eq!(back.edges(), ["queue.readable b-dlq"], "{name}");
                assert_eq!(back.single("queue.readable")["data"]["misses"], 3);
                assert_eq!(back.code, 0);
            });
        }
    });
}

#[test]
fn unreachable_server_makes_queues_unreadable() {
    let (sqs, bench) = raised("dead");
    drop(sqs);
    // The cached queues belong to the address at which no server listens any more.
    for edges in [0, 3, 0] {
        age_state(&bench, 100);
        let output = poll(&bench, &[]);
        assert_eq!(
            (output.code, output.events_of("queue.unreadable").len()),
            (1, edges),
            "{output:?}"
        );
        assert_eq!(output.edges().len(), edges);
        let message =
            "dlq-poll: warning: cannot read 3 queues ('a-dlq', 'b-dlq', 'c-dlq'): network: ";
        assert!(output.stderr.starts_with(message), "{}", output.stderr);
    }
}

#[test]
fn first_run_without_server_reports_poll_failed() {
    let sqs = FakeSqs::start();
    let bench = bench("dead-first", &sqs.url);
    drop(sqs);
    let output = poll(&bench, &[]);
    assert_eq!((output.code, output.edges()), (1, vec!["poll.failed ".to_owned()]));
    let message = "dlq-poll: warning: cannot list the queues in 'us-east-1': network: ";
    assert!(output.stderr.starts_with(message), "{}", output.stderr);
    assert_eq!(output.single("poll.finished")["data"]["queues"], 0);
    let again = poll(&bench, &[]);
    assert_eq!((again.code, again.edges().len()), (1, 0), "a failure is reported once");
}

#[test]
fn short_throttling_is_not_reported() {
    let (sqs, bench) = raised("slow-down");
    sqs.state().list = Behavior::Refuse(403, "ThrottlingException");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_for("it is asked again", || sqs.state().count("ListQueues") >= 3);
            sqs.state().list = Behavior::Normal;
        });
        let output = poll(&bench, &["--refresh"]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    });
}

#[test]
fn queue_is_gone_only_when_listing_lacks_it() {
    let spellings =
        ["com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];
    for (n, spelling) in spellings.into_iter().enumerate() {
        let (sqs, bench) = raised(&format!("gone-{n}"));
        sqs.state().queue("b-dlq").behavior = Behavior::Refuse(400, spelling);
        // The queue is still listed, so access may have been lost.
        let output = poll(&bench, &[]);
        assert_eq!((output.code, output.edges().len()), (1, 0), "{output:?}");
        assert!(output.stderr.contains("does not exist, or access to it was lost"));
        assert_eq!(poll(&bench, &[]).edges(), ["queue.unreadable b-dlq"]);
        // The listing failed, so it proves nothing.
        sqs.state().queue("b-dlq").hidden = true;
        sqs.state().list = DENIED;
        let output = poll(&bench, &[]);
        assert_eq!((output.code, output.edges().len()), (1, 0), "{output:?}");
        let refreshed = poll(&bench, &["--refresh"]);
        assert_eq!((refreshed.code, refreshed.edges()), (1, vec!["poll.failed ".to_owned()]));
        // A successful listing lacks the queue.
        sqs.state().list = Behavior::Normal;
        let output = poll(&bench, &[]);
        assert_eq!((output.code, output.edges()), (0, vec!["queue.gone b-dlq".to_owned()]));
        let gone = output.single("queue.gone");
        assert_eq!(gone["data"]["last_depth"], 2);
        assert!(gone["incident"].is_string());
        assert_eq!(output.single("poll.finished")["data"]["raised"], 2);
        // The queue leaves the cache and is reported once.
        for args in [&[][..], &["--refresh"], &[]] {
            let after = poll(&bench, args);
            assert_eq!((after.code, after.edges().len()), (0, 0), "{args:?} {after:?}");
        }
    }
}

#[test]
fn unlisted_queue_that_answers_is_not_gone() {
    let (sqs, bench) = raised("unlisted");
    sqs.state().queue("b-dlq").hidden = true;
    for _ in 0..2 {
        let output = poll(&bench, &["--refresh"]);
        assert_eq!((output.code, output.edges().len()), (0, 0), "{output:?}");
        assert_eq!(output.single("poll.finished")["data"]["raised"], 3);
    }
}

#[test]
fn hostile_names_are_escaped_in_messages() {
    let names = ["x\u{1b}]52;c;aGk=\u{7}-dlq", "y\u{202e}qld-\u{200b}z-dlq", "z\n\r\u{9b}2J-dlq"];
    let sqs = FakeSqs::start();
    for name in names {
        sqs.state().queue(name).behavior = DENIED;
    }
    let bench = bench("hostile", &sqs.url);
    let mut message = poll(&bench, &["-v"]).stderr;
    message += &poll(&bench, &["--queue", "no\u{1b}[2J\u{202e}such"]).stderr;
    message += &poll(&bench, &["--no\u{1b}[2J"]).stderr;
    message += &poll(&bench, &["--discover", "\u{1b}[2J"]).stderr;
    assert!(message.contains("\\u{1b}") && message.contains("\\u{202e}"), "{message:?}");
    let raw = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(c));
    assert!(!message.contains(raw), "{message:?}");
}

/// Events on a terminal are escaped and still valid JSON; on a pipe no byte is changed.
#[test]
#[cfg(target_os = "linux")] // elsewhere `script` has other options
fn event_lines_are_escaped_on_terminal() {
    let name = "x\u{202e}qld\u{9b}2J\u{1b}]52;c;aGk=\u{7}-dlq";
    let sqs = FakeSqs::start().with_queues(&[(name, 1)]);
    let mut bench = bench("terminal", &sqs.url);
    // Colours are escapes, too.
    bench.set("NO_COLOR", "1");
    let commands = [
        ("dlq-poll", true),
        ("dlq-poll --list", false),
        ("dlq-poll --lint", false),
        ("dlq-log", false),
        ("dlq-log --json", true),
    ];
    for (command, is_json) in commands {
        let shown = bench.shell(&format!("script -qec '{command}' /dev/null")).text();
        let raw = |c: char| !"\r\n".contains(c) && (c.is_control() || c == '\u{202e}');
        assert!(shown.contains("202e"), "{command}: {shown:?}");
        assert!(!shown.contains(raw), "{command}: {shown:?}");
        if is_json {
            let events = shown.lines().map(serde_json::from_str::<Value>);
            assert!(events.flatten().any(|event| event["subject"] == name), "{shown}");
        }
    }
    assert_eq!(poll(&bench, &["--list"]).subjects("queue.found"), [name]);
}

#[test]
fn long_list_of_sources_is_truncated() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    for n in 0..200 {
        let name = format!("{n:03}-{}", "s".repeat(76));
        sqs.state().queue(&name).redrives_to("orders-dlq", 5);
    }
    let bench = bench("long", &sqs.url);
    let output = poll(&bench, &[]);
    let queue = &output.single("queue.raised")["data"]["queue"];
    assert_eq!(queue["truncated"], json!(true));
    assert!(!queue["sources"].as_array().unwrap().is_empty());
}
