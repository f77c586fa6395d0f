//! The decision about an event on a channel. Documents have its code; people get the words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::topic::SendReason;
use crate::event::words;
use crate::time::Timestamp;

/// The decision about an event on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeDecision {
    /// Tells it at a moment.
    Send(SendReason, Timestamp),
    /// Updates the notice where the channel can do that.
    Update,
    /// Updates it, and is told when the work on the incident ends.
    Inhibited,
    /// Tells nobody.
    Drop(DropReason),
}

words! {
    /// The reasons for which an event is not told.
    DropReason {
        /// People know already.
        AlreadyTold = "already_told",
        /// The problem came back before its end was told.
        Flapping = "flapping",
        /// The problem was over before it was told, or before its result.
        Over = "over",
        /// The channel knows the cause from another queue.
        KnownCause = "known_cause",
        /// A step of work is not told.
        Progress = "progress",
        /// People acknowledged it while it waited in the outbox.
        Acked = "acked",
        /// No route sends it to the channel.
        NotRouted = "not_routed",
    }
}

impl fmt::Display for NoticeDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoticeDecision::Send(reason, at) => {
                write!(f, "due at {at}: {}", sent_because(*reason))
            }
            NoticeDecision::Update => {
                f.write_str("updates the notice where the channel can do that")
            }
            NoticeDecision::Inhibited => f.write_str(
                "sent when the investigation ends; until then it updates the notice where the \
                 channel can do that",
            ),
            NoticeDecision::Drop(reason) => write!(f, "not sent: {}", dropped_because(*reason)),
        }
    }
}

fn sent_because(reason: SendReason) -> &'static str {
    match reason {
        SendReason::New => "a problem has begun",
        SendReason::Again => "the problem is back",
        SendReason::Grew => "it has grown",
        SendReason::Severity => "its severity has risen",
        SendReason::Tier => "an expiry tier was crossed",
        SendReason::NewCause => "it has a new cause",
        SendReason::News => "it is news",
        SendReason::Ended => "the problem has ended",
        SendReason::AckExpired => "the acknowledgement has expired",
        SendReason::Repeat => "a reminder is due",
        SendReason::Escalated => "nobody has acknowledged it",
    }
}

fn dropped_because(reason: DropReason) -> &'static str {
    match reason {
        DropReason::AlreadyTold => "it was told already",
        DropReason::Flapping => "the problem came back before its end was told",
        DropReason::Over => "the problem was over before it was told",
        DropReason::KnownCause => "the channel knows its cause from another queue",
        DropReason::Progress => "a step of an investigation is not told",
        DropReason::Acked => "it was acknowledged while it waited in the outbox",
        DropReason::NotRouted => "no route sends it to this channel",
    }
}
