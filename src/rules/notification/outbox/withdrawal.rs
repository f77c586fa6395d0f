//! Deliveries that are not sent now, or not at all: silenced, acknowledged, over or outdated. Pure.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::OutboxEntry;
use crate::event::Severity;
use crate::rules::notification::ack::Acks;
use crate::rules::notification::delivery::Action;
use crate::rules::notification::overtake::EntryFacts;
use crate::rules::notification::silence::Silences;
use crate::rules::notification::topic::SendReason;
use crate::time::Timestamp;

/// The time in which a silence holds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilencedSpan {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The reason for which a delivery is not sent now. One that is silenced waits for the end of the
/// silence; one that is acknowledged is dropped, because its problem is told again when that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    Silenced,
    Acked,
    /// An escalation of a problem that has ended.
    Over,
    /// A step of which the channel is to show a later one.
    Outdated,
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Withdrawal::Silenced => "its queue is silenced",
            Withdrawal::Acked => "it is acknowledged",
            Withdrawal::Over => "its problem has ended",
            Withdrawal::Outdated => "a later notice takes its place",
        })
    }
}

impl OutboxEntry {
    /// Returns why the delivery is not to be sent now: people have silenced or acknowledged each problem
    /// that it tells of. The end of a problem is sent although it was acknowledged.
    pub fn withdrawal(
        &self,
        silences: &Silences,
        acks: &Acks,
        now: Timestamp,
    ) -> Option<Withdrawal> {
        let is_silenced = |at: usize| {
            let subject = self.subjects.get(at);
            subject.is_some_and(|subject| silences.of_subject(subject, now).is_some())
        };
        let is_acked = |at: usize| {
            let incident = self.incidents.get(at).map(String::as_str).filter(|id| !id.is_empty());
            let subject = self.subjects.get(at).map_or("", String::as_str);
            !self.ends_problem
                && self.reason != SendReason::Ended
                && acks.until(incident, subject, now).is_some()
        };
        let count = self.incidents.len().max(self.subjects.len());
        if count == 0 || !(0..count).all(|at| is_silenced(at) || is_acked(at)) {
            return None;
        }
        // What is silenced is told afterwards, with what is acknowledged.
        let has_silenced = (0..count).any(is_silenced);
        Some(if has_silenced { Withdrawal::Silenced } else { Withdrawal::Acked })
    }

    /// Returns whether a later entry makes it needless: it is an edit, or the notice of an alert that is
    /// over. The end is sent all the same, because the notice may have arrived.
    pub fn is_outdated_by(&self, later: &EntryFacts, keeps_alerts: bool) -> bool {
        let is_needless = match self.delivery.action {
            Action::Update => true,
            Action::Trigger => keeps_alerts && later.is_quiet_end,
            Action::Resolve => false,
        };
        is_needless && later.key.as_deref() == Some(self.delivery.key.as_str())
    }

    /// Returns whether it is an end by which nothing was lost.
    pub fn is_quiet_end(&self) -> bool {
        self.delivery.action == Action::Resolve && self.delivery.notice.severity <= Severity::Info
    }

    /// Records the silence that holds it. Returns whether the record has changed.
    pub fn begin_silence(&mut self, silences: &Silences, now: Timestamp) -> bool {
        let by = self.subjects.iter().filter_map(|subject| silences.of_subject(subject, now));
        let Some(by) = by.min_by_key(|one| one.until) else { return false };
        let held = self.silence.filter(|held| now <= held.until);
        if held.is_some_and(|held| held.until == by.until) {
            return false;
        }
        if held.is_none() {
            self.end_silence(now);
        }
        let from = held.map_or(by.from.max(self.queued_at), |held| held.from);
        self.silence = Some(SilencedSpan { from, until: by.until });
        true
    }

    /// Records that no silence holds it any more.
    pub fn end_silence(&mut self, now: Timestamp) {
        self.silenced_ms = u64::try_from(self.silenced_for(now).as_millis()).unwrap_or(u64::MAX);
        self.silence = None;
    }

    pub(super) fn silenced_for(&self, now: Timestamp) -> Duration {
        let span = self.silence.map_or(Duration::ZERO, |span| now.min(span.until).since(span.from));
        Duration::from_millis(self.silenced_ms).saturating_add(span)
    }
}
