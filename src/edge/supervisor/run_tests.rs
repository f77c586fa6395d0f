//! Verification of a fix: the changes as git shows them, and the tests, run by this program.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::agent::process_tree;
use super::check_verdict::CheckedVerdict;
use super::context::SessionContext;
use super::finish::{NoResult, SavedChanges};
use super::sandbox::{SessionSandbox, plan_file};
use super::wait::{StopRequest, WaitResult, wait};
use super::workspace::Workspace;
use super::{Code, files, program};
use crate::edge::git::{Changes, Worktree};
use crate::edge::sandbox::launch;
use crate::error::Error;
use crate::log;
use crate::rules::agent::prompt;
use crate::rules::verdict::{PatchFacts, TestResult, TestRun, apply_patch_facts, patch_gate};
use crate::store;

/// Verification of the fix that a session requests.
pub(super) struct FixCheck<'a> {
    pub(super) context: &'a SessionContext<'a>,
    pub(super) workspace: &'a Workspace,
    /// The sandbox of the session, in which the tests run.
    pub(super) sandbox: Option<&'a SessionSandbox>,
    pub(super) stop: &'a StopRequest,
    /// Process of the watchdog, which is not part of the tests' tree.
    pub(super) watchdog: u32,
}

impl FixCheck<'_> {
    /// Adds the facts of a fix to a verdict, and lowers it when they contradict it.
    pub(super) fn verify(&self, mut verdict: CheckedVerdict) -> CheckedVerdict {
        let facts = self.patch_facts();
        let is_unknown = facts.is_err();
        match facts {
            Ok(None) => {}
            Ok(Some(patch)) => {
                verdict.checked = apply_patch_facts(verdict.checked, &patch);
                verdict.patch = Some(patch);
            }
            // The verdict is still worth reporting.
            Err(error) => verdict.checked.notes.push(format!("its changes are unknown: {error}")),
        }
        verdict.suspect(is_unknown)
    }

    /// Saves the changes of a fix as `patch.diff`, or, when they are not offered, as `held.diff`;
    /// `None` without changes.
    pub(super) fn save_changes(&self) -> Option<SavedChanges> {
        let (_, worktree) = self.fixed()?;
        let unsaved =
            |sentence: String| Some(SavedChanges { held: Some(sentence.clone()), sentence });
        let changes = match worktree.changes() {
            Ok(changes) if changes.is_empty() => return None,
            Ok(changes) => changes,
            Err(error) => return unsaved(format!("its changes are unknown: {error}")),
        };
        let path = self.patch_path(&changes);
        if let Err(error) = store::replace(&path, &changes.patch) {
            return unsaved(format!("its changes cannot be saved: {error}"));
        }
        let branch = &worktree.branch;
        let mut sentence =
            format!("its changes are in '{}' and on branch '{branch}'", path.display());
        let held = patch_gate::reason(&changes.gated, changes.truncated);
        held.iter().for_each(|held| sentence.push_str(&format!("; {held}")));
        Some(SavedChanges { sentence, held })
    }

    /// Path of a patch, which says whether it is offered.
    fn patch_path(&self, changes: &Changes) -> PathBuf {
        let held = patch_gate::reason(&changes.gated, changes.truncated);
        self.context.path(if held.is_some() { files::HELD } else { files::PATCH })
    }

    /// The code that a fix changes; `None` when no fix was requested.
    fn fixed(&self) -> Option<(&Code, &Worktree)> {
        let code = self.context.plan.code.as_ref().filter(|code| code.fix)?;
        Some((code, self.workspace.worktree.as_ref()?))
    }

    /// Facts of a fix; `None` when none was requested.
    fn patch_facts(&self) -> Result<Option<PatchFacts>, Error> {
        let Some((code, worktree)) = self.fixed() else { return Ok(None) };
        let changes = worktree.changes()?;
        let patch = self.patch_path(&changes);
        if !changes.patch.is_empty() {
            store::replace(&patch, &changes.patch)?;
        }
        let testable = !changes.truncated && !changes.patch.is_empty();
        let argv = code.test_command.as_ref().filter(|_| testable);
        let tests = argv.map(|argv| self.test_patch(argv, worktree, &patch)).transpose()?;
        let Changes { files: files_changed, truncated, gated, .. } = changes;
        Ok(Some(PatchFacts { files_changed, truncated, gated, tests }))
    }

    /// Runs the tests in a worktree with the patch alone: files that git ignores, or that the agent
    /// has hidden from git, would be in no pull request.
    fn test_patch(
        &self,
        argv: &[String],
        worktree: &Worktree,
        patch: &Path,
    ) -> Result<TestRun, Error> {
        let path = self.context.path(files::TESTS);
        let failed = |error: std::io::Error| Error::file("write", &path, &error);
        let mut log = store::create_private(&path).map_err(failed)?;
        let command = prompt::command_line(argv).unwrap_or_else(|_| argv.join(" "));
        let tree = match worktree.test_worktree(&self.context.path(files::TRIAL), patch) {
            Ok(tree) => tree,
            Err(error) => {
                writeln!(log, "{error}").map_err(failed)?;
                return Ok(TestRun { command, result: TestResult::NotStarted });
            }
        };
        let ran = self.run_tests(argv, &tree.folder, log);
        log::warn_on_error(tree.remove());
        Ok(TestRun { command, result: ran? })
    }

    /// Whether the sandbox of the tests was built, if there is one.
    fn has_started(&self) -> bool {
        let plan = plan_file(self.context, files::TRIAL);
        self.sandbox.is_none() || launch::has_started(&plan)
    }

    /// Runs the tests in the agent's environment, without the model's credential.
    fn run_tests(&self, argv: &[String], folder: &Path, log: File) -> Result<TestResult, Error> {
        let context = self.context;
        let stderr =
            log.try_clone().map_err(|error| Error::failed("share", files::TESTS, error))?;
        let mut command = match self.sandbox {
            Some(sandbox) => {
                let name = files::TRIAL;
                sandbox.tests(context, self.workspace, name, folder, argv)?.command()
            }
            None => {
                let mut command = program::shim(&context.folder);
                command.arg("--").args(argv).current_dir(folder);
                command
            }
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(stderr)
            .spawn()
            .map_err(|error| Error::failed("start", "the tests", error))?;
        let tree = process_tree(context, child.id(), self.watchdog);
        let result = wait(child, context.time_remaining(), &mut || self.stop.check());
        // Processes that the tests have left running.
        tree.end(context.grace() / 2);
        Ok(match result {
            WaitResult::Cut(NoResult::Stopped) => TestResult::Stopped,
            WaitResult::Exited(status) if status.success() => TestResult::Passed,
            // The shim could not execute the command.
            WaitResult::Exited(status) if matches!(status.code(), Some(126 | 127)) => {
                TestResult::NotStarted
            }
            // Bubblewrap has built no sandbox.
            WaitResult::Exited(_) if !self.has_started() => TestResult::NotStarted,
            WaitResult::Exited(_) => TestResult::Failed,
            _ => TestResult::TooLate,
        })
    }
}
