//! What is remembered of a queue that is not quiet.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::stream_time::DRIFT;
use crate::rules::queue::expiry;
use crate::rules::queue::expiry::{Cohort, Keeps, Window};
use crate::rules::queue::loss::Fall;
use crate::rules::queue::reading::Counts;
use crate::rules::queue::threshold::Zeros;
use crate::time::Timestamp;

/// What is remembered of a queue that is not quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How many edges it has had: part of the ids of the next ones.
    pub seq: u64,
    /// The newest attempt to read it.
    pub sampled_at: Timestamp,
    /// The newest reading: when, and what.
    pub read: Option<(Timestamp, Counts)>,
    /// The open incident.
    pub incident: Option<Incident>,
    /// Zeros in a row.
    pub zeros: Option<Zeros>,
    /// Misses in a row.
    pub misses: u64,
    /// What has arrived, and when.
    pub cohorts: Vec<Cohort>,
    /// The settings that the expiry depends on, from the newest reading.
    pub retention_s: Option<u64>,
    /// A fall that has not been explained yet.
    pub fall: Option<Fall>,
}

/// From the first raise to the final clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// When it began.
    pub raised_at: Timestamp,
    /// With how many messages.
    pub raised_depth: u64,
    /// The depth at which growth is told next.
    pub next_step: u64,
    /// What is known to have become of messages that left: the last of it.
    #[serde(default)]
    pub cause: Option<String>,
    /// The last tier told, in seconds, and the cohort that it was about.
    pub tier: Option<(u64, Cohort)>,
}

impl Record {
    pub(super) fn fresh(seq: u64, at: Timestamp) -> Self {
        Record {
            seq,
            sampled_at: at,
            read: None,
            incident: None,
            zeros: None,
            misses: 0,
            cohorts: Vec::new(),
            retention_s: None,
            fall: None,
        }
    }

    /// The record as it can be at `at`: one that a clock far ahead has written is not newer than
    /// the truth, or nothing would be told until that clock is right.
    pub(super) fn sane(&self, at: Timestamp) -> Record {
        let mut record = self.clone();
        if self.sampled_at <= at.plus(DRIFT) {
            return record;
        }
        let before = at.minus(Duration::from_millis(1));
        record.sampled_at = before;
        record.read = self.read.map(|(_, counts)| (before, counts));
        (record.zeros, record.fall) = (None, None);
        // When they arrived is not known any more; that they were there before is.
        record.cohorts.truncate(1);
        for cohort in &mut record.cohorts {
            *cohort = Cohort { after: None, by: before };
        }
        record
    }

    /// Nothing is open, nothing is there, and it can be read.
    pub(super) fn is_quiet(&self) -> bool {
        self.incident.is_none()
            && self.misses == 0
            && self.read.is_some_and(|(_, counts)| counts.depth() == 0)
    }

    /// The window of the oldest cohort.
    pub fn window(&self, age_max_s: Option<u64>) -> Window {
        let keeps = Keeps { retention_s: self.retention_s, age_max_s };
        self.cohorts.first().map(|cohort| expiry::window(*cohort, keeps)).unwrap_or_default()
    }
}
