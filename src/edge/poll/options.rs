//! The options of a run of `dlq-poll`.

use crate::config::Monitoring;
use crate::rules::queue::monitor::Policy;

/// The options of a run that are not settings.
#[derive(Debug, Default, PartialEq)]
pub struct RunOptions {
    /// Queues given by name or URL. When there are any, no other queue is polled, and discovery is
    /// off.
    pub queues: Vec<String>,
    pub follow: bool,
    pub rounds: Option<u64>,
    /// Whether the first round ignores the discovery cache.
    pub refresh: bool,
    pub all: bool,
    /// Whether an open incident makes the run fail.
    pub check: bool,
    /// Whether state and journal stay as they are.
    pub dry_run: bool,
}

impl RunOptions {
    /// Whether more rounds may follow: discovery can then run between them.
    pub(super) fn is_repeated(&self) -> bool {
        self.follow || self.rounds.is_some()
    }

    pub(super) fn policy(&self, monitoring: &Monitoring) -> Policy {
        Policy {
            threshold: monitoring.notification_threshold,
            clear_after: u64::from(monitoring.clear_after),
            growth_factor: monitoring.growth_factor,
            tiers: monitoring.expiry_tiers.clone(),
            all: self.all,
        }
    }
}
