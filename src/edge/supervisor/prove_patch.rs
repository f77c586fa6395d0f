//! Runs of the tests that prove a patch: on the base, on the base with the new tests alone, and on the
//! base with the whole patch; those that decide are repeated.
//!
//! Promises: each run has a worktree of its own, which is removed after it, and in a sandbox a home
//! and a temporary folder of its own; only what `prepare` has made is in all of them. A run that did
//! not end has no result.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

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
use crate::rules::sandbox::limits;
use crate::rules::verdict::proof::{self, NewTests, RepeatedRuns};
use crate::rules::verdict::{PatchProof, PatchSplit, TestFiles, TestResult};
use crate::{clock, log, regular_file, store};

/// Bytes at the end of the output of a run in which results of single tests are looked for.
const OUTPUT_MAX: u64 = 4 << 20;
/// Most repetitions of the runs that decide.
const REPETITIONS: usize = 2;
/// Longest time of the first repetition after which there is another.
const QUICK: Duration = Duration::from_secs(60);

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
            new_tests: NewTests::default(),
            with_patch: TestResult::NotApplied,
            runner_files: Vec::new(),
            with_old_runner: None,
            named: None,
            repetitions: Vec::new(),
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
            proof.new_tests = proof::new_tests(&self.output(files::NEW_TESTS));
        }
        if matches!(proof.with_patch, TestResult::Passed | TestResult::Failed) {
            proof.on_base = self.run_more(argv, patch, PatchPart::None, files::BASE_TESTS)?;
        }
        // What the patch itself lets run says nothing of its fix.
        let others = files.iter().map(|file| file.path.clone());
        let others: Vec<String> =
            others.filter(|path| !proof.runner_files.contains(path)).collect();
        let mut with_fix = (PatchPart::Whole, files::TESTS);
        if proof.with_patch == TestResult::Passed && !proof.runner_files.is_empty() {
            with_fix = (PatchPart::Only(&others), files::RUNNER_TESTS);
            proof.with_old_runner = self.run_more(argv, patch, with_fix.0, with_fix.1)?;
        }
        let without_fix = match split {
            PatchSplit::Apart => (PatchPart::Only(&tests), files::NEW_TESTS),
            _ => (PatchPart::None, files::BASE_TESTS),
        };
        if proof.with_patch == TestResult::Passed {
            self.repeat(argv, patch, &mut proof, [without_fix, with_fix])?;
        }
        Ok(Some(proof))
    }

    /// Finds the test that the verdict names, and repeats the runs without the fix and with it while
    /// they prove it: a second time, and a third time when that is quick.
    fn repeat(
        &self,
        argv: &[String],
        patch: &Patch<'_>,
        proof: &mut PatchProof,
        runs: [(PatchPart<'_>, &str); 2],
    ) -> Result<(), Error> {
        let [(without_part, without), (with_part, with)] = runs;
        let mut turned = self.turned(patch, proof, with);
        proof.named = turned.first().cloned();
        let start = clock::tick();
        while proof.repetitions.len() < REPETITIONS && proof.has_to_be_repeated() {
            if !proof.repetitions.is_empty() && clock::tick() - start > QUICK {
                break;
            }
            let without_fix = self.run_more(argv, patch, without_part, without)?;
            let with_fix = self.run_more(argv, patch, with_part, with)?;
            proof.repetitions.push(RepeatedRuns { without_fix, with_fix });
            let again = self.turned(patch, proof, with);
            turned.retain(|test| again.contains(test));
            proof.named = turned.first().cloned();
        }
        Ok(())
    }

    /// Returns the tests that the verdict names and that only the fix makes pass, in the latest runs.
    fn turned(&self, patch: &Patch<'_>, proof: &PatchProof, with: &str) -> Vec<String> {
        let seen = |result: Option<TestResult>, name: &str| result.map(|_| self.output(name));
        let on_base = seen(proof.on_base, files::BASE_TESTS).unwrap_or_default();
        let with_tests = seen(proof.with_tests, files::NEW_TESTS);
        let without = proof::without_fix(proof.split, on_base, with_tests);
        proof::named_tests(patch.named, &without, &self.output(with))
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
            WaitResult::Exited(status)
                if self.sandbox.is_some() && status.code().is_some_and(limits::has_ended) =>
            {
                TestResult::Limited
            }
            WaitResult::Exited(_) => TestResult::Failed,
            _ => TestResult::TooLate,
        })
    }
}

fn unwritten(error: std::io::Error) -> Error {
    Error::failed("write", files::TESTS, error)
}
