//! Notices that overtake others, where a channel has so many that they would wait.

use std::time::Duration;

use super::ChannelDrain;
use crate::rules::notification::overtake::{EntryFacts, first_to_deliver};

/// The wait by the rate of the channel from which on an entry is brought forward.
const LONG_WAIT: Duration = Duration::from_secs(15);

impl ChannelDrain {
    /// Moves the entry to the front that is to be delivered before the others.
    pub(super) fn bring_forward(&mut self) {
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        if self.interval.saturating_mul(waiting) < LONG_WAIT {
            return;
        }
        self.learn(usize::MAX);
        let ranks: Vec<&EntryFacts> =
            self.waiting.iter().filter_map(|name| self.facts.get(name)).collect();
        if let Some(name) = self.waiting.remove(first_to_deliver(&ranks)) {
            self.waiting.push_front(name);
        }
    }
}
