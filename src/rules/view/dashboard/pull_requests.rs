//! The pull requests of the dashboard, by the `pr.*` events.

use crate::time::Timestamp;

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
    /// `approved`, `changes_requested`, `review_required`; None when unknown.
    pub review: Option<Box<str>>,
    /// The person or group that has to act.
    pub waiting_on: Option<Box<str>>,
    pub opened_at: Option<Timestamp>,
    /// The moment of these figures.
    pub seen_at: Option<Timestamp>,
    pub merged_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub incident: Option<Box<str>>,
    /// The reason why it cannot be read; None while it can.
    pub unreadable: Option<Box<str>>,
}
