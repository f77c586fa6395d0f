//! The outbox: a delivery from its decision to its success, one file each.
//!
//! Promises: attempts are made in the order of decisions, so that an end never overtakes its
//! beginning; the pause after a failed attempt is an instant in the file, which a restart keeps; what
//! is old news when it can be sent is summed up. Pure: the present is an argument.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ack::Acks;
use super::delivery::{Action, Delivery, EVENT_MAX, ProblemKeys};
use super::facts::{EventFacts, TopicChange, reread};
use super::group::DueNotice;
use super::message::Notice;
use super::notice_key::EventKey;
use super::plan::PlannedDelivery;
use super::silence::Silences;
use super::topic::{Pending, SendReason};
use crate::event::{Severity, derived_id};
use crate::rules::loss_text;
use crate::text::{count, safe, shorten};
use crate::time::Timestamp;

/// The first pause after a failed attempt; each one is twice as long as the one before.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause that a service can ask for.
pub const ASKED_PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The age from which a notice is old news.
pub const OLD_NEWS: Duration = Duration::from_secs(3600);
/// The age at which a delivery is given up.
pub const GIVEN_UP: Duration = Duration::from_secs(3 * 86_400);
/// The age from which a notice says how old it is.
const LATE: Duration = Duration::from_secs(600);
/// The longest name in a digest, in characters.
const NAME_MAX: usize = 100;

/// A delivery that was decided and has not succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxEntry {
    pub sequence: u64,
    pub channel: String,
    pub reason: SendReason,
    pub delivery: Delivery,
    /// The event that decided, for `notice.sent`.
    pub event: EventKey,
    /// The queues or pull requests, and the incidents, that it tells of.
    pub subjects: Vec<String>,
    pub incidents: Vec<String>,
    /// Whether it tells the end of a problem, whatever else it tells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_problem: bool,
    pub fallback: Option<String>,
    /// The channels that have refused it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_by: Vec<String>,
    /// The moment of the decision, by the wall clock.
    pub queued_at: Timestamp,
    pub attempts: u64,
    /// Whether an attempt had no answer, so that it may have arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub perhaps_sent: bool,
    /// No attempt is made before this.
    pub not_before: Option<Timestamp>,
    /// The silence that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<SilencedSpan>,
    /// The time for which silences have held it before, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silenced_ms: u64,
    /// The slot of the process that prints the notice, when the channel is a console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
}

/// The time in which a silence holds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilencedSpan {
    pub from: Timestamp,
    pub until: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The reason for which a delivery is not sent now. One that is silenced waits for the end of the
/// silence; one that is acknowledged is dropped, because its problem is told again when that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    Silenced,
    Acked,
    /// An escalation of a problem that has ended.
    Over,
    /// A step of which the channel is to show a later one.
    Outdated,
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Withdrawal::Silenced => "its queue is silenced",
            Withdrawal::Acked => "it is acknowledged",
            Withdrawal::Over => "its problem has ended",
            Withdrawal::Outdated => "a later notice takes its place",
        })
    }
}

impl OutboxEntry {
    /// Returns the entry of a delivery that was just decided. `now` is the moment of the decision in
    /// the stream, `wall` by the clock.
    pub fn new(
        planned: &PlannedDelivery,
        mut notice: Notice,
        now: Timestamp,
        wall: Timestamp,
    ) -> Self {
        let first = &planned.notices[0];
        let event = first.events.last().map(|event| event.key.clone()).unwrap_or_default();
        let is_end = planned.notices.iter().all(ends);
        let action = match (planned.is_update, is_end) {
            (true, _) => Action::Update,
            (false, true) => Action::Resolve,
            (false, false) => Action::Trigger,
        };
        let line = match planned.notices.as_slice() {
            [one] => one.main_event().map(|event| event.line.clone()),
            _ => None,
        };
        notice.known_severity = first.known_severity.filter(|_| planned.notices.len() == 1);
        let incident_of = |due: &DueNotice| due.incident.clone().unwrap_or_default();
        OutboxEntry {
            sequence: planned.sequence,
            channel: planned.channel.clone(),
            reason: planned.reason,
            delivery: Delivery {
                id: planned.id.clone(),
                action,
                key: key(planned),
                problems: problem_keys(planned),
                incident: first.incident.clone().filter(|_| planned.notices.len() == 1),
                event: line.filter(|line| !line.is_empty() && line.len() <= EVENT_MAX),
                notice,
                handle: planned.handle.clone(),
                at: now,
            },
            event,
            subjects: planned.notices.iter().map(|due| due.subject.clone()).collect(),
            incidents: planned.notices.iter().map(incident_of).collect(),
            ends_problem: planned.notices.iter().any(tells_end),
            fallback: planned.fallback.clone(),
            refused_by: Vec::new(),
            queued_at: wall,
            attempts: 0,
            perhaps_sent: false,
            not_before: None,
            silence: None,
            silenced_ms: 0,
            slot: None,
        }
    }

    /// Returns why the delivery is not to be sent now: people have silenced or acknowledged each problem
    /// that it tells of. The end of a problem is sent although it was acknowledged.
    pub fn withdrawal(
        &self,
        silences: &Silences,
        acks: &Acks,
        now: Timestamp,
    ) -> Option<Withdrawal> {
        let is_silenced = |at: usize| {
            let subject = self.subjects.get(at);
            subject.is_some_and(|subject| silences.of_subject(subject, now).is_some())
        };
        let is_acked = |at: usize| {
            let incident = self.incidents.get(at).map(String::as_str).filter(|id| !id.is_empty());
            let subject = self.subjects.get(at).map_or("", String::as_str);
            !self.ends_problem
                && self.reason != SendReason::Ended
                && acks.until(incident, subject, now).is_some()
        };
        let count = self.incidents.len().max(self.subjects.len());
        if count == 0 || !(0..count).all(|at| is_silenced(at) || is_acked(at)) {
            return None;
        }
        // What is silenced is told afterwards, with what is acknowledged.
        let has_silenced = (0..count).any(is_silenced);
        Some(if has_silenced { Withdrawal::Silenced } else { Withdrawal::Acked })
    }

    /// Returns whether a later entry makes it needless: it is an edit, or the notice of an alert that is
    /// over. The end is sent all the same, because the notice may have arrived.
    pub fn is_outdated_by(&self, later: &OutboxEntry, keeps_alerts: bool) -> bool {
        let is_needless = match self.delivery.action {
            Action::Update => true,
            Action::Trigger => keeps_alerts && later.is_quiet_end(),
            Action::Resolve => false,
        };
        is_needless && self.delivery.key == later.delivery.key
    }

    /// Returns whether it is an end by which nothing was lost.
    pub fn is_quiet_end(&self) -> bool {
        self.delivery.action == Action::Resolve && self.delivery.notice.severity <= Severity::Info
    }

    /// Returns the delivery for an attempt. One that comes late says so: its numbers and times are those of
    /// the decision.
    pub fn delivery_at(&self, now: Timestamp) -> Delivery {
        let mut delivery = self.delivery.clone();
        let age = now.since(self.queued_at);
        if age >= LATE {
            let notice = &mut delivery.notice;
            notice.what = format!("{} ({} ago)", notice.what, loss_text::lasting(age));
        }
        delivery
    }

    /// Records the silence that holds it. Returns whether the record has changed.
    pub fn begin_silence(&mut self, silences: &Silences, now: Timestamp) -> bool {
        let by = self.subjects.iter().filter_map(|subject| silences.of_subject(subject, now));
        let Some(by) = by.min_by_key(|one| one.until) else { return false };
        let held = self.silence.filter(|held| now <= held.until);
        if held.is_some_and(|held| held.until == by.until) {
            return false;
        }
        if held.is_none() {
            self.end_silence(now);
        }
        let from = held.map_or(by.from.max(self.queued_at), |held| held.from);
        self.silence = Some(SilencedSpan { from, until: by.until });
        true
    }

    /// Records that no silence holds it any more.
    pub fn end_silence(&mut self, now: Timestamp) {
        self.silenced_ms = u64::try_from(self.silenced_for(now).as_millis()).unwrap_or(u64::MAX);
        self.silence = None;
    }

    fn silenced_for(&self, now: Timestamp) -> Duration {
        let span = self.silence.map_or(Duration::ZERO, |span| now.min(span.until).since(span.from));
        Duration::from_millis(self.silenced_ms).saturating_add(span)
    }

    /// Records a failed attempt: the next one comes after a pause that the service asks for, or that
    /// doubles.
    pub fn postpone(&mut self, asked: Option<Duration>, now: Timestamp) {
        let pause = match asked {
            Some(asked) => asked.clamp(FIRST_PAUSE, ASKED_PAUSE_MAX),
            None => pause(&self.delivery.id, self.attempts),
        };
        self.attempts += 1;
        self.not_before = Some(now.plus(pause));
    }

    /// Returns the end of its pause; None when it is over. A pause longer than any that is made comes
    /// from a clock that was ahead.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|at| *at > now && at.since(now) <= ASKED_PAUSE_MAX)
    }

    /// Returns whether it is too late for another attempt. The time under a silence does not count.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        now.since(self.queued_at).saturating_sub(self.silenced_for(now)) >= GIVEN_UP
    }

    /// Returns whether it has become old news.
    pub fn is_old_news(&self, now: Timestamp) -> bool {
        now.since(self.queued_at) >= OLD_NEWS
    }
}

impl DueNotice {
    /// Returns the index of the event that the title tells of: the most severe, the newest of equals.
    pub fn main_index(&self) -> usize {
        let severities = self.events.iter().enumerate().map(|(at, event)| (event.severity, at));
        severities.max().map_or(0, |(_, at)| at)
    }

    /// Returns whether people can acknowledge it: an incident or a pull request. What cannot be read or
    /// polled has neither.
    pub fn can_be_acked(&self) -> bool {
        self.incident.is_some() || self.subject.contains('#')
    }

    /// Returns the event that the title tells of.
    pub fn main_event(&self) -> Option<&Pending> {
        self.events.get(self.main_index())
    }
}

/// Returns whether a notice tells the end of a problem. A loss that another problem of the queue has
/// overtaken is one, too.
fn tells_end(due: &DueNotice) -> bool {
    let ends = |event: &Pending| {
        let is_end = |facts: EventFacts| matches!(facts.change, TopicChange::Ends { .. });
        event.reason == SendReason::Ended
            || (event.reason == SendReason::News && reread(&event.line).is_some_and(is_end))
    };
    due.events.iter().any(ends)
}

/// Returns whether a problem is over by a notice. An end can be told together with a result.
fn ends(due: &DueNotice) -> bool {
    due.events.iter().any(|event| event.reason == SendReason::Ended)
}

/// Returns the keys of the problems that a delivery tells of. A result after an end is of none.
fn problem_keys(planned: &PlannedDelivery) -> ProblemKeys {
    let mut keys = ProblemKeys::default();
    for due in planned.notices.iter().filter(|due| !due.is_late) {
        let key = key_of(&due.problem, due.key_incident.as_deref());
        if ends(due) { &mut keys.ended } else { &mut keys.open }.push(key);
    }
    keys
}

/// Returns the key of what a delivery tells of.
fn key(planned: &PlannedDelivery) -> String {
    match planned.notices.as_slice() {
        [due] if due.is_late => planned.id.clone(),
        [due] => key_of(&due.problem, due.key_incident.as_deref()),
        _ => planned.id.clone(),
    }
}

/// Returns the key of a problem. An incident is its queue's dead letters: another problem of the queue
/// meanwhile, such as one that cannot be read, has a key and an end of its own.
pub fn key_of(problem: &str, incident: Option<&str>) -> String {
    match incident {
        Some(incident) if problem.starts_with("queue\n") => incident.to_owned(),
        _ => derived_id(&[problem]),
    }
}

/// Returns the pause after a number of failed attempts: up to a fifth shorter or longer, by the id,
/// so that channels that failed together do not come back together.
fn pause(id: &str, attempts: u64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.min(16)).min(LONGEST_PAUSE);
    let byte = Sha256::digest(format!("{id} {attempts}"))[0];
    doubled.mul_f64(0.8 + 0.4 * f64::from(byte) / 255.0)
}

/// Returns one notice in place of several that are old news or too many.
pub fn digest(entries: &[OutboxEntry], now: Timestamp) -> Delivery {
    let first = entries.iter().map(|entry| entry.queued_at).min().unwrap_or(now);
    let severity = entries.iter().map(|entry| entry.delivery.notice.severity).max();
    let what = format!("waiting since {first}");
    let subject = count(entries.len() as u64, "notice");
    let next = "dlq-status";
    let severity = severity.unwrap_or(Severity::Info);
    let mut notice = Notice::plain(severity, &subject, &what, next, now);
    let part = |entry: &OutboxEntry| {
        let Notice { when, subject, what, .. } = &entry.delivery.notice;
        (format!("{when} {subject}: {what}"), vec![shorten(&safe(subject), NAME_MAX).into_owned()])
    };
    notice.tell_of(entries.iter().map(part));
    // A receiver that has seen one of them has not seen the digest, nor one of others.
    let ids = entries.iter().map(|entry| entry.delivery.id.as_str());
    let id = derived_id(&["digest"].into_iter().chain(ids).collect::<Vec<_>>());
    let mut problems = ProblemKeys::default();
    entries.iter().for_each(|entry| problems.follow(&entry.delivery.problems));
    Delivery {
        key: id.clone(),
        problems,
        id,
        action: Action::Trigger,
        incident: None,
        event: None,
        notice,
        handle: None,
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::notification::ack::Ack;
    use crate::rules::notification::silence::Silence;
    use crate::rules::notification::topic::Topic;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(seconds))
    }

    fn entry(subjects: &[&str], incidents: &[&str], reason: SendReason) -> OutboxEntry {
        let notice = Notice::plain(Severity::Error, "orders-dlq", "it broke", "look", at(0));
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        OutboxEntry {
            sequence: 1,
            channel: "slack".into(),
            reason,
            delivery: Delivery {
                id: "id".into(),
                action: Action::Trigger,
                key: String::new(),
                problems: ProblemKeys::default(),
                incident: None,
                event: None,
                notice,
                handle: None,
                at: at(0),
            },
            event: EventKey::default(),
            subjects: texts(subjects),
            incidents: texts(incidents),
            ends_problem: false,
            fallback: None,
            refused_by: Vec::new(),
            queued_at: at(0),
            attempts: 0,
            perhaps_sent: false,
            not_before: None,
            silence: None,
            silenced_ms: 0,
            slot: None,
        }
    }

    #[test]
    fn delivery_resolves_when_all_that_it_tells_of_is_over() {
        use SendReason::{Ended, New, News};
        let due = |reasons: &[SendReason]| {
            let event = |reason: &SendReason| Pending {
                key: EventKey::default(),
                reason: *reason,
                severity: Severity::Error,
                at: at(0),
                due: at(0),
                hold: None,
                line: String::new(),
                causes: Vec::new(),
            };
            let events = reasons.iter().map(event).collect();
            DueNotice { events, ..DueNotice::new(&Topic::default(), None, reasons[0], at(0)) }
        };
        let rows: [(&[&[SendReason]], bool, Action); 6] = [
            (&[&[New]], false, Action::Trigger),
            (&[&[News]], true, Action::Update),
            (&[&[Ended]], false, Action::Resolve),
            (&[&[News, Ended]], false, Action::Resolve),
            (&[&[Ended], &[News, Ended]], false, Action::Resolve),
            (&[&[Ended], &[News]], false, Action::Trigger),
        ];
        for (told, is_update, expected) in rows {
            let notices = told.iter().map(|reasons| due(reasons)).collect();
            let planned = PlannedDelivery { is_update, notices, ..planned(&[]) };
            let entry = OutboxEntry::new(&planned, Notice::default(), at(0), at(0));
            assert_eq!(entry.delivery.action, expected, "{told:?}");
            assert_eq!(entry.ends_problem, told.iter().any(|one| one.contains(&Ended)));
        }
    }

    #[test]
    fn end_makes_needless_what_has_begun_an_alert() {
        let with = |action: Action, key: &str, severity: Severity| {
            let mut one = entry(&["q"], &["i"], SendReason::New);
            (one.delivery.action, one.delivery.key) = (action, key.into());
            one.delivery.notice.severity = severity;
            one
        };
        use Action::{Resolve, Trigger, Update};
        let end = with(Resolve, "k", Severity::Info);
        let lost = with(Resolve, "k", Severity::Error);
        let rows = [
            ("an alert that is over", Trigger, "k", &end, true, true),
            ("elsewhere people are told", Trigger, "k", &end, false, false),
            ("a loss is no quiet end", Trigger, "k", &lost, true, false),
            ("another alert", Trigger, "other", &end, true, false),
            ("an edit", Update, "k", &end, false, true),
            ("an end", Resolve, "k", &end, true, false),
        ];
        for (rule, action, key, later, keeps_alerts, expected) in rows {
            let one = with(action, key, Severity::Error);
            assert_eq!(one.is_outdated_by(later, keeps_alerts), expected, "{rule}");
        }
    }

    #[test]
    fn delivery_that_comes_late_says_so() {
        let one = entry(&["q"], &["i"], SendReason::New);
        let rows = [(0, "it broke"), (599, "it broke"), (36_000, "it broke (10h ago)")];
        for (age, expected) in rows {
            let found = one.delivery_at(at(age));
            assert_eq!((found.notice.what.as_str(), found.id), (expected, "id".to_owned()));
        }
    }

    #[test]
    fn event_of_a_delivery_is_the_one_that_its_title_tells_of() {
        let event = |line: &str, severity| Pending {
            key: EventKey::default(),
            reason: SendReason::Grew,
            severity,
            at: at(0),
            due: at(0),
            hold: None,
            line: line.into(),
            causes: Vec::new(),
        };
        let mut planned = planned(&[("queue\na", Some("i"))]);
        planned.notices[0].events = vec![
            event("error", Severity::Error),
            event("fatal", Severity::Fatal),
            event("newest", Severity::Error),
        ];
        let made = OutboxEntry::new(&planned, Notice::default(), at(0), at(0));
        assert_eq!(made.delivery.event.as_deref(), Some("fatal"));
    }

    /// A delivery of notices: the problem and the incident of each.
    fn planned(notices: &[(&str, Option<&str>)]) -> PlannedDelivery {
        let due = |(problem, incident): &(&str, Option<&str>)| DueNotice {
            problem: (*problem).to_owned(),
            incident: incident.map(str::to_owned),
            key_incident: incident.map(str::to_owned),
            ..DueNotice::new(&Topic::default(), None, SendReason::New, at(0))
        };
        PlannedDelivery {
            id: "id".into(),
            sequence: 1,
            channel: "pager".into(),
            is_update: false,
            reason: SendReason::New,
            notices: notices.iter().map(due).collect(),
            handle: None,
            fallback: None,
        }
    }

    #[test]
    fn key_is_that_of_the_problem_and_the_incident_is_its_queue() {
        let unreadable = derived_id(&["unreadable\narn"]);
        let missing = derived_id(&["missing"]);
        type Row<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)], &'a str);
        let rows: [Row<'_>; 6] = [
            ("the queue", &[("queue\narn", Some("i"))], "i"),
            ("unreadable while raised", &[("unreadable\narn", Some("i"))], &unreadable),
            ("unreadable while quiet", &[("unreadable\narn", None)], &unreadable),
            ("polling", &[("missing", None)], &missing),
            ("without an incident", &[("queue\narn", None)], &derived_id(&["queue\narn"])),
            ("several", &[("queue\na", Some("i")), ("queue\nb", Some("j"))], "id"),
        ];
        for (rule, notices, expected) in rows {
            let entry = OutboxEntry::new(&planned(notices), Notice::default(), at(0), at(0));
            assert_eq!(entry.delivery.key, expected, "{rule}");
            let incident = notices[0].1.filter(|_| notices.len() == 1);
            assert_eq!(entry.delivery.incident.as_deref(), incident, "{rule}");
        }
    }

    #[test]
    fn pause_doubles_within_its_limits() {
        let mut entry = entry(&["q"], &["i"], SendReason::New);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            entry.postpone(None, at(0));
            pauses.push(entry.not_before.unwrap().since(at(0)).as_secs_f64());
        }
        for (attempts, pause) in pauses.iter().enumerate() {
            let middle = f64::from(1 << attempts.min(16)).min(300.0);
            assert!((middle * 0.8..=middle * 1.2).contains(pause), "{attempts}: {pause}");
        }
        entry.postpone(Some(Duration::from_secs(42)), at(0));
        assert_eq!(entry.not_before, Some(at(42)), "Retry-After");
        entry.postpone(Some(Duration::from_secs(86_400)), at(0));
        assert_eq!(entry.not_before, Some(at(3600)), "a Retry-After of a day");
        assert_eq!(entry.attempts, 14);
    }

    #[test]
    fn pause_ends_and_is_no_longer_than_an_hour() {
        let rows = [(None, None), (Some(99), None), (Some(100), None), (Some(101), Some(101))];
        let far = [(Some(3700), Some(3700)), (Some(3701), None), (Some(900_000), None)];
        for (not_before, expected) in rows.into_iter().chain(far) {
            let not_before = not_before.map(at);
            let entry = OutboxEntry { not_before, ..entry(&["q"], &["i"], SendReason::New) };
            assert_eq!(entry.paused_until(at(100)), expected.map(at), "{not_before:?}");
        }
    }

    #[test]
    fn delivery_is_withdrawn_when_all_that_it_tells_of_is_silenced_or_acked() {
        let mut silences = Silences::default();
        let (glob, reason) = ("orders-*".to_owned(), None);
        silences.add(Silence { id: "s".into(), glob, from: at(0), until: at(60), reason }, at(0));
        let mut acks = Acks::default();
        acks.add(Ack { key: "i1".into(), at: at(0), until: at(60) }, at(0));
        use SendReason::{Ended, New};
        let ends = |entry| OutboxEntry { ends_problem: true, ..entry };
        let rows: [(&str, OutboxEntry, u64, Option<Withdrawal>); 11] = [
            ("a result and the end", ends(entry(&["q"], &["i1"], SendReason::News)), 1, None),
            ("neither", entry(&["q"], &["i2"], New), 1, None),
            ("silenced", entry(&["orders-dlq"], &["i2"], New), 1, Some(Withdrawal::Silenced)),
            ("silence is over", entry(&["orders-dlq"], &["i2"], New), 60, None),
            ("one of two", entry(&["orders-dlq", "q"], &["i2", "i3"], New), 1, None),
            ("acknowledged", entry(&["q"], &["i1"], New), 1, Some(Withdrawal::Acked)),
            ("one of two", entry(&["q", "p"], &["i1", "i2"], New), 1, None),
            ("the end of what was acknowledged", entry(&["q"], &["i1"], Ended), 1, None),
            ("each", entry(&["orders-dlq", "q"], &["", "i1"], New), 1, Some(Withdrawal::Silenced)),
            (
                "acknowledged alone",
                entry(&["q", "p"], &["i1", "i1"], New),
                1,
                Some(Withdrawal::Acked),
            ),
            ("the end of both", entry(&["orders-dlq", "q"], &["", "i1"], Ended), 1, None),
        ];
        for (rule, entry, now, expected) in rows {
            assert_eq!(entry.withdrawal(&silences, &acks, at(now)), expected, "{rule}");
        }
    }

    #[test]
    fn time_under_a_silence_is_not_part_of_the_age() {
        let silence = |from: u64, until: u64| {
            let (id, glob, reason) = ("s".to_owned(), "q*".to_owned(), None);
            let silence = Silence { id, glob, from: at(from), until: at(until), reason };
            Silences { silences: vec![silence] }
        };
        let given_up = GIVEN_UP.as_secs();
        let day = 86_400;
        // Silences by the moment at which they hold the entry, the end of the last, the age added.
        type Row<'a> = (&'a str, u64, &'a [(u64, u64, u64)], Option<u64>, u64);
        let rows: [Row<'_>; 8] = [
            ("never silenced", 0, &[], None, 0),
            ("to its end", 0, &[(200, 100, 9 * day)], None, 9 * day - 100),
            ("taken back", 0, &[(200, 100, 9 * day)], Some(5 * day), 5 * day - 100),
            ("silenced before", 50, &[(200, 10, 9 * day)], None, 9 * day - 50),
            ("prolonged", 0, &[(200, 100, day), (300, 300, 4 * day)], None, 4 * day - 100),
            ("cut short", 0, &[(200, 100, 9 * day), (300, 300, day)], None, day - 100),
            ("twice", 0, &[(200, 100, day), (2 * day, 2 * day, 4 * day)], None, 3 * day - 100),
            ("read twice", 0, &[(200, 100, 2 * day), (300, 100, 2 * day)], None, 2 * day - 100),
        ];
        for (rule, queued, held, ended, added) in rows {
            let mut entry = entry(&["q"], &["i"], SendReason::New);
            entry.queued_at = at(queued);
            for (now, from, until) in held {
                entry.begin_silence(&silence(*from, *until), at(*now));
                let silence = silence(*from, *until);
                assert!(!entry.begin_silence(&silence, at(*now)), "{rule}: nothing has changed");
            }
            if let Some(now) = ended {
                entry.end_silence(at(now));
            }
            let limit = queued + given_up + added;
            assert!(!entry.is_given_up(at(limit - 1)), "{rule}");
            assert!(entry.is_given_up(at(limit)), "{rule}");
            entry.end_silence(at(limit - 1));
            assert!(!entry.is_given_up(at(limit - 1)) && entry.is_given_up(at(limit)), "{rule}");
        }
        let mut other = entry(&["other"], &["i"], SendReason::New);
        assert!(!other.begin_silence(&silence(0, day), at(1)));
    }

    #[test]
    fn old_news_is_one_notice_that_counts_them() {
        let entries = vec![entry(&["q"], &["i"], SendReason::New); 50];
        assert!(!entries[0].is_old_news(at(3599)) && entries[0].is_old_news(at(3600)));
        let delivery = digest(&entries, at(7200));
        assert_eq!(delivery.notice.title(), "50 notices: waiting since 1970-01-01T00:00:00.000Z");
        let Notice { below, names, .. } = &delivery.notice;
        assert_eq!((below.len(), names.len()), (26, 25), "50 in all, and the line between");
        assert_eq!(below.last().unwrap(), "and 25 more:");
        assert!(names.iter().all(|name| name == "orders-dlq"));
        assert_ne!(delivery.id, "id", "a receiver may have seen the first of them");
        assert_ne!(delivery.id, digest(&entries[1..], at(7200)).id);
        assert_eq!(delivery.id, digest(&entries, at(7300)).id, "the next attempt");
        assert_eq!(delivery.key, delivery.id);
    }

    #[test]
    fn digest_has_the_newest_state_of_each_problem() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let with = |open: &[&str], ended: &[&str]| {
            let mut one = entry(&["a"], &["a"], SendReason::New);
            one.delivery.problems = ProblemKeys { open: keys(open), ended: keys(ended) };
            one
        };
        let entries = [
            with(&["a", "b", "c"], &[]),
            with(&[], &["b"]),
            with(&["d"], &["a"]),
            with(&["b"], &[]),
        ];
        let problems = digest(&entries, at(0)).problems;
        assert_eq!(problems, ProblemKeys { open: keys(&["c", "d", "b"]), ended: keys(&["a"]) });
    }
}
