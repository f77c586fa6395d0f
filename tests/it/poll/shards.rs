//! Shards of `dlq-poll`: each queue in one of them, whatever their number was before.

use std::collections::BTreeSet;

use crate::support::poll::{PollOutput, age_state, bench, journal, parse_output, poll};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::Running;

fn finished(output: &PollOutput, key: &str) -> serde_json::Value {
    output.single("poll.finished")["data"][key].clone()
}

/// Each machine has a state of its own, and they agree without it.
#[test]
fn shards_poll_every_queue_once() {
    let sqs = FakeSqs::start().with_job_queues(30, 1);
    let (mut raised, mut found, mut queues) = (Vec::new(), Vec::new(), 0);
    for shard in ["1/3", "2/3", "3/3"] {
        let bench = bench("shards", &sqs.url);
        let output = poll(&bench, &["--shard", shard]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:?}");
        assert_eq!(finished(&output, "shard"), shard);
        assert_eq!(finished(&output, "asked"), format!("us-east-1, shard {shard}"));
        queues += finished(&output, "queues").as_u64().unwrap();
        assert_eq!(output.subjects("queue.raised"), output.subjects("queue.found"));
        raised.extend(output.subjects("queue.raised"));
        found.extend(poll(&bench, &["--list", "--shard", shard]).subjects("queue.found"));
    }
    let all: BTreeSet<String> = raised.iter().cloned().collect();
    assert_eq!((raised.len(), all.len(), queues), (30, 30, 30));
    found.sort();
    assert_eq!(found, all.into_iter().collect::<Vec<_>>());
    let whole = poll(&bench("whole", &sqs.url), &[]);
    assert_eq!(finished(&whole, "shard"), serde_json::Value::Null);
}

/// A change of the number moves queues between shards that have polled them, have not, or have long ago.
#[test]
fn change_of_number_calls_no_queue_new_or_cleared() {
    let sqs = FakeSqs::start().with_job_queues(20, 0);
    for n in 0..10 {
        sqs.state().queue(&format!("job-{n}-dlq")).depth(2);
    }
    let bench = bench("moved", &sqs.url);
    let all_shards = |count: u32| -> Vec<PollOutput> {
        let shard = |number| poll(&bench, &["--shard", &format!("{number}/{count}")]);
        (1..=count).map(shard).collect()
    };
    let raised = |outputs: &[PollOutput]| -> usize {
        outputs.iter().map(|output| output.events_of("queue.raised").len()).sum()
    };
    let first = all_shards(2);
    assert_eq!(raised(&first), 10);
    // What a shard has read tells nothing of the queues of another one.
    let raises = first.iter().flat_map(|output| output.events_of("queue.raised"));
    raises.for_each(|raise| assert_eq!(raise["data"]["previous"], serde_json::Value::Null));
    for count in [3, 2, 5, 1, 3] {
        age_state(&bench, 12 * 3600);
        for output in all_shards(count) {
            assert_eq!((output.code, output.edges()), (0, vec![]), "{count}: {output:?}");
            assert_eq!(output.events_of("queue.found").len(), 0, "{count}: {output:?}");
        }
    }
    // It was empty at the last round of three shards, and that of two is long ago.
    sqs.state().queue("job-15-dlq").depth(4);
    let outputs = all_shards(2);
    assert_eq!(raised(&outputs), 1);
    let raise = outputs.iter().find_map(|output| output.events_of("queue.raised").pop()).unwrap();
    assert_eq!((&raise["subject"], &raise["data"]["previous"]), (&"job-15-dlq".into(), &0.into()));
}

#[test]
fn two_instances_of_one_shard_raise_once() {
    let sqs = FakeSqs::start().with_job_queues(12, 1);
    let bench = bench("spare", &sqs.url);
    poll(&bench, &["--shard", "1/2", "--exclude", "*"]);
    let start = |_| bench.start("dlq-poll", &["--shard", "1/2"]);
    let mut running: Vec<Running> = (0..6).map(start).collect();
    let outputs: Vec<PollOutput> =
        running.iter_mut().map(|one| parse_output(one.finish())).collect();
    assert!(outputs.iter().all(|one| (one.code, one.stderr.as_str()) == (0, "")), "{outputs:?}");
    let printed: Vec<String> =
        outputs.iter().flat_map(|one| one.subjects("queue.raised")).collect();
    let once: BTreeSet<&String> = printed.iter().collect();
    assert_eq!(printed.len(), once.len(), "{printed:?}");
    assert!((1..12).contains(&printed.len()), "{printed:?}");
    let raises = journal(&bench).iter().filter(|event| event["type"] == "queue.raised").count();
    assert_eq!(raises, printed.len());
}

/// A shard that left has left a record, which another one follows to its end.
#[test]
fn open_incident_of_a_shard_that_left_is_followed_to_its_end() {
    let sqs = FakeSqs::start().with_job_queues(8, 1);
    let bench = bench("left", &sqs.url);
    assert_eq!(poll(&bench, &[]).events_of("queue.raised").len(), 8);
    let own = finished(&poll(&bench, &["--shard", "1/2"]), "queues").as_u64().unwrap();
    assert!((1..8).contains(&own), "{own}: those of the other shard are left to it");
    for n in 0..8 {
        sqs.state().queue(&format!("job-{n}-dlq")).depth(0);
    }
    age_state(&bench, 16 * 60);
    assert_eq!(finished(&poll(&bench, &["--shard", "1/2"]), "queues"), 8);
    age_state(&bench, 16 * 60);
    let cleared = poll(&bench, &["--shard", "1/2"]).subjects("queue.cleared");
    assert_eq!(cleared.len(), 8, "{cleared:?}");
}

#[test]
fn named_queue_is_polled_whatever_its_shard() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("named", &sqs.url);
    for shard in ["1/2", "2/2"] {
        bench.set("DLQ_MONITORING_SHARD", shard);
        let output = poll(&bench, &["--queue", "orders-dlq"]);
        assert_eq!(finished(&output, "queues"), 1, "{shard}: {output:?}");
        assert_eq!(finished(&output, "shard"), serde_json::Value::Null);
    }
    for (args, offence) in [
        (&["--shard", "1/2", "--queue", "orders-dlq"][..], "--queue"),
        (&["--shard", "1/2", "--lint"], "--lint"),
        (&["--shard", "3/2"], "expected a shard such as 2/3, of at most 1000, found '3/2'"),
    ] {
        let output = poll(&bench, args);
        assert_eq!((output.code, output.events.len()), (2, 0), "{args:?}: {output:?}");
        assert!(output.stderr.contains(offence), "{args:?}: {}", output.stderr);
    }
}

/// A pattern whose queues are all in other shards matches, and a shard may have no queue.
#[test]
fn queues_of_other_shards_are_no_reason_for_a_warning() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1), ("billing-dlq", 1)]);
    let bench = bench("other", &sqs.url);
    let mut polled = 0;
    for shard in ["1/3", "2/3", "3/3"] {
        let args = ["--shard", shard, "--match", "orders-*", "--match", "nothing-*"];
        let output = poll(&bench, &args);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert!(lines.len() == 1 && lines[0].contains("--match 'nothing-*'"), "{lines:?}");
        polled += finished(&output, "queues").as_u64().unwrap();
        let empty = finished(&output, "queues") == 0;
        let checked = poll(&bench, &["--shard", shard, "--match", "orders-*", "--check"]);
        assert_eq!(checked.code, 1, "{shard}: a check of nothing, or a raised queue");
        assert_eq!(!checked.stderr.is_empty(), empty, "{shard}: {}", checked.stderr);
    }
    assert_eq!(polled, 1);
}
