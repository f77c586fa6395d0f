//! The fixes whose dead letters may go home without a person: opened from here, merged, and live. Pure.
//!
//! Decided from records alone: a line of a stream can be written by anybody. That time has passed since
//! a merge proves no deployment.

use crate::event::Queue;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::document::{FixState, FixStep, PullRequests};
use crate::rules::redrive::document::Redrives;
use crate::time::Timestamp;

/// A fix that is live, and whose messages have not been redriven.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRedrive {
    pub session: String,
    pub incident: String,
    pub fingerprint: String,
    pub queue: Queue,
    /// `owner/name#12`.
    pub pull_request: String,
    pub deployed_at: Timestamp,
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
    // A redrive for this fix is made once: a person decides about the next one.
    let is_made = redrives.moves.iter().any(|one| one.session.as_deref() == Some(&fix.id));
    (!is_made).then(|| DueRedrive {
        session: fix.id.clone(),
        incident: fix.incident.clone(),
        fingerprint: fix.fingerprint.clone(),
        queue: session.queue.clone(),
        pull_request: format!("{}#{}", watched.repo, watched.number),
        deployed_at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::investigation::session::Session;
    use crate::rules::pull_request::document::OpenedPullRequest;
    use crate::rules::pull_request::watch::WatchedPullRequest;
    use crate::rules::redrive::document::Move;

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

    fn judged(fix: FixState, watched: WatchedPullRequest, made: Option<&str>) -> Vec<DueRedrive> {
        let prs = PullRequests {
            sessions: vec![fix],
            watched: [(watched.id.clone(), watched)].into(),
            ..PullRequests::default()
        };
        let queue = Queue { name: "orders-dlq".into(), ..Queue::default() };
        let session = Session { id: "s1".into(), queue, ..Session::default() };
        let sessions = Sessions { sessions: vec![session], ..Sessions::default() };
        let moves = made.map(|id| Move { session: Some(id.into()), ..Move::default() });
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
                    (one.fingerprint.as_str(), one.queue.name.as_str()),
                    ("f1", "orders-dlq")
                );
                assert!(one.pull_request.eq_ignore_ascii_case("acme/shop#12"), "{rule}");
            }
        }
    }
}
