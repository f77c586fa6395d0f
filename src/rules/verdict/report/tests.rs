use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::rules::evidence::bundle::{Fingerprints, Group, Moment, SourceFacts, Timeline};
use crate::rules::queue::expiry::ExpiryWindow;
use crate::rules::verdict::{ModelVerdict, apply_patch_facts, check, parse};
use crate::text::hidden;
use crate::time::Timestamp;

/// The headings that a report has, beside its title.
const HEADINGS: [&str; 12] = [
    "## Cause",
    "## What to do",
    "## Fix",
    "## Evidence",
    "## Hypotheses",
    "## Prevention",
    "## Checked",
    "## Timeline",
    "## Session",
    "## Denied tools",
    "## Files",
    "## The queue",
];

/// Everything outside of code spans, as CommonMark reads a line.
fn outside(line: &str) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some(c) = rest.chars().next() {
        if c == '\\' {
            // An escaped character is no markup, and keeps its neighbours apart.
            kept.push(' ');
            let next = rest[1..].chars().next().map_or(0, char::len_utf8);
            rest = &rest[1 + next..];
            continue;
        }
        if c == '`' {
            let run = rest.len() - rest.trim_start_matches('`').len();
            let fence = &rest[..run];
            let mut at = run;
            let mut end = None;
            while let Some(close) = rest[at..].find('`').map(|found| at + found) {
                let length = rest[close..].len() - rest[close..].trim_start_matches('`').len();
                if length == run {
                    end = Some(close + length);
                    break;
                }
                at = close + length;
            }
            assert!(end.is_some(), "{fence} is not closed: {line}");
            rest = &rest[end.unwrap_or(run)..];
            continue;
        }
        kept.push(c);
        rest = &rest[c.len_utf8()..];
    }
    kept
}

/// Says what of `text` is forged.
fn forged(text: &str) -> Option<String> {
    let mut titles = 0;
    for line in text.lines() {
        if line.chars().any(hidden) {
            return Some(format!("hidden: {line:?}"));
        }
        let seen = outside(line);
        if line.starts_with("# ") {
            titles += 1;
        } else if line.trim_start().starts_with('#') && !HEADINGS.contains(&line) {
            return Some(format!("a heading: {line}"));
        }
        let bare = line.trim();
        let is_rule = !bare.is_empty() && bare.chars().all(|c| "-=*_".contains(c));
        let has_markup = seen.contains(['[', ']', '<', '@']) || seen.contains("://");
        if is_rule || has_markup || bare.starts_with("```") && !bare[3..].contains('`') {
            return Some(format!("markup: {line}"));
        }
    }
    (titles != 1).then(|| format!("{titles} titles"))
}

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn loss_in(seconds: u64) -> LossFacts {
    let before = Some(NOW.plus(Duration::from_secs(seconds)));
    LossFacts { window: ExpiryWindow { after: None, before }, now: NOW }
}

fn queue(name: &str) -> Queue {
    Queue {
        name: format!("orders-dlq{name}"),
        url: format!("https://sqs.eu-west-1.amazonaws.com/1/orders-dlq{name}"),
        arn: format!("arn:aws:sqs:eu-west-1:1:orders-dlq{name}"),
        region: "eu-west-1".into(),
        account: format!("prod{name}"),
        sources: vec!["orders".into()],
        profile: Some(format!("prod{name}")),
        ..Queue::default()
    }
}

/// Two groups, of which the larger states no error.
fn groups(text: &str) -> Fingerprints {
    let group = |count, class: &str| Group {
        kind: "error_text".into(),
        count,
        exception: Some(class.into()),
        message: Some(format!("'NoneType' has no attribute 'id'{text}")),
        place: Some(format!("worker.py line 12{text}")),
        ..Group::default()
    };
    let shape = Group { kind: "shape".into(), place: None, ..group(4, "Shape") };
    Fingerprints { fingerprints: vec![shape, group(3, "builtins.TypeError")] }
}

fn report_of(found: ModelVerdict, excerpt: &str, name: &str) -> String {
    let resolved = ["m1", "src/orders.py:12"].map(str::to_owned).into();
    let proof = PatchProof {
        command: format!("pytest -q{name}"),
        base: "0123456789012345678901234567890123456789".into(),
        split: PatchSplit::Apart,
        on_base: Some(TestResult::Passed),
        with_tests: Some(TestResult::Failed),
        new_tests: crate::rules::verdict::proof::NewTests::Named,
        with_patch: TestResult::Passed,
        runner_files: vec![format!("Makefile{name}")],
        with_old_runner: Some(TestResult::Passed),
        named: None,
        repetitions: vec![crate::rules::verdict::proof::RepeatedRuns {
            without_fix: Some(TestResult::Failed),
            with_fix: Some(TestResult::Passed),
        }],
    };
    let files_changed = vec!["src/orders.py".into(), "tests/test_orders.py".into()];
    let patch = PatchFacts { files_changed, proof: Some(proof), ..PatchFacts::default() };
    let checked = apply_patch_facts(check(found, &resolved, &Default::default()), &patch);
    let moment = Moment {
        id: "t1".into(),
        at: NOW,
        what: format!("the incident began{excerpt}"),
        items: Vec::new(),
    };
    Report {
        session: "s1",
        incident: "i1",
        queue: &queue(name),
        checked: &checked,
        excerpts: &[("m1".to_owned(), format!("{{\"customer\":null}}{excerpt}"))].into(),
        patch: Some(&patch),
        bundle: &BundleContents {
            queue: QueueFacts {
                depth: Some(12),
                retention_s: Some(345_600),
                sources: Some(vec![SourceFacts {
                    name: format!("orders{name}"),
                    ..SourceFacts::default()
                }]),
                ..QueueFacts::default()
            },
            fingerprints: groups(excerpt),
            timeline: Timeline { timeline: vec![moment] },
            ..BundleContents::default()
        },
        loss: loss_in(6 * 3600),
        cost_usd: Usd::from_dollars(0.4213),
        turns: None,
        took: Duration::from_secs(95),
        denied: &[(format!("WebFetch{name}"), 2)],
        files: &[("the transcript", format!("/state/s1/transcript.ndjson{name}"))],
    }
    .render()
}

fn full() -> ModelVerdict {
    parse(&json!({
        "status": "confirmed",
        "title": "A null customer stops every order",
        "category": "code_error",
        "root_cause": "`place()` reads customer.id without looking whether there is a customer.",
        "confidence": 0.9,
        "evidence": [
            {"id": "m1", "claim": "customer is null"},
            {"id": "src/orders.py:12", "claim": "it is read without a check"},
            {"id": "m9", "claim": "so it is in another message"},
        ],
        "hypotheses": [{"hypothesis": "throttling", "verdict": "rejected", "why": "no 429"}],
        "fix": {"summary": "Checks for null.", "files": ["src/orders.py"], "tests": ["pytest"]},
        "prevention": null,
        "redrive": "after_fix",
        "next_steps": ["Review the pull request."],
    }))
    .unwrap()
}

#[test]
fn report_matches_the_example() {
    let text = report_of(full(), "", "");
    let shown = include_str!("example.md");
    assert_eq!(text, shown, "\n{text}");
    assert_eq!(forged(&text), None);
}

#[test]
fn report_names_unknown_facts() {
    let found = parse(&json!({"status": "inconclusive", "redrive": "safe"})).unwrap();
    let checked = check(found, &Default::default(), &Default::default());
    let text = Report {
        session: "s",
        incident: "i",
        queue: &Queue::default(),
        checked: &checked,
        excerpts: &BTreeMap::new(),
        patch: None,
        bundle: &BundleContents::default(),
        loss: LossFacts { window: ExpiryWindow::default(), now: NOW },
        cost_usd: None,
        turns: None,
        took: Duration::from_secs(2),
        denied: &[],
        files: &[],
    }
    .render();
    for said in [
        "- Confidence: unknown",
        "- Category: unknown",
        "- Redrive: do not put the messages back",
        "- Messages: unknown\n- Loss: unknown",
        "- Cost: unknown\n- Turns: unknown\n- Took: 2s",
        "- Sources (`q.sources`): unknown",
        "This tool has not checked for changes",
        "the redrive advice was lowered from safe to do\\_not",
        "## Denied tools\n\nNone.",
    ] {
        assert!(text.contains(said) || text.contains(&said.replace('\\', "")), "{said}:\n{text}");
    }
    assert_eq!(forged(&text), None);
}

#[test]
fn unchecked_report_escapes_text_and_names_unknown_facts() {
    let verdict = Verdict {
        status: "likely".into(),
        title: Some("a\u{1b}[2Jb\n# forged".into()),
        ..Verdict::default()
    };
    let text = render_unchecked(
        "s",
        "i",
        &Queue::default(),
        &verdict,
        Duration::from_secs(2),
        loss_in(60),
    );
    assert!(text.contains("Confidence: unknown") && text.contains("Took: 2s"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains("\n# forged"), "{text}");
    assert_eq!(forged(&text), None);
}

/// Returns pieces that would be markup, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = vec![
        "\n",
        "\r\n",
        "# ",
        "## Cost",
        "`",
        "``",
        "```",
        "[",
        "]",
        "(x)",
        "](",
        "<b>",
        "<!--",
        "!",
        "\\",
        "&lt;",
        "*",
        "**",
        "_",
        "~~",
        "---",
        "===",
        "- ",
        "1. ",
        "> ",
        "|",
        "https://x.y",
        "@team",
        "#12",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{200b}",
        "\u{85}",
        "\u{2028}",
        " ",
        "a",
        "é",
        "$",
        "\t",
        "    x",
        ":",
        "www.x.y",
    ];
    let made = prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|p| p.concat());
    prop_oneof![made, any::<String>()]
}

proptest! {
    #[test]
    fn report_cannot_be_forged(text in hostile(), other in hostile(), excerpt in hostile()) {
        let found = parse(&json!({
            "status": "likely",
            "title": text,
            "category": other,
            "root_cause": other,
            "evidence": [{"id": "m1", "claim": text}, {"id": other, "claim": other}],
            "hypotheses": [{"hypothesis": text, "verdict": other, "why": text}],
            "fix": {"summary": text, "files": [other], "tests": [text]},
            "prevention": other,
            "redrive": other,
            "next_steps": [text, other],
        })).unwrap();
        let shown = report_of(found, &excerpt, &other);
        prop_assert_eq!(forged(&shown), None, "\n{}", shown);
        let verdict = Verdict { status: text.clone(), title: Some(other), category: Some(text), ..Verdict::default() };
        let shown = render_unchecked("s", "i", &queue(&excerpt), &verdict, Duration::ZERO, loss_in(60));
        prop_assert_eq!(forged(&shown), None, "\n{}", shown);
    }
}
