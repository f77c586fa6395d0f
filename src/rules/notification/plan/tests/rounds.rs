//! Failures to poll, and the rounds that end them.

use super::stages::{Round, assert_story, repeating};
use super::*;
use crate::rules::notification::notice_key::EventKey;

const FAILED: (&str, &str, &str) = ("poll.failed", "eu-west-1", "");
const NOT_FOUND: (&str, &str, &str) = ("poll.failed", "eu-west-1", "cannot find queue 'q': denied");
const GOOD: (&str, &str, &str) = ("poll.finished", "", "");
const PARTIAL: (&str, &str, &str) = ("poll.finished", "", "scope");
const WITHOUT_POLICIES: (&str, &str, &str) = ("poll.finished", "", "policies");
const WITHOUT_QUEUE: (&str, &str, &str) = ("poll.finished", "", "queue");

#[test]
fn failure_to_poll_is_over_with_the_next_round_that_has_seen_everything() {
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let policy = RoutePolicy { escalate, ..repeating(20) };
    let rows: [(&str, &[Round<'_>]); 7] = [
        (
            "one bad round",
            &[
                (0.0, &[FAILED], &["new"]),
                (0.5, &[GOOD], &[]),
                (5.5, &[], &["ended"]),
                (99.0, &[], &[]),
            ],
        ),
        (
            "in the round of the failure",
            &[
                (0.0, &[FAILED, PARTIAL], &["new"]),
                (0.5, &[WITHOUT_POLICIES], &[]),
                (15.0, &[PARTIAL], &["escalated to pager"]),
                (16.0, &[GOOD], &[]),
                (21.0, &[GOOD], &["ended to pager", "ended"]),
                (99.0, &[GOOD], &[]),
            ],
        ),
        (
            "for hours, told by dlq-poll once",
            &[
                (0.0, &[FAILED], &["new"]),
                (15.0, &[], &["escalated to pager"]),
                (20.0, &[PARTIAL], &["repeat"]),
                (120.0, &[PARTIAL], &["repeat"]),
            ],
        ),
        (
            "with every other round",
            &[
                (0.0, &[FAILED], &["new"]),
                (1.0, &[GOOD], &[]),
                (2.0, &[FAILED], &[]),
                (3.0, &[GOOD], &[]),
                (13.0, &[], &["ended"]),
            ],
        ),
        (
            "again hours later",
            &[
                (0.0, &[FAILED], &["new"]),
                (1.0, &[GOOD], &[]),
                (6.0, &[], &["ended"]),
                (90.0, &[FAILED], &["again"]),
            ],
        ),
        (
            "another queue cannot be read",
            &[(0.0, &[FAILED], &["new"]), (0.5, &[WITHOUT_QUEUE], &[]), (5.5, &[], &["ended"])],
        ),
        (
            "a queue that is not found",
            &[
                (0.0, &[NOT_FOUND], &["new"]),
                (0.5, &[WITHOUT_QUEUE], &[]),
                (6.0, &[GOOD], &[]),
                (11.0, &[], &["ended"]),
            ],
        ),
    ];
    for (rule, rounds) in rows {
        let mut story = Story::new(policy.clone());
        story.notifications.routes[0].types = None;
        assert_story(rule, story, rounds);
    }
}

#[test]
fn end_of_a_failure_to_poll_says_so() {
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[FAILED]);
    story.round(1.0, &[GOOD]);
    assert_eq!(story.round(6.0, &[]).len(), 1);
    let mut scopes = crate::rules::notification::scope::SeenScopes::default();
    let notice = crate::rules::notification::message::merged::compose(
        &story.last[0].notices,
        None,
        &mut scopes,
        at(6.0),
    );
    assert_eq!(notice.line(), "12:01Z INFO test: can poll eu-west-1 again");
}

#[test]
fn round_ends_only_what_was_before_it_and_where_it_is_not_kept_away() {
    let mut story = Story::new(RoutePolicy::default());
    story.round(5.0, &[FAILED]);
    assert_eq!(story.late(6.0, 3.0, GOOD), told(&[]));
    assert_eq!(story.round(30.0, &[]), told(&[]), "it goes on");
    assert_eq!(story.round(31.0, &[GOOD]), told(&[]));
    let round = EventKey { source: "test".into(), event: format!("{}", story.events) };
    assert_eq!(story.notices.judged(&round).count(), 1, "the round is explained");
    assert_eq!(story.round(36.0, &[GOOD]), told(&[("ended", &["eu-west-1"])]));
    let mut story = Story::new(RoutePolicy::default());
    let types = Some(GlobList::any(&["poll.finished"]).unwrap());
    story.notifications.routes.push(Route { types, ..Route::default() });
    story.round(0.0, &[FAILED]);
    story.round(1.0, &[GOOD]);
    assert_eq!(story.round(30.0, &[]), told(&[]), "a route without channels");
}

#[test]
fn failure_is_ended_by_rounds_that_were_to_ask_the_same() {
    let failed = |asked| ("poll.failed", "eu-west-1", asked);
    let good = |asked| ("poll.finished", "", asked);
    let (one, other) = ("asked eu-west-1", "asked us-east-1");
    let day = 24.0 * 60.0;
    let rows: [(&str, &[Round<'_>]); 6] = [
        (
            "a round of another selection",
            &[
                (0.0, &[failed(one)], &["new"]),
                (0.5, &[good(other)], &[]),
                (9.0, &[good(other)], &[]),
                (20.0, &[good(one)], &[]),
                (25.0, &[], &["ended"]),
            ],
        ),
        (
            "two selections fail, and one recovers",
            &[
                (0.0, &[failed(one)], &["new"]),
                (1.0, &[failed(other)], &["new"]),
                (2.0, &[good(other)], &[]),
                (7.0, &[], &["ended"]),
                (30.0, &[good(other)], &[]),
                (31.0, &[good(one)], &[]),
                (36.0, &[], &["ended"]),
            ],
        ),
        (
            "a round that does not say what it asks",
            &[(0.0, &[failed(one)], &["new"]), (1.0, &[GOOD], &[]), (6.0, &[], &["ended"])],
        ),
        (
            "a failure that does not say it",
            &[(0.0, &[FAILED], &["new"]), (1.0, &[good(other)], &[]), (6.0, &[], &["ended"])],
        ),
        (
            "a failure that nobody reports any more",
            &[
                (0.0, &[failed(one)], &["new"]),
                (day, &[good(other)], &[]),
                (day + 61.0, &[good(other)], &[]),
                (day + 66.0, &[], &["ended"]),
            ],
        ),
        (
            "a failure that is reported every 12 hours",
            &[
                (0.0, &[failed(one)], &["new"]),
                (day / 2.0, &[failed(one)], &[]),
                (day + 61.0, &[good(other)], &[]),
                (day + 66.0, &[], &[]),
            ],
        ),
    ];
    for (rule, rounds) in rows {
        let mut story = Story::new(RoutePolicy::default());
        story.notifications.routes[0].types = None;
        assert_story(rule, story, rounds);
    }
}

#[test]
fn end_of_a_failure_names_the_region_and_not_what_was_asked() {
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[("poll.failed", "eu-west-1", "asked eu-west-1, us-east-1")]);
    story.round(1.0, &[("poll.finished", "", "asked eu-west-1, us-east-1")]);
    assert_eq!(story.round(6.0, &[]).len(), 1);
    let mut scopes = crate::rules::notification::scope::SeenScopes::default();
    let notices = &story.last[0].notices;
    let notice =
        crate::rules::notification::message::merged::compose(notices, None, &mut scopes, at(6.0));
    assert_eq!(notice.line(), "12:01Z INFO test: can poll eu-west-1 again");
}
