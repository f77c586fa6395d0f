//! One queue, watched: its record, a sample and the policy in; the next record and the edges out.
//!
//! What is remembered of a queue that is not quiet is its [`Record`]; a quiet queue has none. A
//! failed reading changes nothing that is known about the messages: it never raises, never
//! clears, and never counts as zero.

mod record;

pub use record::{Incident, Record};

use std::time::Duration;

use super::expiry::{self, Keeps, Window};
use super::loss::{self, MoveTask};
use super::reading::{Attributes, Counts, ReadError, Reading};
use super::threshold::{self};
use crate::event::{
    Queue, QueueCleared, QueueExpiring, QueueGone, QueueGrew, QueueLossSuspected, QueuePolled,
    QueueRaised, QueueReadable, QueueUnreadable,
};
use crate::text;
use crate::time::{Timestamp, show_span};

/// So many misses in a row make a queue unreadable; each earlier one is only a warning.
pub const MISSES: u64 = 2;

/// What the configuration says about watching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The depth at which an incident begins.
    pub threshold: u64,
    /// So many zeros in a row end it.
    pub clear_after: u64,
    /// Growth is told at every multiple by this.
    pub growth_factor: u64,
    /// When loss is near, from the longest to the shortest.
    pub tiers: Vec<Duration>,
    /// Whether an unchanged reading is an event too.
    pub all: bool,
}

/// A sample and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The queue's ARN, for the ids.
    pub arn: &'a str,
    /// The attempt.
    pub reading: &'a Reading,
    /// When the queue was last seen empty, for a queue without a record.
    pub empty_at: Option<Timestamp>,
    /// How old a message may be when it arrives; see [`Keeps::age_max_s`].
    pub age_max_s: Option<u64>,
    /// Whether a listing made after the reading lacks the queue.
    pub unlisted: bool,
    /// The answer about move tasks, when [`asks_for_tasks`] wanted one.
    pub tasks: Option<&'a Result<Vec<MoveTask>, ReadError>>,
}

/// Something to tell. The queue is filled in by who knows it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
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

/// An edge with its place in the queue's history and the incident that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What happened.
    pub edge: Edge,
    /// Part of its id.
    pub seq: u64,
    /// The incident.
    pub incident: Option<String>,
    /// Whether it is news, and not only a reading that somebody wants to see.
    pub news: bool,
}

/// Whether the next judgement needs the answer about move tasks: a fall has held, or the queue is
/// about to be cleared, and nobody was seen reading.
pub fn asks_for_tasks(policy: &Policy, past: Option<&Record>, reading: &Reading) -> bool {
    let (Some(past), Ok(now)) = (past, &reading.result) else { return false };
    let past = past.sane(reading.at);
    // The window only says why, not whether: none is needed here.
    let fall = loss::follow(past.fall, past.read, now.counts, reading.at, Window::default());
    let zeros = threshold::zeros(past.zeros, Some(now.counts.depth()), reading.at);
    let clears = threshold::clears(policy.clear_after, zeros, reading.at);
    past.incident.is_some()
        && (clears || loss::is_due(fall, reading.at))
        && fall.is_some_and(|fall| !fall.read)
}

/// Watches one queue for one sample. Returns the record to keep, `None` when it is quiet or gone;
/// `floor` is the sequence that a queue without a record begins with.
pub fn judge(
    policy: &Policy,
    past: Option<&Record>,
    sample: Sample<'_>,
    queue: &Queue,
    floor: u64,
) -> (Option<Record>, Vec<Told>) {
    let at = sample.reading.at;
    let past = past.map(|past| past.sane(at));
    let past = past.as_ref();
    let past_is_newer = past.is_some_and(|past| past.sampled_at >= at)
        || (past.is_none() && sample.empty_at.is_some_and(|empty| empty >= at));
    if past_is_newer {
        return (past.cloned(), Vec::new());
    }
    let mut watch = Watch {
        policy,
        sample,
        queue,
        record: past.cloned().unwrap_or_else(|| Record::fresh(floor, at)),
        changed: false,
        told: Vec::new(),
    };
    // A quiet queue was read as empty when it was last read.
    let before = match past {
        Some(past) => past.read,
        None => sample.empty_at.map(|empty| (empty, Counts::default())),
    };
    watch.record.sampled_at = at;
    match &sample.reading.result {
        Err(ReadError::Missing) if sample.unlisted => {
            watch.gone();
            return (None, watch.told);
        }
        Err(miss) => watch.miss(miss),
        Ok(attributes) => watch.read(attributes, before),
    }
    watch.expiring();
    let record = Some(watch.record).filter(|record| !record.is_quiet());
    (record, watch.told)
}

struct Watch<'a> {
    policy: &'a Policy,
    sample: Sample<'a>,
    queue: &'a Queue,
    record: Record,
    /// The counts are not what they were.
    changed: bool,
    told: Vec<Told>,
}

impl Watch<'_> {
    fn tell(&mut self, edge: Edge) {
        let incident = self.record.incident.as_ref().map(|incident| incident.id.clone());
        let news = match &edge {
            Edge::Polled(reading) => self.changed && reading.depth.is_some(),
            _ => true,
        };
        self.told.push(Told { edge, seq: self.record.seq, incident, news });
        self.record.seq += 1;
    }

    fn queue(&self) -> Queue {
        self.queue.clone()
    }

    fn gone(&mut self) {
        let last_depth = self.record.read.map(|(_, counts)| counts.depth());
        self.tell(Edge::Gone(QueueGone { queue: self.queue(), last_depth }));
    }

    fn miss(&mut self, miss: &ReadError) {
        self.record.misses += 1;
        self.record.zeros = None;
        let (misses, reason) = (self.record.misses, miss.to_string());
        if misses == MISSES {
            let reason = reason.clone();
            let unreadable = QueueUnreadable { queue: self.queue(), depth: None, reason, misses };
            self.tell(Edge::Unreadable(unreadable));
        }
        if self.policy.all {
            self.tell(Edge::Polled(QueuePolled {
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

    fn read(&mut self, attributes: &Attributes, before: Option<(Timestamp, Counts)>) {
        let (at, counts) = (self.sample.reading.at, attributes.counts);
        let depth = counts.depth();
        let keeps = Keeps { retention_s: attributes.retention_s, age_max_s: self.sample.age_max_s };
        // The window before this sample: what was there may have been lost since.
        let window = self.record.window(self.sample.age_max_s);
        let misses = std::mem::take(&mut self.record.misses);
        let record = &mut self.record;
        record.retention_s = attributes.retention_s;
        let cohorts = std::mem::take(&mut record.cohorts);
        let past_depth = before.map(|(time, counts)| (time, counts.depth()));
        record.cohorts = expiry::arrive(cohorts, past_depth, depth, at, keeps);
        record.zeros = threshold::zeros(record.zeros, Some(depth), at);
        record.fall = loss::follow(record.fall, before, counts, at, window);
        record.read = Some((at, counts));
        if misses >= MISSES {
            self.tell(Edge::Readable(QueueReadable { queue: self.queue(), depth, misses }));
        }
        self.polled(counts, before.map(|(_, counts)| counts));
        if self.record.incident.is_none() {
            // Nobody was told of them, so nobody misses them.
            self.record.fall = None;
            if threshold::raises(self.policy.threshold, depth) {
                self.raise(counts, before.map(|(_, counts)| counts.depth()));
            }
            return;
        }
        self.grow(depth);
        if let (Some(cause), Some(incident)) = (self.lose(), &mut self.record.incident) {
            incident.cause = Some(cause.into());
        }
        self.clear();
    }

    fn polled(&mut self, counts: Counts, before: Option<Counts>) {
        self.changed = before.map_or(counts.depth() > 0, |before| before != counts);
        if !self.changed && !self.policy.all {
            return;
        }
        self.tell(Edge::Polled(QueuePolled {
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
        self.record.incident = Some(Incident {
            id,
            raised_at: self.sample.reading.at,
            raised_depth: depth,
            next_step: threshold::next_step(depth, self.policy.growth_factor, depth),
            cause: None,
            tier: None,
        });
        let window = self.record.window(self.sample.age_max_s);
        self.tell(Edge::Raised(QueueRaised {
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

    fn grow(&mut self, depth: u64) {
        let Some(incident) = &mut self.record.incident else {
            return;
        };
        if depth < incident.next_step {
            return;
        }
        let raised_depth = incident.raised_depth;
        incident.next_step = threshold::next_step(raised_depth, self.policy.growth_factor, depth);
        self.tell(Edge::Grew(QueueGrew { queue: self.queue(), depth, raised_depth }));
    }

    /// Judges a fall that has held; at the clear all of it, because the zeros have. Tells what is
    /// known to have become of the messages.
    fn lose(&mut self) -> Option<&'static str> {
        let at = self.sample.reading.at;
        let depth = self.record.read.map_or(0, |(_, counts)| counts.depth());
        let clears = threshold::clears(self.policy.clear_after, self.record.zeros, at);
        let mut fall = self.record.fall.filter(|fall| clears || loss::is_due(Some(*fall), at))?;
        if clears {
            fall.to = depth;
        }
        let unasked = Ok(Vec::new());
        let tasks = match self.sample.tasks {
            Some(tasks) => tasks,
            None if fall.read => &unasked,
            None => return None,
        };
        self.record.fall = loss::rest(fall, depth, at);
        match loss::judge(fall, tasks) {
            loss::Verdict::Moved => (!fall.read).then_some("redriven"),
            loss::Verdict::Lost(why) => {
                let missing = fall.from - fall.to;
                let detail = format!(
                    "{} left within {}: {why}",
                    text::count(missing, "message"),
                    show_span(at.since(fall.from_at)),
                );
                let (queue, why) = (self.queue(), why.word().into());
                let lost = QueueLossSuspected { queue, missing, depth, why, detail };
                self.tell(Edge::LossSuspected(lost));
                fall.over.then_some("expired")
            }
        }
    }

    fn clear(&mut self) {
        let at = self.sample.reading.at;
        let Some(incident) = &self.record.incident else {
            return;
        };
        if !threshold::clears(self.policy.clear_after, self.record.zeros, at) {
            return;
        }
        let duration_s = at.since(incident.raised_at).as_secs();
        let cause = incident.cause.clone().unwrap_or_else(|| "unknown".into());
        self.tell(Edge::Cleared(QueueCleared { queue: self.queue(), duration_s, cause }));
        self.record.incident = None;
    }

    fn expiring(&mut self) {
        let window = self.record.window(self.sample.age_max_s);
        let at = self.sample.reading.at;
        let (Some(incident), Some(cohort)) =
            (&mut self.record.incident, self.record.cohorts.first())
        else {
            return;
        };
        let Some((tier, certain)) = expiry::tier(&self.policy.tiers, window, at) else {
            return;
        };
        let told = incident.tier.filter(|(_, about)| about == cohort);
        if told.is_some_and(|(seconds, _)| seconds <= tier.as_secs()) {
            return;
        }
        incident.tier = Some((tier.as_secs(), *cohort));
        let depth = self.sample.reading.result.as_ref().ok().map(|read| read.counts.depth());
        self.tell(Edge::Expiring(QueueExpiring {
            queue: self.queue(),
            tier: tier_name(tier),
            certain,
            depth,
            expires_after: window.after,
            expires_before: window.before,
        }));
    }
}

/// `24h`, `6h`, `30m`: a tier's name, as in the configuration.
fn tier_name(tier: Duration) -> String {
    match tier.as_secs() {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests;
