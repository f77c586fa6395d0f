//! Runs of the tests that prove a patch: on the base, on the base with the new tests alone, and on the
//! base with the whole patch.
//!
//! Promises: each run has a worktree of its own, which is removed after it, and in a sandbox a home
//! and a temporary folder of its own; only what `prepare` has made is in all of them. A run that did
//! not end has no result.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::agent::process_tree;
use super::context::SessionContext;
use super::finish::NoResult;
use super::sandbox::{SessionSandbox, plan_file};
use super::wait::{StopRequest, WaitResult, wait};
use super::workspace::Workspace;
use super::{Code, files, program};
use crate::edge::git::{PatchPart, Worktree};
use crate::edge::sandbox::launch;
use crate::error::Error;
use crate::glob::GlobList;
use crate::rules::agent::prompt;
use crate::rules::verdict::{PatchProof, PatchSplit, TestFiles, TestResult, proof};
use crate::{log, regular_file, store};

/// Bytes at the end of the output of a run in which results of single tests are looked for.
const OUTPUT_MAX: u64 = 4 << 20;

/// Runner of the tests of a patch, and all that it needs.
pub(super) struct TestRunner<'a> {
    pub(super) context: &'a SessionContext<'a>,
    pub(super) workspace: &'a Workspace,
    /// The sandbox in which the tests run.
    pub(super) sandbox: Option<&'a SessionSandbox>,
    pub(super) stop: &'a StopRequest,
    /// Process of the watchdog, which is not part of the tests' tree.
    pub(super) watchdog: u32,
}

/// The patch of a fix, in a file.
pub(super) struct Patch<'a> {
    pub(super) worktree: &'a Worktree,
    pub(super) path: &'a Path,
    /// Tests that the verdict names.
    pub(super) named: &'a [String],
}

impl TestRunner<'_> {
    /// Proves a patch by the tests of `code`; none when it has no tests.
    pub(super) fn prove(
        &self,
        code: &Code,
        patch: &Patch<'_>,
    ) -> Result<Option<PatchProof>, Error> {
        let Some(argv) = &code.test_command else { return Ok(None) };
        let mut proof = PatchProof {
            command: prompt::command_line(argv).unwrap_or_else(|_| argv.join(" ")),
            base: patch.worktree.base().to_owned(),
            split: PatchSplit::NoTests,
            on_base: None,
            with_tests: None,
            with_patch: TestResult::NotApplied,
            runner_files: Vec::new(),
            with_old_runner: None,
            named: None,
        };
        let files = match patch.worktree.patch_files(patch.path)? {
            Ok(files) => files,
            Err(why) => {
                writeln!(self.log(files::TESTS)?, "{why}").map_err(unwritten)?;
                return Ok(Some(proof));
            }
        };
        let patterns = GlobList::any(&code.tests).map_err(Error::wrong)?;
        let rules = TestFiles::new(patterns);
        let (split, tests) = proof::split(&files, &rules);
        proof.split = split;
        proof.runner_files = proof::runner_files(&files, &rules, argv);
        // The whole patch first: without it the others say nothing.
        proof.with_patch = self.run(argv, patch, PatchPart::Whole, files::TESTS)?;
        if split == PatchSplit::Apart && proof.with_patch == TestResult::Passed {
            let part = PatchPart::Only(&tests);
            proof.with_tests = self.run_more(argv, patch, part, files::NEW_TESTS)?;
        }
        if matches!(proof.with_patch, TestResult::Passed | TestResult::Failed) {
            proof.on_base = self.run_more(argv, patch, PatchPart::None, files::BASE_TESTS)?;
        }
        if proof.with_patch == TestResult::Passed && !proof.runner_files.is_empty() {
            // What the patch itself lets run says nothing of its fix.
            let others = files.iter().map(|file| file.path.clone());
            let others: Vec<String> =
                others.filter(|path| !proof.runner_files.contains(path)).collect();
            let part = PatchPart::Only(&others);
            proof.with_old_runner = self.run_more(argv, patch, part, files::RUNNER_TESTS)?;
        }
        if proof.with_patch == TestResult::Passed {
            let with_tests = proof.with_tests.map(|_| self.output(files::NEW_TESTS));
            let without = proof::without_fix(split, self.output(files::BASE_TESTS), with_tests);
            let with = match proof.with_old_runner {
                None => files::TESTS,
                Some(_) => files::RUNNER_TESTS,
            };
            proof.named = proof::named_test(patch.named, &without, &self.output(with));
        }
        Ok(Some(proof))
    }

    /// Runs the tests once more, when time and stop request allow it.
    fn run_more(
        &self,
        argv: &[String],
        patch: &Patch<'_>,
        part: PatchPart<'_>,
        name: &str,
    ) -> Result<Option<TestResult>, Error> {
        if self.stop.check().is_some() || self.context.time_remaining().is_zero() {
            return Ok(None);
        }
        self.run(argv, patch, part, name).map(Some)
    }

    /// Runs the tests in a worktree with a part of the patch: files that git ignores, or that the
    /// agent has hidden from git, would be in no pull request.
    fn run(
        &self,
        argv: &[String],
        patch: &Patch<'_>,
        part: PatchPart<'_>,
        name: &str,
    ) -> Result<TestResult, Error> {
        let mut log = self.log(name)?;
        let folder = self.context.path(files::TRIAL);
        let tree = match patch.worktree.test_worktree(&folder, patch.path, part) {
            Ok(tree) => tree,
            Err(error) => {
                writeln!(log, "{error}").map_err(unwritten)?;
                return Ok(TestResult::NotStarted);
            }
        };
        let ran = self.execute(argv, &tree.folder, log);
        log::warn_on_error(tree.remove());
        ran
    }

    /// Makes the file of the output of a run, in the place of an earlier one.
    fn log(&self, name: &str) -> Result<File, Error> {
        let path = self.context.path(name);
        let made = store::remove(&path).and_then(|()| store::create_private(&path));
        made.map_err(|error| Error::file("write", &path, &error))
    }

    /// The end of the output of a run; empty when there is none.
    fn output(&self, name: &str) -> String {
        regular_file::read_end(&self.context.path(name), OUTPUT_MAX).unwrap_or_default()
    }

    /// Whether the sandbox of the tests was built, if there is one.
    fn has_started(&self) -> bool {
        let plan = plan_file(self.context, files::TRIAL);
        self.sandbox.is_none() || launch::has_started(&plan)
    }

    /// Runs the tests in the agent's environment, without the model's credential.
    fn execute(&self, argv: &[String], folder: &Path, log: File) -> Result<TestResult, Error> {
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

fn unwritten(error: std::io::Error) -> Error {
    Error::failed("write", files::TESTS, error)
}
