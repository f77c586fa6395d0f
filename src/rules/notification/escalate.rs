//! Escalation: who is told when nobody has acknowledged a notice. Pure.

use std::time::Duration;

use super::topic::{Told, Topic};
use crate::time::Timestamp;

/// A step of an escalation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EscalationStep {
    /// The time from the first notice, or the end of an acknowledgement, to the step.
    pub after: Duration,
    /// The channel that is told.
    pub to: String,
}

/// Returns the steps that are due `after` a moment and were not taken. An acknowledged, silenced or
/// ended problem has none.
pub fn due_steps<'a>(
    steps: &'a [EscalationStep],
    topic: &Topic,
    after: Timestamp,
    is_restrained: bool,
    now: Timestamp,
) -> &'a [EscalationStep] {
    if !topic.is_open() || is_restrained {
        return &[];
    }
    let rest = steps.get(topic.escalated..).unwrap_or_default();
    let due = rest.iter().take_while(|step| now >= after.plus(step.after)).count();
    &rest[..due]
}

/// Returns whether the channel of a step was called by it already, for the same problem of another channel.
pub fn is_called(target: &Topic, source: &Topic, step: u64) -> bool {
    let since = source.told.as_ref().map(|told| told.unacked_since);
    let called = target.called.filter(|_| target.is_open());
    called.is_some_and(|(last, at)| last >= step && Some(at) >= since)
}

/// Records on the topic of a step's channel that it was told of a problem, so that it is told the end
/// as well, and as late as the channel that has called it, whose ends wait for `wait`. A channel that knows of
/// the problem already keeps what it knows.
pub fn take_step(target: &mut Topic, source: &Topic, wait: Duration, now: Timestamp) {
    let own = target.clear_wait_ms.filter(|_| target.is_open()).unwrap_or_default();
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let wait = wait.max(source.clear_wait_ms.unwrap_or_default()).max(own);
    if source.flaps.len() > target.flaps.len() {
        target.flaps.clone_from(&source.flaps);
    }
    target.clear_wait_ms = Some(wait);
    if target.is_open() {
        return;
    }
    let again = |told: &Told| Told {
        first_at: now,
        at: now,
        unacked_since: now,
        repeats: 0,
        ..told.clone()
    };
    *target = Topic {
        channel: std::mem::take(&mut target.channel),
        problem: source.problem.clone(),
        subject: source.subject.clone(),
        incident: source.incident.clone(),
        route: target.route,
        told: source.told.as_ref().map(again),
        flaps: std::mem::take(&mut target.flaps),
        called: target.called,
        clear_wait_ms: target.clear_wait_ms,
        pending: std::mem::take(&mut target.pending),
        persists: source.persists,
        touched: source.touched.max(target.touched),
        ..Topic::default()
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;

    #[test]
    fn each_step_is_taken_once_in_its_time() {
        let at = |minutes: u64| Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes));
        let step = |minutes: u64, to: &str| EscalationStep {
            after: Duration::from_secs(60 * minutes),
            to: to.into(),
        };
        let steps = [step(15, "lead"), step(60, "pager")];
        let told = Told {
            first_at: at(0),
            unacked_since: at(0),
            at: at(50),
            severity: Severity::Error,
            depth: None,
            tiers: Vec::new(),
            losses: std::collections::BTreeMap::new(),
            incident: None,
            line: String::new(),
            repeats: 0,
        };
        let open = Topic { told: Some(told), ..Topic::default() };
        let ended = Topic { ended_at: Some(at(1)), ..open.clone() };
        type Row<'a> = (&'a str, &'a Topic, usize, bool, u64, &'a [&'a str]);
        let rows: [Row<'_>; 7] = [
            ("too early", &open, 0, false, 14, &[]),
            ("the first", &open, 0, false, 15, &["lead"]),
            ("taken", &open, 1, false, 16, &[]),
            ("both, after a long sleep", &open, 0, false, 61, &["lead", "pager"]),
            ("acknowledged", &open, 0, true, 61, &[]),
            ("ended", &ended, 0, false, 61, &[]),
            ("never told", &Topic::default(), 0, false, 61, &[]),
        ];
        for (rule, topic, escalated, restrained, now, expected) in rows {
            let topic = Topic { escalated, ..topic.clone() };
            let due = due_steps(&steps, &topic, at(0), restrained, at(now));
            assert_eq!(
                due.iter().map(|step| step.to.as_str()).collect::<Vec<_>>(),
                expected,
                "{rule}"
            );
        }
    }
}
