//! Failures to poll, and the rounds that end them.

use super::stages::{Round, assert_story, repeating};
use super::*;

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
