//! Entries that are delivered as one: those that are old news, and a backlog too long to be read.

use super::ChannelDrain;
use crate::rules::notification::outbox::OutboxEntry;
use crate::time::Timestamp;

/// The entries that may wait where a longer backlog is summed up.
const BACKLOG_MAX: usize = 100;
/// The entries that become one digest at most.
const DIGEST_MAX: usize = 1000;

impl ChannelDrain {
    /// Takes the first entry from the list, with those that are old news as well, or too many. Those
    /// that people have withdrawn stay in the list.
    pub(super) fn take_together(
        &mut self,
        first: OutboxEntry,
        is_withdrawn: impl Fn(&OutboxEntry) -> bool,
        now: Timestamp,
    ) -> Vec<OutboxEntry> {
        self.waiting.pop_front();
        let excess = self.waiting.len().saturating_sub(BACKLOG_MAX);
        let excess = if self.sums_up { excess } else { 0 };
        let is_old = self.can_merge && first.is_old_news(now);
        let (mut entries, mut at) = (vec![first], 0);
        while entries.len() < DIGEST_MAX && (is_old || entries.len() <= excess) {
            let Some(name) = self.waiting.get(at) else { break };
            match self.outbox.read(name) {
                Ok(Some(entry)) if is_withdrawn(&entry) => {
                    at += 1;
                    continue;
                }
                Ok(Some(entry)) if entries.len() <= excess || entry.is_old_news(now) => {
                    entries.push(entry);
                }
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => break,
            }
            self.waiting.remove(at);
        }
        entries.iter_mut().for_each(|entry| entry.end_silence(now));
        entries
    }
}
