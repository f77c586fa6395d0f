//! The plan of a flush: the events that have arrived since the last one, and the time that has
//! passed, become deliveries.
//!
//! Promises: an event is judged once for a channel, by whichever process comes first; everything
//! that a delivery needs after a crash is in `notices.json` and in the outbox; equal documents,
//! events and moments have equal plans. Pure.

mod collect;
mod join;
mod known;
mod round;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub use self::collect::HeldNotice;
use self::collect::{DueNotices, collect_due};
use self::join::name_joined;
use self::round::end_failures;
use super::ack::Acks;
use super::amend::{Amended, dropped_by};
use super::decision::NoticeDecision;
use super::facts::{EventFacts, RoundSight, TopicChange, reread};
use super::group::{DueNotice, merge};
use super::judge::{Routing, judge_event};
use super::notice_key::{KeyHash, NoticeKey};
use super::notices::{JudgedEvent, Notices, QueuedDelivery};
use super::policy::{Channel, Notifications};
use super::problem::IncidentStanding;
use super::route::RoutedChannel;
use super::silence::Silences;
use super::topic::{Pending, SendReason, Topic};
use crate::event::stream_time::DRIFT;
use crate::event::{self, Severity};
use crate::time::Timestamp;

/// An event that has arrived, and the channels that get it.
#[derive(Debug, Clone)]
pub struct ArrivedEvent {
    pub facts: EventFacts,
    pub line: Arc<str>,
    pub channels: Vec<RoutedChannel>,
    /// Whether a route without channels keeps it from all.
    pub is_muted: bool,
}

/// The policy and the statements of people that a plan goes by.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    pub notifications: &'a Notifications,
    pub silences: &'a Silences,
    pub acks: &'a Acks,
    /// Whether nothing more comes: then no notice waits for others.
    pub is_final: bool,
    /// Whether notices are switched off: then all of them wait.
    pub is_off: bool,
}

/// A delivery to a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDelivery {
    /// The id of the delivery, equal for all attempts and in every process.
    pub id: String,
    /// The place in the order of deliveries.
    pub sequence: u64,
    /// The name of the channel.
    pub channel: String,
    /// Whether it replaces what the channel shows, and is no new notice.
    pub is_update: bool,
    pub reason: SendReason,
    pub notices: Vec<DueNotice>,
    /// The reference by which the channel updates its notice.
    pub handle: Option<String>,
    /// The channel that gets what this one refuses.
    pub fallback: Option<String>,
}

impl PlannedDelivery {
    /// Returns the title of the cause that several notices share.
    pub fn title(&self, notices: &Notices) -> Option<String> {
        let [first, _, ..] = self.notices.as_slice() else { return None };
        let cause = first.cause.as_ref()?;
        if self.notices.iter().any(|one| one.cause.as_ref() != Some(cause)) {
            return None;
        }
        let of_event = first.events.iter().find(|event| event.causes.contains(cause));
        if let Some(sampled) = of_event.and_then(|event| reread(&event.line)?.sampled) {
            return sampled.into_iter().find(|one| one.id == *cause).map(|one| one.title);
        }
        Some(notices.problems.get(&first.problem)?.cause.as_ref()?.title.clone())
    }
}

/// The result of a plan.
#[derive(Debug, Default)]
pub struct FlushPlan {
    pub deliveries: Vec<PlannedDelivery>,
    pub held: Vec<HeldNotice>,
    /// The number of judged events that were forgotten before their time.
    pub forgotten: usize,
    /// The number of problems that go on and were forgotten, counted on each channel.
    pub forgotten_problems: usize,
}

/// Judges the events that have arrived and the time that has passed.
pub fn plan(
    notices: &mut Notices,
    arrived: &[ArrivedEvent],
    input: PlanInput<'_>,
    now: Timestamp,
) -> FlushPlan {
    let mut judged = Vec::new();
    let mut amended = Vec::new();
    let updated = judge_arrived(notices, arrived, input, now, &mut judged, &mut amended);
    let mut flush = FlushPlan { forgotten: notices.remember(judged, now), ..FlushPlan::default() };
    for (key, progress) in updated {
        flush.deliveries.extend(update(notices, input, &key, progress, now));
    }
    let DueNotices { by_channel, joined, held, amended: dropped } =
        collect_due(notices, input, now);
    amended.extend(dropped);
    notices.amend(amended);
    flush.held = held;
    for (channel, due) in by_channel {
        let Some(channel) = input.notifications.channel(&channel) else { continue };
        let sets = match channel.can_merge() {
            true => merge(due),
            false => due.into_iter().map(|one| vec![one]).collect(),
        };
        for set in sets {
            let delivery = deliver(notices, input.notifications, channel, set);
            flush.deliveries.push(delivery);
        }
    }
    for (channel, cause) in joined {
        flush.deliveries.extend(name_joined(notices, input, &channel, &cause, now));
    }
    flush.forgotten_problems = notices.forget_old(now);
    flush
}

/// Judges the events that no process has judged before. Returns the topics whose notice is to be
/// updated, each with the newest event.
fn judge_arrived(
    notices: &mut Notices,
    arrived: &[ArrivedEvent],
    input: PlanInput<'_>,
    now: Timestamp,
    judged: &mut Vec<JudgedEvent>,
    amended: &mut Vec<Amended>,
) -> BTreeMap<String, Pending> {
    let channels = &input.notifications.channels;
    let mut known: HashSet<KeyHash> = notices.keys();
    let (mut updated, mut moment) = (BTreeMap::new(), Timestamp::default());
    for event in arrived {
        let ArrivedEvent { facts, line, channels: routed, is_muted } = event;
        // Each event is judged at its own time, so that a replay judges like a live stream.
        moment = facts.at.min(now).max(moment);
        let standing = match facts.is_of_problem() {
            true => notices.problems.entry(facts.topic.clone()).or_default().take(facts, now),
            false => IncidentStanding::Open,
        };
        if facts.round.is_some_and(|round| round != RoundSight::Partial) {
            end_failures(notices, input, event, moment, judged, amended);
        }
        for (at, channel) in channels.iter().enumerate() {
            let route = routed.iter().find(|one| one.channel == at);
            let key = Topic::key(&channel.name, &facts.topic);
            if !is_to_be_judged(notices, &known, channel, facts, route.is_some(), &key) {
                continue;
            }
            let topic = notices.topics.entry(key.clone()).or_insert_with(|| {
                let (channel, problem) = (channel.name.clone(), facts.topic.clone());
                Box::new(Topic { channel, problem, ..Topic::default() })
            });
            let is_taken = |_: &&RoutedChannel| {
                standing != IncidentStanding::Past && takes_route(topic, facts)
            };
            if let Some(route) = route.filter(is_taken) {
                take_route(topic, route.route, input.notifications);
            }
            let routing = Routing {
                standing,
                policy: input.notifications.policy(topic.route, &channel.name),
                is_routed: route.is_some(),
                is_muted: *is_muted,
                is_named: route.is_some_and(|route| route.is_named),
                growth_factor: channel.growth_factor(),
            };
            let problem = notices.problems.get(&facts.topic).cloned().unwrap_or_default();
            let waited = topic.pending.iter().map(|one| one.key.clone()).collect();
            let decision = judge_event(topic, &problem, facts, line, routing, moment);
            amended.extend(dropped_by(&facts.change, waited, topic));
            if matches!(decision, NoticeDecision::Update | NoticeDecision::Inhibited) {
                updated.insert(key, step(facts, line, now));
            }
            // The end of what a channel was told goes there without a route.
            if route.is_some() || matches!(decision, NoticeDecision::Send(..)) {
                let key = NoticeKey::new(&channel.name, &facts.key);
                known.insert(NoticeKey::hash(&channel.name, &facts.key));
                let is_told = matches!(decision, NoticeDecision::Send(..));
                let decision = Some(decision);
                let at = facts.at.min(now.plus(DRIFT));
                judged.push(JudgedEvent { key, at, is_told, decision, hold: None });
            }
        }
    }
    updated
}

/// Returns the event of a step that updates a notice.
fn step(facts: &EventFacts, line: &Arc<str>, now: Timestamp) -> Pending {
    Pending {
        key: facts.key.clone(),
        reason: SendReason::News,
        severity: facts.severity,
        at: facts.at,
        due: now,
        hold: None,
        line: line.clone(),
        causes: Vec::new(),
    }
}

/// Returns whether the route of an event is that of its problem from now on. The route by which a
/// problem has begun holds while it goes on, unless its severity rises.
fn takes_route(topic: &Topic, facts: &EventFacts) -> bool {
    let is_told = topic.told.is_some() && !topic.is_end_told;
    let begins = topic.awaits(SendReason::New) || topic.awaits(SendReason::Again);
    if !(is_told || begins) {
        return true;
    }
    let of_problem = !matches!(
        facts.change,
        TopicChange::News | TopicChange::Progress | TopicChange::Ends { .. }
    );
    let told = topic.told.as_ref().map(|told| told.severity);
    let known = told.max(begins.then(|| topic.pending_severity()));
    let is_graver = known.is_some_and(|known| facts.severity > known);
    of_problem && (is_graver || topic.ended_at.is_some())
}

/// Takes another route for that of a problem. The steps of the one before stay while the problem goes on,
/// when the other has none.
fn take_route(topic: &mut Topic, route: Option<usize>, notifications: &Notifications) {
    let has_steps =
        |at: Option<usize>| !notifications.policy(at, &topic.channel).escalate.is_empty();
    let goes_on = topic.ended_at.is_none() && (topic.told.is_some() || topic.awaits_beginning());
    let before = topic.step_route.or(topic.route).filter(|at| has_steps(Some(*at)));
    topic.step_route = before.filter(|_| goes_on && !has_steps(route));
    topic.route = route;
}

/// Returns whether an event is new to a channel. One that is not routed there matters only to a
/// topic that is older.
fn is_to_be_judged(
    notices: &Notices,
    known: &HashSet<KeyHash>,
    channel: &Channel,
    facts: &EventFacts,
    is_routed: bool,
    topic: &str,
) -> bool {
    let concerns = match is_routed {
        true => notices.floor_of(&channel.name).is_none_or(|floor| facts.at > floor),
        false => facts.concerns_all() && notices.topics.contains_key(topic),
    };
    concerns && !known.contains(&NoticeKey::hash(&channel.name, &facts.key))
}

/// Returns the delivery that updates the notice of a topic.
fn update(
    notices: &mut Notices,
    input: PlanInput<'_>,
    key: &str,
    progress: Pending,
    now: Timestamp,
) -> Option<PlannedDelivery> {
    let topic = notices.topics.get(key).filter(|_| !input.is_off)?;
    let channel = input.notifications.channel(&topic.channel)?;
    let handle = topic.handle.clone();
    let is_shown = handle.is_some() || !channel.needs_handle();
    if !(channel.can_update() && is_shown && topic.is_open()) {
        return None;
    }
    let told = topic.told.as_ref()?;
    let first = Pending { line: told.line.clone(), severity: told.severity, ..progress.clone() };
    let problem = notices.problems.get(&topic.problem);
    let events = vec![first, progress];
    let notice = DueNotice { events, ..DueNotice::new(topic, problem, SendReason::News, now) };
    let delivery = deliver(notices, input.notifications, channel, vec![notice]);
    Some(PlannedDelivery { is_update: true, handle, ..delivery })
}

/// Returns whether a new notice takes the place of the one that the channel shows. One that tells of
/// several problems takes none; where nobody would notice, only an end does by which nothing was lost.
fn replaces(channel: &Channel, set: &[DueNotice]) -> bool {
    let [due] = set else { return false };
    let is_plain_end =
        |event: &Pending| event.reason == SendReason::Ended && event.severity < Severity::Warn;
    !channel.replaces_silently() || due.events.iter().all(is_plain_end)
}

/// Returns whether a set tells of several problems that go on, with one cause.
fn is_of_group(set: &[DueNotice]) -> bool {
    let [first, rest @ ..] = set else { return false };
    let goes_on = |one: &DueNotice| one.cause.is_some() && one.reason != SendReason::Ended;
    !rest.is_empty()
        && goes_on(first)
        && rest.iter().all(|one| goes_on(one) && one.cause == first.cause)
}

/// Plans the delivery of a set of notices, and records it.
fn deliver(
    notices: &mut Notices,
    notifications: &Notifications,
    channel: &Channel,
    set: Vec<DueNotice>,
) -> PlannedDelivery {
    notices.sequence += 1;
    let first = &set[0];
    let key = Topic::key(&channel.name, &first.problem);
    let topic = notices.topics.get(&key);
    let event = first.events.last();
    let parts = [
        channel.name.as_str(),
        event.map_or("", |one| &one.key.source),
        event.map_or("", |one| &one.key.event),
        first.reason.as_str(),
        &first.ordinal.to_string(),
    ];
    let id = event::derived_id(&parts);
    let route = topic.and_then(|topic| topic.route);
    let handle = topic.and_then(|topic| topic.handle.clone()).filter(|_| replaces(channel, &set));
    let topics: Vec<String> =
        set.iter().map(|one| Topic::key(&channel.name, &one.problem)).collect();
    for key in &topics {
        notices.topics.get_mut(key).into_iter().for_each(|topic| topic.is_withdrawn = false);
    }
    let is_of_group = is_of_group(&set);
    let queued = QueuedDelivery { channel: channel.name.clone(), topics, is_of_group };
    notices.queue.insert(id.clone(), queued);
    PlannedDelivery {
        id,
        sequence: notices.sequence,
        channel: channel.name.clone(),
        is_update: false,
        reason: first.reason,
        handle,
        fallback: notifications.fallback(route, &channel.name).cloned(),
        notices: set,
    }
}

#[cfg(test)]
mod tests;
