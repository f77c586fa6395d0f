//! Entries that wait in the outbox for channels that are not configured any more, or that no record knows.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;

use super::outbox::{ChannelOutbox, id_of, sequence_of};
use super::records::DispatcherState;
use super::records::take_up::ReadableOutbox;
use crate::document::Keys;
use crate::error::Error;
use crate::rules::notification::notices::{Notices, QueuedDelivery};
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::policy::Notifications;
use crate::store::Lock;

/// A channel that is not configured any more.
pub struct GoneChannel {
    pub name: String,
    pub outbox: ChannelOutbox,
    pub entries: Vec<OutboxEntry>,
    /// Held while this process decides about the entries.
    pub lock: Lock,
}

impl DispatcherState {
    /// Returns the channels of deliveries that are not configured, unless another process, which may
    /// still have them in its configuration, delivers to them. With the errors of what cannot be read of
    /// them, which stays.
    pub fn gone_channels(
        &self,
        notifications: &Notifications,
    ) -> Result<(Vec<GoneChannel>, Vec<Error>), Error> {
        let notices: Notices = self.store.read(&Keys::none().with_all(Notices::DELIVERY))?;
        let mut ids: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        for (id, queued) in &notices.queue {
            if !notifications.has_channel(&queued.channel) {
                ids.entry(&queued.channel).or_default().insert(id);
            }
        }
        let (mut gone, mut errors) = (Vec::new(), Vec::new());
        for (name, ids) in ids {
            let outbox = ChannelOutbox::new(&self.store, name);
            let listed = outbox.lock().and_then(|lock| {
                let Some(lock) = lock else { return Ok(None) };
                Ok(Some((lock, [outbox.drafts()?, outbox.names()?].concat())))
            });
            let (lock, files) = match listed {
                Ok(Some(listed)) => listed,
                Ok(None) => continue,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let is_listed = |file: &&OsString| id_of(file).is_some_and(|id| ids.contains(id));
            let mut entries = Vec::new();
            for file in files.iter().filter(is_listed) {
                match outbox.read(file) {
                    Ok(entry) => entries.extend(entry),
                    Err(error) => errors.push(error),
                }
            }
            gone.push(GoneChannel { name: name.to_owned(), outbox, entries, lock });
        }
        Ok((gone, errors))
    }

    /// Puts the entries of the outbox on the list of a document that begins, such as after people have
    /// moved a damaged one away, and counts on from them.
    pub(super) fn take_up_outbox(&self, outboxes: &[ReadableOutbox<'_>]) -> Result<(), Error> {
        let mut found = Vec::new();
        for ReadableOutbox { channel, outbox } in outboxes {
            found.extend(outbox.names()?.into_iter().map(|name| (channel.name.clone(), name)));
        }
        if found.is_empty() {
            return Ok(());
        }
        self.store.update(&Keys::all(), |notices: &mut Notices| {
            if *notices != Notices::default() {
                return Ok(());
            }
            for (channel, name) in &found {
                let Some((id, sequence)) = id_of(name).zip(sequence_of(name)) else { continue };
                notices.sequence = notices.sequence.max(sequence);
                let queued = QueuedDelivery {
                    channel: channel.clone(),
                    topics: Vec::new(),
                    is_of_group: false,
                };
                notices.queue.insert(id.to_owned(), queued);
            }
            Ok(())
        })
    }
}
