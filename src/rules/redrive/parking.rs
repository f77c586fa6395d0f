//! Parking: a message that has died again and again after redrives stays in the archive. Pure.

use std::collections::HashMap;

use super::id_set::{IdHash, id_hash};

/// The deaths after a redrive at which a message is parked.
pub const DEATHS_MAX: u8 = 2;

/// The messages that earlier redrives of a queue have sent, each with the number of redrives that its
/// content has been through.
#[derive(Debug, Clone, Default)]
pub struct SentChains {
    sent: HashMap<IdHash, u8>,
}

impl SentChains {
    /// Adds a send, by the ids before and after it. Sends and restores are added in the order in which
    /// they happened.
    pub fn add_send(&mut self, old: &str, new: &str) {
        let redrives = self.deaths(old).saturating_add(1);
        self.sent.insert(id_hash(new), redrives);
    }

    /// Adds a message that was restored into its queue. It has not died by that. A parked one may be
    /// redriven once more: a person has brought it back.
    pub fn add_restore(&mut self, old: &str, new: &str) {
        self.sent.insert(id_hash(new), self.deaths(old).min(DEATHS_MAX - 1));
    }

    /// Returns how often a dead message has died after a redrive.
    pub fn deaths(&self, id: &str) -> u8 {
        self.sent.get(&id_hash(id)).copied().unwrap_or(0)
    }

    /// Returns whether a message is parked.
    pub fn is_parked(&self, id: &str) -> bool {
        self.deaths(id) >= DEATHS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_parked_when_it_has_died_after_two_redrives() {
        let ids: Vec<String> = (0..4).map(|n| format!("m-{n}")).collect();
        let mut chains = SentChains::default();
        assert_eq!((chains.deaths(&ids[0]), chains.is_parked(&ids[0])), (0, false));
        chains.add_send(&ids[0], &ids[1]);
        assert_eq!((chains.deaths(&ids[1]), chains.is_parked(&ids[1])), (1, false));
        chains.add_send(&ids[1], &ids[2]);
        assert_eq!((chains.deaths(&ids[2]), chains.is_parked(&ids[2])), (2, true));
        assert_eq!(chains.deaths(&ids[3]), 0);
        chains.add_restore(&ids[1], &ids[3]);
        assert_eq!(chains.deaths(&ids[3]), 1, "a restore is no death");
        chains.add_restore(&ids[2], "back");
        assert!(!chains.is_parked("back"), "a parked one that was restored travels");
        chains.add_send("back", "again");
        assert!(chains.is_parked("again"), "once");
    }
}
