//! Tests of the merge: a document beside events, each of them newer in turn.

use super::*;
use crate::event::ShownEvent;

const ARN: &str = "arn:aws:sqs:eu-west-1:1:orders-dlq";

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_763_280_000_000 + minutes * 60_000)
}

/// Returns a document whose newest round is at `round`, with these records of [`ARN`].
fn document(round: i64, record: Option<&str>) -> Watched {
    let queue = r#"{"name":"orders-dlq","url":"u","arn":"ARN","region":"eu-west-1","account":"1","fifo":false,"sources":[],"profile":null,"endpoint":null}"#;
    let entry = record.map(|record| format!(r#""ARN":{{"queue":{queue},"record":{record}}}"#));
    let text = format!(
        r#"{{"floor":1,"rounds":{{"all":"{}"}},"queues":{{{}}}}}"#,
        at(round),
        entry.unwrap_or_default()
    );
    serde_json::from_str(&text.replace("ARN", ARN)).unwrap()
}

/// Returns a record that was read `read` minutes after the begin; `incident` is one that is open.
fn record(read: i64, visible: u64, incident: Option<&str>, misses: u64) -> String {
    let open = incident.map_or("null".into(), |id| {
        format!(
            r#"{{"id":"{id}","raised_at":"{}","raised_depth":1,"next_step":9,"tier":null}}"#,
            at(0)
        )
    });
    let attempted = at(read + misses as i64);
    format!(
        r#"{{"seq":1,"sampled_at":"{attempted}","read":["{}",{{"visible":{visible},"in_flight":1,"delayed":0}}],"incident":{open},"zeros":null,"misses":{misses},"cohorts":[{{"after":null,"by":"{}"}}],"retention_s":3600,"fall":null}}"#,
        at(read),
        at(0)
    )
}

/// Applies an event of [`ARN`].
fn apply(state: &mut Dashboard, kind: &str, minutes: i64, incident: &str, depth: u64) {
    let line = format!(
        r#"{{"specversion":"1.0","id":"{kind}{minutes}","source":"dlq-poll","type":"queue.{kind}","time":"{}","incident":"{incident}","severitytext":"ERROR","data":{{"queue":{{"name":"orders-dlq","arn":"{ARN}","region":"eu-west-1","account":"1"}},"depth":{depth},"in_flight":0,"previous":0,"expires_before":"{}"}}}}"#,
        at(minutes),
        at(500)
    );
    state.apply(&ShownEvent::read(line.as_bytes()).unwrap());
}

/// Returns depth, in flight, time of the figures, incident and begin of it.
fn figures(state: &Dashboard) -> (Option<u64>, Option<u64>, i64, Option<&str>, Option<i64>) {
    let queue = &state.queues[ARN];
    let minutes = |at_: Timestamp| (at_.millis() - at(0).millis()) / 60_000;
    let read = queue.read_at.map_or(-1, minutes);
    (queue.depth, queue.in_flight, read, queue.incident.as_deref(), queue.raised_at.map(minutes))
}

#[test]
fn queue_that_no_event_tells_of_is_shown_with_its_incident() {
    let mut state = Dashboard::default();
    state.set_queues(&document(30, Some(&record(30, 4, Some("i1"), 0))), at(30));
    assert_eq!(figures(&state), (Some(5), Some(1), 30, Some("i1"), Some(0)));
    let queue = &state.queues[ARN];
    assert_eq!((&*queue.name, &*queue.region, &*queue.account), ("orders-dlq", "eu-west-1", "1"));
    assert_eq!(queue.expires_before, Some(at(60)), "retention is an hour");
    let story = &state.incidents["i1"];
    assert_eq!((story.raised_at, story.is_open(), story.depth), (Some(at(0)), true, Some(5)));
    assert_eq!((&*story.queue, &*story.name), (ARN, "orders-dlq"));
}

#[test]
fn newer_figure_counts_whichever_tells_it() {
    let rows = [
        ("a newer document", 10, 20, (Some(5), Some(1), 20, Some("i1"), Some(10))),
        ("a newer event", 30, 20, (Some(9), Some(0), 30, Some("i1"), Some(30))),
        ("both of one round", 20, 20, (Some(9), Some(0), 20, Some("i1"), Some(20))),
    ];
    for (rule, event, document_at, expected) in rows {
        for document_first in [true, false] {
            let mut state = Dashboard::default();
            let polled = document(document_at, Some(&record(document_at, 4, Some("i1"), 0)));
            if document_first {
                state.set_queues(&polled, at(60));
            }
            apply(&mut state, "raised", event, "i1", 9);
            if !document_first {
                state.set_queues(&polled, at(60));
            }
            assert_eq!(figures(&state), expected, "{rule}, document first: {document_first}");
            assert_eq!(state.queues[ARN].expires_before, Some(at(500)), "{rule}: of the event");
        }
    }
}

#[test]
fn incident_ends_and_changes_by_the_newer_of_both() {
    let mut state = Dashboard::default();
    apply(&mut state, "raised", 10, "i1", 9);
    state.set_queues(&document(9, Some(&record(9, 2, None, 0))), at(60));
    assert_eq!(figures(&state).3, Some("i1"), "an older document");
    state.set_queues(&document(20, Some(&record(20, 2, Some("i2"), 0))), at(60));
    assert_eq!(figures(&state), (Some(3), Some(1), 20, Some("i2"), Some(0)));
    assert_eq!(state.queues[ARN].expires_before, Some(at(60)), "of its own messages");
    apply(&mut state, "cleared", 30, "i2", 0);
    state.set_queues(&document(25, Some(&record(25, 2, Some("i2"), 0))), at(60));
    assert_eq!(figures(&state), (Some(0), Some(0), 30, None, None), "a late document");
}

#[test]
fn failed_readings_are_an_unknown_depth_from_the_second_on() {
    let mut state = Dashboard::default();
    state.set_queues(&document(11, Some(&record(10, 4, Some("i1"), 1))), at(60));
    assert_eq!((figures(&state).0, state.queues[ARN].unreadable.clone()), (Some(5), None));
    state.set_queues(&document(13, Some(&record(10, 4, Some("i1"), 3))), at(60));
    assert_eq!(figures(&state), (None, None, 13, Some("i1"), Some(0)));
    let reason = state.queues[ARN].unreadable.as_deref();
    assert_eq!(reason, Some("3 readings in a row have failed"));
    state.set_queues(&document(14, Some(&record(14, 4, Some("i1"), 0))), at(60));
    assert_eq!((figures(&state).0, state.queues[ARN].unreadable.clone()), (Some(5), None));
}

#[test]
fn queue_without_a_record_after_one_is_empty() {
    let mut state = Dashboard::default();
    state.set_queues(&document(10, Some(&record(10, 4, Some("i1"), 0))), at(60));
    state.set_queues(&Watched::default(), at(60));
    assert_eq!(figures(&state).0, Some(5), "a document that was moved away proves nothing");
    state.set_queues(&document(10, Some(&record(10, 4, Some("i1"), 0))), at(60));
    state.set_queues(&document(20, None), at(60));
    assert_eq!(figures(&state), (Some(0), Some(0), 20, None, None));
    let mut state = Dashboard::default();
    apply(&mut state, "raised", 10, "i1", 9);
    state.set_queues(&document(20, None), at(60));
    assert_eq!(figures(&state).0, Some(9), "it never had a record: another selection is polled");
}

#[test]
fn times_ahead_of_the_clock_are_left_out() {
    let mut state = Dashboard::default();
    state.set_queues(&document(90, Some(&record(90, 4, Some("i1"), 0))), at(20));
    assert!(state.queues.is_empty() && state.incidents.is_empty());
}
