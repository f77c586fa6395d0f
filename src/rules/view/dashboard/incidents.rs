//! The incidents of the dashboard, from the first raise to the final clear.

use std::collections::HashMap;
use std::time::Duration;

use super::limits;
use super::queues::is_news;
use crate::event::{Severity, ShownEvent, Type};
use crate::time::Timestamp;

/// The most incidents that are kept: beyond it, those that were cleared first are dropped first.
pub const INCIDENTS_MAX: usize = 2000;
/// The most causes of an incident that are kept.
pub const CAUSES_MAX: usize = 10;
/// The word for the end of an incident whose queue was deleted.
pub const GONE: &str = "gone";

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
    /// The depth of the queue while the incident lasts; None when unknown.
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
    /// The last moment before the raise at which the queue is known to have been empty.
    pub empty_at: Option<Timestamp>,
    /// The folder with the evidence of the newest sample.
    pub bundle: Option<Box<str>>,
    /// The time of the newest event.
    pub newest_at: Option<Timestamp>,
    /// The times of the events that decide the causes, `session`, `skipped` and `redrive`: older events
    /// do not overwrite them.
    pub as_of: IncidentTimes,
}

/// The times of the newest events of an incident, by the field that they decide.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct IncidentTimes {
    pub causes: Option<Timestamp>,
    pub investigation: Option<Timestamp>,
    pub redrive: Option<Timestamp>,
}

/// Keeps the earlier moment.
fn keep_first(field: &mut Option<Timestamp>, at: Timestamp) {
    *field = Some(field.map_or(at, |before| before.min(at)));
}

/// Keeps the later moment.
fn keep_last(field: &mut Option<Timestamp>, at: Timestamp) {
    *field = (*field).max(Some(at));
}

/// Returns an incident, which begins with this event when it is unknown.
pub(super) fn story<'a>(
    incidents: &'a mut HashMap<Box<str>, IncidentStory>,
    id: &str,
    at: Timestamp,
) -> &'a mut IncidentStory {
    let id = limits::name(id);
    let story = limits::entry(incidents, id, INCIDENTS_MAX, |one| {
        (one.cleared_at.is_none(), one.cleared_at.or(one.newest_at))
    });
    keep_last(&mut story.newest_at, at);
    story
}

impl IncidentStory {
    /// Returns whether the incident lasts.
    pub fn is_open(&self) -> bool {
        self.cleared_at.is_none()
    }

    /// Takes an event of `dlq-poll` or `dlq-peek` about the queue.
    pub(super) fn watch(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        if let Some(arn) = &data.queue.arn {
            self.queue = limits::name(arn).into();
        }
        if let Some(name) = &data.queue.name {
            self.name = limits::name(name).into();
        }
        self.severity = self.severity.max(event.head.severity());
        match kind {
            Type::QueueRaised => keep_first(&mut self.raised_at, at),
            Type::QueueLossSuspected => {
                self.lost = self.lost.saturating_add(data.missing.unwrap_or(0));
            }
            Type::QueueCleared => {
                // The raise may be older than the history.
                let lasted = data.duration_s.map(Duration::from_secs);
                self.raised_at = self.raised_at.or(lasted.map(|lasted| at.minus(lasted)));
                self.end(at, data.cause.as_deref().unwrap_or("unknown"));
                // Another incident of the queue may be open already.
                self.depth = Some(0);
            }
            Type::QueueGone => self.end(at, GONE),
            Type::QueueSampled => self.sample(event, at),
            _ => {}
        }
    }

    fn end(&mut self, at: Timestamp, by: &str) {
        if self.cleared_at.is_none() {
            self.cleared_at = Some(at);
            self.cleared_by = Some(limits::name(by).into());
        }
    }

    fn sample(&mut self, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        if data.taken.is_none() || data.refused.is_some() || !is_news(&mut self.as_of.causes, at) {
            return;
        }
        let causes = data.fingerprints.iter().take(CAUSES_MAX).filter_map(|cause| {
            let title = limits::text(cause.title.as_deref().unwrap_or_default());
            Some((limits::name(cause.id.as_deref()?).into(), cause.count.unwrap_or(0), title))
        });
        self.causes = causes.collect();
        self.bundle = limits::field(data.bundle.as_deref());
    }

    /// Takes an event of an investigation of the incident.
    pub(super) fn investigate(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        let is_news = is_news(&mut self.as_of.investigation, at);
        match kind {
            Type::InvestigationStarted => keep_first(&mut self.investigated_at, at),
            Type::InvestigationCompleted => keep_last(&mut self.explained_at, at),
            Type::InvestigationSkipped if is_news => {
                let word = limits::name(data.reason.as_deref().unwrap_or_default()).into();
                let sentence = limits::text(data.detail.as_deref().unwrap_or_default());
                self.skipped = Some((word, sentence));
                return;
            }
            _ => {}
        }
        if is_news && let Some(session) = &data.session {
            self.session = Some(limits::name(session).into());
            self.skipped = None;
        }
    }

    /// Takes an event about the pull request of the incident.
    pub(super) fn link_request(&mut self, key: &str, opened_at: Option<Timestamp>) {
        self.pull_request = Some(key.into());
        if let Some(at) = opened_at {
            keep_first(&mut self.pull_request_at, at);
        }
    }

    /// Takes an event of a redrive of the incident.
    pub(super) fn redrive(&mut self, word: &str, is_complete: bool, at: Timestamp) {
        if is_news(&mut self.as_of.redrive, at) {
            self.redrive = Some(word.into());
        }
        if is_complete {
            keep_last(&mut self.redriven_at, at);
        }
    }
}
