//! Notices that become due on a topic as time passes: what waited, ends, reminders and escalation steps. Pure.

use std::time::Duration;

use super::escalate::{EscalationStep, due_steps};
use super::facts::{EventFacts, reread};
use super::group::DueNotice;
use super::judge::PERSISTS_FOR;
use super::problem::Problem;
use super::repeat::judge_repeat;
use super::restraints::{Restraints, is_restraining};
use super::told::{apart, reminder, tell, told_again};
use super::topic::{HoldReason, Pending, SendReason, Told, Topic};
use super::waiting::{wait, waiting};
use crate::event::Severity;
use crate::time::Timestamp;

/// An act that is due on a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// A notice to the channel of the topic.
    Notice(DueNotice),
    /// A notice to the channel of an escalation step.
    Escalation(String, DueNotice),
    /// Notices wait from now on for the end of quiet hours, a silence or an acknowledgement.
    Held(HoldReason, Timestamp),
}

/// Returns what is due on a topic by the interval of its reminders and by its escalation steps, and changes
/// the topic as if it were done.
pub fn judge_due(
    topic: &mut Topic,
    problem: Option<&Problem>,
    (interval, escalate): (Option<Duration>, &[EscalationStep]),
    restraints: Restraints<'_>,
    now: Timestamp,
) -> Vec<Due> {
    let mut due = Vec::new();
    let is_worked_on = problem.is_some_and(|problem| problem.is_worked_on(now));
    if let Some(grown) = topic.inhibited.take_if(|_| !is_worked_on) {
        wait(topic, Pending { due: now, ..grown });
        // Before the result of the work.
        topic.pending.rotate_right(1);
    }
    end_persisting(topic, now);
    end_holds(topic, restraints, now);
    if topic.pending.iter().any(|one| one.due <= now) {
        let later = take_unstable_end(topic, now);
        match release(topic, problem, restraints, now) {
            Some(Due::Notice(notice)) => due.extend(apart(notice, topic).map(Due::Notice)),
            other => due.extend(other),
        }
        topic.pending.extend(later);
    }
    if !topic.is_open() {
        return due;
    }
    let Some(mut told) = topic.told.clone() else { return due };
    told.at = told.at.max(restraints.since);
    let ack = restraints.ack(topic, now);
    if ack.is_some() {
        topic.acked_until = ack;
    }
    let hold = restraints.hold(topic, told.severity, None, now);
    follow_silence(topic, &mut told, hold, now);
    let is_restrained = ack.is_some() || hold.is_some();
    if let Some(reason) = judge_repeat(&told, interval, topic.acked_until, is_restrained, now) {
        let ordinal = told.repeats + 1;
        let notice = DueNotice { ordinal, ..reminder(topic, problem, &told, reason, now) };
        told_again(topic, reason, now);
        due.push(Due::Notice(notice));
    }
    let unacked = topic.told.as_ref().map_or(now, |told| told.unacked_since).max(restraints.since);
    let mut steps: Vec<(&str, DueNotice)> = Vec::new();
    for step in due_steps(escalate, topic, unacked, is_restraining(hold), now) {
        topic.escalated += 1;
        let notice = reminder(topic, problem, &told, SendReason::Escalated, now);
        let ordinal = topic.escalated as u64;
        // Two steps after a long sleep are one notice of their channel.
        steps.retain(|(to, _)| *to != step.to);
        steps.push((&step.to, DueNotice { ordinal, ..notice }));
    }
    due.extend(steps.into_iter().map(|(to, notice)| Due::Escalation(to.to_owned(), notice)));
    due
}

/// Ends a problem that rounds do not report any more.
fn end_persisting(topic: &mut Topic, now: Timestamp) {
    if !topic.persists || topic.ended_at.is_some() || now.since(topic.touched) <= PERSISTS_FOR {
        return;
    }
    topic.ended_at = Some(topic.touched);
    topic.pending.clear();
    let line = topic.told.as_ref().map(|told| told.line.clone()).unwrap_or_default();
    if let Some(facts) = reread(&line) {
        let facts = EventFacts { severity: Severity::Info, ..facts };
        wait(topic, waiting(&facts, &line, SendReason::Ended, now, now));
    }
}

/// Records a silence of a problem. When it ends, people are to acknowledge the problem from then on.
fn follow_silence(
    topic: &mut Topic,
    told: &mut Told,
    hold: Option<(HoldReason, Timestamp)>,
    now: Timestamp,
) {
    if let Some((HoldReason::Silence, until)) = hold {
        topic.silenced_until = Some(until);
    } else if let Some(until) = topic.silenced_until.take() {
        told.unacked_since = told.unacked_since.max(until.min(now));
        topic.told.iter_mut().for_each(|known| known.unacked_since = told.unacked_since);
    }
}

/// Makes due what people do not hold back any more: a silence can end before its time.
fn end_holds(topic: &mut Topic, restraints: Restraints<'_>, now: Timestamp) {
    let is_held = |one: &Pending| one.hold.is_some_and(HoldReason::is_restraint);
    let has_held = topic.pending.iter().any(is_held);
    if has_held && restraints.hold(topic, topic.pending_severity(), last_end(topic), now).is_none()
    {
        let held = topic.pending.iter_mut().filter(|one| is_held(one));
        held.for_each(|one| one.due = one.due.min(now));
    }
}

/// Returns the severity of an end that waits, if nothing came after it.
fn last_end(topic: &Topic) -> Option<Severity> {
    let last = topic.pending.last().filter(|one| one.reason == SendReason::Ended);
    last.map(|one| one.severity)
}

/// Takes the end of a problem that has not lasted long enough: it waits on its own.
fn take_unstable_end(topic: &mut Topic, now: Timestamp) -> Vec<Pending> {
    let is_later = |one: &Pending| one.hold == Some(HoldReason::Stable) && one.due > now;
    let (later, others) = std::mem::take(&mut topic.pending).into_iter().partition(is_later);
    topic.pending = others;
    later
}

/// Takes what waits on a topic, or makes it wait longer.
fn release(
    topic: &mut Topic,
    problem: Option<&Problem>,
    restraints: Restraints<'_>,
    now: Timestamp,
) -> Option<Due> {
    let (end, severity) = (last_end(topic), topic.pending_severity());
    if let Some((why, until)) = restraints.hold(topic, severity, end, now) {
        let was_held = topic.pending.iter().all(|one| one.hold == Some(why));
        for one in &mut topic.pending {
            (one.due, one.hold) = (until, Some(why));
        }
        return (!was_held).then_some(Due::Held(why, until));
    }
    // A group tells everything that waits.
    let reason = topic.pending.iter().map(|one| one.reason).min_by_key(|one| *one as u8)?;
    // Whatever comes at the end of an acknowledgement is told with the problem, which then escalates anew.
    let is_acked = |one: &Pending| one.hold == Some(HoldReason::Ack);
    let is_held_by_another =
        |one: &Pending| one.hold.is_some_and(HoldReason::is_restraint) && !is_acked(one);
    let was_acked = topic.acked_until.is_some() || topic.pending.iter().any(is_acked);
    let is_ack_over = was_acked && !topic.pending.iter().any(is_held_by_another);
    let reason = if is_ack_over && topic.is_open() { SendReason::AckExpired } else { reason };
    let mut notice = DueNotice::new(topic, problem, reason, now);
    if let Some(told) = topic.told.as_ref().filter(|_| reason == SendReason::AckExpired) {
        // What has come meanwhile is told with the problem itself.
        let again = reminder(topic, problem, told, reason, now);
        notice.events.splice(0..0, again.events);
    }
    tell(topic, problem, now);
    topic.acked_until = None;
    if reason == SendReason::AckExpired {
        told_again(topic, reason, now);
    }
    Some(Due::Notice(notice))
}
