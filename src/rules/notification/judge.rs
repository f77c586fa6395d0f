//! The stages of notification in their order: what an event changes for a channel.
//!
//! [`judge_event`] looks at an event, [`judge_due`](super::due::judge_due) at the time. Both change the [`Topic`], the record
//! of a problem on a channel, and return what is to be done. Promises: a problem is told once, and
//! again only for a [`SendReason`]; an event that waits is in the record, so that a restart forgets
//! none. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::causes::{self, new_causes};
use super::decision::{DropReason, NoticeDecision};
use super::facts::{EventFacts, TopicChange};
use super::group::{clear_wait, flap, lengthen_wait};
use super::inhibit::{Growth, judge_growth};
use super::policy::{GroupBy, RoutePolicy};
use super::problem::{IncidentStanding, Problem};
use super::told::{follow_incident, restart};
use super::topic::{HoldReason, Pending, SendReason, Topic};
use super::waiting::{keep_loss, tells_of_loss, wait, waiting};
use crate::time::Timestamp;

/// The time after which a problem that every round reports, and that was not reported, is a new one.
pub const PERSISTS_FOR: Duration = Duration::from_secs(3600);
/// The time in which a queue's problems are one where notices are grouped by queue.
const DAY: Duration = Duration::from_secs(86_400);
/// The time in which a problem that comes back has come back, and is not a new one.
const AGAIN_WITHIN: Duration = Duration::from_secs(7 * 86_400);

/// The way by which an event reaches a channel.
#[derive(Debug, Clone, Copy)]
pub struct Routing<'a> {
    pub policy: &'a RoutePolicy,
    /// The problem of the queue that the event is of.
    pub standing: IncidentStanding,
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
    line: &Arc<str>,
    routing: Routing<'_>,
    now: Timestamp,
) -> NoticeDecision {
    topic.subject.clone_from(&facts.subject);
    if routing.standing == IncidentStanding::Past {
        return judge_past(topic, facts, line, routing, now);
    }
    begin_unseen(topic, facts, line, routing, now);
    let new_causes = new_causes(topic, facts);
    let mut decision = decide(topic, problem, facts, routing, !new_causes.is_empty(), now);
    topic.touched = topic.touched.max(facts.at.min(now));
    topic.persists = facts.change == TopicChange::Persists;
    let is_return = decision == NoticeDecision::Drop(DropReason::Flapping);
    if facts.change == TopicChange::Begins && (is_return || topic.told.is_none()) {
        keep_loss(topic);
        // The end of what the channel was not told of ends nothing that begins now.
        topic.pending.retain(|one| topic.told.is_some() || one.reason != SendReason::Ended);
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
            if topic.ended_at.is_some() && routing.standing == IncidentStanding::Open =>
        {
            lengthen_wait(topic, routing.policy.clear_wait, now);
            if !waits_for_end {
                restart(topic);
            }
        }
        _ => {}
    }
    take_incident(topic, facts);
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

/// Takes growth or a tier of another incident for its beginning, when the one that is known has ended: the
/// beginning itself was missed.
fn begin_unseen(
    topic: &mut Topic,
    facts: &EventFacts,
    line: &Arc<str>,
    routing: Routing<'_>,
    now: Timestamp,
) {
    let is_step = matches!(facts.change, TopicChange::Grows(_) | TopicChange::Nears(_));
    let is_other = routing.standing == IncidentStanding::Open
        && facts.incident.is_some()
        && facts.incident != topic.incident;
    let Some(ended) = topic.ended_at.filter(|_| is_step && is_other) else { return };
    if topic.told.is_some() && is_flapping(topic, ended, routing.policy, now) {
        come_back(topic, facts, line, routing, now);
        return;
    }
    lengthen_wait(topic, routing.policy.clear_wait, now);
    if !(topic.told.is_some() && topic.awaits(SendReason::Ended)) {
        restart(topic);
    }
}

/// Judges an event of an earlier problem of the queue. Only a result and a loss are told: they change
/// nothing of the problem that is known.
fn judge_past(
    topic: &mut Topic,
    facts: &EventFacts,
    line: &Arc<str>,
    routing: Routing<'_>,
    now: Timestamp,
) -> NoticeDecision {
    if !routing.is_routed {
        return NoticeDecision::Drop(DropReason::NotRouted);
    }
    if !matches!(facts.change, TopicChange::News | TopicChange::Ends { lost: true }) {
        return NoticeDecision::Drop(DropReason::Over);
    }
    wait(topic, waiting(facts, line, SendReason::News, now, now));
    NoticeDecision::Send(SendReason::News, now)
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
    line: &Arc<str>,
    routing: Routing<'_>,
    now: Timestamp,
) -> NoticeDecision {
    flap(topic, now);
    let was_end_told = topic.is_end_told;
    (topic.ended_at, topic.is_end_told) = (None, false);
    topic.pending.retain(|one| one.reason != SendReason::Ended);
    follow_incident(topic, facts, line, now);
    let RoutePolicy { group_by, clear_wait: wait, .. } = *routing.policy;
    if !routing.is_routed || (group_by == GroupBy::Queue && !was_end_told) {
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
    let is_over = routing.standing == IncidentStanding::Ended;
    if !routing.is_routed && !is_end {
        let is_back = !is_over && comes_back_untold(topic, facts, policy, now);
        return Drop(if is_back { Flapping } else { NotRouted });
    }
    match &facts.change {
        TopicChange::Begins | TopicChange::Grows(_) | TopicChange::Nears(_) if is_over => {
            Drop(Over)
        }
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
                let (factor, is_worked_on) = (routing.growth_factor, problem.is_worked_on(now));
                match judge_growth(told, is_worked_on, *depth, facts.severity, factor) {
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
        TopicChange::Ends { .. } if topic.told.is_none() && !routing.is_named => Drop(Over),
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
    let ended = topic.ended_at.filter(|_| begins);
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
