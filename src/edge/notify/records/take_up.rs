//! The records and the outbox as earlier runs have left them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::DispatcherState;
use crate::clock;
use crate::config::ChannelKind;
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
    /// The errors of entries that cannot be read.
    pub unreadable: Vec<Error>,
    /// The events that were judged.
    pub judged: HashSet<KeyHash>,
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
        self.adopt(notifications, router)?;
        self.remove_recorded(notifications)?;
        let (unprinted, unreadable) = self.recover(notifications)?;
        let judged = self.judged(notifications)?;
        Ok(TakenUp { unprinted, unreadable, judged })
    }

    /// Takes up the channels and routes of the configuration.
    fn adopt(&self, notifications: &Notifications, router: &Router) -> Result<(), Error> {
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
    fn judged(&self, notifications: &Notifications) -> Result<HashSet<KeyHash>, Error> {
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
    fn remove_recorded(&self, notifications: &Notifications) -> Result<(), Error> {
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
    fn recover(
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
