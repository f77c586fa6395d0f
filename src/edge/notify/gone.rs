//! Entries that wait in the outbox for channels that are not configured any more.

use std::collections::{BTreeMap, HashSet};

use super::outbox::{ChannelOutbox, id_of};
use super::records::DispatcherState;
use crate::document::Keys;
use crate::error::Error;
use crate::rules::notification::notices::Notices;
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
    /// still have them in its configuration, delivers to them.
    pub fn gone_channels(&self, notifications: &Notifications) -> Result<Vec<GoneChannel>, Error> {
        let notices: Notices = self.store.read(&Keys::none().with_all(Notices::DELIVERY))?;
        let mut ids: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        for (id, queued) in &notices.queue {
            if !notifications.has_channel(&queued.channel) {
                ids.entry(&queued.channel).or_default().insert(id);
            }
        }
        let mut gone = Vec::new();
        for (name, ids) in ids {
            let outbox = ChannelOutbox::new(&self.store, name);
            let Some(lock) = outbox.lock()? else { continue };
            let is_listed =
                |file: &std::ffi::OsString| id_of(file).is_some_and(|id| ids.contains(id));
            let mut entries = Vec::new();
            for file in outbox.drafts()?.into_iter().chain(outbox.names()?).filter(is_listed) {
                entries.extend(outbox.read(&file)?);
            }
            gone.push(GoneChannel { name: name.to_owned(), outbox, entries, lock });
        }
        Ok(gone)
    }
}
