use super::*;
use crate::event::Queue;
use crate::rules::triage::{Category, RedriveAdvice};

fn cause(fault: CodeFault, confidence: f64) -> Triage {
    Triage {
        group: "f1".into(),
        fingerprint: "0".repeat(16),
        states_error: true,
        error: None,
        place: None,
        unseen: None,
        count: 1,
        category: Category::Throttling,
        fault,
        confidence,
        title: "t".into(),
        reason: "the function was throttled".into(),
        evidence: Vec::new(),
        commands: Vec::new(),
        redrive: RedriveAdvice::Safe,
        next: Vec::new(),
    }
}

fn none(temporary: bool) -> SampledEvidence {
    Err(MissingEvidence { why: "it is a FIFO queue".into(), temporary })
}

fn refused(word: &'static str) -> Option<PreflightSkip> {
    let detail = "same cause as q, running session s".into();
    Some(PreflightSkip { word, detail, retry: Retry::AfterSession("s".into()) })
}

#[test]
fn preflight_skips_non_bugs_known_causes_and_no_evidence() {
    let queue = Queue { name: "orders-dlq".into(), ..Queue::default() };
    let agent = PreflightFacts {
        queue: &queue,
        spends: true,
        requires_evidence: true,
        forced: false,
        logs_again: false,
    };
    let triage = PreflightFacts { spends: false, ..agent };
    let forced = PreflightFacts { forced: true, ..agent };
    let early = PreflightFacts { logs_again: true, ..agent };
    let lenient = PreflightFacts { requires_evidence: false, ..agent };
    let judged = |causes: &[&Triage]| Ok(causes.iter().map(|c| (*c).clone()).collect());
    let sure = cause(CodeFault::NotACodeBug, 0.9);
    let unsure = cause(CodeFault::NotACodeBug, 0.6);
    let claimed = cause(CodeFault::Unconfirmed, 0.6);
    let bug = cause(CodeFault::CodeBug, 0.9);
    let rows = [
        ("a bug", judged(&[&bug]), agent, None, None),
        ("no bug", judged(&[&sure]), agent, None, Some("not_a_code_bug")),
        ("no bug, and a person asks", judged(&[&sure]), forced, None, Some("not_a_code_bug")),
        ("no bug, and the triage costs nothing", judged(&[&sure]), triage, None, None),
        ("perhaps no bug", judged(&[&unsure]), agent, None, None),
        ("a bug behind what is none", judged(&[&sure, &bug]), agent, None, None),
        ("two that are none", judged(&[&sure, &sure]), agent, None, Some("not_a_code_bug")),
        ("no bug, as somebody says", judged(&[&claimed]), agent, None, Some("needs_person")),
        ("no bug, one proven", judged(&[&sure, &claimed]), agent, None, Some("needs_person")),
        ("a bug behind what somebody says", judged(&[&claimed, &bug]), agent, None, None),
        ("no bug, as somebody says, and a person asks", judged(&[&claimed]), forced, None, None),
        ("no bug, as somebody says, free of charge", judged(&[&claimed]), triage, None, None),
        ("somebody has it", judged(&[&bug]), agent, refused("known_cause"), Some("known_cause")),
        (
            "somebody has it, and a person asks",
            judged(&[&bug]),
            forced,
            refused("known_cause"),
            None,
        ),
        (
            "somebody has it, free of charge",
            judged(&[&bug]),
            triage,
            refused("known_cause"),
            Some("known_cause"),
        ),
        ("it looks alike", judged(&[&bug]), agent, refused("same_shape"), Some("same_shape")),
        ("it looks alike, free of charge", judged(&[&bug]), triage, refused("same_shape"), None),
        ("in vain", judged(&[&bug]), agent, refused("unexplained"), Some("unexplained")),
        ("in vain, free of charge", judged(&[&bug]), triage, refused("unexplained"), None),
        ("in vain, and a person asks", judged(&[&bug]), forced, refused("unexplained"), None),
        ("logs to come", judged(&[&bug]), early, None, Some("logs_not_yet")),
        (
            "logs to come, and in vain until now",
            judged(&[&bug]),
            early,
            refused("unexplained"),
            Some("logs_not_yet"),
        ),
        (
            "logs to come, free of charge",
            judged(&[&bug]),
            PreflightFacts { logs_again: true, ..triage },
            None,
            None,
        ),
        (
            "logs to come, and a person asks",
            judged(&[&bug]),
            PreflightFacts { logs_again: true, ..forced },
            None,
            None,
        ),
        ("no messages", none(false), agent, None, Some("no_evidence")),
        ("no messages, not needed", none(false), lenient, None, None),
        ("no messages, the triage says so", none(true), triage, None, Some("no_evidence")),
    ];
    for (rule, evidence, facts, refusal, word) in rows {
        let found = judge(&evidence, facts, refusal);
        assert_eq!(found.map(|why| why.word), word, "{rule}");
    }
    let why = judge(&judged(&[&sure]), agent, None).unwrap();
    assert_eq!(why.detail, "throttling: the function was throttled");
    let why = judge(&judged(&[&sure, &claimed]), agent, None).unwrap();
    assert_eq!(
        (why.detail.as_str(), why.retry),
        (
            "a person has to confirm the cause (throttling), because nothing proves who states it; \
             'dlq-investigate --retry orders-dlq' investigates",
            Retry::ByPerson
        )
    );
}
