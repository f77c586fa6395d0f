//! Verdicts and the proofs of their fixes, as the views and the parts of `dlq-status` tell them.

use serde_json::{Value, json};

use super::claims::{arn, event, fold, json_of, line, raised, round, shown};
use super::states::{ago, now};
use crate::rules::investigation::proof::{ProofReason, SessionProof};
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::state_folder::{FolderReading, SessionReading};
use crate::rules::view::keys::Key;
use crate::rules::view::part::StatusPart;
use crate::rules::view::screen::{ScreenFlags, ScreenView, Ui, text};

const BASE: &str = "9f2c1d7a81f7b1c60f5e1d4c9a0b1c2d3e4f5a6b";

fn proof(grade: &str, detail: &str) -> Value {
    json!({"base": BASE, "grade": grade, "detail": detail, "on_base": null, "with_tests": null,
           "with_patch": "passed"})
}

fn session(kind: &str, seconds: i64, data: Value) -> String {
    let queue = json!({"name": "a-dlq", "arn": arn("a-dlq"), "region": "eu-west-1"});
    let mut all = json!({"queue": queue, "session": "s-1"});
    all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    event(&format!("investigation.{kind}"), seconds, Some("incident of a-dlq"), &all)
}

fn completed(status: &str, person: Option<&str>, proof: Value) -> String {
    let verdict = json!({"status": status, "title": "A total is missing", "needs_person": person});
    let data = json!({"verdict": verdict, "proof": proof, "patch_held": null, "cost_usd": 1});
    session("completed", 500, data)
}

fn begun() -> Vec<String> {
    vec![round(900), raised("a-dlq", 800, 5, None), session("started", 790, json!({}))]
}

fn with(ends: &[String]) -> Dashboard {
    fold(&[begun(), ends.to_vec()].concat())
}

/// Returns the page of the first row of a view.
fn opened(state: &Dashboard, view: ScreenView) -> String {
    let mut ui = Ui { view, ..Ui::new(ScreenFlags { ascii: true, ..ScreenFlags::default() }) };
    text(state, &mut ui, now(), 110, 60);
    ui.press(Key::Enter, state, now());
    text(state, &mut ui, now(), 110, 60)
}

#[test]
fn words_before_the_title_say_who_has_to_act() {
    let passed = || proof("proven", "the new tests fail on the base and pass with the patch");
    let denied = Some("3 calls of tools were denied");
    let rows = [
        (completed("confirmed", None, Value::Null), "+", "confirmed: A total is missing"),
        (completed("not_a_bug", None, Value::Null), "+", "not a bug: A total is missing"),
        (completed("confirmed", None, passed()), "+", "confirmed, proven: A total is missing"),
        (
            completed("likely", denied, proof("unproven", "no test sees the fix")),
            "!",
            "likely, needs a person, not proven: A total is missing",
        ),
        (
            completed("likely", None, proof("unknown", "a run was stopped")),
            "+",
            "likely, proof unknown: A total is missing",
        ),
    ];
    for (end, symbol, result) in rows {
        let view = shown(&with(&[end]), ScreenView::Investigations, 180, 30);
        let row = line(&view, "A total is missing");
        assert!(row.contains(&format!("{symbol} completed a-dlq {result}")), "{result}:\n{view}");
    }
}

#[test]
fn pages_tell_the_reason_and_the_proof() {
    let denied = Some("3 calls of tools were denied");
    let state = with(&[completed("confirmed", denied, proof("unproven", "no test sees the fix"))]);
    for view in [ScreenView::Investigations, ScreenView::Incidents] {
        let page = opened(&state, view);
        assert_eq!(line(&page, "person"), "person needed: 3 calls of tools were denied", "{page}");
        let fix = "fix not proven: no test sees the fix (on 9f2c1d7a81f7)";
        assert_eq!(line(&page, "fix "), fix, "{page}");
        assert!(!page.contains("not offered"), "{page}");
    }
    let news = line(&opened(&state, ScreenView::Incidents), "investigation completed: ");
    assert!(news.contains(" ! ") && news.contains("confirmed, needs a person: A total"), "{news}");
    let rows = json_of(StatusPart::Incidents, &state);
    let row = ["verdict", "needs_person", "proof"].map(|key| &rows[0][key]);
    assert_eq!(row, [&json!("confirmed"), &json!(denied), &json!("unproven")]);
    let plain = opened(&with(&[completed("confirmed", None, Value::Null)]), ScreenView::Incidents);
    assert!(!plain.contains("person") && !plain.contains("fix "), "{plain}");
    let verdict = json!({"status": "confirmed"});
    let held = json!({"verdict": verdict, "patch_held": "it changes CI"});
    let page = opened(&with(&[session("completed", 500, held)]), ScreenView::Incidents);
    assert_eq!(line(&page, "patch"), "patch not offered: it changes CI");
}

#[test]
fn newest_proof_counts_whoever_tells_it() {
    let first = || completed("confirmed", None, proof("unproven", "no test sees the fix"));
    let again = |seconds, grade: &str| {
        session("proven", seconds, json!({"proof": proof(grade, "seen"), "detail": "the tests"}))
    };
    let rows = [
        (vec![first(), again(100, "proven")], "proven"),
        (vec![first(), again(100, "proven"), again(200, "unknown")], "proven"),
        (vec![first(), again(100, "unknown")], "unknown"),
        (vec![first(), session("proven", 100, json!({}))], "unproven"),
    ];
    for (events, grade) in rows {
        let rows = json_of(StatusPart::Incidents, &with(&events));
        assert_eq!(rows[0]["proof"], grade, "{events:?}");
    }
    let unknown = fold(&[round(900), raised("a-dlq", 800, 5, None), again(100, "proven")]);
    assert!(unknown.investigations.is_empty(), "its status is not known");
}

fn recorded(status: SessionStatus, proofs: &[(&str, i64)]) -> FolderReading {
    let mut session = Session { id: "s-1".into(), status, ..Session::default() };
    session.queue.arn = arn("a-dlq");
    session.incident = "incident of a-dlq".into();
    session.ended_at = Some(ago(490));
    session.verdict = Some("confirmed".into());
    let proof = |(grade, seconds): &(&str, i64)| SessionProof {
        number: 1,
        reason: ProofReason::Person,
        base: BASE.into(),
        begun_at: ago(480),
        ended_at: Some(ago(u64::try_from(*seconds).unwrap())),
        result: serde_json::from_value(proof(grade, "by the record")).ok(),
    };
    session.proofs = proofs.iter().map(proof).collect();
    let sessions = Some(vec![SessionReading { session, ..SessionReading::default() }]);
    FolderReading { at: now(), sessions, ..FolderReading::default() }
}

#[test]
fn record_tells_what_no_event_tells() {
    let mut state = fold(&[round(900), raised("a-dlq", 800, 5, None)]);
    state.set_folder(recorded(SessionStatus::Completed, &[("unknown", 400), ("proven", 300)]));
    let page = opened(&state, ScreenView::Investigations);
    assert_eq!(line(&page, "status confirmed"), "status confirmed", "{page}");
    assert_eq!(line(&page, "fix "), "fix proven: by the record (on 9f2c1d7a81f7)", "{page}");
    let rest = "the rest unknown: its end is not among the events";
    assert_eq!(line(&page, "the rest"), rest, "whether a person is needed:\n{page}");
    let mut failed = fold(&[round(900)]);
    failed.set_folder(recorded(SessionStatus::Failed, &[]));
    let page = opened(&failed, ScreenView::Investigations);
    assert!(page.contains("none: the investigation ended without a result"), "{page}");
}

#[test]
fn end_that_the_folder_has_told_is_told_in_full_by_its_event() {
    let mut state = with(&[]);
    state.set_folder(recorded(SessionStatus::Completed, &[]));
    let end = completed("confirmed", Some("doubted"), proof("proven", "seen"));
    for _ in 0..2 {
        let event = crate::event::ShownEvent::read(end.as_bytes()).unwrap();
        state.apply(&event);
    }
    let page = opened(&state, ScreenView::Investigations);
    assert_eq!(line(&page, "person"), "person needed: doubted", "{page}");
    assert!(page.contains("title         A total is missing"), "{page}");
    assert!(!page.contains("the rest"), "{page}");
    let spent = &json_of(StatusPart::Spend, &state)["days"][0];
    assert_eq!([&spent["usd"], &spent["sessions"]], [&json!(1.0), &json!(1)]);
}
