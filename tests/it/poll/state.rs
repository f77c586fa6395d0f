//! State of `dlq-poll`: documents and journal, with crashes and concurrent runs.

use serde_json::Value;

use crate::support::poll::{PollOutput, bench, journal, parse_output, poll};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::workbench::{Running, wait_for};

#[test]
fn corrupt_state_is_named_and_never_overwritten() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    for (garbage, offset) in
        [("{\"version\":1,\"floor\":0,???", "byte 23"), ("", "byte 0"), ("\0\0", "byte 0")]
    {
        let bench = bench("garbage", &sqs.url);
        assert_eq!(poll(&bench, &[]).code, 0, "a missing state is a fresh start");
        std::fs::write(bench.state("queues.json"), garbage).unwrap();
        let output = poll(&bench, &["--refresh"]);
        assert_eq!((output.code, output.events.len()), (1, 0), "{garbage:?} {output:?}");
        assert_eq!(output.stderr.lines().count(), 1);
        let path = bench.state("queues.json").display().to_string();
        assert!(output.stderr.contains(&path), "{}", output.stderr);
        assert!(output.stderr.contains(offset), "{garbage:?}: {}", output.stderr);
        assert_eq!(std::fs::read_to_string(bench.state("queues.json")).unwrap(), garbage);
    }
}

#[test]
fn damaged_cache_is_rebuilt_with_a_warning() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let damages = [
        ("{\"version\":1,\"entries\":[{", "not a valid state file at byte 24"),
        ("", "not a valid state file at byte 0"),
        ("\0\0", "not a valid state file at byte 0"),
        ("{\"version\":9,\"entries\":[]}", "its version is 9, this program knows 1"),
    ];
    for (damaged, defect) in damages {
        let bench = bench("cache", &sqs.url);
        assert_eq!(poll(&bench, &[]).events_of("queue.raised").len(), 1);
        let path = bench.state("discovery.json");
        std::fs::write(&path, damaged).unwrap();
        // A dry run reads the cache and does not replace it.
        for args in [&["--dry-run"][..], &[]] {
            let output = poll(&bench, args);
            assert_eq!((output.code, output.edges().len()), (0, 0), "{damaged:?}: {output:?}");
            assert_eq!(output.single("poll.finished")["data"]["raised"], 1);
            let path = path.display();
            let message = format!(
                "dlq-poll: warning: the cache '{path}' is rebuilt, because it cannot be read: {defect}"
            );
            assert!(output.stderr.starts_with(&message), "{damaged:?}: {}", output.stderr);
            assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
        }
        let again = poll(&bench, &[]);
        assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{damaged:?}");
    }
}

#[test]
fn lock_that_another_process_holds_is_named() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let bench = bench("held", &sqs.url);
    assert_eq!(poll(&bench, &[]).code, 0);
    let held = dlq::store::Lock::try_take(&bench.state("queues.lock")).unwrap().unwrap();
    let mut running = bench.start("dlq-poll", &[]);
    wait_for("a warning", || running.stderr().ends_with('\n'));
    drop(held);
    let output = running.finish();
    assert_eq!(output.code(), 0);
    let path = bench.state("queues.lock").display().to_string();
    let begin = format!("dlq-poll: warning: waiting for the lock '{path}', which ");
    assert!(output.stderr.starts_with(&begin), "{output:?}");
    #[cfg(target_os = "linux")]
    assert!(output.stderr.contains(&format!("which process {} ('", std::process::id())));
}

#[test]
fn concurrent_runs_raise_once() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 1), ("b-dlq", 2)]);
    let bench = bench("at-once", &sqs.url);
    poll(&bench, &["--exclude", "*"]);
    let mut running: Vec<Running> = (0..8).map(|_| bench.start("dlq-poll", &[])).collect();
    let output: Vec<PollOutput> =
        running.iter_mut().map(|one| parse_output(one.finish())).collect();
    assert!(output.iter().all(|one| (one.code, one.stderr.as_str()) == (0, "")), "{output:?}");
    let mut printed: Vec<String> =
        output.iter().flat_map(|one| one.subjects("queue.raised")).collect();
    printed.sort();
    assert_eq!(printed, ["a-dlq", "b-dlq"]);
    let raises = journal(&bench).iter().filter(|event| event["type"] == "queue.raised").count();
    assert_eq!(raises, 2);
}

/// A disk that is full between journal and document leaves the old document whole; the next run
/// repeats the event with its id.
#[test]
fn crash_between_journal_and_document_repeats_event_id() {
    let sqs = FakeSqs::start().with_job_queues(40, 1);
    let bench = bench("full", &sqs.url);
    assert_eq!(poll(&bench, &["--exclude", "job-7-*"]).events_of("queue.raised").len(), 39);
    std::fs::remove_file(bench.state("journal.ndjson")).unwrap();
    let before = std::fs::read(bench.state("queues.json")).unwrap();
    // The few lines of the journal fit into the limit; the document does not.
    let died = bench.shell("ulimit -f 16; dlq-poll");
    assert!(died.code() == 1 && died.stdout.is_empty(), "{died:?}");
    assert!(died.stderr.ends_with("queues.tmp': file too large\n"), "{died:?}");
    assert!(before == std::fs::read(bench.state("queues.json")).unwrap());
    let id = |event: &Value| (event["subject"].clone(), event["id"].clone());
    let first: Vec<_> =
        journal(&bench).iter().filter(|e| e["type"] == "queue.raised").map(id).collect();
    assert_eq!(first.len(), 1);
    assert_eq!(id(poll(&bench, &[]).single("queue.raised")), first[0]);
}

/// The cache holds a queue that was found, so that no later run would report it.
#[test]
fn found_queue_is_printed_when_its_round_fails() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let bench = bench("found", &sqs.url);
    // One line fits into the journal; those of the round do not.
    let died = parse_output(bench.shell("ulimit -f 1; dlq-poll"));
    assert_eq!((died.code, died.subjects("queue.found")), (1, vec!["orders-dlq".to_owned()]));
    assert!(died.stderr.ends_with("journal.ndjson': file too large\n"), "{died:?}");
    let written = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    assert_eq!(first, died.events[0]);
    let next = poll(&bench, &[]);
    assert_eq!((next.code, next.edges()), (0, vec!["queue.raised orders-dlq".to_owned()]));
    assert_eq!(next.events_of("queue.found").len(), 0);
}

/// A slow run does not overwrite a newer reading of another run.
#[test]
fn older_reading_is_dropped() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 1), ("b-dlq", 1)]);
    let mut bench = bench("older", &sqs.url);
    bench.configure("monitoring: {timeout: 60s}");
    let ends =
        |kind: &str, output: &PollOutput| output.subjects(kind).contains(&"a-dlq".to_owned());
    assert!(ends("queue.raised", &poll(&bench, &[])));
    // The slow run reads 'a' as empty and then waits for 'b'.
    sqs.state().queue("a-dlq").depth(0);
    sqs.state().queue("b-dlq").behavior = Behavior::Hold;
    let requests = sqs.state().count("GetQueueAttributes");
    let mut slow = bench.start("dlq-poll", &[]);
    wait_for("both questions", || sqs.state().count("GetQueueAttributes") == requests + 2);
    sqs.state().queue("a-dlq").depth(4);
    assert!(ends("queue.grew", &poll(&bench, &["--match", "a-*"])));
    sqs.state().queue("b-dlq").behavior = Behavior::Normal;
    let late = parse_output(slow.finish());
    assert_eq!((late.code, late.subjects("queue.polled").len()), (0, 0), "{late:?}");
    let state = std::fs::read_to_string(bench.state("queues.json")).unwrap();
    assert!(state.contains(r#"{"visible":4"#), "{state}");
}

#[test]
fn journal_omits_unchanged_readings_only() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let bench = bench("journal", &sqs.url);
    let first = poll(&bench, &["--all"]);
    assert_eq!(journal(&bench), first.events);
    let second = poll(&bench, &["--all"]);
    assert_eq!(second.events_of("queue.polled").len(), 1);
    let kinds: Vec<Value> =
        journal(&bench)[first.events.len()..].iter().map(|e| e["type"].clone()).collect();
    assert_eq!(kinds, ["poll.finished"]);
}
