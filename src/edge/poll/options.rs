//! The options of a run of `dlq-poll`.

use crate::config::{Monitoring, Settings};
use crate::glob::GlobList;
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

/// Returns the patterns of names that a configuration has, with those of options `--match` and
/// `--exclude` instead of its own.
pub fn named_patterns(
    settings: &Settings,
    [matching, exclude]: [&Option<GlobList>; 2],
) -> Vec<NamedPatterns> {
    let (monitoring, investigation) = (&settings.monitoring, &settings.auto_investigation);
    let either = |given: &'_ Option<GlobList>, option, key, configured| match given {
        Some(given) => NamedPatterns::new(option, given),
        None => NamedPatterns::new(key, configured),
    };
    let mut all = vec![
        either(matching, "--match", "monitoring.match", &monitoring.matching),
        either(exclude, "--exclude", "monitoring.exclude", &monitoring.exclude),
        NamedPatterns::new("auto_investigation.target_queues", &investigation.target_queues),
    ];
    let matches = investigation.queues.iter().map(|rule| &rule.matching);
    all.extend(matches.map(|one| NamedPatterns::new("auto_investigation.queues match", one)));
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
        }
    }
}
