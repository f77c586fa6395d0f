//! The incident that an event is of: the open incident, one that has ended, or a new one. No time decides that.

use super::stages::{CLEARED, COMPLETED, LOST, RAISED, Round, STARTED, assert_story};
use super::*;

const GONE: (&str, &str, &str) = ("queue.loss_suspected", "a", "3");
const TIER: (&str, &str, &str) = ("queue.expiring", "a", "1h");
const SECOND: (&str, &str, &str) = ("queue.raised", "a#2", "3");

/// An event, and the minute of its time.
type Dated<'a> = (f64, (&'a str, &'a str, &'a str));

/// A channel that gets WARN and above, and so no end by a route.
fn by_severity() -> Story {
    let mut story = Story::new(RoutePolicy::default());
    story.notifications.routes[0].types = None;
    story.notifications.routes[0].severity = Some(Severity::Warn);
    story
}

fn plain() -> Story {
    Story::new(RoutePolicy::default())
}

/// Plans a round with events of earlier minutes.
fn bring(story: &mut Story, minute: f64, events: &[Dated<'_>]) -> Vec<Told> {
    let router = Router::new(&story.notifications);
    let mut arrived = Vec::new();
    for (of, (kind, queue, detail)) in events {
        story.events += 1;
        let line = line(kind, queue, detail, story.events, at(*of));
        arrived.push(read(&router, &line, at(minute)));
    }
    story.plan(&arrived, false, at(minute))
}

#[test]
fn end_of_the_open_incident_counts_whatever_its_time() {
    let rows: [(&str, &[Dated<'_>]); 5] = [
        ("with a loss of its time", &[(10.0, GONE), (10.0, CLEARED)]),
        ("of the time of its beginning", &[(0.0, CLEARED)]),
        ("behind a step of a later time", &[(11.0, STARTED), (10.0, CLEARED)]),
        ("behind a result of a later time", &[(11.0, COMPLETED), (10.0, CLEARED)]),
        ("behind a raise of a wrong clock", &[(90.0, RAISED), (10.0, CLEARED)]),
    ];
    for (rule, events) in rows {
        for mut story in [by_severity(), plain()] {
            story.round(0.0, &[RAISED]);
            let mut sent = bring(&mut story, 10.0, events);
            sent.extend(story.round(20.0, &[]));
            let ends = sent.iter().filter(|(reason, _)| reason == "ended").count();
            assert_eq!(ends, 1, "{rule}: {sent:?}");
        }
        // What waits beside it does not hide it.
        let mut story = by_severity();
        story.round(0.0, &[RAISED]);
        story.ack("a", 1.0, 60.0);
        bring(&mut story, 10.0, events);
        story.round(20.0, &[]);
        assert!(story.topic("a").is_end_told, "{rule}");
    }
}

#[test]
fn replay_of_what_was_missed_begins_and_ends_nothing() {
    type Row<'a> = (&'a str, &'a [Round<'a>], &'a [Dated<'a>], &'a [&'a str]);
    let rows: [Row<'_>; 5] = [
        (
            "the end of the one before",
            &[(0.0, &[RAISED], &["new"]), (30.0, &[SECOND], &[])],
            &[(20.0, CLEARED)],
            &[],
        ),
        (
            "a beginning that is over",
            &[(20.0, &[CLEARED], &[]), (30.0, &[], &[])],
            &[(0.0, RAISED)],
            &[],
        ),
        (
            "a tier of what is over",
            &[(0.0, &[RAISED], &["new"]), (20.0, &[CLEARED], &[]), (30.0, &[], &["ended"])],
            &[(10.0, TIER), (11.0, ("queue.grew", "a", "900"))],
            &[],
        ),
        (
            "a whole problem before the one that is open",
            &[(40.0, &[SECOND], &["new"])],
            &[(0.0, RAISED), (5.0, TIER), (20.0, CLEARED)],
            &[],
        ),
        (
            "a loss is told all the same",
            &[(40.0, &[SECOND], &["new"])],
            &[(0.0, RAISED), (20.0, LOST)],
            &["news"],
        ),
    ];
    for (rule, before, replay, expected) in rows {
        let mut story = assert_story(rule, plain(), before);
        let is_open = story.notices.topics.values().any(|topic| topic.is_open());
        let mut sent = bring(&mut story, 100.0, replay);
        sent.extend(story.round(200.0, &[]));
        let reasons: Vec<&str> = sent.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(reasons, expected, "{rule}");
        assert_eq!(story.notices.topics.values().any(|topic| topic.is_open()), is_open, "{rule}");
    }
}

#[test]
fn growth_or_tier_of_another_incident_begins_it_when_its_raise_was_missed() {
    let over: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])];
    let rows: [(&str, (&str, &str, &str), &str); 2] = [
        ("tier", ("queue.expiring", "a#2", "6h"), "tier"),
        ("growth", ("queue.grew", "a#2", "900"), "new"),
    ];
    for (rule, event, reason) in rows {
        let after: [Round<'_>; 2] = [
            (60.0, &[event], &[reason]),
            (61.0, &[("queue.cleared", "a#2", "expired")], &["ended"]),
        ];
        assert_story(rule, plain(), &[&over[..], &after].concat());
        let flaps: [Round<'_>; 2] = [(3.0, &[event], &[]), (20.0, &[], &[])];
        let mut story = assert_story(rule, plain(), &over[..2]);
        for (minute, events, _) in flaps {
            story.round(minute, events);
        }
        assert!(story.topic("a").is_open(), "{rule}: the end was not told before");
    }
}

#[test]
fn work_ends_with_its_session_or_its_deadline() {
    let grew = ("queue.grew", "a", "30");
    // The end of the session has a time before the growth that was inhibited.
    let mut story = plain();
    story.round(0.0, &[RAISED, STARTED]);
    story.round(5.0, &[grew]);
    assert_eq!(bring(&mut story, 6.0, &[(4.0, COMPLETED)]), told(&[("grew", &["a"])]));
    // It never comes: the deadline of the tests is after ten hours.
    let lost: [Round<'_>; 4] = [
        (0.0, &[RAISED, STARTED], &["new"]),
        (5.0, &[grew], &[]),
        (604.0, &[], &[]),
        (606.0, &[], &["grew"]),
    ];
    assert_story("lost", plain(), &lost);
    // Of an earlier incident it says nothing about this one.
    let mut story = plain();
    story.round(0.0, &[RAISED, STARTED]);
    story.round(1.0, &[LOST]);
    story.round(2.0, &[SECOND, ("investigation.started", "a#2", "")]);
    story.round(3.0, &[("queue.grew", "a#2", "5")]);
    assert_eq!(bring(&mut story, 4.0, &[(4.0, COMPLETED)]), told(&[("news", &["a"])]));
    let result = &story.last[0].notices[0];
    assert!(result.is_late, "it has a key of its own");
    assert_eq!(result.incident.as_deref(), Some("incident-a"));
    assert_eq!(story.round(5.0, &[("queue.grew", "a#2", "50")]), told(&[]), "the work goes on");
    let depth = story.notices.problems.values().next().unwrap().depth;
    assert_eq!(depth, Some(50));
}

#[test]
fn round_is_no_problem() {
    let mut story = plain();
    for minute in 0..9_u8 {
        story.round(f64::from(minute), &[("poll.finished", "", ""), ("queue.odd", "a", "")]);
    }
    assert_eq!(story.notices.problems.len(), 0);
}

#[test]
fn beginning_of_a_queue_that_joined_is_told_when_nothing_stands_for_it() {
    let policy = RoutePolicy { group_by: GroupBy::Fingerprint, ..RoutePolicy::default() };
    let of = |queue| [("queue.raised", queue, "3"), ("queue.sampled", queue, "cause-1")];
    let both = || {
        let mut story = Story::new(policy.clone());
        assert_eq!(story.round(0.0, &of("a")), told(&[("new", &["a"])]));
        assert_eq!(story.round(5.0, &of("b")), told(&[]));
        story
    };
    let over: [Round<'_>; 3] =
        [(6.0, &[CLEARED], &[]), (11.0, &[], &["ended"]), (11.5, &[], &["new"])];
    let story = assert_story("the first is over", both(), &over);
    assert_eq!(story.last[0].notices[0].subject, "b");
    let mut story = both();
    story.ack("a", 6.0, 600.0);
    assert_eq!(story.round(7.0, &[]), told(&[("new", &["b"])]), "the first is acknowledged");
    let mut story = both();
    story.notices.queue.clear();
    story.ack("a", 6.0, 600.0);
    assert_eq!(story.round(7.0, &[]), told(&[("new", &["b"])]), "also after it has arrived");
    // A reminder that people hold back does not make untold what it reminds of.
    let repeat = RoutePolicy { repeat_interval: Some(20 * MINUTE), ..policy.clone() };
    let mut story = Story::new(repeat);
    story.round(0.0, &of("a"));
    story.round(5.0, &of("b"));
    story.notices.queue.clear();
    assert_eq!(story.round(20.0, &[]), told(&[("repeat", &["a"])]));
    let (glob, reason) = ("a".to_owned(), None);
    let silence = Silence { id: "s".into(), glob, from: at(21.0), until: at(90.0), reason };
    story.silences.add(silence, at(21.0));
    assert_eq!(story.round(22.0, &[]), told(&[]), "a reminder waits in the outbox");
    // The steps of a queue that was left out count from its own notice.
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let mut story = Story::new(RoutePolicy { escalate, ..policy.clone() });
    story.round(0.0, &of("a"));
    story.round(5.0, &of("b"));
    story.notices.queue.clear();
    story.ack("a", 6.0, 600.0);
    assert_eq!(story.round(7.0, &[]), told(&[("new", &["b"])]));
    assert_eq!(story.round(21.0, &[]), told(&[]));
    assert_eq!(story.round(22.0, &[]), told(&[("escalated to pager", &["b"])]));
}

#[test]
fn day_of_a_queue_does_not_hide_a_problem_that_stays() {
    let policy = RoutePolicy { group_by: GroupBy::Queue, ..RoutePolicy::default() };
    let rounds: [Round<'_>; 7] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (6.0, &[], &["ended"]),
        (300.0, &[RAISED], &[]),
        (304.0, &[], &[]),
        (312.0, &[], &["again"]),
        (900.0, &[], &[]),
    ];
    assert_story("stays", Story::new(policy.clone()), &rounds);
    let brief = [&rounds[..4], &[(302.0, &[CLEARED], &[]), (400.0, &[], &["ended"])]].concat();
    assert_story("brief", Story::new(policy), &brief);
}

#[test]
fn restraint_holds_no_end_that_closes_an_alert() {
    let rounds: [Round<'_>; 3] = [(2.0, &[CLEARED], &[]), (7.0, &[], &["ended"]), (60.0, &[], &[])];
    for kind in [ChannelKind::PagerDuty, ChannelKind::Exec] {
        let mut story = plain().with(kind, &["*"]);
        story.round(0.0, &[RAISED]);
        story.silence(1.0, 60.0);
        story.round(2.0, &[CLEARED]);
        let expected = if kind == ChannelKind::PagerDuty { 1 } else { 0 };
        assert_eq!(story.round(7.0, &[]).len(), expected, "silenced, {kind}");
        assert_eq!(story.round(61.0, &[]).len(), 1 - expected, "silenced, {kind}");
    }
    let mut story = super::stages::quiet(plain().with(ChannelKind::PagerDuty, &["*"]));
    story.round(0.0, &[RAISED]);
    let night: [Round<'_>; 2] = [(61.0, &[CLEARED], &[]), (66.0, &[], &["ended"])];
    assert_story("quiet", story, &night);
    let mut story = plain().with(ChannelKind::PagerDuty, &["*"]);
    story.round(0.0, &[RAISED]);
    story.silence(1.0, 60.0);
    assert_story("a loss waits", story, &[(2.0, &[LOST], &[]), (60.0, &[], &["ended"])]);
    let mut story = plain().with(ChannelKind::PagerDuty, &["*"]);
    story.round(0.0, &[RAISED]);
    story.ack("a", 1.0, 90.0);
    assert_story("acknowledged", story, &rounds);
}
