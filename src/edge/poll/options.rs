//! The options of a run of `dlq-poll`.

use std::time::Duration;

use crate::config::{Monitoring, Settings};
use crate::rules::queue::adaptive::SETTLING;
use crate::rules::queue::monitor::Policy;
use crate::rules::queue::unmatched_pattern::NamedPatterns;

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
    /// The patterns of names that should match a queue.
    pub patterns: Vec<NamedPatterns>,
}

/// Returns the patterns of names of a configuration. Options `--match` and `--exclude` have set some
/// of them when they are `given`.
pub fn named_patterns(settings: &Settings, given: impl Fn(&str) -> bool) -> Vec<NamedPatterns> {
    let (monitoring, investigation) = (&settings.monitoring, &settings.auto_investigation);
    let matching = if given("match") { "--match" } else { "monitoring.match" };
    let exclude = if given("exclude") { "--exclude" } else { "monitoring.exclude" };
    let mut all = vec![
        NamedPatterns::new(matching, &monitoring.matching),
        NamedPatterns::new(exclude, &monitoring.exclude),
        NamedPatterns::new("auto_investigation.target_queues", &investigation.target_queues),
    ];
    let matches = investigation.queues.iter().map(|rule| &rule.matching);
    all.extend(matches.map(|one| NamedPatterns::new("auto_investigation.queues match", one)));
    let routed = settings.notifications.routes.iter().filter_map(|route| route.queues.as_ref());
    all.extend(routed.map(|one| NamedPatterns::new("notifications.routes queue", one)));
    all
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
            settling: if monitoring.adaptive { SETTLING } else { Duration::ZERO },
        }
    }
}
