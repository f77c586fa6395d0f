use super::*;
use crate::event::Queue;
use crate::rules::investigation::incident::Incident;
use crate::rules::triage::{Category, RedriveAdvice};
use crate::time::Timestamp;

fn cause(fault: CodeFault, confidence: f64) -> Triage {
    Triage {
        group: "f1".into(),
        fingerprint: "0".repeat(16),
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

#[test]
fn preflight_skips_non_bugs_known_causes_and_no_evidence() {
    let owned = || {
        let detail = "same cause as q, running session s".into();
        let retry = Retry::AfterSession("s".into());
        Some(PreflightSkip { word: "known_cause", detail, retry })
    };
    let sure = cause(CodeFault::NotACodeBug, 0.9);
    let judged = |causes: &[&Triage]| Ok(causes.iter().map(|c| (*c).clone()).collect());
    let unsure = cause(CodeFault::NotACodeBug, 0.6);
    let bug = cause(CodeFault::CodeBug, 0.9);
    let rows = [
        ("a bug", judged(&[&bug]), true, true, None, None),
        ("no bug", judged(&[&sure]), true, true, None, Some("not_a_code_bug")),
        ("no bug, and the triage costs nothing", judged(&[&sure]), false, true, None, None),
        ("perhaps no bug", judged(&[&unsure]), true, true, None, None),
        ("a bug behind what is none", judged(&[&sure, &bug]), true, true, None, None),
        ("two that are none", judged(&[&sure, &sure]), true, true, None, Some("not_a_code_bug")),
        ("somebody has it", judged(&[&bug]), true, true, owned(), Some("known_cause")),
        (
            "somebody has it, free of charge",
            judged(&[&bug]),
            false,
            true,
            owned(),
            Some("known_cause"),
        ),
        ("no messages", none(false), true, true, None, Some("no_evidence")),
        ("no messages, not needed", none(false), true, false, None, None),
        ("no messages, the triage says so", none(true), false, true, None, Some("no_evidence")),
    ];
    for (rule, evidence, spends, required, owner, word) in rows {
        let found = judge(&evidence, spends, required, owner);
        assert_eq!(found.map(|why| why.word), word, "{rule}");
    }
    let why = judge(&judged(&[&sure]), true, true, None).unwrap();
    assert_eq!(why.detail, "throttling: the function was throttled");
}

fn session(id: &str, incident: &str, print: &str, status: SessionStatus) -> Session {
    Session {
        id: id.into(),
        incident: incident.into(),
        queue_name: format!("queue of {id}"),
        status,
        fingerprint: Some(print.into()),
        ..Session::default()
    }
}

fn incident(id: &str, closed: bool) -> Incident {
    let at = Timestamp::from_millis(0);
    Incident { closed_at: closed.then_some(at), ..Incident::new(id, Queue::default(), at) }
}

#[test]
fn cause_is_owned_while_its_incident_is_open() {
    let rows = [
        ("nobody", "other", "i1", SessionStatus::Completed, false, None),
        ("it runs", "f", "i1", SessionStatus::Running, false, Some(true)),
        ("it runs, for a closed one", "f", "i1", SessionStatus::Running, true, Some(true)),
        ("it has a result", "f", "i1", SessionStatus::Completed, false, Some(false)),
        ("it came back after the clear", "f", "i1", SessionStatus::Completed, true, None),
        ("it grew", "f", "i2", SessionStatus::Completed, false, None),
        ("it failed", "f", "i1", SessionStatus::Failed, false, None),
        ("it was skipped itself", "f", "i1", SessionStatus::Skipped, false, None),
        ("it crashed", "f", "i1", SessionStatus::Crashed, false, None),
    ];
    for (rule, print, of, status, closed, running) in rows {
        let own = session("own", "i2", "f", SessionStatus::Running);
        let sessions = Sessions {
            sessions: vec![session("a", of, print, status), own],
            incidents: vec![incident("i1", closed), incident("i2", false)],
        };
        let found = owner(&sessions, "own", "f").map(|why| {
            assert_eq!(why.retry, Retry::AfterSession("a".into()), "{rule}");
            why.detail.starts_with("same cause as ") && why.detail.ends_with("running session a")
        });
        assert_eq!(found, running, "{rule}");
    }
}
