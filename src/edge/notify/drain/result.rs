//! The results of attempts to deliver.

use crate::rules::notification::outbox::{OutboxEntry, Withdrawal};

/// The result of a delivery.
#[derive(Debug)]
pub enum Completion {
    Sent {
        handle: Option<String>,
    },
    Withdrawn(Withdrawal),
    /// Another attempt comes when a silence ends.
    Held,
    /// Another attempt comes later.
    Postponed {
        cause: String,
    },
    Failed {
        cause: String,
    },
}

/// The result of an attempt, with the entries that it was about.
#[derive(Debug)]
pub struct DrainResult {
    pub channel: usize,
    pub entries: Vec<OutboxEntry>,
    pub completion: Completion,
}
