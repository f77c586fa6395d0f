//! Mode `--follow` of `dlq-poll`: rounds, changes between them, and kills.

use serde_json::Value;

use crate::support::poll::{bench, journal, parse_output, poll, read_until};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::workbench::wait_for;

#[test]
fn rounds_repeat_and_are_counted() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let bench = bench("rounds", &sqs.url);
    let begun = std::time::Instant::now();
    let output = poll(&bench, &["--follow", "--interval", "1s", "--rounds", "3"]);
    assert!(begun.elapsed().as_secs() >= 2, "two intervals");
    assert_eq!((output.code, output.edges()), (0, vec!["queue.raised orders-dlq".to_owned()]));
    let rounds: Vec<&Value> =
        output.events_of("poll.finished").iter().map(|e| &e["data"]["round"]).collect();
    assert_eq!(rounds, [1, 2, 3]);
    // Discovery ran once, and each round reads the one queue.
    let world = sqs.state();
    assert_eq!((world.count("ListQueues"), world.count("GetQueueAttributes")), (1, 4));
}

#[test]
fn changes_between_rounds_are_reported_in_next_round() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 0)]);
    let mut bench = bench("between", &sqs.url);
    bench.configure("monitoring: {discovery_interval: 1s}");
    let mut running = bench.start("dlq-poll", &["--follow", "--interval", "1s"]);
    read_until(&mut running, "poll.finished");
    sqs.state().queue("a-dlq").depth(2);
    assert_eq!(read_until(&mut running, "queue.raised")["subject"], "a-dlq");
    // A new queue is found in the background, without delaying a round.
    sqs.state().queue("b-dlq").depth(1);
    assert_eq!(read_until(&mut running, "queue.found")["subject"], "b-dlq");
    assert_eq!(read_until(&mut running, "queue.raised")["subject"], "b-dlq");
    // A deleted queue is gone.
    sqs.state().queues.remove("a-dlq");
    assert_eq!(read_until(&mut running, "queue.gone")["subject"], "a-dlq");
    let last = read_until(&mut running, "poll.finished");
    assert_eq!(last["data"]["raised"], 1);
    running.kill();
}

/// A queue that a round has not read was not seen empty in that round, however long the discovery
/// took.
#[test]
fn slow_discovery_claims_no_previous_depth() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 0)]);
    let mut bench = bench("slow-search", &sqs.url);
    bench.configure("monitoring: {discovery_interval: 1s, timeout: 30s}");
    let mut running = bench.start("dlq-poll", &["--follow", "--interval", "1s"]);
    read_until(&mut running, "poll.finished");
    sqs.state().list = Behavior::Hold;
    let searches = sqs.state().count("ListQueues");
    wait_for("a search begins", || sqs.state().count("ListQueues") > searches);
    sqs.state().queue("b-dlq").depth(5);
    for _ in 0..2 {
        read_until(&mut running, "poll.finished");
    }
    sqs.state().list = Behavior::Normal;
    let raised = read_until(&mut running, "queue.raised");
    assert_eq!(raised["subject"], "b-dlq");
    let known = ["previous", "expires_after"].map(|key| &raised["data"][key]);
    assert_eq!(known, [&Value::Null, &Value::Null]);
    running.kill();
}

#[test]
fn closed_stdout_ends_quietly() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let bench = bench("pipe", &sqs.url);
    let output =
        bench.shell("{ dlq-poll --follow --interval 1s --all; echo \"status $?\" >&2; } | head -1");
    assert_eq!((output.text().lines().count(), output.stderr.as_str()), (1, "status 0\n"));
    // The journal has the events that nobody read.
    assert!(journal(&bench).iter().any(|event| event["type"] == "queue.raised"));
}

#[test]
fn unreadable_queue_is_warned_about_twice() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    sqs.state().queue("orders-dlq").behavior = Behavior::Refuse(403, "AccessDenied");
    let bench = bench("mentioned", &sqs.url);
    let output = poll(&bench, &["--follow", "--interval", "1s", "--rounds", "4"]);
    assert_eq!(output.stderr.lines().count(), 2, "{}", output.stderr);
    assert_eq!((output.code, output.edges()), (1, vec!["queue.unreadable orders-dlq".to_owned()]));
}

/// A kill at any moment leaves valid documents, and a repeated raise has the same id.
#[test]
fn kill_at_any_moment_loses_and_repeats_no_raise() {
    let sqs = FakeSqs::start().with_job_queues(40, 0);
    let bench = bench("kill", &sqs.url);
    let mut raised: usize = 0;
    for n in 0..60 {
        if n % 2 == 0 {
            sqs.state().queue(&format!("job-{}-dlq", n / 2)).depth(1);
            raised += 1;
        }
        let requests = sqs.state().requests.len();
        let mut running = bench.start("dlq-poll", &["--follow", "--interval", "1s", "--all"]);
        // The kills come during requests, while state is written, and during output.
        match n % 3 {
            0 => wait_for("a question", || sqs.state().requests.len() > requests + n * 7 % 40),
            1 => wait_for("all questions", || sqs.state().requests.len() >= requests + 40),
            _ => drop(running.line()),
        }
        running.kill();
        for name in ["queues.json", "discovery.json"] {
            if let Ok(text) = std::fs::read(bench.state(name)) {
                assert!(serde_json::from_slice::<Value>(&text).is_ok(), "{name} after {n}");
            }
        }
    }
    let last = parse_output(bench.run("dlq-poll", &[], ""));
    assert_eq!((last.code, last.stderr.as_str()), (0, ""));
    assert_eq!(last.single("poll.finished")["data"]["raised"], raised);
    let text = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    let mut ids: Vec<String> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["type"] == "queue.raised")
        .map(|event| format!("{} {}", event["subject"], event["id"]))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), raised, "consumers tell repeats by their ids: {ids:#?}");
}
