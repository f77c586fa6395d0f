//! The acknowledgements and silences in force, as the status shows them.

use serde::Serialize;

use super::IncidentRow;
use crate::rules::notification::ack::Acks;
use crate::rules::notification::silence::Silences;
use crate::time::Timestamp;

/// An acknowledgement in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AckRow {
    /// The id of the incident, or the pull request.
    pub key: String,
    /// The queue of the incident, when it is open.
    pub queue: Option<String>,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// A silence in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SilenceRow {
    pub glob: String,
    pub since: Timestamp,
    pub until: Timestamp,
    pub reason: Option<String>,
}

/// Returns the acknowledgements in force, the one that ends first at the beginning.
pub fn acks(acks: &Acks, open: &[IncidentRow], now: Timestamp) -> Vec<AckRow> {
    let in_force = acks.acks.iter().filter(|one| now < one.until);
    let queue = |key: &str| Some(open.iter().find(|row| row.incident == key)?.queue.clone());
    let row = |one: &crate::rules::notification::ack::Ack| AckRow {
        key: one.key.clone(),
        queue: queue(&one.key),
        since: one.at,
        until: one.until,
    };
    let mut rows: Vec<AckRow> = in_force.map(row).collect();
    rows.sort_by(|a, b| (a.until, &a.key).cmp(&(b.until, &b.key)));
    rows
}

/// Returns the silences in force, the one that ends first at the beginning.
pub fn silences(silences: &Silences, now: Timestamp) -> Vec<SilenceRow> {
    let in_force = silences.in_force(now);
    let mut rows: Vec<SilenceRow> = in_force
        .map(|one| SilenceRow {
            glob: one.glob.clone(),
            since: one.from,
            until: one.until,
            reason: one.reason.clone(),
        })
        .collect();
    rows.sort_by(|a, b| (a.until, &a.glob).cmp(&(b.until, &b.glob)));
    rows
}
