//! Entries that are delivered as one: those that are old news, and a backlog too long to be read.

use super::ChannelDrain;
use crate::rules::notification::delivery::Action;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::overtake::EntryFacts;
use crate::time::Timestamp;

/// The entries that may wait where a longer backlog is summed up.
const BACKLOG_MAX: usize = 100;
/// The entries that become one digest at most.
const DIGEST_MAX: usize = 1000;

/// The entries behind an edit among which a later notice is looked for.
const LOOK_AHEAD: usize = 100;
/// The entries behind the notice of an alert among which its end is looked for.
const END_AHEAD: usize = 1000;

impl ChannelDrain {
    /// Returns whether an entry, which is the first of the list, is an edit that a later one makes needless,
    /// or the notice of an alert whose end waits behind it.
    pub(super) fn is_outdated(&mut self, entry: &OutboxEntry) -> bool {
        let ahead = match (entry.delivery.action, self.keeps_alerts) {
            (Action::Update, false) => LOOK_AHEAD,
            (Action::Update | Action::Trigger, true) => END_AHEAD,
            _ => return false,
        };
        self.learn(ahead + 1);
        let behind = self.waiting.iter().skip(1).take(ahead);
        let mut later = behind.filter_map(|name| self.facts.get(name));
        let is_behind = later.any(|later| entry.is_outdated_by(later, self.keeps_alerts));
        self.outdated.remove(&entry.delivery.id) || is_behind
    }

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
        // An edit is no news of its own.
        let is_edit = |entry: &OutboxEntry| entry.delivery.action == Action::Update;
        let excess = if is_edit(&first) { 0 } else { excess };
        let is_old = self.can_merge && first.is_old_news(now) && !is_edit(&first);
        let (mut entries, mut at, mut edits) = (vec![first], 0, Vec::<OutboxEntry>::new());
        while entries.len() < DIGEST_MAX && (is_old || entries.len() <= excess) {
            let Some(name) = self.waiting.get(at) else { break };
            match self.outbox.read(name) {
                Ok(Some(entry)) if is_withdrawn(&entry) => {
                    at += 1;
                    continue;
                }
                Ok(Some(entry)) if is_edit(&entry) => {
                    edits.push(entry);
                    at += 1;
                    continue;
                }
                Ok(Some(entry)) if entries.len() <= excess || entry.is_old_news(now) => {
                    let facts = EntryFacts::new(&entry);
                    let overtaken =
                        edits.iter().filter(|edit| edit.is_outdated_by(&facts, self.keeps_alerts));
                    self.outdated.extend(overtaken.map(|edit| edit.delivery.id.clone()));
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
