//! Grouping: how long a notice waits for others, and which notices become one. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::notices::Problem;
use super::topic::{HoldReason, Pending, SendReason, Topic};
use crate::event::Severity;
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
    pub fn new(topic: &Topic, problem: Option<&Problem>, reason: SendReason) -> Self {
        let new = topic.pending.iter().find(|one| reason == one.reason && !one.causes.is_empty());
        let is_news = |one: &Pending| one.reason == SendReason::News;
        let new_cause = new.and_then(|one| one.causes.first().cloned());
        DueNotice {
            problem: topic.problem.clone(),
            subject: topic.subject.clone(),
            incident: topic.incident.clone(),
            key_incident: topic.key_incident().map(str::to_owned),
            known_severity: topic.told_of_open().map(|told| told.severity),
            is_late: topic.told.is_some() && topic.is_end_told && topic.pending.iter().all(is_news),
            reason,
            events: topic.pending.clone(),
            cause: new_cause.or_else(|| Some(problem?.cause.as_ref()?.id.clone())),
            is_worked_on: problem.is_some_and(|problem| problem.working),
            depth: problem.and_then(|problem| problem.depth),
            was_quiet: topic.pending.iter().any(|one| one.hold == Some(HoldReason::QuietHours)),
            ordinal: 0,
        }
    }
}

/// Returns the due notices of a channel as sets, each of which is sent as one: those that waited for
/// the end of quiet hours; beginnings, ends, tiers, reminders and escalations with one cause; and more
/// than [`APART_MAX`] of them without a known cause.
pub fn merge(due: Vec<DueNotice>) -> Vec<Vec<DueNotice>> {
    let mut sets: Vec<(Option<MergeKey>, Vec<DueNotice>)> = Vec::new();
    for notice in due {
        let key = merge_key(&notice);
        match sets.iter_mut().find(|(known, _)| known.is_some() && *known == key) {
            Some((_, set)) => set.push(notice),
            None => sets.push((key, vec![notice])),
        }
    }
    let apart = |(key, set): (Option<MergeKey>, Vec<DueNotice>)| match key {
        Some((_, Some(_)) | ("", None)) => vec![set],
        Some((_, None)) if set.len() > APART_MAX => vec![set],
        _ => set.into_iter().map(|one| vec![one]).collect(),
    };
    sets.into_iter().flat_map(apart).collect()
}

/// The word of what is merged (empty for a digest after quiet hours), and the cause.
type MergeKey = (&'static str, Option<String>);

fn merge_key(notice: &DueNotice) -> Option<MergeKey> {
    if notice.was_quiet {
        return Some(("", None));
    }
    match notice.reason {
        SendReason::New | SendReason::Again => Some(("begins", notice.cause.clone())),
        SendReason::Ended
        | SendReason::Tier
        | SendReason::NewCause
        | SendReason::Repeat
        | SendReason::AckExpired
        | SendReason::Escalated => Some((notice.reason.as_str(), notice.cause.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::notification::facts::NamedCause;
    use crate::rules::notification::fixtures;

    fn due(subject: &str, reason: SendReason, cause: &str, was_quiet: bool) -> DueNotice {
        let cause = (!cause.is_empty()).then(|| cause.to_owned());
        DueNotice { cause, was_quiet, ..fixtures::due(subject, reason) }
    }

    #[test]
    fn one_cause_or_a_storm_becomes_one_notice() {
        use SendReason::{AckExpired, Ended, Escalated, New, News, Repeat, Tier};
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
        assert_eq!(sizes(&[(News, "c", false); 5]), [1; 5], "results");
        for reason in [Ended, Tier, Repeat, AckExpired, Escalated] {
            assert_eq!(sizes(&[(reason, "c", false); 2]), [2], "{reason}: one cause");
            assert_eq!(sizes(&[(reason, "", false); 3]), [1; 3], "{reason}: few");
            assert_eq!(sizes(&[(reason, "", false); 4]), [4], "{reason}: many");
        }
        assert_eq!(sizes(&[(News, "", true), (New, "c", true)]), [2], "after quiet hours");
    }

    #[test]
    fn notice_knows_what_is_known_of_the_problem() {
        let cause = NamedCause { id: "c".into(), title: "t".into() };
        let problem =
            Problem { working: true, depth: Some(9), cause: Some(cause), ..Problem::default() };
        let known = DueNotice::new(&Topic::default(), Some(&problem), SendReason::Tier);
        assert_eq!(
            (known.is_worked_on, known.depth, known.cause),
            (true, Some(9), Some("c".into()))
        );
        let unknown = DueNotice::new(&Topic::default(), None, SendReason::Tier);
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
        assert_eq!(clear_wait(&topic, five, at(71)), five, "an hour later");
        assert_eq!(clear_wait(&topic, FLAP_SPAN * 3, at(20)), FLAP_SPAN * 3, "a longer wait");
    }
}
