//! Fallbacks: what another channel gets when one refuses a delivery. Pure.
//!
//! Promises: the other channel is told the end of what it was told of, once; one that has an alert for
//! each problem gets a notice for each, so that each end resolves its own.

use super::delivery::{Action, ProblemKeys};
use super::escalate::take_step;
use super::message::Notice;
use super::notices::{Notices, QueuedDelivery};
use super::outbox::{OutboxEntry, key_of};
use super::policy::{Channel, Notifications};
use super::topic::{SendReason, Topic};
use crate::event::derived_id;
use crate::time::Timestamp;

/// Returns the entries for the fallback of a refused delivery, which has told of `topics`, and records
/// them.
pub fn fall_back(
    notices: &mut Notices,
    notifications: &Notifications,
    to: &Channel,
    entry: &OutboxEntry,
    topics: &[String],
    now: Timestamp,
) -> Vec<OutboxEntry> {
    // A step is sent nowhere else.
    if entry.delivery.action == Action::Update {
        return Vec::new();
    }
    let is_split = !to.can_merge() && topics.len() > 1 && topics.len() == entry.subjects.len();
    let parts: Vec<(OutboxEntry, &[String])> = match is_split {
        true => (0..topics.len())
            .map(|at| (part(notices, entry, topics, at), &topics[at..=at]))
            .collect(),
        false => vec![(entry.clone(), topics)],
    };
    let mut entries = Vec::new();
    for (mut part, topics) in parts {
        let known = known_key(notices, to, &part, topics);
        let follow = |key: &String| follow(notices, notifications, to, key, now);
        let targets: Vec<String> = topics.iter().filter_map(follow).collect();
        let is_told_itself = topics.iter().all(|key| tells_end(notices, to, key));
        if part.delivery.action == Action::Resolve && is_told_itself {
            continue;
        }
        if let Some(key) = known {
            part.delivery.problems = ProblemKeys { open: vec![key.clone()], ended: Vec::new() };
            part.delivery.key = key;
        }
        notices.sequence += 1;
        let mut id = vec![entry.delivery.id.as_str(), &to.name];
        id.extend(is_split.then_some(part.delivery.key.as_str()));
        part.delivery.id = derived_id(&id);
        part.delivery.handle = None;
        part.channel.clone_from(&to.name);
        part.sequence = notices.sequence;
        part.refused_by.push(entry.channel.clone());
        let next = notifications.fallback(None, &to.name);
        part.fallback = next.filter(|next| !part.refused_by.contains(next)).cloned();
        part.delivery
            .notice
            .below
            .push(format!("sent here because '{}' refused it", entry.channel));
        part.attempts = 0;
        part.perhaps_sent = false;
        part.not_before = None;
        part.silence = None;
        part.silenced_ms = 0;
        part.queued_at = now;
        let (channel, is_of_group) = (to.name.clone(), false);
        let queued = QueuedDelivery { channel, topics: targets, is_of_group };
        notices.queue.insert(part.delivery.id.clone(), queued);
        entries.push(part);
    }
    entries
}

/// Returns whether the other channel was told of a problem that has ended, so that its end goes there.
fn tells_end(notices: &Notices, to: &Channel, key: &str) -> bool {
    let Some(source) = notices.topics.get(key) else { return false };
    let target = notices.topics.get(&Topic::key(&to.name, &source.problem));
    // A later problem forgets what was told of an earlier one.
    target.is_some_and(|one| one.told.is_some())
}

/// Returns the key by which the other channel knows the one problem of a delivery already.
fn known_key(
    notices: &Notices,
    to: &Channel,
    part: &OutboxEntry,
    topics: &[String],
) -> Option<String> {
    let [key] = topics else { return None };
    let problem = &notices.topics.get(key).filter(|_| part.reason != SendReason::News)?.problem;
    let target = notices.topics.get(&Topic::key(&to.name, problem))?;
    target.is_open().then(|| key_of(problem, target.key_incident()))
}

/// Lets the other channel be told the end of a problem, if that was not told yet. Returns the key of its
/// topic, if it has one.
fn follow(
    notices: &mut Notices,
    notifications: &Notifications,
    to: &Channel,
    key: &str,
    now: Timestamp,
) -> Option<String> {
    let source = notices.topics.get(key)?.clone();
    let target_key = Topic::key(&to.name, &source.problem);
    if source.told.is_some() && !source.is_end_told {
        let target = notices.topics.entry(target_key.clone()).or_default();
        if !target.is_open() {
            target.channel.clone_from(&to.name);
            let policy = notifications.policy(source.route, &source.channel);
            take_step(target, &source, policy.clear_wait, now);
            target.ended_at = source.ended_at;
            let ends = source.pending.iter().filter(|one| one.reason == SendReason::Ended);
            target.pending.extend(ends.cloned());
        }
    }
    notices.topics.contains_key(&target_key).then_some(target_key)
}

/// Returns the part of a delivery that tells of one of its problems.
fn part(notices: &Notices, entry: &OutboxEntry, topics: &[String], at: usize) -> OutboxEntry {
    let (mut part, subject) = (entry.clone(), entry.subjects[at].clone());
    let incident = entry.incidents.get(at).filter(|id| !id.is_empty()).cloned();
    let topic = notices.topics.get(&topics[at]);
    let problem = topics[at].split_once('\n').map_or("", |(_, problem)| problem);
    let whole = &entry.delivery.notice;
    let told = format!("{subject}: ");
    let sentence = whole.below.iter().find_map(|line| line.strip_prefix(&told));
    let what = match sentence {
        Some(sentence) => sentence.to_owned(),
        None => format!("one of {}: {}", whole.subject, whole.what),
    };
    let notice = Notice { below: Vec::new(), names: Vec::new(), spoken: None, ..whole.clone() };
    part.delivery.notice = Notice { subject: subject.clone(), what, ..notice };
    if topic.is_some_and(|topic| topic.is_end_told) {
        part.delivery.action = Action::Resolve;
    }
    let told = topic.and_then(|topic| topic.told.as_ref()?.incident.as_deref());
    part.delivery.key = key_of(problem, told.or(incident.as_deref()));
    let (key, is_end) = (vec![part.delivery.key.clone()], part.delivery.action == Action::Resolve);
    let (open, ended) = if is_end { (Vec::new(), key) } else { (key, Vec::new()) };
    part.delivery.problems = ProblemKeys { open, ended };
    part.delivery.incident.clone_from(&incident);
    part.subjects = vec![subject];
    part.incidents = vec![incident.unwrap_or_default()];
    part
}
