//! One record per problem and channel: what was told, under which key and incident, how gravely, and
//! what follows from that for every later notice. `a#2` is another incident of queue `a`.

use super::stages::{
    CLEARED, COMPLETED, LOST, RAISED, Round, STARTED, assert_story, quiet, repeating,
};
use super::*;
use crate::rules::notification::message::Notice;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::payload::pagerduty;

const BACK: (&str, &str, &str) = ("queue.raised", "a#2", "3");
const CLEARED_AGAIN: (&str, &str, &str) = ("queue.cleared", "a#2", "redriven");
const TIER: (&str, &str, &str) = ("queue.expiring", "a", "1h");

fn plain() -> Story {
    Story::new(RoutePolicy::default())
}

fn by_queue() -> Story {
    Story::new(RoutePolicy { group_by: GroupBy::Queue, ..RoutePolicy::default() })
}

fn pager() -> Story {
    plain().with(ChannelKind::PagerDuty, &["*"])
}

/// Returns the bodies that PagerDuty would get: action, severity, and the incident that is the key.
fn alerts(story: &Story) -> Vec<String> {
    let alert = |planned: &PlannedDelivery| {
        let severity = Severity::Info;
        let notice = Notice { severity, ..Notice::default() };
        let delivery = OutboxEntry::new(planned, notice, at(0.0), at(0.0)).delivery;
        let body = pagerduty::body(&delivery, "key");
        let key = delivery.key.strip_prefix("incident-").unwrap_or("own");
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let severity = word(&body["payload"]["severity"]);
        format!("{} {key} {severity}", word(&body["event_action"]))
    };
    story.last.iter().map(alert).collect()
}

#[track_caller]
fn assert_alerts(rule: &str, mut story: Story, rounds: &[Round<'_>]) -> Story {
    for (minute, events, expected) in rounds {
        story.round(*minute, events);
        let found = alerts(&story);
        let found = found.iter().map(|one| one.rsplit_once(' ').unwrap().0);
        assert_eq!(found.collect::<Vec<_>>(), *expected, "{rule}, at {minute}");
    }
    story
}

#[test]
fn return_that_stays_is_told() {
    let rows: [(&str, Story, &[Round<'_>]); 5] = [
        ("stays", plain(), &[(11.9, &[], &[]), (12.0, &[], &["again"]), (99.0, &[], &[])]),
        (
            "over again before",
            plain(),
            &[(10.0, &[CLEARED_AGAIN], &[]), (12.0, &[], &[]), (20.0, &[], &["ended"])],
        ),
        (
            "with a result meanwhile",
            plain(),
            &[(3.0, &[COMPLETED], &["news"]), (12.0, &[], &["again"])],
        ),
        ("one problem a day", by_queue(), &[(12.0, &[], &[]), (99.0, &[], &[])]),
        (
            "not routed",
            plain().with(ChannelKind::Exec, &["queue.expiring"]),
            &[(12.0, &[], &[]), (99.0, &[], &[])],
        ),
    ];
    for (rule, mut story, rounds) in rows {
        story.round(0.0, &[RAISED, TIER]);
        story = assert_story(rule, story, &[(1.0, &[CLEARED], &[]), (2.0, &[BACK], &[])]);
        assert_story(rule, story, rounds);
    }
}

#[test]
fn tier_belongs_to_its_incident_and_batch() {
    let six = ("queue.expiring", "a", "6h");
    let (six_again, again) = (("queue.expiring", "a#2", "6h"), ("queue.expiring", "a#2", "1h"));
    let told: [Round<'_>; 5] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[six], &["tier"]),
        (2.0, &[TIER], &["tier"]),
        (3.0, &[CLEARED], &[]),
        (5.0, &[BACK], &[]),
    ];
    let tiers: [Round<'_>; 3] =
        [(100.0, &[six_again], &["tier"]), (110.0, &[again], &["tier"]), (111.0, &[again], &[])];
    let stays: Round<'_> = (15.0, &[], &["again"]);
    assert_story("incident", plain(), &[&told[..], &[stays], &tiers].concat());
    assert_story("one problem a day", by_queue(), &[&told[..], &tiers].concat());
    let batch = |loss| ("queue.expiring", "a", loss);
    let batches: [Round<'_>; 7] = [
        (0.0, &[RAISED], &["new"]),
        (1.0, &[batch("1h@61")], &["tier"]),
        (2.0, &[batch("1h@61")], &[]),
        // People know that messages are being lost.
        (50.0, &[batch("1h@110")], &[]),
        (70.0, &[batch("1h@130")], &["tier"]),
        (71.0, &[batch("1h@50")], &[]),
        (4320.0, &[batch("1h@4380")], &["tier"]),
    ];
    assert_story("batch", plain(), &batches);
}

#[test]
fn problem_that_begins_while_an_end_is_held_is_another_one() {
    let silenced = || {
        let mut story = assert_story("silenced", plain(), &[(0.0, &[RAISED], &["new"])]);
        story.silence(1.0, 60.0);
        assert_story("silenced", story, &[(3.0, &[CLEARED], &[]), (8.0, &[], &[])])
    };
    let both: [Round<'_>; 2] = [(30.0, &[BACK], &[]), (60.0, &[], &["resolve a", "trigger a#2"])];
    let after: [Round<'_>; 2] = [
        (61.0, &[("queue.grew", "a#2", "90")], &["trigger a#2"]),
        (62.0, &[("queue.cleared", "a#2", "expired")], &["resolve a#2"]),
    ];
    assert_alerts("silenced", silenced(), &[&both[..], &after].concat());
    let over: [Round<'_>; 3] =
        [(30.0, &[BACK], &[]), (40.0, &[CLEARED_AGAIN], &[]), (60.0, &[], &["resolve a"])];
    assert_alerts("over again", silenced(), &over);
    let grown: [Round<'_>; 3] = [
        (30.0, &[BACK], &[]),
        (40.0, &[("queue.grew", "a#2", "900")], &[]),
        (60.0, &[], &["ended", "again"]),
    ];
    let story = assert_story("grown", silenced(), &grown);
    assert_eq!(story.last[1].notices[0].events.len(), 1);
    let flapping: [Round<'_>; 3] = [(7.0, &[BACK], &[]), (17.0, &[], &[]), (60.0, &[], &["again"])];
    let mut story = assert_story("back at once", plain(), &[(0.0, &[RAISED], &["new"])]);
    story.silence(1.0, 60.0);
    story = assert_story("back at once", story, &[(3.0, &[CLEARED], &[])]);
    assert_story("back at once", story, &flapping);
    // An alert is closed at once, so that the next one is another.
    let mut story = quiet(pager());
    story.notifications.quiet_hours.as_mut().unwrap().severity = Severity::Error;
    let night: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["trigger a"]),
        (61.0, &[CLEARED], &[]),
        (70.0, &[], &["resolve a"]),
        (200.0, &[BACK], &["trigger a#2"]),
    ];
    assert_alerts("breaks through", story, &night);
    let mut story = quiet(plain());
    let night: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (61.0, &[CLEARED], &[]),
        (200.0, &[BACK, ("queue.raised", "b", "3")], &[]),
        (360.0, &[], &["ended"]),
    ];
    story = assert_story("digest", story, &night);
    let told: Vec<&str> = story.last[0].notices.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(told, ["ended", "again", "new"]);
}

#[test]
fn end_has_the_key_under_which_the_channel_was_told() {
    let rows: [(&str, &[Round<'_>]); 3] = [
        (
            "flapping",
            &[
                (1.0, &[CLEARED], &[]),
                (2.0, &[BACK], &[]),
                (2.5, &[("investigation.started", "a#2", "")], &["trigger a"]),
                (3.0, &[CLEARED_AGAIN], &[]),
                (13.0, &[], &["resolve a"]),
            ],
        ),
        (
            "back to stay",
            &[
                (1.0, &[CLEARED], &[]),
                (2.0, &[BACK], &[]),
                (12.0, &[], &["trigger a"]),
                (20.0, &[CLEARED_AGAIN], &[]),
                (30.0, &[], &["resolve a"]),
            ],
        ),
        (
            "back after its end",
            &[
                (1.0, &[CLEARED], &[]),
                (6.0, &[], &["resolve a"]),
                (30.0, &[BACK], &["trigger a#2"]),
                (31.0, &[("queue.cleared", "a#2", "expired")], &["resolve a#2"]),
            ],
        ),
    ];
    for (rule, rounds) in rows {
        let story = assert_alerts(rule, pager(), &[(0.0, &[RAISED], &["trigger a"])]);
        assert_alerts(rule, story, rounds);
    }
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let story = Story::new(RoutePolicy { escalate, ..RoutePolicy::default() });
    let escalated: [Round<'_>; 7] = [
        (0.0, &[RAISED], &["trigger a"]),
        (15.0, &[], &["trigger a"]),
        (16.0, &[CLEARED], &[]),
        (17.0, &[BACK], &[]),
        (27.0, &[], &["trigger a"]),
        (40.0, &[CLEARED_AGAIN], &[]),
        (50.0, &[], &["resolve a", "resolve a"]),
    ];
    assert_alerts("escalated", story, &escalated);
}

#[test]
fn result_opens_no_alert_again_and_lowers_none() {
    let mut story = pager();
    story.round(0.0, &[RAISED, TIER]);
    story.round(1.0, &[COMPLETED]);
    assert_eq!(alerts(&story), ["trigger a critical"]);
    story.round(2.0, &[STARTED]);
    assert_eq!(alerts(&story), ["trigger a critical"], "a step");
    story.round(3.0, &[LOST]);
    assert_eq!(alerts(&story), ["resolve a critical"]);
    let rounds: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["trigger a"]),
        (1.0, &[CLEARED], &[]),
        (2.0, &[COMPLETED], &["trigger a"]),
        (6.0, &[], &["resolve a"]),
    ];
    let late: Round<'_> = (7.0, &[COMPLETED], &[]);
    assert_alerts("after the end", pager(), &[&rounds[..], &[late]].concat());
    let late: Round<'_> = (7.0, &[COMPLETED], &["trigger own"]);
    let story = assert_alerts("elsewhere", plain(), &[&rounds[..], &[late]].concat());
    assert_alerts("elsewhere", story, &[(60.0, &[BACK], &["trigger a#2"])]);
    assert_alerts("without a problem", pager(), &[(0.0, &[COMPLETED], &["trigger a"])]);
}

#[test]
fn acks_and_notices_are_of_the_incident_that_is_open_now() {
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let mut story = Story::new(RoutePolicy { escalate, ..repeating(60) });
    story.round(0.0, &[RAISED]);
    story.ack("a", 1.0, 600.0);
    let back: [Round<'_>; 5] = [
        (2.0, &[], &[]),
        (3.0, &[CLEARED], &[]),
        (5.0, &[BACK], &[]),
        (6.0, &[], &[]),
        (15.0, &[], &["again"]),
    ];
    story = assert_story("acknowledged", story, &back);
    assert_eq!(story.last[0].notices[0].incident.as_deref(), Some("incident-a#2"));
    // A result of the earlier incident changes nothing.
    story = assert_story("a late result", story, &[(16.0, &[COMPLETED], &["news"])]);
    story.ack("a#2", 17.0, 100.0);
    let expires: [Round<'_>; 3] =
        [(20.0, &[], &[]), (99.0, &[], &[]), (100.0, &[], &["ack_expired"])];
    let story = assert_story("the newest", story, &expires);
    assert!(story.last[0].notices[0].events[0].line.contains("incident-a#2"));
    let mut story = Story::new(repeating(8));
    story.round(0.0, &[RAISED]);
    let flapping: [Round<'_>; 3] =
        [(1.0, &[CLEARED], &[]), (2.0, &[BACK], &[]), (8.0, &[], &["repeat"])];
    story = assert_story("reminder", story, &flapping);
    assert!(story.last[0].notices[0].events[0].line.contains("incident-a#2"));
}

#[test]
fn end_of_an_ack_is_told_as_the_problem_is_with_what_has_come_meanwhile() {
    let text = |story: &Story| {
        let mut scopes = crate::rules::notification::scope::SeenScopes::default();
        let notices = &story.last[0].notices;
        let compose = crate::rules::notification::message::merged::compose;
        compose(notices, None, &mut scopes, at(100.0)).line()
    };
    let grew = ("queue.grew", "a", "7");
    for (rule, meanwhile) in [("a result", &[grew, COMPLETED][..]), ("growth alone", &[grew])] {
        let mut story = plain();
        story.round(0.0, &[RAISED]);
        story.ack("a", 1.0, 100.0);
        story.round(2.0, meanwhile);
        let story = assert_story(rule, story, &[(100.0, &[], &["ack_expired"])]);
        let told = text(&story);
        let first = "ERROR a: the acknowledgement has expired: 7 messages, loss time unknown";
        assert!(told.contains(first), "{rule}: {told}");
        let has_report =
            told.contains("likely: a result without a title") && told.contains("report: /r");
        assert_eq!(has_report, rule == "a result", "{told}");
    }
    // Results are told with the ends and beginnings of a digest.
    let mut story = quiet(plain());
    story.round(0.0, &[RAISED]);
    story.round(61.0, &[COMPLETED]);
    story.round(62.0, &[CLEARED, ("queue.raised", "b", "3")]);
    story.round(63.0, &[("investigation.completed", "c", "")]);
    assert_eq!(story.round(360.0, &[]).len(), 1);
    let told = text(&story);
    let result = "likely: a result without a title, cost unknown";
    for line in [
        &format!("a: empty again after 1m (redriven); {result}; report: /r"),
        "b: 3 messages, loss time unknown",
        &format!("c: {result}; report: /r"),
    ] {
        assert!(told.lines().any(|one| one.trim() == line), "{line} in {told}");
    }
}

#[test]
fn problem_that_has_come_back_to_stay_escalates_anew() {
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let story = |group_by| {
        let escalate = escalate.clone();
        Story::new(RoutePolicy { escalate, group_by, ..RoutePolicy::default() })
    };
    let flap: [Round<'_>; 4] = [
        (0.0, &[RAISED], &["new"]),
        (15.0, &[], &["escalated to pager"]),
        (16.0, &[CLEARED], &[]),
        (18.0, &[BACK], &[]),
    ];
    let stays: [Round<'_>; 4] = [
        (28.0, &[], &["again"]),
        (42.9, &[], &[]),
        (43.0, &[], &["escalated to pager"]),
        (99.0, &[], &[]),
    ];
    let rounds = [&flap[..], &stays].concat();
    let again = assert_story("stays", story(GroupBy::Incident), &rounds[..7]);
    assert_eq!(again.last[0].notices[0].events[0].at, at(28.0), "unacknowledged since then");
    assert_story("stays", again, &rounds[7..]);
    let mut acked = assert_story("acknowledged", story(GroupBy::Incident), &rounds[..2]);
    acked.ack("a", 15.5, 600.0);
    assert_story("acknowledged", acked, &rounds[2..]);
    let over: [Round<'_>; 3] = [
        (20.0, &[CLEARED_AGAIN], &[]),
        (40.0, &[], &["ended to pager", "ended"]),
        (99.0, &[], &[]),
    ];
    assert_story("over again", story(GroupBy::Incident), &[&flap[..], &over].concat());
    let day = [&flap[..], &[(43.0, &[], &[]), (99.0, &[], &[])]].concat();
    assert_story("one problem a day", story(GroupBy::Queue), &day);
}

#[test]
fn end_of_what_was_told_in_quiet_hours_is_told_at_once() {
    let night: [Round<'_>; 4] = [
        (61.0, &[RAISED], &[]),
        (62.0, &[TIER], &["new"]),
        (70.0, &[CLEARED], &[]),
        (75.0, &[], &["ended"]),
    ];
    assert_story("broke through", quiet(plain()), &night);
    let day: [Round<'_>; 4] = [
        (0.0, &[RAISED, TIER], &["new"]),
        (61.0, &[CLEARED], &[]),
        (70.0, &[], &[]),
        (360.0, &[], &["ended"]),
    ];
    assert_story("told by day", quiet(plain()), &day);
    let escalate = vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }];
    let mut story = quiet(Story::new(RoutePolicy { escalate, ..RoutePolicy::default() }));
    story.notifications.channels[1].quiet_hours = Some(true);
    let escalated: [Round<'_>; 5] = [
        (59.0, &[RAISED], &["new"]),
        (74.0, &[], &["escalated to pager"]),
        (80.0, &[CLEARED], &[]),
        (85.0, &[], &["ended to pager"]),
        (360.0, &[], &["ended"]),
    ];
    assert_story("escalated", story, &escalated);
}

#[test]
fn notice_names_the_keys_of_what_it_begins_and_ends() {
    let keys = |story: &Story| {
        let notice = Notice::default;
        let entries =
            story.last.iter().map(|one| OutboxEntry::new(one, notice(), at(0.0), at(0.0)));
        let of = |entry: OutboxEntry| (entry.delivery.problems.open, entry.delivery.problems.ended);
        entries.map(of).collect::<Vec<_>>()
    };
    let all =
        |names: &[&str]| names.iter().map(|name| format!("incident-{name}")).collect::<Vec<_>>();
    let queues = ["a", "b", "c", "d"];
    let mut story = plain();
    story.round(0.0, &queues.map(|queue| ("queue.raised", queue, "3")));
    assert_eq!(keys(&story), [(all(&queues), vec![])], "a storm");
    story.round(1.0, &[CLEARED]);
    story.round(2.0, &[]);
    story.round(6.0, &[]);
    assert_eq!(keys(&story), [(vec![], all(&["a"]))], "one of them is over");
    story.round(
        7.0,
        &queues[1..].iter().map(|queue| ("queue.cleared", *queue, "x")).collect::<Vec<_>>(),
    );
    story.round(12.0, &[]);
    let ends = keys(&story);
    assert_eq!(
        ends.iter().flat_map(|(_, ended)| ended.clone()).collect::<Vec<_>>(),
        all(&queues[1..])
    );
    story.round(13.0, &[COMPLETED]);
    assert_eq!(keys(&story), [(vec![], vec![])], "a result after the end");
    // A digest of an end, of the problem that has begun since, and of another.
    let mut story = quiet(plain());
    story.round(0.0, &[RAISED]);
    story.round(61.0, &[CLEARED]);
    story.round(200.0, &[BACK, ("queue.raised", "b", "3")]);
    story.round(360.0, &[]);
    assert_eq!(keys(&story), [(all(&["a#2", "b"]), all(&["a"]))]);
}
