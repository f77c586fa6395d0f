//! Proof of a fix: what the tests say of the base, of the base with the new tests alone, and of the
//! base with the whole patch.
//!
//! Promises: only results that were seen prove something; a run that did not end is unknown. A fix is
//! proven when a test fails without it and passes with it, each time that both are run.

use super::test_files::{TestFiles, decides_run, holds_tests};
use super::test_output::{self, Results};
use crate::event::{FixProof, words};
use crate::text::{safe, shorten};

/// Longest name of a test in a reason, in characters: what the tests print is external.
const NAME_MAX: usize = 200;

words! {
    /// Result of a run of the tests.
    TestResult {
        Passed = "passed",
        Failed = "failed",
        /// The command could not be started.
        NotStarted = "not_started",
        /// The patch cannot be applied to the commit.
        NotApplied = "not_applied",
        /// The session's deadline ended the run.
        TooLate = "too_late",
        /// A limit of the sandbox ended the run.
        Limited = "limited",
        /// A stop of the session was requested.
        Stopped = "stopped",
    }
}

words! {
    /// Grade of a fix, by the runs of its tests.
    ProofGrade {
        /// A test fails without the fix and passes with it.
        Proven = "proven",
        /// All that is needed was seen, and it proves nothing.
        Unproven = "unproven",
        /// A run did not end, or could not be made.
        Unknown = "unknown",
    }
}

/// Relation of the tests in a patch to its fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchSplit {
    /// Tests and fix are in different files.
    Apart,
    /// Some file has both, so that no run can have the new tests alone.
    Shared,
    /// The patch changes no test.
    NoTests,
    /// The patch changes tests alone.
    TestsOnly,
}

/// Repetition of the runs without the fix and with it; none: not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedRuns {
    pub without_fix: Option<TestResult>,
    pub with_fix: Option<TestResult>,
}

/// The words about the new tests in the output of the run with them alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NewTests {
    /// A test that failed there has a name.
    Named,
    /// Tests that could not be loaded without the fix, so that none of them ran.
    Unloaded,
    /// An output of no known form.
    #[default]
    Unread,
}

/// Returns what the output of a failed run says of its tests.
pub fn new_tests(output: &str) -> NewTests {
    match test_output::has_loaded_nothing(output) {
        true => NewTests::Unloaded,
        false if test_output::results(output).values().any(|passed| !passed) => NewTests::Named,
        false => NewTests::Unread,
    }
}

/// Runs of the tests for one patch on one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchProof {
    /// Command, for display.
    pub command: String,
    /// The commit.
    pub base: String,
    pub split: PatchSplit,
    /// Result without the patch; none: not run.
    pub on_base: Option<TestResult>,
    /// Result with the new tests and without the fix; none: not run.
    pub with_tests: Option<TestResult>,
    /// The words of that run about the new tests.
    pub new_tests: NewTests,
    pub with_patch: TestResult,
    /// Files of the patch that decide how the tests run, and are no tests.
    pub runner_files: Vec<String>,
    /// Result with the patch and these files as the base has them; none: not run.
    pub with_old_runner: Option<TestResult>,
    /// Test that the verdict names, that fails without the fix and passes with it, each time.
    pub named: Option<String>,
    /// Repetitions of the two runs that decide, when the first of them prove the fix.
    pub repetitions: Vec<RepeatedRuns>,
}

/// File that a patch changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchFile {
    pub path: String,
    /// Text on the base, and with the patch.
    pub texts: String,
}

/// Returns how a patch can be split, and the paths of its tests.
pub fn split(files: &[PatchFile], rules: &TestFiles) -> (PatchSplit, Vec<String>) {
    let (tests, code): (Vec<_>, Vec<_>) = files.iter().partition(|file| rules.is_test(&file.path));
    let is_shared = code.iter().any(|file| holds_tests(&file.path, &file.texts));
    let split = match (tests.is_empty(), code.is_empty()) {
        (false, false) => PatchSplit::Apart,
        (false, true) => PatchSplit::TestsOnly,
        (true, _) if is_shared => PatchSplit::Shared,
        (true, _) => PatchSplit::NoTests,
    };
    (split, tests.into_iter().map(|file| file.path.clone()).collect())
}

/// Returns the files of a patch that decide how its tests run: those that the command names, and those
/// that its programs read.
pub fn runner_files(files: &[PatchFile], rules: &TestFiles, argv: &[String]) -> Vec<String> {
    let decides = |path: &str| !rules.is_test(path) && decides_run(path, argv);
    files.iter().map(|file| &file.path).filter(|path| decides(path)).cloned().collect()
}

/// Returns the outputs of the runs in which a test has to fail without the fix. Where the tests of a
/// patch can be run alone, only that run shows what they say without the fix: the patch may have
/// weakened a test that the base has.
pub fn without_fix(split: PatchSplit, on_base: String, with_tests: Option<String>) -> Vec<String> {
    match split {
        PatchSplit::Apart => with_tests.into_iter().collect(),
        PatchSplit::Shared | PatchSplit::NoTests | PatchSplit::TestsOnly => vec![on_base],
    }
}

/// Returns the tests that a verdict names and that only the fix makes pass, from the outputs of the
/// runs without the fix and of that with it.
pub fn named_tests(named: &[String], without: &[String], with: &str) -> Vec<String> {
    let without: Vec<Results> = without.iter().map(|output| test_output::results(output)).collect();
    test_output::turned(named, &without, &test_output::results(with))
}

/// The judgement of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofJudgement {
    pub grade: ProofGrade,
    /// The reason, as a clause.
    pub why: String,
}

impl TestResult {
    /// Returns the words after `the tests`.
    pub fn sentence(self) -> &'static str {
        match self {
            TestResult::Passed => "passed",
            TestResult::Failed => "did not pass",
            TestResult::NotStarted => "could not be started",
            TestResult::NotApplied => "were not run: the patch does not apply",
            TestResult::TooLate => "did not finish by the deadline",
            TestResult::Limited => "were ended by a limit of the sandbox",
            TestResult::Stopped => "were stopped on request",
        }
    }

    /// Whether the tests ran to their end.
    fn is_known(self) -> bool {
        matches!(self, TestResult::Passed | TestResult::Failed)
    }
}

impl RepeatedRuns {
    /// Whether both runs ended.
    fn is_known(self) -> bool {
        let is_known = |result: Option<TestResult>| result.is_some_and(TestResult::is_known);
        is_known(self.without_fix) && is_known(self.with_fix)
    }

    /// Whether the tests failed without the fix and passed with it once more.
    fn is_alike(self) -> bool {
        (self.without_fix, self.with_fix) == (Some(TestResult::Failed), Some(TestResult::Passed))
    }
}

impl PatchProof {
    /// Whether the tests fail without any change.
    pub fn is_base_red(&self) -> bool {
        self.on_base == Some(TestResult::Failed)
    }

    /// Judges the runs.
    pub fn judge(&self) -> ProofJudgement {
        let (grade, why) = self.grade();
        let also = match self.is_base_red() && !why.contains("on the base already") {
            true => "; the tests fail on the base already",
            false => "",
        };
        ProofJudgement { grade, why: format!("{why}{also}") }
    }

    /// Whether the two runs that decide prove the fix so far, and have to be repeated: a test that
    /// fails by chance would do so, too.
    pub fn has_to_be_repeated(&self) -> bool {
        self.grade_of_first().0 == ProofGrade::Proven
            && self.repetitions.iter().all(|one| one.is_alike())
    }

    fn grade(&self) -> (ProofGrade, String) {
        let first = self.grade_of_first();
        // A named test that fails by chance is no longer named here.
        let differs = self.repetitions.iter().any(|one| one.is_known() && !one.is_alike());
        match (differs, self.repetitions.first()) {
            (true, _) => {
                let why = "the tests fail by chance: run again, they said something else";
                (ProofGrade::Unproven, why.to_owned())
            }
            (false, Some(one)) if one.is_alike() => first,
            (false, _) if first.0 != ProofGrade::Proven => first,
            (false, one) => {
                let results = one.map(|one| [one.without_fix, one.with_fix]);
                let open = |result: &Option<TestResult>| !result.is_some_and(TestResult::is_known);
                let open = results.and_then(|both| both.into_iter().find(open)).flatten();
                let how = open.map_or("were not run", TestResult::sentence);
                (ProofGrade::Unknown, format!("the tests {how} a second time, which a proof needs"))
            }
        }
    }

    /// Returns the grade of a patch that decides itself how its tests run, unless they pass without that.
    fn grade_of_runner(&self) -> Option<(ProofGrade, String)> {
        let file = shorten(&safe(self.runner_files.first()?), NAME_MAX).into_owned();
        match self.with_old_runner {
            Some(TestResult::Passed) => None,
            Some(TestResult::Failed) => {
                let why = format!(
                    "the tests pass only with the patch's own '{file}', which decides how they run"
                );
                Some((ProofGrade::Unproven, why))
            }
            other => {
                let of = format!("the patch with '{file}' of the base");
                Some((ProofGrade::Unknown, unknown(&of, other)))
            }
        }
    }

    fn grade_of_first(&self) -> (ProofGrade, String) {
        use ProofGrade::{Proven, Unknown, Unproven};
        let how = self.with_patch.sentence();
        if self.with_patch == TestResult::Failed {
            return (Unproven, format!("the tests {how} with the patch"));
        }
        if self.with_patch == TestResult::NotApplied {
            return (Unproven, "the patch does not apply to the base".to_owned());
        }
        if !self.with_patch.is_known() {
            return (Unknown, format!("the tests {how} with the patch"));
        }
        if self.split == PatchSplit::TestsOnly {
            return (Unproven, "the patch changes tests alone".to_owned());
        }
        if let Some(grade) = self.grade_of_runner() {
            return grade;
        }
        let (green, red) = (Some(TestResult::Passed), Some(TestResult::Failed));
        let has_turned =
            (self.split, self.on_base, self.with_tests) == (PatchSplit::Apart, green, red);
        if has_turned && self.new_tests != NewTests::Unloaded {
            let unread = match self.new_tests {
                NewTests::Unread => "; their output names no test that failed",
                _ => "",
            };
            let why = format!("the new tests fail on the base and pass with the patch{unread}");
            return (Proven, why);
        }
        if let Some(test) = &self.named {
            let test = shorten(&safe(test), NAME_MAX).into_owned();
            return (Proven, format!("the test '{test}' fails without the fix and passes with it"));
        }
        if has_turned {
            let why =
                "the new tests could not be loaded on the base, so that none of them ran there";
            return (Unknown, why.to_owned());
        }
        match self.on_base.filter(|result| result.is_known()) {
            None => return (Unknown, unknown("the base", self.on_base)),
            Some(TestResult::Failed) => {
                let why = "the tests fail on the base already, and of no test that the verdict names \
                           it is known that it fails without the fix and passes with it";
                return (Unproven, why.to_owned());
            }
            Some(_) => {}
        }
        match (self.split, self.with_tests) {
            (PatchSplit::Apart, Some(TestResult::Passed)) => {
                (Unproven, "the new tests pass without the fix, too".to_owned())
            }
            (PatchSplit::Apart, other) => (Unknown, unknown("the base with the new tests", other)),
            (PatchSplit::Shared, _) => {
                let why = "tests and fix share a file, so the new tests alone cannot be run, and of no \
                           test that the verdict names it is known that it fails without the fix and \
                           passes with it";
                (Unproven, why.to_owned())
            }
            (PatchSplit::NoTests | PatchSplit::TestsOnly, _) => {
                (Unproven, "no test sees the fix: the tests pass without it, too".to_owned())
            }
        }
    }

    /// Returns the form for events and records.
    pub fn record(&self) -> FixProof {
        let ProofJudgement { grade, why } = self.judge();
        let word = |result: Option<TestResult>| result.map(|result| result.to_string());
        FixProof {
            base: self.base.clone(),
            grade: grade.to_string(),
            detail: why,
            on_base: word(self.on_base),
            with_tests: word(self.with_tests),
            with_patch: word(Some(self.with_patch)),
        }
    }
}

/// Returns why the result of a run is unknown.
fn unknown(of: &str, result: Option<TestResult>) -> String {
    let how = result.map_or("were not run", TestResult::sentence);
    format!("the tests {how} on {of}")
}

#[cfg(test)]
mod tests;
