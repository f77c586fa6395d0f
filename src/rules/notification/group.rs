//! Grouping: how long a notice waits for others, and which notices become one. Pure.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::facts::{OWN, reread};
use super::problem::Problem;
use super::topic::{HoldReason, Pending, SendReason, Topic};
use crate::event::{self, Line, Severity};
use crate::time::Timestamp;

/// The longest time that a problem, or its absence, lasts while it flaps.
pub const FLAP_SPAN: Duration = Duration::from_secs(3600);
/// The number of notices without a known cause that are sent apart.
pub const APART_MAX: usize = 3;
/// The returns of a problem that lengthen the wait for its end.
const FLAPS_MAX: usize = 10;

/// Returns how long a problem has to be over before its end is told: twice as long for each time
/// that it has come back, an hour at most. The count ends when the problem, or its absence, lasts for
/// more than an hour.
pub fn clear_wait(topic: &Topic, wait: Duration, now: Timestamp) -> Duration {
    let is_flapping = topic.flaps.last().is_some_and(|last| now.since(*last) <= FLAP_SPAN);
    let flaps = if is_flapping { topic.flaps.len().min(FLAPS_MAX) } else { 0 };
    // What is open for the channel that has called this one is open here.
    let wait = wait.max(Duration::from_millis(topic.clear_wait_ms.unwrap_or_default()));
    let doubled = wait.saturating_mul(1 << flaps);
    doubled.min(FLAP_SPAN.max(wait))
}

/// Counts a return of a problem that is over.
pub fn flap(topic: &mut Topic, now: Timestamp) {
    let ended = topic.ended_at.unwrap_or(now);
    let has_lasted = topic.flaps.last().is_some_and(|last| ended.since(*last) > FLAP_SPAN);
    if has_lasted || now.since(ended) > FLAP_SPAN {
        topic.flaps.clear();
    }
    if topic.flaps.len() == FLAPS_MAX {
        topic.flaps.remove(0);
    }
    topic.flaps.push(now);
}

/// Counts a return after the end was told, so often that the wait for the next end is longer than the
/// problem was away.
pub fn lengthen_wait(topic: &mut Topic, wait: Duration, now: Timestamp) {
    let Some(away) = topic.ended_at.map(|ended| now.since(ended)) else { return };
    if away > FLAP_SPAN {
        return;
    }
    flap(topic, now);
    while clear_wait(topic, wait, now) <= away && topic.flaps.len() < FLAPS_MAX {
        topic.flaps.push(now);
    }
}

/// Ends the waits of a group when one of its members is due: what begins on a channel with one known
/// cause, or without one when so many wait that they become one notice.
pub fn gather(
    topics: &mut BTreeMap<String, Box<Topic>>,
    problems: &BTreeMap<String, Problem>,
    now: Timestamp,
) {
    let group = |topic: &Topic| {
        let cause = problems.get(&topic.problem).and_then(|problem| problem.cause.as_ref());
        (topic.channel.clone(), cause.map(|cause| cause.id.clone()))
    };
    let mut groups: BTreeMap<(String, Option<String>), (usize, bool)> = BTreeMap::new();
    for topic in topics.values().filter(|topic| topic.awaits_group(None)) {
        let (waiting, is_due) = groups.entry(group(topic)).or_default();
        *waiting += 1;
        *is_due |= topic.awaits_group(Some(now));
    }
    groups.retain(|(_, cause), (waiting, is_due)| {
        *is_due && (cause.is_some() || *waiting > APART_MAX)
    });
    if groups.is_empty() {
        return;
    }
    let waiting = topics.values_mut().filter(|topic| topic.awaits_group(None));
    waiting.filter(|topic| groups.contains_key(&group(topic))).for_each(|topic| {
        topic.end_group_wait(now);
    });
}

/// A notice that is due on one topic.
#[derive(Debug, Clone, PartialEq)]
pub struct DueNotice {
    /// The key of the problem.
    pub problem: String,
    pub subject: String,
    pub incident: Option<String>,
    /// The incident whose key the notice has: the one of which the channel was told first.
    pub key_incident: Option<String>,
    /// The severity of the problem that goes on, as the channel was told.
    pub known_severity: Option<Severity>,
    /// Whether it is a result that comes after the end was told.
    pub is_late: bool,
    pub reason: SendReason,
    /// The events to tell of, oldest first; never empty.
    pub events: Vec<Pending>,
    /// The fingerprint of the cause, when it is known.
    pub cause: Option<String>,
    /// Whether an investigation of it runs.
    pub is_worked_on: bool,
    /// The newest depth that is known.
    pub depth: Option<u64>,
    /// Whether it waited for the end of quiet hours.
    pub was_quiet: bool,
    /// The number of the reminder or of the escalation step; 0 for a first notice.
    pub ordinal: u64,
}

impl DueNotice {
    /// Returns the kind of the problem, or the type of a result.
    pub fn kind(&self) -> String {
        let of_result = self.events.last().filter(|_| self.reason == SendReason::News);
        match of_result.map(|one| event::peek(one.line.trim_end().as_bytes())) {
            Some(Line::Event(head)) => head.kind.into_owned(),
            _ => self.problem.split('\n').next().unwrap_or_default().to_owned(),
        }
    }

    pub fn new(
        topic: &Topic,
        problem: Option<&Problem>,
        reason: SendReason,
        now: Timestamp,
    ) -> Self {
        let new = topic.pending.iter().find(|one| reason == one.reason && !one.causes.is_empty());
        let new_cause = new.and_then(|one| one.causes.first().cloned());
        let late = late_incident(topic);
        DueNotice {
            problem: topic.problem.clone(),
            subject: topic.subject.clone(),
            incident: late.clone().flatten().or_else(|| topic.incident.clone()),
            key_incident: topic.key_incident().map(str::to_owned),
            known_severity: topic.told_of_open().map(|told| told.severity),
            is_late: late.is_some(),
            reason,
            events: topic.pending.clone(),
            cause: new_cause.or_else(|| Some(problem?.cause.as_ref()?.id.clone())),
            is_worked_on: problem.is_some_and(|problem| problem.is_worked_on(now)),
            depth: problem.and_then(|problem| problem.depth),
            was_quiet: topic.pending.iter().any(|one| one.hold == Some(HoldReason::QuietHours)),
            ordinal: 0,
        }
    }

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

/// Returns the incident of results that are of no problem which the channel knows as open: it was told the
/// end, or of another one, or knew of none before the end.
fn late_incident(topic: &Topic) -> Option<Option<String>> {
    let is_over = topic.is_end_told || (topic.told.is_none() && topic.ended_at.is_some());
    let mut incident = None;
    for one in &topic.pending {
        let of = reread(&one.line).and_then(|facts| facts.incident);
        let is_known =
            of.is_none() || of == topic.incident || of.as_deref() == topic.key_incident();
        if one.reason != SendReason::News || (is_known && !is_over) {
            return None;
        }
        incident = Some(of);
    }
    incident
}

/// Returns the due notices of a channel as sets, each of which is sent as one: those that waited for
/// the end of quiet hours; and those of one reason and kind with one cause, or more than [`APART_MAX`] of
/// them without a known one. Growth and results have no cause in common; an event of no problem is apart.
pub fn merge(due: Vec<DueNotice>) -> Vec<Vec<DueNotice>> {
    let mut sets: Vec<(Option<MergeKey>, Vec<DueNotice>)> = Vec::new();
    let mut places: HashMap<Option<MergeKey>, usize> = HashMap::new();
    for notice in due {
        let key = (!notice.was_quiet).then(|| MergeKey::new(&notice));
        let is_own = key.is_some() && notice.problem.starts_with(OWN);
        let end = sets.len();
        let place = if is_own { end } else { *places.entry(key.clone()).or_insert(end) };
        match sets.get_mut(place) {
            Some((_, set)) => set.push(notice),
            None => sets.push((key, vec![notice])),
        }
    }
    let apart = |(key, set): (Option<MergeKey>, Vec<DueNotice>)| match key {
        Some(MergeKey { cause: None, .. }) if set.len() <= APART_MAX => {
            set.into_iter().map(|one| vec![one]).collect()
        }
        _ => vec![set],
    };
    sets.into_iter().flat_map(apart).collect()
}

/// The common ground of notices that become one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MergeKey {
    reason: SendReason,
    kind: String,
    cause: Option<String>,
}

impl MergeKey {
    fn new(notice: &DueNotice) -> Self {
        use SendReason::{Again, Grew, New, News, Severity};
        let reason = if notice.reason == Again { New } else { notice.reason };
        let cause = notice.cause.clone().filter(|_| !matches!(reason, Grew | News | Severity));
        MergeKey { reason, kind: notice.kind(), cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::notification::facts::NamedCause;
    use crate::rules::notification::fixtures;
    use crate::rules::notification::problem::RunningSession;

    fn due(subject: &str, reason: SendReason, cause: &str, was_quiet: bool) -> DueNotice {
        let cause = (!cause.is_empty()).then(|| cause.to_owned());
        DueNotice { cause, was_quiet, ..fixtures::due(subject, reason) }
    }

    #[test]
    fn one_cause_or_a_storm_becomes_one_notice() {
        use SendReason::{AckExpired, Ended, Escalated, Grew, New, News, Repeat, Tier};
        let sizes = |notices: &[(SendReason, &str, bool)]| {
            let named = notices.iter().enumerate();
            let due = named
                .map(|(n, (reason, cause, quiet))| due(&format!("q{n}"), *reason, cause, *quiet));
            merge(due.collect()).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[(New, "c", false), (New, "c", false)]), [2], "one cause");
        assert_eq!(sizes(&[(New, "c", false), (New, "d", false)]), [1, 1], "two causes");
        assert_eq!(sizes(&[(New, "", false); 3]), [1, 1, 1], "few without a cause");
        assert_eq!(sizes(&[(New, "", false); 4]), [4], "many without a cause");
        assert_eq!(sizes(&[(New, "c", false), (Ended, "c", false)]), [1, 1], "two reasons");
        assert_eq!(sizes(&[(Ended, "c", false); 2]), [2], "one cause");
        for reason in [News, Grew, SendReason::Severity] {
            assert_eq!(sizes(&[(reason, "c", false); 3]), [1; 3], "{reason}: few");
            assert_eq!(sizes(&[(reason, "c", false); 4]), [4], "{reason}: many");
        }
        for reason in [Ended, Tier, Repeat, AckExpired, Escalated] {
            assert_eq!(sizes(&[(reason, "c", false); 2]), [2], "{reason}: one cause");
            assert_eq!(sizes(&[(reason, "", false); 3]), [1; 3], "{reason}: few");
            assert_eq!(sizes(&[(reason, "", false); 4]), [4], "{reason}: many");
        }
        assert_eq!(sizes(&[(News, "", true), (New, "c", true)]), [2], "after quiet hours");
    }

    #[test]
    fn problems_of_several_kinds_are_told_apart() {
        let one = |problem: &str, of: &str, n: usize| {
            let mut one = due(&format!("q{n}"), SendReason::New, "", false);
            if of.is_empty() {
                one.problem = format!("{problem}\narn{n}");
            } else {
                one.reason = SendReason::News;
                one.events[0].line =
                    format!(r#"{{"specversion":"1.0","id":"i","source":"s","type":"{of}"}}"#)
                        .into();
            }
            one
        };
        let kinds = [("queue", ""), ("unreadable", ""), ("lint", ""), ("", "t.a"), ("", "t.b")];
        let due = (0..20).map(|n| one(kinds[n % 5].0, kinds[n % 5].1, n));
        assert_eq!(merge(due.collect()).iter().map(Vec::len).collect::<Vec<_>>(), [4; 5]);
        let own = (0..9).map(|n| DueNotice { problem: format!("{OWN}{n}"), ..one("", "t.a", n) });
        assert_eq!(merge(own.collect()).len(), 9, "events of no problem");
    }

    #[test]
    fn notice_knows_what_is_known_of_the_problem() {
        let (cause, now) =
            (NamedCause { id: "c".into(), title: "t".into() }, Timestamp::from_millis(0));
        let running = RunningSession { session: "s".into(), until: now };
        let problem = Problem {
            running: Some(running),
            depth: Some(9),
            cause: Some(cause),
            ..Problem::default()
        };
        let known = DueNotice::new(&Topic::default(), Some(&problem), SendReason::Tier, now);
        assert_eq!(
            (known.is_worked_on, known.depth, known.cause),
            (true, Some(9), Some("c".into()))
        );
        let unknown = DueNotice::new(&Topic::default(), None, SendReason::Tier, now);
        assert_eq!((unknown.is_worked_on, unknown.depth, unknown.cause), (false, None, None));
    }

    #[test]
    fn flapping_lengthens_the_wait_up_to_an_hour() {
        let at = |minutes: u64| Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes));
        let five = Duration::from_secs(300);
        let rows = [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (40, 60)];
        for (flaps, minutes) in rows {
            let topic = Topic { flaps: vec![at(10); flaps], ..Topic::default() };
            assert_eq!(clear_wait(&topic, five, at(20)), Duration::from_secs(60 * minutes));
        }
        let topic = Topic { flaps: vec![at(10)], ..Topic::default() };
        assert_eq!(clear_wait(&topic, five, at(70)), five * 2, "within an hour");
        assert_eq!(clear_wait(&topic, five, at(71)), five, "an hour later");
        assert_eq!(clear_wait(&topic, FLAP_SPAN * 3, at(20)), FLAP_SPAN * 3, "a longer wait");
        let second = Duration::from_secs(1);
        for flaps in [FLAPS_MAX, FLAPS_MAX + 1] {
            let topic = Topic { flaps: vec![at(10); flaps], ..Topic::default() };
            assert_eq!(clear_wait(&topic, second, at(20)), second * 1024, "{flaps} returns");
        }
        // What has called the channel waits longer, or less long.
        for (called_by, minutes) in [(7, 14), (3, 10)] {
            let clear_wait_ms = Some(called_by * 60_000);
            let topic = Topic { flaps: vec![at(10)], clear_wait_ms, ..Topic::default() };
            assert_eq!(clear_wait(&topic, five, at(20)), Duration::from_secs(60 * minutes));
        }
    }

    #[test]
    fn returns_are_counted_while_problem_and_absence_last_an_hour_at_most() {
        let at = |minutes: u64| Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes));
        // The last return, the end after it, the next return, and the number that counts then.
        let rows = [
            ("both short", 10, 20, 30, 2),
            ("a problem of an hour", 10, 70, 80, 2),
            ("a longer problem", 10, 71, 80, 1),
            ("an absence of an hour", 10, 20, 80, 2),
            ("a longer absence", 10, 20, 81, 1),
        ];
        for (rule, last, ended, now, expected) in rows {
            let ended_at = Some(at(ended));
            let mut topic = Topic { flaps: vec![at(last)], ended_at, ..Topic::default() };
            flap(&mut topic, at(now));
            assert_eq!(topic.flaps.len(), expected, "{rule}");
        }
        // After an end that was told, the wait becomes longer than the problem was away.
        let waits = [(4, 10), (5, 10), (9, 10), (10, 20), (59, 60), (60, 60), (61, 5)];
        for (away, expected) in waits {
            let mut topic = Topic { ended_at: Some(at(100)), ..Topic::default() };
            let now = at(100 + away);
            lengthen_wait(&mut topic, Duration::from_secs(300), now);
            let wait = clear_wait(&topic, Duration::from_secs(300), now);
            assert_eq!(wait, Duration::from_secs(60 * expected), "away for {away} minutes");
        }
        // No number of returns lets a second become an hour.
        let mut topic = Topic { ended_at: Some(at(100)), ..Topic::default() };
        lengthen_wait(&mut topic, Duration::from_secs(1), at(160));
        assert_eq!(topic.flaps.len(), FLAPS_MAX);
        // The newest returns are remembered.
        let flaps = (1..=FLAPS_MAX as u64).map(at).collect();
        let mut topic = Topic { flaps, ended_at: Some(at(11)), ..Topic::default() };
        flap(&mut topic, at(12));
        let kept = (topic.flaps.len(), topic.flaps.first().copied(), topic.flaps.last().copied());
        assert_eq!(kept, (FLAPS_MAX, Some(at(2)), Some(at(12))));
    }
}
