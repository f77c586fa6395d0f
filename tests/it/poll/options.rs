//! Options of `dlq-poll`: usage, discovery, dry run and named queues.

use crate::support::poll::{age_state, bench, poll};
use crate::support::sqs_api::{Behavior, FakeSqs};

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let bench = bench("usage", "http://127.0.0.1:9");
    let cases: [(&[&str], &str); 11] = [
        (&["--no-such-flag"], "unknown option '--no-such-flag'"),
        (&["extra"], "extra"),
        (&["--interval", "30x"], "30x"),
        (&["--interval", "0s"], "0s"),
        (&["--rounds", "0"], "0"),
        (&["--rounds", "many"], "many"),
        (&["--concurrency", "0"], "0"),
        (&["--discover", "magic"], "magic"),
        (&["--match", "[a"], "[a"),
        (&["--region"], "--region"),
        (&["--endpoint-url", "127.0.0.1:9"], "127.0.0.1:9"),
    ];
    for (args, offence) in cases {
        let output = poll(&bench, args);
        assert_eq!((output.code, output.events.len()), (2, 0), "{args:?}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{args:?}: {}", output.stderr);
        assert!(output.stderr.starts_with("dlq-poll: fatal: "), "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains(offence), "{args:?}: {}", output.stderr);
    }
    assert!(!bench.state("").exists(), "wrong usage writes nothing");
}

/// A round by name needs one request per DLQ, and the cache spares cron the listing.
#[test]
fn discovery_cache_limits_api_calls_of_rounds() {
    let sqs = FakeSqs::start();
    for n in 0..30 {
        sqs.state().queue(&format!("job-{n}-dlq"));
        sqs.state().queue(&format!("job-{n}"));
    }
    let bench = bench("calls", &sqs.url);
    let calls = |args: &[&str]| {
        let output = poll(&bench, args);
        let mut world = sqs.state();
        let calls = (world.count("ListQueues"), world.count("GetQueueAttributes"));
        let requests = std::mem::take(&mut world.requests);
        assert_eq!(output.single("poll.finished")["data"]["api_calls"], requests.len());
        let mut queues: Vec<String> = requests.into_iter().map(|one| one.queue).collect();
        queues.sort();
        (calls, queues, output)
    };
    let (first, queues, _) = calls(&["--discover", "name"]);
    assert_eq!(first, (1, 30));
    assert!(queues[1..].windows(2).all(|pair| pair[0] != pair[1]), "each is asked once");
    assert_eq!(calls(&["--discover", "name"]).0, (0, 30), "the cache");
    sqs.state().queue("late-dlq");
    assert_eq!(calls(&["--discover", "name"]).0, (0, 30));
    let (refreshed, _, output) = calls(&["--discover", "name", "--refresh"]);
    assert_eq!((refreshed, output.subjects("queue.found")), ((1, 31), vec!["late-dlq".to_owned()]));
    age_state(&bench, 14 * 60);
    assert_eq!(calls(&["--discover", "name"]).0, (0, 31));
    age_state(&bench, 2 * 60);
    assert_eq!(calls(&["--discover", "name"]).0, (1, 31), "after 15 minutes");
    // Discovery by redrive policy reads every queue, and then the DLQs.
    assert_eq!(calls(&[]).0, (1, 61 + 31));
    assert_eq!(calls(&["--match", "job-1*", "--exclude", "*-11-*"]).0, (0, 10));
    assert_eq!(calls(&["--queue", &sqs.queue_url("job-3")]).0, (0, 1));
}

/// Each pattern that matches nothing is a warning of the first round, with the nearest name.
#[test]
fn unmatched_pattern_is_reported_once() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 0), ("billing-dlq", 0)]);
    let mut bench = bench("unmatched", &sqs.url);
    bench.configure(
        "monitoring: {exclude: ['test-*']}\n\
         auto_investigation: {target_queues: ['biling-dlq', 'orders-*'], queues: [{match: 'zebra'}]}\n",
    );
    let none = |origin: &str, nearest: &str| {
        format!("dlq-poll: warning: {origin}: none of 2 dead-letter queues matches{nearest}\n")
    };
    let option = none("--match 'ordes-*'", "; the nearest is 'orders-dlq'");
    let configured = [
        none("monitoring.exclude 'test-*'", ""),
        none("auto_investigation.target_queues 'biling-dlq'", "; the nearest is 'billing-dlq'"),
        none("auto_investigation.queues match 'zebra'", ""),
    ];
    let rounds = ["--follow", "--interval", "100ms", "--rounds", "3"];
    let cases: [(&[&str], String); 4] = [
        // Runs of cron, with a fresh cache and without.
        (&[], String::new()),
        (&["--refresh", "--match", "ordes-*"], option.clone()),
        (&rounds, configured.concat()),
        (&["--list", "--match", "ordes-*"], option + &configured.concat()),
    ];
    for (args, expected) in cases {
        let output = poll(&bench, args);
        let warnings: String = output
            .stderr
            .split_inclusive('\n')
            .filter(|line| !line.contains("is selected: nothing is polled"))
            .collect();
        assert_eq!((output.code, warnings), (0, expected), "{args:?}");
    }
    // A list that fails proves nothing about a pattern.
    sqs.state().list = Behavior::Refuse(403, "AccessDenied");
    let output = poll(&bench, &["--refresh", "--match", "ordes-*"]);
    assert!(!output.stderr.contains("ordes"), "{}", output.stderr);
}

#[test]
fn check_returns_1_while_a_queue_is_raised() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 0), ("b-dlq", 0)]);
    let bench = bench("check", &sqs.url);
    assert_eq!(poll(&bench, &["--check"]).code, 0);
    sqs.state().queue("b-dlq").depth(1);
    for args in [&["--check", "--dry-run"][..], &["--check"], &["--check"]] {
        assert_eq!(poll(&bench, args).code, 1, "{args:?}");
    }
    assert_eq!(poll(&bench, &["--check", "--exclude", "b-*"]).code, 0);
    let none = poll(&bench, &["--check", "--match", "c-*"]);
    assert_eq!(none.code, 1, "a check of no queue");
    let sentence = "none of 2 dead-letter queues in 'us-east-1' is selected: nothing is polled";
    assert!(none.stderr.contains(sentence), "{}", none.stderr);
    assert_eq!(poll(&bench, &["--match", "c-*"]).code, 0);
    assert_eq!(poll(&bench, &[]).code, 0, "without it a raise is no failure");
}

#[test]
fn dry_run_prints_all_and_writes_nothing() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let bench = bench("dry", &sqs.url);
    for _ in 0..2 {
        let output = poll(&bench, &["-n"]);
        assert_eq!((output.code, output.edges()), (0, vec!["queue.raised orders-dlq".to_owned()]));
    }
    for name in ["queues.json", "discovery.json", "journal.ndjson"] {
        assert!(!bench.state(name).exists(), "{name}");
    }
    poll(&bench, &[]).single("queue.raised");
    let read = || {
        ["queues.json", "discovery.json", "journal.ndjson"]
            .map(|n| std::fs::read(bench.state(n)).unwrap())
    };
    let before = read();
    sqs.state().queue("orders-dlq").depth(9);
    poll(&bench, &["-n", "--refresh"]).single("queue.grew");
    assert!(before == read(), "the documents are as they were");
    poll(&bench, &[]).single("queue.grew");
}

#[test]
fn queue_option_polls_named_queues_only() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 1), ("a-dlq", 1), ("b-dlq", 1)]);
    let bench = bench("named", &sqs.url);
    let url = sqs.queue_url("a-dlq");
    let output = poll(&bench, &["--queue", "orders", "--queue", &url, "--queue", "a-dlq"]);
    assert_eq!(
        (output.code, output.subjects("queue.raised")),
        (0, vec!["orders".to_owned(), "a-dlq".to_owned()])
    );
    assert_eq!(sqs.state().count("ListQueues"), 0);
}
