//! The fixes whose dead letters may go home without a person: opened from here, merged, and live. Pure.
//!
//! Decided from records alone: a line of a stream can be written by anybody. That time has passed since
//! a merge proves no deployment.

use crate::event::Queue;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::Session;
use crate::rules::pull_request::document::{FixState, FixStep, PullRequests};
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, Redrives};
use crate::time::Timestamp;

/// A fix that is live, and whose messages have not been redriven.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRedrive {
    pub session: String,
    pub fingerprint: String,
    /// The queues that were not redriven for it: that of its session, then others with its cause.
    pub queues: Vec<QueueOfCause>,
    /// `owner/name#12`.
    pub pull_request: String,
    pub deployed_at: Timestamp,
}

/// A queue with messages of a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueOfCause {
    pub queue: Queue,
    /// The incident that is open in it, or was when its cause was investigated; empty when unknown.
    pub incident: String,
}

/// Returns what is due, the earliest deployment first.
pub fn due(prs: &PullRequests, sessions: &Sessions, redrives: &Redrives) -> Vec<DueRedrive> {
    let mut due: Vec<DueRedrive> =
        prs.sessions.iter().filter_map(|fix| judge(fix, prs, sessions, redrives)).collect();
    due.sort_by(|a, b| (a.deployed_at, &a.session).cmp(&(b.deployed_at, &b.session)));
    due
}

/// Returns the redrive of a fix; None when it is not due.
fn judge(
    fix: &FixState,
    prs: &PullRequests,
    sessions: &Sessions,
    redrives: &Redrives,
) -> Option<DueRedrive> {
    if fix.step != FixStep::Opened || fix.fingerprint.is_empty() {
        return None;
    }
    let watched = prs.watched_of(fix)?;
    let deployed_at = watched.deployed_at?;
    let session = sessions.session(&fix.id)?;
    // A redrive of a queue for this fix is made once, and none after one that has not come to its end:
    // a person decides about the next one.
    let made: Vec<&Move> =
        redrives.moves.iter().filter(|one| one.session.as_deref() == Some(&fix.id)).collect();
    if made.iter().any(|one| one.outcome != Some(MoveOutcome::Completed)) {
        return None;
    }
    let mut queues = queues_of_cause(fix, session, sessions);
    queues.retain(|of| !made.iter().any(|one| is_same(&one.queue, &of.queue)));
    (!queues.is_empty()).then(|| DueRedrive {
        session: fix.id.clone(),
        fingerprint: fix.fingerprint.clone(),
        queues,
        pull_request: format!("{}#{}", watched.repo, watched.number),
        deployed_at,
    })
}

/// Returns the queues whose messages have a cause: that of the session which has fixed it, and those of
/// open incidents that have it, by their samples, by what they wait for or by their sessions.
fn queues_of_cause(fix: &FixState, session: &Session, sessions: &Sessions) -> Vec<QueueOfCause> {
    let fingerprint = fix.fingerprint.as_str();
    let has_session = |incident: &Incident| {
        sessions.sessions.iter().any(|one| {
            one.incident == incident.id && one.fingerprint.as_deref() == Some(fingerprint)
        })
    };
    let waits = |incident: &Incident| {
        let cause = incident.wait.as_ref().and_then(|wait| wait.cause.as_ref());
        cause.is_some_and(|cause| cause.fingerprint == fingerprint)
    };
    let is_of_cause = |incident: &&Incident| {
        incident.closed_at.is_none()
            && (incident.causes.iter().any(|cause| cause == fingerprint)
                || waits(incident)
                || has_session(incident))
    };
    let (queue, incident) = (session.queue.clone(), fix.incident.clone());
    let mut queues = vec![QueueOfCause { queue, incident }];
    for incident in sessions.incidents.iter().filter(is_of_cause) {
        if !queues.iter().any(|known| is_same(&known.queue, &incident.queue)) {
            let (queue, incident) = (incident.queue.clone(), incident.id.clone());
            queues.push(QueueOfCause { queue, incident });
        }
    }
    queues
}

fn is_same(a: &Queue, b: &Queue) -> bool {
    match a.arn.is_empty() || b.arn.is_empty() {
        true => a.url == b.url && a.name == b.name,
        false => a.arn == b.arn,
    }
}

/// Returns the redrives for fixes that a kill has interrupted, and that nobody was told of. `is_running`
/// tells whether the lock of a queue is held.
pub fn interrupted(redrives: &Redrives, is_running: impl Fn(&str) -> bool) -> Vec<Move> {
    let is_open = |one: &&Move| {
        one.kind == MoveKind::Redrive && one.session.is_some() && one.finished_at.is_none()
    };
    let open = redrives.moves.iter().filter(is_open);
    open.filter(|one| !is_running(&one.queue.arn)).cloned().collect()
}

#[cfg(test)]
mod tests {
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
        due(&prs, &sessions, &Redrives { moves: moves.into_iter().collect() })
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
        let cause =
            |fingerprint: &str| Some(json!({"fingerprint": fingerprint, "likeness": "error"}));
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
            ..Sessions::default()
        };
        let prs = PullRequests {
            sessions: vec![fix()],
            watched: [("PR_1".to_owned(), watched("PR_1", "Acme/shop", Some(DEPLOYED)))].into(),
            ..PullRequests::default()
        };
        let names = |moves: Vec<Move>| -> Vec<String> {
            let due = due(&prs, &sessions, &Redrives { moves });
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
            (
                "not consumed",
                vec![moved("s1", "orders-dlq", Some(MoveOutcome::Unverified))],
                vec![],
            ),
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
}
