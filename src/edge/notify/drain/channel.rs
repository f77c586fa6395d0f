//! The drain of one channel: its outbox, its thread, and what it waits for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::result::Completion;
use super::silenced::SilencedEntries;
use crate::clock;
use crate::edge::notify::attempt::ChannelThread;
use crate::edge::notify::outbox::{self, ChannelOutbox};
use crate::error::Error;
use crate::rules::notification::delivery::Outcome;
use crate::rules::notification::outbox::{ASKED_PAUSE_MAX, OutboxEntry, Withdrawal};
use crate::rules::notification::overtake::EntryFacts;
use crate::rules::notification::policy::{Channel, ChannelKind};
use crate::store::Lock;
use crate::time::Timestamp;

/// A channel, and what waits for it.
pub(super) struct ChannelDrain {
    pub(super) outbox: ChannelOutbox,
    pub(super) thread: Option<ChannelThread>,
    pub(super) can_merge: bool,
    /// Whether a notice opens an alert, which goes on calling people until its end.
    pub(super) keeps_alerts: bool,
    pub(super) sums_up: bool,
    /// The least time between two attempts.
    pub(super) interval: Duration,
    pub(super) lock: Option<Lock>,
    pub(super) waiting: VecDeque<OsString>,
    /// The facts of those that others were judged by.
    pub(super) facts: HashMap<OsString, EntryFacts>,
    pub(super) under_way: Vec<OutboxEntry>,
    /// Whether an attempt may wait long enough for people to withdraw it.
    pub(super) can_wait: bool,
    /// The last look whether they have, and what it has found.
    pub(super) looked_at: Instant,
    pub(super) withdrawn: Option<Withdrawal>,
    /// The ids of entries whose end is not recorded. They are still in the folder.
    pub(super) unrecorded: HashSet<String>,
    pub(super) silenced: SilencedEntries,
    /// The ids of edits that a digest has overtaken.
    pub(super) outdated: HashSet<String>,
    /// Whether the folder may hold entries that are not in `waiting`.
    pub(super) is_stale: bool,
    /// Whether the folder could not be read, or not locked, at the last look.
    is_closed: bool,
    pub(super) not_before: Option<Timestamp>,
    pub(super) next_at: Instant,
}

impl ChannelDrain {
    pub(super) fn new(
        channel: &Channel,
        outbox: ChannelOutbox,
        thread: Option<ChannelThread>,
    ) -> Self {
        ChannelDrain {
            outbox,
            thread,
            can_merge: channel.can_merge(),
            keeps_alerts: channel.kind == ChannelKind::PagerDuty,
            sums_up: channel.sums_up(),
            interval: channel.interval(),
            lock: None,
            waiting: VecDeque::new(),
            facts: HashMap::new(),
            under_way: Vec::new(),
            can_wait: channel.waits_its_turn(),
            looked_at: clock::tick(),
            withdrawn: None,
            unrecorded: HashSet::new(),
            silenced: SilencedEntries::new(),
            outdated: HashSet::new(),
            is_stale: true,
            is_closed: false,
            not_before: None,
            next_at: clock::tick(),
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.thread.is_some()
            && (self.is_stale || !self.waiting.is_empty() || !self.under_way.is_empty())
    }

    /// Returns whether it is worth waiting for: of a folder that is closed nothing is delivered.
    pub(super) fn can_go_on(&self) -> bool {
        self.is_busy() && !self.is_closed
    }

    pub(super) fn is_due(&self) -> bool {
        self.under_way.is_empty() && self.due_in() == Some(Duration::ZERO)
    }

    /// Returns the time until the pauses of a busy channel are over.
    pub(super) fn due_in(&self) -> Option<Duration> {
        if !self.is_busy() {
            return None;
        }
        let paused = self.not_before.map_or(Duration::ZERO, |at| at.since(clock::now()));
        // A longer one comes from a clock that was ahead.
        let paused = if paused > ASKED_PAUSE_MAX { Duration::ZERO } else { paused };
        let spaced = self.next_at.saturating_duration_since(clock::tick());
        Some(paused.max(spaced))
    }

    /// Returns the result of an attempt at entries, and lets them wait for the next one.
    pub(super) fn completion(
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
                let mut rewritten = Ok(());
                for entry in entries.iter_mut() {
                    entry.perhaps_sent |= unknown;
                    entry.postpone(after, now);
                    rewritten = rewritten.and(self.outbox.rewrite(entry));
                }
                self.is_stale = true;
                self.waiting.clear();
                if let Some(at) = entries.iter().filter_map(|entry| entry.not_before).min() {
                    self.pause_until(at, now);
                }
                rewritten?;
                Completion::Postponed { cause }
            }
        })
    }

    /// Returns the entry to deliver, which stays in the list as its first; None when there is none, or
    /// when another process delivers.
    pub(super) fn next_entry(&mut self) -> Result<Option<OutboxEntry>, Error> {
        self.is_closed = true;
        if self.lock.is_none() {
            // Without entries no folder is made.
            if self.outbox.names()?.is_empty() {
                self.is_closed = false;
                self.is_stale = false;
                self.waiting.clear();
                return Ok(None);
            }
            self.lock = self.outbox.lock()?;
            self.is_stale = true;
        }
        self.is_closed = false;
        if self.lock.is_none() {
            self.look_later();
            return Ok(None);
        }
        if self.waiting.is_empty() || self.is_stale {
            self.is_closed = true;
            self.waiting = self.outbox.names()?.into();
            self.is_closed = false;
            let is_over = |name: &OsString| {
                outbox::id_of(name)
                    .is_some_and(|id| self.unrecorded.contains(id) || self.silenced.contains(id))
            };
            self.waiting.retain(|name| !is_over(name));
            let mut facts = std::mem::take(&mut self.facts);
            let kept = self.waiting.iter().filter_map(|name| facts.remove_entry(name));
            self.facts = kept.collect();
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

    /// Learns the facts of the first entries of the list. Each file is read once, or a channel with many
    /// entries reads all of them for each attempt.
    pub(super) fn learn(&mut self, ahead: usize) {
        for name in self.waiting.iter().take(ahead) {
            if !self.facts.contains_key(name) {
                let read = self.outbox.read(name).ok().flatten();
                let facts = read.as_ref().map_or_else(EntryFacts::default, EntryFacts::new);
                self.facts.insert(name.clone(), facts);
            }
        }
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
