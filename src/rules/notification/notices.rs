//! The document `notices.json`: which events were judged, what people were told, and what waits.
//!
//! A judged event is remembered by channel, source and id, for eight days and among at most 20,000:
//! longer than any replay of the journal. What the cap drops early is covered by [`Notices::floor`]:
//! an older event counts as judged, so that a replay never sends thousands of notices again. Pure:
//! the present is an argument, and the store does the locking.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::amend::{Amendment, EventHold};
use super::decision::NoticeDecision;
use super::facts::OWN;
use super::notice_key::{EventKey, KeyHash, NoticeKey};
use super::problem::Problem;
use super::topic::{SendReason, Topic};
use crate::document::{Document, RecordKind, SetOperation};
use crate::event::Head;
use crate::time::Timestamp;

/// The time for which a judged event is remembered. `scripts/pipeline` replays 7 days.
pub const KEPT_FOR: Duration = Duration::from_secs(8 * 86_400);

/// The number of judged events that are remembered.
pub const KEPT_MAX: usize = 20_000;

/// The number of topics and of problems that are remembered.
pub const TOPICS_MAX: usize = 10_000;

/// An event that was judged for a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedEvent {
    #[serde(flatten)]
    pub key: NoticeKey,
    pub at: Timestamp,
    /// Whether the channel was told, or will be; true as well for notices that an older version sent.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub is_told: bool,
    /// Absent from what an older version has sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<NoticeDecision>,
    /// The last restraint that has held it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<EventHold>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_yes(flag: &bool) -> bool {
    *flag
}

/// A delivery in the outbox. Its content is the file of that id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuedDelivery {
    pub channel: String,
    /// The topics that the delivery tells of.
    pub topics: Vec<String>,
    /// Whether they have one cause and go on, so that the notice is that of the cause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_group: bool,
}

/// The routes of a channel as `dlq-notify` knows them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownRouting {
    /// Equal for equal routes.
    pub id: String,
    /// The moment at which they were first seen.
    pub since: Timestamp,
    /// The indexes of those in the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<usize>,
    /// Events up to this time count as judged for the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// The moment since which the channel is not configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Timestamp>,
}

/// The document `notices.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Notices {
    /// The judged events, oldest first.
    handled: Vec<JudgedEvent>,
    /// Events up to this time count as judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// The problems as channels were told of them, by [`Topic::key`]. Boxed, because half of a node
    /// of the map is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, Box<Topic>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub problems: BTreeMap<String, Problem>,
    /// The deliveries in the outbox, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queue: BTreeMap<String, QueuedDelivery>,
    /// The routes of the channels as they were last seen, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routings: BTreeMap<String, KnownRouting>,
    /// The number of the newest delivery, which orders the outbox.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sequence: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Document for Notices {
    const NAME: &str = "notices";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some(
        "then run 'dlq-log --json --since 1h | dlq-notify', which repeats the notices of the \
         last hour",
    );
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::NOTICE, &mut self.handled, &mut rest.handled, |entry| entry.key.id());
        operation.value(Self::FLOOR, &mut self.floor, &mut rest.floor);
        operation.map(Self::TOPIC, &mut self.topics, &mut rest.topics);
        operation.map(Self::PROBLEM, &mut self.problems, &mut rest.problems);
        operation.map(Self::DELIVERY, &mut self.queue, &mut rest.queue);
        operation.map(Self::ROUTING, &mut self.routings, &mut rest.routings);
        operation.value(Self::SEQUENCE, &mut self.sequence, &mut rest.sequence);
    }
}

impl Notices {
    /// The kind of record of a judged event, by [`NoticeKey::id`].
    pub const NOTICE: RecordKind = "notice";
    pub const FLOOR: RecordKind = "floor";
    pub const TOPIC: RecordKind = "topic";
    pub const PROBLEM: RecordKind = "problem";
    pub const DELIVERY: RecordKind = "delivery";
    pub const ROUTING: RecordKind = "routing";
    pub const SEQUENCE: RecordKind = "sequence";

    /// Returns the hashes of the keys of the judged events.
    pub fn keys(&self) -> HashSet<KeyHash> {
        self.handled.iter().map(|entry| hash_of(&entry.key)).collect()
    }

    /// Returns the time of the newest event that was judged.
    pub fn newest(&self) -> Option<Timestamp> {
        self.handled.iter().map(|entry| entry.at).max()
    }

    /// Returns the time up to which events count as judged for a channel.
    pub fn floor_of(&self, channel: &str) -> Option<Timestamp> {
        self.floor.max(self.routings.get(channel).and_then(|known| known.floor))
    }

    /// Returns the moment from which reminders and escalations of a channel count at the earliest.
    pub fn routed_since(&self, channel: &str) -> Timestamp {
        self.routings.get(channel).map_or(Timestamp::default(), |known| known.since)
    }

    /// Returns whether all problems that a queued delivery tells of have ended.
    pub fn is_over(&self, delivery: &str) -> bool {
        let topics = self.queue.get(delivery).map(|queued| queued.topics.as_slice());
        let is_over = |key: &String| self.topics.get(key).is_some_and(|one| one.ended_at.is_some());
        topics.is_some_and(|topics| !topics.is_empty() && topics.iter().all(is_over))
    }

    /// Takes the reference that a channel has given to its notice of a delivery: that of one problem, or
    /// of several with one cause.
    pub fn take_handle(&mut self, delivery: &QueuedDelivery, handle: &str) {
        for key in &delivery.topics {
            let Some(topic) = self.topics.get_mut(key) else { continue };
            if delivery.topics.len() == 1 {
                topic.handle = Some(handle.to_owned());
            } else if delivery.is_of_group {
                topic.group_handle = Some(handle.to_owned());
            }
        }
    }

    /// Records that the notice of a beginning was withdrawn: the channel knows neither the problems nor
    /// their cause.
    pub fn withdraw(&mut self, delivery: &QueuedDelivery) {
        for key in &delivery.topics {
            self.topics.get_mut(key).into_iter().for_each(|topic| topic.is_withdrawn = true);
        }
    }

    /// Records that an escalation decided at `at` was not sent: a channel that knows of a problem by it
    /// alone is not told its end.
    pub fn uncall(&mut self, delivery: &QueuedDelivery, at: Timestamp) {
        for key in &delivery.topics {
            let Some(topic) = self.topics.get_mut(key) else { continue };
            let knows_by_it = topic.told.as_ref().is_some_and(|told| told.first_at == at);
            if knows_by_it {
                topic.told = None;
                topic.pending.retain(|one| one.reason != SendReason::Ended);
            }
        }
    }

    /// Returns the judgements of an event, one a channel.
    pub fn judged<'a>(&'a self, event: &'a EventKey) -> impl Iterator<Item = &'a JudgedEvent> {
        self.handled.iter().filter(move |one| one.key.event == *event)
    }

    /// Returns the channels that were told of an event, or will be.
    pub fn channels(&self, head: &Head) -> Vec<&str> {
        let key = EventKey::new(head);
        let told = self.handled.iter().filter(|one| one.is_told && one.key.event == key);
        told.map(|one| one.key.channel.as_str()).collect()
    }

    /// Records what became of judged events.
    pub fn amend(&mut self, amendments: Vec<(NoticeKey, Amendment)>) {
        if amendments.is_empty() {
            return;
        }
        let amendments: HashMap<NoticeKey, Amendment> = amendments.into_iter().collect();
        for one in &mut self.handled {
            match amendments.get(&one.key) {
                Some(Amendment::Dropped(reason)) => {
                    one.is_told = false;
                    one.decision = Some(NoticeDecision::Drop(*reason));
                }
                Some(Amendment::Told(reason, at)) => {
                    one.is_told = true;
                    one.decision = Some(NoticeDecision::Send(*reason, *at));
                }
                Some(Amendment::Held(hold)) => one.hold = Some(hold.clone()),
                None => {}
            }
        }
    }

    /// Adds judged events to those that other processes added, and drops old ones. Returns the
    /// number that was dropped before its time.
    pub fn remember(&mut self, judged: Vec<JudgedEvent>, now: Timestamp) -> usize {
        let oldest = now.minus(KEPT_FOR);
        self.handled.retain(|entry| entry.at >= oldest);
        // Doubled, the list has room for 6,000 events that never come.
        self.handled.reserve_exact(judged.len());
        self.handled.extend(judged);
        let too_many = self.handled.len().saturating_sub(KEPT_MAX);
        let newest = self.handled.drain(..too_many).map(|entry| entry.at).max();
        // A floor ahead of the present would swallow what comes until then.
        let floor = self.floor.max(newest).map(|floor| floor.min(now));
        self.floor = floor.filter(|floor| *floor >= oldest);
        too_many
    }

    /// Drops topics and problems that have ended long ago, then as many as are beyond the limits, the
    /// longest untouched first: topics of which nothing more will be sent, then those that go on, but
    /// none that waits to be told. Returns the number of those that go on.
    pub fn forget_old(&mut self, now: Timestamp) -> usize {
        let oldest = now.minus(KEPT_FOR);
        self.topics.retain(|_, topic| !topic.is_settled() || topic.touched >= oldest);
        let open: HashSet<&String> = self.topics.values().map(|topic| &topic.problem).collect();
        let is_kept = |key: &String, problem: &Problem| {
            !key.starts_with(OWN) && (problem.at >= oldest || open.contains(key))
        };
        self.problems.retain(|key, problem| is_kept(key, problem));
        let order = |topic: &Topic| (!topic.is_settled(), topic.touched);
        let settled = self.topics.values().filter(|topic| topic.is_settled()).count();
        let waits = |topic: &Topic| !topic.pending.is_empty() || topic.inhibited.is_some();
        let dropped = drop_first(&mut self.topics, |topic| (!waits(topic)).then(|| order(topic)));
        drop_first(&mut self.problems, |problem| Some(problem.at));
        dropped.saturating_sub(settled)
    }
}

fn hash_of(key: &NoticeKey) -> KeyHash {
    NoticeKey::hash(&key.channel, &key.event)
}

/// Drops as many values as are beyond the limit, the least first; None is not dropped. Returns their
/// number.
fn drop_first<V, O: Ord>(map: &mut BTreeMap<String, V>, order: impl Fn(&V) -> Option<O>) -> usize {
    let excess = map.len().saturating_sub(TOPICS_MAX);
    if excess == 0 {
        return 0;
    }
    let mut keys: Vec<(O, &String)> =
        map.iter().filter_map(|(key, value)| Some((order(value)?, key))).collect();
    keys.sort_unstable();
    let dropped: Vec<String> = keys.iter().take(excess).map(|(_, key)| (*key).clone()).collect();
    dropped.iter().for_each(|key| drop(map.remove(key)));
    dropped.len()
}

#[cfg(test)]
mod tests;
