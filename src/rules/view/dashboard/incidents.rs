//! The incidents of the dashboard, from the first raise to the final clear.

use crate::event::Severity;
use crate::time::Timestamp;

/// An incident: what happened, and when.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct IncidentStory {
    /// The ARN of the queue.
    pub queue: Box<str>,
    pub name: Box<str>,
    pub raised_at: Option<Timestamp>,
    /// The begin of the first investigation.
    pub investigated_at: Option<Timestamp>,
    /// The end of the newest investigation with a result.
    pub explained_at: Option<Timestamp>,
    pub pull_request_at: Option<Timestamp>,
    pub merged_at: Option<Timestamp>,
    pub redriven_at: Option<Timestamp>,
    pub cleared_at: Option<Timestamp>,
    /// `redriven`, `purged`, `expired`, `unknown`, or `gone` for a queue that was deleted.
    pub cleared_by: Option<Box<str>>,
    pub severity: Severity,
    pub depth: Option<u64>,
    /// Messages that were lost.
    pub lost: u64,
    /// The causes of the newest sample, the most frequent first: fingerprint, count, title.
    pub causes: Vec<(Box<str>, u64, Box<str>)>,
    pub session: Option<Box<str>>,
    pub pull_request: Option<Box<str>>,
    /// The newest redrive event, in a word.
    pub redrive: Option<Box<str>>,
    pub skipped: Option<(Box<str>, Box<str>)>,
}
