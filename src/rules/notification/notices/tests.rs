//! The memory of notices: for how long it lasts, and what is forgotten first.

use super::*;
use crate::document::Versioned;
use crate::rules::notification::decision::DropReason;
use crate::rules::notification::topic::{Pending, Told};

const DAY: Duration = Duration::from_secs(86_400);

fn at(days: u32) -> Timestamp {
    Timestamp::from_millis(0).plus(DAY * days)
}

fn judged(n: usize, at: Timestamp) -> JudgedEvent {
    let event = EventKey { source: "dlq-poll".into(), event: format!("{n}") };
    let key = NoticeKey { channel: "console".into(), event };
    JudgedEvent { key, at, is_told: true, decision: None, hold: None }
}

#[test]
fn judged_event_is_remembered_for_8_days() {
    let mut notices = Notices::default();
    assert_eq!(notices.remember(vec![judged(1, at(10)), judged(2, at(10))], at(10)), 0);
    notices.remember(vec![judged(3, at(17))], at(18));
    assert_eq!(notices.keys().len(), 3, "eight days to the minute");
    notices.remember(Vec::new(), at(19));
    assert_eq!(notices.keys(), HashSet::from([hash_of(&judged(3, at(17)).key)]));
}

#[test]
fn limit_drops_the_oldest_and_raises_the_floor() {
    let mut notices = Notices::default();
    let all = (0..KEPT_MAX + 5).map(|n| judged(n, at(1).plus(Duration::from_secs(n as u64))));
    assert_eq!(notices.remember(all.collect(), at(2)), 5);
    assert_eq!(notices.floor, Some(at(1).plus(Duration::from_secs(4))));
    assert!(!notices.keys().contains(&hash_of(&judged(4, at(1)).key)));
    let ahead = vec![judged(0, at(300)); KEPT_MAX + 1];
    notices.remember(ahead, at(3));
    assert_eq!(notices.floor, Some(at(3)), "a wrong time swallows nothing that comes later");
    notices.remember(Vec::new(), at(12));
    assert_eq!(notices.floor, None, "what is forgotten by age needs no floor");
}

#[test]
fn topics_beyond_the_limit_go_oldest_first() {
    let mut notices = Notices::default();
    for n in 0..TOPICS_MAX + 2 {
        let touched = at(1).plus(Duration::from_secs(n as u64));
        notices.topics.insert(format!("{n}"), Topic { touched, ..Topic::default() }.into());
    }
    notices.forget_old(at(2));
    assert_eq!(notices.topics.len(), TOPICS_MAX);
    assert!(!notices.topics.contains_key("1") && notices.topics.contains_key("2"));
    notices.forget_old(at(20));
    assert!(notices.topics.is_empty(), "settled ones are forgotten by age");
}

#[test]
fn limit_drops_exactly_the_excess_and_nothing_that_waits() {
    let event = Pending {
        causes: Vec::new(),
        key: EventKey::default(),
        reason: SendReason::New,
        severity: crate::event::Severity::Error,
        at: at(1),
        due: at(1),
        hold: None,
        line: "".into(),
    };
    // All of one moment, as in a storm.
    let settled = Topic { touched: at(1), ..Topic::default() };
    let open = Topic { told: Some(told(1)), ..settled.clone() };
    let waiting = Topic { pending: vec![event], ..settled.clone() };
    let rows = [
        ("settled ones first", (10, TOPICS_MAX, 0), (0, TOPICS_MAX, 0), 0),
        ("as many as are too many", (0, TOPICS_MAX + 10, 0), (0, TOPICS_MAX, 0), 10),
        ("both", (4, TOPICS_MAX, 3), (0, TOPICS_MAX - 3, 3), 3),
        ("none that waits", (1, 1, TOPICS_MAX + 10), (0, 0, TOPICS_MAX + 10), 1),
        ("within the limit", (1, TOPICS_MAX - 1, 0), (1, TOPICS_MAX - 1, 0), 0),
    ];
    for (rule, before, after, forgotten) in rows {
        let mut notices = Notices::default();
        let kinds = [(&settled, before.0, "s"), (&open, before.1, "o"), (&waiting, before.2, "w")];
        for (topic, count, kind) in kinds {
            let named = (0..count).map(|n| (format!("{kind}{n}"), topic.clone().into()));
            notices.topics.extend(named);
        }
        assert_eq!(notices.forget_old(at(2)), forgotten, "{rule}");
        let left = ["s", "o", "w"]
            .map(|kind| notices.topics.keys().filter(|key| key.starts_with(kind)).count());
        assert_eq!((left[0], left[1], left[2]), after, "{rule}");
    }
}

#[test]
fn rounds_are_no_problems_and_what_goes_on_is_remembered() {
    let mut notices = Notices::default();
    let old = Problem::default();
    let keys = ["event\ndlq-poll\n1", "queue\nopen", "queue\nover"];
    notices.problems = keys.iter().map(|key| ((*key).to_owned(), old.clone())).collect();
    let topic = Topic { problem: "queue\nopen".into(), touched: at(20), ..Topic::default() };
    notices.topics.insert("console\nqueue\nopen".into(), topic.into());
    notices.forget_old(at(20));
    assert_eq!(notices.problems.keys().collect::<Vec<_>>(), ["queue\nopen"]);
}

fn told(first: u32) -> Told {
    Told {
        first_at: at(first),
        at: at(first),
        unacked_since: at(first),
        severity: crate::event::Severity::Error,
        depth: None,
        tiers: Vec::new(),
        losses: BTreeMap::new(),
        incident: None,
        line: "".into(),
        repeats: 0,
    }
}

#[test]
fn problem_that_goes_on_is_remembered_at_any_age() {
    let mut notices = Notices::default();
    let open = Topic { told: Some(told(1)), touched: at(1), ..Topic::default() };
    notices.topics.insert("open".into(), open.into());
    notices.forget_old(at(60));
    assert_eq!(notices.topics.len(), 1);
}

#[test]
fn delivery_is_over_and_has_a_handle_by_all_its_problems() {
    let topics = || vec!["a".to_owned(), "b".to_owned()];
    let queued = |topics: Vec<String>, is_of_group| QueuedDelivery {
        channel: "c".into(),
        topics,
        is_of_group,
    };
    let mut notices = Notices::default();
    notices.queue.insert("id".into(), queued(topics(), false));
    notices.topics = topics().into_iter().map(|key| (key, Box::default())).collect();
    for (ended, is_over) in [("a", false), ("b", true)] {
        notices.topics.get_mut(ended).unwrap().ended_at = Some(at(1));
        assert_eq!(notices.is_over("id"), is_over, "{ended}");
    }
    assert!(!notices.is_over("other"));
    type Row = (Vec<String>, bool, Option<&'static str>, Option<&'static str>);
    let rows: [Row; 3] = [
        (topics(), false, None, None),
        (topics(), true, None, Some("h")),
        (vec!["a".into()], false, Some("h"), None),
    ];
    for (topics, is_of_group, handle, of_group) in rows {
        notices.topics.values_mut().for_each(|one| **one = Topic::default());
        notices.take_handle(&queued(topics, is_of_group), "h");
        let found = &notices.topics["a"];
        assert_eq!((found.handle.as_deref(), found.group_handle.as_deref()), (handle, of_group));
    }
}

#[test]
fn channel_that_was_not_called_knows_nothing_of_the_problem() {
    let queued =
        QueuedDelivery { channel: "c".into(), topics: vec!["a".into()], is_of_group: false };
    for (first, knows) in [(5, false), (4, true)] {
        let mut pending = crate::rules::notification::fixtures::due("a", SendReason::Ended).events;
        pending.extend(crate::rules::notification::fixtures::due("a", SendReason::News).events);
        let topic = Topic { told: Some(told(first)), pending, ..Topic::default() };
        let mut notices = Notices::default();
        notices.topics.insert("a".into(), topic.into());
        notices.uncall(&queued, at(5));
        let topic = &notices.topics["a"];
        assert_eq!((topic.told.is_some(), topic.pending.len()), (knows, 1 + usize::from(knows)));
    }
}

#[test]
fn document_of_the_first_version_is_read_and_written_alike() {
    let json = r#"{"version":1,"handled":[{"channel":"console","source":"dlq-poll","event":"7","at":"1970-01-01T00:00:00.000Z"}]}"#;
    let read: Versioned<Notices> = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    assert_eq!(read.body.keys(), HashSet::from([hash_of(&judged(7, at(0)).key)]));
}

#[test]
fn judgement_is_stored_as_a_code_and_a_stored_sentence_is_passed_over() {
    use NoticeDecision::{Drop, Send, Update};
    let rows = [
        (Some(Send(SendReason::New, at(1))), r#"{"send":["new","1970-01-02T00:00:00.000Z"]}"#),
        (Some(Update), r#""update""#),
        (Some(Drop(DropReason::AlreadyTold)), r#"{"drop":"already_told"}"#),
    ];
    for (decision, code) in rows {
        let stored = JudgedEvent { decision, ..judged(7, at(0)) };
        let json = serde_json::to_string(&stored).unwrap();
        assert!(json.ends_with(&format!(r#","decision":{code}}}"#)), "{json}");
        assert_eq!(serde_json::from_str::<JudgedEvent>(&json).unwrap(), stored);
    }
    let old = r#"{"channel":"console","source":"dlq-poll","event":"7","at":"1970-01-01T00:00:00.000Z","why":"sent at noon: new"}"#;
    assert_eq!(serde_json::from_str::<JudgedEvent>(old).unwrap(), judged(7, at(0)));
}
