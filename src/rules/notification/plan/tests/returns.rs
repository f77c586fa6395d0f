//! Returns, and events that a channel gets only a part of: what is told, and what of it is forgotten.

use super::stages::{CLEARED, COMPLETED, LOST, RAISED, Round, STARTED, assert_story};
use super::*;

const LINTED: (&str, &str, &str) = ("queue.linted", "a", "");
const TIER: (&str, &str, &str) = ("queue.expiring", "a", "6h");

/// A channel that gets the named types alone.
fn with_types(types: &[&str]) -> Story {
    Story::new(RoutePolicy::default()).with(ChannelKind::Exec, types)
}

fn escalating(minutes: u32) -> RoutePolicy {
    let escalate = vec![EscalationStep { after: minutes * MINUTE, to: "pager".into() }];
    RoutePolicy { escalate, ..RoutePolicy::default() }
}

/// Returns the reasons of the events of the last delivery.
fn reasons(story: &Story) -> Vec<SendReason> {
    let events = story.last.last().unwrap().notices.last().unwrap().events.iter();
    events.map(|event| event.reason).collect()
}

#[test]
fn end_that_is_named_is_told_without_its_beginning() {
    let rows: [(&str, &[Round<'_>]); 2] = [
        ("stays", &[(0.0, &[RAISED], &[]), (1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])]),
        // Nobody knows of the problem that goes on.
        ("comes back", &[(1.0, &[CLEARED], &[]), (2.0, &[RAISED], &[]), (90.0, &[], &[])]),
    ];
    for (rule, rounds) in rows {
        assert_story(rule, with_types(&["queue.cleared"]), rounds);
    }
}

#[test]
fn channel_of_tiers_follows_beginnings_that_it_is_not_told() {
    let tiers = || with_types(&["queue.expiring"]);
    let over: [Round<'_>; 2] = [(0.0, &[RAISED, TIER], &["tier"]), (1.0, &[CLEARED], &[])];
    // A replayed beginning of what has ended takes back no end.
    let mut story = assert_story("replay", tiers(), &over);
    let again = ("queue.raised", "a", "3");
    assert_eq!(story.late(2.0, 0.0, again), told(&[]));
    assert_eq!(story.round(6.0, &[]), told(&[("ended", &["a"])]));
    // Each return after an end lets the next end wait longer.
    let rounds: [Round<'_>; 6] = [
        (6.0, &[], &["ended"]),
        (10.0, &[RAISED], &[]),
        (11.0, &[TIER], &["tier"]),
        (12.0, &[CLEARED], &[]),
        (17.0, &[], &[]),
        (22.0, &[], &["ended"]),
    ];
    assert_story("returns", tiers(), &[&over[..], &rounds].concat());
}

#[test]
fn loss_of_an_earlier_problem_is_told_where_it_is_routed() {
    for (types, expected) in
        [(&["queue.*"][..], told(&[("news", &["a"])])), (&["queue.raised"], told(&[]))]
    {
        let mut story = with_types(types);
        story.round(40.0, &[("queue.raised", "a#2", "3")]);
        assert_eq!(story.late(100.0, 20.0, LOST), expected, "{types:?}");
    }
}

#[test]
fn wait_of_a_problem_that_flaps_is_that_of_its_end() {
    // The end waits for 40 minutes; the hour since the last return passes meanwhile.
    let rounds: [Round<'_>; 11] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[RAISED], &[]),
        (3.0, &[CLEARED], &[]),
        (4.0, &[RAISED], &[]),
        (5.0, &[CLEARED], &[]),
        (6.0, &[RAISED], &[]),
        (30.0, &[CLEARED], &[]),
        (67.0, &[RAISED], &[]),
        (71.0, &[], &[]),
        (126.0, &[], &[]),
    ];
    assert_story("flaps", Story::new(RoutePolicy::default()), &rounds);
}

#[test]
fn return_is_told_anew_after_a_day_by_queue_and_is_another_problem_after_a_week() {
    let day = 1440.0;
    let over: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])];
    let rows: [(&str, GroupBy, f64, &[&str]); 4] = [
        ("a day later, by queue", GroupBy::Queue, day + 1.0, &[]),
        ("more than a day", GroupBy::Queue, day + 1.1, &["again"]),
        ("a week later", GroupBy::Incident, 7.0 * day + 1.0, &["again"]),
        ("more than a week", GroupBy::Incident, 7.0 * day + 1.1, &["new"]),
    ];
    for (rule, group_by, minute, expected) in rows {
        let story = Story::new(RoutePolicy { group_by, ..RoutePolicy::default() });
        let back: Round<'_> = (minute, &[RAISED], expected);
        assert_story(rule, story, &[&over[..], &[back]].concat());
    }
}

#[test]
fn growth_of_a_problem_that_has_come_back_is_told() {
    let back: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (1.0, &[CLEARED], &[]), (2.0, &[RAISED], &[])];
    let grew = ("queue.grew", "a", "30");
    let plain = || Story::new(RoutePolicy::default());
    assert_story("tenfold", plain(), &[&back[..], &[(3.0, &[grew], &["grew"])]].concat());
    // The depth that people knew of was that of another incident.
    let deep: [Round<'_>; 5] = [
        (0.0, &[RAISED], &["new"]),
        (0.5, &[grew], &["grew"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[RAISED], &[]),
        (3.0, &[grew], &["grew"]),
    ];
    assert_story("of its own depth", plain(), &deep);
}

#[test]
fn acknowledgement_of_an_incident_does_not_count_for_the_one_after_it() {
    let mut story = assert_story("ack", Story::new(escalating(5)), &[(0.0, &[RAISED], &["new"])]);
    story.ack("a", 1.0, 600.0);
    let rounds: [Round<'_>; 5] = [
        (2.0, &[], &[]),
        (3.0, &[CLEARED], &[]),
        (4.0, &[RAISED], &[]),
        (8.0, &[], &[]),
        (9.0, &[], &["escalated to pager"]),
    ];
    assert_story("the step counts from its beginning", story, &rounds);
}

#[test]
fn later_problem_escalates_like_the_first() {
    let week = 7.5 * 1440.0;
    let rounds: [Round<'_>; 6] = [
        (0.0, &[RAISED], &["new"]),
        (15.0, &[], &["escalated to pager"]),
        (16.0, &[CLEARED], &[]),
        (21.0, &[], &["ended to pager", "ended"]),
        (week, &[RAISED], &["new"]),
        (week + 15.0, &[], &["escalated to pager"]),
    ];
    assert_story("steps", Story::new(escalating(15)), &rounds);
}

#[test]
fn event_at_the_end_of_an_acknowledgement_is_told_with_the_problem() {
    let rows =
        [("a result that waited", true, false), ("a new one", false, true), ("both", true, true)];
    for (rule, has_waited, comes) in rows {
        let mut story = Story::new(escalating(15));
        story.round(0.0, &[RAISED, STARTED]);
        story.ack("a", 5.0, 125.0);
        story.round(60.0, if has_waited { &[COMPLETED] } else { &[] });
        let news: &[(&str, &str, &str)] = &[("queue.loss_suspected", "a", "3")];
        let sent = story.round(125.0, if comes { news } else { &[] });
        assert_eq!(sent, told(&[("ack_expired", &["a"])]), "{rule}");
        let events = reasons(&story);
        assert_eq!(events.len(), 1 + usize::from(has_waited) + usize::from(comes), "{rule}");
        let steps: [Round<'_>; 2] = [(139.0, &[], &[]), (140.0, &[], &["escalated to pager"])];
        assert_story(rule, story, &steps);
    }
}

#[test]
fn growth_during_work_is_told_before_its_result() {
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[RAISED, STARTED]);
    story.round(1.0, &[("queue.grew", "a", "30")]);
    story.round(2.0, &[COMPLETED]);
    assert_eq!(reasons(&story), [SendReason::Grew, SendReason::News]);
}

#[test]
fn findings_wait_once_and_end_as_information() {
    let plain = || Story::new(RoutePolicy::default());
    let mut story = plain();
    story.silence(0.0, 180.0);
    let held: [Round<'_>; 3] = [(1.0, &[LINTED], &[]), (90.0, &[LINTED], &[]), (140.0, &[], &[])];
    let story = assert_story("held", story, &held);
    let story = assert_story("held", story, &[(141.0, &[LINTED], &[]), (180.0, &[], &["new"])]);
    assert_eq!(reasons(&story).len(), 1, "one beginning");
    let mut story = plain();
    story.silence(0.0, 180.0);
    let over: [Round<'_>; 3] = [(1.0, &[LINTED], &[]), (70.0, &[], &[]), (180.0, &[], &[])];
    assert_story("over before it was told", story, &over);
    let ended: [Round<'_>; 2] = [(0.0, &[LINTED], &["new"]), (61.0, &[], &["ended"])];
    let story = assert_story("ended", plain(), &ended);
    assert_eq!(story.last[0].notices[0].events[0].severity, Severity::Info);
}

#[test]
fn end_and_beginning_that_waited_together_are_apart() {
    let tier = |queue| ("queue.expiring", queue, "6h");
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[RAISED]);
    story.round(1.0, &[tier("a")]);
    story.silence(10.0, 120.0);
    let held: [Round<'_>; 4] = [
        (20.0, &[CLEARED], &[]),
        (40.0, &[RAISED], &[]),
        (41.0, &[TIER], &[]),
        (120.0, &[], &["ended", "again"]),
    ];
    let story = assert_story("held", story, &held);
    assert_eq!(reasons(&story), [SendReason::Again, SendReason::Tier], "tiers of its own");
    let [ended, again] = story.last.as_slice() else { panic!() };
    let (ended, again) = (&ended.notices[0], &again.notices[0]);
    assert_eq!((ended.depth, again.depth), (None, Some(3)));
    let incidents = [&ended.incident, &ended.key_incident, &again.incident, &again.key_incident];
    let incidents = incidents.map(|incident| incident.as_deref().unwrap());
    assert_eq!(incidents, ["incident-a", "incident-a", "incident-a#again-1", "incident-a#again-1"]);
}

#[test]
fn notices_of_a_round_are_in_the_order_of_their_events() {
    let mut story = Story::new(RoutePolicy::default());
    story.silence(0.0, 60.0);
    story.round(1.0, &[("queue.raised", "b", "3")]);
    story.round(2.0, &[RAISED]);
    assert_eq!(story.round(60.0, &[]), told(&[("new", &["b"]), ("new", &["a"])]));
}

#[test]
fn notices_that_are_switched_off_cause_no_events() {
    let mut story = Story::new(RoutePolicy::default());
    story.is_off = true;
    assert_eq!((story.round(0.0, &[RAISED]), story.held), (told(&[]), 0));
    story.is_off = false;
    assert_eq!(story.round(2.0, &[]), told(&[("new", &["a"])]));
}

#[test]
fn new_and_returned_problems_are_merged_and_growth_of_one_cause_is_not() {
    let mut story = Story::new(RoutePolicy::default());
    let raised = |queue| ("queue.raised", queue, "3");
    story.round(0.0, &[raised("a"), raised("b")]);
    story.round(1.0, &[("queue.cleared", "a", "expired"), ("queue.cleared", "b", "expired")]);
    let both = [raised("a"), raised("b"), raised("c"), raised("d")];
    assert_eq!(story.round(90.0, &both).len(), 1, "two are back, and two are new");
    let mut story = Story::new(RoutePolicy::default());
    let of = |queue| [raised(queue), ("queue.sampled", queue, "cause-1")];
    assert_eq!(story.round(0.0, &[of("a"), of("b")].concat()).len(), 1);
    let grew = [("queue.grew", "a", "30"), ("queue.grew", "b", "30")];
    assert_eq!(story.round(1.0, &grew).len(), 2, "growth has no cause in common");
}
