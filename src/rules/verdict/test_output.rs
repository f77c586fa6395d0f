//! Results of single tests, read from the output of a test run.
//!
//! The output is external text, and only a list of known forms is read: a test that is not found in
//! it has no known result.

use std::collections::BTreeMap;

/// Most results that are kept of one run.
const RESULTS_MAX: usize = 100_000;
/// Shortest word by which a verdict names a test.
const NAME_MIN: usize = 4;

/// Directive of TAP for a test that may fail.
const UNDONE: &str = concat!("to", "do");

/// Separators between the parts of a test's name.
const SEPARATORS: [&str; 5] = ["::", ".", "/", " > ", " "];

/// The words of runners when tests could not be loaded: compilers, loaders, collectors.
const UNLOADED: [&str; 12] = [
    "error[E",
    "error: could not compile",
    "ImportError: Failed to import test module",
    "ERROR collecting ",
    "[build failed]",
    "[setup failed]",
    "Test suite failed to run",
    "COMPILATION ERROR",
    "Compilation failed; see the compiler",
    "ERR_MODULE_NOT_FOUND",
    "Error: Cannot find module",
    "error TS",
];
/// Endings of names that are files: `node --test` reports a file that it could not load as a test.
const FILES: [&str; 6] = [".js", ".mjs", ".cjs", ".ts", ".mts", ".py"];

/// Whether a run has failed, by its output, without running any of the tests that failed: they could not
/// be loaded.
pub fn has_loaded_nothing(output: &str) -> bool {
    let is_test = |name: &str| !FILES.iter().any(|end| name.ends_with(end));
    output.lines().any(|line| UNLOADED.iter().any(|mark| line.contains(mark)))
        && !results(output).iter().any(|(name, passed)| !passed && is_test(name))
}

/// Whether each test passed, by its name.
pub type Results = BTreeMap<String, bool>;

/// Words after which, or before which, a name stands.
const ENDS: [(&str, bool); 8] = [
    (" ... ok", true),
    (" ... FAILED", false),
    (" ... FAIL", false),
    (" ... ERROR", false),
    (" PASSED", true),
    (" FAILED", false),
    (" ERROR", false),
    (" passed", true),
];
const STARTS: [(&str, bool); 13] = [
    ("--- PASS: ", true),
    ("--- FAIL: ", false),
    ("PASSED ", true),
    ("FAILED ", false),
    ("ERROR: ", false),
    ("FAIL: ", false),
    ("not ok ", false),
    ("ok ", true),
    ("✔ ", true),
    ("✓ ", true),
    ("✖ ", false),
    ("✕ ", false),
    ("✗ ", false),
];

/// Reads the results of `cargo test`, `pytest`, `unittest -v`, `go test -v`, TAP, `node --test`, Jest,
/// Mocha and Gradle. A test that failed once has failed.
pub fn results(output: &str) -> Results {
    let mut all = Results::new();
    for line in output.lines() {
        let Some((name, passed)) = result(line.trim()) else { continue };
        if all.len() < RESULTS_MAX && !name.is_empty() {
            *all.entry(name).or_insert(true) &= passed;
        }
    }
    all
}

fn result(line: &str) -> Option<(String, bool)> {
    // The place of a module that `unittest` could not load.
    if line.contains("unittest.loader._FailedTest") {
        return None;
    }
    // The progress that pytest appends.
    let line = match line.rsplit_once(" [") {
        Some((rest, tail)) if tail.ends_with("%]") => rest.trim_end(),
        _ => line,
    };
    if let Some((name, passed)) =
        ENDS.iter().find_map(|(end, passed)| Some((line.strip_suffix(end)?, *passed)))
    {
        return Some((bare(name.strip_prefix("test ").unwrap_or(name)), passed));
    }
    let (name, passed) =
        STARTS.iter().find_map(|(start, passed)| Some((line.strip_prefix(start)?, *passed)))?;
    // TAP: the number of a test, and tests that were left out.
    let directive = name.rsplit_once("# ").map_or(String::new(), |(_, end)| end.to_lowercase());
    if directive.starts_with("skip") || directive.starts_with(UNDONE) {
        return None;
    }
    let number = name.split(' ').next().unwrap_or_default();
    let name = match number.parse::<u64>() {
        Ok(_) => name[number.len()..].trim_start().trim_start_matches("- "),
        Err(_) => name,
    };
    // The reason that pytest appends.
    Some((bare(name.split(" - ").next().unwrap_or(name)), passed))
}

/// Returns a name without the time in brackets, and without the class of `unittest`, which repeats
/// it.
fn bare(name: &str) -> String {
    let name = name.trim();
    match name.rsplit_once(" (") {
        Some((rest, _)) if name.ends_with(')') => rest.trim().to_owned(),
        _ => name.to_owned(),
    }
}

/// Returns the tests that a verdict names, that fail in one of the runs without the fix, and that
/// pass with it.
pub fn turned(named: &[String], without: &[Results], with: &Results) -> Vec<String> {
    let failed = without.iter().flatten().filter(|(_, passed)| !**passed).map(|(test, _)| test);
    failed
        .filter(|test| with.get(*test) == Some(&true))
        .filter(|test| named.iter().any(|name| names(name, test)))
        .cloned()
        .collect()
}

/// Whether a verdict's words name a test: the whole name, or its last parts.
fn names(words: &str, test: &str) -> bool {
    let is_it = |word: &str| {
        let word = word.trim_matches(|c: char| "`'\"(),;:".contains(c));
        let is_part = |whole: &str, part: &str| {
            let rest = whole.strip_suffix(part);
            part.len() >= NAME_MIN
                && rest.is_some_and(|rest| {
                    rest.is_empty() || SEPARATORS.iter().any(|end| rest.ends_with(end))
                })
        };
        is_part(test, word) || is_part(word, test)
    };
    is_it(words.trim()) || words.split_whitespace().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_could_not_be_loaded_are_told_from_those_that_failed() {
        let rows = [
            (
                "cargo",
                "error[E0425]: cannot find function `absent`\nerror: could not compile `a`",
                true,
            ),
            ("cargo, failed", "test tests::absent ... FAILED", false),
            (
                "unittest",
                "test_a (unittest.loader._FailedTest.test_a) ... ERROR\n\
                 ERROR: test_a (unittest.loader._FailedTest.test_a)\n\
                 ImportError: Failed to import test module: test_a",
                true,
            ),
            (
                "unittest, and another test that failed",
                "ERROR: test_a (unittest.loader._FailedTest.test_a)\n\
                 ImportError: Failed to import test module: test_a\nFAIL: test_b (test_b.B.test_b)",
                false,
            ),
            (
                "unittest, an error in a test",
                "ERROR: test_b (test_b.B.test_b)\nImportError: x",
                false,
            ),
            ("pytest", "____ ERROR collecting tests/test_a.py ____\nERROR tests/test_a.py", true),
            ("go", "./a_test.go:5:2: undefined: absent\nFAIL\texample.org/a [build failed]", true),
            ("go, failed", "--- FAIL: TestAbsent (0.00s)", false),
            (
                "node --test",
                "Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'x'\n✖ tests/a.test.mjs (45.1ms)",
                true,
            ),
            ("jest", "FAIL tests/a.test.js\n  ● Test suite failed to run", true),
            ("maven", "[ERROR] COMPILATION ERROR : ", true),
            ("gradle", "> Compilation failed; see the compiler output below.", true),
            ("tsc", "a.test.ts(3,5): error TS2339: Property 'x' does not exist", true),
            ("a script of one's own", "wrong", false),
        ];
        for (row, output, expected) in rows {
            assert_eq!(has_loaded_nothing(output), expected, "{row}");
        }
    }

    #[test]
    fn results_are_read_from_the_output_of_each_runner() {
        let rows = [
            ("cargo", "test order::tests::absent ... ok", Some(("order::tests::absent", true))),
            ("cargo, failed", "test tests::absent ... FAILED", Some(("tests::absent", false))),
            ("cargo, ignored", "test tests::absent ... ignored", None),
            (
                "pytest -v",
                "t/test_a.py::test_b PASSED      [ 50%]",
                Some(("t/test_a.py::test_b", true)),
            ),
            (
                "pytest, summary",
                "FAILED test_a.py::test_b - KeyError: 'x'",
                Some(("test_a.py::test_b", false)),
            ),
            ("unittest -v", "test_b (test_a.T.test_b) ... ok", Some(("test_b", true))),
            ("unittest, summary", "ERROR: test_b (test_a.T.test_b)", Some(("test_b", false))),
            ("go", "    --- FAIL: TestTotal/absent (0.00s)", Some(("TestTotal/absent", false))),
            ("go, passed", "--- PASS: TestTotal (0.00s)", Some(("TestTotal", true))),
            ("go, package", "ok  \tacme/orders\t0.003s", Some(("acme/orders\t0.003s", true))),
            ("TAP", "not ok 3 - absent amount", Some(("absent amount", false))),
            ("TAP, skipped", "ok 3 - absent amount # SKIP", None),
            ("node", "✔ absent amount (0.7ms)", Some(("absent amount", true))),
            ("Jest", "✕ absent amount (3 ms)", Some(("absent amount", false))),
            ("Gradle", "OrderTest > absent() PASSED", Some(("OrderTest > absent()", true))),
            ("other text", "all is well", None),
            ("nothing", "", None),
        ];
        for (row, line, expected) in rows {
            let found = results(line);
            let found = found.first_key_value().map(|(name, passed)| (name.as_str(), *passed));
            assert_eq!(found, expected, "{row}");
        }
        let twice = results("test a_b ... ok\ntest a_b ... FAILED\ntest a_b ... ok\n");
        assert_eq!(twice.get("a_b"), Some(&false), "what failed once has failed");
    }

    #[test]
    fn named_test_has_to_fail_without_the_fix_and_to_pass_with_it() {
        let old = "test order::tests::absent ... FAILED\ntest order::tests::other ... ok\n\
                   test order::tests::gone ... FAILED\n";
        let new = "test order::tests::absent ... ok\ntest order::tests::other ... ok\n";
        let rows = [
            ("its whole name", "order::tests::absent", true),
            ("its last part", "absent", true),
            ("in a command", "cargo test order::tests::absent", true),
            ("with its package", "orders::order::tests::absent", true),
            ("in quotes", "`tests::absent`", true),
            ("a part of a word", "sent", false),
            ("too short a word", "ent", false),
            ("one that passes without the fix", "order::tests::other", false),
            ("one that is gone with the fix", "order::tests::gone", false),
            ("one that is unknown", "order::tests::new", false),
            ("nothing", "", false),
        ];
        for (row, name, is_turned) in rows {
            let found = turned(&[name.to_owned()], &[results(old)], &results(new));
            let expected: &[&str] = if is_turned { &["order::tests::absent"] } else { &[] };
            assert_eq!(found, expected, "{row}");
        }
        assert!(turned(&["absent".into()], &[results(new)], &results(new)).is_empty());
        let later = [Results::new(), results(old)];
        assert!(!turned(&["absent".into()], &later, &results(new)).is_empty());
    }
}
