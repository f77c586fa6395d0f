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
    use crate::rules::notification::fixtures;
    use crate::rules::notification::topic::SendReason;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes))
    }

    fn told(minutes: u64) -> Told {
        Told {
            first_at: at(minutes),
            unacked_since: at(minutes),
            at: at(minutes),
            severity: Severity::Error,
            depth: None,
            tiers: Vec::new(),
            losses: std::collections::BTreeMap::new(),
            incident: None,
            line: "".into(),
            repeats: 0,
        }
    }

    fn open(minutes: u64) -> Topic {
        Topic { told: Some(told(minutes)), ..Topic::default() }
    }

    #[test]
    fn channel_is_called_once_for_the_same_step_of_a_problem() {
        let source = open(10);
        let called = |step, minutes| Topic { called: Some((step, at(minutes))), ..open(0) };
        let ended = Topic { ended_at: Some(at(30)), ..called(1, 20) };
        let rows = [
            ("never", open(0), 1, false),
            ("by this step", called(1, 20), 1, true),
            ("by a later step", called(2, 20), 1, true),
            ("by an earlier step", called(1, 20), 2, false),
            ("before the notice", called(1, 9), 1, false),
            ("at the moment of the notice", called(1, 10), 1, true),
            ("for what has ended there", ended, 1, false),
        ];
        for (rule, target, step, expected) in rows {
            assert_eq!(is_called(&target, &source, step), expected, "{rule}");
        }
    }

    #[test]
    fn called_channel_waits_for_an_end_as_long_as_any_that_has_called_it() {
        let with = |topic: Topic, minutes: Option<u64>| Topic {
            clear_wait_ms: minutes.map(|minutes| minutes * 60_000),
            ..topic
        };
        let rows = [
            ("the wait of the caller", Topic::default(), None, None, 5),
            ("that of who has called the caller", Topic::default(), None, Some(9), 9),
            ("an earlier caller", open(1), Some(8), None, 8),
            ("an earlier caller, of what has ended", Topic::default(), Some(8), None, 5),
        ];
        for (rule, target, own, of_source, expected) in rows {
            let (mut target, source) = (with(target, own), with(open(0), of_source));
            take_step(&mut target, &source, Duration::from_secs(300), at(20));
            assert_eq!(target.clear_wait_ms, Some(expected * 60_000), "{rule}");
        }
    }

    #[test]
    fn called_channel_keeps_what_waits_and_takes_what_lasts() {
        let pending = fixtures::due("q", SendReason::News).events;
        let mut target = Topic { pending: pending.clone(), ..Topic::default() };
        target.touched = at(9);
        let source = Topic { persists: true, touched: at(4), ..open(3) };
        take_step(&mut target, &source, Duration::ZERO, at(20));
        assert_eq!((target.pending, target.persists), (pending, true));
        assert_eq!(target.touched, at(9), "the newest event of either");
        assert_eq!(target.told.map(|told| told.first_at), Some(at(20)));
    }

    #[test]
    fn each_step_is_taken_once_in_its_time() {
        let step = |minutes: u64, to: &str| EscalationStep {
            after: Duration::from_secs(60 * minutes),
            to: to.into(),
        };
        let steps = [step(15, "lead"), step(60, "pager")];
        let open = open(0);
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
