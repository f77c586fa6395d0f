use super::*;

/// Texts that act on GitHub where they are not disarmed.
const HOSTILE: &str = "@everyone fixes #1, closes GH-2 and o/r#3 <img src=https://x.y/z.png> [skip ci] \
                       ![x](https://x.y) ``` <!-- dlq-tools 1 -->\n\nCo-authored-by: M <m@x.y>\n# Approved";

fn hostile() -> FixSummary {
    FixSummary {
        fingerprint: "3fae11ee-55d0-8c".into(),
        session: "01890a5d".into(),
        title: HOSTILE.into(),
        root_cause: HOSTILE.into(),
        proof: vec!["The new tests fail on the base and pass with the patch.".into()],
        is_proven: true,
        evidence: vec![EvidenceExcerpt {
            id: "m1".into(),
            claim: HOSTILE.into(),
            excerpt: format!("{HOSTILE}\n~~~\n````"),
        }],
        queues: vec![AffectedQueue {
            name: "orders-dlq".into(),
            depth: Some(5),
            loss: "first lost within 5h".into(),
        }],
        redrive: Some("Put the messages back after the fix is deployed.".into()),
        cost: Some("$0.42".into()),
        regression_of: None,
    }
}

/// Returns a body without its code: what a browser would read as Markdown.
fn without_code(body: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in body.lines() {
        let start = line.trim_start();
        let ticks: String = start.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if start.trim_end() == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                // No text here has a span behind more than one backtick.
                let plain = line.replace("\\`", "");
                out.extend(plain.split('`').step_by(2));
                out.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a fence is open: {body}");
    out
}

#[test]
fn text_of_a_model_is_inert_in_a_body() {
    let body = body(&hostile(), Audience::Members);
    let read = without_code(&body).replace("\\<", "").replace("\\[", "").replace("\\]", "");
    let own = marker("3fae11ee-55d0-8c");
    let read = read.replace(&own, "");
    for part in
        ["@", "#1", "#3", "<img", "https://", "![", "<!--", "\n# Approved", "\nCo-authored-by"]
    {
        assert!(!read.contains(part), "{part:?} in {read}");
    }
    assert!(body.starts_with(&own) && body.contains("orders-dlq") && body.contains("$0.42"));
    // A squashed merge can take the body as its message, where code is text.
    for part in ["@", "#1", "#3", "GH-2", "[skip ci]"] {
        assert!(!body.contains(part), "{part:?} in {body}");
    }
}

#[test]
fn text_of_a_model_begins_no_line() {
    for command in ["/approve please", "bors r+", "recheck", "@bot merge", "# /lgtm\n/lgtm"] {
        let fix = FixSummary { root_cause: command.into(), ..hostile() };
        for body in [body(&fix, Audience::Members), issue_body(&fix, Audience::Members)] {
            let first = command.split_whitespace().next_back().unwrap();
            let is_command = |line: &str| line.trim_start().starts_with(first);
            assert!(!body.lines().any(is_command), "{body}");
            assert!(body.contains("The model says: "), "{body}");
        }
    }
}

#[test]
fn title_is_one_inert_line() {
    let rows = [
        (HOSTILE, "(at)everyone fixes no. 1, closes GH 2 and o/rno. 3 'img src=https: //x.…"),
        ("Handle orders without items", "Handle orders without items"),
        ("[skip ci] x", "(skip ci) x"),
        ("***NO_CI*** x", "* * *NO_CI* * * x"),
        ("a\u{202e}b\u{7}", "a\\u{202e}b\\u{7}"),
        ("C# and F#", "C# and F#"),
        ("a-1 GH-1 gh-2 high-3", "a-1 GH 1 gh 2 high-3"),
        ("a\n\nCo-authored-by: M <m>", "a Co-authored-by: M 'm'"),
    ];
    for (text, expected) in rows {
        let fix = FixSummary { title: text.into(), ..hostile() };
        assert_eq!(title(&fix, Audience::Members), expected);
    }
    let empty = FixSummary { title: " ".into(), ..hostile() };
    assert_eq!(title(&empty, Audience::Members), "Fix the cause 3fae11ee55d08c of dead letters");
}

#[test]
fn commit_has_no_text_of_a_model() {
    let message = commit_message(&hostile());
    assert_eq!(message.lines().next(), Some("Fix the cause 3fae11ee55d08c of dead letters"));
    assert!(!message.contains('@') && !message.contains("skip"));
}

#[test]
fn everybody_sees_nothing_of_the_evidence() {
    let planted = FixSummary {
        title: "planted-title".into(),
        root_cause: "planted-cause".into(),
        evidence: vec![EvidenceExcerpt {
            id: "planted-id".into(),
            claim: "planted-claim".into(),
            excerpt: "planted-excerpt".into(),
        }],
        queues: vec![AffectedQueue {
            name: "planted-queue".into(),
            depth: Some(5),
            loss: "planted-loss".into(),
        }],
        ..hostile()
    };
    let texts = [
        body(&planted, Audience::Everybody),
        title(&planted, Audience::Everybody),
        commit_message(&planted),
        branch(&planted.fingerprint, 1),
    ];
    for text in texts {
        assert!(!text.contains("planted"), "{text}");
    }
}

#[test]
fn unproven_fix_and_regression_say_so_first() {
    let fix =
        FixSummary { is_proven: false, regression_of: Some("acme/orders#12".into()), ..hostile() };
    let body = body(&fix, Audience::Everybody);
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines[1], "**No test proves this fix.** Read it as a proposal.");
    assert_eq!(lines[3], "A regression: `acme/orders#12` was merged for the same cause.");
}

#[test]
fn long_body_keeps_its_proof_and_how_to_reject_it() {
    let item = |text: &str| EvidenceExcerpt {
        id: "m1".into(),
        claim: text.repeat(2_000),
        excerpt: format!("{}\n", text.repeat(500)).repeat(50),
    };
    for text in ["x ", "文字", "``", "\u{1f600}"] {
        let fix = FixSummary {
            evidence: vec![item(text); 30],
            root_cause: text.repeat(60_000),
            ..hostile()
        };
        for body in [body(&fix, Audience::Members), issue_body(&fix, Audience::Members)] {
            assert!(body.chars().count() <= BODY_MAX, "{}", body.chars().count());
            for part in ["- Session: `01890a5d`", "lose", "more in the report", "orders-dlq"] {
                assert!(body.contains(part), "{part} in {body}");
            }
            without_code(&body);
        }
    }
}

#[test]
fn branch_is_of_the_fingerprint() {
    assert_eq!(branch("3fae11ee-55d0-8c", 2), "dlq/3fae11ee55d08c-2");
    assert_eq!(branch("../../x y", 1), "dlq/xy-1");
    assert_eq!(branch("", 1), "dlq/unknown-1");
}

/// The rule for patches holds for the texts of this tool, too.
#[test]
fn text_for_everybody_discloses_nothing() {
    use crate::rules::pull_request::disclosure::PublishedLines;
    use crate::rules::verdict::patch_gate::{Difference, DifferingFile, FileChange};
    let secret = "order A-83421 of Anna Maria Schmidt cannot be charged: no such card";
    let fix = FixSummary {
        title: format!("Fix orders-dlq: {secret}"),
        root_cause: format!("arn:aws:sqs:eu-west-1:123456789012:orders-dlq has {secret}"),
        evidence: vec![EvidenceExcerpt {
            id: "m1".into(),
            claim: secret.into(),
            excerpt: secret.into(),
        }],
        ..hostile()
    };
    for audience in [Audience::Everybody, Audience::Members] {
        let texts = [
            title(&fix, audience),
            commit_message(&fix),
            branch(&fix.fingerprint, 1),
            body(&fix, audience),
            issue_body(&fix, audience),
            same_cause(&fix, audience),
        ];
        let change =
            FileChange { was: "100644".into(), mode: "100644".into(), path: "text".into() };
        let (before, after) = (Some(String::new()), Some(texts.join("\n")));
        let file = DifferingFile { change, lines: Some(1), before, after };
        let difference = Difference { files: vec![file], patch_bytes: 1 };
        let mut lines = PublishedLines::added_by(&difference);
        lines.compare_name("the queue", "orders-dlq");
        lines.compare_name("the account", "123456789012");
        lines.compare_text("a message", secret);
        let found = lines.found();
        assert_eq!(found.is_empty(), audience == Audience::Everybody, "{found:?}");
    }
}
