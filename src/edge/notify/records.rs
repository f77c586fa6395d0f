//! The records of `dlq-notify`: `notices.json`, the drafts of the outbox that belong to it, and the
//! journal.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::clock;
use crate::config::{Channel, ChannelKind, Env, Settings, state_dir};
use crate::document::Keys;
use crate::edge::notify::drain::Drain;
use crate::edge::notify::outbox::{ChannelOutbox, ConsoleSlot, id_of, is_slot_taken, sequence_of};
use crate::error::Error;
use crate::journal::Journal;
use crate::rules::notification::amend::Amendment;
use crate::rules::notification::decision::DropReason;
use crate::rules::notification::fallback::fall_back;
use crate::rules::notification::heartbeat::{Heartbeat, Pulse};
use crate::rules::notification::notice_key::{KeyHash, NoticeKey};
use crate::rules::notification::notices::{Notices, QueuedDelivery};
use crate::rules::notification::outbox::{OutboxEntry, Withdrawal};
use crate::rules::notification::plan::{ArrivedEvent, FlushPlan, PlanInput, plan};
use crate::rules::notification::policy::Notifications;
use crate::rules::notification::route::Router;
use crate::rules::notification::topic::SendReason;
use crate::store::Store;
use crate::time::Timestamp;

/// The time in which a process without a slot has printed what is for its console.
const PRINTED_WITHIN: Duration = Duration::from_secs(60);

/// The files of `dlq-notify`.
pub struct DispatcherState {
    /// The folder of `notices.json`.
    pub store: Store,
    pub journal: Journal,
    /// The slot of this process; None when all are taken.
    slot: Option<ConsoleSlot>,
}

/// The consequences of a record of deliveries that have ended.
#[derive(Debug, Default)]
pub struct RecordedEnds {
    /// The notices that a console is to print, with the number of its channel.
    pub for_console: Vec<(usize, OutboxEntry)>,
    /// Whether a beginning was withdrawn, so that others with its cause may be due.
    pub is_plan_due: bool,
}

/// The outbox of a delivery that has ended.
#[derive(Debug)]
enum FinishedIn {
    Channel(usize),
    /// The outbox of a channel that is not configured any more.
    Gone(ChannelOutbox),
}

/// A delivery that has ended.
#[derive(Debug)]
pub struct Finished {
    place: FinishedIn,
    entry: OutboxEntry,
    handle: Option<String>,
    /// Whether the channel refused it, or is gone, so that its fallback is told.
    is_refused: bool,
    /// Whether people have acknowledged it before it was sent.
    is_acked: bool,
    /// Whether it is an escalation that was not sent, so that its channel is not told the end either.
    is_uncalled: bool,
}

impl Finished {
    pub fn told(channel: usize, entry: OutboxEntry, handle: Option<String>) -> Self {
        Finished { handle, ..Finished::new(FinishedIn::Channel(channel), entry) }
    }

    pub fn refused(channel: usize, entry: OutboxEntry) -> Self {
        Finished { is_refused: true, ..Finished::new(FinishedIn::Channel(channel), entry) }
    }

    /// Returns a delivery that people have withdrawn. What was told before stays told.
    pub fn withdrawn(channel: usize, entry: OutboxEntry, why: Withdrawal) -> Self {
        use SendReason::{AckExpired, Escalated, Repeat};
        let tells_again = matches!(entry.reason, AckExpired | Escalated | Repeat);
        let is_acked = why == Withdrawal::Acked && !tells_again;
        let is_uncalled = entry.reason == Escalated && !entry.perhaps_sent;
        Finished { is_acked, is_uncalled, ..Finished::new(FinishedIn::Channel(channel), entry) }
    }

    /// Returns a delivery that no configured channel can make.
    pub fn gone(outbox: ChannelOutbox, entry: OutboxEntry) -> Self {
        Finished { is_refused: true, ..Finished::new(FinishedIn::Gone(outbox), entry) }
    }

    fn new(place: FinishedIn, entry: OutboxEntry) -> Self {
        let (is_refused, is_acked, is_uncalled) = (false, false, false);
        Finished { place, entry, handle: None, is_refused, is_acked, is_uncalled }
    }

    /// Returns whether the end is more than one delivery less on the list.
    pub fn changes_records(&self) -> bool {
        let falls_back = self.is_refused && self.entry.fallback.is_some();
        self.handle.is_some() || self.is_acked || self.is_uncalled || falls_back
    }

    /// Removes the entry from the outbox.
    pub fn remove(&self, drain: &mut Drain) -> Result<(), Error> {
        match &self.place {
            FinishedIn::Gone(outbox) => outbox.remove(&self.entry),
            FinishedIn::Channel(channel) => {
                drain.outbox(*channel).remove(&self.entry)?;
                drain.forget(*channel, &self.entry.delivery.id);
                Ok(())
            }
        }
    }

    pub fn into_id(self) -> String {
        self.entry.delivery.id
    }
}

impl DispatcherState {
    pub fn open(settings: &Settings, env: &Env) -> Result<Self, Error> {
        let store = Store::open(&state_dir(settings, env)?)?;
        let journal = Journal::new(&store, settings.state.rotation());
        let slot = ConsoleSlot::take(&store)?;
        Ok(DispatcherState { store, journal, slot })
    }

    /// Takes up the channels and routes of the configuration.
    pub fn adopt(&self, notifications: &Notifications, router: &Router) -> Result<(), Error> {
        let now = clock::now();
        let mut known = self.store.read::<Notices>(&Keys::all())?;
        if known == Notices::default() {
            self.take_up_outbox(notifications)?;
        }
        if known.adopt(notifications, router, now) {
            let adopt = |notices: &mut Notices| Ok(notices.adopt(notifications, router, now));
            self.store.update(&Keys::all(), adopt)?;
        }
        Ok(())
    }

    /// Returns the events that were judged. A delivery on the list that has no file has ended in a
    /// process that did not record it, and is struck off.
    pub fn judged(&self, notifications: &Notifications) -> Result<HashSet<KeyHash>, Error> {
        let delivery = Keys::none().with_all(Notices::DELIVERY);
        let keys = delivery.clone().with_all(Notices::NOTICE);
        let records: Notices = self.store.read(&keys)?;
        let unlisted = |queue: &BTreeMap<String, QueuedDelivery>| {
            let mut ids: HashSet<String> = queue.keys().cloned().collect();
            for channel in &notifications.channels {
                ChannelOutbox::new(&self.store, &channel.name).remove_listed(&mut ids)?;
            }
            let is_known = |name: &str| notifications.channels.iter().any(|one| one.name == name);
            ids.retain(|id| queue.get(id).is_some_and(|one| is_known(&one.channel)));
            Ok(ids)
        };
        let gone = unlisted(&records.queue)?;
        if !gone.is_empty() {
            self.store.update(&delivery, |notices: &mut Notices| {
                // A file that is renamed meanwhile can be missing in one list, but not in both.
                let still = unlisted(&notices.queue)?;
                notices.queue.retain(|id, _| !(gone.contains(id) && still.contains(id)));
                Ok(())
            })?;
        }
        Ok(records.keys())
    }

    /// Removes entries whose end a killed process has recorded. Those that `notices.json` has never
    /// known stay: people may have removed it.
    pub fn remove_recorded(&self, notifications: &Notifications) -> Result<(), Error> {
        let mut found = Vec::new();
        for channel in &notifications.channels {
            let outbox = ChannelOutbox::new(&self.store, &channel.name);
            found.extend(outbox.names()?.into_iter().map(|name| (outbox.clone(), name)));
        }
        if found.is_empty() {
            return Ok(());
        }
        // Read after the names: what is recorded by now is over.
        let notices: Notices = self.store.read(&Keys::all())?;
        for (outbox, name) in found {
            let sequence = sequence_of(&name).filter(|sequence| *sequence <= notices.sequence);
            let is_recorded = id_of(&name).is_some_and(|id| !notices.queue.contains_key(id));
            if sequence.is_some() && is_recorded {
                outbox.remove_file(&name)?;
            }
        }
        Ok(())
    }

    /// Takes up the drafts that a crash has left: those that were recorded become entries, and the
    /// others are removed, because their events are judged again. Returns what is for a console whose
    /// process has ended, as this process's own, and the errors of files that cannot be read.
    pub fn recover(
        &self,
        notifications: &Notifications,
    ) -> Result<(Vec<OutboxEntry>, Vec<Error>), Error> {
        let mut left = Vec::new();
        for channel in &notifications.channels {
            let outbox = ChannelOutbox::new(&self.store, &channel.name);
            let is_console = channel.kind == ChannelKind::Console;
            for name in outbox.drafts()? {
                left.push((is_console, false, outbox.clone(), name));
            }
            // Nothing else delivers the entries of a channel that has become a console.
            for name in outbox.names()?.into_iter().filter(|_| is_console) {
                left.push((is_console, true, outbox.clone(), name));
            }
        }
        let (mut unprinted, mut unreadable) = (Vec::new(), Vec::new());
        if left.is_empty() {
            return Ok((unprinted, unreadable));
        }
        let keys = Keys::none().with_all(Notices::DELIVERY);
        self.store.update(&keys, |notices: &mut Notices| {
            for (is_console, is_entry, outbox, name) in left {
                let is_recorded = id_of(&name).is_some_and(|id| notices.queue.contains_key(id));
                if !(is_entry || (is_recorded && is_console)) {
                    outbox.settle_draft(&name, is_recorded)?;
                    continue;
                }
                // A damaged file stays for people, and holds up no other entry.
                let read = outbox.read(&name).unwrap_or_else(|error| {
                    unreadable.push(error);
                    None
                });
                let Some(mut entry) = read else { continue };
                if self.is_printed_by_another(&entry)? {
                    continue;
                }
                entry.slot = self.slot();
                outbox.redraft(&entry)?;
                unprinted.push(entry);
            }
            Ok((unprinted, unreadable))
        })
    }

    fn slot(&self) -> Option<u32> {
        self.slot.as_ref().map(|slot| slot.number)
    }

    /// Returns whether a living process is about to print an entry.
    fn is_printed_by_another(&self, entry: &OutboxEntry) -> Result<bool, Error> {
        match entry.slot {
            // The slot was free when this process took it.
            Some(number) if Some(number) == self.slot() => Ok(false),
            Some(number) => is_slot_taken(&self.store, number),
            None => Ok(clock::now().since(entry.queued_at) < PRINTED_WITHIN),
        }
    }

    /// Plans in one update, in which the entries of the plan become drafts.
    pub fn plan(
        &self,
        input: PlanInput<'_>,
        arrived: &[ArrivedEvent],
        now: Timestamp,
        entries_of: impl FnOnce(&FlushPlan, Vec<Option<String>>) -> Vec<OutboxEntry>,
    ) -> Result<(FlushPlan, Vec<OutboxEntry>), Error> {
        self.store.update(&Keys::all(), |notices: &mut Notices| {
            let plan = plan(notices, arrived, input, now);
            let titles = plan.deliveries.iter().map(|one| one.title(notices)).collect();
            let mut entries = entries_of(&plan, titles);
            entries.iter_mut().for_each(|entry| entry.slot = self.slot());
            self.draft(&entries)?;
            Ok((plan, entries))
        })
    }

    /// Writes entries as drafts, and syncs them all before any of them is attempted.
    fn draft(&self, entries: &[OutboxEntry]) -> Result<(), Error> {
        let mut channels: BTreeMap<&str, Vec<&OutboxEntry>> = BTreeMap::new();
        entries.iter().for_each(|entry| channels.entry(&entry.channel).or_default().push(entry));
        for (channel, drafts) in channels {
            let outbox = ChannelOutbox::new(&self.store, channel);
            drafts.iter().try_for_each(|entry| outbox.draft(entry))?;
            outbox.sync(&drafts)?;
        }
        Ok(())
    }

    /// Records deliveries that have ended, queues those of refused ones for the fallback, and removes
    /// the files. The files of `gone` were removed before.
    pub fn record(
        &self,
        notifications: &Notifications,
        finished: &[Finished],
        gone: &[String],
        drain: &mut Drain,
    ) -> Result<RecordedEnds, Error> {
        let mut recorded = RecordedEnds::default();
        let mut queued_anew = Vec::new();
        self.store.update(&Keys::all(), |notices: &mut Notices| {
            gone.iter().for_each(|id| drop(notices.queue.remove(id)));
            let acked = finished.iter().filter(|one| one.is_acked).map(|one| &one.entry);
            let dropped = Amendment::Dropped(DropReason::Acked);
            let key = |entry: &OutboxEntry| NoticeKey::new(&entry.channel, &entry.event);
            notices.amend(acked.map(|entry| (key(entry), dropped.clone())).collect());
            for Finished { entry, handle, is_refused, is_acked, is_uncalled, .. } in finished {
                let Some(queued) = notices.queue.remove(&entry.delivery.id) else { continue };
                let channel = notifications.channel(&entry.channel);
                if *is_uncalled && channel.is_some_and(Channel::can_merge) {
                    // An end is harmless where no alert is open.
                    notices.uncall(&queued, entry.delivery.at);
                }
                if *is_acked && matches!(entry.reason, SendReason::New | SendReason::Again) {
                    notices.withdraw(&queued);
                    recorded.is_plan_due = true;
                }
                if let Some(handle) = handle {
                    notices.take_handle(&queued, handle);
                }
                let fallback = entry.fallback.as_ref().filter(|_| *is_refused);
                let to = fallback.and_then(|name| notifications.channel(name));
                for mut entry in to.map_or(Vec::new(), |to| {
                    fall_back(notices, notifications, to, entry, &queued.topics, clock::now())
                }) {
                    entry.slot = self.slot();
                    queued_anew.push(entry);
                }
            }
            self.draft(&queued_anew)
        })?;
        finished.iter().try_for_each(|one| one.remove(drain))?;
        for entry in queued_anew {
            let mut channels = notifications.channels.iter();
            let position = channels.position(|one| one.name == entry.channel);
            let Some(number) = position else { continue };
            if notifications.channels[number].kind == ChannelKind::Console {
                recorded.for_console.push((number, entry));
                continue;
            }
            drain.outbox(number).release(&entry)?;
            drain.wake(number);
        }
        Ok(recorded)
    }

    /// Records the end of a round. Returns that rounds finish again, when they were missing.
    pub fn beat(&self, at: Timestamp) -> Result<Option<Pulse>, Error> {
        let now = clock::now();
        self.store.update(&Keys::all(), |heart: &mut Heartbeat| Ok(heart.beat(at, now)))
    }

    /// Returns whether the end of a round is on record.
    pub fn has_pulse(&self) -> bool {
        self.store.read::<Heartbeat>(&Keys::all()).is_ok_and(|heart| heart.last.is_some())
    }

    /// Returns that rounds are missing, to one process, once. None without a round on record.
    pub fn check_heartbeat(
        &self,
        rounds: u32,
        interval: Duration,
        watched_since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Option<Pulse>>, Error> {
        let mut seen: Heartbeat = self.store.read(&Keys::all())?;
        if seen.last.is_none() {
            return Ok(None);
        }
        if seen.check(rounds, interval, watched_since, now).is_none() {
            return Ok(Some(None));
        }
        let check = |heart: &mut Heartbeat| Ok(heart.check(rounds, interval, watched_since, now));
        self.store.update(&Keys::all(), check).map(Some)
    }

    /// Returns the number of entries in the outboxes of the configured channels. The list in
    /// `notices.json` also has what another process has delivered and not yet struck off.
    pub fn waiting(&self, notifications: &Notifications) -> Result<usize, Error> {
        let channels = notifications.channels.iter();
        channels
            .map(|channel| Ok(ChannelOutbox::new(&self.store, &channel.name).names()?.len()))
            .sum()
    }
}
