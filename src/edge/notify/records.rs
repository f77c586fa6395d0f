//! The records of `dlq-notify`: `notices.json`, the drafts of the outbox that belong to it, and the
//! journal.

mod drafts;
pub mod take_up;

pub use drafts::UnwrittenDelivery;

use crate::clock;
use crate::config::{Channel, ChannelKind, Env, Settings};
use crate::document::Keys;
use crate::edge::notify::drain::Drain;
use crate::edge::notify::outbox::{ChannelOutbox, ConsoleSlot};
use crate::edge::state_store;
use crate::error::Error;
use crate::journal::Journal;
use crate::rules::notification::amend::Amendment;
use crate::rules::notification::decision::DropReason;
use crate::rules::notification::fallback::fall_back;
use crate::rules::notification::heartbeat::{Heartbeat, MissingRule, Pulse};
use crate::rules::notification::notice_key::NoticeKey;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::outbox::{OutboxEntry, Withdrawal};
use crate::rules::notification::plan::{ArrivedEvent, FlushPlan, PlanInput, PlannedDelivery, plan};
use crate::rules::notification::policy::Notifications;
use crate::rules::notification::topic::SendReason;
use crate::store::Store;
use crate::time::Timestamp;

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
    /// The errors of files that could not be removed or renamed. The record holds: the next run does it.
    pub unremoved: Vec<Error>,
    /// Deliveries that could not be written for a fallback.
    pub unwritten: Vec<UnwrittenDelivery>,
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
        let store = state_store::open(settings, env, true)?;
        let journal = Journal::new(&store, settings.state.rotation());
        Ok(DispatcherState { store, journal, slot: None })
    }

    fn slot(&self) -> Option<u32> {
        self.slot.as_ref().map(|slot| slot.number)
    }

    /// Plans in one update, in which the entries of the plan become drafts. Returns the plan without its
    /// deliveries, what is to be sent, and what could not be written for its channel.
    pub fn plan(
        &self,
        input: PlanInput<'_>,
        arrived: &[ArrivedEvent],
        now: Timestamp,
        mut entry_of: impl FnMut(&PlannedDelivery, Option<String>) -> OutboxEntry,
    ) -> Result<(FlushPlan, Vec<OutboxEntry>, Vec<UnwrittenDelivery>), Error> {
        let notifications = input.notifications;
        self.store.update(&Keys::all(), |notices: &mut Notices| {
            let mut plan = plan(notices, arrived, input, now);
            // Each is dropped when its entry is made: those of 4,096 events are 5 MiB.
            let deliveries = std::mem::take(&mut plan.deliveries).into_iter();
            let entry_of = |one: PlannedDelivery| entry_of(&one, one.title(notices));
            let entries = deliveries.map(entry_of).map(|entry| self.in_slot(entry)).collect();
            let (entries, unwritten) = self.draft_or_pass_on(notices, notifications, entries);
            match unwritten.iter().find(|one| !one.is_passed_on) {
                Some(lost) if entries.is_empty() => Err(lost.error.clone()),
                _ => Ok((plan, entries, unwritten)),
            }
        })
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
        let keys = Keys::all();
        let (queued_anew, unwritten) = self.store.update(&keys, |notices: &mut Notices| {
            let mut queued_anew = Vec::new();
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
                let further = to.map_or(Vec::new(), |to| {
                    fall_back(notices, notifications, to, entry, &queued.topics, clock::now())
                });
                queued_anew.extend(further.into_iter().map(|entry| self.in_slot(entry)));
            }
            Ok(self.draft_or_pass_on(notices, notifications, queued_anew))
        })?;
        recorded.unwritten = unwritten;
        recorded.unremoved.extend(finished.iter().filter_map(|one| one.remove(drain).err()));
        for entry in queued_anew {
            let mut channels = notifications.channels.iter();
            let position = channels.position(|one| one.name == entry.channel);
            let Some(number) = position else { continue };
            if notifications.channels[number].kind == ChannelKind::Console {
                recorded.for_console.push((number, entry));
                continue;
            }
            recorded.unremoved.extend(drain.outbox(number).release(&entry).err());
            drain.wake(number);
        }
        Ok(recorded)
    }

    /// Records the end of a round. Returns the rounds that finish again, when they were missing.
    pub fn beat(&self, asked: Option<&str>, at: Timestamp) -> Result<Vec<Pulse>, Error> {
        let now = clock::now();
        self.store.update(&Keys::all(), |heart: &mut Heartbeat| Ok(heart.beat(asked, at, now)))
    }

    /// Returns whether the end of a round is on record.
    pub fn has_pulse(&self) -> bool {
        self.store.read::<Heartbeat>(&Keys::all()).is_ok_and(|heart| heart.all.last.is_some())
    }

    /// Returns the rounds that are missing, to one process, once. None without a round on record.
    pub fn check_heartbeat(
        &self,
        rule: MissingRule,
        now: Timestamp,
    ) -> Result<Option<Vec<Pulse>>, Error> {
        let mut seen: Heartbeat = self.store.read(&Keys::all())?;
        if seen.all.last.is_none() {
            return Ok(None);
        }
        if seen.check(rule, now).is_empty() {
            return Ok(Some(Vec::new()));
        }
        let check = |heart: &mut Heartbeat| Ok(heart.check(rule, now));
        self.store.update(&Keys::all(), check).map(Some)
    }

    /// Returns the number of entries in the outboxes of the configured channels, as far as they can be read.
    /// The list in `notices.json` also has what another process has delivered and not yet struck off.
    pub fn waiting(&self, notifications: &Notifications) -> usize {
        let names = |one: &Channel| ChannelOutbox::new(&self.store, &one.name).names();
        notifications.channels.iter().filter_map(|one| Some(names(one).ok()?.len())).sum()
    }
}
