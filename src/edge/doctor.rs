//! The work of `dlq-doctor`: checks of everything that the programs need, all of them side by side.
//!
//! - `run.rs`: threads, limits, and results.
//! - the other files: one subject each.
//!
//! Promises: it ends within its limit, a second for the record and two for the archive, whatever a server, a
//! command or a file system does; what it has started ends with it (`edge/marked_children.rs`); no secret is shown. A check changes nothing, but for
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

use std::path::{Path, PathBuf};
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
use crate::time::show_span;

/// The time for the line in the journal.
const RECORD: Duration = Duration::from_secs(1);
/// The least time for the archive.
const BUNDLE_MIN: Duration = Duration::from_secs(2);

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
    let done = within(RECORD, move || {
        let store = Store::open(&folder)?;
        Journal::new(&store, rotation).append(&line)
    });
    match done {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            log::warn(&format!("the result is not recorded: {error}"));
            false
        }
        None => {
            log::warn("the result is not recorded: the journal does not answer");
            false
        }
    }
}

/// Writes the archive, in the time that is left of the limit for all checks, and in no less than two seconds.
pub fn write_bundle(
    context: &DoctorContext,
    results: &[CheckResult],
    path: &Path,
    keeps_names: bool,
    left: Duration,
) -> Result<(), Error> {
    let (context, results, to) = (context.clone(), results.to_owned(), path.to_owned());
    let limit = left.max(BUNDLE_MIN);
    let written = within(limit, move || bundle::write(&context, &results, &to, keeps_names));
    written.unwrap_or_else(|| {
        let limit = show_span(Duration::from_secs(limit.as_secs()));
        let remedy = "set DLQ_STATE_DIR to another folder, or give it more time with --limit";
        let cause = format!("the files for it do not answer within {limit}; {remedy}");
        Err(Error::failed("write", path.display(), cause))
    })
}

/// Returns the result of some work in a thread of its own; None after the limit, when the thread is left
/// behind and ends with the process.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, result) = mpsc::channel();
    std::thread::spawn(move || {
        // The receiver is gone after its time.
        let _ = sender.send(work());
    });
    store::receive(&result, limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::BlockingWait;

    #[test]
    fn work_that_hangs_is_left_behind() {
        assert_eq!(within(Duration::from_secs(60), || 1), Some(1));
        let hang = || store::sleep(BlockingWait::Network, Duration::from_secs(600));
        assert_eq!(within(Duration::from_millis(20), hang), None);
    }
}
