//! The work of `dlq-doctor`: checks of everything that the programs need, all of them side by side.
//!
//! - `run.rs`: threads, limits, and results.
//! - the other files: one subject each.
//!
//! Promises: it ends within its limit, and a second for the record, whatever a server, a command or a
//! file system does; what it has started ends with it (`edge/marked_children.rs`); no secret is shown. A check changes nothing, but for
//! a file and a lock of its own in the state folder. The meaning of the answers is in `rules/health/`.

mod access;
mod aws;
pub mod bundle;
mod channels;
mod connection;
mod github;
mod investigator;
mod logs;
mod policy;
mod repositories;
mod run;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::clock;
use crate::config::{self, Env, LogSearch, Settings};
use crate::error::Error;
use crate::event::{Event, fresh_id};
use crate::journal::Journal;
use crate::log;
use crate::rules::health::feature::AwsFeature;
use crate::rules::health::{self, CheckResult};
use crate::store::{self, Store};

/// The time for the line in the journal.
const RECORD: Duration = Duration::from_secs(1);

/// Settings, environment and state folder, which all checks read.
#[derive(Debug, Clone)]
pub struct DoctorContext {
    pub settings: Settings,
    pub env: Env,
    /// The state folder.
    pub state: PathBuf,
}

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub struct DoctorOptions {
    /// Whether a notice is sent through each channel.
    pub send: bool,
    pub dry_run: bool,
    /// The time for all checks, side by side.
    pub limit: Duration,
}

impl DoctorContext {
    pub fn new(settings: Settings, env: Env) -> Result<Self, Error> {
        let state = config::state_dir(&settings, &env)?;
        Ok(DoctorContext { settings, env, state })
    }

    /// Whether investigations may start.
    fn investigates(&self) -> bool {
        self.settings.features.investigate && self.settings.auto_investigation.enabled
    }

    /// Returns the features that ask AWS.
    pub fn features(&self) -> Vec<AwsFeature> {
        let features = &self.settings.features;
        let logs = self.settings.evidence.logs == LogSearch::Auto;
        let is_on = |feature: &AwsFeature| match feature {
            AwsFeature::Read => true,
            AwsFeature::Peek => self.investigates(),
            AwsFeature::Logs => self.investigates() && logs,
            AwsFeature::Archive => features.archive_before_expiry,
            AwsFeature::Redrive => features.auto_redrive,
            // A person purges; no switch does.
            AwsFeature::Purge => false,
        };
        AwsFeature::ALL.into_iter().filter(is_on).collect()
    }

    /// Makes all checks.
    pub fn check(self, options: DoctorOptions) -> Vec<CheckResult> {
        let context = Arc::new(self);
        // With time left to say that a channel has not answered.
        let send = options.send.then_some(options.limit * 9 / 10);
        let mut groups = aws::groups(&context);
        groups.extend(investigator::groups(&context));
        groups.extend(github::groups(&context));
        groups.extend(channels::groups(&context, send.filter(|_| !options.dry_run)));
        groups.extend(repositories::groups(&context));
        groups.extend(state::groups(&context, options.dry_run));
        run::run_all(groups, options.limit)
    }
}

/// Returns the event of the results, as a line.
pub fn event_line(results: &[CheckResult]) -> Vec<u8> {
    let now = clock::now();
    let id = fresh_id(now, &std::process::id().to_string());
    Event::new(id, "", now, health::payload(results)).line()
}

/// Appends the event to the journal. What the journal waits for does not hold up the program: the
/// failure is a warning, and the result is false.
pub fn record(context: &DoctorContext, line: Vec<u8>) -> bool {
    let rotation = context.settings.state.rotation();
    let folder = context.state.clone();
    let (sender, result) = mpsc::channel();
    std::thread::spawn(move || {
        let store = Store::open(&folder);
        let done = store.and_then(|store| Journal::new(&store, rotation).append(&line));
        // The receiver is gone after its time.
        let _ = sender.send(done);
    });
    match store::receive(&result, RECORD) {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            log::warn(&format!("the result is not recorded: {error}"));
            false
        }
        Err(_) => {
            log::warn("the result is not recorded: the journal does not answer");
            false
        }
    }
}
