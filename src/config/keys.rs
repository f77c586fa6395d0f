//! The table of every key: its name, whether a variable may set it, and how it is set.
//!
//! The single source: the reader of files, the reader of the environment, and the tests of the
//! example and the man page all go by it. Keys are applied in this order, whatever the file's.

use std::time::Duration;

use super::evidence;
use super::investigation;
use super::settings::{Discover, Level, LogFormat, Settings};
use super::structured;
use super::value::{Field, Problem};

/// The sections, which are the keys at the top.
pub(super) const SECTIONS: [&str; 9] = [
    "aws",
    "monitoring",
    "evidence",
    "auto_investigation",
    "notifications",
    "github",
    "features",
    "logging",
    "state",
];

/// A key of a section.
pub(super) struct Known {
    /// `section.key`
    pub path: &'static str,
    /// Whether `DLQ_SECTION_KEY` sets it too.
    pub variable: bool,
    /// Puts a value where it belongs, or says why not.
    pub set: fn(&mut Settings, &Field<'_>) -> Result<(), Problem>,
}

/// `section.key`, `env` or `file`, and what is done with the value.
macro_rules! keys {
    ($($path:literal $by:ident |$s:ident, $f:ident| $body:expr;)*) => {
        &[$(Known {
            path: $path,
            variable: keys!($by),
            set: |$s, $f| {
                $body;
                Ok(())
            },
        }),*]
    };
    (env) => { true };
    (file) => { false };
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const TENTH: Duration = Duration::from_millis(100);

const MODEL: &str = "the name of a model such as claude-sonnet-5-5";

const REGION: &str = "a region such as sa-east-1";

const DISCOVER: [(&str, Discover); 3] =
    [("both", Discover::Both), ("redrive", Discover::Redrive), ("name", Discover::Name)];

const LEVELS: [(&str, Level); 5] = [
    ("DEBUG", Level::Debug),
    ("INFO", Level::Info),
    ("WARN", Level::Warn),
    ("ERROR", Level::Error),
    ("CRITICAL", Level::Critical),
];

/// Every key of every section.
pub(super) const KEYS: &[Known] = keys! {
    "aws.profile" env |s, f| s.aws.profile = Some(f.text()?);
    "aws.region" env |s, f| s.aws.region = Some(f.text_like(REGION, region)?);
    "aws.regions" env |s, f| s.aws.regions = f.texts_like(REGION, region)?;
    "aws.accounts" file |s, f| s.aws.accounts = structured::accounts(f)?;
    "aws.endpoint_url" env |s, f| s.aws.endpoint_url = Some(f.endpoint()?);

    "monitoring.check_interval" env |s, f| s.monitoring.check_interval = f.span(TENTH..=DAY)?;
    "monitoring.notification_threshold" env |s, f|
        s.monitoring.notification_threshold = f.whole(1..=1_000_000_000)?;
    "monitoring.patterns" env |s, f| s.monitoring.patterns = Some(f.globs()?);
    "monitoring.match" env |s, f| s.monitoring.matching = f.globs()?;
    "monitoring.exclude" env |s, f| s.monitoring.exclude = f.globs()?;
    "monitoring.discover" env |s, f| s.monitoring.discover = f.choice(&DISCOVER)?;
    "monitoring.discovery_interval" env |s, f| s.monitoring.discovery_interval = f.span(SECOND..=DAY)?;
    "monitoring.concurrency" env |s, f| s.monitoring.concurrency = f.whole(1..=256)?;
    "monitoring.rate_limit" env |s, f| s.monitoring.rate_limit = f.whole(1..=10_000)?;
    "monitoring.timeout" env |s, f| s.monitoring.timeout = f.span(TENTH..=MINUTE)?;
    "monitoring.clear_after" env |s, f| s.monitoring.clear_after = f.whole(1..=100)?;
    "monitoring.expiry_tiers" env |s, f| s.monitoring.expiry_tiers = structured::tiers(f)?;
    "monitoring.growth_factor" env |s, f| s.monitoring.growth_factor = f.whole(2..=1000)?;
    "monitoring.adaptive" env |_s, f| if f.flag()? {
        return Err(f.problem("not available in this version; leave it false"));
    };

    "evidence.max_messages" env |s, f| s.evidence.max_messages = f.whole(1..=1000)?;
    "evidence.visibility" env |s, f|
        s.evidence.visibility = f.span(Duration::from_secs(10)..=Duration::from_secs(12 * 3600))?;
    "evidence.allow_fifo" env |s, f| {
        s.evidence.allow_fifo = f.flag()?;
        if s.evidence.allow_fifo {
            f.ours("have message groups blocked")?;
        }
    };
    "evidence.redact" file |s, f| s.evidence.redact = evidence::patterns(f)?;
    "evidence.redact_allow" env |s, f| {
        f.globs()?;
        s.evidence.redact_allow = f.texts()?;
        if !s.evidence.redact_allow.is_empty() {
            f.ours("choose what is not redacted")?;
        }
    };

    "auto_investigation.enabled" env |s, f| {
        s.auto_investigation.enabled = f.flag()?;
        if s.auto_investigation.enabled {
            f.ours("start investigations")?;
        }
    };
    "auto_investigation.target_queues" env |s, f| s.auto_investigation.target_queues = f.globs()?;
    "auto_investigation.timeout_minutes" env |s, f|
        s.auto_investigation.timeout = f.units(60.0, 0.001..=1440.0)?;
    "auto_investigation.cooldown_hours" env |s, f|
        s.auto_investigation.cooldown = f.units(3600.0, 0.0..=8760.0)?;
    "auto_investigation.agent" env |s, f| s.auto_investigation.agent = structured::agent(f)?;
    "auto_investigation.agents_dir" file |s, f|
        s.auto_investigation.claude.agents_dir = Some(investigation::given(f)?);
    "auto_investigation.prompt_file" file |s, f|
        s.auto_investigation.claude.prompt_file = Some(investigation::given(f)?);
    "auto_investigation.mcp_config" file |s, f|
        s.auto_investigation.claude.mcp_config = Some(investigation::given(f)?);
    "auto_investigation.dangerously_skip_permissions" file |s, f| {
        s.auto_investigation.claude.dangerously_skip_permissions = f.flag()?;
        if s.auto_investigation.claude.dangerously_skip_permissions {
            f.ours("let the agent do anything")?;
        }
    };
    "auto_investigation.require_evidence" env |s, f|
        s.auto_investigation.require_evidence = f.flag()?;
    "auto_investigation.max_concurrent" env |s, f|
        s.auto_investigation.max_concurrent = f.whole(1..=64)?;
    "auto_investigation.stop_grace_seconds" env |s, f|
        s.auto_investigation.stop_grace = f.units(1.0, 0.0..=600.0)?;
    "auto_investigation.budget_usd_per_run" env |s, f|
        s.auto_investigation.budget_usd_per_run = f.real(0.01..=10_000.0)?;
    "auto_investigation.budget_usd_per_day" env |s, f|
        s.auto_investigation.budget_usd_per_day = f.real(0.0..=10_000.0)?;
    "auto_investigation.budget_usd_per_fingerprint" env |s, f|
        s.auto_investigation.budget_usd_per_fingerprint = Some(f.real(0.0..=10_000.0)?);
    "auto_investigation.budget_reserve_for_expiry" env |s, f|
        s.auto_investigation.budget_reserve_for_expiry = f.real(0.0..=1.0)?;
    "auto_investigation.model" env |s, f|
        s.auto_investigation.claude.model = f.text_like(MODEL, model)?;
    "auto_investigation.max_turns" env |s, f| s.auto_investigation.claude.max_turns = f.whole(1..=1000)?;
    "auto_investigation.base_url" env |s, f|
        s.auto_investigation.claude.base_url = Some(f.endpoint()?);
    "auto_investigation.auth" file |s, f| s.auto_investigation.claude.auth = Some(f.secret()?);
    "auto_investigation.queues" file |s, f| s.auto_investigation.queues = structured::queue_rules(f)?;

    "notifications.channels" file |s, f| s.notifications.channels = structured::channels(f)?;
    // After the channels, which they name.
    "notifications.routes" file |s, f|
        s.notifications.routes = structured::routes(f, &s.notifications.channels)?;

    "github.token" file |s, f| s.github.token = Some(f.secret()?);
    "github.hosts" env |s, f| s.github.hosts = f.texts()?;
    "github.repos" env |s, f| s.github.repos = f.texts_like(structured::REPO, structured::repo)?;
    "github.orgs" env |s, f| s.github.orgs = f.texts()?;

    "features.investigate" env |s, f| s.features.investigate = f.flag()?;
    "features.notify" env |s, f| s.features.notify = f.flag()?;

    "logging.level" env |s, f| s.logging.level = f.choice(&LEVELS)?;
    "logging.format" env |s, f|
        s.logging.format = f.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)])?;

    "state.dir" env |s, f| {
        f.ours("choose where files are written")?;
        s.state.dir = Some(f.path()?);
    };
    "state.journal_max_mib" env |s, f| s.state.journal_max_mib = f.whole(1..=1024)?;
    "state.journal_keep" env |s, f| s.state.journal_keep = f.whole(0..=100)?;
    "state.sessions_keep" env |s, f| s.state.sessions_keep = f.whole(1..=10_000)?;
    "state.sessions_keep_days" env |s, f| s.state.sessions_keep_days = f.whole(1..=3650)?;
};

/// The keys of the entries of lists and maps, by where they stand.
#[cfg(test)]
pub(super) const NESTED: [(&str, &[&str]); 4] = [
    ("aws.accounts", &structured::ACCOUNT),
    ("auto_investigation.queues", &structured::QUEUE),
    ("notifications.channels", &structured::CHANNEL),
    ("notifications.routes", &structured::ROUTE),
];

impl Known {
    /// The variable that sets this key.
    pub fn variable_name(&self) -> String {
        format!("DLQ_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// The key without its section.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Whether this is a key of `section`.
    pub fn within(&self, section: &str) -> bool {
        self.path.split_once('.').is_some_and(|(own, _)| own == section)
    }
}

/// A model's name becomes an argument, and must not be an option.
fn model(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:/@[]".contains(c);
    text.len() <= 200 && !text.starts_with('-') && text.chars().all(fits)
}

/// A region's name becomes part of a host's name.
pub(super) fn region(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 64 && !text.starts_with('-') && text.chars().all(fits)
}
