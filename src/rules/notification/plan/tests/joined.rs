//! Queues that join a cause of which the channel was told.

use super::stages::{LOST, RAISED, Round, STARTED, assert_story};
use super::*;

fn by_cause(kind: ChannelKind) -> Story {
    let policy = RoutePolicy {
        group_by: GroupBy::Fingerprint,
        repeat_interval: Some(60 * MINUTE),
        ..RoutePolicy::default()
    };
    let mut story = Story::new(policy).with(kind, &["*"]);
    let token = Some(crate::secret::Secret::Env("TOKEN".into()));
    story.notifications.channels[0].connection.token = token;
    story
}

/// Plans a round in which a queue begins with the cause of the others.
fn join(story: &mut Story, minute: f64, queue: &str) -> Vec<Told> {
    story.round(minute, &[("queue.raised", queue, "3"), ("queue.sampled", queue, "cause-1")])
}

/// Delivers the last notice, to which the channel gives a reference.
fn deliver(story: &mut Story, handle: &str) {
    let queued = story.notices.queue.remove(&story.last[0].id).unwrap();
    story.notices.take_handle(&queued, handle);
}

fn shown(story: &Story) -> Option<&str> {
    story.last[0].handle.as_deref()
}

#[test]
fn notice_of_a_cause_names_queues_that_join_where_it_can_be_updated() {
    for kind in [ChannelKind::Slack, ChannelKind::Desktop] {
        let mut story = by_cause(kind);
        assert_eq!(join(&mut story, 0.0, "a"), told(&[("new", &["a"])]));
        deliver(&mut story, "h");
        assert_eq!(join(&mut story, 5.0, "b"), told(&[("update", &["a", "b"])]), "{kind}");
        assert_eq!(shown(&story), Some("h"));
        assert_eq!(story.last[0].title(&story.notices).as_deref(), Some("cause-1"));
        deliver(&mut story, "h");
        assert_eq!(join(&mut story, 6.0, "c"), told(&[("update", &["a", "b", "c"])]), "{kind}");
        // It is the notice of them all: no step, and no end, of one takes its place.
        assert_eq!(story.round(7.0, &[STARTED]), told(&[]), "{kind}");
        assert_eq!(story.round(8.0, &[LOST]), told(&[("ended", &["a"])]), "{kind}");
        assert_eq!(shown(&story), None, "{kind}");
        assert_eq!(join(&mut story, 9.0, "d"), told(&[("update", &["b", "c", "d"])]), "{kind}");
        assert_eq!(shown(&story), Some("h"), "{kind}");
        let mut ids = story.ids.clone();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), story.ids.len(), "{kind}: each delivery has its id");
    }
}

#[test]
fn notice_that_began_with_several_queues_names_one_that_joins() {
    let mut story = by_cause(ChannelKind::Slack);
    let of = |queue| ("queue.sampled", queue, "cause-1");
    story.round(0.0, &[RAISED, of("a"), ("queue.raised", "b", "3"), of("b")]);
    deliver(&mut story, "h");
    assert_eq!(join(&mut story, 5.0, "c"), told(&[("update", &["a", "b", "c"])]));
    assert_eq!(shown(&story), Some("h"));
    // A reminder is a message of its own, which is updated from then on.
    assert_eq!(story.round(60.0, &[]), told(&[("repeat", &["a", "b"])]));
    deliver(&mut story, "later");
    join(&mut story, 61.0, "d");
    assert_eq!(shown(&story), Some("later"));
    // What was quiet is a digest of several causes, and no notice of one.
    let set = |causes: [Option<&str>; 2], reason| {
        let one = |cause: Option<&str>| DueNotice {
            cause: cause.map(str::to_owned),
            ..crate::rules::notification::fixtures::due("q", reason)
        };
        is_of_group(&causes.map(one))
    };
    assert!(set([Some("c"), Some("c")], SendReason::New));
    assert!(!set([Some("c"), Some("d")], SendReason::New), "two causes");
    assert!(!set([None, None], SendReason::New), "none is known");
    assert!(!set([Some("c"), Some("c")], SendReason::Ended), "an end");
}

#[test]
fn queue_that_joins_elsewhere_is_named_by_the_next_reminder() {
    let mut story = by_cause(ChannelKind::Exec);
    join(&mut story, 0.0, "a");
    assert_eq!(join(&mut story, 5.0, "b"), told(&[]));
    assert_eq!(story.round(60.0, &[]), told(&[("repeat", &["a"])]));
    assert_eq!(story.round(65.0, &[]), told(&[("repeat", &["b"])]));
    // No reference is known before the first notice is delivered.
    let mut story = by_cause(ChannelKind::Slack);
    join(&mut story, 0.0, "a");
    assert_eq!(join(&mut story, 5.0, "b"), told(&[]));
}

#[test]
fn channel_with_an_alert_for_each_problem_gets_those_of_a_known_cause() {
    let both: [Round<'_>; 2] = [
        (0.0, &[RAISED, ("queue.sampled", "a", "cause-1")], &["new"]),
        (5.0, &[("queue.raised", "b", "3"), ("queue.sampled", "b", "cause-1")], &["new"]),
    ];
    assert_story("alerts", by_cause(ChannelKind::PagerDuty), &both);
}

#[test]
fn queue_with_a_known_cause_is_told_when_the_notice_of_the_cause_is_not_sent() {
    let silence = |story: &mut Story, glob: &str| {
        let (id, glob, until) = ("s".to_owned(), glob.to_owned(), at(600.0));
        story.silences.add(Silence { id, glob, from: at(1.0), until, reason: None }, at(1.0));
    };
    // The first notice waits in the outbox, and the second queue joins.
    let joined = || {
        let mut story = by_cause(ChannelKind::Exec);
        join(&mut story, 0.0, "a");
        assert_eq!(join(&mut story, 5.0, "b"), told(&[]));
        story
    };
    let withdraw = |story: &mut Story| {
        let queued = story.notices.queue.remove(&story.ids[0]).unwrap();
        story.notices.withdraw(&queued);
    };
    let mut story = joined();
    story.ack("a", 5.5, 600.0);
    withdraw(&mut story);
    assert_eq!(story.round(6.0, &[]), told(&[("new", &["b"])]), "withdrawn");
    let judged = story.notices.judged(&story.last[0].notices[0].events[0].key).next().unwrap();
    assert!(judged.is_told, "{judged:?}");
    assert_eq!(join(&mut story, 7.0, "c"), told(&[]), "the second one stands for the third");
    assert_eq!(story.round(66.0, &[]), told(&[("repeat", &["b"])]));
    let mut story = joined();
    join(&mut story, 5.2, "c");
    story.ack("a", 5.5, 600.0);
    withdraw(&mut story);
    assert_eq!(story.round(6.0, &[]), told(&[("new", &["b", "c"])]), "several");
    let mut story = joined();
    silence(&mut story, "a");
    assert_eq!(story.round(6.0, &[]), told(&[("new", &["b"])]), "silenced");
    let mut story = joined();
    silence(&mut story, "*");
    assert_eq!(story.round(6.0, &[]), told(&[]), "both are silenced");
    let mut story = by_cause(ChannelKind::Exec);
    join(&mut story, 0.0, "a");
    story.ack("a", 1.0, 600.0);
    assert_eq!(join(&mut story, 5.0, "b"), told(&[("new", &["b"])]), "acknowledged before");
    let mut story = joined();
    story.notices.queue.clear();
    silence(&mut story, "a");
    assert_eq!(story.round(6.0, &[]), told(&[]), "it was sent");
    assert_eq!(join(&mut story, 7.0, "c"), told(&[]), "it was sent");
    // An end, and the withdrawal of another cause, change nothing.
    story.silences = Silences::default();
    assert_eq!(story.round(8.0, &[LOST]), told(&[("ended", &["a"])]));
    assert_eq!(story.round(9.0, &[]), told(&[("new", &["b", "c"])]), "over");
}
