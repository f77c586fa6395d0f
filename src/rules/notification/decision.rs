//! The decision about an event on a channel, and its reason in words.

use std::fmt;

use super::topic::SendReason;
use crate::time::Timestamp;

/// The decision about an event on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The reasons for which an event is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// People know already.
    AlreadyTold,
    /// The problem came back before its end was told.
    Flapping,
    /// The problem was over before it was told.
    Over,
    /// A step of work is not told.
    Progress,
    /// No route sends it to the channel.
    NotRouted,
}

impl fmt::Display for NoticeDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoticeDecision::Send(reason, at) => write!(f, "sent at {at}: {reason}"),
            NoticeDecision::Update => {
                f.write_str("updates the notice where the channel can do that")
            }
            NoticeDecision::Inhibited => f.write_str(
                "sent when the investigation ends; until then it updates the notice where the \
                 channel can do that",
            ),
            NoticeDecision::Drop(reason) => write!(f, "not sent: {reason}"),
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DropReason::AlreadyTold => "it was told already",
            DropReason::Flapping => "the problem came back before its end was told",
            DropReason::Over => "the problem was over before it was told",
            DropReason::Progress => "a step of an investigation is not told",
            DropReason::NotRouted => "no route sends it to this channel",
        })
    }
}
