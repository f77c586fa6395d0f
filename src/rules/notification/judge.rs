//! The stages of notification in their order: what an event changes for a channel, and what is due.
//!
//! [`judge_event`] looks at an event, [`judge_due`] at the time. Both change the [`Topic`], the record
//! of a problem on a channel, and return what is to be done. Promises: a problem is told once, and
//! again only for a [`SendReason`]; an event that waits is in the record, so that a restart forgets
//! none. Pure.

use std::time::Duration;

use super::causes::{self, new_causes};
use super::decision::{DropReason, NoticeDecision};
use super::escalate::due_steps;
use super::facts::{EventFacts, TopicChange};
use super::group::{DueNotice, clear_wait, flap, lengthen_wait};
use super::inhibit::{Growth, judge_growth};
use super::notices::Problem;
use super::policy::{GroupBy, RoutePolicy};
use super::repeat::judge_repeat;
use super::restraints::{Restraints, is_restraining};
use super::told::{apart, follow_incident, reminder, restart, tell, told_again};
use super::topic::{HoldReason, Pending, SendReason, Topic};
use super::waiting::{keep_loss, tells_of_loss, wait, waiting};
use crate::time::Timestamp;

/// The time after which a problem that every round reports, and that was not reported, is a new one.
const PERSISTS_FOR: Duration = Duration::from_secs(3600);
/// The time in which a queue's problems are one where notices are grouped by queue.
const DAY: Duration = Duration::from_secs(86_400);
/// The time in which a problem that comes back has come back, and is not a new one.
const AGAIN_WITHIN: Duration = Duration::from_secs(7 * 86_400);

/// The way by which an event reaches a channel.
#[derive(Debug, Clone, Copy)]
pub struct Routing<'a> {
    pub policy: &'a RoutePolicy,
    /// Whether a route sends the event to the channel.
    pub is_routed: bool,
    /// Whether a route without channels keeps the event from all.
    pub is_muted: bool,
    /// Whether the route names the type of the event in full.
    pub is_named: bool,
    /// The factor by which a problem has to grow before the channel is told again.
    pub growth_factor: u64,
}

/// Returns what an event changes for a channel, and changes its topic.
pub fn judge_event(
    topic: &mut Topic,
    problem: &Problem,
    facts: &EventFacts,
    line: &str,
    routing: Routing<'_>,
    now: Timestamp,
) -> NoticeDecision {
    let new_causes = new_causes(topic, facts);
    let mut decision = decide(topic, problem, facts, routing, !new_causes.is_empty(), now);
    topic.touched = topic.touched.max(facts.at);
    topic.subject.clone_from(&facts.subject);
    topic.persists = facts.change == TopicChange::Persists;
    let is_return = decision == NoticeDecision::Drop(DropReason::Flapping);
    if facts.change == TopicChange::Begins && (is_return || topic.told.is_none()) {
        keep_loss(topic);
    }
    // The end of the problem that the channel knows is told first, with the key of that one.
    let waits_for_end = topic.told.is_some() && topic.awaits(SendReason::Ended);
    match (&facts.change, decision) {
        (TopicChange::Ends { .. }, _) => {
            topic.inhibited = None;
            topic.ended_at = topic.ended_at.or(Some(now));
            topic.pending.retain(|one| matches!(one.reason, SendReason::Ended | SendReason::News));
        }
        (TopicChange::Begins, NoticeDecision::Drop(DropReason::Flapping)) => {
            decision = come_back(topic, facts, line, routing, now);
        }
        (
            TopicChange::Begins | TopicChange::Persists,
            NoticeDecision::Send(reason @ (SendReason::New | SendReason::Again), _),
        ) => {
            if reason == SendReason::Again {
                lengthen_wait(topic, routing.policy.clear_wait, now);
            }
            if !waits_for_end {
                restart(topic);
            }
        }
        // The channel is told nothing of this problem, and was told the end of the one before.
        (TopicChange::Begins, NoticeDecision::Drop(DropReason::NotRouted))
            if topic.ended_at.is_some() =>
        {
            lengthen_wait(topic, routing.policy.clear_wait, now);
            if !waits_for_end {
                restart(topic);
            }
        }
        _ => {}
    }
    take_incident(topic, facts);
    if facts.working == Some(false) {
        let grown = topic.inhibited.take();
        grown.into_iter().for_each(|one| wait(topic, Pending { due: now, ..one }));
    }
    if decision == NoticeDecision::Inhibited {
        topic.inhibited = Some(waiting(facts, line, SendReason::Grew, now, now));
    }
    if let NoticeDecision::Send(reason, due) = decision {
        let mut pending = waiting(facts, line, reason, due, now);
        if is_return {
            pending.hold = Some(HoldReason::Stable);
        }
        wait(topic, with_causes(pending, topic, new_causes));
    }
    causes::remember(topic, facts);
    decision
}

/// Returns an event with the causes that are new, as grave as the problem is known to be.
fn with_causes(pending: Pending, topic: &Topic, causes: Vec<String>) -> Pending {
    if pending.reason != SendReason::NewCause {
        return pending;
    }
    let known = topic.told.as_ref().map_or(pending.severity, |told| told.severity);
    Pending { severity: pending.severity.max(known), causes, ..pending }
}

/// Records the incident that is open now. A result or a step can be that of an earlier one.
fn take_incident(topic: &mut Topic, facts: &EventFacts) {
    let is_step = matches!(facts.change, TopicChange::News | TopicChange::Progress);
    let is_known = topic.incident.is_some() && !topic.is_settled();
    if facts.incident.is_some() && !(is_step && is_known) {
        topic.incident.clone_from(&facts.incident);
    }
}

/// Takes up a problem that has come back before its end was told. Returns what that means for a channel
/// that is told of beginnings: it is told when the problem stays.
fn come_back(
    topic: &mut Topic,
    facts: &EventFacts,
    line: &str,
    routing: Routing<'_>,
    now: Timestamp,
) -> NoticeDecision {
    flap(topic, now);
    (topic.ended_at, topic.is_end_told) = (None, false);
    topic.pending.retain(|one| one.reason != SendReason::Ended);
    follow_incident(topic, facts, line, now);
    let RoutePolicy { group_by, clear_wait: wait, .. } = *routing.policy;
    if !routing.is_routed || group_by == GroupBy::Queue {
        return NoticeDecision::Drop(DropReason::Flapping);
    }
    NoticeDecision::Send(SendReason::Again, now.plus(clear_wait(topic, wait, now)))
}

fn decide(
    topic: &Topic,
    problem: &Problem,
    facts: &EventFacts,
    routing: Routing<'_>,
    has_new_cause: bool,
    now: Timestamp,
) -> NoticeDecision {
    use DropReason::{AlreadyTold, Flapping, NotRouted, Over, Progress};
    use NoticeDecision::{Drop, Inhibited, Send, Update};
    let policy = routing.policy;
    let waits_to_begin = topic.awaits_beginning();
    let is_end = !routing.is_muted && ends_what_is_told(topic, facts);
    if !routing.is_routed && !is_end {
        let is_back = comes_back_untold(topic, facts, policy, now);
        return Drop(if is_back { Flapping } else { NotRouted });
    }
    match &facts.change {
        // Only checks that fail begin with causes: others than those that people know of.
        TopicChange::Begins if topic.is_open() && has_new_cause => Send(SendReason::NewCause, now),
        TopicChange::Begins if topic.is_open() || waits_to_begin => Drop(AlreadyTold),
        TopicChange::Begins => begin(topic, policy, now),
        TopicChange::Persists if topic.told.is_some() || waits_to_begin => {
            let is_new = facts.at.since(topic.touched) > PERSISTS_FOR && !waits_to_begin;
            if is_new {
                Send(SendReason::New, now.plus(policy.group_wait))
            } else {
                Drop(AlreadyTold)
            }
        }
        TopicChange::Persists => Send(SendReason::New, now.plus(policy.group_wait)),
        TopicChange::Grows(_) if waits_to_begin && !topic.is_open() => Drop(AlreadyTold),
        TopicChange::Grows(depth) => match &topic.told {
            None => Send(SendReason::New, now.plus(policy.group_wait)),
            Some(told) => {
                let factor = routing.growth_factor;
                match judge_growth(told, problem, *depth, facts.severity, factor) {
                    Growth::Worse => Send(SendReason::Severity, now),
                    Growth::Grown => Send(SendReason::Grew, now),
                    _ if routing.is_named => Send(SendReason::Grew, now),
                    Growth::Inhibited => Inhibited,
                    Growth::Update => Update,
                }
            }
        },
        TopicChange::Nears(tier) => {
            if knows_tier(topic, tier, facts) {
                Drop(AlreadyTold)
            } else {
                Send(SendReason::Tier, now)
            }
        }
        TopicChange::Ends { lost: true } if !topic.is_end_told => Send(SendReason::Ended, now),
        TopicChange::Ends { .. } if topic.ended_at.is_some() => Drop(AlreadyTold),
        TopicChange::Ends { .. } if topic.told.is_none() && !topic.pending.is_empty() => Drop(Over),
        TopicChange::Ends { .. } => {
            Send(SendReason::Ended, now.plus(clear_wait(topic, policy.clear_wait, now)))
        }
        TopicChange::News => Send(SendReason::News, now),
        TopicChange::Progress if has_new_cause => Send(SendReason::NewCause, now),
        TopicChange::Progress if routing.is_named => Send(SendReason::News, now),
        TopicChange::Progress if topic.is_open() => Update,
        TopicChange::Progress => Drop(Progress),
    }
}

/// Decides about a problem that begins, and that is neither open nor waits to begin.
fn begin(topic: &Topic, policy: &RoutePolicy, now: Timestamp) -> NoticeDecision {
    use DropReason::Flapping;
    use NoticeDecision::{Drop, Send};
    match topic.ended_at.filter(|_| topic.told.is_some()) {
        Some(ended) if is_flapping(topic, ended, policy, now) => Drop(Flapping),
        Some(ended) if policy.group_by == GroupBy::Queue && now.since(ended) <= DAY => {
            Drop(Flapping)
        }
        Some(ended) if now.since(ended) <= AGAIN_WITHIN => {
            Send(SendReason::Again, now.plus(policy.group_wait))
        }
        _ => Send(SendReason::New, now.plus(policy.group_wait)),
    }
}

/// Returns whether the channel knows of a tier. What waits to begin after an end has tiers of its own.
fn knows_tier(topic: &Topic, tier: &str, facts: &EventFacts) -> bool {
    let told = topic.told.as_ref().filter(|_| topic.is_open() || !topic.awaits_beginning());
    told.is_some_and(|told| told.knows_tier(tier, facts.loss))
}

/// Returns whether a problem has come back before the channel was told its end.
fn comes_back_untold(
    topic: &Topic,
    facts: &EventFacts,
    policy: &RoutePolicy,
    now: Timestamp,
) -> bool {
    let begins = matches!(facts.change, TopicChange::Begins) && topic.told.is_some();
    let ended = topic.ended_at.filter(|_| begins && !topic.is_end_told);
    ended.is_some_and(|ended| is_flapping(topic, ended, policy, now))
}

/// Returns whether an event ends what the channel was told of, or is about to be told.
fn ends_what_is_told(topic: &Topic, facts: &EventFacts) -> bool {
    let is_known = topic.told.is_some() || !topic.pending.is_empty();
    matches!(facts.change, TopicChange::Ends { .. }) && is_known
}

/// Returns whether a problem that has come back never counted as ended. A loss always ends it.
fn is_flapping(topic: &Topic, ended: Timestamp, policy: &RoutePolicy, now: Timestamp) -> bool {
    if topic.is_end_told || topic.pending.iter().any(tells_of_loss) {
        return false;
    }
    now.since(ended) <= clear_wait(topic, policy.clear_wait, ended)
}

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

/// Returns what is due on a topic, and changes the topic as if it were done.
pub fn judge_due(
    topic: &mut Topic,
    problem: Option<&Problem>,
    policy: &RoutePolicy,
    restraints: Restraints<'_>,
    now: Timestamp,
) -> Vec<Due> {
    let mut due = Vec::new();
    end_holds(topic, restraints, now);
    if topic.pending.iter().any(|one| one.due <= now) {
        let later = take_unstable_end(topic, now);
        match release(topic, problem, restraints, now) {
            Some(Due::Notice(notice)) => due.extend(apart(notice, topic).map(Due::Notice)),
            other => due.extend(other),
        }
        topic.pending.extend(later);
    }
    if topic.persists && now.since(topic.touched) > PERSISTS_FOR {
        topic.ended_at = topic.ended_at.or(Some(topic.touched));
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
    let hold = restraints.hold(topic, told.severity, false, now);
    let is_restrained = ack.is_some() || hold.is_some();
    let interval = policy.repeat_interval;
    if let Some(reason) = judge_repeat(&told, interval, topic.acked_until, is_restrained, now) {
        let ordinal = told.repeats + 1;
        let notice = DueNotice { ordinal, ..reminder(topic, problem, &told, reason, now) };
        told_again(topic, reason, now);
        due.push(Due::Notice(notice));
    }
    let unacked = topic.told.as_ref().map_or(now, |told| told.unacked_since).max(restraints.since);
    let mut steps: Vec<(&str, DueNotice)> = Vec::new();
    for step in due_steps(&policy.escalate, topic, unacked, is_restraining(hold), now) {
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

/// Makes due what people do not hold back any more: a silence can end before its time.
fn end_holds(topic: &mut Topic, restraints: Restraints<'_>, now: Timestamp) {
    let is_held = |one: &Pending| one.hold.is_some_and(HoldReason::is_restraint);
    let is_end = topic.pending.last().is_some_and(|one| one.reason == SendReason::Ended);
    let has_held = topic.pending.iter().any(is_held);
    if has_held && restraints.hold(topic, topic.pending_severity(), is_end, now).is_none() {
        let held = topic.pending.iter_mut().filter(|one| is_held(one));
        held.for_each(|one| one.due = one.due.min(now));
    }
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
    let last = topic.pending.last()?;
    let (reason, severity) = (last.reason, topic.pending_severity());
    let is_end = reason == SendReason::Ended;
    if let Some((why, until)) = restraints.hold(topic, severity, is_end, now) {
        let was_held = topic.pending.iter().all(|one| one.hold == Some(why));
        for one in &mut topic.pending {
            (one.due, one.hold) = (until, Some(why));
        }
        return (!was_held).then_some(Due::Held(why, until));
    }
    // A group tells everything that waits.
    let reason = topic.pending.iter().map(|one| one.reason).min_by_key(|one| *one as u8)?;
    let is_ack_over = topic.pending.iter().all(|one| one.hold == Some(HoldReason::Ack));
    let reason = if is_ack_over && topic.is_open() { SendReason::AckExpired } else { reason };
    let mut notice = DueNotice::new(topic, problem, reason);
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
