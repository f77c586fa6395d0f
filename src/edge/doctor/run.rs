//! The run of all checks side by side, each group of them in a thread with a limit.
//!
//! Promises: the run ends at the limit, whatever the checks wait for; a check without a result by then has
//! failed; one that ends without a result has failed, too.

use std::cell::Cell;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use crate::clock;
use crate::rules::health::{CheckResult, Diagnosis};
use crate::store;

/// Checks that are made one after the other, because each needs the one before it.
pub struct CheckGroup {
    names: Vec<String>,
    run: Box<dyn FnOnce(&Reporter) + Send>,
}

impl CheckGroup {
    pub fn new(names: Vec<String>, run: impl FnOnce(&Reporter) + Send + 'static) -> Self {
        CheckGroup { names, run: Box::new(run) }
    }

    /// Returns a group of one check.
    pub fn one(
        name: impl Into<String>,
        check: impl FnOnce() -> Diagnosis + Send + 'static,
    ) -> Self {
        CheckGroup::new(vec![name.into()], |reporter| reporter.report(check()))
    }

    /// Returns a group of one check whose result is known.
    pub fn known(name: impl Into<String>, diagnosis: Diagnosis) -> Self {
        CheckGroup::one(name, || diagnosis)
    }
}

/// A message of a group: the next result, or None at its end.
type GroupReport = (usize, Option<(Diagnosis, Duration)>);

/// Takes the results of a group, in the order of its names.
pub struct Reporter {
    group: usize,
    results: Sender<GroupReport>,
    /// The begin of the check under way.
    begun: Cell<Instant>,
}

impl Reporter {
    /// Reports the result of the next check.
    pub fn report(&self, diagnosis: Diagnosis) {
        let now = clock::tick();
        let took = now.saturating_duration_since(self.begun.replace(now));
        // The receiver is gone after the limit.
        let _ = self.results.send((self.group, Some((diagnosis, took))));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let _ = self.results.send((self.group, None));
    }
}

/// The state of a group.
struct GroupState {
    names: Vec<String>,
    results: Vec<CheckResult>,
    is_ended: bool,
}

/// Runs the groups, and returns the results in the order of the names. A thread that has not ended at
/// the limit is left behind, and ends with the process.
pub fn run_all(groups: Vec<CheckGroup>, limit: Duration) -> Vec<CheckResult> {
    let (sender, reports) = mpsc::channel::<GroupReport>();
    let begun = clock::tick();
    let until = begun + limit;
    let mut states = Vec::with_capacity(groups.len());
    for (group, CheckGroup { names, run }) in groups.into_iter().enumerate() {
        let reporter = Reporter { group, results: sender.clone(), begun: Cell::new(begun) };
        let started = std::thread::Builder::new().spawn(move || run(&reporter));
        // Without a thread, the closure is dropped and with it the reporter: the group has ended.
        drop(started);
        states.push(GroupState { names, results: Vec::new(), is_ended: false });
    }
    drop(sender);
    while states.iter().any(|state| !state.is_ended) {
        let remaining = until.saturating_duration_since(clock::tick());
        let Ok((group, report)) = store::receive(&reports, remaining) else { break };
        let state = &mut states[group];
        match report {
            None => state.is_ended = true,
            Some((diagnosis, took)) => {
                if let Some(name) = state.names.get(state.results.len()) {
                    let name = name.clone();
                    state.results.push(CheckResult { name, diagnosis, took });
                }
            }
        }
    }
    states.into_iter().flat_map(|state| state.complete(limit)).collect()
}

impl GroupState {
    /// Returns the results, with one for each check that has none.
    fn complete(mut self, limit: Duration) -> Vec<CheckResult> {
        let missing = self.names.split_off(self.results.len().min(self.names.len()));
        let first = missing.first().cloned().unwrap_or_default();
        for (number, name) in missing.into_iter().enumerate() {
            let diagnosis = match (number, self.is_ended) {
                (0, true) => Diagnosis::failed(
                    "the check has ended without a result",
                    "report this with 'dlq-doctor --bundle'",
                ),
                (0, false) => Diagnosis::endless(limit),
                _ => Diagnosis::untried(&first),
            };
            let took = if self.is_ended { Duration::ZERO } else { limit };
            self.results.push(CheckResult { name, diagnosis, took });
        }
        self.results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::health::CheckStatus;
    use crate::store::BlockingWait;

    #[test]
    fn checks_end_at_the_limit_whatever_they_wait_for() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let hang = || store::sleep(BlockingWait::Network, Duration::from_secs(600));
        let groups = vec![
            CheckGroup::known("a", Diagnosis::ok("fine")),
            CheckGroup::new(names(&["b1", "b2", "b3"]), move |reporter| {
                reporter.report(Diagnosis::ok("fine"));
                hang();
            }),
            CheckGroup::new(names(&["c1", "c2"]), |_| {}),
            CheckGroup::new(names(&["d"]), |reporter| {
                reporter.report(Diagnosis::ok("fine"));
                reporter.report(Diagnosis::failed("one too many", ""));
            }),
        ];
        let begun = clock::tick();
        let results = run_all(groups, Duration::from_millis(300));
        assert!(begun.elapsed() < Duration::from_secs(30));
        let found: Vec<String> = results
            .iter()
            .map(|one| format!("{} {}: {}", one.name, one.diagnosis.status, one.diagnosis.detail))
            .collect();
        let expected = [
            "a ok: fine",
            "b1 ok: fine",
            "b2 failed: no result within 300ms",
            "b3 skipped: not tried, because 'b2' has not ended",
            "c1 failed: the check has ended without a result",
            "c2 skipped: not tried, because 'c1' has not ended",
            "d ok: fine",
        ];
        assert_eq!(found, expected);
        let failed = results.iter().filter(|one| one.diagnosis.status == CheckStatus::Failed);
        assert!(failed.into_iter().all(|one| !one.diagnosis.remedy.is_empty()));
    }
}
