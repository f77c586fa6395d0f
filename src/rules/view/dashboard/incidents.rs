//! The incidents of the dashboard, from the first raise to the final clear.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use super::limits;
use super::pull_requests::WatchedRequest;
use super::queues::is_news;
use crate::event::{Severity, ShownEvent, Type};
use crate::time::Timestamp;

/// The most incidents that are kept: beyond it, those that were cleared first are dropped first, then
/// the open ones whose messages are lost last.
pub const INCIDENTS_MAX: usize = 2000;
/// The most causes of an incident that are kept.
pub const CAUSES_MAX: usize = 10;
/// The most pull requests of an incident that are kept, the newest ones.
pub const REQUESTS_MAX: usize = 20;
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
    /// The opening of its first pull request.
    pub pull_request_at: Option<Timestamp>,
    /// The newest merge, once no pull request of the incident is open.
    pub merged_at: Option<Timestamp>,
    pub redriven_at: Option<Timestamp>,
    pub cleared_at: Option<Timestamp>,
    /// `redriven`, `purged`, `expired`, `unknown`, or `gone` for a queue that was deleted.
    pub cleared_by: Option<Box<str>>,
    pub severity: Severity,
    /// The depth of the queue while the incident lasts; None when unknown.
    pub depth: Option<u64>,
    /// The time from which on a message may be lost; None when unknown.
    pub loss: Option<Timestamp>,
    /// Messages that were lost.
    pub lost: u64,
    /// The causes of the newest sample, the most frequent first: fingerprint, count, title.
    pub causes: Vec<(Box<str>, u64, Box<str>)>,
    pub session: Option<Box<str>>,
    /// The pull requests, in the order in which they became known.
    pub requests: Vec<IncidentRequest>,
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

/// A pull request of an incident.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct IncidentRequest {
    /// `owner/repo#12`.
    pub key: Box<str>,
    /// The cause that it repairs; None when unknown.
    pub fingerprint: Option<Box<str>>,
    pub opened_at: Option<Timestamp>,
    pub merged_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
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
        let loss = one.loss.filter(|_| one.is_open()).unwrap_or(Timestamp::from_millis(i64::MAX));
        (one.is_open(), Reverse(loss), one.cleared_at.or(one.newest_at))
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

    /// Takes the state of a pull request of the incident.
    pub(super) fn link_request(&mut self, key: &str, request: &WatchedRequest) {
        let known = self.requests.iter().position(|one| &*one.key == key);
        let at = known.unwrap_or_else(|| {
            if self.requests.len() == REQUESTS_MAX {
                self.requests.remove(0);
            }
            self.requests.push(IncidentRequest { key: key.into(), ..IncidentRequest::default() });
            self.requests.len() - 1
        });
        let one = &mut self.requests[at];
        if request.fingerprint.is_some() {
            one.fingerprint.clone_from(&request.fingerprint);
        }
        one.opened_at = request.opened_at.or(one.opened_at);
        one.merged_at = request.merged_at.or(one.merged_at);
        one.closed_at = request.closed_at;
        if let Some(at) = request.opened_at {
            keep_first(&mut self.pull_request_at, at);
        }
        let is_open = self.requests.iter().any(IncidentRequest::is_open);
        let merges = self.requests.iter().filter_map(|one| one.merged_at);
        self.merged_at = merges.max().filter(|_| !is_open);
    }

    /// Returns whether a pull request of the incident is this one.
    pub(super) fn has_request(&self, key: &str) -> bool {
        self.requests.iter().any(|one| &*one.key == key)
    }

    /// Returns the pull requests of a cause, or of the incident while no cause is known: the one that
    /// counts first, which is the newest open one, else the one that was merged, else a closed one.
    /// A pull request that names no cause belongs to the only cause, when there is no other.
    pub fn requests_of(&self, cause: &str) -> Vec<&IncidentRequest> {
        let is_alone = self.causes.len() <= 1;
        let is_of = |one: &&IncidentRequest| match one.fingerprint.as_deref() {
            Some(fingerprint) => fingerprint == cause || cause.is_empty(),
            None => is_alone,
        };
        let mut requests: Vec<_> = self.requests.iter().filter(is_of).collect();
        requests.sort_by_key(|one| Reverse((one.is_open(), one.merged_at, one.opened_at)));
        requests
    }

    /// Returns whether a pull request of the incident names no cause, so that it may be of any.
    pub fn has_request_of_unknown_cause(&self) -> bool {
        self.causes.len() > 1 && self.requests.iter().any(|one| one.fingerprint.is_none())
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

impl IncidentRequest {
    /// Returns whether somebody still has to act.
    pub fn is_open(&self) -> bool {
        self.merged_at.is_none() && self.closed_at.is_none()
    }
}
