//! The notices of a fallback, the end among them.

use super::stages::{CLEARED, COMPLETED, LOST, RAISED, STARTED};
use super::*;
use crate::rules::notification::delivery::Action;
use crate::rules::notification::fallback::fall_back;
use crate::rules::notification::message::merged::compose;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::scope::SeenScopes;

fn story(kind: ChannelKind) -> Story {
    let policy = RoutePolicy { fallback: Some("pager".into()), ..RoutePolicy::default() };
    let mut story = Story::new(policy);
    story.notifications.channels[1].kind = kind;
    story
}

/// Lets slack refuse a delivery of the last round. Returns what the fallback gets.
fn refuse(story: &mut Story, number: usize, minute: f64) -> Vec<OutboxEntry> {
    let planned = &story.last[number];
    assert_eq!(planned.channel, "slack");
    let notice = compose(&planned.notices, None, &mut SeenScopes::default(), at(minute));
    let entry = OutboxEntry::new(planned, notice, at(minute), at(minute));
    let queued = story.notices.queue.remove(&planned.id).unwrap();
    let to = story.notifications.channels[1].clone();
    fall_back(&mut story.notices, &story.notifications, &to, &entry, &queued.topics, at(minute))
}

/// Returns key, action and title of entries.
fn shown(entries: &[OutboxEntry]) -> Vec<(String, Action, String)> {
    let one = |entry: &OutboxEntry| {
        (entry.delivery.key.clone(), entry.delivery.action, entry.delivery.notice.title())
    };
    entries.iter().map(one).collect()
}

const QUEUES: [&str; 4] = ["a", "b", "c", "d"];

fn each(
    kind: &'static str,
    detail: &'static str,
) -> [(&'static str, &'static str, &'static str); 4] {
    QUEUES.map(|queue| (kind, queue, detail))
}

#[test]
fn merged_notice_is_an_alert_for_each_problem_and_each_is_resolved() {
    let mut story = story(ChannelKind::PagerDuty);
    assert_eq!(story.round(0.0, &each("queue.raised", "3")), told(&[("new", &QUEUES)]));
    let alerts = refuse(&mut story, 0, 0.0);
    let expected = QUEUES.map(|queue| {
        let title = format!("{queue}: 3 messages, loss unknown");
        (format!("incident-{queue}"), Action::Trigger, title)
    });
    let alerts: Vec<_> = shown(&alerts);
    assert_eq!(
        alerts.iter().map(|one| (&one.0, one.1)).collect::<Vec<_>>(),
        expected.iter().map(|one| (&one.0, one.1)).collect::<Vec<_>>()
    );
    for ((_, _, title), queue) in alerts.iter().zip(QUEUES) {
        assert!(title.starts_with(&format!("{queue}: 3 messages")), "{title}");
    }
    let ids: std::collections::BTreeSet<&String> = story.notices.queue.keys().collect();
    assert_eq!(ids.len(), 4, "each has its id");
    assert_eq!(story.round(1.0, &each("queue.cleared", "redriven")), told(&[]));
    let ends = QUEUES.map(|queue| ("ended to pager".to_owned(), vec![queue.to_owned()]));
    let all = ("ended".to_owned(), QUEUES.map(str::to_owned).to_vec());
    let sent = story.round(20.0, &[]);
    assert_eq!(sent, [&ends[..], &[all]].concat());
    for (planned, queue) in story.last.iter().zip(QUEUES) {
        let notice = compose(&planned.notices, None, &mut SeenScopes::default(), at(20.0));
        let entry = OutboxEntry::new(planned, notice, at(20.0), at(20.0));
        assert_eq!(entry.delivery.key, format!("incident-{queue}"));
        assert_eq!(entry.delivery.action, Action::Resolve);
    }
    assert_eq!(refuse(&mut story, 4, 20.0), [], "it has told the end itself");
}

#[test]
fn alert_of_a_notice_without_sentences_names_its_queue() {
    let names: Vec<String> = (0..20).map(|n| format!("q{n:02}")).collect();
    let raised: Vec<(&str, &str, &str)> =
        names.iter().map(|name| ("queue.raised", name.as_str(), "3")).collect();
    let mut story = story(ChannelKind::PagerDuty);
    story.round(0.0, &raised);
    let alerts = refuse(&mut story, 0, 0.0);
    assert_eq!(alerts.len(), 20);
    let notice = &alerts[19].delivery.notice;
    assert!(notice.title().starts_with("q19: one of 20 queues: 60 messages"), "{notice:?}");
    assert_eq!(notice.below, ["sent here because 'slack' refused it"]);
    assert!(notice.names.is_empty());
    assert_eq!((alerts[19].subjects.len(), alerts[19].incidents[0].as_str()), (1, "incident-q19"));
}

#[test]
fn fallback_is_told_the_end_of_what_it_was_told_once() {
    for kind in [ChannelKind::PagerDuty, ChannelKind::Exec] {
        // Told of the problem, and of its end although that is not refused.
        let mut one = story(kind);
        one.round(0.0, &[RAISED]);
        assert_eq!(refuse(&mut one, 0, 0.0).len(), 1);
        assert_eq!(one.round(1.0, &[LOST]), told(&[("ended to pager", &["a"]), ("ended", &["a"])]));
        assert_eq!(refuse(&mut one, 1, 1.0), [], "{kind}: the end is refused, too");
        // Refused while an end waits to be stable.
        let mut one = story(kind);
        one.round(0.0, &[RAISED]);
        one.last.truncate(1);
        let raised = one.last.clone();
        one.round(1.0, &[CLEARED]);
        one.last = raised;
        assert_eq!(refuse(&mut one, 0, 2.0).len(), 1);
        assert_eq!(one.round(6.0, &[]), told(&[("ended to pager", &["a"]), ("ended", &["a"])]));
        // Told of nothing: it gets the end that is refused.
        let mut one = story(kind);
        one.round(0.0, &[RAISED]);
        one.round(1.0, &[LOST]);
        let ends = refuse(&mut one, 0, 1.0);
        assert_eq!((ends.len(), ends[0].delivery.action), (1, Action::Resolve), "{kind}");
        // What it was told of an earlier problem says nothing about this one.
        let mut one = story(kind);
        one.round(0.0, &[RAISED]);
        refuse(&mut one, 0, 0.0);
        one.round(1.0, &[LOST]);
        one.round(60.0, &[RAISED]);
        one.round(61.0, &[LOST]);
        assert_eq!(refuse(&mut one, 0, 61.0).len(), 1, "{kind}: a later problem");
    }
}

#[test]
fn update_that_is_refused_goes_nowhere_else() {
    let mut story = story(ChannelKind::Exec).with(ChannelKind::Desktop, &["*"]);
    story.round(0.0, &[RAISED]);
    story.topic("a").handle = Some("h".into());
    assert_eq!(story.round(1.0, &[STARTED]), told(&[("update", &["a"])]));
    assert_eq!(refuse(&mut story, 0, 1.0), []);
}

#[test]
fn merged_notice_stays_one_where_the_fallback_merges() {
    let mut story = story(ChannelKind::Exec);
    story.round(0.0, &each("queue.raised", "3"));
    let entries = refuse(&mut story, 0, 0.0);
    assert_eq!((entries.len(), entries[0].subjects.len()), (1, 4));
    story.round(1.0, &each("queue.cleared", "redriven"));
    let sent = story.round(20.0, &[]);
    assert_eq!(sent, told(&[("ended to pager", &QUEUES), ("ended", &QUEUES)]));
}

#[test]
fn refused_notice_is_a_delivery_of_its_own_for_the_fallback() {
    let mut story = story(ChannelKind::Exec);
    story.notifications.routes[1].policy.fallback = Some("slack".into());
    story.round(0.0, &[RAISED]);
    let planned = &story.last[0];
    let notice = compose(&planned.notices, None, &mut SeenScopes::default(), at(0.0));
    let mut entry = OutboxEntry::new(planned, notice, at(0.0), at(0.0));
    entry.delivery.handle = Some("C1/1.2".into());
    entry.postpone(None, at(1.0));
    (entry.perhaps_sent, entry.silenced_ms) = (true, 60_000);
    let queued = story.notices.queue.remove(&planned.id).unwrap();
    let to = story.notifications.channels[1].clone();
    let (notices, notifications) = (&mut story.notices, &story.notifications);
    let entries = fall_back(notices, notifications, &to, &entry, &queued.topics, at(90.0));
    let [part] = entries.as_slice() else { panic!("{entries:?}") };
    assert_ne!(part.delivery.id, entry.delivery.id);
    assert_eq!((&part.delivery.handle, part.not_before, part.attempts), (&None, None, 0));
    assert_eq!((part.perhaps_sent, part.silenced_ms, part.queued_at), (false, 0, at(90.0)));
    assert_eq!((part.channel.as_str(), &part.fallback), ("pager", &None), "slack has refused it");
}

#[test]
fn refused_notice_keeps_its_text_and_has_the_key_of_the_problem_that_is_open() {
    let entry_of = |story: &Story, minute: f64| {
        let planned = &story.last[0];
        let notice = compose(&planned.notices, None, &mut SeenScopes::default(), at(minute));
        OutboxEntry::new(planned, notice, at(minute), at(minute))
    };
    let mut story = story(ChannelKind::PagerDuty);
    story.round(0.0, &[RAISED]);
    let own = entry_of(&story, 0.0).delivery;
    let refused = &refuse(&mut story, 0, 0.0)[0].delivery;
    assert_eq!((refused.notice.title(), &refused.key), (own.notice.title(), &own.key));
    // A result is no part of the alert.
    assert_eq!(story.round(1.0, &[COMPLETED]), told(&[("news", &["a"])]));
    let own = entry_of(&story, 1.0).delivery.key;
    assert_eq!(refuse(&mut story, 0, 1.0)[0].delivery.key, own);
    // What the fallback was told of an earlier problem is over.
    story.round(2.0, &[LOST]);
    assert_eq!(story.round(60.0, &[("queue.raised", "a#2", "3")]), told(&[("again", &["a"])]));
    assert_eq!(refuse(&mut story, 0, 60.0)[0].delivery.key, "incident-a#2");
}

#[test]
fn merged_notice_whose_problems_are_not_all_known_stays_one() {
    let mut story = story(ChannelKind::PagerDuty);
    story.round(0.0, &each("queue.raised", "3"));
    let planned = story.last[0].clone();
    let notice = compose(&planned.notices, None, &mut SeenScopes::default(), at(0.0));
    let mut entry = OutboxEntry::new(&planned, notice, at(0.0), at(0.0));
    entry.subjects.truncate(2);
    let queued = story.notices.queue.remove(&planned.id).unwrap();
    let to = story.notifications.channels[1].clone();
    let notices = &mut story.notices;
    let told = fall_back(notices, &story.notifications, &to, &entry, &queued.topics, at(0.0));
    assert_eq!(told.len(), 1);
}
