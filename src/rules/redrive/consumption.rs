//! Consumption: whether the messages that were sent to a destination were consumed, by its counts. Pure.
//!
//! Counts are approximate, and others send and consume as well. So one reading decides nothing: what counts
//! is what the newest one shows, and two more of the newest eight. Messages were consumed in either case:
//!
//! - as many have left as stood there before and were sent; or
//! - nothing waited, since then a window has passed, in which a message could die again, and nothing waits
//!   now: a consumer is at work, and what it had not consumed would wait again, or be dead. Because a consumer
//!   may hold messages, the depth has to fall to what it was before, or by as many as there were then.
//!
//! The second one holds only where a message dies: without a redrive policy a consumer that fails at ours, and
//! deletes those of others, looks the same for ever.
//!
//! Neither shows anything of a consumer that holds ours, for hours by ChangeMessageVisibility, and handles the
//! others. What is held is in flight at every reading. So both hold only when at one of them, since nothing of
//! ours waits, as few were in flight as may be left, or as were before the first one was sent. The more
//! readings there are, the fewer the others show at one of them: a healthy consumer becomes consumed by
//! waiting, one that holds does not.
//!
//! A consumer that has stopped shows neither: what was sent waits.

use std::time::Duration;

use crate::rules::queue::reading::Counts;

/// The readings that a result is seen in, among the newest ones.
pub const READINGS_MIN: usize = 3;
pub const NEWEST: usize = 8;
/// The share of the messages that may still be there.
const REST_SHARE: u64 = 20;
/// The difference of two readings that shows nothing: this many, or this share of the depth.
const WOBBLE: u64 = 2;
const WOBBLE_SHARE: u64 = 20;

/// The messages of a destination, followed since something was sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// The depth before the first message was sent.
    before: u64,
    /// The second lowest number of messages in flight at several readings before the first one was sent: those
    /// of others.
    floor: u64,
    /// The messages among them whose delay had not passed: no consumer can take them.
    delayed_before: u64,
    sent: u64,
    /// Whether a message that was not consumed is never dead: it waits again, and others may leave meanwhile.
    is_deathless: bool,
    /// The newest readings, oldest first.
    readings: Vec<ConsumptionReading>,
    /// The growth between two readings, which messages of others have caused, or late counts of ours.
    grown: u64,
    /// The first reading at which nothing waited.
    taken: Option<ConsumptionReading>,
    /// The fall between two readings since then, by which at least so many have left.
    left: u64,
    /// Whether a count was lower than the one before, by however little.
    fell: bool,
    /// The fewest messages in flight at a reading at which nothing waited, and the number of such readings.
    fewest: Option<(u64, usize)>,
}

/// A reading of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ConsumptionReading {
    depth: u64,
    /// The messages that no consumer has taken.
    waiting: u64,
    in_flight: u64,
    /// The messages that may be among those sent, when the oldest are consumed first.
    open: u64,
    /// The time since the last send.
    after: Duration,
}

/// The end of the messages that were sent to a destination, as far as its counts show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumptionState {
    Consumed,
    /// The number of those sent that are still there, while no count falls.
    Stuck(u64),
    /// The number of those sent that are still there, while a consumer may take some.
    Slow(u64),
    /// All would be consumed, but that a consumer may hold so many of those sent.
    Held(u64),
    /// Some have left. Those sent may be among the messages that are there.
    Backlog(u64),
    /// Too few readings.
    Unknown,
}

/// Returns the depth that a destination had before the first message was sent to it. The record of the
/// move says it, also to a later run; until something was sent it is the present depth.
pub fn baseline(recorded: Option<u64>, sent: u64, depth: u64) -> u64 {
    match (recorded, sent) {
        (Some(recorded), _) => recorded,
        (None, 0) => depth,
        // What was there is unknown, and counts as not consumed.
        (None, _) => 0,
    }
}

impl Consumption {
    pub fn new(before: u64) -> Self {
        let (readings, taken) = (Vec::new(), None);
        Consumption {
            before,
            floor: 0,
            delayed_before: 0,
            is_deathless: false,
            sent: 0,
            readings,
            grown: 0,
            taken,
            left: 0,
            fell: false,
            fewest: None,
        }
    }

    /// Returns what is known before the first message is sent.
    pub fn of_counts(counts: Counts) -> Self {
        Consumption { delayed_before: counts.delayed, ..Consumption::new(counts.depth()) }
    }

    /// Returns it for a destination without a redrive policy: there what is not consumed is never dead.
    pub fn deathless(self) -> Self {
        Consumption { is_deathless: true, ..self }
    }

    /// Replaces the depth before the first message, and the few messages that were in flight then.
    pub fn since(self, before: u64, floor: u64) -> Self {
        Consumption { before, floor, ..self }
    }

    pub fn before(&self) -> u64 {
        self.before
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Adds messages that were sent. Earlier readings say nothing about them.
    pub fn add_sent(&mut self, count: u64) {
        self.sent += count;
        self.readings.clear();
        self.grown = 0;
        (self.taken, self.left, self.fell, self.fewest) = (None, 0, false, None);
    }

    /// Returns how many messages were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Adds a reading, so long after the last send.
    pub fn add(&mut self, counts: Counts, after: Duration) {
        let depth = counts.depth();
        let present = depth - counts.delayed.min(self.delayed_before);
        let waiting = present.saturating_sub(counts.in_flight);
        if let Some(last) = self.readings.last() {
            self.fell |= depth < last.depth || waiting < last.waiting;
            let growth = depth.saturating_sub(last.depth);
            self.grown += if growth > wobble(last.depth) { growth } else { 0 };
            self.left += self.taken.map_or(0, |_| last.depth.saturating_sub(depth));
        }
        // A count that lags behind a send grows by messages of ours.
        let arrived = self.grown.saturating_sub(self.sent);
        if self.readings.len() == NEWEST {
            self.readings.remove(0);
        }
        let open = present.saturating_sub(arrived);
        let in_flight = counts.in_flight;
        let reading = ConsumptionReading { depth, waiting, in_flight, open, after };
        self.readings.push(reading);
        let rest = self.rest();
        if waiting <= rest {
            self.taken.get_or_insert(reading);
            let (fewest, count) = self.fewest.unwrap_or((in_flight, 0));
            self.fewest = Some((fewest.min(in_flight), count + 1));
        } else if self.readings.iter().rev().take(READINGS_MIN).all(|one| one.waiting > rest) {
            // They wait again: the consumer has stopped meanwhile, and may be back later.
            (self.taken, self.left, self.fewest) = (None, 0, None);
        }
    }

    /// The number of messages that may still be there.
    fn rest(&self) -> u64 {
        self.sent / REST_SHARE
    }

    /// Returns the value that as many readings as are needed do not exceed; None when there are too few.
    fn level(&self, value: fn(&ConsumptionReading) -> u64) -> Option<u64> {
        let mut values: Vec<u64> = self.readings.iter().map(value).collect();
        values.sort_unstable();
        values.get(READINGS_MIN - 1).copied()
    }

    /// Returns how many messages of ours may be among those in flight at every reading; None: none.
    fn held_at_most(&self) -> Option<u64> {
        let calm = self.fewest.filter(|(_, count)| *count >= READINGS_MIN);
        // Where others always wait, only the newest readings are known.
        let newest = || self.readings.iter().map(|one| one.in_flight).min().unwrap_or(0);
        let fewest = calm.map_or_else(newest, |(fewest, _)| fewest);
        (fewest > self.rest().max(self.floor)).then(|| fewest.min(self.sent))
    }

    /// Returns whether the messages were consumed, when one can die again within a `window`.
    pub fn state(&self, window: Duration) -> ConsumptionState {
        let rest = self.rest();
        let (Some(depth), Some(waiting), Some(open), Some(newest)) = (
            self.level(|one| one.depth),
            self.level(|one| one.waiting),
            self.level(|one| one.open),
            self.readings.last(),
        ) else {
            return ConsumptionState::Unknown;
        };
        let remaining = depth.saturating_sub(self.before).min(self.sent);
        let is_gone = open.max(newest.open) <= rest;
        let is_idle = waiting.max(newest.waiting) <= rest;
        let is_through = self.taken.is_some_and(|taken| {
            // What is always held looks the same in each reading.
            let varies = self.readings.windows(2).any(|two| two[1].depth < two[0].depth);
            let is_over = newest.after >= taken.after.saturating_add(window);
            let is_replaced = self.left >= taken.depth + wobble(taken.depth);
            !self.is_deathless
                && is_idle
                && is_over
                && (is_replaced || (remaining <= rest && varies))
        });
        // A fall may be a wobble, but then it cannot be said that nothing is consumed. Taken late, it waits in
        // most of the readings.
        let is_at_work = self.fell || waiting.min(newest.waiting) <= rest;
        match (is_gone || is_through).then(|| self.held_at_most()) {
            Some(Some(held)) => ConsumptionState::Held(held),
            Some(None) => ConsumptionState::Consumed,
            None if remaining <= rest => ConsumptionState::Backlog(newest.open.max(1)),
            None if is_at_work => ConsumptionState::Slow(remaining),
            None => ConsumptionState::Stuck(remaining),
        }
    }
}

fn wobble(depth: u64) -> u64 {
    WOBBLE.max(depth / WOBBLE_SHARE)
}

#[cfg(test)]
mod tests;
