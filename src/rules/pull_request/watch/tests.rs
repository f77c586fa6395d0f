use super::fixtures::reading;
use super::*;
use crate::rules::pull_request::reading::{ReviewOpinion, ReviewReading};

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes))
}

fn opinion(id: &str, is_approval: bool) -> ReviewOpinion {
    ReviewOpinion { id: id.into(), is_approval }
}

/// A pull request with the given opinions, and nobody asked.
fn reviewed(opinions: Vec<ReviewOpinion>) -> PullRequestReading {
    let review = ReviewReading { opinions: Some(opinions), ..Default::default() };
    PullRequestReading { review, ..reading() }
}

fn with_checks(checks: ChecksState, commit: &str) -> PullRequestReading {
    let mut reading = PullRequestReading { checks, ..reading() };
    reading.head.commit = commit.into();
    reading
}

fn ended(state: PullRequestState) -> PullRequestReading {
    PullRequestReading { state, ..reading() }
}

/// Looks at the readings, a minute apart; the first is the baseline. Returns the record and the news
/// of each look.
fn look(
    readings: &[PullRequestReading],
) -> (Option<WatchedPullRequest>, Vec<Vec<PullRequestChange>>) {
    let mut known: Option<WatchedPullRequest> = None;
    let mut news = Vec::new();
    for (minute, reading) in readings.iter().enumerate() {
        let minute = minute as u64;
        let origin = PullRequestOrigin::Person;
        let judged = judge_reading(known.as_ref(), reading, origin, minute == 0, at(minute));
        news.push(match judged {
            Some((next, changes)) => {
                // The document is written and read between two looks.
                let text = serde_json::to_string(&next).unwrap();
                known = Some(serde_json::from_str(&text).unwrap());
                changes
            }
            None => Vec::new(),
        });
    }
    (known, news)
}

#[test]
fn each_change_is_news_once() {
    use ChecksState::{Failing, Passing, Pending, Unavailable};
    use PullRequestChange::{Approved, ChangesRequested, ChecksFailed, Closed, Merged, Reopened};
    let merged = |commit: Option<&str>| {
        ended(PullRequestState::Merged { at: at(1), commit: commit.map(str::to_owned) })
    };
    let closed = || ended(PullRequestState::Closed { at: at(1) });
    let (yes, no) = (|| opinion("R1", true), |id: &str| opinion(id, false));
    let unreadable = || {
        let review = ReviewReading::default();
        PullRequestReading { review, ..reading() }
    };
    let merge = || Merged { commit: Some("m1".into()) };
    let rows = [
        ("nothing changes", vec![reading(), reading()], vec![vec![]]),
        (
            "approved",
            vec![reading(), reviewed(vec![yes()]), reviewed(vec![yes()])],
            vec![vec![Approved], vec![]],
        ),
        (
            "approval was not readable for a look",
            vec![reading(), reviewed(vec![yes()]), unreadable(), reviewed(vec![yes()])],
            vec![vec![Approved], vec![], vec![]],
        ),
        (
            "approved before the first look",
            vec![reviewed(vec![yes()]), reviewed(vec![yes()])],
            vec![vec![]],
        ),
        (
            "changes requested",
            vec![reading(), reviewed(vec![no("R1")]), reviewed(vec![no("R1")])],
            vec![vec![ChangesRequested], vec![]],
        ),
        (
            "changes requested again",
            vec![reading(), reviewed(vec![no("R1")]), reviewed(vec![no("R2")])],
            vec![vec![ChangesRequested], vec![ChangesRequested]],
        ),
        (
            "checks fail once a commit",
            vec![
                reading(),
                with_checks(Failing, "c1"),
                with_checks(Unavailable, "c1"),
                with_checks(Failing, "c1"),
                with_checks(Pending, "c2"),
                with_checks(Failing, "c2"),
            ],
            vec![vec![ChecksFailed], vec![], vec![], vec![], vec![ChecksFailed]],
        ),
        (
            "failed before the first look",
            vec![
                with_checks(Failing, "c1"),
                with_checks(Failing, "c1"),
                with_checks(Passing, "c1"),
            ],
            vec![vec![], vec![]],
        ),
        (
            "merged",
            vec![reading(), merged(Some("m1")), merged(Some("m1"))],
            vec![vec![merge()], vec![]],
        ),
        (
            "merge is final",
            vec![reading(), merged(Some("m1")), reading(), closed()],
            vec![vec![merge()], vec![], vec![]],
        ),
        (
            "commit of the merge comes later",
            vec![reading(), merged(None), merged(Some("m1"))],
            vec![vec![], vec![merge()]],
        ),
        (
            "closed and reopened",
            vec![reading(), closed(), reading(), closed()],
            vec![vec![Closed], vec![Reopened], vec![Closed]],
        ),
        (
            "closed, then found merged",
            vec![reading(), closed(), merged(Some("m1"))],
            vec![vec![Closed], vec![merge()]],
        ),
    ];
    for (rule, readings, expected) in rows {
        let (_, news) = look(&readings);
        assert_eq!(news[0], [PullRequestChange::Found { is_baseline: true }], "{rule}");
        assert_eq!(news[1..], expected, "{rule}");
    }
}

#[test]
fn merge_without_its_commit_is_news_after_a_while() {
    let merged = ended(PullRequestState::Merged { at: at(5), commit: None });
    let origin = PullRequestOrigin::Person;
    let (known, _) = judge_reading(None, &reading(), origin, true, at(0)).unwrap();
    let (known, news) = judge_reading(Some(&known), &merged, origin, false, at(14)).unwrap();
    assert_eq!(news, []);
    let (_, news) = judge_reading(Some(&known), &merged, origin, false, at(15)).unwrap();
    assert_eq!(news, [PullRequestChange::Merged { commit: None }]);
}

#[test]
fn ended_pull_requests_that_were_not_known_are_left_out() {
    let closed = ended(PullRequestState::Closed { at: at(1) });
    assert_eq!(judge_reading(None, &closed, PullRequestOrigin::Person, false, at(2)), None);
}

#[test]
fn turn_begins_anew_for_another_actor_and_after_a_push() {
    let draft = || PullRequestReading { is_draft: true, ..reading() };
    let pending = || with_checks(ChecksState::Pending, "c1");
    let pushed = |minute| PullRequestReading { renewed_at: Some(at(minute)), ..reading() };
    let young = || {
        let renewed_at = Some(Timestamp::from_millis(-1_000_000));
        PullRequestReading { renewed_at, ..reading() }
    };
    let approved = || reviewed(vec![opinion("R1", true)]);
    let approved_pending = || PullRequestReading { checks: ChecksState::Pending, ..approved() };
    let rows = [
        ("since its creation", vec![reading(), reading()], 0),
        ("from draft to review", vec![draft(), draft(), reading(), reading()], 2),
        ("checks run while a reviewer is asked", vec![reading(), pending(), reading()], 0),
        ("push", vec![reading(), reading(), pushed(1), pushed(1)], 1),
        (
            "push of an old commit",
            vec![reading(), reading(), with_checks(ChecksState::Passing, "c0")],
            2,
        ),
        ("a commit of the future is no push", vec![reading(), pushed(500), pushed(500)], 0),
        ("of the future when it is found", vec![pushed(500), pushed(500)], 0),
        ("found with a commit that is older", vec![young(), young()], 0),
        (
            "checks of an approved one are run again",
            vec![approved(), approved_pending(), approved()],
            0,
        ),
        ("approved", vec![reading(), approved(), approved()], 1),
    ];
    for (rule, readings, since) in rows {
        let (known, _) = look(&readings);
        assert_eq!(known.unwrap().turn_since, at(since), "{rule}");
    }
}

#[test]
fn unread_pull_request_is_reported_once_and_never_closed() {
    let (known, _) = look(&[reading()]);
    let mut known = known.unwrap();
    let mut news = Vec::new();
    for _ in 0..5 {
        let (next, change) = judge_unread(&known, "not found");
        (known, news) = (next, [news, vec![change]].concat());
    }
    let unreadable = PullRequestChange::Unreadable { reason: "not found".into() };
    assert_eq!(news, [None, None, Some(unreadable), None, None]);
    assert_eq!(known.end, None);
    let (next, _) =
        judge_reading(Some(&known), &reading(), PullRequestOrigin::Person, false, at(9)).unwrap();
    assert_eq!(next.unread, 0);
}

#[test]
fn renamed_repository_keeps_its_record() {
    let renamed = PullRequestReading { repo: "acme/shop".into(), ..reading() };
    let (known, news) = look(&[reading(), renamed]);
    assert_eq!(known.unwrap().repo, "acme/shop");
    assert_eq!(news[1], []);
}

#[test]
fn turn_that_the_baseline_finds_counts_as_reminded() {
    for is_baseline in [true, false] {
        let origin = PullRequestOrigin::Person;
        let (record, _) = judge_reading(None, &reading(), origin, is_baseline, at(5)).unwrap();
        assert_eq!(record.reminded_at, is_baseline.then(|| at(5)));
    }
}

#[test]
fn few_deployments_are_remembered() {
    let mut search = DeploymentSearch::default();
    (0..30).for_each(|id| search.add_lacking(id));
    assert_eq!((search.lacking.len(), search.lacking[0]), (20, 10));
}
