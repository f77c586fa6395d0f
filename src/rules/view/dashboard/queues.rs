//! The queues of the dashboard.

use crate::time::Timestamp;

/// The time of one bucket of a history, in milliseconds: a day has 288 of them.
pub const BUCKET_MS: i64 = 5 * 60 * 1000;
/// The buckets that are kept.
pub const BUCKETS: usize = 288;

/// A queue as the newest events describe it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ShownQueue {
    pub name: Box<str>,
    pub region: Box<str>,
    pub account: Box<str>,
    /// Null while the queue cannot be read.
    pub depth: Option<u64>,
    pub in_flight: Option<u64>,
    /// The time of these figures.
    pub read_at: Option<Timestamp>,
    /// The reason why the queue cannot be read; None while it can.
    pub unreadable: Option<Box<str>>,
    /// The open incident.
    pub incident: Option<Box<str>>,
    /// The begin of the open incident.
    pub raised_at: Option<Timestamp>,
    pub expires_after: Option<Timestamp>,
    pub expires_before: Option<Timestamp>,
    pub depths: DepthHistory,
    pub is_gone: bool,
}

/// The greatest depth of each of the last [`BUCKETS`] spans of five minutes. Nothing is kept for a
/// queue that was always empty.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct DepthHistory {
    /// The number of the newest bucket since 1970; buckets are `newest - len + 1 ..= newest`.
    pub newest: i64,
    /// Depth plus one; 0 is an unknown depth.
    pub buckets: Vec<u32>,
}
