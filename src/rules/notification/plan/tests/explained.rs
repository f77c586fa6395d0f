//! Text of `--explain` about the events of a story.

use super::stages::{CLEARED, RAISED, quiet};
use super::*;
use crate::rules::notification::explain::{Explanation, explain};
use crate::rules::notification::fate::Deliveries;

/// Returns what is said of an event of a story about the channel slack.
fn said(story: &Story, line: &str, minute: f64) -> String {
    let Line::Event(head) = event::peek(line.as_bytes()) else { panic!("{line}") };
    let known = Explanation {
        notifications: &story.notifications,
        notices: &story.notices,
        silences: &story.silences,
        acks: &story.acks,
        deliveries: Deliveries { results: &[], waiting: &[] },
        now: at(minute),
    };
    let text = explain(&known, &Router::new(&story.notifications), &head, line.as_bytes());
    let part = text.split("\nchannel ").find(|part| part.starts_with("'slack'")).unwrap();
    format!("{}\n", part.trim_end())
}

#[test]
fn explanation_says_what_became_of_an_event() {
    const NOON: &str = "2026-11-29T12:00:00.000Z";
    let raised = line("queue.raised", "a", "3", 1, at(0.0));
    let by = "'slack': by route 1\n    group: incident incident-a\n";
    let over = format!("{by}    not sent: the problem was over before it was told\n");
    let sent = format!("{by}    due at {NOON}: a problem has begun\n");

    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[RAISED]);
    assert_eq!(said(&story, &raised, 9.0), sent, "sent");

    let group_wait = RoutePolicy { group_wait: MINUTE * 3, ..RoutePolicy::default() };
    let mut story = Story::new(group_wait);
    story.round(0.0, &[RAISED]);
    story.round(1.0, &[CLEARED]);
    assert_eq!(said(&story, &raised, 9.0), over, "over within the wait for others");

    let mut story = Story::new(RoutePolicy::default());
    story.silence(-1.0, 30.0);
    story.round(0.0, &[RAISED]);
    let held = "    held until 2026-11-29T12:30:00.000Z: silenced by '*'\n";
    let waits = "    waits until 2026-11-29T12:30:00.000Z (silence)\n";
    assert_eq!(said(&story, &raised, 1.0), format!("{sent}{held}{waits}"), "it waits");
    story.round(10.0, &[CLEARED]);
    story.round(31.0, &[]);
    assert_eq!(said(&story, &raised, 99.0), format!("{over}{held}"), "over while silenced");

    let mut story = Story::new(RoutePolicy::default());
    story.ack("a", 0.0, 30.0);
    story.round(0.0, &[RAISED]);
    story.round(31.0, &[]);
    let held = "    held until 2026-11-29T12:30:00.000Z: acknowledged\n";
    assert_eq!(said(&story, &raised, 99.0), format!("{sent}{held}"), "acknowledged");

    let mut story = quiet(Story::new(RoutePolicy::default()));
    story.round(61.0, &[RAISED]);
    let raised_later = line("queue.raised", "a", "3", 1, at(61.0));
    let text = said(&story, &raised_later, 99.0);
    assert!(text.contains("    held until 2026-11-29T18:00:00.000Z: quiet hours\n"), "{text}");

    // The end that is not told, because the problem is back.
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[RAISED]);
    story.round(1.0, &[CLEARED]);
    story.round(2.0, &[RAISED]);
    let cleared = line("queue.cleared", "a", "redriven", 2, at(1.0));
    let back = format!("{by}    not sent: the problem came back before its end was told\n");
    assert_eq!(said(&story, &cleared, 9.0), back);

    // An end goes without a route to whom was told.
    let mut story = Story::new(RoutePolicy::default()).with(ChannelKind::Exec, &["queue.raised"]);
    story.round(0.0, &[RAISED]);
    story.round(1.0, &[CLEARED]);
    story.round(6.0, &[]);
    let text = said(&story, &cleared, 9.0);
    let known = "'slack': without a route, as the channel knows of the problem\n    \
                 due at 2026-11-29T12:06:00.000Z: the problem has ended\n";
    assert_eq!(text, known);
}

#[test]
fn explanation_names_the_group() {
    let sampled = |queue| ("queue.sampled", queue, "cause-1");
    let policy = |group_by| RoutePolicy { group_by, ..RoutePolicy::default() };
    let mut story = Story::new(policy(GroupBy::Fingerprint));
    story.round(0.0, &[RAISED, sampled("a")]);
    story.round(5.0, &[("queue.raised", "b", "3"), sampled("b")]);
    let raised = line("queue.raised", "b", "3", 3, at(5.0));
    let known = "'slack': by route 1\n    group: cause cause-1 'cause-1'\n    \
                 not sent: the channel knows its cause from another queue\n";
    assert_eq!(said(&story, &raised, 9.0), known);
    let events = [("queue.raised", "a", 1), ("queue.raised", "b", 3)];
    let told = events.map(|(kind, queue, number)| {
        let line = line(kind, queue, "3", number, at(0.0));
        let Line::Event(head) = event::peek(line.as_bytes()) else { panic!("{line}") };
        story.notices.channels(&head).len()
    });
    assert_eq!(told, [1, 0], "dlq-status knows that nobody was told of the second one");

    let mut story = Story::new(policy(GroupBy::Queue));
    story.round(0.0, &[RAISED]);
    let raised = line("queue.raised", "a", "3", 1, at(0.0));
    let text = said(&story, &raised, 9.0);
    assert!(text.contains("    group: queue 'a', for a day\n"), "{text}");
}
