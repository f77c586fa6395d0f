//! Comments that tell a pull request what became of the dead letters of its cause. Pure.
//!
//! Promises: one comment a move; a move whose pull request is not ours has none.

use std::time::Duration;

use super::document::{FixState, FixStep, PullRequests};
use super::news::subject;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::text::count;
use crate::time::Timestamp;

/// The time after the end of a move in which a comment is tried.
const TOLD_WITHIN: Duration = Duration::from_secs(86_400);

/// Returns the moves that a pull request of ours is not told about yet, each with the fix that has opened
/// it: the one that the move names, else the newest for one of its causes.
pub fn due<'a>(
    prs: &'a PullRequests,
    moves: &'a [Move],
    now: Timestamp,
) -> Vec<(&'a FixState, &'a Move)> {
    let is_due = |one: &&Move| {
        let is_redrive = matches!(one.kind, MoveKind::Redrive | MoveKind::Native);
        let is_fresh = one.finished_at.is_some_and(|at| now < at.plus(TOLD_WITHIN));
        is_redrive && is_fresh && one.moved > 0 && !one.commented
    };
    let fix_of = |one: &'a Move| Some((fix_of(prs, one)?, one));
    moves.iter().filter(is_due).filter_map(fix_of).collect()
}

fn fix_of<'a>(prs: &'a PullRequests, moved: &Move) -> Option<&'a FixState> {
    let opened = || prs.sessions.iter().rev().filter(|one| one.step == FixStep::Opened);
    let is_named = |one: &FixState, repo: &str, wanted: &str| {
        let opened = one.pull_request.as_ref();
        opened.is_some_and(|pr| subject(repo, pr.number).eq_ignore_ascii_case(wanted))
    };
    // The name may be older than a rename, and another repository may have it now.
    let was_named = |one: &FixState, wanted: &str| {
        let former = prs.watched_of(one).map(|watched| &watched.former_repos);
        former.into_iter().flatten().any(|repo| is_named(one, repo, wanted))
    };
    match &moved.pull_request {
        Some(wanted) => opened()
            .find(|one| is_named(one, &one.repo, wanted))
            .or_else(|| opened().find(|one| was_named(one, wanted))),
        None => opened().find(|one| moved.fingerprints.contains(&one.fingerprint)),
    }
}

/// Returns the marker of the comment about a move. It is hidden, and proves nothing.
pub fn marker(moved: &Move) -> String {
    let kept: String =
        moved.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("<!-- dlq-tools redrive {kept} -->")
}

/// Returns the comment. It has numbers only, so that everybody may read it.
pub fn comment(moved: &Move) -> String {
    let is_unwatched = moved.outcome == Some(MoveOutcome::Completed)
        && moved.verified.is_none()
        && moved.returned == 0;
    let mut text = format!("{}\n{} redriven", marker(moved), count(moved.moved, "message"));
    if !is_unwatched {
        text += &format!(", {} returned", moved.returned);
    }
    if moved.parked > 0 {
        text += &format!(", {} parked after dying twice", moved.parked);
    }
    text += match (moved.outcome, moved.verified) {
        (Some(MoveOutcome::Completed), Some(true)) => ". They were consumed and stayed gone.\n",
        (Some(MoveOutcome::Completed), _) => ". Whether they stay gone was not watched.\n",
        (Some(MoveOutcome::Unverified), _) => ". Whether they were consumed was not seen.\n",
        (Some(MoveOutcome::Aborted) | None, _) => ". The redrive was stopped before its end.\n",
    };
    text
}

#[cfg(test)]
mod tests {
    use super::super::document::OpenedPullRequest;
    use super::super::watch::fixtures::watched;
    use super::*;

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000).plus(Duration::from_secs(3600) * hours)
    }

    fn opened(id: &str, number: u64, fingerprint: &str) -> FixState {
        FixState {
            id: id.into(),
            step: FixStep::Opened,
            repo: "acme/web".into(),
            fingerprint: fingerprint.into(),
            pull_request: Some(OpenedPullRequest { number, ..OpenedPullRequest::default() }),
            ..FixState::default()
        }
    }

    fn moved() -> Move {
        Move {
            id: "0a1b".into(),
            fingerprints: vec!["f1".into()],
            finished_at: Some(at(0)),
            outcome: Some(MoveOutcome::Completed),
            verified: Some(true),
            moved: 312,
            ..Move::default()
        }
    }

    #[test]
    fn finished_redrive_is_told_once_to_the_pull_request_of_its_cause() {
        let prs = PullRequests {
            sessions: vec![opened("a", 1, "f1"), opened("b", 2, "f1"), opened("c", 3, "f2")],
            ..PullRequests::default()
        };
        let named = |name: &str| Move { pull_request: Some(name.into()), ..moved() };
        let of = |kind| Move { kind, ..moved() };
        let rows: [(&str, Move, u32, Option<&str>); 12] = [
            ("by its cause, the newest", moved(), 1, Some("b")),
            ("by its name", named("Acme/Web#1"), 1, Some("a")),
            ("another's name", named("acme/web#9"), 1, None),
            ("another cause", Move { fingerprints: vec!["f9".into()], ..moved() }, 1, None),
            ("all messages", Move { fingerprints: Vec::new(), ..moved() }, 1, None),
            ("told", Move { commented: true, ..moved() }, 1, None),
            ("running", Move { finished_at: None, ..moved() }, 1, None),
            ("a day ago", moved(), 24, None),
            ("nothing moved", Move { moved: 0, ..moved() }, 1, None),
            ("aborted", Move { outcome: Some(MoveOutcome::Aborted), ..moved() }, 1, Some("b")),
            ("a purge", of(MoveKind::Purge), 1, None),
            ("by a move task", of(MoveKind::Native), 1, Some("b")),
        ];
        for (rule, one, hours, expected) in rows {
            let moves = [one];
            let due = due(&prs, &moves, at(hours));
            let found: Vec<&str> = due.iter().map(|(fix, _)| fix.id.as_str()).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{rule}");
        }
        // Its repository has another name now, and another one of ours has the old one.
        let mut renamed = watched("PR_2", "acme/web", 1);
        renamed.rename("acme/site");
        let with_node = |id: &str, repo: &str, node: &str| FixState {
            repo: repo.into(),
            pull_request: Some(OpenedPullRequest { id: node.into(), number: 1, url: "".into() }),
            ..opened(id, 1, "f1")
        };
        let site = with_node("b", "acme/site", "PR_2");
        let rows = [
            ("by its former name", vec![site.clone()], "acme/web#1", Some("b")),
            ("by its present name", vec![site.clone()], "Acme/Site#1", Some("b")),
            ("another number", vec![site.clone()], "acme/web#2", None),
            ("a name that was never its", vec![site.clone()], "acme/old#1", None),
            (
                "who has the name now",
                vec![with_node("a", "acme/web", "PR_1"), site],
                "acme/web#1",
                Some("a"),
            ),
        ];
        for (rule, sessions, name, expected) in rows {
            let watched = [("PR_2".to_owned(), renamed.clone())].into();
            let prs = PullRequests { sessions, watched, ..PullRequests::default() };
            let moves = [named(name)];
            let due = due(&prs, &moves, at(1));
            assert_eq!(due.first().map(|(fix, _)| &*fix.id), expected, "{rule}");
        }
        let refused = FixState { step: FixStep::Refused, ..opened("a", 1, "f1") };
        let prs = PullRequests { sessions: vec![refused], ..PullRequests::default() };
        assert!(due(&prs, &[moved()], at(1)).is_empty(), "refused");
    }

    #[test]
    fn comment_has_the_numbers_and_the_end() {
        let rows = [
            (moved(), "312 messages redriven, 0 returned. They were consumed and stayed gone."),
            (
                Move { verified: None, ..moved() },
                "312 messages redriven. Whether they stay gone was not watched.",
            ),
            (
                Move { moved: 1, returned: 1, outcome: Some(MoveOutcome::Aborted), ..moved() },
                "1 message redriven, 1 returned. The redrive was stopped before its end.",
            ),
            (
                Move { parked: 2, outcome: Some(MoveOutcome::Unverified), ..moved() },
                "312 messages redriven, 0 returned, 2 parked after dying twice. Whether they were \
                 consumed was not seen.",
            ),
        ];
        for (one, expected) in rows {
            assert_eq!(comment(&one), format!("<!-- dlq-tools redrive 0a1b -->\n{expected}\n"));
        }
        let hostile = Move { id: "a--><b>".into(), ..moved() };
        assert_eq!(marker(&hostile), "<!-- dlq-tools redrive a--b -->");
    }
}
