//! A sweep: receives the messages of a queue once, under held visibility.
//!
//! SQS has no access by id, so whoever wants some messages receives all. A message that the caller
//! does not take stays invisible until the end of the sweep, and is put back then, also after an
//! error; after a kill its visibility timeout does it. Memory holds a hash and the receipt handle of
//! each held message, nothing of those that are taken, and the bodies of one batch. In a FIFO queue a held message hides the rest of
//! its message group: only what is taken makes way for the next one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::aws::{BATCH, Received, Sqs};
use crate::clock;
use crate::error::Error;
use crate::log;
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::rules::redrive::id_set::{IdHash, id_hash};
use crate::rules::redrive::sweep::{SweepCost, last_of_each};
use crate::text;
use crate::time::show_span;

/// Empty answers in a row that end a sweep: a short queue may answer empty once.
const EMPTY_MAX: u32 = 2;
/// The waits before a receive that was throttled or cut off, or at which SQS has failed, is tried again.
const RETRIES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The queue of a sweep.
#[derive(Debug, Clone, Copy)]
pub struct SweepTarget<'a> {
    pub scope: usize,
    pub url: &'a str,
    /// The name, for messages to people.
    pub name: &'a str,
}

/// The limits of a sweep.
pub struct SweepLimits<'a> {
    /// The time for which each message is held; a sweep ends before its first one is visible again.
    pub hold: Duration,
    /// The most messages that are held at once.
    pub held_max: u64,
    /// The most messages that are received.
    pub most: Option<u64>,
    pub deadline: Option<Instant>,
    /// The receives at once. A FIFO queue keeps its order with one.
    pub at_once: usize,
    /// Whether the sweep is to end now.
    pub stop: &'a dyn Fn() -> bool,
    /// The place for the attributes of the queue, which are then read beside each receive.
    pub reading: Option<&'a QueueReading>,
}

/// The attributes of a queue, as they were read beside the last receive.
pub type QueueReading = RefCell<Option<Result<Attributes, ReadError>>>;

impl<'a> SweepLimits<'a> {
    pub fn of_cost(cost: SweepCost, stop: &'a dyn Fn() -> bool) -> Self {
        let SweepCost { hold, held_max, .. } = cost;
        let (most, deadline, reading) = (None, None, None);
        SweepLimits { hold, held_max, most, deadline, at_once: 1, stop, reading }
    }
}

/// The treatment of a message by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The caller has deleted it.
    Taken,
    /// The caller has deleted it, not for the first time: a copy has come, or a delete was lost.
    TakenAgain,
    /// The sweep puts it back at its end.
    Held,
}

/// The caller's answer to a batch.
#[derive(Debug, Default)]
pub struct BatchFate {
    /// A fate for each message, in the order of the batch.
    pub fates: Vec<Fate>,
    /// Whether the caller has all that it wants.
    pub is_enough: bool,
}

/// The reason for which a sweep has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepEnd {
    /// The queue has no more messages that can be received.
    Empty,
    /// The caller has enough, or `most` are received.
    Enough,
    /// The time is over: the first held message is about to be visible again.
    Deadline,
    /// As many messages are held as may be in flight.
    InFlight,
    /// The sweep was stopped.
    Stopped,
    Failed(ReadError),
}

/// The result of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepOutcome {
    pub end: SweepEnd,
    /// The messages that were received, each once.
    pub seen: u64,
    pub taken: u64,
    /// The messages that came again.
    pub repeated: u64,
    pub receives: u64,
    pub duration: Duration,
    /// The messages that could not be put back; they stay invisible for the rest of their time.
    pub hidden: u64,
}

/// Receives the messages of a queue in batches, and gives each message once to `on_batch`; one that
/// was taken and comes again, once more, which the caller has to know.
pub fn sweep(
    sqs: &Sqs,
    target: SweepTarget<'_>,
    limits: &SweepLimits<'_>,
    on_batch: &mut dyn FnMut(&[Received]) -> Result<BatchFate, Error>,
) -> Result<SweepOutcome, Error> {
    let begun = clock::tick();
    let mut run = Run {
        sqs,
        target,
        limits,
        begun,
        held: HashMap::new(),
        taken: 0,
        receives: 0,
        repeated: 0,
    };
    let ended = run.receive_all(on_batch);
    let hidden = run.put_back();
    Ok(SweepOutcome {
        end: ended?,
        seen: run.seen(),
        taken: run.taken,
        repeated: run.repeated,
        receives: run.receives,
        duration: begun.elapsed(),
        hidden,
    })
}

struct Run<'a> {
    sqs: &'a Sqs,
    target: SweepTarget<'a>,
    limits: &'a SweepLimits<'a>,
    begun: Instant,
    /// The receipt handle of each held message.
    held: HashMap<IdHash, Box<str>>,
    taken: u64,
    receives: u64,
    repeated: u64,
}

impl Run<'_> {
    /// Returns the number of messages that were received, each once.
    fn seen(&self) -> u64 {
        self.held.len() as u64 + self.taken
    }

    fn receive_all(
        &mut self,
        on_batch: &mut dyn FnMut(&[Received]) -> Result<BatchFate, Error>,
    ) -> Result<SweepEnd, Error> {
        let mut empty = 0;
        loop {
            if let Some(end) = self.limit() {
                return Ok(end);
            }
            let (batch, error) = self.receive();
            let is_empty = batch.is_empty();
            empty = if is_empty { empty + 1 } else { 0 };
            if !is_empty && self.settle(batch, on_batch)? {
                return Ok(SweepEnd::Enough);
            }
            if let Some(error) = error {
                return Ok(SweepEnd::Failed(error));
            }
            if empty == EMPTY_MAX {
                return Ok(SweepEnd::Empty);
            }
        }
    }

    fn limit(&self) -> Option<SweepEnd> {
        let limits = self.limits;
        let next = (BATCH * limits.at_once.max(1)) as u64;
        // A message that is received last still needs time to be put back.
        let is_late = self.begun.elapsed() > limits.hold * 9 / 10
            || limits.deadline.is_some_and(|end| clock::tick() >= end);
        match () {
            () if (limits.stop)() => Some(SweepEnd::Stopped),
            () if limits.most.is_some_and(|most| self.seen() >= most) => Some(SweepEnd::Enough),
            () if is_late && !self.held.is_empty() => Some(SweepEnd::Deadline),
            () if limits.deadline.is_some_and(|end| clock::tick() >= end) => {
                Some(SweepEnd::Deadline)
            }
            () if self.held.len() as u64 + next > limits.held_max => Some(SweepEnd::InFlight),
            () => None,
        }
    }

    /// Receives once, or several times at once. A receive that may succeed a moment later is repeated.
    fn receive(&mut self) -> (Vec<Received>, Option<ReadError>) {
        let SweepTarget { scope, url, .. } = self.target;
        let left = self.limits.most.map(|most| most.saturating_sub(self.seen()));
        let count = usize::try_from(left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX).min(BATCH);
        let hold = self.limits.hold;
        let mut waits = RETRIES.into_iter();
        loop {
            let at_once = self.limits.at_once.max(1);
            self.receives += at_once as u64;
            let (batch, error) = match at_once {
                _ if self.limits.reading.is_some() => {
                    let batches = (at_once, if at_once == 1 { count } else { BATCH });
                    let (received, reading) = self.sqs.receive_and_read(scope, url, batches, hold);
                    self.limits.reading.inspect(|place| drop(place.replace(Some(reading))));
                    received
                }
                1 => match self.sqs.receive(scope, url, count, hold) {
                    Ok(batch) => (batch, None),
                    Err(error) => (Vec::new(), Some(error)),
                },
                _ => self.sqs.receive_at_once(scope, url, at_once, hold),
            };
            let passes = error.as_ref().is_some_and(ReadError::passes);
            if !passes || (self.limits.stop)() {
                return (batch, error);
            }
            if !batch.is_empty() {
                return (batch, None);
            }
            let Some(wait) = waits.next() else { return (batch, error) };
            self.sqs.wait_until(clock::tick() + wait);
        }
    }

    /// Gives a batch to the caller, and keeps the handles of what it does not take. Returns whether
    /// the caller has enough.
    fn settle(
        &mut self,
        batch: Vec<Received>,
        on_batch: &mut dyn FnMut(&[Received]) -> Result<BatchFate, Error>,
    ) -> Result<bool, Error> {
        let (mut given, mut keys) = (Vec::new(), Vec::new());
        let received = batch.len();
        let batch = last_of_each(batch, |one| id_hash(&one.message.id));
        self.repeated += (received - batch.len()) as u64;
        for (key, received) in batch {
            match self.held.get_mut(&key) {
                // The old handle no longer puts it back.
                Some(old) => {
                    *old = received.handle.as_str().into();
                    self.repeated += 1;
                }
                None => {
                    given.push(received);
                    keys.push(key);
                }
            }
        }
        if given.is_empty() {
            return Ok(false);
        }
        let answer = on_batch(&given);
        // After an error nothing is known of the batch; a handle of a deleted message does nothing.
        let fates = answer.as_ref().map_or(&[][..], |answer| &answer.fates);
        let fates = fates.iter().copied().chain(std::iter::repeat(Fate::Held));
        for ((key, received), fate) in keys.into_iter().zip(given).zip(fates) {
            match fate {
                Fate::Taken => self.taken += 1,
                Fate::TakenAgain => self.repeated += 1,
                Fate::Held => drop(self.held.insert(key, received.handle.into())),
            }
        }
        Ok(answer?.is_enough)
    }

    /// Makes all held messages visible again. Returns how many could not be.
    fn put_back(&self) -> u64 {
        let handles: Vec<String> = self.held.values().map(|handle| handle.to_string()).collect();
        let SweepTarget { scope, url, name } = self.target;
        let Some((count, error)) = self.sqs.put_back(scope, url, &handles) else { return 0 };
        log::warn(&format!(
            "cannot put {} back into queue '{name}': {error}; SQS makes them visible again within {}",
            text::count(count as u64, "message"),
            show_span(self.limits.hold),
        ));
        count as u64
    }
}
