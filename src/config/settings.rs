//! The validated settings: what every program of the family is told, and the built-in defaults.
//!
//! Promises: whatever stands here has passed its limits; `Settings::default()` is what an empty
//! configuration gives. Nothing here reads or decides.

pub use crate::event::Severity;
pub use crate::log::{Format as LogFormat, Level};
pub use crate::rules::queue::redrive_graph::Discover;
use std::path::PathBuf;
use std::time::Duration;

use super::evidence::Evidence;
use super::investigation::AutoInvestigation;
use super::secret::Secret;
use crate::glob::GlobList;
use crate::journal::Rotation;

/// Everything that can be configured. The fields are named like the keys.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Settings {
    pub aws: Aws,
    pub monitoring: Monitoring,
    pub evidence: Evidence,
    pub auto_investigation: AutoInvestigation,
    pub notifications: Notifications,
    pub github: Github,
    pub features: Features,
    pub logging: Logging,
    pub state: State,
    /// Where these settings come from, and whether that place may run commands.
    pub origin: Origin,
}

/// The file behind the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// None when no file was found.
    pub path: Option<PathBuf>,
    /// False for a file that was found in the current folder without being named: whoever made
    /// the folder may be a stranger. man/dlq-config.5, TRUST, says what the file may not do.
    pub trusted: bool,
}

impl Default for Origin {
    /// The built-in defaults: no file, and nothing to distrust.
    fn default() -> Self {
        Origin { path: None, trusted: true }
    }
}

/// `aws`: which accounts and regions are watched, and with whose credentials.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aws {
    /// A profile of `~/.aws/config`, used alone; else the default chain.
    pub profile: Option<String>,
    /// The one region; else the profile's.
    pub region: Option<String>,
    /// Several regions, watched together.
    pub regions: Vec<String>,
    /// Several accounts, each with a profile of its own.
    pub accounts: Vec<Account>,
    /// Another server than AWS's.
    pub endpoint_url: Option<String>,
}

/// An entry of `aws.accounts`.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// What people call it; else the profile's name.
    pub name: Option<String>,
    /// Its profile.
    pub profile: String,
    /// Its region; else `aws.region`.
    pub region: Option<String>,
    /// Its regions; else `aws.regions`.
    pub regions: Vec<String>,
}

/// `monitoring`: what `dlq-poll` looks at, how often, and what it calls news.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitoring {
    /// From the start of one round to the start of the next.
    pub check_interval: Duration,
    /// A queue is raised at this depth.
    pub notification_threshold: u64,
    /// Name patterns instead of the built-in ones.
    pub patterns: Option<GlobList>,
    /// When not empty, only these queues.
    pub matching: GlobList,
    /// Never these queues.
    pub exclude: GlobList,
    /// How dead-letter queues are found.
    pub discover: Discover,
    /// How often they are looked for.
    pub discovery_interval: Duration,
    /// Calls under way at once.
    pub concurrency: usize,
    /// Calls in a second.
    pub rate_limit: u32,
    /// For one call.
    pub timeout: Duration,
    /// Rounds in which a queue must be empty before it is cleared.
    pub clear_after: u32,
    /// How long before the oldest message may be lost a warning goes out, longest first.
    pub expiry_tiers: Vec<Duration>,
    /// A raised queue has grown when its depth is this many times what was last told.
    pub growth_factor: u64,
}

impl Default for Monitoring {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Monitoring {
            check_interval: Duration::from_secs(30),
            notification_threshold: 1,
            patterns: None,
            matching: GlobList::default(),
            exclude: GlobList::default(),
            discover: Discover::Both,
            discovery_interval: Duration::from_secs(15 * 60),
            concurrency: 32,
            rate_limit: 1000,
            timeout: Duration::from_secs(3),
            clear_after: 2,
            expiry_tiers: [24 * HOUR, 6 * HOUR, HOUR].map(Duration::from_secs).to_vec(),
            growth_factor: 2,
        }
    }
}

/// `notifications`: where events go.
#[derive(Debug, Clone, PartialEq)]
pub struct Notifications {
    /// In the order of the file; the names are unique.
    pub channels: Vec<Channel>,
    /// In the order of the file. None: every channel gets what it takes.
    pub routes: Vec<Route>,
}

impl Default for Notifications {
    fn default() -> Self {
        let console =
            Channel { name: "console".into(), kind: ChannelKind::Console, min_severity: None };
        Notifications { channels: vec![console], routes: Vec::new() }
    }
}

/// An entry of `notifications.channels`.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Its key in the map.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// Milder events are not shown; None shows all.
    pub min_severity: Option<Severity>,
}

/// The kinds of channel that this version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// Lines on standard error.
    Console,
    /// The desktop's notifications.
    Desktop,
}

/// An entry of `notifications.routes`: which events go to which channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Event types; None: any.
    pub types: Option<GlobList>,
    /// Queue names; None: any, and events without a queue.
    pub queues: Option<GlobList>,
    /// At least this bad; None: any.
    pub severity: Option<Severity>,
    /// Names of channels, all of which exist.
    pub channels: Vec<String>,
}

/// `github`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Github {
    /// Where the token is; None: `GITHUB_TOKEN`, then `GH_TOKEN`.
    pub token: Option<Secret>,
    /// Hosts beside github.com.
    pub hosts: Vec<String>,
    /// `owner/name`.
    pub repos: Vec<String>,
    /// Organisations.
    pub orgs: Vec<String>,
}

/// `features`: switches that are read again while a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Off: no investigation starts.
    pub investigate: bool,
    /// Off: no notice goes out.
    pub notify: bool,
}

impl Default for Features {
    fn default() -> Self {
        Features { investigate: true, notify: true }
    }
}

/// `logging`.
#[derive(Debug, Clone, PartialEq)]
pub struct Logging {
    /// Milder messages are not written.
    pub level: Level,
    /// Their form.
    pub format: LogFormat,
}

impl Default for Logging {
    fn default() -> Self {
        // Silence is success.
        Logging { level: Level::Warn, format: LogFormat::Text }
    }
}

/// `state`: what is kept on disk, where and how much.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// None: see [`super::state_dir`].
    pub dir: Option<PathBuf>,
    /// The journal is rotated at this size, in MiB.
    pub journal_max_mib: u64,
    /// Rotated journals that are kept.
    pub journal_keep: u32,
    /// Finished sessions that are kept.
    pub sessions_keep: u32,
    /// And for how many days.
    pub sessions_keep_days: u32,
}

impl State {
    /// Returns when the journal is rotated, and how much of it is kept.
    pub fn rotation(&self) -> Rotation {
        Rotation { size_max: self.journal_max_mib << 20, keep: self.journal_keep }
    }
}

impl Default for State {
    fn default() -> Self {
        State {
            dir: None,
            journal_max_mib: 16,
            journal_keep: 8,
            sessions_keep: 200,
            sessions_keep_days: 30,
        }
    }
}
