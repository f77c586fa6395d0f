//! The pull requests of the dashboard, by the `pr.*` events.

use std::collections::HashMap;
use std::time::Duration;

use super::limits;
use crate::event::{RecordedType, ShownEvent, ShownRequestFields};
use crate::time::Timestamp;

/// The most pull requests that are kept: beyond it, those that ended are dropped first.
pub const REQUESTS_MAX: usize = 500;

/// A pull request as the newest event describes it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct WatchedRequest {
    /// `owner/name`.
    pub repo: Box<str>,
    pub number: u64,
    pub title: Box<str>,
    pub url: Option<Box<str>>,
    pub author: Option<Box<str>>,
    pub is_draft: bool,
    pub is_ours: bool,
    /// The words of the event: `passing`, `failing`, `pending`; None when unknown.
    pub checks: Option<Box<str>>,
    /// `approved`, `changes_requested`, `required`; None when unknown.
    pub review: Option<Box<str>>,
    /// The person or group that has to act.
    pub waiting_on: Option<Box<str>>,
    /// The first opening.
    pub opened_at: Option<Timestamp>,
    /// The first and the newest `pr.opened`: a pull request that was closed can be opened again.
    pub openings: Option<(Timestamp, Timestamp)>,
    /// The moment of these figures.
    pub seen_at: Option<Timestamp>,
    pub merged_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub incident: Option<Box<str>>,
    /// The cause that it repairs; None while no event has named it.
    pub fingerprint: Option<Box<str>>,
    /// The reason why it cannot be read; None while it can.
    pub unreadable: Option<Box<str>>,
}

/// Returns the key of the pull request of an event: `owner/repo#12`.
pub(super) fn key(event: &ShownEvent<'_>) -> Option<String> {
    let pr = event.data.pr.as_deref();
    let (repo, number) = (pr.and_then(|pr| pr.repo.as_deref()), pr.and_then(|pr| pr.number));
    match (repo, number, event.head.subject.as_deref()) {
        (Some(repo), Some(number), _) => Some(format!("{}#{number}", limits::name(repo))),
        (_, _, Some(subject)) => split(subject).map(|_| limits::name(subject).to_owned()),
        _ => None,
    }
}

/// Splits `owner/repo#12`.
fn split(key: &str) -> Option<(&str, u64)> {
    let (repo, number) = key.rsplit_once('#')?;
    Some((repo, number.parse().ok()?))
}

/// Takes an event into the pull requests. Returns the pull request.
pub(super) fn apply<'a>(
    all: &'a mut HashMap<Box<str>, WatchedRequest>,
    key: &str,
    kind: RecordedType,
    event: &ShownEvent<'_>,
    at: Timestamp,
) -> &'a WatchedRequest {
    let request = limits::entry(all, key, REQUESTS_MAX, |one| (one.is_open(), one.seen_at));
    if let Some((repo, number)) = split(key) {
        (request.repo, request.number) = (repo.into(), number);
    }
    request.apply(kind, event, at);
    request
}

impl WatchedRequest {
    /// Returns whether somebody still has to act.
    pub fn is_open(&self) -> bool {
        self.merged_at.is_none() && self.closed_at.is_none()
    }

    fn apply(&mut self, kind: RecordedType, event: &ShownEvent<'_>, at: Timestamp) {
        let pr = event.data.pr.as_deref();
        // The age is whole seconds, so that the first event that has it is the most exact.
        let by_age = pr.and_then(|pr| pr.age_s).map(|age| at.minus(Duration::from_secs(age)));
        if kind == RecordedType::PrOpened {
            let (first, newest) = self.openings.unwrap_or((at, at));
            self.openings = Some((first.min(at), newest.max(at)));
        }
        self.opened_at = self.openings.map(|(first, _)| first).or(self.opened_at).or(by_age);
        if let Some(incident) = &event.head.incident {
            self.incident = Some(limits::name(incident).into());
        }
        if let Some(cause) = event.data.fingerprint.as_deref().filter(|cause| !cause.is_empty()) {
            self.fingerprint = Some(limits::name(cause).into());
        }
        match kind {
            RecordedType::PrMerged => self.merged_at = self.merged_at.or(Some(at)),
            RecordedType::PrClosed => self.closed_at = self.closed_at.max(Some(at)),
            _ => {}
        }
        let reopened = self.openings.map(|(_, newest)| newest);
        self.closed_at = self.closed_at.filter(|closed| reopened.is_none_or(|at| at <= *closed));
        if self.seen_at.is_some_and(|seen| at < seen) {
            return;
        }
        self.seen_at = Some(at);
        if kind == RecordedType::PrUnreadable {
            let reason = limits::field(event.data.reason.as_deref());
            self.unreadable = Some(reason.unwrap_or_else(|| "unknown reason".into()));
            return;
        }
        self.unreadable = None;
        if let Some(pr) = pr {
            self.describe(pr);
        }
        match kind {
            RecordedType::PrApproved => self.review = Some("approved".into()),
            RecordedType::PrChangesRequested => self.review = Some("changes_requested".into()),
            RecordedType::PrChecksFailed => self.checks = Some("failing".into()),
            _ => {}
        }
    }

    /// Takes what the event states; the rest stays as it was.
    fn describe(&mut self, pr: &ShownRequestFields<'_>) {
        if let Some(title) = &pr.title {
            self.title = limits::text(title);
        }
        self.url = limits::field(pr.url.as_deref()).or(self.url.take());
        self.author = limits::field(pr.author.as_deref()).or(self.author.take());
        self.is_draft = pr.draft.unwrap_or(self.is_draft);
        self.is_ours = pr.ours.unwrap_or(self.is_ours);
        self.checks = limits::field(pr.checks.as_deref()).or(self.checks.take());
        self.review = limits::field(pr.review.as_deref()).or(self.review.take());
        self.waiting_on = limits::field(pr.waiting_on.as_deref());
    }
}
