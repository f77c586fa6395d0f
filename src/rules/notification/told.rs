//! The record of what people were told, and the notice that tells it again. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::facts::{EventFacts, TopicChange, reread};
use super::group::DueNotice;
use super::problem::Problem;
use super::topic::{Pending, SendReason, Told, Topic};
use crate::time::Timestamp;

/// Records that people were told again. Without its acknowledgement a problem escalates anew.
pub fn told_again(topic: &mut Topic, reason: SendReason, now: Timestamp) {
    (topic.acked_until, topic.joined) = (None, None);
    if let Some(told) = &mut topic.told {
        told.at = now;
        told.repeats += 1;
        if reason == SendReason::AckExpired {
            told.unacked_since = now;
        }
    }
}

/// Forgets what was told of an earlier problem of the same queue. What waits is told all the same.
pub fn restart(topic: &mut Topic) {
    topic.told = None;
    topic.ended_at = None;
    topic.is_end_told = false;
    topic.acked_until = None;
    topic.silenced_until = None;
    topic.escalated = 0;
    topic.handle = None;
    topic.group_handle = None;
    topic.joined = None;
    topic.causes = None;
}

/// Records that another incident has begun in place of the one that the channel was told of, as whose
/// end does not count: its tiers, its growth and its acknowledgement are its own, its key stays.
pub fn follow_incident(topic: &mut Topic, facts: &EventFacts, line: &Arc<str>, now: Timestamp) {
    if facts.incident.is_none() || facts.incident == topic.incident {
        return;
    }
    let was_acked = topic.acked_until.take().is_some();
    if let Some(told) = &mut topic.told {
        (told.severity, told.depth) = (facts.severity, facts.depth);
        told.line.clone_from(line);
        told.tiers.clear();
        told.losses.clear();
        if was_acked {
            told.unacked_since = now;
        }
    }
}

/// Records that everything that waits was told.
pub fn tell(topic: &mut Topic, problem: Option<&Problem>, now: Timestamp) {
    let pending = std::mem::take(&mut topic.pending);
    for one in pending {
        if one.reason == SendReason::Ended {
            topic.is_end_told = true;
            let ended = reread(&one.line).and_then(|facts| facts.incident);
            if ended.is_some() && ended != topic.incident {
                restart(topic);
            }
            continue;
        }
        if topic.is_end_told && matches!(one.reason, SendReason::New | SendReason::Again) {
            restart(topic);
        }
        let known = topic.told.take();
        if matches!(one.reason, SendReason::News | SendReason::NewCause) {
            // A result alone is no problem that goes on, and a reminder tells of the problem.
            topic.told = known;
            if let Some(told) = topic.told.as_mut().filter(|_| !one.causes.is_empty()) {
                told.at = now;
                // Checks that fail, in place of those before.
                if reread(&one.line).is_some_and(|facts| facts.change == TopicChange::Begins) {
                    told.severity = one.severity;
                    told.line.clone_from(&one.line);
                }
            }
            continue;
        }
        let mut told = known.unwrap_or_else(|| Told {
            first_at: now,
            unacked_since: now,
            at: now,
            severity: one.severity,
            depth: None,
            tiers: Vec::new(),
            losses: BTreeMap::new(),
            incident: topic.incident.clone(),
            line: one.line.clone(),
            repeats: 0,
        });
        told.at = now;
        if one.reason == SendReason::Again {
            // It has come back to stay, and escalates anew.
            (told.unacked_since, topic.escalated) = (now, 0);
        }
        told.severity = told.severity.max(one.severity);
        told.line.clone_from(&one.line);
        let depth = problem.and_then(|problem| problem.depth);
        told.depth = depth.or(told.depth);
        if depth.is_some() {
            topic.inhibited = None;
        }
        if let Some(EventFacts { change: TopicChange::Nears(tier), loss, .. }) = reread(&one.line) {
            told.losses.extend(loss.map(|loss| (tier.clone(), loss)));
            if !told.tiers.contains(&tier) {
                told.tiers.push(tier);
            }
        }
        (topic.told, topic.joined) = (Some(told), None);
    }
}

/// Returns the notice that tells again what was told.
pub fn reminder(
    topic: &Topic,
    problem: Option<&Problem>,
    told: &Told,
    reason: SendReason,
    now: Timestamp,
) -> DueNotice {
    let key = reread(&told.line).map(|facts| facts.key).unwrap_or_default();
    let (severity, line) = (told.severity, told.line.clone());
    // An escalation counts from the last time that somebody was to acknowledge it.
    let at = if reason == SendReason::Escalated { told.unacked_since } else { told.first_at };
    let causes = Vec::new();
    let event = Pending { key, reason, severity, at, due: now, hold: None, line, causes };
    DueNotice { events: vec![event], ..DueNotice::new(topic, problem, reason, now) }
}

/// Returns the end of a problem, and the beginning of another one that has waited with it, apart: each
/// has its key.
pub fn apart(mut notice: DueNotice, topic: &Topic) -> impl Iterator<Item = DueNotice> {
    let begins = |one: &Pending| matches!(one.reason, SendReason::New | SendReason::Again);
    let end = notice.events.iter().position(|one| one.reason == SendReason::Ended);
    let begun = notice.events.iter().rposition(begins);
    let begun = begun.filter(|begun| end.is_some_and(|end| end < *begun));
    let ended = begun.map(|begun| {
        let rest = notice.events.split_off(begun);
        let reason = rest[0].reason;
        let begun = DueNotice { events: rest, reason, ..notice.clone() };
        let mut ended = std::mem::replace(&mut notice, begun);
        notice.key_incident = topic.key_incident().map(str::to_owned);
        (ended.reason, ended.depth) = (SendReason::Ended, None);
        ended.incident.clone_from(&ended.key_incident);
        ended
    });
    ended.into_iter().chain([notice])
}
