//! A configuration that changes between two runs.

use super::*;

/// A restart replays the journal, here the raises of the story before the change.
#[test]
fn changed_configuration_tells_no_channel_the_history() {
    type Change = fn(&mut Notifications);
    type Row<'a> = (&'a str, Change, &'a [(f64, &'a str)]);
    let rows: [Row<'_>; 5] = [
        ("nothing", |_| {}, &[]),
        (
            "a new channel",
            |all| all.channels.push(Channel { name: "new".into(), ..Channel::default() }),
            &[],
        ),
        ("a route to another channel", |all| all.routes[1].types = None, &[]),
        (
            "reminders",
            |all| all.routes[0].policy.repeat_interval = Some(MINUTE * 30),
            &[(130.0, "repeat")],
        ),
        (
            "an escalation",
            |all| {
                let step = EscalationStep { after: MINUTE * 15, to: "pager".into() };
                all.routes[0].policy.escalate = vec![step];
            },
            &[(115.0, "escalated to pager")],
        ),
    ];
    for (rule, change, expected) in rows {
        let mut story = Story::new(RoutePolicy::default());
        story.adopt(0.0);
        let raised = ["a", "b"].map(|queue| ("queue.raised", queue, "3"));
        assert_eq!(story.round(0.0, &raised), told(&[("new", &["a"]), ("new", &["b"])]), "{rule}");
        change(&mut story.notifications);
        story.adopt(100.0);
        // The same lines again, and one that came while nothing ran.
        story.events = 0;
        assert_eq!(story.round_of(0.0, 100.0, &raised), [], "{rule}: the history");
        let missed = story.round_of(90.0, 100.0, &[("queue.raised", "c", "3")]);
        assert!(!missed.is_empty(), "{rule}: what nobody was told");
        let mut later = Vec::new();
        for minute in 101..=131 {
            let minute = f64::from(minute);
            later.extend(story.round(minute, &[]).into_iter().map(|(what, _)| (minute, what)));
        }
        later.dedup();
        let expected: Vec<(f64, String)> =
            expected.iter().map(|(minute, what)| (*minute, (*what).to_owned())).collect();
        assert_eq!(later, expected, "{rule}");
    }
}

#[test]
fn time_ahead_of_the_present_silences_no_channel_after_a_change() {
    let mut story = Story::new(RoutePolicy::default());
    story.adopt(0.0);
    assert_eq!(story.late(0.0, 1440.0, ("queue.raised", "a", "3")), told(&[("new", &["a"])]));
    story.notifications.routes[0].policy.repeat_interval = Some(MINUTE * 30);
    story.adopt(1.0);
    assert_eq!(story.late(2.0, 2.0, ("queue.raised", "b", "3")), told(&[("new", &["b"])]));
    let stored = story.notices.newest().unwrap();
    assert!(stored <= at(2.0).plus(Duration::from_secs(300)), "{stored}");
}

#[test]
fn unrelated_route_that_is_put_first_moves_no_clock() {
    let step = EscalationStep { after: MINUTE * 15, to: "pager".into() };
    let policy = RoutePolicy {
        escalate: vec![step],
        repeat_interval: Some(MINUTE * 30),
        ..RoutePolicy::default()
    };
    for (rule, of_slack, expected) in [
        ("of another channel", false, &[(15.0, "escalated to pager"), (30.0, "repeat")]),
        ("of this channel", true, &[(25.0, "escalated to pager"), (40.0, "repeat")]),
    ] {
        let mut story = Story::new(policy.clone());
        story.adopt(0.0);
        story.round(0.0, &[("queue.raised", "a", "3")]);
        let channel = if of_slack { "slack" } else { "pager" };
        let types = Some(GlobList::any(&["pr.none"]).unwrap());
        let first = Route { types, channels: vec![channel.into()], ..Route::default() };
        story.notifications.routes.insert(0, first);
        story.adopt(10.0);
        // Another start changes nothing more.
        story.adopt(12.0);
        let mut later = Vec::new();
        for minute in 11..=45 {
            let minute = f64::from(minute);
            later.extend(story.round(minute, &[]).into_iter().map(|(what, _)| (minute, what)));
        }
        let expected: Vec<(f64, String)> =
            expected.iter().map(|(minute, what)| (*minute, (*what).to_owned())).collect();
        assert_eq!(later, expected, "{rule}");
    }
}

/// A run by hand has another configuration, or somebody takes a channel out for a while.
#[test]
fn channel_that_comes_back_is_not_new() {
    let mut story = Story::new(RoutePolicy::default());
    story.adopt(0.0);
    let whole = story.notifications.clone();
    story.notifications.channels.remove(0);
    story.adopt(10.0);
    story.round(10.0, &[("queue.raised", "a", "3")]);
    story.notifications = whole;
    story.adopt(20.0);
    story.events = 0;
    let raised = [("queue.raised", "a", "3")];
    assert_eq!(story.round_of(10.0, 20.0, &raised), told(&[("new", &["a"])]), "what it has missed");
}

#[test]
fn problem_that_has_ended_while_a_channel_was_away_is_not_open_there() {
    let step = EscalationStep { after: MINUTE * 15, to: "pager".into() };
    let repeat_interval = Some(MINUTE * 30);
    let mut story = Story::new(RoutePolicy { repeat_interval, ..RoutePolicy::default() });
    story.notifications.routes[1].types = None;
    story.notifications.routes[0].policy.escalate = vec![step];
    story.adopt(0.0);
    story.round(0.0, &[("queue.raised", "a", "3")]);
    let whole = story.notifications.clone();
    story.notifications.channels.remove(0);
    story.adopt(1.0);
    story.round(2.0, &[("queue.cleared", "a", "redriven")]);
    story.notifications = whole;
    story.adopt(10.0);
    let mut later = Vec::new();
    (11..=60).for_each(|minute| later.extend(story.round(f64::from(minute), &[])));
    let of_slack = later.iter().filter(|(what, _)| !what.ends_with("to pager")).count();
    assert_eq!(of_slack, 0, "{later:?}");
    assert!(later.iter().all(|(what, _)| !what.starts_with("escalated")), "{later:?}");
}
