//! The proof of a fix, in sentences for its readers. Pure.

use crate::event::FixProof;
use crate::markdown::span;

/// Returns the sentences about a proof: what ran on what, and what it shows. `tip` is the commit that
/// the branch begins at.
pub fn sentences(proof: Option<&FixProof>, tip: &str) -> Vec<String> {
    let Some(proof) = proof else {
        return vec![
            "No test has run for it: the queue has no test command, or it could not be run."
                .to_owned(),
        ];
    };
    let mut all = Vec::new();
    all.push(match word(proof.with_patch.as_deref()) {
        SeenResult::Passed => "The tests pass with the fix.".to_owned(),
        SeenResult::Failed => "**The tests fail with the fix.**".to_owned(),
        SeenResult::Not(why) => format!("The tests were not seen with the fix: {why}."),
    });
    all.push(match word(proof.with_tests.as_deref()) {
        SeenResult::Failed => "The new tests alone, without the fix, fail: they show the fault.".to_owned(),
        SeenResult::Passed => "The new tests alone, without the fix, pass: they do not show the fault.".to_owned(),
        SeenResult::Not(_) if proof.with_tests.is_none() => {
            "Tests and fix share a file, or there are no new tests, so the tests alone were not run.".to_owned()
        }
        SeenResult::Not(why) => format!("The new tests alone were not seen: {why}."),
    });
    all.push(match word(proof.on_base.as_deref()) {
        SeenResult::Passed => "Before the change, the tests passed.".to_owned(),
        SeenResult::Failed => "Before the change, some tests failed already.".to_owned(),
        SeenResult::Not(why) => format!("The tests before the change were not seen: {why}."),
    });
    all.push(match &*proof.grade {
        "proven" => {
            "Together this proves that the change removes the fault that the tests describe."
                .to_owned()
        }
        "unproven" => "Together this proves nothing about the fault.".to_owned(),
        _ => "Together this leaves open whether the change removes the fault.".to_owned(),
    });
    let on = span(short(&proof.base));
    all.push(match proof.base == tip {
        true => format!("They ran on {on}, which this branch begins at."),
        false => format!(
            "They ran on {on}. This branch begins at {}, where the files of the change are the same.",
            span(short(tip))
        ),
    });
    all
}

/// The result of a run of tests.
enum SeenResult {
    Passed,
    Failed,
    /// The reason why there is none, as a clause.
    Not(&'static str),
}

fn word(result: Option<&str>) -> SeenResult {
    match result {
        Some("passed") => SeenResult::Passed,
        Some("failed") => SeenResult::Failed,
        Some("not_started") => SeenResult::Not("they could not be started"),
        Some("not_applied") => SeenResult::Not("the change did not apply"),
        Some("too_late") => SeenResult::Not("they did not end in time"),
        Some("stopped") => SeenResult::Not("they were stopped"),
        None => SeenResult::Not("they were not run"),
        Some(_) => SeenResult::Not("their result is not known"),
    }
}

/// Returns the beginning of a commit's name, as GitHub shows it.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Results<'a> = [Option<&'a str>; 3];

    fn proof(grade: &str, results: Results<'_>) -> FixProof {
        let [on_base, with_tests, with_patch] = results.map(|one| one.map(str::to_owned));
        FixProof {
            base: "0123456789abcdef".into(),
            grade: grade.into(),
            detail: "d".into(),
            on_base,
            with_tests,
            with_patch,
        }
    }

    #[test]
    fn each_combination_has_its_words() {
        let (pass, fail) = (Some("passed"), Some("failed"));
        // (grade, results, parts in their order)
        let rows: [(&str, Results<'_>, [&str; 4]); 9] = [
            (
                "proven",
                [pass, fail, pass],
                ["pass with the fix", "fail: they show", "passed", "this proves that"],
            ),
            (
                "proven",
                [fail, fail, pass],
                ["pass with the fix", "fail: they show", "failed already", "this proves that"],
            ),
            (
                "unproven",
                [pass, pass, pass],
                ["pass with", "do not show the fault", "passed", "proves nothing"],
            ),
            (
                "unproven",
                [pass, fail, fail],
                ["**The tests fail with the fix.**", "fail", "passed", "proves nothing"],
            ),
            ("unknown", [pass, None, pass], ["pass with", "share a file", "passed", "leaves open"]),
            (
                "unknown",
                [Some("stopped"), Some("not_started"), None],
                ["were not run", "could not be started", "were stopped", "leaves open"],
            ),
            (
                "unknown",
                [Some("too_late"), Some("not_applied"), Some("limited")],
                ["result is not known", "did not apply", "did not end in time", "leaves open"],
            ),
            (
                "unknown",
                [Some("not_applied"), Some("stopped"), Some("not_started")],
                [
                    "could not be started",
                    "alone were not seen: they were stopped",
                    "did not apply",
                    "leaves open",
                ],
            ),
            (
                "unknown",
                [None, Some("too_late"), Some("not_applied")],
                ["did not apply", "did not end in time", "were not run", "leaves open"],
            ),
        ];
        for (grade, results, parts) in rows {
            let found = sentences(Some(&proof(grade, results)), "0123456789abcdef");
            assert_eq!(found.len(), 5, "{found:?}");
            for (sentence, part) in found.iter().zip(parts) {
                assert!(sentence.contains(part), "{part}: {found:?}");
            }
            assert!(found[4].ends_with("They ran on `0123456789ab`, which this branch begins at."));
        }
        let moved = sentences(Some(&proof("proven", [pass, fail, pass])), "fedcba9876543210");
        assert!(moved[4].contains("begins at `fedcba987654`, where the files"), "{moved:?}");
        assert!(sentences(None, "a")[0].starts_with("No test has run"));
    }
}
