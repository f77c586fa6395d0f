//! The newest news, one line each.

mod sentence;

use std::collections::VecDeque;

use crate::event::{Severity, ShownEvent};
use crate::time::Timestamp;

/// The entries that are kept.
pub const ENTRIES_MAX: usize = 500;

#[derive(Debug, Default, Clone, PartialEq)]
pub struct ShownTimeline {
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
    /// The ARN of the queue.
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

impl ShownTimeline {
    /// Adds the entry of an event, if it is news. `begin` is that of its incident or investigation,
    /// `key_name` the name of the queue whose incident it acknowledges.
    pub(super) fn tell(
        &mut self,
        event: &ShownEvent<'_>,
        incident: Option<&str>,
        begin: Option<Timestamp>,
        key_name: Option<&str>,
        at: Timestamp,
    ) {
        let oldest = self.entries.front().filter(|_| self.entries.len() == ENTRIES_MAX);
        if oldest.is_some_and(|oldest| at < oldest.at) {
            return;
        }
        let Some((sign, text)) = sentence::describe_event(event, key_name, at) else {
            return;
        };
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        let entry = TimelineEntry {
            at,
            severity: event.head.severity(),
            elapsed_s: begin.map(|begin| at.since(begin).as_secs()),
            sign,
            text: text.into(),
            incident: incident.map(Into::into),
            queue: event.data.queue.arn.as_deref().map(super::limits::name).map(Into::into),
        };
        let later = self.entries.iter().rev().take_while(|other| other.at > at).count();
        self.entries.insert(self.entries.len() - later, entry);
    }
}
