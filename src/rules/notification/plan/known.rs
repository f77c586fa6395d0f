//! The causes that channels know of, where the notice of one queue stands for those of others. Pure.
//!
//! Promises: a queue is left out only while a notice of its cause was sent, or will be; when people
//! withdraw or silence that notice before it is sent, the queue is told itself.

use std::collections::{BTreeSet, HashSet};

use super::PlanInput;
use crate::rules::notification::amend::{Amended, Amendment};
use crate::rules::notification::facts::reread;
use crate::rules::notification::notice_key::NoticeKey;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::topic::{Pending, SendReason, Topic};
use crate::time::Timestamp;

/// Causes, each with its channel.
type Causes = BTreeSet<(String, String)>;

/// Returns the causes that channels were told of, or will be, in problems that go on. A queue that was
/// left out for one that is not told after all is made due.
pub(super) fn told_causes(
    notices: &mut Notices,
    input: PlanInput<'_>,
    amended: &mut Vec<Amended>,
    now: Timestamp,
) -> Causes {
    let held = held_beginnings(notices, input, now);
    let mut told = Causes::new();
    for (key, topic) in &notices.topics {
        let cause = notices.problems.get(&topic.problem).and_then(|one| one.cause.as_ref());
        let Some(cause) = cause.filter(|_| topic.told.is_some() && topic.joined.is_none()) else {
            continue;
        };
        // Who has acknowledged it has not acknowledged others.
        let is_acked =
            || input.acks.until(topic.incident.as_deref(), &topic.subject, now).is_some();
        let is_told = topic.told_of_open().is_some() && !topic.is_withdrawn && !held.contains(key);
        if is_told && !is_acked() {
            told.insert((topic.channel.clone(), cause.id.clone()));
        }
    }
    for topic in notices.topics.values_mut() {
        let Some(cause) = topic.joined.clone().filter(|_| topic.is_open()) else { continue };
        let of_channel = (topic.channel.clone(), cause);
        // A notice that names it stands for it whatever becomes of the others.
        if topic.group_handle.is_none() && !told.contains(&of_channel) {
            amended.extend(begin_anew(topic, now));
        } else {
            told.insert(of_channel);
        }
    }
    told
}

/// Returns the topics of which nothing was sent yet, and whose first notice people hold back in the
/// outbox.
fn held_beginnings(notices: &Notices, input: PlanInput<'_>, now: Timestamp) -> HashSet<String> {
    let is_held = |topic: &Topic| {
        input.silences.of_subject(&topic.subject, now).is_some()
            || input.acks.until(topic.incident.as_deref(), &topic.subject, now).is_some()
    };
    let is_first = |topic: &Topic| topic.told.as_ref().is_some_and(|told| told.at == told.first_at);
    let topic = |key: &String| notices.topics.get(key);
    let held = notices.queue.values().filter(|queued| {
        queued.topics.iter().all(|key| topic(key).is_some_and(|topic| is_held(topic)))
    });
    let keys = held.flat_map(|queued| &queued.topics);
    keys.filter(|key| topic(key).is_some_and(|topic| is_first(topic))).cloned().collect()
}

/// Makes the beginning of a problem due that was left out.
fn begin_anew(topic: &mut Topic, now: Timestamp) -> Option<Amended> {
    topic.joined = None;
    let told = topic.told.as_mut()?;
    (told.first_at, told.at, told.unacked_since) = (now, now, now);
    let facts = reread(&told.line)?;
    let key = NoticeKey::new(&topic.channel, &facts.key);
    topic.pending.push(Pending {
        key: facts.key,
        reason: SendReason::New,
        severity: told.severity,
        at: facts.at,
        due: now,
        hold: None,
        line: told.line.clone(),
        causes: Vec::new(),
    });
    Some((key, Amendment::Told(SendReason::New, now)))
}
