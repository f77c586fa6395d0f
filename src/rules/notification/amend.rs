//! Amendments of judged events: they were dropped or told after all, or held back. Pure.

use serde::{Deserialize, Serialize};

use super::decision::DropReason;
use super::facts::TopicChange;
use super::notice_key::{EventKey, NoticeKey};
use super::topic::{HoldReason, Pending, SendReason, Topic};
use crate::time::Timestamp;

/// The restraint that has held an event back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventHold {
    pub reason: HoldReason,
    pub until: Timestamp,
    /// The pattern of the silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glob: Option<String>,
}

/// The fate of an event after it was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// The channel is not told after all.
    Dropped(DropReason),
    /// The channel is told after all.
    Told(SendReason, Timestamp),
    Held(EventHold),
}

/// An amendment of the judgement of an event on a channel.
pub type Amended = (NoticeKey, Amendment);

/// Returns an amendment for each of several events on a channel.
pub fn amend_each(events: &[Pending], channel: &str, amendment: &Amendment) -> Vec<Amended> {
    let key = |event: &Pending| NoticeKey::new(channel, &event.key);
    events.iter().map(|event| (key(event), amendment.clone())).collect()
}

/// Returns what became of the events that waited on a topic before another event was judged.
pub fn dropped_by(change: &TopicChange, waited: Vec<EventKey>, topic: &Topic) -> Vec<Amended> {
    let reason = match change {
        TopicChange::Ends { .. } => DropReason::Over,
        TopicChange::Begins => DropReason::Flapping,
        _ => return Vec::new(),
    };
    let waits = |key: &EventKey| topic.pending.iter().any(|one| one.key == *key);
    let dropped = waited.into_iter().filter(|key| !waits(key));
    dropped.map(|key| (NoticeKey::new(&topic.channel, &key), Amendment::Dropped(reason))).collect()
}
