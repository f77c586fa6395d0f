//! The records and the outbox as earlier runs have left them.
//!
//! Promises: the outbox of a channel that cannot be read or written costs that channel alone; what the list
//! has of it stays on the list.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::DispatcherState;
use crate::clock;
use crate::config::{Channel, ChannelKind};
use crate::document::Keys;
use crate::edge::notify::outbox::{ChannelOutbox, ConsoleSlot, id_of, is_slot_taken, sequence_of};
use crate::error::Error;
use crate::rules::notification::notice_key::KeyHash;
use crate::rules::notification::notices::{Notices, QueuedDelivery};
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::policy::Notifications;
use crate::rules::notification::route::Router;

/// The time in which a process without a slot has printed what is for its console.
const PRINTED_WITHIN: Duration = Duration::from_secs(60);

/// Everything that earlier runs have left.
#[derive(Debug)]
pub struct TakenUp {
    /// The notices for a console whose process has ended, which are those of this process now.
    pub unprinted: Vec<OutboxEntry>,
    /// The errors of outboxes and entries that cannot be read, or not put in order.
    pub unreadable: Vec<Error>,
    /// The events that were judged.
    pub judged: HashSet<KeyHash>,
}

/// The outbox of a channel that can be read.
pub(in crate::edge::notify) struct ReadableOutbox<'a> {
    pub(in crate::edge::notify) channel: &'a Channel,
    pub(in crate::edge::notify) outbox: ChannelOutbox,
}

impl DispatcherState {
    /// Takes up the records and the outbox. After a failure it can be done again.
    pub fn take_up(
        &mut self,
        notifications: &Notifications,
        router: &Router,
    ) -> Result<TakenUp, Error> {
        if self.slot.is_none() {
            self.slot = ConsoleSlot::take(&self.store)?;
        }
        let (outboxes, mut unreadable) = self.readable_outboxes(notifications);
        self.adopt(notifications, router, &outboxes)?;
        unreadable.extend(self.remove_recorded(&outboxes)?);
        let (unprinted, errors) = self.recover(&outboxes)?;
        unreadable.extend(errors);
        let judged = self.judged(&outboxes)?;
        Ok(TakenUp { unprinted, unreadable, judged })
    }

    /// Returns the outboxes of the channels, and the errors of those that cannot be read.
    fn readable_outboxes<'a>(
        &self,
        notifications: &'a Notifications,
    ) -> (Vec<ReadableOutbox<'a>>, Vec<Error>) {
        let (mut outboxes, mut errors) = (Vec::new(), Vec::new());
        for channel in &notifications.channels {
            let outbox = ChannelOutbox::new(&self.store, &channel.name);
            match outbox.names() {
                Ok(_) => outboxes.push(ReadableOutbox { channel, outbox }),
                Err(error) => errors.push(error),
            }
        }
        (outboxes, errors)
    }

    /// Takes up the channels and routes of the configuration.
    fn adopt(
        &self,
        notifications: &Notifications,
        router: &Router,
        outboxes: &[ReadableOutbox<'_>],
    ) -> Result<(), Error> {
        let now = clock::now();
        let mut known = self.store.read::<Notices>(&Keys::all())?;
        if known == Notices::default() {
            self.take_up_outbox(outboxes)?;
        }
        if known.adopt(notifications, router, now) {
            let adopt = |notices: &mut Notices| Ok(notices.adopt(notifications, router, now));
            self.store.update(&Keys::all(), adopt)?;
        }
        Ok(())
    }

    /// Returns the events that were judged. A delivery on the list that has no file has ended in a
    /// process that did not record it, and is struck off.
    fn judged(&self, outboxes: &[ReadableOutbox<'_>]) -> Result<HashSet<KeyHash>, Error> {
        let delivery = Keys::none().with_all(Notices::DELIVERY);
        let keys = delivery.clone().with_all(Notices::NOTICE);
        let records: Notices = self.store.read(&keys)?;
        let unlisted = |queue: &BTreeMap<String, QueuedDelivery>| {
            let mut ids: HashSet<String> = queue.keys().cloned().collect();
            for one in outboxes {
                one.outbox.remove_listed(&mut ids)?;
            }
            let is_read = |name: &str| outboxes.iter().any(|one| one.channel.name == name);
            ids.retain(|id| queue.get(id).is_some_and(|one| is_read(&one.channel)));
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
    /// known stay: people may have removed it. Returns the errors of those that cannot be removed.
    fn remove_recorded(&self, outboxes: &[ReadableOutbox<'_>]) -> Result<Vec<Error>, Error> {
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for ReadableOutbox { outbox, .. } in outboxes {
            found.extend(outbox.names()?.into_iter().map(|name| (outbox, name)));
        }
        if found.is_empty() {
            return Ok(errors);
        }
        // Read after the names: what is recorded by now is over.
        let notices: Notices = self.store.read(&Keys::all())?;
        for (outbox, name) in found {
            let sequence = sequence_of(&name).filter(|sequence| *sequence <= notices.sequence);
            let is_recorded = id_of(&name).is_some_and(|id| !notices.queue.contains_key(id));
            if sequence.is_some() && is_recorded {
                errors.extend(outbox.remove_file(&name).err());
            }
        }
        Ok(errors)
    }

    /// Takes up the drafts that a crash has left: those that were recorded become entries, and the
    /// others are removed, because their events are judged again. Returns what is for a console whose
    /// process has ended, as this process's own, and the errors of files that cannot be read or renamed.
    fn recover(
        &self,
        outboxes: &[ReadableOutbox<'_>],
    ) -> Result<(Vec<OutboxEntry>, Vec<Error>), Error> {
        let mut left = Vec::new();
        for ReadableOutbox { channel, outbox } in outboxes {
            let is_console = channel.kind == ChannelKind::Console;
            for name in outbox.drafts()? {
                left.push((is_console, false, outbox, name));
            }
            // Nothing else delivers the entries of a channel that has become a console.
            for name in outbox.names()?.into_iter().filter(|_| is_console) {
                left.push((is_console, true, outbox, name));
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
                    unreadable.extend(outbox.settle_draft(&name, is_recorded).err());
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
                // What cannot be written is printed all the same, and perhaps again by the next run.
                unreadable.extend(outbox.redraft(&entry).err());
                unprinted.push(entry);
            }
            Ok((unprinted, unreadable))
        })
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
}
