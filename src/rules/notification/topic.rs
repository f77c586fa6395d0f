//! A topic: the record in `notices.json` of what a channel was told of a problem, and of what waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::notice_key::EventKey;
use crate::event::{Severity, words};
use crate::time::{Timestamp, parse_span};

/// The events of one topic that wait together at most. Beyond them the oldest is left out.
pub const PENDING_MAX: usize = 8;

words! {
    /// The reasons for which a notice is sent.
    SendReason {
        /// A problem has begun.
        New = "new",
        /// A problem has begun again after people were told of an earlier one.
        Again = "again",
        /// The problem has grown by the factor of the channel since people were told.
        Grew = "grew",
        /// The severity has risen.
        Severity = "severity",
        /// An expiry tier was crossed.
        Tier = "tier",
        /// A sample has a cause that the problem did not have when people were told.
        NewCause = "new_cause",
        /// There is a result, or another event that is told once.
        News = "news",
        /// The problem has ended.
        Ended = "ended",
        /// The acknowledgement has expired and the problem goes on.
        AckExpired = "ack_expired",
        /// The interval of the reminder has passed.
        Repeat = "repeat",
        /// The notice was not acknowledged in time.
        Escalated = "escalated",
    }
}

words! {
    /// The reasons for which a notice waits.
    HoldReason {
        /// Others may join it.
        Group = "group",
        /// The queue has to stay empty, or the problem that has come back has to stay.
        Stable = "stable",
        Silence = "silence",
        Ack = "ack",
        QuietHours = "quiet_hours",
        /// Notices are switched off.
        Off = "off",
    }
}

/// An event that waits to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    #[serde(flatten)]
    pub key: EventKey,
    pub reason: SendReason,
    pub severity: Severity,
    /// The time of the event.
    pub at: Timestamp,
    /// The moment at which it is told.
    pub due: Timestamp,
    pub hold: Option<HoldReason>,
    /// The line of the event; empty for one that is longer than events are. Shared with what is told of it,
    /// as are all lines: in a storm each copy is MiB.
    pub line: Arc<str>,
    /// The fingerprints of the event that are new to the channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// The record of what a channel was told of a problem. Every later notice is judged by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The first and the newest notice of this problem.
    pub first_at: Timestamp,
    pub at: Timestamp,
    /// The first notice, or the end of an acknowledgement, whichever is later.
    pub unacked_since: Timestamp,
    pub severity: Severity,
    pub depth: Option<u64>,
    pub tiers: Vec<String>,
    /// The time of the loss that the newest notice of a tier has told of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: BTreeMap<String, Timestamp>,
    /// The incident of the first notice: its key is that of all notices, up to that of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The line of the event that describes the problem best, for reminders.
    pub line: Arc<str>,
    pub repeats: u64,
}

/// The record of a problem on a channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    pub channel: String,
    /// The key of the problem.
    pub problem: String,
    /// The queue, or the pull request.
    pub subject: String,
    pub incident: Option<String>,
    /// The index of the route by which its events came.
    pub route: Option<usize>,
    /// The index of the route whose escalation steps hold, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_route: Option<usize>,
    pub told: Option<Told>,
    /// The end of the problem, told or not.
    pub ended_at: Option<Timestamp>,
    pub is_end_told: bool,
    /// The moments at which the problem came back, in a row of returns within an hour each.
    pub flaps: Vec<Timestamp>,
    pub pending: Vec<Pending>,
    /// Growth that is told when the work on the incident ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inhibited: Option<Pending>,
    /// The end of the acknowledgement that covers the problem.
    pub acked_until: Option<Timestamp>,
    /// The end of the silence that covers the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<Timestamp>,
    /// The number of escalation steps that were taken.
    pub escalated: usize,
    /// The step by which the channel was called for others, and its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<(u64, Timestamp)>,
    /// The wait for an end of the channel that has called this one, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_wait_ms: Option<u64>,
    /// The reference by which the channel updates its notice.
    pub handle: Option<String>,
    /// The reference of the notice that names all problems of its cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_handle: Option<String>,
    /// The known causes of the samples, by their fingerprints. None: no sample yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes: Option<Vec<String>>,
    /// The cause whose notice, that of another problem, stands for its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<String>,
    /// Whether its first notice was withdrawn, so that the channel does not know of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_withdrawn: bool,
    /// Whether every round reports the problem while it lasts: it has no event of its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub persists: bool,
    /// The time of the newest event.
    pub touched: Timestamp,
}

impl HoldReason {
    /// Returns whether people hold the notice back, and not the wait for others or for stability.
    pub fn is_restraint(self) -> bool {
        use HoldReason::{Ack, Off, QuietHours, Silence};
        matches!(self, Silence | Ack | QuietHours | Off)
    }
}

impl Told {
    /// Returns whether a tier is known, of messages that are lost by `loss`. Those that are lost within the
    /// span of the tier after them are one batch with them.
    pub fn knows_tier(&self, tier: &str, loss: Option<Timestamp>) -> bool {
        let span = parse_span(tier).unwrap_or_default();
        let is_later =
            self.losses.get(tier).zip(loss).is_some_and(|(told, loss)| loss > told.plus(span));
        !is_later && self.tiers.iter().any(|known| known == tier)
    }
}

impl Topic {
    /// Returns the key of the record.
    pub fn key(channel: &str, problem: &str) -> String {
        format!("{channel}\n{problem}")
    }

    /// Returns whether people were told of a problem that goes on.
    pub fn is_open(&self) -> bool {
        self.told.is_some() && self.ended_at.is_none()
    }

    /// Returns what the channel was told of the problem whose end it was not told.
    pub fn told_of_open(&self) -> Option<&Told> {
        self.told.as_ref().filter(|_| !self.is_end_told)
    }

    /// Returns the incident whose key the next notice has.
    pub fn key_incident(&self) -> Option<&str> {
        let told = self.told_of_open().and_then(|told| told.incident.as_deref());
        told.or(self.incident.as_deref())
    }

    /// Returns whether an event waits with which the problem begins.
    pub fn awaits_beginning(&self) -> bool {
        self.awaits(SendReason::New) || self.awaits(SendReason::Again)
    }

    /// Returns whether nothing more will be sent unless an event comes.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && !self.is_open()
    }

    /// Returns whether an event with this reason waits.
    pub fn awaits(&self, reason: SendReason) -> bool {
        self.pending.iter().any(|one| one.reason == reason)
    }

    /// Returns whether an event waits for others; with a moment, whether its wait is over then.
    pub fn awaits_group(&self, until: Option<Timestamp>) -> bool {
        let is_over = |one: &Pending| until.is_none_or(|until| one.due <= until);
        self.pending.iter().any(|one| one.hold == Some(HoldReason::Group) && is_over(one))
    }

    /// Makes due what waits for others only.
    pub fn end_group_wait(&mut self, now: Timestamp) {
        let grouped = self.pending.iter_mut().filter(|one| one.hold == Some(HoldReason::Group));
        grouped.for_each(|one| one.due = one.due.min(now));
    }

    /// Returns the highest severity of what waits.
    pub fn pending_severity(&self) -> Severity {
        self.pending.iter().map(|one| one.severity).max().unwrap_or(Severity::Info)
    }
}
