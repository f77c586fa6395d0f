//! Settings of all programs, with their defaults and keys.
//!
//! Promises: every value has passed its limits; `Settings::default()` is what an empty
//! configuration gives.

mod evidence;
mod github;
mod investigation;
mod notifications;
mod shared_state;
mod speech;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use evidence::{Evidence, LogSearch};
pub use github::Github;
pub use investigation::{Agent, AutoInvestigation, Claude, QueueRule, ResultFormat};
pub use shared_state::{DynamodbTable, SharedState};

pub use crate::event::Severity;
pub use crate::log::{Format as LogFormat, Level};
pub use crate::rules::notification::policy::{Channel, ChannelKind, Notifications, Route};
pub use crate::rules::queue::redrive_graph::Discover;

#[cfg(test)]
use super::keys::KeySpec;
use super::keys::Trust::{Anyone, Loopback, Owner};
use super::keys::{Setter, read_entry, section};
use super::valid;
use crate::event::Queue;
use crate::glob::GlobList;
use crate::journal::rotation::Rotation;
use crate::rules::notification::scope::SeenScopes;
use crate::rules::queue::shard::Shard;

/// Everything that can be configured. The fields are named like the keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub aws: Aws,
    pub monitoring: Monitoring,
    pub evidence: Evidence,
    pub auto_investigation: AutoInvestigation,
    pub notifications: Notifications,
    pub github: Github,
    pub metrics: MetricsPlaces,
    pub features: Features,
    pub logging: Logging,
    pub state: State,
    /// File and variables behind the settings.
    pub origin: Origin,
}

/// Returns the keys of all sections, in the order in which they apply.
pub(super) fn setters() -> impl Iterator<Item = &'static Setter<Settings>> + Clone {
    const TABLES: [&[Setter<Settings>]; 11] = [
        AWS,
        MONITORING,
        evidence::EVIDENCE,
        investigation::INVESTIGATION,
        investigation::CLAUDE,
        notifications::NOTIFICATIONS,
        github::GITHUB,
        METRICS,
        FEATURES,
        LOGGING,
        STATE,
    ];
    TABLES.into_iter().flatten()
}

/// Returns the specifications of all keys, those of entries included.
#[cfg(test)]
pub(super) fn specs() -> Vec<&'static KeySpec> {
    let mut specs: Vec<_> = setters().map(|key| &key.spec).collect();
    specs.extend(ACCOUNT.iter().map(|key| &key.spec));
    specs.extend(investigation::QUEUE.iter().map(|key| &key.spec));
    specs.extend(investigation::QUEUE_LOGS.iter().map(|key| &key.spec));
    specs.extend(investigation::COMMAND.iter().map(|key| &key.spec));
    specs.extend(notifications::CHANNEL.iter().map(|key| &key.spec));
    specs.extend(speech::SPEECH.iter().map(|key| &key.spec));
    specs.extend(speech::VOICE_SETTINGS.iter().map(|key| &key.spec));
    specs.extend(notifications::CONNECTION.iter().map(|key| &key.spec));
    specs.extend(notifications::ROUTE.iter().map(|key| &key.spec));
    specs.extend(notifications::ROUTE_POLICY.iter().map(|key| &key.spec));
    specs.extend(notifications::ESCALATION.iter().map(|key| &key.spec));
    specs.extend(shared_state::SHARED.iter().map(|key| &key.spec));
    specs.extend(shared_state::DYNAMODB.iter().map(|key| &key.spec));
    specs.extend(github::HOURS.iter().map(|key| &key.spec));
    specs.extend(notifications::QUIET.iter().map(|key| &key.spec));
    specs
}

/// Returns the sections, which are the keys at the top of the file.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = setters().map(|key| key.spec.section()).collect();
    sections.dedup();
    sections
}

/// File and variables behind the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Absent when no file was found.
    pub path: Option<PathBuf>,
    /// False for a file that was found in the current folder without being named: whoever made
    /// the folder may be a stranger. See TRUST in dlq-config(5).
    pub trusted: bool,
    /// The variables in force, in the order in which they applied; those of a `.env` file say so.
    pub variables: Vec<String>,
}

impl Default for Origin {
    /// Returns the origin of the built-in defaults.
    fn default() -> Self {
        Origin { path: None, trusted: true, variables: Vec::new() }
    }
}

const REGION: &str = "a region such as sa-east-1";
pub(super) const REPOSITORY: &str = "a repository such as owner/name";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const TENTH: Duration = Duration::from_millis(100);

section! {
    /// `aws`: accounts and regions, and their credentials.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Aws, AWS for settings: Settings [aws] in "aws";
    /// Profile of the AWS configuration files, used alone; without it, the default chain of the AWS
    /// SDK.
    profile: Option<String> = none, env Anyone => text();
    /// Region to watch; without it, the region of the profile.
    region: Option<String> = none, env Anyone => text_like(REGION, valid::region);
    /// Regions to watch together.
    regions: Vec<String> = [], env Anyone => list(|item| item.text_like(REGION, valid::region));
    /// Accounts to watch together, each with a profile.
    accounts: Vec<Account> = [], file Anyone => list(|entry| read_entry(ACCOUNT, entry));
    /// Endpoint URL that replaces the endpoints of AWS.
    endpoint_url: Option<String> = none, env Loopback => endpoint();
}

impl Aws {
    /// Returns the accounts and regions, as far as they are configured.
    pub fn seen_scopes(&self) -> SeenScopes {
        let names = self.accounts.iter().map(|one| one.name.as_ref().unwrap_or(&one.profile));
        let names = names.map(String::as_str);
        let regions = self.accounts.iter().flat_map(|one| one.region.iter().chain(&one.regions));
        let regions = regions.chain(self.regions.iter()).map(String::as_str);
        SeenScopes::new(names, regions)
    }

    /// Whether more than one account or region is watched.
    pub fn has_scopes(&self) -> bool {
        let regions = |own: &[String]| if own.is_empty() { self.regions.len() } else { own.len() };
        let many = |account: &Account| account.region.is_none() && regions(&account.regions) > 1;
        match self.accounts.as_slice() {
            [] => self.regions.len() > 1,
            [one] => many(one),
            _ => true,
        }
    }
}

section! {
    /// Entry of `aws.accounts`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Account, ACCOUNT for entry: Account [] in "aws.accounts[]";
    /// Name of the account in messages; without it, the profile.
    name: Option<String> = none, file Anyone => text();
    /// Profile of the account.
    profile: String = required, file Anyone => text();
    /// Region of the account; without it, that of the section.
    region: Option<String> = none, file Anyone => text_like(REGION, valid::region);
    /// Regions of the account; without them, those of the section.
    regions: Vec<String> = [], file Anyone => list(|item| item.text_like(REGION, valid::region));
}

section! {
    /// `monitoring`: queues that dlq-poll watches, and when it reports them.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Monitoring, MONITORING for settings: Settings [monitoring] in "monitoring";
    /// Time from the start of one round to the start of the next.
    check_interval: Duration = "30s", env Anyone => span(TENTH..=DAY);
    /// Number of messages at which a queue is raised.
    notification_threshold: u64 = "1", env Anyone => whole(1..=1_000_000_000);
    /// Name patterns of dead-letter queues; without them, the built-in ones.
    patterns: Option<GlobList> = none, env Anyone => globs();
    /// Queues to watch; an empty list watches all.
    matching as "match": GlobList = [], env Anyone => globs();
    /// Queues that are never watched.
    exclude: GlobList = [], env Anyone => globs();
    /// Evidence that a queue is a dead-letter queue: a redrive policy, its name, or either.
    discover: Discover = "both", env Anyone => choice(&Discover::ALL, Discover::as_str);
    /// Time between two searches for dead-letter queues.
    discovery_interval: Duration = "15m", env Anyone => span(SECOND..=DAY);
    /// Calls under way at once.
    concurrency: usize = "32", env Anyone => whole(1..=256);
    /// Calls in a second.
    rate_limit: u32 = "1000", env Anyone => whole(1..=10_000);
    /// Time limit of one attempt at a call.
    timeout: Duration = "3s", env Anyone => span(TENTH..=MINUTE);
    /// Successive readings, over at least 60 seconds, in which a queue must be empty before it is
    /// cleared.
    clear_after: u32 = "2", env Anyone => whole(1..=100);
    /// Times before the possible loss of the oldest message at which warnings are sent, longest
    /// first.
    expiry_tiers: Vec<Duration> = "[24h, 6h, 1h]", env Anyone => expiry_tiers();
    /// Factor by which the depth of a raised queue must multiply before its growth is reported.
    growth_factor: u64 = "2", env Anyone => whole(2..=1000);
    /// Shard of the queues to watch, such as 2/3, the second of three; without it, all queues.
    shard: Option<Shard> = none, env Anyone => shard();
    /// Whether queues that have been empty for an hour are read in every tenth round only.
    adaptive: bool = "false", env Anyone => flag();
}

impl Monitoring {
    /// Whether a queue of this name is watched.
    pub fn selects(&self, name: &str) -> bool {
        (self.matching.is_empty() || self.matching.matches(name)) && !self.exclude.matches(name)
    }

    /// Whether a queue is watched: it has such a name, and is in the shard.
    pub fn selects_queue(&self, queue: &Queue) -> bool {
        self.selects(&queue.name) && self.shard.is_none_or(|shard| shard.has(&queue.arn))
    }
}

section! {
    /// `metrics`: places that dlq-metrics gives the metrics to.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct MetricsPlaces, METRICS for settings: Settings [metrics] in "metrics";
    /// File with the metrics in the text format of Prometheus.
    textfile: Option<PathBuf> = none, env Owner("choose where files are written") => path();
    /// Address and port at which the metrics are served.
    listen: Option<SocketAddr> = none, env Owner("open a port") => socket_address();
}

section! {
    /// `features`: switches that a running program reads again.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Features, FEATURES for settings: Settings [features] in "features";
    /// Whether investigations start.
    investigate: bool = "true", env Anyone => flag();
    /// Whether notices are sent.
    notify: bool = "true", env Anyone => flag();
    /// Whether pull requests and issues are opened.
    pull_requests: bool = "true", env Anyone => flag();
    /// Whether dead letters are redriven without a person once their fix is deployed.
    auto_redrive: bool = "false", env Anyone => flag();
    /// Whether messages are archived before retention deletes them, by dlq-purge in the pipe.
    archive_before_expiry: bool = "false", env Anyone => flag();
}

section! {
    /// `logging`: messages for people.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Logging, LOGGING for settings: Settings [logging] in "logging";
    /// Least level of the messages that are written.
    level: Level = "WARN", env Anyone => choice(&Level::ALL, Level::as_str);
    /// Form of the messages.
    format: LogFormat = "text", env Anyone => choice(&LogFormat::ALL, LogFormat::as_str);
    /// File that messages are also written to.
    file: Option<PathBuf> = none, env Owner("choose where files are written") => path();
    /// Size at which this file is rotated, in MiB.
    file_max_mib: u64 = "16", env Anyone => whole(1..=1024);
    /// Older files of messages that are kept.
    file_keep: u32 = "4", env Anyone => whole(0..=100);
}

section! {
    /// `state`: files that programs keep.
    #[derive(Debug, Clone, PartialEq)]
    pub struct State, STATE for settings: Settings [state] in "state";
    /// Folder of the state; without it, a folder of the XDG base directories.
    dir: Option<PathBuf> = none, env Owner("choose where files are written") => path();
    /// Size at which the newest segment of the journal is rotated, in MiB.
    journal_max_mib: u64 = "16", env Anyone => whole(1..=1024);
    /// Older segments of the journal that are kept.
    journal_keep: u32 = "64", env Anyone => whole(0..=100);
    /// Days for which older segments of the journal are kept. The 8 newest are kept longer.
    journal_keep_days: u32 = "90", env Anyone => whole(1..=3650);
    /// Finished sessions that are kept.
    sessions_keep: u32 = "200", env Anyone => whole(1..=10_000);
    /// Days for which finished sessions are kept.
    sessions_keep_days: u32 = "30", env Anyone => whole(1..=3650);
    /// Sum of the archives of dlq-redrive and dlq-purge at which they archive, send and delete nothing
    /// more, in GiB.
    archive_max_gib: u64 = "5", env Anyone => whole(1..=100_000);
    /// State that machines have in common; without it, each has its own.
    shared: Option<SharedState> = none, file Owner("choose where state is kept") => shared_state();
}

impl State {
    /// Returns when the journal is rotated, and how much of it is kept.
    pub fn rotation(&self) -> Rotation {
        Rotation {
            size_max: self.journal_max_mib << 20,
            keep: self.journal_keep,
            age_max: DAY * self.journal_keep_days,
        }
    }

    /// Returns the limit on the sum of the archives, in bytes.
    pub fn archive_bytes_max(&self) -> u64 {
        self.archive_max_gib << 30
    }
}
