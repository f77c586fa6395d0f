//! Stories that break when one line of a stage is wrong.

use super::*;

pub(super) const RAISED: (&str, &str, &str) = ("queue.raised", "a", "3");
pub(super) const CLEARED: (&str, &str, &str) = ("queue.cleared", "a", "redriven");
pub(super) const LOST: (&str, &str, &str) = ("queue.cleared", "a", "expired");
pub(super) const STARTED: (&str, &str, &str) = ("investigation.started", "a", "");
pub(super) const COMPLETED: (&str, &str, &str) = ("investigation.completed", "a", "");

pub(super) fn repeating(minutes: u32) -> RoutePolicy {
    RoutePolicy { repeat_interval: Some(minutes * MINUTE), ..RoutePolicy::default() }
}

/// A Sunday afternoon with quiet hours from 13:00 to 18:00: minutes 60 to 360.
pub(super) fn quiet(mut story: Story) -> Story {
    story.notifications.channels[0].quiet_hours = Some(true);
    story.notifications.quiet_hours = Some(QuietHours {
        window: WeekWindow {
            zone: jiff::tz::TimeZone::UTC,
            from: parse_time("13:00").unwrap(),
            to: parse_time("18:00").unwrap(),
            days: DAYS.iter().map(|(_, day)| *day).collect(),
        },
        severity: Severity::Fatal,
    });
    story
}

/// A round: its minute, its events, and the reasons of the notices that are sent.
pub(super) type Round<'a> = (f64, &'a [(&'a str, &'a str, &'a str)], &'a [&'a str]);

#[track_caller]
pub(super) fn assert_story(rule: &str, mut story: Story, rounds: &[Round<'_>]) -> Story {
    for (minute, events, expected) in rounds {
        let sent = story.round(*minute, events);
        let reasons: Vec<&str> = sent.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(reasons, *expected, "{rule}, at {minute}");
    }
    story
}

#[test]
fn problem_that_begins_again_is_told_like_a_new_one() {
    let plain = || Story::new(RoutePolicy::default());
    let over: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])];
    let again = |rule: &str, story: Story, rounds: &[Round<'_>]| {
        assert_story(rule, story, &[&over[..], &[(60.0, &[RAISED], &["again"])], rounds].concat())
    };
    again("lost at once", plain(), &[(61.0, &[LOST], &["ended"]), (62.0, &[LOST], &[])]);
    again("reminded", Story::new(repeating(30)), &[(89.0, &[], &[]), (90.0, &[], &["repeat"])]);
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let policy = RoutePolicy { escalate, ..RoutePolicy::default() };
    let rounds: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (15.0, &[], &["escalated to pager"]),
        (16.0, &[CLEARED], &[]),
        (21.0, &[], &["ended to pager", "ended"]),
    ];
    let after: [Round<'_>; 2] =
        [(60.0, &[RAISED], &["again"]), (75.0, &[], &["escalated to pager"])];
    assert_story("escalated", Story::new(policy), &[&rounds[..], &after].concat());
    let tier = ("queue.expiring", "a", "24h");
    let rounds: [Round<'_>; 5] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[tier], &["tier"]),
        (2.0, &[LOST], &["ended"]),
        (3.0, &[RAISED], &["again"]),
        (4.0, &[tier], &["tier"]),
    ];
    assert_story("tier", plain(), &rounds);
    let mut story = again("no handle", plain(), &[]);
    assert_eq!(story.topic("a").handle, None);
    story.topic("a").handle = Some("ts".into());
    let mut story = assert_story(
        "no handle",
        story,
        &[(61.0, &[LOST], &["ended"]), (62.0, &[RAISED], &["again"])],
    );
    assert_eq!(story.topic("a").handle, None);
    // The acknowledgement of the first incident says nothing about the second one.
    let mut story = assert_story("ack", plain(), &[(0.0, &[RAISED], &["new"])]);
    story.ack("a", 1.0, 30.0);
    let rounds: [Round<'_>; 4] = [
        (2.0, &[], &[]),
        (3.0, &[CLEARED], &[]),
        (8.0, &[], &["ended"]),
        (60.0, &[RAISED], &["again"]),
    ];
    assert_story("ack", assert_story("ack", story, &rounds), &[(61.0, &[], &[])]);
}

#[test]
fn waits_of_a_group_hold_for_every_beginning() {
    let policy = RoutePolicy { group_wait: MINUTE, ..RoutePolicy::default() };
    let story = || Story::new(policy.clone());
    let again: [Round<'_>; 5] = [
        (0.0, &[RAISED], &[]),
        (1.0, &[LOST], &["ended"]),
        (2.0, &[RAISED], &[]),
        (2.5, &[RAISED, ("queue.grew", "a", "900")], &[]),
        (3.0, &[], &["new"]),
    ];
    let ended = assert_story("again", story(), &again);
    assert_eq!(ended.last[0].notices[0].events.len(), 1, "one beginning");
    assert_eq!(ended.last[0].notices[0].depth, Some(900));
    assert_story("tenfold of what was told", ended, &[(4.0, &[("queue.grew", "a", "8999")], &[])]);
    let told: [Round<'_>; 5] = [
        (0.0, &[RAISED], &[]),
        (1.0, &[], &["new"]),
        (2.0, &[LOST], &["ended"]),
        (3.0, &[RAISED], &[]),
        (4.0, &[], &["again"]),
    ];
    assert_story("after an end", story(), &told);
    let grew: [Round<'_>; 2] = [(0.0, &[("queue.grew", "a", "9")], &[]), (1.0, &[], &["new"])];
    assert_story("growth without a beginning", story(), &grew);
    let failed = ("queue.linted", "a", "");
    let failing: [Round<'_>; 6] = [
        (0.0, &[failed], &[]),
        (0.5, &[failed], &[]),
        (1.0, &[], &["new"]),
        (61.5, &[failed], &[]),
        (62.0, &[failed], &[]),
        (62.5, &[], &["new"]),
    ];
    let failing = assert_story("failures", story(), &failing);
    assert_eq!(failing.last[0].notices[0].events.len(), 1);
}

#[test]
fn end_is_told_once_in_its_time() {
    let plain = || Story::new(RoutePolicy::default());
    let twice: [Round<'_>; 5] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (4.0, &[CLEARED], &[]),
        (6.0, &[], &["ended"]),
        (9.0, &[], &[]),
    ];
    let mut story = assert_story("told twice by dlq-poll", plain(), &twice);
    assert_eq!(story.topic("a").ended_at, Some(at(1.0)));
    let flapping: [Round<'_>; 6] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[RAISED], &[]),
        (3.0, &[CLEARED], &[]),
        (12.9, &[], &[]),
        (13.0, &[], &["ended"]),
    ];
    let mut story = assert_story("after one return", plain(), &flapping);
    assert_eq!(story.topic("a").flaps, [at(2.0)]);
    story = assert_story(
        "an hour later",
        story,
        &[(80.0, &[RAISED], &["again"]), (81.0, &[CLEARED], &[])],
    );
    let mut story =
        assert_story("an hour later", story, &[(82.0, &[RAISED], &[]), (83.0, &[CLEARED], &[])]);
    assert_eq!(story.topic("a").flaps, [at(82.0)]);
    let lasting: [Round<'_>; 8] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[RAISED], &[]),
        (12.0, &[], &["again"]),
        (70.0, &[CLEARED], &[]),
        (72.0, &[RAISED], &[]),
        (73.0, &[CLEARED], &[]),
        (83.0, &[], &["ended"]),
    ];
    assert_story("a problem that has lasted", plain(), &lasting);
    let away: [Round<'_>; 7] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[RAISED], &[]),
        (3.0, &[CLEARED], &[]),
        (13.0, &[], &["ended"]),
        (120.0, &[RAISED, CLEARED], &[]),
        (130.0, &[], &["ended"]),
    ];
    let by_queue = RoutePolicy { group_by: GroupBy::Queue, ..RoutePolicy::default() };
    assert_story("an absence that has lasted", Story::new(by_queue), &away);
    let reminded: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (6.0, &[], &["ended"]),
        (61.0, &[], &[]),
    ];
    assert_story("no reminder", Story::new(repeating(60)), &reminded);
    let mut story = assert_story("acknowledged", plain(), &[(0.0, &[RAISED], &["new"])]);
    story.ack("a", 1.0, 600.0);
    assert_story("acknowledged", story, &[(2.0, &[CLEARED], &[]), (7.0, &[], &["ended"])]);
    // An end that is held back ends the problem all the same.
    let mut story = assert_story("silenced", plain(), &[(0.0, &[RAISED], &["new"])]);
    story.silence(1.0, 60.0);
    let held: [Round<'_>; 4] = [
        (3.0, &[CLEARED], &[]),
        (8.0, &[], &[]),
        (30.0, &[RAISED], &[]),
        (60.0, &[], &["ended", "again"]),
    ];
    assert_story("silenced", story, &held);
}

#[test]
fn growth_during_work_of_an_earlier_problem_is_not_told() {
    let rounds: [Round<'_>; 6] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[STARTED], &[]),
        (2.0, &[("queue.grew", "a", "30")], &[]),
        (3.0, &[CLEARED], &[]),
        (4.0, &[RAISED], &[]),
        (5.0, &[COMPLETED], &["news"]),
    ];
    assert_story("flapping", Story::new(RoutePolicy::default()), &rounds);
}

#[test]
fn result_is_told_with_what_waits_and_is_no_problem() {
    let rounds: [Round<'_>; 2] = [(0.0, &[COMPLETED], &["news"]), (61.0, &[], &[])];
    assert_story("alone", Story::new(repeating(60)), &rounds);
    let mut story =
        assert_story("silenced", Story::new(RoutePolicy::default()), &[(0.0, &[RAISED], &["new"])]);
    story.silence(1.0, 60.0);
    let held: [Round<'_>; 3] =
        [(2.0, &[COMPLETED], &[]), (3.0, &[LOST], &[]), (60.0, &[], &["news"])];
    story = assert_story("silenced", story, &held);
    let reasons: Vec<SendReason> =
        story.last[0].notices[0].events.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [SendReason::News, SendReason::Ended]);
    // A result waits through a new beginning.
    let mut story =
        assert_story("again", Story::new(RoutePolicy::default()), &[(0.0, &[RAISED], &["new"])]);
    story = assert_story("again", story, &[(1.0, &[CLEARED], &[]), (6.0, &[], &["ended"])]);
    story.silence(7.0, 60.0);
    let held: [Round<'_>; 3] =
        [(8.0, &[COMPLETED], &[]), (9.0, &[RAISED], &[]), (60.0, &[], &["again"])];
    story = assert_story("again", story, &held);
    assert_eq!(story.last[0].notices[0].events.len(), 2);
}

#[test]
fn loss_that_waits_is_told_although_the_problem_comes_back() {
    use SendReason::{Again, Ended, New, News};
    let policy = |group_by| RoutePolicy { group_by, ..RoutePolicy::default() };
    let quiet_story = |group_by| quiet(Story::new(policy(group_by)));
    type Row<'a> = (&'a str, GroupBy, &'a [Round<'a>], &'a [SendReason]);
    let rows: [Row<'_>; 5] = [
        (
            "told before the night",
            GroupBy::Incident,
            &[
                (0.0, &[RAISED], &["new"]),
                (61.0, &[LOST], &[]),
                (70.0, &[RAISED], &[]),
                (360.0, &[], &["ended"]),
            ],
            &[Ended, Again],
        ),
        (
            "begun in the night",
            GroupBy::Incident,
            &[
                (61.0, &[RAISED], &[]),
                (62.0, &[LOST], &[]),
                (63.0, &[RAISED], &[]),
                (360.0, &[], &["new"]),
            ],
            &[News, New],
        ),
        (
            "over again",
            GroupBy::Incident,
            &[
                (0.0, &[RAISED], &["new"]),
                (61.0, &[LOST], &[]),
                (70.0, &[RAISED], &[]),
                (80.0, &[CLEARED], &[]),
                (360.0, &[], &["ended"]),
            ],
            &[Ended],
        ),
        (
            "one problem a day",
            GroupBy::Queue,
            &[
                (0.0, &[RAISED], &["new"]),
                (61.0, &[LOST], &[]),
                (70.0, &[RAISED], &[]),
                (360.0, &[], &["news"]),
            ],
            &[News],
        ),
        (
            "in one round",
            GroupBy::Incident,
            &[(0.0, &[RAISED], &["new"]), (1.0, &[LOST, RAISED], &["ended", "again"])],
            &[Ended, Again],
        ),
    ];
    for (rule, group_by, rounds, told) in rows {
        let story = assert_story(rule, quiet_story(group_by), rounds);
        let notices = story.last.iter().flat_map(|one| &one.notices);
        let events: Vec<&Pending> = notices.flat_map(|one| &one.events).collect();
        assert!(events[0].line.contains("expired"), "{rule}");
        let reasons: Vec<SendReason> = events.iter().map(|one| one.reason).collect();
        assert_eq!(reasons, told, "{rule}");
    }
}

#[test]
fn newest_of_many_events_wait() {
    let mut story = Story::new(RoutePolicy::default());
    story.silence(0.0, 60.0);
    for minute in 0..12_u8 {
        story.round(f64::from(minute), &[COMPLETED]);
    }
    assert_story("many", story, &[(60.0, &[], &["news"])]).last[0].notices.iter().for_each(|one| {
        let times: Vec<Timestamp> = one.events.iter().map(|event| event.at).collect();
        assert_eq!(times, (4..12_u8).map(|minute| at(f64::from(minute))).collect::<Vec<_>>());
    });
    // The beginning is not left out: without it nobody would know of the problem and its end.
    let mut story = Story::new(RoutePolicy::default());
    story.silence(0.0, 60.0);
    story.round(0.0, &[RAISED]);
    for minute in 1..12_u8 {
        story.round(f64::from(minute), &[COMPLETED]);
    }
    let story = assert_story("begun", story, &[(60.0, &[], &["new"]), (61.0, &[LOST], &["ended"])]);
    assert_eq!(story.last[0].notices[0].events.len(), 1);
}

#[test]
fn unrouted_events_matter_as_far_as_they_change_the_problem() {
    let some = |types: &[&str], policy| Story::new(policy).with(ChannelKind::Exec, types);
    let returns: [Round<'_>; 5] = [
        (0.0, &[("queue.expiring", "a", "24h")], &["tier"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[RAISED], &[]),
        (11.0, &[CLEARED], &[]),
        (21.0, &[], &["ended"]),
    ];
    let types = ["queue.expiring", "queue.cleared"];
    assert_story("a return", some(&types, RoutePolicy::default()), &returns);
    let works: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[STARTED], &[]),
        (6.0, &[], &["ended"]),
    ];
    assert_story("a step of work", some(&["queue.*"], RoutePolicy::default()), &works);
    let route: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (1.0, &[STARTED], &[]), (60.0, &[], &["repeat"])];
    assert_story("the route stays", some(&["queue.*"], repeating(60)), &route);
    // The acknowledgement of what has ended says nothing about what begins.
    let mut story = some(&["queue.raised"], RoutePolicy::default());
    story.round(0.0, &[RAISED]);
    story.ack("a", 1.0, 30.0);
    story.round(2.0, &[]);
    story = assert_story("an old ack", story, &[(3.0, &[CLEARED], &[]), (8.0, &[], &["ended"])]);
    assert_story("an old ack", story, &[(60.0, &[RAISED], &["again"]), (61.0, &[], &[])]);
    let mut story = some(&["queue.raised"], repeating(60));
    story.round(10.0, &[RAISED]);
    story.late(11.0, 4.0, RAISED);
    assert_eq!(story.topic("a").touched, at(10.0), "the newest event");
    let older = ("queue.cleared", "a#0", "redriven");
    assert_eq!(story.late(11.0, 5.0, older), told(&[]), "the end of an older one");
    story = assert_story("the end of an older one", story, &[(70.0, &[], &["repeat"])]);
    let end = story.late(71.0, 5.0, CLEARED);
    assert_eq!(end, told(&[("ended", &["a"])]), "its end, of an older time");
}

#[test]
fn reminders_come_at_their_interval_with_what_was_told_last() {
    let rounds: [Round<'_>; 8] = [
        (0.0, &[RAISED], &["new"]),
        (30.0, &[("queue.expiring", "a", "24h")], &["tier"]),
        (89.0, &[], &[]),
        (90.0, &[], &["repeat"]),
        (149.0, &[], &[]),
        (150.0, &[], &["repeat"]),
        (151.0, &[], &[]),
        (210.0, &[], &["repeat"]),
    ];
    let story = assert_story("reminders", Story::new(repeating(60)), &rounds);
    let event = &story.last[0].notices[0].events[0];
    assert_eq!((event.at, event.line.contains("queue.expiring")), (at(0.0), true));
    let mut ids = story.ids.clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each delivery has its id: {:?}", story.ids);
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "slack".into() }];
    let policy = RoutePolicy { escalate, ..repeating(30) };
    let both: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (15.0, &[], &["escalated"]), (30.0, &[], &["repeat"])];
    let story = assert_story("to itself", Story::new(policy), &both);
    assert_ne!(story.ids[1], story.ids[2], "one event for two reasons");
    let sleeps: [Round<'_>; 3] =
        [(0.0, &[RAISED], &["new"]), (600.0, &[], &["repeat"]), (601.0, &[], &[])];
    assert_story("one after a long sleep", Story::new(repeating(60)), &sleeps);
    let mut story =
        assert_story("silenced", Story::new(repeating(60)), &[(0.0, &[RAISED], &["new"])]);
    story.silence(1.0, 120.0);
    assert_story("silenced", story, &[(60.0, &[], &[]), (120.0, &[], &["repeat"])]);
    let failed = ("queue.linted", "a", "");
    let lasting: [Round<'_>; 5] = [
        (0.0, &[failed], &["new"]),
        (50.0, &[failed], &[]),
        (90.0, &[], &["repeat"]),
        (200.0, &[], &["ended"]),
        (210.0, &[failed], &["new"]),
    ];
    assert_story("a failure that ended", Story::new(repeating(90)), &lasting);
    // The highest severity that was told decides whether quiet hours hold a reminder.
    let grave: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[("queue.expiring", "a", "1h")], &["tier"]),
        (2.0, &[("queue.expiring", "a", "6h")], &["tier"]),
        (63.0, &[], &["repeat"]),
    ];
    assert_story("grave", quiet(Story::new(repeating(61))), &grave);
}

#[test]
fn ack_that_expires_is_told_once() {
    let mut story =
        assert_story("expires", Story::new(RoutePolicy::default()), &[(0.0, &[RAISED], &["new"])]);
    story.ack("a", 1.0, 60.0);
    let rounds: [Round<'_>; 4] =
        [(2.0, &[], &[]), (59.0, &[], &[]), (60.0, &[], &["ack_expired"]), (61.0, &[], &[])];
    assert_story("expires", story, &rounds);
    // What was acknowledged before it was told begins after that.
    let mut story = Story::new(RoutePolicy::default());
    story.ack("a", 0.0, 60.0);
    let rounds: [Round<'_>; 3] = [(1.0, &[RAISED], &[]), (60.0, &[], &["new"]), (61.0, &[], &[])];
    assert_story("before", story, &rounds);
    // An acknowledgement is taken back.
    let mut story =
        assert_story("back", Story::new(RoutePolicy::default()), &[(0.0, &[RAISED], &["new"])]);
    story.ack("a", 1.0, 60.0);
    story = assert_story("back", story, &[(2.0, &[("queue.expiring", "a", "24h")], &[])]);
    story.acks = Acks::default();
    let back: [Round<'_>; 3] = [(3.0, &[], &["ack_expired"]), (4.0, &[], &[]), (60.0, &[], &[])];
    assert_story("back", story, &back);
    // A silence outlives the acknowledgement.
    let mut story =
        assert_story("both", Story::new(RoutePolicy::default()), &[(0.0, &[RAISED], &["new"])]);
    story.ack("a", 1.0, 30.0);
    story.silence(1.0, 60.0);
    let tier = ("queue.expiring", "a", "24h");
    let both: [Round<'_>; 4] =
        [(2.0, &[tier], &[]), (30.0, &[], &[]), (60.0, &[], &["tier"]), (61.0, &[], &[])];
    assert_story("both", story, &both);
}

#[test]
fn silence_that_ends_early_or_late_is_said_once() {
    let mut story = Story::new(RoutePolicy::default());
    story.silence(0.0, 60.0);
    story = assert_story("early", story, &[(1.0, &[RAISED], &[]), (2.0, &[], &[])]);
    assert_eq!(story.held, 1);
    story.silence(50.0, 120.0);
    story = assert_story("late", story, &[(60.0, &[], &[])]);
    assert_eq!(story.held, 1, "it goes on");
    assert!(story.silences.end("*", at(70.0)));
    assert_story("early", story, &[(71.0, &[], &["new"]), (120.0, &[], &[])]);
}

#[test]
fn quiet_hours_hold_what_keeps_quiet_and_no_escalation() {
    let escalate = vec![
        EscalationStep { after: 15 * MINUTE, to: "pager".into() },
        EscalationStep { after: 30 * MINUTE, to: "pager".into() },
    ];
    let policy = RoutePolicy { escalate, ..RoutePolicy::default() };
    let rounds: [Round<'_>; 5] = [
        (59.0, &[RAISED], &["new"]),
        (61.0, &[COMPLETED], &[]),
        (74.0, &[], &["escalated to pager"]),
        (89.0, &[], &["escalated to pager"]),
        (360.0, &[], &["news"]),
    ];
    let story = assert_story("escalation", quiet(Story::new(policy)), &rounds);
    let mut ids = story.ids.clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each step has its id");
    let grave: [Round<'_>; 1] = [(61.0, &[("queue.expiring", "a", "1h"), COMPLETED], &["tier"])];
    assert_story("the gravest of a group", quiet(Story::new(RoutePolicy::default())), &grave);
    let mut story = quiet(Story::new(RoutePolicy::default()));
    story.notifications.channels[0].quiet_hours = None;
    assert_story("a command", story, &[(61.0, &[RAISED], &["new"])]);
}

#[test]
fn events_are_judged_at_their_own_time_but_never_in_the_future() {
    let by_queue = RoutePolicy { group_by: GroupBy::Queue, ..RoutePolicy::default() };
    let day = 1440.0;
    let over: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[CLEARED], &[]),
        (6.0, &[], &["ended"]),
        (120.0, &[RAISED], &[]),
    ];
    let story = assert_story("within a day", Story::new(by_queue.clone()), &over);
    assert_story("lost within a day", story, &[(121.0, &[LOST], &["ended"])]);
    let story = assert_story("a day later", Story::new(by_queue.clone()), &over[..3]);
    assert_story("a day later", story, &[(day + 2.0, &[RAISED], &["again"])]);
    let mut story = assert_story("read late", Story::new(by_queue), &over[..3]);
    assert_eq!(story.late(day * 2.0, 120.0, RAISED), told(&[]));
    let mut story = Story::new(RoutePolicy::default());
    assert_eq!(story.late(0.0, day, RAISED), told(&[("new", &["a"])]), "from a wrong clock");
}

#[test]
fn notice_is_updated_where_the_channel_can_do_that() {
    use ChannelKind::{Desktop, Exec, PagerDuty, Slack};
    // Handle of the notice that is shown, what steps are sent as, and which notices take its place.
    type Row<'a> = (ChannelKind, Option<&'a str>, &'a [&'a str], Option<&'a str>);
    let rows: [Row<'_>; 6] = [
        (PagerDuty, None, &["update"], None),
        (Desktop, Some("h"), &["update"], Some("h")),
        (Desktop, None, &[], None),
        (Slack, Some("h"), &["update"], None),
        (Slack, None, &[], None),
        (Exec, None, &[], None),
    ];
    for (kind, handle, expected, again) in rows {
        let mut story = Story::new(RoutePolicy::default()).with(kind, &["*"]);
        let token = Some(crate::secret::Secret::Env("TOKEN".into()));
        story.notifications.channels[0].connection.token = token;
        story.round(0.0, &[RAISED]);
        story.topic("a").handle = handle.map(str::to_owned);
        story = assert_story("a step", story, &[(1.0, &[STARTED], expected)]);
        let shown = story.last.first().and_then(|one| one.handle.as_deref());
        assert_eq!(shown, handle, "{kind}: a step");
        story = assert_story("growth", story, &[(2.0, &[("queue.grew", "a", "6")], expected)]);
        story = assert_story("much growth", story, &[(3.0, &[COMPLETED], &["news"])]);
        story =
            assert_story("much growth", story, &[(4.0, &[("queue.grew", "a", "300")], &["grew"])]);
        assert_eq!(story.last[0].handle.as_deref(), again, "{kind}: much growth");
        story = assert_story("over", story, &[(5.0, &[STARTED, LOST], &["ended"])]);
        assert_eq!(story.last[0].handle.as_deref(), again, "{kind}: a loss");
        assert_story("over", story, &[(6.0, &[STARTED], &[])]);
    }
    let named =
        Story::new(RoutePolicy::default()).with(ChannelKind::Exec, &["queue.raised", STARTED.0]);
    assert_story("named", named, &[(0.0, &[RAISED], &["new"]), (1.0, &[STARTED], &["news"])]);
}

#[test]
fn end_takes_the_place_of_the_notice_and_what_is_sent_again_is_new_where_nobody_would_notice() {
    let tier = ("queue.expiring", "a", "1h");
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)], f64, &'a str, bool);
    let rows: [Row<'_>; 5] = [
        ("an end", &[CLEARED], 15.0, "ended", true),
        ("a loss", &[LOST], 1.0, "ended", false),
        ("a tier", &[tier], 1.0, "tier", false),
        ("a result", &[COMPLETED], 1.0, "news", false),
        ("a reminder", &[], 30.0, "repeat", false),
    ];
    for (rule, events, minute, reason, is_in_place) in rows {
        for (kind, is_in_place) in [(ChannelKind::Slack, is_in_place), (ChannelKind::Desktop, true)]
        {
            let mut story = Story::new(repeating(30)).with(kind, &["*"]);
            story.round(0.0, &[RAISED]);
            story.topic("a").handle = Some("h".into());
            let mut sent = story.round(1.0, events);
            if minute > 1.0 {
                sent.extend(story.round(minute, &[]));
            }
            assert_eq!(sent, told(&[(reason, &["a"])]), "{rule}, {kind}");
            assert_eq!(story.last[0].handle.is_some(), is_in_place, "{rule}, {kind}");
        }
    }
}

#[test]
fn merged_notice_takes_the_place_of_none() {
    let mut story = Story::new(RoutePolicy::default()).with(ChannelKind::Desktop, &["*"]);
    let queues = ["a", "b", "c", "d"];
    for queue in queues {
        story.round(0.0, &[("queue.raised", queue, "3")]);
        story.topic(queue).handle = Some("h".into());
    }
    let ends = queues.map(|queue| ("queue.cleared", queue, "redriven"));
    story.round(1.0, &ends);
    assert_eq!(story.round(15.0, &[]), told(&[("ended", &queues)]));
    assert_eq!(story.last[0].handle, None);
}

#[test]
fn deliveries_have_their_order_fallback_and_record() {
    let policy = RoutePolicy { fallback: Some("pager".into()), ..RoutePolicy::default() };
    let mut story = Story::new(policy);
    story.notifications.routes[1].types = Some(GlobList::any(&["queue.raised"]).unwrap());
    story.round(0.0, &[RAISED, RAISED, ("queue.raised", "b", "3")]);
    let sequences: Vec<u64> = story.last.iter().map(|one| one.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert!(story.last.iter().all(|one| one.fallback.as_deref() == Some("pager")));
    let mut ids = story.ids.clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "two events on two channels");
    let is_told = |story: &Story, event: &str| {
        let key = crate::rules::notification::notice_key::EventKey {
            source: "test".into(),
            event: event.into(),
        };
        story.notices.judged(&key).map(|one| one.is_told).collect::<Vec<_>>()
    };
    assert_eq!((is_told(&story, "1"), is_told(&story, "2")), (vec![true; 2], vec![false; 2]));
    story.round(1.0, &[LOST]);
    story.round(2.0, &[("queue.cleared", "b", "expired")]);
    story.round(1440.0 * 9.0, &[]);
    assert_eq!(story.notices.topics.len(), 0);
    let mut story = Story::new(RoutePolicy::default());
    let event = line("queue.odd", "a", "", 7, at(0.0));
    let arrived = read(&Router::new(&story.notifications), &event, at(0.0));
    assert_eq!(story.plan(&[arrived.clone(), arrived], false, at(0.0)), told(&[("news", &["a"])]));
    assert_eq!(story.last[0].notices[0].events.len(), 1, "the same event twice");
}

#[test]
fn causes_group_what_begins_while_they_last() {
    let sampled = |queue| ("queue.sampled", queue, "cause-1");
    let two = [RAISED, sampled("a"), ("queue.raised", "b", "3"), sampled("b")];
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &two);
    assert_eq!(story.last[0].title(&story.notices).as_deref(), Some("cause-1"));
    let pager = Story::new(RoutePolicy::default()).with(ChannelKind::PagerDuty, &["*"]);
    assert_story("an alert for each", pager, &[(0.0, &two, &["new", "new"])]);
    let by_cause = RoutePolicy { group_by: GroupBy::Fingerprint, ..RoutePolicy::default() };
    let rounds: [Round<'_>; 3] = [
        (0.0, &[RAISED, sampled("a")], &["new"]),
        (5.0, &[("queue.raised", "b", "3"), sampled("b")], &[]),
        (6.0, &[("queue.grew", "b", "30")], &["grew"]),
    ];
    assert_story("growth", Story::new(by_cause.clone()), &rounds);
    let rounds: [Round<'_>; 3] = [
        (0.0, &[RAISED, sampled("a")], &["new"]),
        (1.0, &[LOST], &["ended"]),
        (5.0, &[("queue.raised", "b", "3"), sampled("b")], &["new"]),
    ];
    assert_story("over", Story::new(by_cause), &rounds);
    // Of several causes none is in the title.
    let mut story = quiet(Story::new(RoutePolicy::default()));
    story.round(
        61.0,
        &[RAISED, sampled("a"), ("queue.raised", "b", "3"), ("queue.sampled", "b", "cause-2")],
    );
    story.round(360.0, &[]);
    assert_eq!((story.last[0].notices.len(), story.last[0].title(&story.notices)), (2, None));
}
