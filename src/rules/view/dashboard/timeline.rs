//! The newest news, one line each.

use std::collections::VecDeque;

use crate::event::Severity;
use crate::time::Timestamp;

/// The entries that are kept.
pub const ENTRIES_MAX: usize = 500;

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Timeline {
    /// The newest last.
    pub entries: VecDeque<TimelineEntry>,
}

/// News that a person wants to see: no reading of a queue, no step, no heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    pub at: Timestamp,
    pub severity: Severity,
    /// The time since the begin of the incident or investigation, in seconds: `[08:52]`.
    pub elapsed_s: Option<u64>,
    pub sign: Sign,
    /// A sentence in one line, as it was received: views make it safe.
    pub text: Box<str>,
    pub incident: Option<Box<str>>,
    pub queue: Option<Box<str>>,
}

/// The kind of news, which views show as a symbol and a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Begin,
    Good,
    Bad,
    Warning,
    Info,
}
