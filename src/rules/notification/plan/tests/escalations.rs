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
