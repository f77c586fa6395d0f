//! Delivery from the outbox: one attempt at a time on each channel, all channels at once.
//!
//! Promises: no call waits for a channel; a channel that fails or hangs delays no other; the pause
//! after a failure holds for the whole channel, so that the order stays; what people have silenced
//! meanwhile waits, and what they have acknowledged is not sent. Statements that cannot be read hold
//! nothing back.

mod channel;
mod overtake;
mod pauses;
mod result;
mod silenced;
mod together;

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use self::channel::ChannelDrain;
pub use self::result::{Completion, DrainResult};
use super::attempt::{Attempt, ChannelThread};
use super::outbox::{self, ChannelOutbox};
use super::statements::Statements;
use crate::clock;
use crate::error::Error;
use crate::rules::notification::delivery::Outcome;
use crate::rules::notification::outbox::digest::digest;
use crate::rules::notification::outbox::{OutboxEntry, Withdrawal};
use crate::rules::notification::policy::Channel;
use crate::store::{self, Store};
use crate::time::Timestamp;

/// The pause between two looks at a channel that another process serves, or whose files cannot be read.
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// The time that a fast channel may be behind its rate and make up for.
const CATCH_UP: Duration = Duration::from_millis(250);
/// The pause of a channel from which on another process may deliver.
const RELEASED_FROM: Duration = Duration::from_secs(1);

/// The delivery of all channels.
pub struct Drain {
    store: Store,
    channels: Vec<ChannelDrain>,
    /// Whether no attempt begins any more.
    is_closing: bool,
    outcomes: Receiver<(usize, Outcome)>,
    sender: Sender<(usize, Outcome)>,
    /// The statements of people that could not be read.
    unreadable: Vec<Error>,
}

impl Drain {
    pub fn new(store: &Store) -> Self {
        let (sender, outcomes) = mpsc::channel();
        Drain {
            store: store.clone(),
            channels: Vec::new(),
            is_closing: false,
            outcomes,
            sender,
            unreadable: Vec::new(),
        }
    }

    /// Adds a channel. Without an attempt it delivers nothing.
    pub fn add(&mut self, channel: &Channel, attempt: Option<Attempt>) {
        let number = self.channels.len();
        let outbox = ChannelOutbox::new(&self.store, &channel.name);
        let thread = attempt.map(|one| ChannelThread::start(number, one, self.sender.clone()));
        self.channels.push(ChannelDrain::new(channel, outbox, thread));
    }

    pub fn outbox(&self, channel: usize) -> &ChannelOutbox {
        &self.channels[channel].outbox
    }

    /// Forgets an entry whose end is recorded and whose file is gone.
    pub fn forget(&mut self, channel: usize, id: &str) {
        self.channels[channel].unrecorded.remove(id);
    }

    /// Tells that a channel has new entries.
    pub fn wake(&mut self, channel: usize) {
        self.channels[channel].is_stale = true;
    }

    /// Lets the attempts under way be the last ones.
    pub fn begin_no_more(&mut self) {
        self.is_closing = true;
    }

    /// Returns whether a channel has something to deliver, or may have.
    pub fn is_busy(&self) -> bool {
        self.channels.iter().any(ChannelDrain::can_go_on)
    }

    /// Returns whether it knows of entries that are not delivered, those that a silence holds included.
    pub fn leaves_entries(&self) -> bool {
        self.channels.iter().any(|one| one.is_busy() || one.silenced.look_in().is_some())
    }

    /// Returns whether an attempt is under way.
    pub fn is_attempting(&self) -> bool {
        self.channels.iter().any(|channel| !channel.under_way.is_empty())
    }

    /// Returns whether somebody speaks, or waits for his turn.
    pub fn is_speaking(&self) -> bool {
        self.channels.iter().any(|channel| channel.can_wait && !channel.under_way.is_empty())
    }

    /// Returns whether nothing can be delivered before `until`.
    pub fn is_pausing_until(&self, until: Timestamp) -> bool {
        let mut busy = self.channels.iter().filter(|one| one.can_go_on()).peekable();
        busy.peek().is_some()
            && busy.all(|channel| {
                channel.under_way.is_empty() && channel.not_before.is_some_and(|at| at >= until)
            })
    }

    /// Returns the time until an attempt can begin; None when nothing waits for one.
    pub fn due_in(&self) -> Option<Duration> {
        if self.is_closing {
            return None;
        }
        let waiting = self.channels.iter().filter(|one| one.under_way.is_empty());
        waiting
            .filter_map(|one| [one.due_in(), one.silenced.look_in()].into_iter().flatten().min())
            .min()
    }

    /// Begins what can begin, and returns what has ended. Waits for an end for at most `wait`.
    pub fn tick(&mut self, wait: Duration) -> Vec<Result<DrainResult, Error>> {
        let mut results = Vec::new();
        for number in 0..self.channels.len() {
            self.look_at_silences(number, silenced::INTERVAL);
            results.extend(self.begin(number).transpose());
            self.stop_withdrawn(number);
        }
        let wait = self.due_in().map_or(wait, |due| wait.min(due));
        let mut wait = if results.is_empty() { wait } else { Duration::ZERO };
        while let Ok((number, outcome)) = store::receive(&self.outcomes, wait) {
            results.push(self.end(number, outcome));
            results.extend(self.begin(number).transpose());
            wait = Duration::ZERO;
        }
        results.extend(self.unreadable.drain(..).map(Err));
        results
    }

    /// Begins the next attempt of a channel. Returns a delivery that needs none.
    fn begin(&mut self, number: usize) -> Result<Option<DrainResult>, Error> {
        let channel = &self.channels[number];
        if self.is_closing || channel.thread.is_none() || !channel.is_due() {
            return Ok(None);
        }
        if channel.is_stale {
            // What a silence has held goes before what was decided after its end.
            self.look_at_silences(number, Duration::ZERO);
        }
        let channel = &mut self.channels[number];
        let entry = channel.next_entry().inspect_err(|_| channel.look_later())?;
        let Some(entry) = entry else { return Ok(None) };
        let now = clock::now();
        if let Some(at) = entry.paused_until(now) {
            channel.pause_until(at, now);
            return Ok(None);
        }
        let Statements { silences, acks, unreadable } = Statements::read(&self.store);
        self.unreadable.extend(unreadable);
        let has_ended = |entry: &OutboxEntry| outbox::ended_escalation(&self.store, entry);
        let ended = has_ended(&entry).unwrap_or_else(|error| {
            self.unreadable.push(error);
            None
        });
        let withdrawal = entry.withdrawal(&silences, &acks, now);
        let ends_alert = channel.keeps_alerts && entry.is_quiet_end();
        let over = if ends_alert { channel.take_held_before(&entry) } else { None };
        if let Some(entries) = over {
            let completion = Completion::Withdrawn(Withdrawal::Outdated);
            return Ok(Some(DrainResult { channel: number, entries, completion }));
        }
        // An open alert goes on calling people: its end does not wait.
        let withdrawal = withdrawal.filter(|_| !ends_alert);
        let outdated = || channel.is_outdated(&entry).then_some(Withdrawal::Outdated);
        let why = withdrawal.or(ended).or_else(outdated);
        let completion = match why {
            Some(Withdrawal::Silenced) => {
                channel.waiting.pop_front();
                return channel.hold(&mut [entry], &silences, now).map(|()| None);
            }
            Some(why) => Some(Completion::Withdrawn(why)),
            None if entry.is_given_up(now) => {
                Some(Completion::Failed { cause: "it could not be delivered for 3 days".into() })
            }
            None => None,
        };
        if let Some(completion) = completion {
            channel.waiting.pop_front();
            channel.unrecorded.insert(entry.delivery.id.clone());
            return Ok(Some(DrainResult { channel: number, entries: vec![entry], completion }));
        }
        let is_withdrawn = |one: &OutboxEntry| {
            one.withdrawal(&silences, &acks, now).is_some()
                || has_ended(one).is_ok_and(|ended| ended.is_some())
        };
        let entries = channel.take_together(entry, is_withdrawn, now);
        let delivery = match entries.as_slice() {
            [one] => one.delivery_at(now),
            several => digest(several, now),
        };
        channel.under_way = entries;
        channel.take_turn(clock::tick());
        if !channel.thread.as_ref().is_some_and(|thread| thread.begin(delivery)) {
            let entries = std::mem::take(&mut channel.under_way);
            let completion = Completion::Postponed { cause: "its thread has ended".into() };
            return Ok(Some(DrainResult { channel: number, entries, completion }));
        }
        Ok(None)
    }

    /// Records the outcome of an attempt in the file of the entry.
    fn end(&mut self, number: usize, outcome: Outcome) -> Result<DrainResult, Error> {
        let channel = &mut self.channels[number];
        let mut entries = std::mem::take(&mut channel.under_way);
        let completion = match (outcome, channel.withdrawn.take()) {
            (Outcome::Later { .. }, Some(Withdrawal::Silenced)) => {
                let silences = Statements::read(&self.store).silences;
                channel.hold(&mut entries, &silences, clock::now())?;
                return Ok(DrainResult { channel: number, entries, completion: Completion::Held });
            }
            (Outcome::Later { .. }, Some(why)) => Completion::Withdrawn(why),
            (outcome, _) => channel.completion(outcome, &mut entries)?,
        };
        if !matches!(completion, Completion::Postponed { .. }) {
            let ids = entries.iter().map(|entry| entry.delivery.id.clone());
            channel.unrecorded.extend(ids);
        }
        Ok(DrainResult { channel: number, entries, completion })
    }
}

#[cfg(test)]
mod tests;
