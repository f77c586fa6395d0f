//! Causes that a later sample adds to a problem that people were told of.

use super::stages::{
    CLEARED, COMPLETED, LOST, RAISED, Round, STARTED, assert_story, quiet, repeating,
};
use super::*;
use crate::rules::notification::causes::CAUSES_MAX;

type Sampled<'a> = (&'a str, &'a str, &'a str);

const fn sampled(causes: &str) -> Sampled<'_> {
    ("queue.sampled", "a", causes)
}

const FIRST: Sampled<'_> = sampled("one");
const SECOND: Sampled<'_> = sampled("one+two");
const NEW: &[&str] = &["new"];
const CAUSE: &[&str] = &["new_cause"];

fn plain() -> Story {
    Story::new(RoutePolicy::default())
}

/// Returns a story with a problem that was told, and sampled.
fn sampled_problem(policy: RoutePolicy) -> Story {
    assert_story("sampled", Story::new(policy), &[(0.0, &[RAISED], NEW), (0.1, &[FIRST], &[])])
}

#[test]
fn cause_that_a_later_sample_adds_is_told_once() {
    let rows: [(&str, &[Round<'_>]); 10] = [
        ("the first sample", &[(0.0, &[RAISED], NEW), (0.1, &[SECOND], &[]), (9.0, &[FIRST], &[])]),
        (
            "a second cause",
            &[(0.0, &[RAISED, FIRST], NEW), (5.0, &[SECOND], CAUSE), (9.0, &[SECOND], &[])],
        ),
        (
            "two at once, and one that comes back",
            &[
                (0.0, &[RAISED, FIRST], NEW),
                (5.0, &[sampled("two+three")], CAUSE),
                (6.0, &[FIRST], &[]),
                (7.0, &[sampled("three+four")], CAUSE),
            ],
        ),
        (
            "twice in a round",
            &[(0.0, &[RAISED, FIRST], NEW), (5.0, &[SECOND, SECOND], CAUSE), (6.0, &[], &[])],
        ),
        (
            "alike messages are no cause",
            &[
                (0.0, &[RAISED, sampled("alike-1")], NEW),
                (5.0, &[sampled("alike-1+alike-2")], &[]),
                (6.0, &[sampled("alike-2+one")], CAUSE),
            ],
        ),
        (
            "with growth",
            &[
                (0.0, &[RAISED, FIRST], NEW),
                (5.0, &[("queue.grew", "a", "30"), SECOND], &["grew"]),
                (6.0, &[SECOND], &[]),
            ],
        ),
        (
            "a problem that comes back",
            &[
                (0.0, &[RAISED, FIRST], NEW),
                (1.0, &[CLEARED, SECOND], &[]),
                (2.0, &[RAISED], &[]),
                (3.0, &[SECOND], CAUSE),
            ],
        ),
        (
            "a problem that begins again",
            &[
                (0.0, &[RAISED, FIRST], NEW),
                (1.0, &[LOST], &["ended"]),
                (2.0, &[RAISED], &["again"]),
                (3.0, &[SECOND], &[]),
                (4.0, &[sampled("three")], CAUSE),
            ],
        ),
        ("a sample without a problem", &[(0.0, &[FIRST], &[]), (1.0, &[SECOND], &[])]),
        (
            "what is known before the upgrade",
            &[(0.0, &[RAISED], NEW), (500.0, &[FIRST], &[]), (501.0, &[SECOND], CAUSE)],
        ),
    ];
    for (rule, rounds) in rows {
        assert_story(rule, plain(), rounds);
    }
}

#[test]
fn cause_is_known_before_a_group_is_told() {
    let policy = RoutePolicy { group_wait: MINUTE, ..RoutePolicy::default() };
    let rounds: [Round<'_>; 5] = [
        (0.0, &[RAISED], &[]),
        (0.2, &[FIRST], &[]),
        (0.5, &[SECOND], &[]),
        (1.0, &[], NEW),
        (2.0, &[SECOND], &[]),
    ];
    assert_story("group wait", Story::new(policy), &rounds);
}

#[test]
fn new_cause_is_told_during_work_and_hides_no_growth() {
    let rounds: [Round<'_>; 5] = [
        (0.0, &[RAISED, FIRST], NEW),
        (1.0, &[STARTED], &[]),
        (2.0, &[("queue.grew", "a", "30")], &[]),
        (3.0, &[SECOND], CAUSE),
        (4.0, &[COMPLETED], &["grew"]),
    ];
    assert_story("at work", plain(), &rounds);
}

#[test]
fn new_cause_waits_while_people_hold_notices_back() {
    let mut story = sampled_problem(RoutePolicy::default());
    story.ack("a", 1.0, 60.0);
    let acked: [Round<'_>; 3] =
        [(2.0, &[SECOND], &[]), (60.0, &[], &["ack_expired"]), (61.0, &[SECOND], &[])];
    let story = assert_story("acknowledged", story, &acked[..2]);
    let events = &story.last[0].notices[0].events;
    assert!(events[0].line.contains("queue.raised"), "the problem comes first");
    assert_eq!(events[1].causes, ["two"]);
    assert_story("acknowledged", story, &acked[2..]);
    let mut story = sampled_problem(RoutePolicy::default());
    story.silence(1.0, 60.0);
    let silenced: [Round<'_>; 3] = [(2.0, &[SECOND], &[]), (59.0, &[], &[]), (60.0, &[], CAUSE)];
    assert_story("silenced", story, &silenced);
    let mut story = sampled_problem(RoutePolicy::default());
    story.silence(1.0, 60.0);
    let over: [Round<'_>; 3] =
        [(2.0, &[SECOND], &[]), (3.0, &[CLEARED], &[]), (60.0, &[], &["ended"])];
    let story = assert_story("over before", story, &over);
    assert_eq!(story.last[0].notices[0].events.len(), 1);
    let night: [Round<'_>; 3] =
        [(61.0, &[SECOND], &[]), (300.0, &[SECOND], &[]), (360.0, &[], CAUSE)];
    assert_story("quiet hours", quiet(sampled_problem(RoutePolicy::default())), &night);
    // As grave as the problem: it breaks through where the problem did.
    let grave: [Round<'_>; 2] =
        [(1.0, &[("queue.expiring", "a", "1h")], &["tier"]), (61.0, &[SECOND], CAUSE)];
    let story = assert_story("grave", quiet(sampled_problem(RoutePolicy::default())), &grave);
    assert_eq!(story.last[0].notices[0].events[0].severity, Severity::Fatal);
}

#[test]
fn reminder_counts_from_a_new_cause_and_tells_of_the_problem() {
    let rounds: [Round<'_>; 4] =
        [(30.0, &[SECOND], CAUSE), (60.0, &[], &[]), (89.0, &[], &[]), (90.0, &[], &["repeat"])];
    let story = assert_story("reminder", sampled_problem(repeating(60)), &rounds);
    assert!(story.last[0].notices[0].events[0].line.contains("queue.raised"));
}

#[test]
fn one_new_cause_of_several_queues_is_one_notice() {
    let of = |queue, causes| ("queue.sampled", queue, causes);
    let begin = [RAISED, FIRST, ("queue.raised", "b", "3"), of("b", "three")];
    let mut story = plain();
    story.round(0.0, &begin);
    let both = story.round(5.0, &[SECOND, of("b", "three+two")]);
    assert_eq!(both, told(&[("new_cause", &["a", "b"])]));
    assert_eq!(story.last[0].title(&story.notices).as_deref(), Some("two"));
    let apart = story.round(6.0, &[sampled("four"), of("b", "five")]);
    assert_eq!(apart, told(&[("new_cause", &["a"]), ("new_cause", &["b"])]));
    // A cause that another queue has is new to this one.
    let by_cause = RoutePolicy { group_by: GroupBy::Fingerprint, ..RoutePolicy::default() };
    let mut story = Story::new(by_cause);
    story.round(0.0, &begin);
    assert_eq!(story.round(5.0, &[of("b", "three+one")]), told(&[("new_cause", &["b"])]));
}

#[test]
fn new_cause_takes_the_place_of_an_update_and_of_a_step_that_is_named() {
    let mut story = plain().with(ChannelKind::PagerDuty, &["*"]);
    story.round(0.0, &[RAISED]);
    story.topic("a").handle = Some("h".into());
    let updates: [Round<'_>; 3] =
        [(1.0, &[FIRST], &["update"]), (2.0, &[SECOND], CAUSE), (3.0, &[SECOND], &["update"])];
    assert_story("updated", story, &updates);
    let named = plain().with(ChannelKind::Exec, &["queue.raised", "queue.sampled"]);
    let steps: [Round<'_>; 4] = [
        (0.0, &[RAISED], NEW),
        (1.0, &[FIRST], &["news"]),
        (2.0, &[SECOND], CAUSE),
        (3.0, &[SECOND], &["news"]),
    ];
    assert_story("named", named, &steps);
    let others = plain().with(ChannelKind::Exec, &["queue.raised"]);
    let unrouted: [Round<'_>; 3] =
        [(0.0, &[RAISED], NEW), (1.0, &[FIRST], &[]), (2.0, &[SECOND], &[])];
    assert_story("not routed", others, &unrouted);
}

#[test]
fn causes_beyond_the_limit_are_not_told() {
    let mut story = sampled_problem(RoutePolicy::default());
    let mut sent = 0;
    for number in 0..CAUSES_MAX + 8 {
        let minute = 1.0 + number as f64;
        sent += story.round(minute, &[sampled(&format!("cause-{number}"))]).len();
    }
    assert_eq!(sent, CAUSES_MAX - 1);
}

#[test]
fn cause_of_a_withdrawn_notice_is_not_known() {
    for is_withdrawn in [false, true] {
        let policy = RoutePolicy { group_by: GroupBy::Fingerprint, ..RoutePolicy::default() };
        let mut story = Story::new(policy);
        let of = |queue| [("queue.raised", queue, "3"), ("queue.sampled", queue, "c")];
        assert_eq!(story.round(0.0, &of("a")), told(&[("new", &["a"])]));
        let queued = story.notices.queue.remove(&story.last[0].id).unwrap();
        if is_withdrawn {
            story.notices.withdraw(&queued);
        }
        let first: &[(&str, &[&str])] = if is_withdrawn { &[("new", &["b"])] } else { &[] };
        assert_eq!(story.round(5.0, &of("b")), told(first), "withdrawn: {is_withdrawn}");
        assert_eq!(story.round(6.0, &of("c")), told(&[]), "the cause is known");
    }
}
