mod health;
mod identity;
mod reload;
mod returns;

use std::time::Duration;

use super::*;
use crate::event::{self, Line, Severity};
use crate::glob::GlobList;
use crate::rules::notification::ack::Ack;
use crate::rules::notification::escalate::EscalationStep;
use crate::rules::notification::policy::{ChannelKind, GroupBy, Route, RoutePolicy};
use crate::rules::notification::quiet::QuietHours;
use crate::rules::notification::route::Router;
use crate::rules::notification::silence::Silence;
use crate::rules::working_time::{DAYS, WeekWindow, parse_time};

/// The start of all stories: a Sunday at noon.
const NOON: &str = "2026-11-29T12:00:00Z";

/// A `dlq-notify` with one channel, whose runs are flushes.
struct Story {
    notifications: Notifications,
    /// Whether notices are switched off.
    is_off: bool,
    silences: Silences,
    acks: Acks,
    notices: Notices,
    events: usize,
    /// The queues whose incident is over, and how often each has begun again.
    over: BTreeMap<String, (bool, usize)>,
    /// The deliveries of the last flush.
    last: Vec<PlannedDelivery>,
    /// The ids of all deliveries.
    ids: Vec<String>,
    /// The number of notices that began to wait.
    held: usize,
}

/// A delivery in short: its reason, and the queues that it tells of.
type Told = (String, Vec<String>);

impl Story {
    fn new(policy: RoutePolicy) -> Self {
        // A channel that cannot update its notices.
        let kind = ChannelKind::Exec;
        let channel = |name: &str| Channel { name: name.into(), kind, ..Channel::default() };
        let route = |name: &str, types: &str| Route {
            types: Some(GlobList::any(&[types]).unwrap()),
            channels: vec![name.into()],
            policy: policy.clone(),
            ..Route::default()
        };
        Story {
            notifications: Notifications {
                channels: vec![channel("slack"), channel("pager")],
                routes: vec![route("slack", "*"), route("pager", "none")],
                ..Notifications::default()
            },
            is_off: false,
            silences: Silences::default(),
            acks: Acks::default(),
            notices: Notices::default(),
            events: 0,
            over: BTreeMap::new(),
            last: Vec::new(),
            ids: Vec::new(),
            held: 0,
        }
    }

    /// Lets the channel be of a type, and the policy hold for some types of events.
    fn with(mut self, kind: ChannelKind, types: &[&str]) -> Self {
        self.notifications.channels[0].kind = kind;
        self.notifications.routes[0].types = Some(GlobList::any(types).unwrap());
        self
    }

    /// Returns the topic of a queue.
    fn topic(&mut self, queue: &str) -> &mut Topic {
        let ends = format!(":{queue}");
        self.notices.topics.values_mut().find(|topic| topic.problem.ends_with(&ends)).unwrap()
    }

    /// Plans a round at a minute, in which events arrive: type, queue, and a number or word.
    fn round(&mut self, minute: f64, events: &[(&str, &str, &str)]) -> Vec<Told> {
        self.run(minute, events, false)
    }

    fn run(&mut self, minute: f64, events: &[(&str, &str, &str)], is_final: bool) -> Vec<Told> {
        let arrived = self.arrive(minute, events);
        self.plan(&arrived, is_final, at(minute))
    }

    fn plan(&mut self, arrived: &[ArrivedEvent], is_final: bool, now: Timestamp) -> Vec<Told> {
        let (notifications, silences, acks) = (&self.notifications, &self.silences, &self.acks);
        let input = PlanInput { notifications, silences, acks, is_final, is_off: self.is_off };
        // A restart between two rounds changes nothing.
        let stored = serde_json::to_string(&self.notices).unwrap();
        self.notices = serde_json::from_str(&stored).unwrap();
        let plan = plan(&mut self.notices, arrived, input, now);
        let told = |delivery: &PlannedDelivery| {
            let queues = delivery.notices.iter().map(|one| one.subject.clone()).collect();
            let to = if delivery.channel == "slack" { "" } else { " to pager" };
            let reason = if delivery.is_update { "update" } else { delivery.reason.as_str() };
            (format!("{reason}{to}"), queues)
        };
        self.held += plan.held.len();
        self.ids.extend(plan.deliveries.iter().map(|delivery| delivery.id.clone()));
        self.last = plan.deliveries;
        self.last.iter().map(told).collect()
    }

    /// Plans a round in which an event of an earlier or later minute arrives.
    fn late(
        &mut self,
        minute: f64,
        of: f64,
        (kind, queue, detail): (&str, &str, &str),
    ) -> Vec<Told> {
        self.events += 1;
        let line = line(kind, queue, detail, self.events, at(of));
        let arrived = [read(&Router::new(&self.notifications), &line, at(minute))];
        self.plan(&arrived, false, at(minute))
    }

    fn silence(&mut self, minute: f64, until: f64) {
        let (id, glob) = ("s".to_owned(), "*".to_owned());
        let silence = Silence { id, glob, from: at(minute), until: at(until), reason: None };
        self.silences.add(silence, at(minute));
    }

    /// Plans at a minute what has happened at an earlier one.
    fn round_of(&mut self, then: f64, minute: f64, events: &[(&str, &str, &str)]) -> Vec<Told> {
        let arrived = self.arrive(then, events);
        self.plan(&arrived, false, at(minute))
    }

    fn arrive(&mut self, minute: f64, events: &[(&str, &str, &str)]) -> Vec<ArrivedEvent> {
        let router = Router::new(&self.notifications);
        let mut arrived = Vec::new();
        for (kind, queue, detail) in events {
            self.events += 1;
            let line = line(kind, &self.incident(kind, queue), detail, self.events, at(minute));
            arrived.push(read(&router, &line, at(minute)));
        }
        arrived
    }

    /// Returns the incident of an event: a queue that is raised again has another one, unless it is named.
    fn incident(&mut self, kind: &str, queue: &str) -> String {
        if queue.contains('#') || kind.starts_with("poll.") {
            return queue.to_owned();
        }
        let (is_over, returns) = self.over.entry(queue.to_owned()).or_default();
        if kind == "queue.raised" && std::mem::take(is_over) {
            *returns += 1;
        }
        *is_over |= kind == "queue.cleared";
        if *returns > 0 { format!("{queue}#again-{returns}") } else { queue.to_owned() }
    }

    /// Starts with the configuration as it is now.
    fn adopt(&mut self, minute: f64) {
        let router = Router::new(&self.notifications);
        self.notices.adopt(&self.notifications, &router, at(minute));
    }

    fn ack(&mut self, key: &str, minute: f64, until: f64) {
        let ack = Ack { key: format!("incident-{key}"), at: at(minute), until: at(until) };
        self.acks.add(ack, at(minute));
    }
}

fn at(minute: f64) -> Timestamp {
    Timestamp::parse(NOON).unwrap().plus(Duration::from_millis((minute * 60_000.0) as u64))
}

fn read(router: &Router, line: &str, now: Timestamp) -> ArrivedEvent {
    let Line::Event(head) = event::peek(line.as_bytes()) else { panic!("{line}") };
    ArrivedEvent {
        facts: EventFacts::read(&head, line.as_bytes(), now),
        line: line.into(),
        channels: router.route(&head, line.as_bytes()),
        is_muted: router.is_muted(&head, line.as_bytes()),
    }
}

/// Writes an event of the incident of a queue: `a#2` is another incident of queue `a`, and `1h@90` the
/// tier of messages that are lost by minute 90.
fn line(kind: &str, queue: &str, detail: &str, number: usize, now: Timestamp) -> String {
    let incident = format!("incident-{queue}");
    let queue = queue.split('#').next().unwrap_or(queue);
    let (detail, loss) = detail.split_once('@').unwrap_or((detail, ""));
    let loss: Option<Timestamp> = loss.parse().ok().map(at);
    let depth: u64 = detail.parse().unwrap_or(3);
    let severity = match (kind, detail) {
        ("queue.expiring", "1h") => "FATAL",
        ("queue.raised" | "queue.grew" | "queue.expiring" | "queue.linted" | "poll.failed", _)
        | ("queue.cleared", "expired")
        | ("queue.loss_suspected", _) => "ERROR",
        _ => "INFO",
    };
    // Causes of a sample are joined by a plus sign. Those that begin so are messages that are alike.
    let kind_of = |id: &str| if id.starts_with("alike") { "shape" } else { "error_text" };
    let cause =
        |id: &str| serde_json::json!({"id": id, "count": 1, "title": id, "kind": kind_of(id)});
    let causes: Vec<serde_json::Value> = detail.split('+').map(cause).collect();
    let mut data = serde_json::json!({
        "queue": {
            "name": queue, "url": "", "arn": format!("arn:aws:sqs:eu-west-1:1:{queue}"),
            "region": "eu-west-1", "account": "1", "fifo": false, "sources": [],
            "profile": null, "endpoint": null,
        },
        "depth": depth, "visible": depth, "in_flight": 0, "delayed": 0, "previous": null,
        "threshold": 1, "retention_s": null, "expires_after": null, "expires_before": loss,
        "raised_depth": 1, "tier": detail, "certain": true, "duration_s": 60, "cause": detail,
        "session": format!("{incident} {detail}"), "agent": "triage", "pid": null,
        "timeout_at": now.plus(600 * MINUTE),
        "verdict": {"status": "likely"}, "report": "/r", "turns": null,
        "taken": 1, "refused": null, "detail": null, "overseen": 0, "bundle": null,
        "fingerprints": causes,
        "reason": "cooldown", "until": null, "misses": 3, "findings": [],
    });
    if kind == "queue.loss_suspected" {
        (data["missing"], data["why"], data["detail"]) =
            (3.into(), "unexplained".into(), "".into());
    }
    if kind == "poll.failed" {
        data = serde_json::json!({"account": null, "region": queue, "reason": if detail.is_empty() { "denied" } else { detail }});
        if let Some(asked) = detail.strip_prefix("asked ") {
            (data["reason"], data["asked"]) = ("denied".into(), asked.into());
        }
    }
    if kind == "poll.finished" {
        // What the round has not seen.
        let missed = |what: &str| u64::from(what == detail);
        data = serde_json::json!({
            "round": 1, "queues": 3, "unreadable": missed("queue"), "unlisted": missed("scope"),
            "unsurveyed": missed("policies"), "raised": 0, "duration_ms": 1, "api_calls": 1,
            "usd_month": null, "asked": detail.strip_prefix("asked "),
        });
    }
    let mut event = serde_json::json!({
        "specversion": "1.0", "id": format!("{number}"), "source": "test", "type": kind,
        "subject": queue, "time": now, "severitytext": severity, "data": data,
    });
    if !kind.starts_with("poll.") {
        event["incident"] = incident.into();
    }
    event.to_string()
}

fn told(rows: &[(&str, &[&str])]) -> Vec<Told> {
    let queues = |queues: &[&str]| queues.iter().map(|queue| (*queue).to_owned()).collect();
    rows.iter().map(|(reason, names)| ((*reason).to_owned(), queues(names))).collect()
}

const MINUTE: Duration = Duration::from_secs(60);

mod causes;
mod ends;
mod escalations;
mod explained;
mod fallbacks;
mod joined;
mod model;
mod records;
mod rounds;
mod routes;
mod stages;

#[test]
fn problem_is_told_once_and_again_when_it_gets_worse() {
    let mut story = Story::new(RoutePolicy::default());
    type Row<'a> = (f64, &'a [(&'a str, &'a str, &'a str)], &'a [(&'a str, &'a [&'a str])]);
    let rows: [Row<'_>; 12] = [
        (0.0, &[("queue.raised", "a", "3")], &[("new", &["a"])]),
        (0.5, &[("queue.raised", "a", "3")], &[]),
        (1.0, &[("queue.grew", "a", "6")], &[]),
        (2.0, &[("queue.grew", "a", "31")], &[("grew", &["a"])]),
        (3.0, &[("queue.expiring", "a", "24h")], &[("tier", &["a"])]),
        (3.5, &[("queue.expiring", "a", "24h")], &[]),
        (4.0, &[("investigation.started", "a", "")], &[]),
        (4.5, &[("queue.grew", "a", "900")], &[]),
        (5.0, &[("investigation.completed", "a", "")], &[("grew", &["a"])]),
        (6.0, &[("queue.grew", "a", "9000")], &[("grew", &["a"])]),
        (7.0, &[("queue.expiring", "a", "1h")], &[("tier", &["a"])]),
        (99.0, &[], &[]),
    ];
    for (minute, events, expected) in rows {
        assert_eq!(story.round(minute, events), told(expected), "at {minute}");
    }
}

#[test]
fn growth_during_work_is_told_once_when_the_work_ends() {
    let (started, completed) = ("investigation.started", "investigation.completed");
    type Row<'a> = (&'a str, &'a [&'a [(&'a str, &'a str, &'a str)]], &'a [&'a str]);
    let rows: [Row<'_>; 8] = [
        ("tenfold", &[&[("queue.grew", "a", "30")], &[(completed, "a", "")]], &["grew"]),
        (
            "the newest of several",
            &[&[("queue.grew", "a", "30")], &[("queue.grew", "a", "60")], &[(completed, "a", "")]],
            &["grew"],
        ),
        ("below tenfold", &[&[("queue.grew", "a", "29")], &[(completed, "a", "")]], &["news"]),
        (
            "told by a tier meanwhile",
            &[
                &[("queue.grew", "a", "30")],
                &[("queue.expiring", "a", "24h")],
                &[(completed, "a", "")],
            ],
            &["tier", "news"],
        ),
        (
            "over before the work ends",
            &[
                &[("queue.grew", "a", "30")],
                &[("queue.cleared", "a", "redriven")],
                &[(completed, "a", "")],
            ],
            &["news", "ended"],
        ),
        (
            "a second work",
            &[
                &[("queue.grew", "a", "30")],
                &[(completed, "a", "")],
                &[(started, "a", "2")],
                &[(completed, "a", "2")],
            ],
            &["grew", "news"],
        ),
        (
            "in the round of the end",
            &[&[("queue.grew", "a", "30"), (completed, "a", "")]],
            &["grew"],
        ),
        ("no growth", &[&[(completed, "a", "")]], &["news"]),
    ];
    for (rule, rounds, expected) in rows {
        let mut story = Story::new(RoutePolicy::default());
        story.round(0.0, &[("queue.raised", "a", "3")]);
        story.round(1.0, &[(started, "a", "")]);
        let mut sent = Vec::new();
        for (minute, events) in (2_u8..).zip(rounds) {
            sent.extend(story.round(f64::from(minute), events));
        }
        sent.extend(story.round(20.0, &[]));
        let reasons: Vec<&str> = sent.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(reasons, expected, "{rule}");
    }
}

#[test]
fn growth_during_work_is_told_although_its_end_is_not_routed() {
    let mut story = Story::new(RoutePolicy::default());
    let queues = Some(GlobList::any(&["queue.*"]).unwrap());
    story.notifications.routes[0].types = queues;
    story.round(0.0, &[("queue.raised", "a", "3"), ("investigation.started", "a", "")]);
    assert_eq!(story.round(1.0, &[("queue.grew", "a", "30")]), told(&[]));
    let failed = [("investigation.completed", "a", "")];
    assert_eq!(story.round(2.0, &failed), told(&[("grew", &["a"])]));
}

#[test]
fn growth_is_told_by_the_factor_of_the_channel_or_by_name() {
    type Row<'a> = (&'a str, ChannelKind, &'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);
    let (grew, started) = ("queue.grew", "investigation.started");
    let rows: [Row<'_>; 5] = [
        ("console", ChannelKind::Console, &["*"], &[(grew, "5"), (grew, "6")], &["grew"]),
        (
            "console, each doubling",
            ChannelKind::Console,
            &["*"],
            &[(grew, "6"), (grew, "12")],
            &["grew"; 2],
        ),
        ("console, at work", ChannelKind::Console, &["*"], &[(started, ""), (grew, "12")], &[]),
        (
            "others",
            ChannelKind::Exec,
            &["*"],
            &[(grew, "6"), (grew, "29"), (grew, "30")],
            &["grew"],
        ),
        ("named", ChannelKind::Exec, &["queue.raised", grew], &[(grew, "4")], &["grew"]),
    ];
    for (rule, kind, types, events, expected) in rows {
        let mut story = Story::new(RoutePolicy::default());
        story.notifications.channels[0].kind = kind;
        story.notifications.routes[0].types = Some(GlobList::any(types).unwrap());
        story.round(0.0, &[("queue.raised", "a", "3")]);
        let mut sent = Vec::new();
        for (minute, (kind, depth)) in (1_u8..).zip(events) {
            sent.extend(story.round(f64::from(minute), &[(*kind, "a", *depth)]));
        }
        let reasons: Vec<&str> = sent.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(reasons, expected, "{rule}");
    }
}

#[test]
fn end_is_told_after_stable_emptiness_and_loss_at_once() {
    let mut story = Story::new(RoutePolicy::default());
    story.round(0.0, &[("queue.raised", "a", "3"), ("queue.raised", "b", "3")]);
    assert_eq!(story.round(1.0, &[("queue.cleared", "a", "redriven")]), told(&[]));
    assert_eq!(story.round(1.0, &[("queue.cleared", "b", "expired")]), told(&[("ended", &["b"])]));
    assert_eq!(story.round(5.9, &[]), told(&[]));
    assert_eq!(story.round(6.0, &[]), told(&[("ended", &["a"])]));
    assert_eq!(story.round(60.0, &[("queue.raised", "a", "3")]), told(&[("again", &["a"])]));
    let later = 60.0 * 24.0 * 9.0;
    story.round(61.0, &[("queue.cleared", "a", "redriven")]);
    story.round(130.0, &[]);
    assert_eq!(story.round(later, &[("queue.raised", "a", "3")]), told(&[("new", &["a"])]));
}

#[test]
fn flapping_is_one_notice_with_its_end_and_one_return_at_most() {
    // Away for longer than an end waits, it is told to be over, and once that it is back. Then it is
    // over when it has stayed empty.
    type Row<'a> = (f64, f64, &'a [(f64, &'a str)]);
    let rows: [Row<'_>; 13] = [
        (1.0, 1.0, &[(0.0, "new"), (119.0, "ended")]),
        (2.5, 1.0, &[(0.0, "new"), (117.5, "ended")]),
        (4.0, 1.0, &[(0.0, "new"), (120.0, "ended")]),
        (5.0, 1.0, &[(0.0, "new"), (115.0, "ended")]),
        (6.0, 1.0, &[(0.0, "new"), (11.0, "ended"), (12.0, "again"), (114.0, "ended")]),
        (8.0, 1.0, &[(0.0, "new"), (13.0, "ended"), (16.0, "again"), (96.0, "ended")]),
        (10.0, 1.0, &[(0.0, "new"), (15.0, "ended"), (20.0, "again"), (90.0, "ended")]),
        (15.0, 1.0, &[(0.0, "new"), (20.0, "ended"), (30.0, "again"), (65.0, "ended")]),
        (25.0, 1.0, &[(0.0, "new"), (30.0, "ended"), (50.0, "again"), (115.0, "ended")]),
        (6.0, 10.0, &[(0.0, "new"), (11.0, "ended"), (12.0, "again"), (654.0, "ended")]),
        (15.0, 10.0, &[(0.0, "new"), (20.0, "ended"), (30.0, "again"), (645.0, "ended")]),
        (25.0, 10.0, &[(0.0, "new"), (30.0, "ended"), (50.0, "again"), (635.0, "ended")]),
        (29.0, 10.0, &[(0.0, "new"), (34.0, "ended"), (58.0, "again"), (669.0, "ended")]),
    ];
    for (period, hours, expected) in rows {
        let mut story = Story::new(RoutePolicy::default());
        let mut sent = Vec::new();
        let step = if period.fract() == 0.0 { 1.0 } else { 0.5 };
        for round in 0..((hours * 60.0 + 90.0) / step) as u32 {
            let minute = f64::from(round) * step;
            let toggles = minute / period;
            let is_begin = toggles % 2.0 == 0.0;
            let begun = if is_begin { minute } else { minute - period };
            let event = if is_begin { "queue.raised" } else { "queue.cleared" };
            let changes = toggles.fract() == 0.0 && begun < hours * 60.0;
            let events = [(event, "a", "unknown")];
            let reasons = story.round(minute, if changes { &events } else { &[] });
            sent.extend(reasons.into_iter().map(|(reason, _)| (minute, reason)));
        }
        let sent: Vec<(f64, &str)> =
            sent.iter().map(|(minute, reason)| (*minute, reason.as_str())).collect();
        assert_eq!(sent, expected, "every {period} minutes, {hours} hours");
    }
}

#[test]
fn problem_that_is_over_before_it_is_told_is_not_told() {
    let policy = RoutePolicy { group_wait: MINUTE, ..RoutePolicy::default() };
    let mut story = Story::new(policy);
    assert_eq!(story.round(0.0, &[("queue.raised", "a", "3")]), told(&[]));
    assert_eq!(story.round(0.5, &[("queue.cleared", "a", "purged")]), told(&[]));
    assert_eq!(story.round(9.0, &[]), told(&[]));
    story.round(10.0, &[("queue.raised", "b", "3")]);
    let lost = [("queue.cleared", "b", "expired")];
    assert_eq!(story.round(10.5, &lost), told(&[("ended", &["b"])]), "lost messages are told");
}

#[test]
fn group_wait_gathers_and_ends_with_the_input() {
    let policy = RoutePolicy { group_wait: MINUTE, ..RoutePolicy::default() };
    let mut story = Story::new(policy.clone());
    let cause = |queue| ("queue.sampled", queue, "cause-1");
    story.round(0.0, &[("queue.raised", "a", "3"), cause("a")]);
    story.round(0.5, &[("queue.raised", "b", "3"), cause("b")]);
    story.round(0.9, &[("queue.raised", "c", "3"), ("queue.sampled", "c", "cause-2")]);
    story.round(0.9, &[("queue.raised", "d", "3")]);
    assert_eq!(story.round(1.0, &[]), told(&[("new", &["a", "b"])]), "one cause");
    assert_eq!(story.round(1.5, &[]), told(&[]));
    assert_eq!(story.round(1.9, &[]), told(&[("new", &["c"]), ("new", &["d"])]), "apart");
    let by_cause = RoutePolicy { group_by: GroupBy::Fingerprint, ..policy.clone() };
    let mut story = Story::new(by_cause);
    story.round(0.0, &[("queue.raised", "a", "3"), cause("a")]);
    story.round(0.5, &[("queue.raised", "b", "3"), cause("b")]);
    assert_eq!(story.round(1.0, &[]), told(&[("new", &["a", "b"])]), "each is named");
    // So many that they become one notice, and fewer.
    for (queues, expected) in [
        (&["a", "b", "c", "d"][..], told(&[("new", &["a", "b", "c", "d"])])),
        (&["a", "b", "c"][..], told(&[("new", &["a"])])),
    ] {
        let mut story = Story::new(policy.clone());
        for (at, queue) in (0_u8..).zip(queues) {
            story.round(f64::from(at) / 10.0, &[("queue.raised", queue, "3")]);
        }
        assert_eq!(story.round(1.0, &[]), expected);
    }
    let mut story = Story::new(policy);
    story.round(0.0, &[("queue.raised", "a", "3"), cause("a")]);
    let at_end = story.run(0.2, &[("queue.raised", "b", "3"), cause("b")], true);
    assert_eq!(at_end, told(&[("new", &["a", "b"])]));
}

#[test]
fn storm_is_one_notice_that_names_its_queues() {
    let names: Vec<String> = (0..500).map(|n| format!("q{n:03}")).collect();
    for with_cause in [true, false] {
        let mut events: Vec<(&str, &str, &str)> = Vec::new();
        for name in &names {
            events.push(("queue.raised", name, "3"));
            if with_cause {
                events.push(("queue.sampled", name, "cause-1"));
            }
        }
        let mut story = Story::new(RoutePolicy::default());
        let sent = story.round(0.0, &events);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].1, names);
    }
}

#[test]
fn queues_with_a_cause_that_is_known_are_not_told_where_causes_are_grouped() {
    let by_cause = RoutePolicy { group_by: GroupBy::Fingerprint, ..RoutePolicy::default() };
    for (policy, expected) in
        [(by_cause, told(&[])), (RoutePolicy::default(), told(&[("new", &["b"])]))]
    {
        let mut story = Story::new(policy);
        story.round(0.0, &[("queue.raised", "a", "3"), ("queue.sampled", "a", "cause-1")]);
        let events = [("queue.raised", "b", "3"), ("queue.sampled", "b", "cause-1")];
        assert_eq!(story.round(5.0, &events), expected);
    }
}

#[test]
fn ack_stops_reminders_and_escalation_until_it_expires() {
    let policy = RoutePolicy {
        repeat_interval: Some(60 * MINUTE),
        escalate: vec![EscalationStep { after: 15 * MINUTE, to: "pager".into() }],
        ..RoutePolicy::default()
    };
    let mut story = Story::new(policy.clone());
    story.round(0.0, &[("queue.raised", "a", "3")]);
    assert_eq!(story.round(14.0, &[]), told(&[]));
    assert_eq!(story.round(15.0, &[]), told(&[("escalated to pager", &["a"])]));
    assert_eq!(story.round(16.0, &[]), told(&[]), "a step is taken once");
    assert_eq!(story.round(61.0, &[]), told(&[("repeat", &["a"])]));

    let mut story = Story::new(policy);
    story.round(0.0, &[("queue.raised", "a", "3")]);
    story.ack("a", 5.0, 125.0);
    assert_eq!(story.round(15.0, &[]), told(&[]), "no escalation");
    assert_eq!(story.round(61.0, &[("queue.grew", "a", "900")]), told(&[]), "no reminder");
    assert_eq!(story.round(125.0, &[]), told(&[("ack_expired", &["a"])]));
    assert_eq!(story.round(139.0, &[]), told(&[]));
    assert_eq!(story.round(140.0, &[]), told(&[("escalated to pager", &["a"])]));
}

#[test]
fn silenced_problem_is_told_afterwards_if_it_goes_on() {
    let silence =
        Silence { id: "s".into(), glob: "a*".into(), from: at(0.0), until: at(60.0), reason: None };
    let mut story = Story::new(RoutePolicy::default());
    story.silences.add(silence, at(0.0));
    assert_eq!(
        story.round(1.0, &[("queue.raised", "a1", "3"), ("queue.raised", "a2", "3")]),
        told(&[])
    );
    assert_eq!(story.round(30.0, &[("queue.cleared", "a2", "redriven")]), told(&[]));
    assert_eq!(story.round(60.0, &[]), told(&[("new", &["a1"])]));
    assert_eq!(story.round(90.0, &[]), told(&[]));
}

#[test]
fn quiet_hours_end_in_one_digest_and_fatal_breaks_through() {
    let mut story = Story::new(RoutePolicy::default());
    story.notifications.channels[0].quiet_hours = Some(true);
    story.notifications.quiet_hours = Some(QuietHours {
        window: WeekWindow {
            zone: jiff::tz::TimeZone::UTC,
            from: parse_time("12:00").unwrap(),
            to: parse_time("18:00").unwrap(),
            days: DAYS.iter().map(|(_, day)| *day).collect(),
        },
        severity: Severity::Fatal,
    });
    assert_eq!(story.round(1.0, &[("queue.raised", "a", "3")]), told(&[]));
    assert_eq!(story.round(2.0, &[("queue.raised", "b", "3")]), told(&[]));
    assert_eq!(story.round(3.0, &[("investigation.completed", "c", "")]), told(&[]));
    let fatal = [("queue.raised", "d", "3"), ("queue.expiring", "d", "1h")];
    assert_eq!(story.round(4.0, &fatal), told(&[("new", &["d"])]));
    assert_eq!(story.round(359.0, &[]), told(&[]));
    assert_eq!(story.round(360.0, &[]), told(&[("new", &["a", "b", "c"])]));
}

#[test]
fn failure_of_every_round_is_told_once_while_it_lasts() {
    let mut story = Story::new(RoutePolicy::default());
    let failed = [("queue.linted", "a", "")];
    assert_eq!(story.round(0.0, &failed), told(&[("new", &["a"])]));
    for minute in 1..90 {
        assert_eq!(story.round(f64::from(minute), &failed), told(&[]));
    }
    assert_eq!(story.round(151.0, &failed), told(&[("new", &["a"])]), "an hour later");
}

#[test]
fn event_is_judged_once_by_any_number_of_processes() {
    let mut story = Story::new(RoutePolicy::default());
    let router = Router::new(&story.notifications);
    let line = line("queue.odd", "a", "", 7, at(0.0)).replace("INFO", "ERROR");
    let arrived = [read(&router, &line, at(0.0))];
    assert_eq!(story.plan(&arrived, false, at(0.0)), told(&[("news", &["a"])]));
    assert_eq!(story.plan(&arrived, false, at(1.0)), told(&[]));
    story.notices = Notices::default();
    story.notices.floor = Some(at(0.0));
    assert_eq!(story.plan(&arrived, false, at(1.0)), told(&[]), "older than what was forgotten");
}
