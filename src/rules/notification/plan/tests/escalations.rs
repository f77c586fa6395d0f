//! Escalations of many problems at once.

use super::stages::{RAISED, Round, assert_story};
use super::*;

fn escalating(after: &[u32]) -> RoutePolicy {
    let step = |minutes: &u32| EscalationStep { after: *minutes * MINUTE, to: "pager".into() };
    RoutePolicy { escalate: after.iter().map(step).collect(), ..RoutePolicy::default() }
}

/// A story in which queues were raised, with one cause or without a known one.
fn storm(names: &[String], with_cause: bool, policy: RoutePolicy) -> Story {
    let mut events: Vec<(&str, &str, &str)> = Vec::new();
    for name in names {
        events.push(("queue.raised", name, "3"));
        if with_cause {
            events.push(("queue.sampled", name, "cause-1"));
        }
    }
    let mut story = Story::new(policy);
    assert_eq!(story.round(0.0, &events).len(), 1);
    story
}

#[test]
fn escalation_of_a_storm_is_one_notice_that_names_whom_nobody_has_acknowledged() {
    let names: Vec<String> = (0..50).map(|n| format!("q{n:03}")).collect();
    for with_cause in [true, false] {
        let mut story = storm(&names, with_cause, escalating(&[15, 30]));
        story.ack("q000", 1.0, 600.0);
        let silence = Silence {
            id: "s".into(),
            glob: "q001".into(),
            from: at(1.0),
            until: at(600.0),
            reason: None,
        };
        story.silences.add(silence, at(1.0));
        assert_eq!(story.round(2.0, &[("queue.cleared", "q002", "redriven")]), told(&[]));
        assert_eq!(story.round(14.9, &[]), told(&[("ended", &["q002"])]));
        let step = |names: &[String]| vec![("escalated to pager".to_owned(), names.to_vec())];
        assert_eq!(story.round(15.0, &[]), step(&names[3..]), "with a cause: {with_cause}");
        let title = story.last[0].title(&story.notices);
        assert_eq!(title.as_deref(), with_cause.then_some("cause-1"));
        assert_eq!(story.round(16.0, &[]), told(&[]));
        story.ack("q003", 17.0, 600.0);
        assert_eq!(story.round(18.0, &[("queue.cleared", "q004", "redriven")]), told(&[]));
        let ended = [("ended to pager", &["q004"][..]), ("ended", &["q004"])];
        assert_eq!(story.round(29.0, &[]), told(&ended), "who was told is told the end");
        assert_eq!(story.round(30.0, &[]), step(&names[5..]), "the second step");
        // The end of a storm is one notice, too.
        let over: Vec<(&str, &str, &str)> =
            names[5..].iter().map(|name| ("queue.cleared", name.as_str(), "redriven")).collect();
        story.round(31.0, &over);
        let ends = ["ended to pager", "ended"].map(|to| (to.to_owned(), names[5..].to_vec()));
        assert_eq!(story.round(40.0, &[]), ends);
    }
}

#[test]
fn escalation_to_a_channel_with_alerts_is_an_alert_for_each_problem() {
    let names = ["a", "b", "c", "d"].map(str::to_owned);
    let mut story = storm(&names, true, escalating(&[15]));
    story.notifications.channels[1].kind = ChannelKind::PagerDuty;
    let alerts = names.iter().map(|name| ("escalated to pager".to_owned(), vec![name.clone()]));
    assert_eq!(story.round(15.0, &[]), alerts.collect::<Vec<_>>());
}

#[test]
fn steps_that_were_slept_through_are_one_notice_of_their_channel() {
    let rounds: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (61.0, &[], &["escalated to pager"]), (62.0, &[], &[])];
    assert_story("asleep", Story::new(escalating(&[15, 30, 60])), &rounds);
}

/// A story with a second channel whose problems escalate to the same one, after `after`.
fn two(after: &[u32]) -> Story {
    let mut story = Story::new(escalating(&[15]));
    let hook = Channel { name: "hook".into(), kind: ChannelKind::Exec, ..Channel::default() };
    story.notifications.channels.insert(1, hook);
    let mut route = story.notifications.routes[0].clone();
    (route.channels, route.policy) = (vec!["hook".into()], escalating(after));
    story.notifications.routes.push(route);
    story
}

/// Returns the queues that a step to the pager names.
fn called(story: &Story) -> Vec<Vec<String>> {
    let steps = story.last.iter().filter(|one| one.channel == "pager");
    let names = |one: &PlannedDelivery| one.notices.iter().map(|due| due.subject.clone()).collect();
    steps.map(names).collect()
}

#[test]
fn step_of_several_channels_calls_once() {
    let sampled = ("queue.sampled", "a", "cause-1");
    for (after, is_sampled) in [(15, false), (15, true), (20, false)] {
        let mut story = two(&[after]);
        story.round(0.0, &[RAISED, sampled][..1 + usize::from(is_sampled)]);
        story.round(15.0, &[]);
        assert_eq!(called(&story), [["a"]], "after {after}");
        for minute in [20.0, 40.0, 90.0] {
            story.round(minute, &[]);
            assert_eq!(called(&story), [[""; 0]; 0], "after {after}, at {minute}");
        }
    }
    // A later step is another one.
    let mut story = two(&[15, 60]);
    story.round(0.0, &[RAISED]);
    let calls = [15.0, 16.0, 60.0, 61.0].map(|minute| {
        story.round(minute, &[]);
        called(&story).len()
    });
    assert_eq!(calls, [1, 0, 1, 0]);
}

#[test]
fn channel_of_a_step_keeps_the_problem_as_long_as_the_one_that_has_called_it() {
    const BACK: (&str, &str, &str) = ("queue.raised", "a#2", "900");
    let flaps: [Round<'_>; 7] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[("queue.cleared", "a", "redriven")], &[]),
        (2.0, &[RAISED], &[]),
        (3.0, &[("queue.cleared", "a", "redriven")], &[]),
        (4.0, &[RAISED], &[]),
        (24.0, &[], &["again"]),
        (39.0, &[], &["escalated to pager"]),
    ];
    let story = assert_story("flaps", Story::new(escalating(&[15])), &flaps);
    let away: [Round<'_>; 3] = [
        (45.0, &[("queue.cleared", "a", "redriven")], &[]),
        (55.0, &[], &[]),
        (60.0, &[BACK], &[]),
    ];
    let mut story = assert_story("flaps", story, &away);
    let pager = |story: &Story| {
        let mut topics = story.notices.topics.values();
        topics.find(|topic| topic.channel == "pager").unwrap().is_open()
    };
    assert!(pager(&story), "for the channel that has called it, it is one problem");
    let mut policy = escalating(&[15]);
    policy.clear_wait = MINUTE * 30;
    let rounds: [Round<'_>; 5] = [
        (0.0, &[RAISED], &["new"]),
        (15.0, &[], &["escalated to pager"]),
        (20.0, &[("queue.cleared", "a", "redriven")], &[]),
        (30.0, &[], &[]),
        (50.0, &[], &["ended to pager", "ended"]),
    ];
    story = assert_story("a long wait", Story::new(policy), &rounds);
    assert!(!pager(&story));
}

#[test]
fn step_to_a_channel_that_knows_the_problem_has_the_key_by_which_it_knows_it() {
    let mut story = Story::new(escalating(&[15]));
    story.notifications.routes[1].types = Some(GlobList::any(&["queue.expiring"]).unwrap());
    story.notifications.routes[1].policy = RoutePolicy::default();
    let rounds: [Round<'_>; 6] = [
        (0.0, &[RAISED], &["new"]),
        (2.0, &[("queue.cleared", "a", "redriven")], &[]),
        (4.0, &[RAISED], &[]),
        (10.0, &[("queue.expiring", "a", "1h")], &["tier to pager", "tier"]),
        (14.0, &[], &["again"]),
        (29.0, &[], &["escalated to pager"]),
    ];
    for round in rounds {
        story = assert_story("known", story, &[round]);
        for one in story.last.iter().filter(|one| one.channel == "pager") {
            let key = one.notices[0].key_incident.as_deref();
            assert_eq!(key, Some("incident-a#again-1"), "at {}", round.0);
        }
    }
}

#[test]
fn step_counts_from_the_end_of_a_silence() {
    let mut story = Story::new(escalating(&[15]));
    story.round(0.0, &[RAISED]);
    story.silence(1.0, 60.0);
    let rounds: [Round<'_>; 4] = [
        (20.0, &[], &[]),
        (62.0, &[], &[]),
        (74.9, &[], &[]),
        (75.0, &[], &["escalated to pager"]),
    ];
    let story = assert_story("silenced", story, &rounds);
    assert_eq!(story.last[0].notices[0].events[0].at, at(60.0), "not acknowledged since then");
}

#[test]
fn graver_route_without_steps_leaves_those_of_the_beginning() {
    for (has_steps, rounds) in [
        (false, [(1.0, &["tier"][..]), (15.0, &["escalated to pager"])]),
        (true, [(1.0, &["tier"][..]), (15.0, &[])]),
    ] {
        let mut story = Story::new(escalating(&[15]));
        story.notifications.routes[0].types = Some(GlobList::any(&["queue.raised"]).unwrap());
        let policy = if has_steps { escalating(&[40]) } else { RoutePolicy::default() };
        let (severity, channels) = (Some(Severity::Fatal), vec!["slack".into()]);
        story.notifications.routes.push(Route { severity, channels, policy, ..Route::default() });
        story.round(0.0, &[RAISED]);
        for (minute, expected) in rounds {
            let tier = [("queue.expiring", "a", "1h")];
            let sent = story.round(minute, if minute < 2.0 { &tier } else { &[] });
            let reasons: Vec<&str> = sent.iter().map(|(reason, _)| reason.as_str()).collect();
            assert_eq!(reasons, expected, "with steps: {has_steps}, at {minute}");
        }
    }
}
