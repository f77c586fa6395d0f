//! `monitoring.adaptive`: queues that were empty for long are read in every tenth round.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::poll::{PollOutput, age_state, bench, poll};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::Bench;

const QUIET: usize = 40;

fn finished(output: &PollOutput, key: &str) -> Value {
    output.single("poll.finished")["data"][key].clone()
}

/// A bench with quiet queues that were found and read empty two hours ago, and one that is raised.
fn settled(sqs: &FakeSqs, name: &str) -> Bench {
    let mut bench = bench(name, &sqs.url);
    bench.configure("monitoring: {adaptive: true, discover: name}");
    sqs.state().queue("orders-dlq").depth(2);
    let first = poll(&bench, &[]);
    assert_eq!((first.code, finished(&first, "postponed")), (0, 0.into()), "{first:?}");
    assert_eq!(finished(&first, "queues"), QUIET + 1, "all are new");
    // After a pause nothing is known to be empty still.
    age_state(&bench, 2 * 3600);
    assert_eq!(finished(&poll(&bench, &[]), "queues"), QUIET + 1);
    bench
}

/// Makes a round half a minute after the last one. Returns it, and the queues that it has asked.
fn next_round(sqs: &FakeSqs, bench: &Bench, args: &[&str]) -> (PollOutput, Vec<String>) {
    age_state(bench, 30);
    sqs.state().requests.clear();
    let output = poll(bench, args);
    assert!(output.stderr.is_empty(), "{output:?}");
    let requests = std::mem::take(&mut sqs.state().requests);
    let reads = requests.into_iter().filter(|one| one.action == "GetQueueAttributes");
    let asked: Vec<String> = reads.map(|one| one.queue).collect();
    assert_eq!(finished(&output, "queues"), asked.len());
    let all = asked.len() as u64 + finished(&output, "postponed").as_u64().unwrap();
    assert_eq!(all, QUIET as u64 + 1, "{output:?}");
    (output, asked)
}

#[test]
fn quiet_queues_take_turns_and_others_are_read_in_every_round() {
    let sqs = FakeSqs::start().with_job_queues(QUIET, 0);
    let bench = settled(&sqs, "turns");
    let (mut reads, mut most) = (BTreeMap::<String, u32>::new(), 0);
    for _ in 0..10 {
        let (output, asked) = next_round(&sqs, &bench, &[]);
        assert_eq!((output.code, output.edges()), (0, vec![]));
        assert_eq!(finished(&output, "raised"), 1);
        // A month of one raised queue and a tenth of the quiet ones, every 30 seconds.
        assert_eq!(finished(&output, "usd_month"), 0.1728);
        most = most.max(asked.len());
        asked.into_iter().for_each(|queue| *reads.entry(queue).or_default() += 1);
    }
    assert_eq!(reads.remove("orders-dlq"), Some(10));
    assert!(reads.len() == QUIET && reads.values().all(|count| *count == 1), "{reads:?}");
    assert!(most < QUIET / 2, "{most}: the load is even");
    let state = std::fs::read_to_string(bench.state("queues.json")).unwrap();
    assert!(!state.contains("job-"), "quiet queues have no record: {state}");
}

#[test]
fn arrival_in_a_quiet_queue_is_raised_by_the_turn_of_the_queue() {
    let sqs = FakeSqs::start().with_job_queues(QUIET, 0);
    let bench = settled(&sqs, "arrival");
    sqs.state().queue("job-7-dlq").depth(3);
    let raised = (0..10).find_map(|_| {
        let (output, _) = next_round(&sqs, &bench, &[]);
        output.events_of("queue.raised").pop().cloned()
    });
    let raised = raised.expect("the queue is raised within ten rounds");
    assert_eq!((&raised["subject"], &raised["data"]["previous"]), (&"job-7-dlq".into(), &0.into()));
    // From now on it is read in each round, also while it settles after it was cleared.
    sqs.state().queue("job-7-dlq").depth(0);
    let mut cleared = 0;
    for _ in 0..6 {
        let (output, asked) = next_round(&sqs, &bench, &[]);
        assert!(asked.contains(&"job-7-dlq".to_owned()), "{asked:?}");
        cleared += output.events_of("queue.cleared").len();
    }
    assert_eq!(cleared, 1);
}

/// A check is about the present, and so is a queue that is named.
#[test]
fn check_and_named_queue_are_read_at_once() {
    let sqs = FakeSqs::start().with_job_queues(QUIET, 0);
    let bench = settled(&sqs, "check");
    sqs.state().queue("orders-dlq").depth(0);
    sqs.state().queue("job-7-dlq").depth(1);
    let named = poll(&bench, &["--queue", "job-7-dlq", "--dry-run"]);
    assert_eq!(named.subjects("queue.raised"), ["job-7-dlq"]);
    let (output, asked) = next_round(&sqs, &bench, &["--check"]);
    assert_eq!((output.code, asked.len()), (1, QUIET + 1));
    assert_eq!(output.subjects("queue.raised"), ["job-7-dlq"]);
}
