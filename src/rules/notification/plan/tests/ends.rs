//! The channels that are told the end of a problem.

use super::stages::{CLEARED, LOST, RAISED, Round, assert_story};
use super::*;

/// A story in which slack gets what is at least a severity.
fn of_severity(least: Severity) -> Story {
    let mut story = Story::new(RoutePolicy::default());
    story.notifications.routes[0].types = None;
    story.notifications.routes[0].severity = Some(least);
    story
}

#[test]
fn end_goes_to_whoever_was_told_of_the_problem() {
    let gravest = ("queue.expiring", "a", "1h");
    let by_type = || Story::new(RoutePolicy::default()).with(ChannelKind::Exec, &["queue.raised"]);
    let mut by_channel = Story::new(RoutePolicy::default());
    by_channel.notifications.channels[0].min_severity = Some(Severity::Warn);
    let waiting = || {
        let mut story = of_severity(Severity::Warn);
        story.notifications.routes[0].policy.group_wait = MINUTE * 3;
        story
    };
    let mut waiting_by_type = by_type();
    waiting_by_type.notifications.routes[0].policy.group_wait = MINUTE * 3;
    let muted = || {
        let mut story = of_severity(Severity::Warn);
        story.notifications.routes.push(Route {
            types: Some(GlobList::any(&["queue.cleared"]).unwrap()),
            ..Route::default()
        });
        story
    };
    let usual: &[Round<'_>] =
        &[(0.0, &[RAISED], &["new"]), (1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])];
    let rows: [(&str, Story, &[Round<'_>]); 11] = [
        ("a route by severity", of_severity(Severity::Warn), usual),
        ("a channel by severity", by_channel, usual),
        ("a route by type", by_type(), usual),
        (
            "told of its loss only, and of the next one",
            of_severity(Severity::Fatal),
            &[
                (0.0, &[RAISED], &[]),
                (1.0, &[gravest], &["tier"]),
                (2.0, &[CLEARED], &[]),
                (7.0, &[], &["ended"]),
                (80.0, &[RAISED], &[]),
                (81.0, &[gravest], &["tier"]),
                (82.0, &[LOST], &["ended"]),
            ],
        ),
        (
            "never told",
            of_severity(Severity::Fatal),
            &[(0.0, &[RAISED], &[]), (1.0, &[LOST], &[]), (7.0, &[], &[])],
        ),
        (
            "over before it was told",
            waiting(),
            &[(0.0, &[RAISED], &[]), (1.0, &[CLEARED], &[]), (9.0, &[], &[])],
        ),
        (
            "lost before it was told",
            waiting(),
            &[(0.0, &[RAISED], &[]), (1.0, &[LOST], &["ended"]), (9.0, &[], &[])],
        ),
        (
            "lost before it was told, by type",
            waiting_by_type,
            &[(0.0, &[RAISED], &[]), (1.0, &[LOST], &["ended"]), (9.0, &[], &[])],
        ),
        (
            "flapping",
            by_type(),
            &[
                (0.0, &[RAISED], &["new"]),
                (1.0, &[CLEARED], &[]),
                (2.0, &[RAISED], &[]),
                (3.0, &[CLEARED], &[]),
                (12.9, &[], &[]),
                (13.0, &[], &["ended"]),
                (90.0, &[RAISED], &["again"]),
            ],
        ),
        ("muted", muted(), &[(0.0, &[RAISED], &["new"]), (1.0, &[CLEARED], &[]), (60.0, &[], &[])]),
        (
            "muted, and back",
            muted(),
            &[
                (0.0, &[RAISED], &["new"]),
                (1.0, &[CLEARED], &[]),
                (2.0, &[RAISED], &[]),
                (3.0, &[CLEARED], &[]),
                (60.0, &[], &[]),
                (90.0, &[RAISED], &["again"]),
            ],
        ),
    ];
    for (rule, story, rounds) in rows {
        assert_story(rule, story, rounds);
    }
}

#[test]
fn channel_of_an_escalation_is_told_the_end() {
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let policy = RoutePolicy { escalate, ..RoutePolicy::default() };
    let taken: [Round<'_>; 2] = [(0.0, &[RAISED], &["new"]), (15.0, &[], &["escalated to pager"])];
    let rows: [(&str, &[Round<'_>]); 3] = [
        ("cleared", &[(16.0, &[CLEARED], &[]), (21.0, &[], &["ended to pager", "ended"])]),
        ("lost", &[(16.0, &[LOST], &["ended to pager", "ended"])]),
        (
            "back at once",
            &[(16.0, &[CLEARED], &[]), (17.0, &[RAISED], &[]), (40.0, &[], &["again"])],
        ),
    ];
    for (rule, rounds) in rows {
        let story = assert_story(rule, Story::new(policy.clone()), &taken);
        assert_story(rule, story, rounds);
    }
    // Only while the problem goes on is its escalation worth sending.
    let mut story = assert_story("withdrawn", Story::new(policy), &taken);
    let id = story.ids[1].clone();
    assert!(!story.notices.is_over(&id), "it goes on");
    story = assert_story("withdrawn", story, &[(16.0, &[CLEARED], &[])]);
    assert!(story.notices.is_over(&id), "over");
    story = assert_story("withdrawn", story, &[(17.0, &[RAISED], &[])]);
    assert!(!story.notices.is_over(&id), "back");
    assert!(!story.notices.is_over("another"));
}
