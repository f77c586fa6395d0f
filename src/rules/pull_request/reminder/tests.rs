use super::*;
use crate::rules::working_time::{DAYS, parse_time};
use jiff::tz::TimeZone;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Office hours in Berlin, Monday to Friday: eight hours a day.
fn office() -> WeekWindow {
    WeekWindow {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        from: parse_time("09:00").unwrap(),
        to: parse_time("17:00").unwrap(),
        days: DAYS[..5].iter().map(|(_, day)| *day).collect(),
    }
}

fn ladder(working_hours: Option<WeekWindow>) -> ReminderPolicy {
    let steps = vec![ReminderStep::Span(4 * HOUR), ReminderStep::Days(1), ReminderStep::Days(3)];
    ReminderPolicy { steps, working_hours }
}

fn rhythm() -> ReminderPolicy {
    ReminderPolicy { steps: vec![ReminderStep::Span(10 * MINUTE)], working_hours: None }
}

fn turn(since: &str) -> WaitingTurn {
    WaitingTurn { since: at(since), reminded_at: None, loss_at: None, snoozed_until: None }
}

fn due(step: u32) -> ReminderVerdict {
    ReminderVerdict::Due { step, is_loss_near: false }
}

fn due_near_loss(step: u32) -> ReminderVerdict {
    ReminderVerdict::Due { step, is_loss_near: true }
}

#[test]
fn ladder_counts_working_time() {
    // 2026-11-27 is a Friday; office hours are 08:00 to 16:00 UTC.
    let rows = [
        (
            "before the first step",
            "2026-11-27T08:00:00Z",
            None,
            "2026-11-27T11:59:59Z",
            ReminderVerdict::NotYet,
        ),
        ("first step", "2026-11-27T08:00:00Z", None, "2026-11-27T12:00:00Z", due(1)),
        (
            "told already",
            "2026-11-27T08:00:00Z",
            Some("2026-11-27T12:00:00Z"),
            "2026-11-27T13:00:00Z",
            ReminderVerdict::NotYet,
        ),
        ("evening", "2026-11-27T08:00:00Z", None, "2026-11-27T16:00:00Z", ReminderVerdict::Resting),
        ("weekend", "2026-11-27T08:00:00Z", None, "2026-11-28T12:00:00Z", ReminderVerdict::Resting),
        (
            "second step after the weekend",
            "2026-11-27T12:00:00Z",
            Some("2026-11-27T15:59:00Z"),
            "2026-11-30T12:00:00Z",
            due(2),
        ),
        (
            "weekend does not count",
            "2026-11-27T15:00:00Z",
            None,
            "2026-11-30T10:59:00Z",
            ReminderVerdict::NotYet,
        ),
        ("slept through two", "2026-11-23T08:00:00Z", None, "2026-11-26T08:00:00Z", due(3)),
        (
            "one for all of them",
            "2026-11-23T08:00:00Z",
            Some("2026-11-26T08:00:00Z"),
            "2026-11-26T15:00:00Z",
            ReminderVerdict::NotYet,
        ),
        (
            "last step repeats",
            "2026-11-23T08:00:00Z",
            Some("2026-11-26T08:00:00Z"),
            "2026-12-01T08:00:00Z",
            due(4),
        ),
        ("turn that begins at night", "2026-11-26T22:00:00Z", None, "2026-11-27T12:00:00Z", due(1)),
        (
            "clock set back",
            "2026-11-27T12:00:00Z",
            None,
            "2026-11-27T08:30:00Z",
            ReminderVerdict::NotYet,
        ),
    ];
    let policy = ladder(Some(office()));
    for (rule, since, reminded, now, expected) in rows {
        let turn = WaitingTurn { reminded_at: reminded.map(at), ..turn(since) };
        assert_eq!(judge_reminder(&policy, &turn, at(now)), expected, "{rule}");
    }
}

#[test]
fn ladder_without_working_hours_counts_all_hours() {
    let policy = ladder(None);
    let rows = [
        ("2026-11-28T03:59:00Z", ReminderVerdict::NotYet),
        ("2026-11-28T04:00:00Z", due(1)),
        ("2026-11-29T00:00:00Z", due(2)),
        ("2026-12-01T00:00:00Z", due(3)),
        ("2026-12-04T00:00:00Z", due(4)),
    ];
    for (now, expected) in rows {
        assert_eq!(
            judge_reminder(&policy, &turn("2026-11-28T00:00:00Z"), at(now)),
            expected,
            "{now}"
        );
    }
}

#[test]
fn rhythm_of_one_step_repeats() {
    let rows = [
        (None, "2026-11-28T00:09:59Z", ReminderVerdict::NotYet),
        (None, "2026-11-28T00:10:00Z", due(1)),
        (Some("2026-11-28T00:10:00Z"), "2026-11-28T00:19:00Z", ReminderVerdict::NotYet),
        (Some("2026-11-28T00:10:00Z"), "2026-11-28T00:20:00Z", due(2)),
        (Some("2026-11-28T00:10:00Z"), "2026-11-28T06:00:00Z", due(36)),
    ];
    for (reminded, now, expected) in rows {
        let turn = WaitingTurn { reminded_at: reminded.map(at), ..turn("2026-11-28T00:00:00Z") };
        assert_eq!(judge_reminder(&rhythm(), &turn, at(now)), expected, "{now}");
    }
}

#[test]
fn reminders_come_more_often_while_a_loss_is_near() {
    // The loss is on Sunday at noon.
    let loss = "2026-11-29T12:00:00Z";
    let rows = [
        ("more than a day before", None, "2026-11-28T11:59:00Z", ReminderVerdict::Resting),
        ("a quarter of what is left", None, "2026-11-28T12:00:00Z", due_near_loss(1)),
        (
            "told already",
            Some("2026-11-28T12:00:00Z"),
            "2026-11-28T16:00:00Z",
            ReminderVerdict::NotYet,
        ),
        (
            "at the weekend, too",
            Some("2026-11-28T12:00:00Z"),
            "2026-11-28T17:00:00Z",
            due_near_loss(1),
        ),
        (
            "not every minute",
            Some("2026-11-29T11:50:00Z"),
            "2026-11-29T11:59:00Z",
            ReminderVerdict::NotYet,
        ),
        (
            "after the loss the ladder goes on",
            Some("2026-11-29T11:50:00Z"),
            "2026-11-29T12:00:00Z",
            ReminderVerdict::Resting,
        ),
    ];
    for (rule, reminded, now, expected) in rows {
        let turn = WaitingTurn {
            reminded_at: reminded.map(at),
            loss_at: Some(at(loss)),
            ..turn("2026-11-27T15:30:00Z")
        };
        assert_eq!(judge_reminder(&ladder(Some(office())), &turn, at(now)), expected, "{rule}");
    }
}

#[test]
fn snooze_holds_reminders_until_its_end() {
    let snoozed = WaitingTurn {
        snoozed_until: Some(at("2026-11-28T05:00:00Z")),
        loss_at: Some(at("2026-11-28T06:00:00Z")),
        ..turn("2026-11-28T00:00:00Z")
    };
    let until = at("2026-11-28T05:00:00Z");
    let rows = [
        ("2026-11-28T04:59:00Z", ReminderVerdict::Snoozed { until }),
        ("2026-11-28T05:00:00Z", due_near_loss(2)),
    ];
    for (now, expected) in rows {
        assert_eq!(judge_reminder(&ladder(None), &snoozed, at(now)), expected, "{now}");
    }
    let unwanted = ReminderPolicy { steps: Vec::new(), working_hours: None };
    let verdict =
        judge_reminder(&unwanted, &turn("2026-11-28T00:00:00Z"), at("2026-12-28T00:00:00Z"));
    assert_eq!(verdict, ReminderVerdict::Unwanted);
}
