//! The parts of the table about acknowledgements and silences.

use super::{Cell, TextTable, age};
use crate::rules::loss_text;
use crate::rules::view::status::{AckRow, IncidentRow, SilenceRow, StatusView};
use crate::time::Timestamp;

impl TextTable {
    /// Adds the acknowledgements and silences; nothing without any.
    pub(super) fn restraints(&mut self, view: &StatusView) {
        match &view.acks {
            None => self.heading("acknowledgements: unknown"),
            Some(acks) if acks.is_empty() => {}
            Some(acks) => self.acks(acks, view.at),
        }
        match &view.silences {
            None => self.heading("silences: unknown"),
            Some(silences) if silences.is_empty() => {}
            Some(silences) => self.silences(silences, view.at),
        }
    }

    fn acks(&mut self, acks: &[AckRow], now: Timestamp) {
        self.heading(&format!("acknowledgements: {} in force", acks.len()));
        let row = |one: &AckRow| {
            let is_pull_request = one.key.contains('#');
            let incident = if is_pull_request { "-" } else { self.id(&one.key) };
            let name = match &one.queue {
                Some(queue) => queue.clone(),
                None if is_pull_request => one.key.clone(),
                None => "not open".to_owned(),
            };
            let [until, left] = end(one.until, now);
            ([Cell::plain(name), Cell::plain(incident), until, left], Vec::new())
        };
        let rows: Vec<_> = acks.iter().map(row).collect();
        self.rows(["QUEUE OR PULL REQUEST", "INCIDENT", "UNTIL", "LEFT"], 0, rows);
    }

    fn silences(&mut self, silences: &[SilenceRow], now: Timestamp) {
        self.heading(&format!("silences: {} in force", silences.len()));
        let row = |one: &SilenceRow| {
            let [until, left] = end(one.until, now);
            ([Cell::plain(&one.glob), until, left], one.reason.iter().cloned().collect())
        };
        let rows: Vec<_> = silences.iter().map(row).collect();
        self.rows(["QUEUES", "UNTIL", "LEFT"], 0, rows);
    }

    /// Returns what holds back the notices of an incident, as a line below its row.
    pub(super) fn held_back(&self, one: &IncidentRow, now: Timestamp) -> Option<String> {
        let left = |until: Timestamp| age(until.since(now));
        let acked = one.acked_until.map(|until| format!("acknowledged, for {}", left(until)));
        let silenced = one.silenced_until.map(|until| format!("silenced, for {}", left(until)));
        let parts: Vec<String> = acked.into_iter().chain(silenced).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Returns the cells of an end: the moment, and the time that is left.
fn end(until: Timestamp, now: Timestamp) -> [Cell; 2] {
    [Cell::plain(loss_text::minute(until)), Cell::plain(age(until.since(now)))]
}
