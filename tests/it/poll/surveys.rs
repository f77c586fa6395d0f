//! Surveys that do not see all: what was known stays watched, every round is partial and says so,
//! and the survey is repeated.

use serde_json::Value;

use crate::support::poll::{PollOutput, age_state, bench, poll, read_until};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::workbench::Bench;

const DENIED: Behavior = Behavior::Refuse(403, "com.amazonaws.sqs#AccessDeniedException");

/// Attributes with a redrive policy that is cut off.
const DAMAGED_POLICY: &str = r#"{"Attributes":{"ApproximateNumberOfMessages":"0",
    "ApproximateNumberOfMessagesNotVisible":"0","ApproximateNumberOfMessagesDelayed":"0",
    "RedrivePolicy":"{\"deadLetterTargetArn\":\"arn"}}"#;

/// Creates a queue whose DLQ only its redrive policy names, and a first round that has found it.
fn surveyed(name: &str) -> (FakeSqs, Bench) {
    let sqs = FakeSqs::start().with_queues(&[("parking-lot", 0), ("orders", 0)]);
    sqs.state().queue("orders").redrives_to("parking-lot", 5);
    let bench = bench(name, &sqs.url);
    let first = poll(&bench, &[]);
    assert_eq!((first.code, first.subjects("queue.found")), (0, vec!["parking-lot".to_owned()]));
    (sqs, bench)
}

/// Returns the numbers of polled queues, of scopes without a list, and of queues without a policy.
#[track_caller]
fn counts(output: &PollOutput) -> [u64; 3] {
    let finished = output.single("poll.finished");
    ["queues", "unlisted", "unsurveyed"].map(|key| finished["data"][key].as_u64().unwrap())
}

#[test]
fn unread_source_leaves_its_dlq_watched() {
    let kinds = [
        ("denied", DENIED, "access denied"),
        ("throttled", Behavior::Refuse(403, "RequestThrottled"), "throttled"),
        ("503", Behavior::Refuse(503, "ServiceUnavailable"), "ServiceUnavailable"),
        ("silent", Behavior::Silent, "no answer in time"),
        ("dropped", Behavior::Disconnect, "network: "),
        ("portal", Behavior::Body("<html>"), "the answer is not one of SQS"),
        ("damaged", Behavior::Body(DAMAGED_POLICY), "its redrive policy is no JSON"),
        (
            "gone",
            Behavior::Refuse(400, "QueueDoesNotExist"),
            "does not exist, or access to it was lost",
        ),
    ];
    // Ends when all rows have, also when one fails.
    std::thread::scope(|scope| {
        for (name, behavior, reason) in kinds {
            scope.spawn(move || {
                let (sqs, mut bench) = surveyed(&format!("source-{name}"));
                // A busy machine may miss a short time in the other rows.
                if name == "silent" {
                    bench.configure("monitoring: {timeout: 500ms}");
                }
                sqs.state().queue("orders").behavior = behavior;
                let partial = poll(&bench, &["--refresh"]);
                assert_eq!((partial.code, partial.edges().len()), (1, 0), "{name}: {partial:?}");
                assert_eq!(counts(&partial), [1, 0, 1], "{name}");
                let message = format!(
                    "dlq-poll: warning: cannot read the redrive policy of queue 'orders' in 'us-east-1': {reason}"
                );
                assert!(partial.stderr.starts_with(&message), "{name}: {}", partial.stderr);
                assert_eq!(partial.stderr.lines().count(), 1, "{name}");
                // Each later run says so, and raises.
                sqs.state().queue("parking-lot").depth(2);
                let raised = poll(&bench, &[]);
                assert_eq!((raised.code, counts(&raised)), (1, [1, 0, 1]), "{name}: {raised:?}");
                assert_eq!(raised.subjects("queue.raised"), ["parking-lot"], "{name}");
                assert_eq!(raised.stderr.lines().count(), 1, "{name}: {}", raised.stderr);
                sqs.state().queue("orders").behavior = Behavior::Normal;
                age_state(&bench, 60);
                let whole = poll(&bench, &[]);
                assert_eq!((whole.code, counts(&whole), &*whole.stderr), (0, [1, 0, 0], ""), "{name}");
            });
        }
    });
}

#[test]
fn permission_that_is_missing_for_ever_unwatches_nothing() {
    let (sqs, bench) = surveyed("for-ever");
    sqs.state().queue("orders").behavior = DENIED;
    let mut failures = Vec::new();
    for run in 0..6 {
        age_state(&bench, 20 * 60);
        let output = poll(&bench, &[]);
        assert_eq!((output.code, counts(&output)), (1, [1, 0, 1]), "{run}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{run}: {}", output.stderr);
        failures.push(output.events_of("poll.failed").len());
        assert_eq!(output.events_of("queue.found").len(), 0, "{run}");
    }
    assert_eq!(failures, [0, 1, 0, 0, 0, 0], "an event when it lasts, once");
    sqs.state().queue("parking-lot").depth(1);
    assert_eq!(poll(&bench, &[]).subjects("queue.raised"), ["parking-lot"]);
}

/// A circuit breaker ends the survey of a scope in which nothing answers.
#[test]
fn survey_that_is_cut_off_unwatches_nothing() {
    let (sqs, bench) = surveyed("cut-off");
    for n in 0..30 {
        sqs.state().queue(&format!("job-{n}")).redrives_to("parking-lot", 5);
    }
    sqs.state().queues.values_mut().for_each(|queue| queue.behavior = Behavior::Disconnect);
    let output = poll(&bench, &["--refresh", "--concurrency", "1"]);
    assert_eq!((output.code, counts(&output)), (1, [1, 0, 31]), "{output:?}");
    assert!(
        output.stderr.contains("of 31 queues ('job-0', 'job-1', 'job-10', …) in"),
        "{output:?}"
    );
    sqs.state().queues.values_mut().for_each(|queue| queue.behavior = Behavior::Normal);
    sqs.state().queue("parking-lot").depth(1);
    assert_eq!(poll(&bench, &[]).subjects("queue.raised"), ["parking-lot"]);
}

/// A list that is behind lacks a queue that exists; only the queue itself can tell that it is gone.
#[test]
fn unlisted_dlq_is_watched_until_it_does_not_exist() {
    let (sqs, mut bench) = surveyed("unlisted");
    bench.configure("monitoring: {timeout: 500ms}");
    sqs.state().queue("billing-dlq");
    poll(&bench, &["--refresh"]);
    let hide = |hidden: bool| {
        for name in ["parking-lot", "billing-dlq"] {
            sqs.state().queue(name).hidden = hidden;
        }
    };
    let round = |what: &str, code: i32, queues: u64| {
        let output = poll(&bench, &["--refresh"]);
        assert_eq!((output.code, counts(&output)), (code, [queues, 0, 0]), "{what}: {output:?}");
        output
    };
    hide(true);
    for _ in 0..2 {
        assert_eq!(round("unlisted", 0, 2).edges().len(), 0);
    }
    sqs.state().queue("billing-dlq").behavior = Behavior::Silent;
    assert_eq!(round("silent", 1, 2).events_of("queue.gone").len(), 0);
    sqs.state().queue("billing-dlq").behavior = Behavior::Normal;
    sqs.state().queue("billing-dlq").depth(1);
    assert_eq!(round("filled", 0, 2).subjects("queue.raised"), ["billing-dlq"]);
    sqs.state().queue("billing-dlq").depth(0);
    for name in ["parking-lot", "billing-dlq"] {
        sqs.state().queues.remove(name);
    }
    assert_eq!(round("deleted", 0, 2).events_of("queue.gone").len(), 2);
    assert_eq!(poll(&bench, &[]).events_of("queue.gone").len(), 0);
}

#[test]
fn list_that_breaks_off_unwatches_nothing() {
    let sqs = FakeSqs::start().with_job_queues(1100, 0);
    let bench = bench("pages-break", &sqs.url);
    let found = |output: &PollOutput| output.events_of("queue.found").len();
    assert_eq!(found(&poll(&bench, &["--discover", "name"])), 1100);
    sqs.state().later_pages = DENIED;
    sqs.state().queue("late-dlq");
    let partial = poll(&bench, &["--discover", "name", "--refresh"]);
    assert_eq!((partial.code, counts(&partial), found(&partial)), (1, [1100, 1, 0], 0));
    sqs.state().later_pages = Behavior::Normal;
    let whole = poll(&bench, &["--discover", "name"]);
    assert_eq!((whole.code, counts(&whole), found(&whole)), (0, [1101, 0, 0], 1));
}

#[test]
fn scope_without_list_alone_is_surveyed_again() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 1)]);
    sqs.state().lists.insert("eu-west-1", DENIED);
    let mut bench = bench("one-scope", &sqs.url);
    bench.configure("aws: {regions: [us-east-1, eu-west-1]}");
    for run in 0..4 {
        sqs.state().requests.clear();
        let output = poll(&bench, &[]);
        assert_eq!((output.code, counts(&output)), (1, [1, 1, 0]), "{run}: {output:?}");
        let message = "dlq-poll: warning: cannot list the queues in 'eu-west-1': access denied\n";
        assert_eq!(output.stderr, message, "{run}");
        assert_eq!(output.events_of("poll.failed").len(), usize::from(run == 0), "{run}");
        let world = sqs.state();
        let listed = world.requests.iter().filter(|one| one.action == "ListQueues");
        let regions: Vec<&str> = listed.map(|one| one.region.as_str()).collect();
        match run {
            0 => assert_eq!(regions.len(), 2),
            _ => assert_eq!(regions, ["eu-west-1"], "{run}"),
        }
    }
    sqs.state().lists.clear();
    let output = poll(&bench, &[]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:?}");
}

#[test]
fn scope_without_list_is_reported_each_round_and_listed_ever_less() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 1)]);
    sqs.state().list = DENIED;
    let bench = bench("backoff", &sqs.url);
    let output = poll(&bench, &["--follow", "--interval", "200ms", "--rounds", "10"]);
    assert_eq!((output.code, output.stderr.lines().count()), (1, 1), "{output:?}");
    let finished = output.events_of("poll.finished");
    let unlisted: Vec<&Value> = finished.iter().map(|one| &one["data"]["unlisted"]).collect();
    assert_eq!(unlisted, [1; 10]);
    assert_eq!(output.events_of("poll.failed").len(), 1);
    // In rounds 1, 2, 4 and 8; jitter may move one.
    let lists = sqs.state().count("ListQueues");
    assert!((3..=5).contains(&lists), "{lists}");
}

/// The option is used up by the first survey, whatever that has seen.
#[test]
fn refresh_that_fails_is_repeated_in_next_rounds() {
    for (name, what) in [("list", "list"), ("source", "source")] {
        let (sqs, bench) = surveyed(&format!("refresh-{name}"));
        match what {
            "list" => sqs.state().list = DENIED,
            _ => sqs.state().queue("orders").behavior = DENIED,
        }
        let mut running =
            bench.start("dlq-poll", &["--follow", "--refresh", "--interval", "200ms"]);
        read_until(&mut running, "poll.finished");
        sqs.state().queue("late-dlq").depth(1);
        sqs.state().list = Behavior::Normal;
        sqs.state().queue("orders").behavior = Behavior::Normal;
        assert_eq!(read_until(&mut running, "queue.raised")["subject"], "late-dlq", "{name}");
        running.kill();
    }
}

#[test]
fn queue_in_two_scopes_is_found_and_polled_once() {
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 1)]);
    let mut bench = bench("twice", &sqs.url);
    bench.write(
        "aws-config",
        "[profile one]\naws_access_key_id = A\naws_secret_access_key = x\n\
         [profile two]\naws_access_key_id = B\naws_secret_access_key = x\n",
    );
    bench.configure("aws: {region: us-east-1, accounts: [{profile: one}, {profile: two}]}");
    for _ in 0..3 {
        let output = poll(&bench, &["--refresh"]);
        assert_eq!((output.code, counts(&output)), (0, [1, 0, 0]), "{output:?}");
        assert!(output.events_of("queue.found").len() <= 1, "{output:?}");
    }
}
