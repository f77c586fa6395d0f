//! What an agent has changed, seen without asking it, and the tests, run by this tool.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use super::check::Finding;
use super::place::Place;
use super::wait::{Ended, wait};
use super::{Supervisor, files, passed_on};
use crate::edge::exe;
use crate::edge::process::MARKER;
use crate::error::Error;
use crate::event::Verdict;
use crate::rules::found::{PatchFacts, Ran, Tests};
use crate::rules::prompt;
use crate::rules::verdict::Outcome;
use crate::store;
use crate::tool;

impl Supervisor<'_> {
    /// The outcome, with what is to be said of a fix.
    pub(super) fn verified(
        &self,
        (outcome, finding): (Outcome, Option<Finding>),
        place: &Place,
        watchdog: u32,
    ) -> (Outcome, Option<Finding>) {
        let (Outcome::Completed(_, cost, turns), Some(finding)) = (&outcome, finding) else {
            return (outcome, None);
        };
        let finding = match self.verify(place, watchdog) {
            Ok(patch) => finding.with(patch),
            // A verdict is not lost for that.
            Err(error) => finding.noting(format!("what it has changed is unknown: {error}")),
        };
        (Outcome::Completed(Verdict::from(&finding.checked), *cost, *turns), Some(finding))
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
        if changes.truncated {
            tool::warn("the patch is longer than it may be, and is cut");
        }
        if !changes.patch.is_empty() {
            store::replace(&self.folder.join(files::PATCH), &changes.patch)?;
        }
        let argv = code.test_command.as_ref().filter(|_| !changes.files.is_empty());
        let tests = argv.map(|argv| self.test(argv, place, watchdog)).transpose()?;
        Ok(Some(PatchFacts { files_changed: changes.files, tests }))
    }

    /// Runs the tests, in the environment of the agent without the model's credential.
    fn test(&self, argv: &[String], place: &Place, watchdog: u32) -> Result<Tests, Error> {
        let path = self.folder.join(files::TESTS);
        let failed = |error: std::io::Error| Error::file("write", &path, &error);
        let log = store::create_private(&path).map_err(failed)?;
        let complaints = log.try_clone().map_err(failed)?;
        let words = prompt::command_line(argv).unwrap_or_else(|_| argv.join(" "));
        let mut command = exe();
        command.args(["--shim", &std::process::id().to_string(), "--"]).args(argv);
        command.env_clear().envs(passed_on()).env("TERM", "dumb").env(MARKER, &self.folder);
        let child = command
            .current_dir(&place.folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(complaints)
            .process_group(0)
            .spawn()
            .map_err(|error| Error::failed("start", "the tests", error))?;
        let tree = self.tree(child.id(), watchdog);
        let stop = self.folder.join(files::STOP);
        let ended = wait(child, self.left(), &mut || stop.exists().then_some(Ended::Told))?;
        // What they have left behind goes, too.
        tree.end(Duration::from_millis(self.plan.grace_ms) / 2);
        let ran = match ended {
            Ended::Told => Ran::Stopped,
            Ended::ByItself(status) if status.success() => Ran::Passed,
            // The shim could not become it.
            Ended::ByItself(status) if matches!(status.code(), Some(126 | 127)) => Ran::NotStarted,
            Ended::ByItself(_) => Ran::Failed,
            _ => Ran::TooLate,
        };
        Ok(Tests { command: words, ran })
    }
}
