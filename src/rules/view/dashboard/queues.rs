//! The queues of the dashboard.

use std::time::Duration;

pub use super::buckets::{BUCKET_MS, BUCKETS, bucket};
use super::limits;
use super::rounds::Rounds;
use crate::event::{Severity, ShownData, ShownEvent, Type};
use crate::rules::queue::expiry::ExpiryWindow;
use crate::time::Timestamp;

/// The most queues that are kept: beyond it, those that are gone or empty are dropped first.
pub const QUEUES_MAX: usize = 50_000;
/// The time before a loss from which it is an error, and from which it is fatal.
pub const NEAR: [Duration; 2] = [Duration::from_secs(24 * 3600), Duration::from_secs(2 * 3600)];

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
    /// The last moment at which the queue is known to have been empty, while it is not.
    pub empty_at: Option<Timestamp>,
    /// The times of the events that decide the incident and the loss: older events do not overwrite
    /// them.
    pub as_of: QueueTimes,
    /// Whether the newest document of `dlq-poll` has a record of the queue.
    pub is_recorded: bool,
}

/// The times of the newest events of a queue, by what they decide.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct QueueTimes {
    pub incident: Option<Timestamp>,
    pub loss: Option<Timestamp>,
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

/// Sets the time of the newest event. Returns whether an event at `at` is not older.
pub(super) fn is_news(newest: &mut Option<Timestamp>, at: Timestamp) -> bool {
    let is_news = newest.is_none_or(|before| at >= before);
    if is_news {
        *newest = Some(at);
    }
    is_news
}

/// A reading of a queue by an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownReading {
    pub at: Timestamp,
    /// The depth; None when the queue could not be read.
    pub depth: Option<u64>,
    pub in_flight: Option<u64>,
    /// The depth of the reading before.
    pub previous: Option<u64>,
}

impl ShownQueue {
    /// Returns the order in which queues are dropped from a full list.
    pub(super) fn worth(&self) -> (bool, bool, Option<Timestamp>) {
        (self.incident.is_some(), !self.is_gone && self.depth != Some(0), self.read_at)
    }

    /// Takes the name and the place of the queue.
    pub(super) fn name_after(&mut self, data: &ShownData<'_>) {
        let name = |text: &Option<std::borrow::Cow<'_, str>>| {
            limits::name(text.as_deref().unwrap_or_default()).into()
        };
        self.name = name(&data.queue.name);
        self.region = name(&data.queue.region);
        self.account = name(&data.queue.account);
    }

    /// Takes an event.
    pub(super) fn apply(
        &mut self,
        kind: Type,
        event: &ShownEvent<'_>,
        at: Timestamp,
        rounds: &Rounds,
    ) {
        let data = &event.data;
        let depth = match kind {
            Type::QueuePolled | Type::QueueUnreadable => Some(data.depth),
            Type::QueueCleared => Some(Some(0)),
            Type::QueueRaised
            | Type::QueueGrew
            | Type::QueueExpiring
            | Type::QueueLossSuspected
            | Type::QueueReadable => data.depth.map(Some),
            _ => None,
        };
        if let Some(depth) = depth
            && self.read_at.is_none_or(|read| at >= read)
        {
            let (in_flight, previous) = (data.in_flight, data.previous);
            self.read(ShownReading { at, depth, in_flight, previous }, rounds);
            if depth.is_none() {
                let reason = limits::field(data.reason.as_deref());
                self.unreadable = Some(reason.unwrap_or_else(|| "unknown reason".into()));
            }
        }
        if kind != Type::QueuePolled {
            self.follow(kind, event, at);
        }
    }

    /// Takes what an event says about the incident and the loss.
    fn follow(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        match kind {
            Type::QueueRaised
            | Type::QueueGrew
            | Type::QueueExpiring
            | Type::QueueLossSuspected => {
                let Some(id) = event.head.incident.as_deref().map(limits::name) else {
                    return;
                };
                let is_same = self.incident.as_deref() == Some(id);
                if is_news(&mut self.as_of.incident, at) && !is_same {
                    (self.incident, self.raised_at) = (Some(id.into()), None);
                }
                if kind == Type::QueueRaised && self.incident.as_deref() == Some(id) {
                    self.raised_at = Some(at);
                }
                let states_loss = matches!(kind, Type::QueueRaised | Type::QueueExpiring);
                if states_loss && is_news(&mut self.as_of.loss, at) {
                    self.expires_after = data.expires_after;
                    self.expires_before = data.expires_before;
                }
            }
            Type::QueueSampled if is_news(&mut self.as_of.loss, at) => {
                let window = self.window().with_loss_at(data.expires_before);
                (self.expires_after, self.expires_before) = (window.after, window.before);
            }
            Type::QueueCleared | Type::QueueGone if is_news(&mut self.as_of.incident, at) => {
                (self.incident, self.raised_at) = (None, None);
                if is_news(&mut self.as_of.loss, at) {
                    (self.expires_after, self.expires_before) = (None, None);
                }
                if kind == Type::QueueGone && self.read_at.is_none_or(|read| at >= read) {
                    (self.is_gone, self.read_at) = (true, Some(at));
                }
            }
            _ => {}
        }
    }

    /// Takes a reading that is news.
    pub(super) fn read(&mut self, reading: ShownReading, rounds: &Rounds) {
        let ShownReading { at, depth, in_flight, previous } = reading;
        let before = previous.or(self.depth);
        self.depths.record(at, depth, before, rounds);
        let was_filled = self.depth.is_some_and(|depth| depth > 0);
        if depth == Some(0) {
            self.empty_at = None;
        } else if depth.is_some() && !was_filled {
            let round = rounds.began.filter(|began| *began <= at);
            let read = self.read_at.filter(|_| self.depth == Some(0));
            self.empty_at = round.into_iter().chain(read).max().filter(|_| before == Some(0));
        }
        self.depth = depth;
        if depth.is_none() || in_flight.is_some() {
            self.in_flight = in_flight;
        }
        if depth.is_some() {
            self.unreadable = None;
        }
        self.read_at = Some(at);
        self.is_gone = false;
    }

    /// Returns when messages are lost.
    pub fn window(&self) -> ExpiryWindow {
        ExpiryWindow { after: self.expires_after, before: self.expires_before }
    }

    /// Returns the time from which on a message may be lost; None when unknown or when none is there.
    pub fn loss(&self) -> Option<Timestamp> {
        self.window().first().filter(|_| self.depth != Some(0) && !self.is_gone)
    }

    /// Returns how bad the state is: FATAL when messages may be lost within two hours, ERROR within a
    /// day, and for an open incident or a queue that cannot be read; WARN for messages below the
    /// threshold and for an unknown depth; else INFO.
    pub fn severity(&self, now: Timestamp) -> Severity {
        let [near, very_near] = NEAR.map(|span| self.loss().is_some_and(|at| at <= now.plus(span)));
        match self.depth {
            _ if self.is_gone => Severity::Info,
            _ if very_near => Severity::Fatal,
            _ if near || self.unreadable.is_some() => Severity::Error,
            Some(0) => Severity::Info,
            _ if self.incident.is_some() => Severity::Error,
            _ => Severity::Warn,
        }
    }

    /// Returns the greatest depth in a bucket; None when unknown. A queue without an event has not
    /// changed while rounds finish.
    pub fn depth_in(&self, bucket: i64, rounds: &Rounds) -> Option<u64> {
        let first = self.depths.first();
        let known = rounds.was_watched(bucket);
        match &*self.depths.buckets {
            [] => self.depth.filter(|depth| *depth == 0 && known),
            _ if bucket > self.depths.newest => self.depth.filter(|_| known),
            // A history begins with an empty queue when nothing was kept before.
            [1, ..] if bucket < first => known.then_some(0),
            _ if bucket < first => None,
            buckets => depth_of(buckets[(bucket - first) as usize]),
        }
    }
}

/// Returns the depth of a stored bucket.
pub(super) fn depth_of(stored: u32) -> Option<u64> {
    stored.checked_sub(1).map(u64::from)
}

fn stored(depth: Option<u64>) -> u32 {
    depth.map_or(0, |depth| u32::try_from(depth).unwrap_or(u32::MAX).saturating_add(1))
}

impl DepthHistory {
    /// Returns the number of the oldest bucket.
    pub fn first(&self) -> i64 {
        self.newest - self.buckets.len() as i64 + 1
    }

    /// Takes a reading. `before` is the depth of the one before, which holds while rounds finish.
    fn record(&mut self, at: Timestamp, depth: Option<u64>, before: Option<u64>, rounds: &Rounds) {
        let bucket = bucket(at);
        if self.buckets.is_empty() {
            if depth.is_none_or(|depth| depth == 0) {
                return;
            }
            self.newest = bucket - 1;
            self.push(stored(before));
        }
        if bucket <= self.newest {
            let first = self.first();
            if bucket >= first {
                let kept = &mut self.buckets[(bucket - first) as usize];
                *kept = stored(depth).max(*kept);
            }
            return;
        }
        let gap = usize::try_from(bucket - self.newest - 1).unwrap_or(usize::MAX);
        if gap >= BUCKETS {
            self.buckets.clear();
        } else {
            for missing in self.newest + 1..bucket {
                self.push(if rounds.was_watched(missing) { stored(before) } else { 0 });
            }
        }
        self.newest = bucket;
        self.push(stored(depth));
    }

    /// Adds a bucket after the others; the caller counts `newest`.
    fn push(&mut self, value: u32) {
        if self.buckets.len() == BUCKETS {
            self.buckets.remove(0);
        }
        if self.buckets.len() == self.buckets.capacity() {
            let more = self.buckets.len().clamp(8, 64).min(BUCKETS - self.buckets.len());
            self.buckets.reserve_exact(more);
        }
        self.buckets.push(value);
    }
}

#[cfg(test)]
mod tests;
