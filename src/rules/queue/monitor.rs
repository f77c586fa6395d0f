//! The judgement of one queue: policy, record and reading in; the next record and the edges out.
//!
//! Promises: a failed reading changes nothing that is known about the messages. It never raises,
//! never clears, and never counts as zero.

mod record;

pub use record::{OpenIncident, Record};

use std::time::Duration;

use super::expiry::{self, ExpiryWindow, RetentionSettings};
use super::loss::{self, LossOutcome, MoveTask};
use super::reading::{Attributes, Counts, ReadError, Reading};
use super::threshold;
use crate::event::{
    Queue, QueueCleared, QueueExpiring, QueueGone, QueueGrew, QueueLossSuspected, QueuePolled,
    QueueRaised, QueueReadable, QueueUnreadable,
};
use crate::text;
use crate::time::{Timestamp, show_span};

/// Consecutive failed readings that make a queue unreadable; earlier ones are only warnings.
pub const MISSES: u64 = 2;

/// The configuration of monitoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The depth at which an incident begins.
    pub threshold: u64,
    /// Consecutive empty readings that end it.
    pub clear_after: u64,
    /// The factor between two reports of growth.
    pub growth_factor: u64,
    /// Times before the loss at which to warn, longest first.
    pub tiers: Vec<Duration>,
    /// Whether an unchanged reading is an event.
    pub all: bool,
}

/// A reading of the queue, with the facts around it.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The ARN; ids of edges are derived from it.
    pub arn: &'a str,
    pub reading: &'a Reading,
    /// The last time the queue was seen empty, for a queue without a record.
    pub empty_at: Option<Timestamp>,
    /// The maximum age of an arriving message; see [`RetentionSettings::age_max_s`].
    pub age_max_s: Option<u64>,
    /// Whether a listing made after the reading lacks the queue.
    pub unlisted: bool,
    /// The answer about move tasks, if [`asks_for_tasks`] was true.
    pub tasks: Option<&'a Result<Vec<MoveTask>, ReadError>>,
}

/// A change to report.
#[derive(Debug, Clone, PartialEq)]
pub enum Edge {
    Gone(QueueGone),
    Polled(QueuePolled),
    Raised(QueueRaised),
    Grew(QueueGrew),
    Expiring(QueueExpiring),
    LossSuspected(QueueLossSuspected),
    Cleared(QueueCleared),
    Unreadable(QueueUnreadable),
    Readable(QueueReadable),
}

/// An edge with its sequence number and its incident.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueEvent {
    pub edge: Edge,
    /// The sequence number; part of the id.
    pub seq: u64,
    pub incident: Option<String>,
    /// Whether the event goes to the journal; an unchanged reading does not.
    pub news: bool,
}

/// Whether the next judgement needs the list of move tasks: a drop has lasted, or the queue is about
/// to be cleared, and nobody was seen reading.
pub fn asks_for_tasks(policy: &Policy, past: Option<&Record>, reading: &Reading) -> bool {
    let (Some(past), Ok(now)) = (past, &reading.result) else { return false };
    let past = past.clamp_future_times(reading.at);
    // The expiry decides the reason only, and is not needed here.
    let fall = loss::follow(past.fall, past.read, now.counts, reading.at, ExpiryWindow::default());
    let zeros = threshold::zeros(past.zeros, Some(now.counts.depth()), reading.at);
    let clears = threshold::clears(policy.clear_after, zeros, reading.at);
    past.incident.is_some()
        && (clears || loss::is_due(fall, reading.at))
        && fall.is_some_and(|fall| !fall.read)
}

/// Judges one reading of a queue. Returns the record to keep, `None` when the queue is quiet or gone,
/// and the edges. `floor` is the first sequence number of a queue without a record.
pub fn judge(
    policy: &Policy,
    past: Option<&Record>,
    sample: Observation<'_>,
    queue: &Queue,
    floor: u64,
) -> (Option<Record>, Vec<QueueEvent>) {
    let at = sample.reading.at;
    let past = past.map(|past| past.clamp_future_times(at));
    let past = past.as_ref();
    let past_is_newer = past.is_some_and(|past| past.sampled_at >= at)
        || (past.is_none() && sample.empty_at.is_some_and(|empty| empty >= at));
    if past_is_newer {
        return (past.cloned(), Vec::new());
    }
    let mut judgement = Judgement {
        policy,
        sample,
        queue,
        record: past.cloned().unwrap_or_else(|| Record::new(floor, at)),
        changed: false,
        events: Vec::new(),
    };
    // The last reading of a quiet queue found it empty.
    let before = match past {
        Some(past) => past.read,
        None => sample.empty_at.map(|empty| (empty, Counts::default())),
    };
    judgement.record.sampled_at = at;
    match &sample.reading.result {
        Err(ReadError::Missing) if sample.unlisted => {
            judgement.report_gone();
            return (None, judgement.events);
        }
        Err(miss) => judgement.apply_error(miss),
        Ok(attributes) => judgement.apply_reading(attributes, before),
    }
    judgement.report_expiry();
    let record = Some(judgement.record).filter(|record| !record.is_quiet());
    (record, judgement.events)
}

struct Judgement<'a> {
    policy: &'a Policy,
    sample: Observation<'a>,
    queue: &'a Queue,
    record: Record,
    /// Whether the counts differ from the previous reading.
    changed: bool,
    events: Vec<QueueEvent>,
}

impl Judgement<'_> {
    fn emit(&mut self, edge: Edge) {
        let incident = self.record.incident.as_ref().map(|incident| incident.id.clone());
        let news = match &edge {
            Edge::Polled(reading) => self.changed && reading.depth.is_some(),
            _ => true,
        };
        self.events.push(QueueEvent { edge, seq: self.record.seq, incident, news });
        self.record.seq += 1;
    }

    fn queue(&self) -> Queue {
        self.queue.clone()
    }

    fn report_gone(&mut self) {
        let last_depth = self.record.read.map(|(_, counts)| counts.depth());
        self.emit(Edge::Gone(QueueGone { queue: self.queue(), last_depth }));
    }

    fn apply_error(&mut self, miss: &ReadError) {
        self.record.misses += 1;
        self.record.zeros = None;
        let (misses, reason) = (self.record.misses, miss.to_string());
        if misses == MISSES {
            let reason = reason.clone();
            let unreadable = QueueUnreadable { queue: self.queue(), depth: None, reason, misses };
            self.emit(Edge::Unreadable(unreadable));
        }
        if self.policy.all {
            self.emit(Edge::Polled(QueuePolled {
                queue: self.queue(),
                depth: None,
                visible: None,
                in_flight: None,
                delayed: None,
                previous: self.record.read.map(|(_, counts)| counts.depth()),
                reason: Some(reason),
            }));
        }
    }

    fn apply_reading(&mut self, attributes: &Attributes, before: Option<(Timestamp, Counts)>) {
        let (at, counts) = (self.sample.reading.at, attributes.counts);
        let depth = counts.depth();
        let settings = RetentionSettings {
            retention_s: attributes.retention_s,
            age_max_s: self.sample.age_max_s,
        };
        // The expiry before this reading: messages of then may have been lost since.
        let window = self.record.window(self.sample.age_max_s);
        let misses = std::mem::take(&mut self.record.misses);
        let record = &mut self.record;
        record.retention_s = attributes.retention_s;
        let arrivals = std::mem::take(&mut record.cohorts);
        let past_depth = before.map(|(time, counts)| (time, counts.depth()));
        record.cohorts = expiry::arrive(arrivals, past_depth, depth, at, settings);
        record.zeros = threshold::zeros(record.zeros, Some(depth), at);
        record.fall = loss::follow(record.fall, before, counts, at, window);
        record.read = Some((at, counts));
        if misses >= MISSES {
            self.emit(Edge::Readable(QueueReadable { queue: self.queue(), depth, misses }));
        }
        self.report_counts(counts, before.map(|(_, counts)| counts));
        if self.record.incident.is_none() {
            // Below the threshold nothing was reported, so a drop is no loss.
            self.record.fall = None;
            if threshold::raises(self.policy.threshold, depth) {
                self.raise(counts, before.map(|(_, counts)| counts.depth()));
            }
            return;
        }
        self.report_growth(depth);
        if let (Some(cause), Some(incident)) = (self.judge_drop(), &mut self.record.incident) {
            incident.cause = Some(cause.into());
        }
        self.report_clear();
    }

    fn report_counts(&mut self, counts: Counts, before: Option<Counts>) {
        self.changed = before.map_or(counts.depth() > 0, |before| before != counts);
        if !self.changed && !self.policy.all {
            return;
        }
        self.emit(Edge::Polled(QueuePolled {
            queue: self.queue(),
            depth: Some(counts.depth()),
            visible: Some(counts.visible),
            in_flight: Some(counts.in_flight),
            delayed: Some(counts.delayed),
            previous: before.map(Counts::depth),
            reason: None,
        }));
    }

    fn raise(&mut self, counts: Counts, previous: Option<u64>) {
        let depth = counts.depth();
        let id =
            crate::event::derived_id(&["incident", self.sample.arn, &self.record.seq.to_string()]);
        self.record.incident = Some(OpenIncident {
            id,
            raised_at: self.sample.reading.at,
            raised_depth: depth,
            next_step: threshold::next_step(depth, self.policy.growth_factor, depth),
            cause: None,
            tier: None,
        });
        let window = self.record.window(self.sample.age_max_s);
        self.emit(Edge::Raised(QueueRaised {
            queue: self.queue(),
            depth,
            visible: counts.visible,
            in_flight: counts.in_flight,
            delayed: counts.delayed,
            previous,
            threshold: self.policy.threshold,
            retention_s: self.record.retention_s,
            expires_after: window.after,
            expires_before: window.before,
        }));
    }

    fn report_growth(&mut self, depth: u64) {
        let Some(incident) = &mut self.record.incident else {
            return;
        };
        if depth < incident.next_step {
            return;
        }
        let raised_depth = incident.raised_depth;
        incident.next_step = threshold::next_step(raised_depth, self.policy.growth_factor, depth);
        self.emit(Edge::Grew(QueueGrew { queue: self.queue(), depth, raised_depth }));
    }

    /// Judges a drop that has lasted, or at the clear the whole drop. Returns the cause if it is known
    /// why the messages left.
    fn judge_drop(&mut self) -> Option<&'static str> {
        let at = self.sample.reading.at;
        let depth = self.record.read.map_or(0, |(_, counts)| counts.depth());
        let clears = threshold::clears(self.policy.clear_after, self.record.zeros, at);
        let mut drop = self.record.fall.filter(|drop| clears || loss::is_due(Some(*drop), at))?;
        if clears {
            drop.to = depth;
        }
        let unasked = Ok(Vec::new());
        let tasks = match self.sample.tasks {
            Some(tasks) => tasks,
            None if drop.read => &unasked,
            None => return None,
        };
        self.record.fall = loss::rest(drop, depth, at);
        match loss::judge(drop, tasks) {
            LossOutcome::Moved => (!drop.read).then_some("redriven"),
            LossOutcome::Lost(why) => {
                let missing = drop.from - drop.to;
                let detail = format!(
                    "{} left within {}: {why}",
                    text::count(missing, "message"),
                    show_span(at.since(drop.from_at)),
                );
                let (queue, why) = (self.queue(), why.word().into());
                let lost = QueueLossSuspected { queue, missing, depth, why, detail };
                self.emit(Edge::LossSuspected(lost));
                drop.over.then_some("expired")
            }
        }
    }

    fn report_clear(&mut self) {
        let at = self.sample.reading.at;
        let Some(incident) = &self.record.incident else {
            return;
        };
        if !threshold::clears(self.policy.clear_after, self.record.zeros, at) {
            return;
        }
        let duration_s = at.since(incident.raised_at).as_secs();
        let cause = incident.cause.clone().unwrap_or_else(|| "unknown".into());
        self.emit(Edge::Cleared(QueueCleared { queue: self.queue(), duration_s, cause }));
        self.record.incident = None;
    }

    fn report_expiry(&mut self) {
        let window = self.record.window(self.sample.age_max_s);
        let at = self.sample.reading.at;
        let (Some(incident), Some(oldest)) =
            (&mut self.record.incident, self.record.cohorts.first())
        else {
            return;
        };
        let Some((tier, certain)) = expiry::tier(&self.policy.tiers, window, at) else {
            return;
        };
        let reported = incident.tier.filter(|(_, about)| about == oldest);
        if reported.is_some_and(|(seconds, _)| seconds <= tier.as_secs()) {
            return;
        }
        incident.tier = Some((tier.as_secs(), *oldest));
        let depth = self.sample.reading.result.as_ref().ok().map(|read| read.counts.depth());
        self.emit(Edge::Expiring(QueueExpiring {
            queue: self.queue(),
            tier: tier_name(tier),
            certain,
            depth,
            expires_after: window.after,
            expires_before: window.before,
        }));
    }
}

/// Returns a tier as in the configuration: `24h`, `6h`, `30m`.
fn tier_name(tier: Duration) -> String {
    match tier.as_secs() {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests;
