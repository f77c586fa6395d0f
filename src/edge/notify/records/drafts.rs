//! The drafts of a plan, also where the outbox of a channel cannot be written.
//!
//! Promises: a delivery that cannot be written for its channel is written for the fallback of that channel
//! in the same update. Where nothing of a plan can be written, none of it is recorded, and all of it is
//! planned again.

use std::collections::{BTreeMap, HashMap};

use super::DispatcherState;
use crate::clock;
use crate::edge::notify::outbox::{ChannelOutbox, SYNCED_TOGETHER_FROM};
use crate::error::Error;
use crate::rules::notification::fallback::fall_back;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::policy::Notifications;

/// A delivery that could not be written for its channel.
#[derive(Debug)]
pub struct UnwrittenDelivery {
    pub entry: OutboxEntry,
    pub error: Error,
    /// Whether its fallback has it.
    pub is_passed_on: bool,
}

impl DispatcherState {
    /// Writes entries as drafts, and syncs them all before any of them is attempted; those of a channel whose outbox cannot be written for its fallback. Returns
    /// what was written, and what was not.
    pub(super) fn draft_or_pass_on(
        &self,
        notices: &mut Notices,
        notifications: &Notifications,
        entries: Vec<OutboxEntry>,
    ) -> (Vec<OutboxEntry>, Vec<UnwrittenDelivery>) {
        let (mut written, mut failed) = self.draft_each(entries);
        let mut unwritten = Vec::new();
        // A fallback that cannot be written either has one of its own, and none comes twice.
        while !failed.is_empty() {
            let mut passed_on = Vec::new();
            for (entry, error) in failed {
                let queued = notices.queue.remove(&entry.delivery.id);
                let topics = queued.map_or(Vec::new(), |queued| queued.topics);
                let to = entry.fallback.as_ref().and_then(|name| notifications.channel(name));
                let further = to.map_or(Vec::new(), |to| {
                    fall_back(notices, notifications, to, &entry, &topics, clock::now())
                });
                let is_passed_on = !further.is_empty();
                passed_on.extend(further.into_iter().map(|one| self.in_slot(one)));
                unwritten.push(UnwrittenDelivery { entry, error, is_passed_on });
            }
            let (more, rest) = self.draft_each(passed_on);
            written.extend(more);
            failed = rest;
        }
        (written, unwritten)
    }

    /// Notes in an entry which process prints it, where it is for a console.
    pub(super) fn in_slot(&self, entry: OutboxEntry) -> OutboxEntry {
        OutboxEntry { slot: self.slot(), ..entry }
    }

    /// Writes the drafts of each channel. Returns what was written, and what was not, both in the order of the
    /// plan.
    fn draft_each(
        &self,
        entries: Vec<OutboxEntry>,
    ) -> (Vec<OutboxEntry>, Vec<(OutboxEntry, Error)>) {
        let mut channels: BTreeMap<&str, Vec<&OutboxEntry>> = BTreeMap::new();
        for entry in &entries {
            channels.entry(&entry.channel).or_default().push(entry);
        }
        let mut errors = HashMap::new();
        let outbox = |channel: &str| ChannelOutbox::new(&self.store, channel);
        // All are written before the first is synced: the file system is then synced once in effect.
        for (channel, drafts) in &channels {
            let drafted = drafts.iter().try_for_each(|entry| outbox(channel).draft(entry));
            drafted.err().map(|error| errors.insert((*channel).to_owned(), error));
        }
        let are_many = entries.len() >= SYNCED_TOGETHER_FROM;
        for (channel, drafts) in &channels {
            if errors.contains_key(*channel) {
                continue;
            }
            let synced = outbox(channel).sync(drafts, are_many);
            synced.err().map(|error| errors.insert((*channel).to_owned(), error));
        }
        if errors.is_empty() {
            return (entries, Vec::new());
        }
        let (mut written, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            match errors.get(&entry.channel) {
                None => written.push(entry),
                Some(error) => failed.push((entry, error.clone())),
            }
        }
        (written, failed)
    }
}
