//! The queues of `queues.json`, the state of `dlq-poll`, beside those of the events.
//!
//! The journal loses its oldest lines, and the document has every queue that is not quiet. Of both the
//! newer figure counts.

use super::limits;
use super::queues::{QUEUES_MAX, ShownQueue, ShownReading};
use super::{Dashboard, Rounds, incidents};
use crate::event::Severity;
use crate::event::stream_time::DRIFT;
use crate::rules::queue::document::{Watched, WatchedQueue};
use crate::rules::queue::monitor::{MISSES, Record};
use crate::time::Timestamp;

impl Dashboard {
    /// Takes the document as it was read at `at`. Times after that are of a wrong clock.
    pub(super) fn set_queues(&mut self, watched: &Watched, at: Timestamp) {
        let latest = at.plus(DRIFT);
        for entry in watched.entries().filter(|entry| entry.record.attempted_at <= latest) {
            self.set_queue(entry);
        }
        let round = watched.newest_round().filter(|round| *round <= latest);
        self.rounds.recorded = self.rounds.recorded.max(round);
        let rounds = &self.rounds;
        for (arn, queue) in &mut self.queues {
            if !queue.is_recorded || watched.record(arn).is_some() {
                continue;
            }
            queue.is_recorded = false;
            // A queue that was polled and has no record was empty.
            let emptied = round.filter(|round| queue.read_at.is_none_or(|read| read < *round));
            if let Some(round) = emptied.filter(|_| !queue.is_gone && !watched.is_known(arn)) {
                queue.set_quiet(round, rounds);
            }
        }
    }

    fn set_queue(&mut self, entry: &WatchedQueue) {
        let WatchedQueue { queue: described, record } = entry;
        let arn = limits::name(&described.arn);
        let is_full = self.queues.len() >= QUEUES_MAX && !self.queues.contains_key(arn);
        limits::entry(&mut self.queues, arn, QUEUES_MAX, ShownQueue::worth);
        if is_full {
            self.is_queue_list_cut = true;
            self.names.keep(&self.queues);
        }
        let queue = self.queues.entry(arn.into()).or_default();
        if queue.name.is_empty() {
            queue.name = limits::name(&described.name).into();
            queue.region = limits::name(&described.region).into();
            queue.account = limits::name(&described.account).into();
            self.names.add(&queue.name, arn);
        }
        queue.set_record(record, &self.rounds);
        let open =
            record.incident.as_ref().filter(|open| queue.incident.as_deref() == Some(&*open.id));
        let Some(open) = open else { return };
        let story = incidents::story(&mut self.incidents, &open.id, open.raised_at);
        if story.queue.is_empty() {
            (story.queue, story.name) = (arn.into(), queue.name.clone());
        }
        story.raised_at = story.raised_at.or(Some(open.raised_at));
        story.severity = story.severity.max(Severity::Error);
        story.depth = queue.depth;
    }
}

impl ShownQueue {
    /// Takes the record of the queue, where it is newer than the events.
    fn set_record(&mut self, record: &Record, rounds: &Rounds) {
        let at = record.attempted_at;
        self.is_recorded = true;
        let is_readable = record.misses < MISSES;
        let reading = match record.read.filter(|_| is_readable) {
            Some((at, counts)) => {
                let (depth, in_flight) = (Some(counts.depth()), Some(counts.in_flight));
                Some(ShownReading { at, depth, in_flight, previous: None })
            }
            None if is_readable => None,
            None => Some(ShownReading { at, depth: None, in_flight: None, previous: None }),
        };
        if let Some(reading) = reading.filter(|one| self.read_at.is_none_or(|read| one.at > read)) {
            self.read(reading, rounds);
            if !is_readable && self.unreadable.is_none() {
                let text = format!("{} readings in a row have failed", record.misses);
                self.unreadable = Some(text.into());
            }
        }
        let is_news = self.as_of.incident.is_none_or(|known| at > known);
        let open = record.incident.as_ref();
        let id = open.map(|open| limits::name(&open.id));
        if is_news && self.incident.as_deref() != id {
            (self.incident, self.raised_at) = (id.map(Into::into), None);
            (self.as_of.incident, self.as_of.loss) = (Some(at), None);
        }
        if let Some(open) = open.filter(|_| self.incident.as_deref() == id) {
            self.raised_at = self.raised_at.or(Some(open.raised_at));
        }
        // Events also know how long messages were in the source before.
        if self.as_of.loss.is_none() {
            let window = record.window(None);
            (self.expires_after, self.expires_before) = (window.after, window.before);
        }
    }

    /// Takes an end of which no event tells: the queue was read empty, without an incident.
    fn set_quiet(&mut self, at: Timestamp, rounds: &Rounds) {
        self.read(ShownReading { at, depth: Some(0), in_flight: Some(0), previous: None }, rounds);
        if self.as_of.incident.is_none_or(|known| at > known) {
            (self.incident, self.raised_at) = (None, None);
            (self.expires_after, self.expires_before) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests;
