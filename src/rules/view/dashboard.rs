//! The state of the dashboard: a fold of events, and what the state folder adds to it.
//!
//! [`Dashboard::apply`] takes one event of the stream or of the journal, and is the only way in which
//! events change the state. The state folder (usage of running agents, acknowledgements, silences) is
//! set as a whole, each part with the moment of the reading. Views read the state and never change it.
//!
//! Promises: unknown is `None`, never zero; memory has a bound whatever the stream holds; a repeated
//! event changes nothing.

pub mod incidents;
pub mod investigations;
pub mod pull_requests;
pub mod queues;
pub mod timeline;

use std::collections::HashMap;

use crate::event::ShownEvent;
use crate::time::Timestamp;
use incidents::IncidentStory;
use investigations::Investigation;
use pull_requests::WatchedRequest;
use queues::ShownQueue;
use timeline::Timeline;

/// The whole state. Keys: the ARN of a queue, the id of an incident, the id of a session,
/// `owner/repo#12`.
#[derive(Debug, Default)]
pub struct Dashboard {
    pub queues: HashMap<Box<str>, ShownQueue>,
    pub incidents: HashMap<Box<str>, IncidentStory>,
    pub investigations: HashMap<Box<str>, Investigation>,
    pub pull_requests: HashMap<Box<str>, WatchedRequest>,
    pub timeline: Timeline,
    pub rounds: Rounds,
    /// Notices that were delivered and that failed, by channel.
    pub notices: HashMap<Box<str>, NoticeCounts>,
    pub source: SourceState,
}

/// The rounds of `dlq-poll`.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Rounds {
    /// The end of the newest round; None before the first one.
    pub last: Option<Timestamp>,
    /// The usual time between two rounds, in milliseconds; None before the second one.
    pub interval_ms: Option<u64>,
    pub queues: Option<u64>,
    /// Queues, scopes and policies that could not be read in the newest round.
    pub unread: u64,
    pub usd_month: Option<crate::money::Usd>,
    /// The newest failure of a scope, and its time, until a later round reads everything.
    pub failure: Option<(Timestamp, Box<str>)>,
}

/// The notices of a channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct NoticeCounts {
    pub sent: u64,
    pub failed: u64,
    pub held: u64,
}

/// What is known about the source of the events.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SourceState {
    /// The time of the oldest event that was read: the history begins here.
    pub begins: Option<Timestamp>,
    /// The time of the newest event that was read: the figures are as old as this.
    pub newest: Option<Timestamp>,
    pub events: u64,
    /// Lines that are no events: half a line, or damage.
    pub damaged: u64,
    /// A sentence for each part that could not be read: a document, a segment of the journal.
    pub problems: Vec<String>,
    /// Whether the stream has ended (`stdin ended`), or older segments of the journal are gone.
    pub ended: bool,
}

impl Dashboard {
    /// Takes an event into the state.
    pub fn apply(&mut self, event: &ShownEvent<'_>) {
        let _ = event;
        todo!()
    }
}
