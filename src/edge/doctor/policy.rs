//! The policy of the enabled features, by what the configuration names. Asks nobody.

use super::DoctorContext;
use crate::config::Settings;
use crate::rules::evidence::logs::LogSource;
use crate::rules::health::feature::AwsFeature;
use crate::rules::health::policy::{PolicyScope, document, wildcards};
use crate::rules::queue::redrive_graph::Discover;

impl DoctorContext {
    /// Returns the policy, as a document of IAM. `more` are features beside those that are enabled.
    pub fn policy(&self, more: &[AwsFeature]) -> String {
        let enabled = self.features();
        let is_wanted = |one: &AwsFeature| enabled.contains(one) || more.contains(one);
        let features: Vec<AwsFeature> = AwsFeature::ALL.into_iter().filter(is_wanted).collect();
        format!("{:#}\n", document(&features, &scope(&self.settings)))
    }
}

fn scope(settings: &Settings) -> PolicyScope {
    let monitoring = &settings.monitoring;
    let by_name = monitoring.patterns.as_ref().filter(|_| monitoring.discover == Discover::Name);
    let patterns = match (monitoring.matching.is_empty(), by_name) {
        (false, _) => monitoring.matching.patterns(),
        (true, Some(patterns)) => patterns.patterns(),
        // Redrive policies may name any queue.
        (true, None) => &[],
    };
    let rules = &settings.auto_investigation.queues;
    let sources: Vec<&LogSource> = rules.iter().filter_map(|rule| rule.logs.as_ref()).collect();
    // Where one is not named, it is found by the queue, and may be any.
    let are_all_named = !rules.is_empty() && sources.len() == rules.len();
    let named = |read: fn(&LogSource) -> Option<String>| {
        let found = sources.iter().filter(|_| are_all_named).filter_map(|one| read(one));
        let mut found: Vec<String> = found.collect();
        found.sort();
        found.dedup();
        found
    };
    PolicyScope {
        regions: regions(settings),
        queues: wildcards(patterns),
        functions: named(|source| match source {
            LogSource::Lambda(name) => Some(name.clone()),
            LogSource::Group(_) => None,
        }),
        // The log group of a function has any name.
        log_groups: match sources.iter().all(|one| matches!(one, LogSource::Group(_))) {
            true => named(|source| match source {
                LogSource::Lambda(_) => None,
                LogSource::Group(group) => Some(group.clone()),
            }),
            false => Vec::new(),
        },
    }
}

/// Returns the regions; empty when one of them is that of a profile.
fn regions(settings: &Settings) -> Vec<String> {
    let aws = &settings.aws;
    let common: Vec<&String> = match aws.regions.is_empty() {
        true => aws.region.iter().collect(),
        false => aws.regions.iter().collect(),
    };
    let own = aws.accounts.iter().map(|account| {
        let own: Vec<&String> = account.region.iter().chain(&account.regions).collect();
        if own.is_empty() { common.clone() } else { own }
    });
    let all: Vec<Vec<&String>> =
        if aws.accounts.is_empty() { vec![common.clone()] } else { own.collect() };
    if all.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let mut found: Vec<String> = all.into_iter().flatten().cloned().collect();
    found.sort();
    found.dedup();
    found
}
