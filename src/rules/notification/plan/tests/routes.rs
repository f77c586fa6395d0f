//! The route of a problem whose events come by several routes of a channel.

use super::stages::{CLEARED, COMPLETED, RAISED, Round, STARTED, assert_story, repeating};
use super::*;

/// A story in which slack has a route for problems, and others before it.
fn story(policy: RoutePolicy, others: &[(&str, Option<Severity>, RoutePolicy)]) -> Story {
    let mut story = Story::new(policy).with(ChannelKind::Exec, &["queue.*"]);
    let others = others.iter().map(|(types, severity, policy)| Route {
        types: Some(GlobList::any(&[types]).unwrap()),
        severity: *severity,
        channels: vec!["slack".into()],
        policy: policy.clone(),
        ..Route::default()
    });
    let rest = std::mem::take(&mut story.notifications.routes);
    story.notifications.routes = others.chain(rest).collect();
    story
}

#[test]
fn route_of_the_beginning_holds_while_the_problem_goes_on() {
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let policy = RoutePolicy { escalate, ..repeating(30) };
    let plain = RoutePolicy::default;
    let results = ("investigation.*", None, plain());
    let samples = ("queue.sampled", None, plain());
    let gravest = ("queue.expiring", Some(Severity::Fatal), repeating(10));
    let tier = ("queue.expiring", "a", "1h");
    let told: &[Round<'_>] = &[(15.0, &[], &["escalated to pager"]), (30.0, &[], &["repeat"])];
    let begins: &[Round<'_>] = &[(0.0, &[RAISED], &["new"])];
    let rows: [(&str, _, &[&[Round<'_>]]); 5] = [
        ("alone", vec![results.clone()], &[begins, told]),
        ("work begins", vec![results.clone()], &[begins, &[(1.0, &[STARTED], &[])], told]),
        ("a result", vec![results.clone()], &[begins, &[(1.0, &[COMPLETED], &["news"])], told]),
        (
            "a sample",
            vec![samples],
            &[begins, &[(1.0, &[("queue.sampled", "a", "c")], &["news"])], told],
        ),
        (
            "graver than it was",
            vec![gravest],
            &[begins, &[(1.0, &[tier], &["tier"]), (11.0, &[], &["repeat"])], &told[..1]],
        ),
    ];
    for (rule, others, rounds) in rows {
        assert_story(rule, story(policy.clone(), &others), &rounds.concat());
    }
    // A later problem has the route of its own beginning.
    let mut later = story(policy, &[results]);
    later = assert_story("later", later, begins);
    later = assert_story("later", later, &[(1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])]);
    later = assert_story("later", later, &[(7.0, &[COMPLETED], &["news"])]);
    assert_story(
        "later",
        later,
        &[(60.0, &[RAISED], &["again"]), (75.0, &[], &["escalated to pager"])],
    );
}

#[test]
fn refused_escalation_falls_back_by_the_route_of_its_channel() {
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let policy = RoutePolicy { escalate, ..RoutePolicy::default() };
    for fallback in [None, Some("mail".to_owned())] {
        let mut story = Story::new(policy.clone());
        story.notifications.routes[1].policy.fallback.clone_from(&fallback);
        story.round(0.0, &[RAISED]);
        assert_eq!(story.last[0].fallback, None, "slack has none");
        assert_eq!(story.round(15.0, &[]), told(&[("escalated to pager", &["a"])]));
        assert_eq!(story.last[0].fallback, fallback);
    }
}

#[test]
fn end_is_told_although_a_later_time_was_seen_first() {
    let mut story = Story::new(RoutePolicy::default()).with(ChannelKind::Exec, &["queue.raised"]);
    assert_eq!(story.round(0.0, &[RAISED]), told(&[("new", &["a"])]));
    assert_eq!(story.round(1.1, &[STARTED]), told(&[]));
    assert_eq!(story.late(1.2, 1.0, CLEARED), told(&[]));
    assert_eq!(story.round(7.0, &[]), told(&[("ended", &["a"])]));
}

#[test]
fn notices_that_are_switched_off_are_told_afterwards() {
    let b = ("queue.raised", "b", "3");
    let mut story = Story::new(repeating(30));
    assert_eq!(story.round(0.0, &[RAISED]), told(&[("new", &["a"])]));
    story.is_off = true;
    let off: [Round<'_>; 4] =
        [(1.0, &[CLEARED], &[]), (2.0, &[b], &[]), (90.0, &[], &[]), (120.0, &[], &[])];
    story = assert_story("off", story, &off);
    story.is_off = false;
    let mut sent = story.round(121.0, &[]);
    sent.sort();
    assert_eq!(sent, told(&[("ended", &["a"]), ("new", &["b"])]));
    assert_eq!(story.round(151.0, &[]), told(&[("repeat", &["b"])]));
}
