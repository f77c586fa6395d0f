//! The plan of a run of `dlq-poll`: settings and options in one value.

use std::time::Duration;

use crate::config::Monitoring;
use crate::glob::GlobList;
use crate::rules::queue::monitor::Policy;
use crate::rules::queue::redrive_graph::{Discover, Selection};

/// The options of a run that are not settings.
#[derive(Debug, Default, PartialEq)]
pub struct RunOptions {
    pub queues: Vec<String>,
    pub follow: bool,
    pub rounds: Option<u64>,
    pub refresh: bool,
    pub all: bool,
    pub check: bool,
    pub dry_run: bool,
}

#[derive(Debug, Clone)]
pub struct PollPlan {
    /// Queues given by name or URL. When there are any, no other queue is polled, and discovery is
    /// off.
    pub given: Vec<String>,
    pub selection: Selection,
    pub discover: Discover,
    /// Patterns of DLQ names that replace the built-in ones.
    pub patterns: Option<GlobList>,
    /// Maximum age of a discovery result.
    pub ttl: Duration,
    /// Whether the first round ignores the discovery cache.
    pub refresh: bool,
    /// The time from the start of one round to the start of the next.
    pub interval: Duration,
    /// Whether more rounds may follow: discovery can then run between them.
    pub follow: bool,
    pub rounds: u64,
    /// Whether an open incident makes the run fail.
    pub check: bool,
    /// Whether state and journal stay as they are.
    pub dry_run: bool,
    pub policy: Policy,
}

impl PollPlan {
    pub fn new(monitoring: &Monitoring, options: RunOptions) -> Self {
        PollPlan {
            selection: Selection {
                matching: monitoring.matching.clone(),
                exclude: monitoring.exclude.clone(),
            },
            discover: monitoring.discover,
            patterns: monitoring.patterns.clone(),
            ttl: monitoring.discovery_interval,
            refresh: options.refresh,
            interval: monitoring.check_interval,
            follow: options.follow || options.rounds.is_some(),
            rounds: options.rounds.unwrap_or(if options.follow { u64::MAX } else { 1 }),
            check: options.check,
            dry_run: options.dry_run,
            policy: Policy {
                threshold: monitoring.notification_threshold,
                clear_after: u64::from(monitoring.clear_after),
                growth_factor: monitoring.growth_factor,
                tiers: monitoring.expiry_tiers.clone(),
                all: options.all,
            },
            given: options.queues,
        }
    }
}
