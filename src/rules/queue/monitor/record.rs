//! The record of a queue that is not quiet.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::stream_time::DRIFT;
use crate::rules::queue::expiry;
use crate::rules::queue::expiry::{ArrivalBatch, ExpiryWindow, RetentionSettings};
use crate::rules::queue::loss::DepthDrop;
use crate::rules::queue::reading::Counts;
use crate::rules::queue::threshold::EmptyStreak;
use crate::time::Timestamp;

/// The state of a queue between rounds; a quiet queue has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The number of edges so far; part of the id of the next one.
    pub seq: u64,
    /// The newest attempt to read the queue.
    #[serde(rename = "sampled_at")]
    pub attempted_at: Timestamp,
    /// The newest successful reading.
    pub read: Option<(Timestamp, Counts)>,
    pub incident: Option<OpenIncident>,
    /// Consecutive readings of an empty queue.
    pub zeros: Option<EmptyStreak>,
    /// Consecutive failed readings.
    pub misses: u64,
    /// Arrivals, oldest first; the expiry is computed from them.
    pub cohorts: Box<[ArrivalBatch]>,
    /// The time at which the oldest message of the samples was first sent; none in a FIFO queue, and
    /// once that message is lost.
    #[serde(default)]
    pub oldest_sent_at: Option<Timestamp>,
    /// The retention at the newest reading.
    pub retention_s: Option<u64>,
    /// A drop of the depth that is not explained yet. Boxed, because few queues have one.
    #[serde(rename = "fall")]
    pub drop: Option<Box<DepthDrop>>,
}

/// An incident between its raise and its clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIncident {
    pub id: String,
    pub raised_at: Timestamp,
    pub raised_depth: u64,
    /// The depth at which the next `queue.grew` is due.
    pub next_step: u64,
    /// The last known reason why messages left.
    #[serde(default)]
    pub cause: Option<String>,
    /// The last tier reported, in seconds, and the arrivals that it was about.
    pub tier: Option<(u64, ArrivalBatch)>,
    /// The messages of moves of ours that have explained a drop, by the id of the move.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moves: BTreeMap<String, u64>,
}

impl Record {
    pub(super) fn new(seq: u64, at: Timestamp) -> Self {
        Record {
            seq,
            attempted_at: at,
            read: None,
            incident: None,
            zeros: None,
            misses: 0,
            cohorts: Box::default(),
            oldest_sent_at: None,
            retention_s: None,
            drop: None,
        }
    }

    /// Returns the record with times in the future moved before `at`. A clock that was far ahead
    /// wrote them; otherwise nothing would be reported until that moment.
    pub(super) fn clamp_future_times(&self, at: Timestamp) -> Record {
        let mut record = self.clone();
        if self.attempted_at <= at.plus(DRIFT) {
            return record;
        }
        let before = at.minus(Duration::from_millis(1));
        record.attempted_at = before;
        record.read = self.read.map(|(_, counts)| (before, counts));
        (record.zeros, record.drop) = (None, None);
        // The times of arrival are lost; the messages were there before.
        let messages =
            (!record.cohorts.is_empty()).then_some(ArrivalBatch { after: None, by: before });
        record.cohorts = messages.into_iter().collect();
        record
    }

    /// Whether the queue is readable and empty, without an incident.
    pub(super) fn is_quiet(&self) -> bool {
        self.incident.is_none()
            && self.misses == 0
            && self.read.is_some_and(|(_, counts)| counts.depth() == 0)
    }

    /// Whether the queue became empty within this time.
    pub(super) fn is_settling(&self, at: Timestamp, settling: Duration) -> bool {
        self.zeros.is_some_and(|zeros| at.since(zeros.since) < settling)
    }

    /// Returns the expiry of the oldest arrivals, as far as these and samples show it.
    pub fn window(&self, age_max_s: Option<u64>) -> ExpiryWindow {
        let keeps = RetentionSettings { retention_s: self.retention_s, age_max_s };
        let first = self.cohorts.first();
        let window = first.map(|cohort| expiry::window(*cohort, keeps)).unwrap_or_default();
        window.with_loss_at(self.loss_of_sample())
    }

    /// Records when a message was first sent that a sample has received.
    pub(in crate::rules::queue) fn add_sample(&mut self, sent_at: Timestamp) {
        self.oldest_sent_at = self.oldest_sent_at.into_iter().chain([sent_at]).min();
    }

    /// Forgets the oldest sampled message once it is lost or the queue is empty. Messages that were
    /// behind it have tiers of their own.
    pub(super) fn forget_lost_sample(&mut self, at: Timestamp) {
        let is_lost = self.loss_of_sample().is_some_and(|end| expiry::is_lost(end, at));
        if !is_lost && !self.cohorts.is_empty() {
            return;
        }
        if let (Some(_), Some(incident)) = (self.oldest_sent_at.take(), &mut self.incident) {
            incident.tier = None;
        }
    }

    fn loss_of_sample(&self) -> Option<Timestamp> {
        expiry::loss_of_message(self.oldest_sent_at, self.retention_s, false)
    }
}
