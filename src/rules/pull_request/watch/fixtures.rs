//! Pull requests for tests.

use super::super::origin::PullRequestOrigin;
use super::super::reading::{
    ChecksState, LostParts, MergingItself, PullRequestAuthor, PullRequestHead, PullRequestReading,
    PullRequestState, ReviewReading,
};
use super::{WatchedPullRequest, judge_reading};
use crate::time::Timestamp;

/// Returns an open pull request of a person, whose checks pass, and that a reviewer was asked for.
pub fn reading() -> PullRequestReading {
    PullRequestReading {
        id: "PR_1".into(),
        repo: "acme/orders".into(),
        number: 12,
        title: "Handle orders without items".into(),
        url: "https://github.com/acme/orders/pull/12".into(),
        author: PullRequestAuthor { login: "ana".into(), is_app: false },
        state: PullRequestState::Open,
        is_draft: false,
        base: "main".into(),
        head: PullRequestHead {
            branch: "orders-without-items".into(),
            commit: "c1".into(),
            repo: Some("acme/orders".into()),
        },
        created_at: Timestamp::from_millis(0),
        checks: ChecksState::Passing,
        review: ReviewReading {
            decision: None,
            opinions: Some(Vec::new()),
            requested: 1,
            asked: vec!["ben".into()],
        },
        merging: MergingItself::No,
        has_conflicts: Some(false),
        labels: Vec::new(),
        renewed_at: None,
        lost: LostParts::default(),
    }
}

/// Returns the record of an open pull request of a person.
pub fn watched(id: &str, repo: &str, number: u64) -> WatchedPullRequest {
    let reading = PullRequestReading { id: id.into(), repo: repo.into(), number, ..reading() };
    let (person, now) = (PullRequestOrigin::Person, Timestamp::from_millis(0));
    judge_reading(None, &reading, person, true, now).expect("it is open").0
}
