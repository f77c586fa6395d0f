//! The judgement of one queue: policy, record and reading in; the next record and the event lines
//! out.
//!
//! Promises: a failed reading changes nothing that is known about the messages. It never raises,
//! never clears, and never counts as zero.

mod record;

pub use record::{OpenIncident, Record};

use std::collections::BTreeMap;
use std::time::Duration;

use super::expiry::{self, ExpiryWindow, RetentionSettings};
use super::loss::{self, DepthDrop, MoveTask, OwnMove};
use super::reading::{Backlog, Counts, ReadError, Reading};
use super::redrive_graph::DeadLetterQueue;
use super::threshold;
use crate::event::{
    Event, Payload, Queue, QueueCleared, QueueExpiring, QueueGone, QueueGrew, QueueLossSuspected,
    QueuePolled, QueueRaised, QueueReadable, QueueUnreadable, derived_id,
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
    /// The time for which an empty queue keeps its record.
    pub settling: Duration,
}

/// A queue of a round, with its reading.
#[derive(Debug, Clone)]
pub struct Polled<'a> {
    pub target: &'a DeadLetterQueue,
    pub reading: Reading<Backlog>,
    /// Whether a listing made after the reading lacks the queue.
    pub unlisted: bool,
    /// The answer about move tasks, if [`asks_for_tasks`] was true.
    pub tasks: Option<Result<Vec<MoveTask>, ReadError>>,
    /// The moves of ours, if [`asks_for_moves`] was true.
    pub moves: Vec<OwnMove>,
}

/// A receiver of event lines, each with its LF. The flag says whether the line goes to the journal;
/// an unchanged reading does not.
pub type Emit<'a> = &'a mut dyn FnMut(&[u8], bool);

/// Whether the next judgement needs the list of move tasks: a drop has lasted, or the queue is
/// about to be cleared, and nobody was seen reading.
pub fn asks_for_tasks(policy: &Policy, past: Option<&Record>, reading: &Reading<Backlog>) -> bool {
    judged_drop(policy, past, reading).is_some_and(|drop| !drop.read)
}

/// Whether the next judgement needs the moves of ours: as for move tasks, and also when somebody was
/// seen reading, as our own moves do.
pub fn asks_for_moves(policy: &Policy, past: Option<&Record>, reading: &Reading<Backlog>) -> bool {
    judged_drop(policy, past, reading).is_some()
}

/// Returns the drop of an open incident that the next judgement is about.
fn judged_drop(
    policy: &Policy,
    past: Option<&Record>,
    reading: &Reading<Backlog>,
) -> Option<DepthDrop> {
    let (Some(past), Ok(now)) = (past, &reading.result) else { return None };
    let past = past.clamp_future_times(reading.at);
    // The expiry decides the reason only, and is not needed here.
    let drop = loss::follow(
        past.drop.as_deref().copied(),
        past.read,
        now.counts,
        reading.at,
        ExpiryWindow::default(),
    );
    let zeros = threshold::zeros(past.zeros, Some(now.counts.depth()), reading.at);
    let clears = threshold::clears(policy.clear_after, zeros, reading.at);
    let is_due = clears || loss::is_due(drop, reading.at);
    drop.filter(|_| past.incident.is_some() && is_due)
}

/// Judges one reading of a queue, and emits an event for each change. Returns the record, and
/// whether to keep it: a queue that is quiet or gone needs none. `empty_at` is the last time a
/// queue without a record was empty, `floor` its first sequence number.
pub fn judge(
    policy: &Policy,
    past: Option<&Record>,
    polled: &Polled<'_>,
    empty_at: Option<Timestamp>,
    floor: u64,
    emit: Emit<'_>,
) -> (Record, bool) {
    let at = polled.reading.at;
    let record = past.map_or_else(|| Record::new(floor, at), |past| past.clamp_future_times(at));
    let newest = if past.is_some() { Some(record.attempted_at) } else { empty_at };
    if newest.is_some_and(|newest| newest >= at) {
        return (record, past.is_some());
    }
    // The last reading of a quiet queue found it empty.
    let before = match past {
        Some(_) => record.read,
        None => empty_at.map(|empty| (empty, Counts::default())),
    };
    let mut judgement = Judgement { policy, polled, record, emit };
    judgement.record.attempted_at = at;
    match &polled.reading.result {
        Err(ReadError::Missing) if polled.unlisted => {
            let last_depth = judgement.record.read.map(|(_, counts)| counts.depth());
            judgement.emit(QueueGone { queue: judgement.queue(), last_depth });
            return (judgement.record, false);
        }
        Err(error) => judgement.apply_error(error),
        Ok(backlog) => judgement.apply_reading(*backlog, before),
    }
    judgement.report_expiry();
    let record = judgement.record;
    let keep = !record.is_quiet() || (past.is_some() && record.is_settling(at, policy.settling));
    (record, keep)
}

struct Judgement<'a> {
    policy: &'a Policy,
    polled: &'a Polled<'a>,
    record: Record,
    emit: Emit<'a>,
}

impl Judgement<'_> {
    fn emit<D: Payload>(&mut self, data: D) {
        self.emit_reading(data, true);
    }

    fn emit_reading<D: Payload>(&mut self, data: D, news: bool) {
        let queue = &self.polled.target.queue;
        let (kind, seq) = (D::TYPE.as_str(), self.record.seq.to_string());
        let incident = self.record.incident.as_ref().map(|incident| incident.id.clone());
        let event =
            Event::derived(&[&queue.arn, kind, &seq], &queue.name, self.polled.reading.at, data);
        (self.emit)(&event.of_incident(incident).line(), news);
        self.record.seq += 1;
    }

    fn queue(&self) -> Queue {
        self.polled.target.queue.clone()
    }

    fn apply_error(&mut self, error: &ReadError) {
        self.record.misses += 1;
        self.record.zeros = None;
        let (misses, reason) = (self.record.misses, error.to_string());
        if misses == MISSES {
            let (queue, reason) = (self.queue(), reason.clone());
            self.emit(QueueUnreadable { queue, depth: None, reason, misses });
        }
        let previous = self.record.read.map(|(_, counts)| counts.depth());
        self.report_counts(None, previous, Some(reason), false);
    }

    fn apply_reading(&mut self, backlog: Backlog, before: Option<(Timestamp, Counts)>) {
        let Backlog { counts, retention_s } = backlog;
        let at = self.polled.reading.at;
        let depth = counts.depth();
        let age_max_s = self.polled.target.source_retention_s;
        let settings = RetentionSettings { retention_s, age_max_s };
        // The expiry before this reading: messages of then may have been lost since.
        let window = self.record.window(age_max_s);
        let misses = std::mem::take(&mut self.record.misses);
        let record = &mut self.record;
        record.retention_s = retention_s;
        let arrivals = std::mem::take(&mut record.cohorts).into_vec();
        let past_depth = before.map(|(time, counts)| (time, counts.depth()));
        record.cohorts = expiry::arrive(arrivals, past_depth, depth, at, settings).into();
        record.forget_lost_sample(at);
        record.zeros = threshold::zeros(record.zeros, Some(depth), at);
        record.drop =
            loss::follow(record.drop.as_deref().copied(), before, counts, at, window).map(Box::new);
        record.read = Some((at, counts));
        if misses >= MISSES {
            self.emit(QueueReadable { queue: self.queue(), depth, misses });
        }
        let previous = before.map(|(_, counts)| counts.depth());
        let changed = before.map_or(depth > 0, |(_, before)| before != counts);
        self.report_counts(Some(counts), previous, None, changed);
        if self.record.incident.is_none() {
            // Below the threshold nothing was reported, so a drop is no loss.
            self.record.drop = None;
            if threshold::raises(self.policy.threshold, depth) {
                self.raise(counts, previous);
            }
            return;
        }
        self.report_growth(depth);
        let clears = threshold::clears(self.policy.clear_after, self.record.zeros, at);
        let cause = self.judge_drop(depth, clears);
        if let (Some(cause), Some(incident)) = (cause, &mut self.record.incident) {
            incident.cause = Some(cause.into());
        }
        if clears {
            self.report_clear();
        }
    }

    fn report_counts(
        &mut self,
        counts: Option<Counts>,
        previous: Option<u64>,
        reason: Option<String>,
        changed: bool,
    ) {
        if !changed && !self.policy.all {
            return;
        }
        let polled = QueuePolled {
            queue: self.queue(),
            depth: counts.map(Counts::depth),
            visible: counts.map(|counts| counts.visible),
            in_flight: counts.map(|counts| counts.in_flight),
            delayed: counts.map(|counts| counts.delayed),
            previous,
            reason,
        };
        self.emit_reading(polled, changed);
    }

    fn raise(&mut self, counts: Counts, previous: Option<u64>) {
        let depth = counts.depth();
        let arn = &self.polled.target.queue.arn;
        let id = derived_id(&["incident", arn, &self.record.seq.to_string()]);
        self.record.incident = Some(OpenIncident {
            id,
            raised_at: self.polled.reading.at,
            raised_depth: depth,
            next_step: threshold::next_step(depth, self.policy.growth_factor, depth),
            cause: None,
            tier: None,
            moves: BTreeMap::new(),
        });
        let window = self.record.window(self.polled.target.source_retention_s);
        self.emit(QueueRaised {
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
        });
    }

    fn report_growth(&mut self, depth: u64) {
        let incident = self.record.incident.as_mut();
        let Some(incident) = incident.filter(|incident| depth >= incident.next_step) else {
            return;
        };
        let raised_depth = incident.raised_depth;
        incident.next_step = threshold::next_step(raised_depth, self.policy.growth_factor, depth);
        self.emit(QueueGrew { queue: self.queue(), depth, raised_depth });
    }

    /// Judges a drop that has lasted, or at the clear the whole drop. Returns the cause if it is
    /// known why the messages left.
    fn judge_drop(&mut self, depth: u64, clears: bool) -> Option<&'static str> {
        let at = self.polled.reading.at;
        let drop = self.record.drop.as_deref().copied();
        let mut drop = drop.filter(|drop| clears || loss::is_due(Some(*drop), at))?;
        if clears {
            drop.to = depth;
        }
        let incident = self.record.incident.as_ref();
        let counted = incident.map(|incident| incident.moves.clone()).unwrap_or_default();
        let own = loss::own_share(drop, &self.polled.moves, &counted);
        let missing = (drop.from - drop.to).saturating_sub(own.messages);
        if own.may_grow && !clears {
            return None;
        }
        let unasked = Ok(Vec::new());
        let tasks = match &self.polled.tasks {
            Some(tasks) => tasks,
            None if drop.read || missing == 0 => &unasked,
            None => return None,
        };
        self.record.drop = loss::rest(drop, depth, at).map(Box::new);
        for (id, messages) in own.by_move {
            if let Some(incident) = &mut self.record.incident {
                *incident.moves.entry(id).or_default() += messages;
            }
        }
        if missing == 0 {
            return own.cause;
        }
        let Some((why, clause)) = loss::judge(drop, tasks) else {
            return own.cause.or((!drop.read).then_some("redriven"));
        };
        let detail = format!(
            "{} left within {}: {clause}",
            text::count(missing, "message"),
            show_span(at.since(drop.from_at)),
        );
        let (queue, why) = (self.queue(), why.into());
        self.emit(QueueLossSuspected { queue, missing, depth, why, detail });
        drop.over.then_some("expired").or(own.cause)
    }

    fn report_clear(&mut self) {
        let Some(incident) = &self.record.incident else {
            return;
        };
        let duration_s = self.polled.reading.at.since(incident.raised_at).as_secs();
        let cause = incident.cause.clone().unwrap_or_else(|| "unknown".into());
        self.emit(QueueCleared { queue: self.queue(), duration_s, cause });
        self.record.incident = None;
    }

    fn report_expiry(&mut self) {
        let window = self.record.window(self.polled.target.source_retention_s);
        let at = self.polled.reading.at;
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
        let depth = self.polled.reading.result.as_ref().ok().map(|read| read.counts.depth());
        self.emit(QueueExpiring {
            queue: self.queue(),
            tier: tier_name(tier),
            certain,
            depth,
            retention_s: self.record.retention_s,
            expires_after: window.after,
            expires_before: window.before,
        });
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
