//! The record of what people were told, and the notice that tells it again. Pure.

use super::facts::{TopicChange, reread};
use super::group::DueNotice;
use super::notices::Problem;
use super::topic::{Pending, SendReason, Told, Topic};
use crate::time::Timestamp;

/// Records that people were told again. Without its acknowledgement a problem escalates anew.
pub fn told_again(topic: &mut Topic, reason: SendReason, now: Timestamp) {
    topic.acked_until = None;
    if let Some(told) = &mut topic.told {
        told.at = now;
        told.repeats += 1;
        if reason == SendReason::AckExpired {
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
            continue;
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
            line: one.line.clone(),
            repeats: 0,
        });
        told.at = now;
        told.severity = told.severity.max(one.severity);
        told.line.clone_from(&one.line);
        let depth = problem.and_then(|problem| problem.depth);
        told.depth = depth.or(told.depth);
        if depth.is_some() {
            topic.inhibited = None;
        }
        if let Some(TopicChange::Nears(tier)) = reread(&one.line).map(|facts| facts.change) {
            told.tiers.push(tier);
        }
        topic.told = Some(told);
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
    let (at, causes) = (told.first_at, Vec::new());
    let event = Pending { key, reason, severity, at, due: now, hold: None, line, causes };
    DueNotice { events: vec![event], ..DueNotice::new(topic, problem, reason) }
}
