//! Deliveries that people silence or acknowledge meanwhile. Entries that wait for the end of a silence
//! stay in the folder, and hold up no other.

use std::collections::HashSet;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::{ChannelDrain, Drain};
use crate::clock;
use crate::edge::notify::outbox::id_of;
use crate::edge::notify::statements::Statements;
use crate::error::Error;
use crate::rules::notification::outbox::{OutboxEntry, Withdrawal};
use crate::rules::notification::overtake::EntryFacts;
use crate::rules::notification::silence::{Silence, Silences};
use crate::time::Timestamp;

/// The interval at which an attempt that waits for its turn is looked at.
const WITHDRAWAL_INTERVAL: Duration = Duration::from_millis(300);
/// The interval at which the end of a silence is looked for.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// The entries, and the silences by which they wait.
#[derive(Debug)]
pub(super) struct SilencedEntries {
    ids: HashSet<String>,
    by: Vec<Silence>,
    looked_at: Instant,
}

impl SilencedEntries {
    pub(super) fn new() -> Self {
        SilencedEntries { ids: HashSet::new(), by: Vec::new(), looked_at: clock::tick() }
    }

    /// Lets entries wait.
    fn hold(&mut self, entries: &[OutboxEntry], silences: &Silences, now: Timestamp) {
        if self.ids.is_empty() {
            self.by = silences.in_force(now).cloned().collect();
        }
        self.ids.extend(entries.iter().map(|entry| entry.delivery.id.clone()));
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns the time until the end of a silence is looked for; None when nothing waits.
    pub(super) fn look_in(&self) -> Option<Duration> {
        let waits = !self.ids.is_empty();
        waits.then(|| INTERVAL.saturating_sub(self.looked_at.elapsed()))
    }

    /// Lets all go when the silences in force are others. Returns whether they are.
    pub(super) fn look(&mut self, silences: &Silences, now: Timestamp) -> bool {
        self.looked_at = clock::tick();
        let are_others = !silences.in_force(now).eq(&self.by);
        if are_others {
            self.ids.clear();
        }
        are_others
    }
}

impl ChannelDrain {
    /// Lets entries wait for the end of a silence, and records since when they do.
    pub(super) fn hold(
        &mut self,
        entries: &mut [OutboxEntry],
        silences: &Silences,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.silenced.hold(entries, silences, now);
        let changed = entries.iter_mut().filter_map(|entry| {
            let has_changed = entry.begin_silence(silences, now);
            has_changed.then_some(&*entry)
        });
        changed.map(|entry| self.outbox.rewrite(entry)).fold(Ok(()), Result::and)
    }

    /// Takes the entries that a silence holds and that the end of their problem makes needless.
    pub(super) fn take_held_before(&mut self, end: &OutboxEntry) -> Option<Vec<OutboxEntry>> {
        if self.silenced.ids.is_empty() {
            return None;
        }
        let names = self.outbox.names().unwrap_or_default();
        let end_facts = EntryFacts::new(end);
        let is_held = |name: &&OsString| {
            id_of(name)
                .is_some_and(|id| self.silenced.ids.contains(id) && !self.unrecorded.contains(id))
        };
        let held = names.iter().filter(is_held).filter_map(|name| self.outbox.read(name).ok()?);
        let over: Vec<OutboxEntry> = held
            .filter(|one| one.sequence < end.sequence)
            .filter(|one| one.is_outdated_by(&end_facts, self.keeps_alerts))
            .collect();
        for one in &over {
            self.silenced.ids.remove(&one.delivery.id);
            self.unrecorded.insert(one.delivery.id.clone());
        }
        (!over.is_empty()).then_some(over)
    }
}

impl Drain {
    /// Ends an attempt that waits for its turn when people have silenced or acknowledged all that it
    /// tells of.
    pub(super) fn stop_withdrawn(&mut self, number: usize) {
        let channel = &mut self.channels[number];
        let is_looked_at = channel.looked_at.elapsed() < WITHDRAWAL_INTERVAL;
        if !channel.can_wait || channel.under_way.is_empty() || is_looked_at {
            return;
        }
        channel.looked_at = clock::tick();
        let Statements { silences, acks, unreadable } = Statements::read(&self.store);
        self.unreadable.extend(unreadable);
        let now = clock::now();
        let entries = channel.under_way.iter();
        let reasons: Option<Vec<Withdrawal>> =
            entries.map(|entry| entry.withdrawal(&silences, &acks, now)).collect();
        // What is silenced is not dropped with what is acknowledged.
        channel.withdrawn =
            reasons.and_then(|reasons| match reasons.contains(&Withdrawal::Silenced) {
                true => Some(Withdrawal::Silenced),
                false => reasons.first().copied(),
            });
        if let (Some(_), Some(thread)) = (channel.withdrawn, &channel.thread) {
            thread.stop();
        }
    }

    /// Lets go what a silence held, when the silences are others than those that held it, unless the last
    /// look was within `interval`.
    pub(super) fn look_at_silences(&mut self, number: usize, interval: Duration) {
        let channel = &mut self.channels[number];
        if channel.silenced.is_empty() || channel.silenced.looked_at.elapsed() < interval {
            return;
        }
        let Statements { silences, unreadable, .. } = Statements::read(&self.store);
        self.unreadable.extend(unreadable);
        channel.is_stale |= channel.silenced.look(&silences, clock::now());
    }
}
