//! Grades by the runs of the tests, and parts of a patch.

use super::*;

use PatchSplit::{Apart, NoTests, Shared, TestsOnly};
use ProofGrade::{Proven, Unknown, Unproven};
use TestResult::{Failed, Limited, NotApplied, NotStarted, Passed, Stopped, TooLate};

fn proof(
    split: PatchSplit,
    on_base: Option<TestResult>,
    with_tests: Option<TestResult>,
    with_patch: TestResult,
) -> PatchProof {
    let (command, base) = ("pytest".to_owned(), "c".repeat(40));
    PatchProof {
        command,
        base,
        split,
        on_base,
        with_tests,
        new_tests: NewTests::Named,
        with_patch,
        runner_files: Vec::new(),
        with_old_runner: None,
        named: None,
        repetitions: vec![RepeatedRuns { without_fix: Some(Failed), with_fix: Some(Passed) }],
    }
}

#[test]
fn patch_of_what_runs_the_tests_proves_nothing_by_it() {
    let with = |result| PatchProof {
        runner_files: vec!["run.sh".into()],
        with_old_runner: result,
        ..proof(Apart, Some(Passed), Some(Failed), Passed)
    };
    let rows = [
        (Some(Passed), Proven, "the new tests fail"),
        (Some(Failed), Unproven, "pass only with the patch's own 'run.sh'"),
        (Some(TooLate), Unknown, "on the patch with 'run.sh' of the base"),
        (None, Unknown, "were not run on the patch with"),
    ];
    for (result, grade, why) in rows {
        let judged = with(result).judge();
        assert!(judged.grade == grade && judged.why.contains(why), "{result:?}: {judged:?}");
        let named = PatchProof { named: Some("a".into()), ..with(result) };
        assert_eq!(named.judge().grade, grade, "{result:?}, with a named test");
    }
    let file = |path: &str| PatchFile { path: path.into(), texts: String::new() };
    let paths = ["a.py", "run.sh", "tests/run.sh", "Makefile", "web/package.json"];
    let argv = ["sh", "./run.sh", "tests/run.sh"].map(str::to_owned);
    let found = runner_files(&paths.map(file), &TestFiles::default(), &argv);
    assert_eq!(found, ["run.sh", "Makefile", "web/package.json"]);
}

#[test]
fn runs_of_the_tests_grade_a_fix() {
    const ALREADY: &str = "the tests fail on the base already";
    let green = Some(Passed);
    let red = Some(Failed);
    let rows = [
        ("a proof", proof(Apart, green, red, Passed), Proven, "the new tests fail on the base and"),
        ("tests that pass without", proof(Apart, green, green, Passed), Unproven, "pass without"),
        ("no test sees it", proof(NoTests, green, None, Passed), Unproven, "no test sees the fix"),
        ("one file for both", proof(Shared, green, None, Passed), Unproven, "share a file"),
        ("tests alone", proof(TestsOnly, green, None, Passed), Unproven, "changes tests alone"),
        ("tests alone, red", proof(TestsOnly, red, None, Passed), Unproven, "changes tests alone"),
        ("fails", proof(Apart, green, None, Failed), Unproven, "did not pass with the patch"),
        ("fails, red", proof(Apart, red, None, Failed), Unproven, ALREADY),
        ("red", proof(Apart, red, red, Passed), Unproven, ALREADY),
        ("red, no tests", proof(NoTests, red, None, Passed), Unproven, ALREADY),
        ("red, shared", proof(Shared, red, None, Passed), Unproven, ALREADY),
        ("late", proof(Apart, None, None, TooLate), Unknown, "did not finish by the deadline with"),
        (
            "limited",
            proof(Apart, green, Some(Limited), Passed),
            Unknown,
            "by a limit of the sandbox on",
        ),
        ("not started", proof(NoTests, None, None, NotStarted), Unknown, "could not be started"),
        (
            "stopped",
            proof(Apart, green, Some(Stopped), Passed),
            Unknown,
            "on the base with the new",
        ),
        ("late tests", proof(Apart, green, Some(TooLate), Passed), Unknown, "by the deadline on"),
        (
            "not applied",
            proof(Apart, None, None, NotApplied),
            Unproven,
            "does not apply to the base",
        ),
        ("late base", proof(Apart, Some(TooLate), red, Passed), Unknown, "on the base"),
        ("base not run", proof(Apart, None, red, Passed), Unknown, "were not run on the base"),
        ("base not run, no tests", proof(NoTests, None, None, Passed), Unknown, "not run"),
        ("tests not run", proof(Apart, green, None, Passed), Unknown, "were not run"),
    ];
    for (row, proof, grade, why) in rows {
        let judged = proof.judge();
        assert_eq!(judged.grade, grade, "{row}: {judged:?}");
        assert!(judged.why.contains(why), "{row}: {judged:?}");
        let says_red = judged.why.matches(ALREADY).count();
        assert_eq!(says_red, usize::from(proof.is_base_red()), "{row}: {judged:?}");
        // A named test proves what the others do not, when all pass with a patch of code.
        let named = PatchProof { named: Some("tests::absent".into()), ..proof.clone() };
        let is_code = proof.split != TestsOnly && proof.with_patch == Passed;
        let expected = if is_code { Proven } else { grade };
        assert_eq!(named.judge().grade, expected, "{row}, with a named test");
        let record = proof.record();
        assert_eq!(record.grade, grade.as_str());
        assert_eq!(record.on_base.is_none(), proof.on_base.is_none());
    }
}

#[test]
fn new_tests_that_never_ran_on_the_base_prove_nothing() {
    let with = |new_tests, on_base| PatchProof {
        new_tests,
        ..proof(Apart, Some(on_base), Some(Failed), Passed)
    };
    let rows = [
        (NewTests::Named, Passed, Proven, "pass with the patch"),
        (NewTests::Unread, Passed, Proven, "; their output names no test that failed"),
        (NewTests::Unloaded, Passed, Unknown, "could not be loaded on the base"),
        (NewTests::Unloaded, Failed, Unproven, "the tests fail on the base already"),
    ];
    for (new_tests, on_base, grade, why) in rows {
        let judged = with(new_tests, on_base).judge();
        assert!(judged.grade == grade && judged.why.contains(why), "{new_tests:?}: {judged:?}");
    }
    let named = PatchProof { named: Some("tests::b".into()), ..with(NewTests::Unloaded, Passed) };
    assert_eq!(named.judge().grade, Proven, "another test of the run alone");
    let rows = [
        ("error: could not compile `a`", NewTests::Unloaded),
        ("test tests::a ... FAILED", NewTests::Named),
        ("test tests::a ... ok", NewTests::Unread),
        ("", NewTests::Unread),
    ];
    for (output, expected) in rows {
        assert_eq!(new_tests(output), expected, "{output}");
    }
}

#[test]
fn name_of_a_test_is_short_and_safe_to_show() {
    let name = format!("tests::{}\u{1b}[2J", "x".repeat(5000));
    let (old, new) = (format!("test {name} ... FAILED\n"), format!("test {name} ... ok\n"));
    let found = named_tests(std::slice::from_ref(&name), &[old], &new).remove(0);
    let proof = PatchProof { named: Some(found), ..proof(NoTests, None, None, Passed) };
    let why = proof.judge().why;
    assert!(why.contains("tests::x") && !why.contains('\u{1b}') && why.len() < 1000, "{why}");
}

#[test]
fn patch_is_split_by_its_files() {
    let file = |path: &str, texts: &str| PatchFile { path: path.into(), texts: texts.into() };
    let (code, test) = (file("a.py", "def a(): pass\n"), file("test_a.py", ""));
    let rust = file("src/lib.rs", "#[cfg(test)]\nmod tests {}\n");
    let rows = [
        ("apart", vec![code.clone(), test.clone()], Apart),
        ("apart, and shared", vec![rust.clone(), file("tests/it.rs", "")], Apart),
        ("shared", vec![rust], Shared),
        ("no tests", vec![code], NoTests),
        ("tests alone", vec![test], TestsOnly),
        ("nothing", vec![], NoTests),
    ];
    for (row, files, expected) in rows {
        let (found, tests) = split(&files, &TestFiles::default());
        assert_eq!(found, expected, "{row}");
        assert_eq!(tests.is_empty(), matches!(expected, Shared | NoTests), "{row}: {tests:?}");
    }
}

/// A patch that weakens a test, beside a change of code.
#[test]
fn test_of_a_patch_has_to_fail_with_the_tests_alone() {
    let named = ["tests::red".to_owned()];
    let (red, green) = ("test tests::red ... FAILED\n", "test tests::red ... ok\n");
    let rows = [
        ("weakened", Apart, red, Some(green), false),
        ("new, and seen by the fix alone", Apart, green, Some(red), true),
        ("not run with the tests alone", Apart, red, None, false),
        ("of the base, which the fix turns", NoTests, red, None, true),
        ("in a file with the fix", Shared, red, None, true),
    ];
    for (row, split, base, with_tests, is_named) in rows {
        let without = without_fix(split, base.to_owned(), with_tests.map(str::to_owned));
        assert_eq!(!named_tests(&named, &without, green).is_empty(), is_named, "{row}");
    }
}

/// A test that fails in half of its runs proves a patch of a comment in a quarter of all proofs.
#[test]
fn test_that_fails_by_chance_proves_nothing() {
    let again = |without_fix, with_fix| RepeatedRuns { without_fix, with_fix };
    let (red, green, late) = (Some(Failed), Some(Passed), Some(TooLate));
    let rows = [
        ("once more", vec![again(red, green)], Proven, "the new tests fail on the base", true),
        ("twice more", vec![again(red, green); 2], Proven, "the new tests fail on the base", true),
        ("not yet", vec![], Unknown, "the tests were not run a second time", true),
        ("green without", vec![again(green, green)], Unproven, "fail by chance", false),
        ("red with", vec![again(red, red)], Unproven, "fail by chance", false),
        ("later", vec![again(red, green), again(green, green)], Unproven, "fail by chance", false),
        ("late", vec![again(red, late)], Unknown, "did not finish by the deadline a", false),
        ("no time", vec![again(None, None)], Unknown, "the tests were not run a second", false),
        (
            "no time for the third",
            vec![again(red, green), again(red, None)],
            Proven,
            "the new tests",
            false,
        ),
    ];
    for (row, repetitions, grade, why, goes_on) in rows {
        let proof = PatchProof { repetitions, ..proof(Apart, green, red, Passed) };
        let judged = proof.judge();
        assert_eq!(judged.grade, grade, "{row}: {judged:?}");
        assert!(judged.why.contains(why), "{row}: {judged:?}");
        assert_eq!(proof.has_to_be_repeated(), goes_on, "{row}");
        let named = PatchProof { named: Some("a".into()), ..proof.clone() };
        assert_eq!(named.judge().grade, grade, "{row}, named");
        let lost = PatchProof { on_base: red, split: Shared, with_tests: None, ..proof };
        assert_ne!(lost.judge().grade, Proven, "{row}, by a test that is not found again");
    }
}
