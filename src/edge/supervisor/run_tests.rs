//! What an agent has changed, seen without asking it, and the tests, run by this tool.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::check_verdict::Finding;
use super::wait::{Ended, wait};
use super::workspace::Place;
use super::{Supervisor, files, passed_on};
use crate::edge::exe;
use crate::edge::git::{Changes, Workspace};
use crate::edge::process::MARKER;
use crate::error::Error;
use crate::event::Verdict;
use crate::log;
use crate::rules::agent::last_line::AgentResult;
use crate::rules::agent::prompt;
use crate::rules::verdict::{PatchFacts, TestResult, TestRun};
use crate::store;

impl Supervisor<'_> {
    /// The outcome, with what is to be said of a fix.
    pub(super) fn verified(
        &self,
        (outcome, finding): (AgentResult, Option<Finding>),
        place: &Place,
        watchdog: u32,
    ) -> (AgentResult, Option<Finding>) {
        let (AgentResult::Completed(_, cost, turns), Some(finding)) = (&outcome, finding) else {
            return (outcome, None);
        };
        let finding = match self.verify(place, watchdog) {
            Ok(patch) => finding.with(patch),
            // A verdict is not lost for that.
            Err(error) => finding.noting(format!("what it has changed is unknown: {error}")),
        };
        (AgentResult::Completed(Verdict::from(&finding.checked), *cost, *turns), Some(finding))
    }

    /// What a session without a result leaves behind, in a sentence: only what was wanted.
    pub(super) fn unfinished(&self, place: &Place) -> Option<String> {
        let tree =
            place.tree.as_ref().filter(|_| self.plan.code.as_ref().is_some_and(|c| c.fix))?;
        let changes = match tree.changes() {
            Ok(changes) if changes.is_empty() => return None,
            Ok(changes) => changes,
            Err(error) => return Some(format!("what it has changed is unknown: {error}")),
        };
        let path = self.folder.join(files::PATCH);
        let (path, branch) = match store::replace(&path, &changes.patch) {
            Ok(()) => (path, tree.branch()),
            Err(error) => return Some(format!("what it has changed cannot be kept: {error}")),
        };
        Some(format!("what it has changed is in '{}' and on branch '{branch}'", path.display()))
    }

    /// The facts of a fix: None when none was wanted.
    fn verify(&self, place: &Place, watchdog: u32) -> Result<Option<PatchFacts>, Error> {
        let (Some(code), Some(tree)) = (&self.plan.code, &place.tree) else { return Ok(None) };
        if !code.fix {
            return Ok(None);
        }
        let changes = tree.changes()?;
        let patch = self.folder.join(files::PATCH);
        if !changes.patch.is_empty() {
            store::replace(&patch, &changes.patch)?;
        }
        let testable = !changes.truncated && !changes.patch.is_empty();
        let tests = match code.test_command.as_ref().filter(|_| testable) {
            None => None,
            Some(argv) => Some(self.try_out(argv, tree, &patch, watchdog)?),
        };
        let Changes { files: files_changed, truncated, .. } = changes;
        Ok(Some(PatchFacts { files_changed, truncated, tests }))
    }

    /// Runs the tests where there is the patch and nothing else: a file that git ignores, or that an
    /// agent has hidden from it, would be in no pull request.
    fn try_out(
        &self,
        argv: &[String],
        tree: &Workspace,
        patch: &Path,
        watchdog: u32,
    ) -> Result<TestRun, Error> {
        let path = self.folder.join(files::TESTS);
        let failed = |error: std::io::Error| Error::file("write", &path, &error);
        let mut log = store::create_private(&path).map_err(failed)?;
        let command = prompt::command_line(argv).unwrap_or_else(|_| argv.join(" "));
        let trial = match tree.trial(&self.folder.join(files::TRIAL), patch) {
            Ok(trial) => trial,
            Err(error) => {
                writeln!(log, "{error}").map_err(failed)?;
                return Ok(TestRun { command, result: TestResult::NotStarted });
            }
        };
        let ran = self.test(argv, trial.folder(), log, watchdog);
        if let Err(error) = trial.remove() {
            log::warn(&error.to_string());
        }
        Ok(TestRun { command, result: ran? })
    }

    /// Runs the tests, in the environment of the agent without the model's credential.
    fn test(
        &self,
        argv: &[String],
        folder: &Path,
        log: File,
        watchdog: u32,
    ) -> Result<TestResult, Error> {
        let complaints =
            log.try_clone().map_err(|error| Error::failed("share", files::TESTS, error))?;
        let mut command = exe();
        command.args(["--shim", &std::process::id().to_string(), "--"]).args(argv);
        command.env_clear().envs(passed_on()).env("TERM", "dumb").env(MARKER, &self.folder);
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(complaints)
            .process_group(0)
            .spawn()
            .map_err(|error| Error::failed("start", "the tests", error))?;
        let tree = self.tree(child.id(), watchdog);
        let ended = wait(child, self.left(), &mut || self.is_told().then_some(Ended::Told));
        // What they have left behind goes, too.
        tree.end(Duration::from_millis(self.plan.grace_ms) / 2);
        Ok(match ended {
            Ended::Told => TestResult::Stopped,
            Ended::ByItself(status) if status.success() => TestResult::Passed,
            // The shim could not become it.
            Ended::ByItself(status) if matches!(status.code(), Some(126 | 127)) => {
                TestResult::NotStarted
            }
            Ended::ByItself(_) => TestResult::Failed,
            _ => TestResult::TooLate,
        })
    }
}
