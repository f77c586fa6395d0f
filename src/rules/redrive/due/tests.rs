use serde_json::json;

use super::*;
use crate::rules::investigation::wait::Wait;
use crate::rules::pull_request::document::OpenedPullRequest;
use crate::rules::pull_request::watch::WatchedPullRequest;

const DEPLOYED: Timestamp = Timestamp::from_millis(1000);

fn fix() -> FixState {
    FixState {
        id: "s1".into(),
        step: FixStep::Opened,
        incident: "i1".into(),
        fingerprint: "f1".into(),
        repo: "Acme/shop".into(),
        pull_request: Some(OpenedPullRequest { id: "PR_1".into(), number: 12, url: "".into() }),
        ..FixState::default()
    }
}

fn watched(id: &str, repo: &str, deployed_at: Option<Timestamp>) -> WatchedPullRequest {
    let at = Timestamp::from_millis(0);
    serde_json::from_value(json!({
        "id": id, "repo": repo, "number": 12, "title": "", "url": "", "author": "",
        "origin": "ours", "draft": false, "base": "main", "head_commit": "", "created_at": at,
        "checks": "passing", "review": "approved", "waiting_on": "nobody", "actor": "nobody",
        "turn_since": at, "reminded_at": null, "end": null, "failed_commit": null,
        "known_review": "approved", "opinions_against": [], "unread": 0, "read_at": at,
        "deployed_at": deployed_at, "sequence": 1,
    }))
    .unwrap()
}

fn queue(name: &str) -> Queue {
    Queue { name: name.into(), arn: format!("arn:{name}"), ..Queue::default() }
}

fn moved(session: &str, name: &str, outcome: Option<MoveOutcome>) -> Move {
    let session = Some(session.into());
    let finished_at = outcome.map(|_| DEPLOYED);
    Move { session, queue: queue(name), outcome, finished_at, ..Move::default() }
}

fn judged(fix: FixState, watched: WatchedPullRequest, made: Option<&str>) -> Vec<DueRedrive> {
    let prs = PullRequests {
        sessions: vec![fix],
        watched: [(watched.id.clone(), watched)].into(),
        ..PullRequests::default()
    };
    let session = Session { id: "s1".into(), queue: queue("orders-dlq"), ..Session::default() };
    let sessions = Sessions { sessions: vec![session], ..Sessions::default() };
    let moves = made.map(|id| moved(id, "orders-dlq", Some(MoveOutcome::Completed)));
    due(&prs, &sessions, &Redrives { moves: moves.into_iter().collect() }, &|_| None)
}

#[test]
fn redrive_is_due_when_our_fix_is_deployed() {
    let at = Some(DEPLOYED);
    let other = |change: fn(&mut FixState)| {
        let mut other = fix();
        change(&mut other);
        other
    };
    let rows = [
        ("deployed", fix(), watched("PR_1", "Acme/shop", at), None, true),
        (
            "known by its number",
            other(|one| one.pull_request.as_mut().unwrap().id.clear()),
            watched("PR_2", "acme/Shop", at),
            None,
            true,
        ),
        ("another one has its number", fix(), watched("PR_2", "Acme/shop", at), None, false),
        ("another redrive", fix(), watched("PR_1", "Acme/shop", at), Some("s2"), true),
        ("redriven before", fix(), watched("PR_1", "Acme/shop", at), Some("s1"), false),
        ("merged, not deployed", fix(), watched("PR_1", "Acme/shop", None), None, false),
        ("another repository", fix(), watched("PR_2", "Acme/other", at), None, false),
        (
            "only commented",
            other(|one| one.step = FixStep::Commented),
            watched("PR_1", "Acme/shop", at),
            None,
            false,
        ),
        (
            "no cause",
            other(|one| one.fingerprint.clear()),
            watched("PR_1", "Acme/shop", at),
            None,
            false,
        ),
        (
            "another session",
            other(|one| one.id = "s9".into()),
            watched("PR_1", "Acme/shop", at),
            None,
            false,
        ),
    ];
    for (rule, fix, watched, made, is_due) in rows {
        let found = judged(fix, watched, made);
        assert_eq!(found.len(), usize::from(is_due), "{rule}");
        for one in found {
            assert_eq!(
                (one.fingerprint.as_str(), one.queues[0].queue.name.as_str()),
                ("f1", "orders-dlq")
            );
            assert!(one.pull_request.eq_ignore_ascii_case("acme/shop#12"), "{rule}");
        }
    }
}

#[test]
fn queues_with_the_cause_follow_one_after_the_other() {
    let incident = |id: &str, name: &str| Incident::new(id, queue(name), DEPLOYED);
    let with = |id: &str, name: &str, change: fn(&mut Incident)| {
        let mut one = incident(id, name);
        change(&mut one);
        one
    };
    let cause = |fingerprint: &str| Some(json!({"fingerprint": fingerprint, "likeness": "error"}));
    let wait = |fingerprint: &str| -> Option<Wait> {
        serde_json::from_value(json!({
            "reason": "known_cause", "since": DEPLOYED, "until": null, "session": "s1",
            "cause": cause(fingerprint), "limits": null,
        }))
        .unwrap()
    };
    let session = |id: &str, incident: &str, name: &str, fingerprint: &str| Session {
        id: id.into(),
        incident: incident.into(),
        queue: queue(name),
        fingerprint: Some(fingerprint.into()),
        ..Session::default()
    };
    let sessions = Sessions {
        sessions: vec![
            session("s1", "i1", "orders-dlq", "f1"),
            session("s2", "i5", "bills-dlq", "f1"),
        ],
        incidents: vec![
            with("i1", "orders-dlq", |one| one.causes = vec!["f1".into()]),
            with("i2", "mails-dlq", |one| one.causes = vec!["f2".into(), "f1".into()]),
            with("i3", "other-dlq", |one| one.causes = vec!["f2".into()]),
            with("i4", "over-dlq", |one| {
                one.causes = vec!["f1".into()];
                one.closed_at = Some(DEPLOYED);
            }),
            incident("i5", "bills-dlq"),
            Incident { wait: wait("f1"), ..incident("i6", "waits-dlq") },
            Incident { wait: wait("f2"), ..incident("i7", "another-dlq") },
        ],
    };
    let prs = PullRequests {
        sessions: vec![fix()],
        watched: [("PR_1".to_owned(), watched("PR_1", "Acme/shop", Some(DEPLOYED)))].into(),
        ..PullRequests::default()
    };
    let here = |name: &str| match name {
        "over-dlq" | "other-dlq" | "another-dlq" => None,
        _ => Some("acme/Shop"),
    };
    let names = |moves: Vec<Move>| -> Vec<String> {
        let due = due(&prs, &sessions, &Redrives { moves }, &here);
        due.into_iter().flat_map(|one| one.queues).map(|of| of.queue.name).collect()
    };
    let done = Some(MoveOutcome::Completed);
    let rows = [
        ("none", vec![], vec!["orders-dlq", "mails-dlq", "bills-dlq", "waits-dlq"]),
        (
            "the first",
            vec![moved("s1", "orders-dlq", done)],
            vec!["mails-dlq", "bills-dlq", "waits-dlq"],
        ),
        ("stopped", vec![moved("s1", "orders-dlq", Some(MoveOutcome::Aborted))], vec![]),
        ("not consumed", vec![moved("s1", "orders-dlq", Some(MoveOutcome::Unverified))], vec![]),
        ("running or killed", vec![moved("s1", "orders-dlq", None)], vec![]),
        (
            "for another fix",
            vec![moved("s2", "mails-dlq", None)],
            vec!["orders-dlq", "mails-dlq", "bills-dlq", "waits-dlq"],
        ),
    ];
    for (rule, moves, expected) in rows {
        assert_eq!(names(moves), expected, "{rule}");
    }
    // A fix is live for the queues whose code it has changed. That of its own queue is known.
    let some = |name: &str| match name {
        "mails-dlq" => Some("acme/mails"),
        "bills-dlq" => Some("acme/shop"),
        _ => None,
    };
    let due = due(&prs, &sessions, &Redrives::default(), &some);
    let queues: Vec<&str> = due[0].queues.iter().map(|of| of.queue.name.as_str()).collect();
    assert_eq!(queues, ["orders-dlq", "bills-dlq"]);
    assert_eq!(due[0].elsewhere, ["mails-dlq", "waits-dlq"]);
}

#[test]
fn killed_redrive_of_a_fix_is_to_be_told() {
    let by_hand = Move { session: None, ..moved("s1", "hand-dlq", None) };
    let purge = Move { kind: MoveKind::Purge, ..moved("s1", "purge-dlq", None) };
    let moves = vec![
        moved("s1", "killed-dlq", None),
        moved("s1", "runs-dlq", None),
        moved("s1", "ended-dlq", Some(MoveOutcome::Aborted)),
        by_hand,
        purge,
    ];
    let found = interrupted(&Redrives { moves }, |arn| arn == "arn:runs-dlq");
    let names: Vec<&str> = found.iter().map(|one| one.queue.name.as_str()).collect();
    assert_eq!(names, ["killed-dlq"]);
}

#[test]
fn redrive_that_has_stopped_is_named_until_it_is_completed() {
    use MoveOutcome::{Aborted, Completed, Unverified};
    let of = |id: &str, session: &str, name: &str, outcome: Option<MoveOutcome>| Move {
        id: id.into(),
        ..moved(session, name, outcome)
    };
    let rows: [(&str, Vec<Move>, &[&str]); 7] = [
        ("none", vec![], &[]),
        ("completed", vec![of("a", "s1", "orders-dlq", Some(Completed))], &[]),
        ("stopped", vec![of("a", "s1", "orders-dlq", Some(Aborted))], &["a"]),
        ("not verified", vec![of("a", "s1", "orders-dlq", Some(Unverified))], &["a"]),
        ("running or killed", vec![of("a", "s1", "orders-dlq", None)], &[]),
        ("of no fix of ours", vec![of("a", "s2", "orders-dlq", Some(Aborted))], &[]),
        (
            "the second of two",
            vec![
                of("a", "s1", "orders-dlq", Some(Completed)),
                of("b", "s1", "bills-dlq", Some(Aborted)),
            ],
            &["b"],
        ),
    ];
    let prs = PullRequests { sessions: vec![fix()], ..PullRequests::default() };
    for (rule, moves, expected) in rows {
        let redrives = Redrives { moves };
        let found: Vec<&str> = stopped(&prs, &redrives).map(|one| one.id.as_str()).collect();
        assert_eq!(found, expected, "{rule}");
    }
}
