//! Verification of a fix: the changes as git shows them, and the tests, run by this program.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::agent::process_tree;
use super::check_verdict::CheckedVerdict;
use super::context::SessionContext;
use super::wait::{StopRequest, WaitResult, wait};
use super::workspace::Workspace;
use super::{files, program};
use crate::edge::git::{Changes, Worktree};
use crate::error::Error;
use crate::event::Verdict;
use crate::log;
use crate::rules::agent::last_line::AgentResult;
use crate::rules::agent::prompt;
use crate::rules::verdict::{PatchFacts, TestResult, TestRun};
use crate::store;

/// Adds the facts of a fix to a completed outcome; other outcomes stay as they are. The watchdog's
/// process is not part of the tests' tree.
pub(super) fn verify_fix(
    context: &SessionContext,
    (outcome, verdict): (AgentResult, Option<CheckedVerdict>),
    workspace: &Workspace,
    stop: &StopRequest,
    watchdog: u32,
) -> (AgentResult, Option<CheckedVerdict>) {
    let (AgentResult::Completed(_, cost, turns), Some(verdict)) = (&outcome, verdict) else {
        return (outcome, None);
    };
    let verdict = match patch_facts(context, workspace, stop, watchdog) {
        Ok(patch) => verdict.with_patch(patch),
        // The verdict is still worth reporting.
        Err(error) => verdict.with_note(format!("its changes are unknown: {error}")),
    };
    (AgentResult::Completed(Verdict::from(&verdict.checked), *cost, *turns), Some(verdict))
}

/// Describes uncommitted fix changes of a session that ended without a result.
pub(super) fn describe_changes(context: &SessionContext, workspace: &Workspace) -> Option<String> {
    let fix = context.plan.code.as_ref().is_some_and(|code| code.fix);
    let worktree = workspace.worktree.as_ref().filter(|_| fix)?;
    let changes = match worktree.changes() {
        Ok(changes) if changes.is_empty() => return None,
        Ok(changes) => changes,
        Err(error) => return Some(format!("its changes are unknown: {error}")),
    };
    let path = context.path(files::PATCH);
    if let Err(error) = store::replace(&path, &changes.patch) {
        return Some(format!("its changes cannot be saved: {error}"));
    }
    let branch = &worktree.branch;
    Some(format!("its changes are in '{}' and on branch '{branch}'", path.display()))
}

/// Facts of a fix; `None` when none was requested.
fn patch_facts(
    context: &SessionContext,
    workspace: &Workspace,
    stop: &StopRequest,
    watchdog: u32,
) -> Result<Option<PatchFacts>, Error> {
    let (Some(code), Some(worktree)) = (&context.plan.code, &workspace.worktree) else {
        return Ok(None);
    };
    if !code.fix {
        return Ok(None);
    }
    let changes = worktree.changes()?;
    let patch = context.path(files::PATCH);
    if !changes.patch.is_empty() {
        store::replace(&patch, &changes.patch)?;
    }
    let testable = !changes.truncated && !changes.patch.is_empty();
    let tests = match code.test_command.as_ref().filter(|_| testable) {
        None => None,
        Some(argv) => Some(test_patch(context, argv, worktree, &patch, stop, watchdog)?),
    };
    let Changes { files: files_changed, truncated, .. } = changes;
    Ok(Some(PatchFacts { files_changed, truncated, tests }))
}

/// Runs the tests in a worktree with the patch alone: files that git ignores, or that the agent has
/// hidden from git, would be in no pull request.
fn test_patch(
    context: &SessionContext,
    argv: &[String],
    worktree: &Worktree,
    patch: &Path,
    stop: &StopRequest,
    watchdog: u32,
) -> Result<TestRun, Error> {
    let path = context.path(files::TESTS);
    let failed = |error: std::io::Error| Error::file("write", &path, &error);
    let mut log = store::create_private(&path).map_err(failed)?;
    let command = prompt::command_line(argv).unwrap_or_else(|_| argv.join(" "));
    let tree = match worktree.test_worktree(&context.path(files::TRIAL), patch) {
        Ok(tree) => tree,
        Err(error) => {
            writeln!(log, "{error}").map_err(failed)?;
            return Ok(TestRun { command, result: TestResult::NotStarted });
        }
    };
    let ran = run_tests(context, argv, &tree.folder, log, stop, watchdog);
    log::warn_on_error(tree.remove());
    Ok(TestRun { command, result: ran? })
}

/// Runs the tests in the agent's environment, without the model's credential.
fn run_tests(
    context: &SessionContext,
    argv: &[String],
    folder: &Path,
    log: File,
    stop: &StopRequest,
    watchdog: u32,
) -> Result<TestResult, Error> {
    let stderr = log.try_clone().map_err(|error| Error::failed("share", files::TESTS, error))?;
    let child = program::shim(&context.folder)
        .arg("--")
        .args(argv)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(stderr)
        .spawn()
        .map_err(|error| Error::failed("start", "the tests", error))?;
    let tree = process_tree(context, child.id(), watchdog);
    let result = wait(child, context.time_remaining(), &mut || {
        stop.is_made().then_some(WaitResult::StopRequested)
    });
    // Processes that the tests have left running.
    tree.end(context.grace() / 2);
    Ok(match result {
        WaitResult::StopRequested => TestResult::Stopped,
        WaitResult::Exited(status) if status.success() => TestResult::Passed,
        // The shim could not execute the command.
        WaitResult::Exited(status) if matches!(status.code(), Some(126 | 127)) => {
            TestResult::NotStarted
        }
        WaitResult::Exited(_) => TestResult::Failed,
        _ => TestResult::TooLate,
    })
}
