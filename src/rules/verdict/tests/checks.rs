use std::collections::BTreeSet;

use super::*;

fn found(status: VerdictStatus, ids: &[&str], redrive: RedriveAdvice) -> ModelVerdict {
    let claim = |id: &&str| Claim { id: (*id).to_owned(), claim: "c".into() };
    let evidence = ids.iter().map(claim).collect();
    ModelVerdict { status, evidence, redrive, ..parse(&full()).unwrap() }
}

/// Returns the sources that exist in these tests.
fn resolved() -> BTreeSet<String> {
    ["m1", "f1", "src/orders.py:12", "src/orders.py:12-14", "4f2a91c"].map(str::to_owned).into()
}

#[test]
fn check_lowers_a_status_without_evidence() {
    use RedriveAdvice::{AfterFix, DoNot, Safe};
    use VerdictStatus::{Confirmed, Inconclusive, Likely, NotABug};
    let rows = [
        ("all exists", Confirmed, vec!["m1", "src/orders.py:12"], AfterFix, Confirmed, AfterFix),
        ("written otherwise", Confirmed, vec!["./src/orders.py:12-14"], Safe, Confirmed, Safe),
        ("a commit", Likely, vec!["4F2A91C"], Safe, Likely, Safe),
        ("one is missing", Confirmed, vec!["m1", "m9"], AfterFix, Likely, AfterFix),
        ("the same twice", Confirmed, vec!["m1", "m9", "m9"], AfterFix, Likely, AfterFix),
        ("one cites nothing", Confirmed, vec!["m1", ""], AfterFix, Likely, AfterFix),
        ("another line", Confirmed, vec!["m1", "src/orders.py:13"], Safe, Likely, Safe),
        ("two are missing", Confirmed, vec!["m1", "m8", "m9"], Safe, Inconclusive, DoNot),
        ("likely, one is missing", Likely, vec!["m1", "m9"], AfterFix, Inconclusive, AfterFix),
        ("none exists", Confirmed, vec!["m9"], Safe, Inconclusive, DoNot),
        ("nothing is cited", Confirmed, vec![], AfterFix, Inconclusive, AfterFix),
        ("likely on nothing", Likely, vec![], Safe, Inconclusive, DoNot),
        ("outside", Confirmed, vec!["/etc/passwd", "m1/../m1"], Safe, Inconclusive, DoNot),
        ("no bug", NotABug, vec!["f1"], Safe, NotABug, Safe),
        ("no bug, on nothing", NotABug, vec![], AfterFix, Inconclusive, DoNot),
        ("no bug, one is missing", NotABug, vec!["f1", "f9"], Safe, Inconclusive, DoNot),
        ("inconclusive", Inconclusive, vec!["f1", "f9"], Safe, Inconclusive, Safe),
        ("safe on nothing", Inconclusive, vec![], Safe, Inconclusive, DoNot),
    ];
    for (rule, status, ids, redrive, to, advice) in rows {
        let checked = check(found(status, &ids, redrive), &resolved(), &BTreeSet::new());
        assert_eq!((checked.verdict.status, checked.verdict.redrive), (to, advice), "{rule}");
        assert_eq!(checked.demoted, (status != to).then_some((status, to)), "{rule}");
        let said = |word: &str| checked.notes.iter().filter(|note| note.contains(word)).count();
        assert_eq!(said("the status was lowered"), usize::from(status != to), "{rule}");
        assert_eq!(said("redrive advice was lowered"), usize::from(redrive != advice), "{rule}");
        assert_eq!(said("that do not exist: ") == 1, !checked.unresolved.is_empty(), "{rule}");
        let again: VerdictCheck =
            serde_json::from_value(serde_json::to_value(&checked).unwrap()).unwrap();
        assert_eq!(again, checked, "{rule}: it is kept as a document");
    }
}

#[test]
fn check_lowers_a_status_without_a_root_cause() {
    let none = |status| ModelVerdict {
        root_cause: None,
        ..found(status, &["m1"], RedriveAdvice::AfterFix)
    };
    for (status, to) in [
        (VerdictStatus::Confirmed, VerdictStatus::Inconclusive),
        (VerdictStatus::Likely, VerdictStatus::Inconclusive),
        (VerdictStatus::NotABug, VerdictStatus::NotABug),
    ] {
        assert_eq!(
            check(none(status), &resolved(), &BTreeSet::new()).verdict.status,
            to,
            "{status}"
        );
    }
}

#[test]
fn citation_of_a_changed_file_is_not_missing_and_proves_nothing() {
    let changed = ["tests/test_orders.py".to_owned()].into();
    let rows = [
        (vec!["m1", "tests/test_orders.py:9"], VerdictStatus::Confirmed),
        (vec!["m1", "tests/test_orders.py"], VerdictStatus::Confirmed),
        (vec!["m1", "tests/other.py:9"], VerdictStatus::Likely),
        (vec!["tests/test_orders.py:9"], VerdictStatus::Inconclusive),
    ];
    for (ids, status) in rows {
        let said = found(VerdictStatus::Confirmed, &ids, RedriveAdvice::AfterFix);
        assert_eq!(check(said, &resolved(), &changed).verdict.status, status, "{ids:?}");
    }
}

#[test]
fn check_notes_name_the_change_and_its_reason() {
    let mut said = full();
    said["redrive"] = json!("yes");
    said["evidence"] = json!([{"id": "m1", "claim": "a"}, {"id": "x\u{1b}", "claim": "b"}]);
    let checked = check(parse(&said).unwrap(), &resolved(), &BTreeSet::new());
    assert_eq!(
        checked.notes,
        [
            r#"the redrive advice "yes" is unknown: taken as do_not"#,
            "citations that do not exist: 'x\\u{1b}'",
            "the status was lowered from confirmed to likely: one of its citations does not exist",
        ]
    );
    assert!(checked.verdict.notes.is_empty(), "the notes moved to the checked verdict");
    let short = Verdict::from(&checked);
    assert_eq!((short.status.as_str(), short.redrive.as_deref()), ("likely", Some("do_not")));
    assert_eq!((short.confidence, short.category.as_deref()), (Some(0.9), Some("code_error")));
}

#[test]
fn patch_facts_correct_a_claimed_fix() {
    let run = |with_patch| {
        let (command, base) = ("pytest -q".to_owned(), "c".repeat(40));
        let (on_base, with_tests) = (Some(TestResult::Passed), Some(TestResult::Failed));
        let split = PatchSplit::Apart;
        Some(PatchProof {
            command,
            base,
            split,
            on_base,
            with_tests,
            with_patch,
            runner_files: Vec::new(),
            new_tests: crate::rules::verdict::proof::NewTests::Named,
            with_old_runner: None,
            named: None,
            repetitions: vec![crate::rules::verdict::proof::RepeatedRuns {
                without_fix: Some(TestResult::Failed),
                with_fix: Some(TestResult::Passed),
            }],
        })
    };
    let red = PatchProof { on_base: Some(TestResult::Failed), ..run(TestResult::Passed).unwrap() };
    let named = PatchProof { named: Some("tests::absent".into()), ..red.clone() };
    let own = || vec!["src/orders.py"];
    let no_diff = "it claims a fix, but no file was changed";
    let not_changed = "it claims changes in files that were not changed: 'src/orders.py'";
    let not_named = "files were changed that it does not name: 'ci.yml'";
    let failed = "when this tool ran 'pytest -q', the tests did not pass with the patch";
    let late =
        "when this tool ran 'pytest -q', the tests did not finish by the deadline with the patch";
    let red_base = "when this tool ran 'pytest -q', the tests fail on the base already, and of no \
                    test that the verdict names it is known that it fails without the fix and passes \
                    with it";
    let red_named = "when this tool ran 'pytest -q', the test 'tests::absent' fails without the fix \
                     and passes with it; the tests fail on the base already";
    let no_run = "it names tests, but this tool has run none";
    let lowered = |why: &str| format!("the status was lowered from confirmed to likely: {why}");
    let bad = lowered("its fix is not proven");
    let unknown = lowered("whether its fix is proven is unknown");
    let none = lowered("this tool has run no tests on the patch");
    let nothing = lowered("its fix has changed no file");
    let rows = [
        ("as it says", own(), run(TestResult::Passed), VerdictStatus::Confirmed, vec![]),
        ("no difference", vec![], None, VerdictStatus::Likely, vec![no_diff, no_run, &nothing]),
        ("no tests", own(), None, VerdictStatus::Likely, vec![no_run, &none]),
        ("failed", own(), run(TestResult::Failed), VerdictStatus::Likely, vec![failed, &bad]),
        ("late", own(), run(TestResult::TooLate), VerdictStatus::Likely, vec![late, &unknown]),
        ("red base", own(), Some(red), VerdictStatus::Likely, vec![red_base, &bad]),
        ("red base, named", own(), Some(named), VerdictStatus::Confirmed, vec![red_named]),
        (
            "other files",
            vec!["ci.yml"],
            run(TestResult::Passed),
            VerdictStatus::Confirmed,
            vec![not_changed, not_named],
        ),
        (
            "more files",
            vec!["ci.yml", "src/orders.py"],
            run(TestResult::Passed),
            VerdictStatus::Confirmed,
            vec![not_named],
        ),
    ];
    for (rule, files, proof, status, notes) in rows {
        let files_changed = files.into_iter().map(str::to_owned).collect();
        let checked = check(
            found(VerdictStatus::Confirmed, &["m1"], RedriveAdvice::AfterFix),
            &resolved(),
            &BTreeSet::new(),
        );
        let checked = apply_patch_facts(
            checked,
            &PatchFacts { files_changed, proof, ..PatchFacts::default() },
        );
        assert_eq!(checked.notes, notes, "{rule}");
        assert_eq!(checked.verdict.status, status, "{rule}");
    }
    // A verdict without a fix needs no change; a cut patch needs a proof.
    let rows = [(false, VerdictStatus::Confirmed), (true, VerdictStatus::Likely)];
    for (truncated, status) in rows {
        let without = ModelVerdict {
            fix: None,
            ..found(VerdictStatus::Confirmed, &["m1"], RedriveAdvice::AfterFix)
        };
        let checked = check(without, &resolved(), &BTreeSet::new());
        let patch = PatchFacts { truncated, ..PatchFacts::default() };
        assert_eq!(apply_patch_facts(checked, &patch).verdict.status, status, "{truncated}");
    }
    let left = PatchFacts { left_out: vec!["a/b.pyc".into()], ..PatchFacts::default() };
    let told = check(
        found(VerdictStatus::Likely, &["m1"], RedriveAdvice::Safe),
        &resolved(),
        &BTreeSet::new(),
    );
    let told = apply_patch_facts(told, &left).notes.join("\n");
    assert!(told.contains("has not written are left out: 'a/b.pyc'"), "{told}");
    let said = |status| found(status, &["m1"], RedriveAdvice::AfterFix);
    let checked = |status| check(said(status), &resolved(), &BTreeSet::new());
    for (status, expected) in [
        (VerdictStatus::Confirmed, VerdictStatus::Likely),
        (VerdictStatus::Likely, VerdictStatus::Likely),
        (VerdictStatus::Inconclusive, VerdictStatus::Inconclusive),
    ] {
        let unknown = without_patch_facts(checked(status), "too large");
        assert_eq!(unknown.verdict.status, expected, "{status}");
        assert!(unknown.notes.iter().any(|note| note == "its changes are unknown: too large"));
    }
    let cut = PatchFacts { truncated: true, ..PatchFacts::default() };
    let cut = apply_patch_facts(
        check(
            found(VerdictStatus::Likely, &["m1"], RedriveAdvice::Safe),
            &resolved(),
            &BTreeSet::new(),
        ),
        &cut,
    );
    assert!(cut.notes.iter().any(|note| note.contains("incomplete")), "{:?}", cut.notes);
    let twice = check(
        found(VerdictStatus::Confirmed, &["m1", "m9"], RedriveAdvice::Safe),
        &resolved(),
        &BTreeSet::new(),
    );
    let changed =
        PatchFacts { files_changed: vec!["./src/orders.py".into()], ..PatchFacts::default() };
    let twice = apply_patch_facts(twice, &changed);
    assert_eq!(
        twice.demoted,
        Some((VerdictStatus::Confirmed, VerdictStatus::Likely)),
        "from what was said first"
    );
    let silent =
        ModelVerdict { fix: None, ..found(VerdictStatus::Likely, &["m1"], RedriveAdvice::Safe) };
    let silent = apply_patch_facts(check(silent, &resolved(), &BTreeSet::new()), &changed);
    assert_eq!(silent.notes, ["files were changed that it does not name: 'src/orders.py'"]);
}

proptest! {
    #[test]
    fn check_only_lowers(found in any_verdict(), exists in any::<bool>()) {
        let resolved = if exists { resolved() } else { BTreeSet::new() };
        let before = found.clone();
        let after = check(found, &resolved, &BTreeSet::new());
        let rank = |status| match status {
            VerdictStatus::Confirmed => 2,
            VerdictStatus::Likely | VerdictStatus::NotABug => 1,
            VerdictStatus::Inconclusive => 0,
        };
        prop_assert!(rank(after.verdict.status) <= rank(before.status));
        prop_assert!(after.verdict.redrive >= before.redrive);
        if !exists {
            prop_assert_eq!(after.verdict.status, VerdictStatus::Inconclusive);
            prop_assert!(after.verdict.redrive != RedriveAdvice::Safe);
        }
        let stands = after.verdict.status == before.status;
        prop_assert_eq!(after.demoted.is_none(), stands);
        let patched = apply_patch_facts(after, &PatchFacts { files_changed: vec!["a".into()], ..PatchFacts::default() });
        prop_assert!(patched.verdict.status != VerdictStatus::Confirmed);
    }
}
