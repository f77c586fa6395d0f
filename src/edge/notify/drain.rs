//! Delivery from the outbox: one attempt at a time on each channel, all channels at once.
//!
//! Promises: no call waits for a channel; a channel that fails or hangs delays no other; the pause
//! after a failure holds for the whole channel, so that the order stays; what people have silenced
//! meanwhile waits, and what they have acknowledged is not sent. Statements that cannot be read hold
//! nothing back.

mod overtake;
mod pauses;
mod result;
mod silenced;
mod together;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

pub use self::result::{Completion, DrainResult};
use self::silenced::SilencedEntries;
use super::attempt::{Attempt, ChannelThread};
use super::outbox::{self, ChannelOutbox};
use super::statements::Statements;
use crate::clock;
use crate::error::Error;
use crate::rules::notification::delivery::Outcome;
use crate::rules::notification::outbox::{ASKED_PAUSE_MAX, OutboxEntry, Withdrawal, digest};
use crate::rules::notification::overtake::EntryRank;
use crate::rules::notification::policy::{Channel, ChannelKind};
use crate::store::{self, Lock, Store};
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

struct ChannelDrain {
    outbox: ChannelOutbox,
    thread: Option<ChannelThread>,
    can_merge: bool,
    /// Whether a notice opens an alert, which goes on calling people until its end.
    keeps_alerts: bool,
    sums_up: bool,
    /// The least time between two attempts.
    interval: Duration,
    lock: Option<Lock>,
    waiting: VecDeque<OsString>,
    /// The places of those in the order, when they are many.
    ranks: HashMap<OsString, EntryRank>,
    under_way: Vec<OutboxEntry>,
    /// Whether an attempt may wait long enough for people to withdraw it.
    can_wait: bool,
    /// The last look whether they have, and what it has found.
    looked_at: Instant,
    withdrawn: Option<Withdrawal>,
    /// The ids of entries whose end is not recorded. They are still in the folder.
    unrecorded: HashSet<String>,
    silenced: SilencedEntries,
    /// The ids of edits that a digest has overtaken.
    outdated: HashSet<String>,
    /// Whether the folder may hold entries that are not in `waiting`.
    is_stale: bool,
    not_before: Option<Timestamp>,
    next_at: Instant,
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
        let sender = self.sender.clone();
        self.channels.push(ChannelDrain {
            outbox: ChannelOutbox::new(&self.store, &channel.name),
            thread: attempt.map(|attempt| ChannelThread::start(number, attempt, sender)),
            can_merge: channel.can_merge(),
            keeps_alerts: channel.kind == ChannelKind::PagerDuty,
            sums_up: channel.sums_up(),
            interval: channel.interval(),
            lock: None,
            waiting: VecDeque::new(),
            ranks: HashMap::new(),
            under_way: Vec::new(),
            can_wait: channel.waits_its_turn(),
            looked_at: clock::tick(),
            withdrawn: None,
            unrecorded: HashSet::new(),
            silenced: SilencedEntries::new(),
            outdated: HashSet::new(),
            is_stale: true,
            not_before: None,
            next_at: clock::tick(),
        });
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
        self.channels.iter().any(ChannelDrain::is_busy)
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
        let mut busy = self.channels.iter().filter(|channel| channel.is_busy()).peekable();
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

impl ChannelDrain {
    fn is_busy(&self) -> bool {
        self.thread.is_some()
            && (self.is_stale || !self.waiting.is_empty() || !self.under_way.is_empty())
    }

    fn is_due(&self) -> bool {
        self.under_way.is_empty() && self.due_in() == Some(Duration::ZERO)
    }

    /// Returns the time until the pauses of a busy channel are over.
    fn due_in(&self) -> Option<Duration> {
        let paused = self.not_before.map_or(Duration::ZERO, |at| at.since(clock::now()));
        // A longer one comes from a clock that was ahead.
        let paused = if paused > ASKED_PAUSE_MAX { Duration::ZERO } else { paused };
        let spaced = self.next_at.saturating_duration_since(clock::tick());
        self.is_busy().then(|| paused.max(spaced))
    }

    /// Returns the result of an attempt at entries, and lets them wait for the next one.
    fn completion(
        &mut self,
        outcome: Outcome,
        entries: &mut [OutboxEntry],
    ) -> Result<Completion, Error> {
        Ok(match outcome {
            Outcome::Delivered { handle } => {
                entries.iter_mut().for_each(|entry| entry.attempts += 1);
                Completion::Sent { handle }
            }
            Outcome::Refused { cause } | Outcome::Gone { cause } => {
                entries.iter_mut().for_each(|entry| entry.attempts += 1);
                Completion::Failed { cause }
            }
            Outcome::Later { cause, after, unknown } => {
                let now = clock::now();
                for entry in entries.iter_mut() {
                    entry.perhaps_sent |= unknown;
                    entry.postpone(after, now);
                    self.outbox.rewrite(entry)?;
                }
                self.is_stale = true;
                self.waiting.clear();
                if let Some(at) = entries.iter().filter_map(|entry| entry.not_before).min() {
                    self.pause_until(at, now);
                }
                Completion::Postponed { cause }
            }
        })
    }

    /// Returns the entry to deliver, which stays in the list as its first; None when there is none, or
    /// when another process delivers.
    fn next_entry(&mut self) -> Result<Option<OutboxEntry>, Error> {
        if self.lock.is_none() {
            // Without entries no folder is made.
            if self.outbox.names()?.is_empty() {
                self.is_stale = false;
                self.waiting.clear();
                return Ok(None);
            }
            self.lock = self.outbox.lock()?;
            self.is_stale = true;
        }
        if self.lock.is_none() {
            self.look_later();
            return Ok(None);
        }
        if self.waiting.is_empty() || self.is_stale {
            self.waiting = self.outbox.names()?.into();
            let is_over = |name: &OsString| {
                outbox::id_of(name)
                    .is_some_and(|id| self.unrecorded.contains(id) || self.silenced.contains(id))
            };
            self.waiting.retain(|name| !is_over(name));
            self.is_stale = false;
        }
        let mut first = self.first_entry()?;
        let is_paused = |entry: &OutboxEntry| entry.paused_until(clock::now()).is_some();
        if first.as_ref().is_some_and(|first| !is_paused(first)) {
            self.bring_forward();
            first = self.first_entry()?;
        }
        if first.is_none() {
            self.release();
        }
        Ok(first)
    }

    /// Returns the first entry of the list. A damaged file stays for people, and holds up no other.
    fn first_entry(&mut self) -> Result<Option<OutboxEntry>, Error> {
        while let Some(name) = self.waiting.pop_front() {
            if let Some(entry) = self.outbox.read(&name)? {
                self.waiting.push_front(name);
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Keys;
    use crate::event::Severity;
    use crate::rules::notification::connection::Rate;
    use crate::rules::notification::delivery::{Action, Delivery};
    use crate::rules::notification::message::Notice;
    use crate::rules::notification::silence::{Silence, Silences};
    use crate::rules::notification::topic::SendReason;

    /// Returns the attempts that begin within 10 seconds when the channel is looked at every `every`.
    fn attempts(rate: &str, every: Duration) -> u32 {
        let dir = std::env::temp_dir();
        let mut drain = Drain::new(&Store::at(&dir));
        let mut channel = Channel { name: "c".into(), ..Channel::default() };
        channel.connection.rate = Rate::parse(rate);
        drain.add(&channel, None);
        let channel = &mut drain.channels[0];
        let (begin, mut attempts) = (channel.next_at + Duration::from_secs(60), 0);
        let mut passed = Duration::ZERO;
        while passed < Duration::from_secs(10) {
            if begin + passed >= channel.next_at {
                channel.take_turn(begin + passed);
                attempts += 1;
            }
            passed += every;
        }
        attempts
    }

    #[test]
    fn fast_channel_makes_up_for_lost_time_and_no_channel_sends_a_burst() {
        let rows = [
            ("1000/s, in time", "1000/s", 1, 10_000),
            ("1000/s, a call takes 3 ms", "1000/s", 3, 3334),
            ("20/s, looked at every 20 ms", "20/s", 20, 200),
            ("1/s, looked at every 300 ms", "1/s", 300, 9),
        ];
        for (rule, rate, every, expected) in rows {
            let attempts = attempts(rate, Duration::from_millis(every));
            assert!(attempts.abs_diff(expected) <= expected / 40 + 1, "{rule}: {attempts}");
        }
        // After a minute without work: what 250 ms allow, at once, and no more.
        assert!(attempts("1000/s", Duration::from_millis(1)) <= 10_251);
    }

    fn entry(sequence: u64, action: Action) -> OutboxEntry {
        let at = clock::now();
        let (id, key) = (format!("id-{sequence}"), "k".to_owned());
        let severity = if action == Action::Resolve { Severity::Info } else { Severity::Error };
        let notice = Notice::plain(severity, "a-dlq", "it broke", "look", at);
        let (problems, event) = (Default::default(), None);
        let delivery =
            Delivery { id, action, key, problems, incident: None, event, notice, handle: None, at };
        OutboxEntry {
            sequence,
            channel: "c".into(),
            reason: SendReason::New,
            delivery,
            event: Default::default(),
            subjects: vec!["a-dlq".into()],
            incidents: vec![String::new()],
            ends_problem: action == Action::Resolve,
            fallback: None,
            refused_by: Vec::new(),
            queued_at: at,
            attempts: 0,
            perhaps_sent: false,
            not_before: None,
            silence: None,
            silenced_ms: 0,
            slot: None,
        }
    }

    /// A notice is silenced in the outbox; the silence ends, and the end of the problem is queued.
    #[test]
    fn end_of_a_silence_lets_no_end_overtake_its_beginning() {
        use Action::{Resolve, Trigger};
        let rows = [
            ("all in order", ChannelKind::Webhook, false, vec![Trigger, Resolve]),
            ("an alert that is over", ChannelKind::PagerDuty, false, vec![Resolve]),
            (
                "the end of an alert waits for no silence",
                ChannelKind::PagerDuty,
                true,
                vec![Resolve],
            ),
        ];
        for (number, (rule, kind, stays, expected)) in rows.into_iter().enumerate() {
            let dir =
                std::env::temp_dir().join(format!("dlq-drain-{number}-{}", std::process::id()));
            let store = Store::open(&dir).unwrap();
            let silence = |store: &Store, until: u64| {
                store
                    .update(&Keys::all(), |silences: &mut Silences| {
                        let (from, now) =
                            (clock::now().minus(Duration::from_secs(1)), clock::now());
                        let until = now.plus(Duration::from_secs(until));
                        let glob = "a-*".to_owned();
                        let id = "s".to_owned();
                        silences.add(Silence { id, glob, from, until, reason: None }, now);
                        Ok(())
                    })
                    .unwrap();
            };
            silence(&store, 3600);
            let made = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let seen = made.clone();
            let attempt = Attempt::made_by(move |delivery| {
                seen.lock().unwrap().push(delivery.action);
                Outcome::Delivered { handle: None }
            });
            let mut channel = Channel { name: "c".into(), kind, ..Channel::default() };
            channel.connection.rate = Rate::parse("1000/s");
            let mut drain = Drain::new(&store);
            drain.add(&channel, Some(attempt));
            let queue = |drain: &mut Drain, entry: &OutboxEntry| {
                drain.outbox(0).draft(entry).unwrap();
                drain.outbox(0).release(entry).unwrap();
                drain.wake(0);
            };
            queue(&mut drain, &entry(1, Trigger));
            drain.tick(Duration::ZERO);
            assert!(made.lock().unwrap().is_empty(), "{rule}: silenced");
            if !stays {
                std::fs::remove_file(dir.join("silences.json")).unwrap();
            }
            queue(&mut drain, &entry(2, Resolve));
            let until = clock::tick() + Duration::from_secs(10);
            while made.lock().unwrap().last() != Some(&Resolve) && clock::tick() < until {
                drain.tick(Duration::from_millis(20));
            }
            assert_eq!(*made.lock().unwrap(), expected, "{rule}");
            std::fs::remove_dir_all(&dir).unwrap();
        }
    }
}
