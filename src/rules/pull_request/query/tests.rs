use serde_json::{Value, json};

use super::*;
use crate::rules::pull_request::reading::{ChecksState, PullRequestState, ReviewDecision};
use crate::time::Timestamp;

/// A pull request as GitHub reports it.
fn node() -> Value {
    json!({
        "id": "PR_1", "number": 12, "title": "Handle orders", "url": "https://github.com/acme/orders/pull/12",
        "isDraft": false, "state": "OPEN", "createdAt": "2026-11-27T08:00:00Z", "mergedAt": null,
        "closedAt": null, "mergeCommit": null, "baseRefName": "main", "headRefName": "fix",
        "headRefOid": "c1", "headRepository": {"nameWithOwner": "acme/orders"},
        "repository": {"nameWithOwner": "acme/orders"},
        "author": {"__typename": "User", "login": "ana"}, "isInMergeQueue": false,
        "autoMergeRequest": null, "mergeable": "MERGEABLE", "reviewDecision": null,
        "latestOpinionatedReviews": {"nodes": []}, "reviewRequests": {"totalCount": 2, "nodes": [{"requestedReviewer": {"login": "ben"}}, {"requestedReviewer": null}]},
        "labels": {"nodes": [{"name": "bug"}]},
        "timelineItems": {"nodes": [{"__typename": "ReviewRequestedEvent", "createdAt": "2026-11-27T09:00:00Z"}]},
        "commits": {"nodes": [{"commit": {"oid": "c1", "statusCheckRollup": {"state": "SUCCESS"}}}]},
    })
}

/// A pull request with other values at some places.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut node = node();
    for (place, value) in changes {
        *node.pointer_mut(place).unwrap() = value.clone();
    }
    node
}

fn answer(nodes: Vec<Value>, errors: &Value) -> Value {
    json!({
        "data": {
            "viewer": {"login": "robot"},
            "rateLimit": {"cost": 1, "remaining": 4999, "resetAt": "2026-11-27T10:00:00Z"},
            "s0": {"issueCount": nodes.len(), "pageInfo": {"hasNextPage": false, "endCursor": "x"}, "nodes": nodes},
        },
        "errors": errors,
    })
}

fn read(answer: &Value) -> Result<QueryAnswer, QueryFault> {
    read_answer(answer.to_string().as_bytes())
}

/// Returns the one pull request of an answer without errors.
fn one(node: Value) -> Option<PullRequestReadingOf> {
    let page = read(&answer(vec![node], &json!([]))).unwrap().pages.remove(&0).unwrap();
    page.found.into_iter().next()
}

type PullRequestReadingOf = crate::rules::pull_request::reading::PullRequestReading;

#[test]
fn pull_request_is_read_whole() {
    let read = read(&answer(vec![node()], &json!([]))).unwrap();
    assert_eq!(read.login.as_deref(), Some("robot"));
    assert_eq!(read.budget.unwrap().remaining, 4999);
    let found = &read.pages[&0].found[0];
    assert_eq!((found.repo.as_str(), found.number, found.review.requested), ("acme/orders", 12, 2));
    assert_eq!(found.checks, ChecksState::Passing);
    assert_eq!(
        (found.labels.as_slice(), found.review.asked.as_slice()),
        (&["bug".to_owned()][..], &["ben".to_owned()][..])
    );
    assert_eq!(found.renewed_at, Timestamp::parse("2026-11-27T09:00:00Z"));
}

#[test]
fn state_that_contradicts_itself_is_none() {
    let when = json!("2026-11-27T09:00:00Z");
    let at = Timestamp::parse("2026-11-27T09:00:00Z").unwrap();
    let merged =
        |commit: Option<&str>| PullRequestState::Merged { at, commit: commit.map(str::to_owned) };
    let rows = [
        ("open", vec![], Some(PullRequestState::Open)),
        (
            "merged",
            vec![
                ("/state", json!("MERGED")),
                ("/mergedAt", when.clone()),
                ("/mergeCommit", json!({"oid": "m1"})),
            ],
            Some(merged(Some("m1"))),
        ),
        (
            "merged, commit to come",
            vec![("/state", json!("MERGED")), ("/mergedAt", when.clone())],
            Some(merged(None)),
        ),
        (
            "closed",
            vec![("/state", json!("CLOSED")), ("/closedAt", when.clone())],
            Some(PullRequestState::Closed { at }),
        ),
        (
            "closed, but merged",
            vec![
                ("/state", json!("CLOSED")),
                ("/closedAt", when.clone()),
                ("/mergedAt", when.clone()),
            ],
            None,
        ),
        ("open, but closed", vec![("/closedAt", when.clone())], None),
        ("closed without its time", vec![("/state", json!("CLOSED"))], None),
        ("state of the future", vec![("/state", json!("LIMBO"))], None),
    ];
    for (rule, changes, expected) in rows {
        assert_eq!(one(with(&changes)).map(|found| found.state), expected, "{rule}");
    }
}

#[test]
fn checks_that_are_not_readable_are_unavailable() {
    let rollup = "/commits/nodes/0/commit/statusCheckRollup";
    let rows = [
        ("failing", rollup, json!({"state": "FAILURE"}), ChecksState::Failing),
        ("error", rollup, json!({"state": "ERROR"}), ChecksState::Failing),
        ("expected", rollup, json!({"state": "EXPECTED"}), ChecksState::Pending),
        ("none", rollup, Value::Null, ChecksState::NoChecks),
        ("of a newer form", rollup, json!({"state": "LIMBO"}), ChecksState::Unavailable),
        (
            "of an older commit",
            "/commits/nodes/0/commit/oid",
            json!("c0"),
            ChecksState::Unavailable,
        ),
        ("no commits", "/commits/nodes", json!([]), ChecksState::Unavailable),
    ];
    for (rule, place, value, expected) in rows {
        assert_eq!(one(with(&[(place, value)])).unwrap().checks, expected, "{rule}");
    }
    let forbidden = json!([{"type": "FORBIDDEN", "message": "Resource not accessible",
        "path": ["s0", "nodes", 0, "commits", "nodes", 0, "commit", "statusCheckRollup"]}]);
    let read = read(&answer(vec![with(&[(rollup, Value::Null)])], &forbidden)).unwrap();
    assert_eq!(read.pages[&0].found[0].checks, ChecksState::Unavailable);
    assert_eq!(read.error.as_deref(), Some("Resource not accessible"));
}

#[test]
fn reviews_that_are_not_readable_are_unknown() {
    let nodes = json!([{"id": "R1", "state": "APPROVED"}, {"id": "R2", "state": "CHANGES_REQUESTED"},
        {"id": "R3", "state": "DISMISSED"}]);
    let found = one(with(&[("/latestOpinionatedReviews/nodes", nodes)])).unwrap();
    let opinions = found.review.opinions.unwrap();
    assert_eq!(opinions.iter().map(|one| one.is_approval).collect::<Vec<_>>(), [true, false]);
    let required = one(with(&[("/reviewDecision", json!("REVIEW_REQUIRED"))])).unwrap();
    assert_eq!(required.review.decision, Some(ReviewDecision::ReviewRequired));
    let lost = one(with(&[("/latestOpinionatedReviews", Value::Null)])).unwrap();
    assert_eq!(lost.review.opinions, None);
}

/// Null with an error is unknown, also where null alone has a meaning.
#[test]
fn review_of_which_a_part_is_lost_is_unavailable() {
    use crate::rules::pull_request::reading::MergingItself;
    use crate::rules::pull_request::turn::{ReviewState, review_state};
    let approval = json!({"nodes": [{"id": "R1", "state": "APPROVED"}]});
    let approved = || {
        with(&[
            ("/latestOpinionatedReviews", approval.clone()),
            ("/reviewRequests", json!({"totalCount": 0, "nodes": []})),
        ])
    };
    let lost = |part: &str| json!([{"type": "FORBIDDEN", "message": "no", "path": ["s0", "nodes", 0, part]}]);
    let no_error = json!([]);
    let queue = |node: &Value| (node["isInMergeQueue"].clone(), node["autoMergeRequest"].clone());
    let whole = approved();
    assert_eq!(queue(&whole), (json!(false), Value::Null));
    let parts: [(&str, bool, ReviewState, MergingItself); 7] = [
        ("nothing", false, ReviewState::Approved, MergingItself::No),
        ("reviewDecision", true, ReviewState::Unavailable, MergingItself::No),
        ("reviewRequests", true, ReviewState::Unavailable, MergingItself::No),
        ("latestOpinionatedReviews", true, ReviewState::Unavailable, MergingItself::No),
        ("isInMergeQueue", true, ReviewState::Approved, MergingItself::Unavailable),
        ("autoMergeRequest", true, ReviewState::Approved, MergingItself::Unavailable),
        // Without an error, null is what GitHub says of it.
        ("reviewDecision", false, ReviewState::Approved, MergingItself::No),
    ];
    for (part, is_error, review, merging) in parts {
        let mut node = approved();
        if part != "nothing" {
            node[part] = Value::Null;
        }
        let errors = if is_error { lost(part) } else { no_error.clone() };
        let page = read(&answer(vec![node], &errors)).unwrap().pages.remove(&0).unwrap();
        let found = &page.found[0];
        assert_eq!((review_state(&found.review), found.merging), (review, merging), "{part}");
    }
    let rows = [
        ("a decision of the future", "/reviewDecision", json!("LIMBO")),
        ("an opinion that is null", "/latestOpinionatedReviews/nodes", json!([null])),
        ("requests without their number", "/reviewRequests", json!({"nodes": []})),
    ];
    for (rule, place, value) in rows {
        let found = one(with(&[(place, value)])).unwrap();
        assert_eq!(review_state(&found.review), ReviewState::Unavailable, "{rule}");
    }
}

#[test]
fn null_node_is_unread_and_not_gone() {
    let errors = json!([{"type": "NOT_FOUND", "message": "gone", "path": ["s0", "nodes", 0]}]);
    let page = read(&answer(vec![Value::Null, node()], &errors)).unwrap().pages.remove(&0).unwrap();
    assert_eq!((page.unread, page.found.len(), page.total), (1, 1, 2));
    let confirmed = json!({"data": {"nodes": [null, node()]}, "errors": errors});
    let nodes = read(&confirmed).unwrap().nodes;
    assert!(nodes[0].is_none() && nodes[1].is_some());
}

#[test]
fn page_without_its_cursor_or_list_is_missing() {
    let broken = [
        json!({"issueCount": 2, "pageInfo": {"hasNextPage": true, "endCursor": null}, "nodes": []}),
        json!({"issueCount": 2, "pageInfo": {"hasNextPage": false}, "nodes": null}),
        json!({"pageInfo": {"hasNextPage": false}, "nodes": []}),
        Value::Null,
    ];
    for page in broken {
        let read = read(&json!({"data": {"s0": page.clone()}})).unwrap();
        assert_eq!(read.pages.len(), 0, "{page}");
    }
}

/// Null alone is a deleted account or repository, or no labels; with an error it says nothing.
#[test]
fn part_of_the_origin_is_lost_only_with_an_error() {
    use crate::rules::pull_request::reading::LostParts;
    let none = LostParts::default();
    let rows: [(&str, &[&str], LostParts); 7] = [
        ("author", &[], LostParts { author: true, ..none }),
        ("author", &["login"], LostParts { author: true, ..none }),
        ("labels", &[], LostParts { labels: true, ..none }),
        ("labels", &["nodes", "0", "name"], LostParts { labels: true, ..none }),
        ("headRepository", &[], LostParts { head_repo: true, ..none }),
        ("timelineItems", &[], LostParts { renewals: true, ..none }),
        ("mergeable", &[], none),
    ];
    for (part, rest, lost) in rows {
        let node = with(&[(&format!("/{part}"), Value::Null)]);
        assert_eq!(one(node.clone()).unwrap().lost, none, "{part} without an error");
        let mut path = vec![json!("s0"), json!("nodes"), json!(0), json!(part)];
        path.extend(rest.iter().map(|step| json!(step)));
        let error = json!([{"type": "FORBIDDEN", "message": "no", "path": path}]);
        let page = read(&answer(vec![node], &error)).unwrap().pages.remove(&0).unwrap();
        assert_eq!(page.found[0].lost, lost, "{part} {rest:?}");
    }
}

#[test]
fn fault_of_an_answer_is_told_from_the_loss_of_a_part() {
    let error = |kind: &str, message: &str| json!({"data": null, "errors": [{"type": kind, "message": message}]});
    let refused = |text: &str| QueryFault::Refused(text.to_owned());
    let rows = [
        (error("RATE_LIMITED", "API rate limit exceeded"), QueryFault::RateLimited),
        (error("", "API rate limit already exceeded for user ID 1."), QueryFault::RateLimited),
        (error("RESOURCE_LIMITS_EXCEEDED", "x"), QueryFault::TooWide),
        (error("", "Resource limits for this query exceeded."), QueryFault::TooWide),
        (error("", "Something went wrong while executing your query."), QueryFault::TooWide),
        (error("FORBIDDEN", "must have admin rights"), refused("must have admin rights")),
        (json!({"message": "Bad credentials"}), QueryFault::Malformed),
        (json!({"data": null}), QueryFault::Malformed),
        (json!([1]), QueryFault::Malformed),
    ];
    for (body, expected) in rows {
        assert_eq!(read(&body), Err(expected), "{body}");
    }
    assert_eq!(read_answer(b"<html>502</html>"), Err(QueryFault::Malformed));
}

#[test]
fn searches_stay_within_the_operators_that_are_allowed() {
    let repos = (0..14).map(|n| format!("acme/r{n}")).collect();
    let scope = WatchScope {
        repos,
        orgs: vec!["beta".into()],
        is_mine_wanted: true,
        is_review_wanted: true,
    };
    let texts: Vec<String> = searches(&scope).into_iter().map(|search| search.text).collect();
    assert_eq!(texts.len(), 5);
    assert!(
        texts
            .iter()
            .all(|text| text.matches(" OR ").count() <= 5 && text.starts_with("is:pr is:open"))
    );
    assert!(texts[2].ends_with("(repo:acme/r12 OR repo:acme/r13 OR org:beta)"), "{}", texts[2]);
    let one = WatchScope { orgs: vec!["beta".into()], ..WatchScope::default() };
    assert!(searches(&one)[0].text.ends_with(" org:beta"));
    assert_eq!(searches(&WatchScope::default()), []);
}

#[test]
fn rest_of_the_points_is_left_to_others_until_the_end_of_the_hour() {
    let at = |seconds: i64| Timestamp::from_millis(1_000_000_000 + seconds * 1000);
    // (rule, points that are left, seconds to the reset, seconds of the pause)
    let rows = [
        ("many are left", 200, 600, None),
        ("few are left", 199, 600, Some(600)),
        ("none is left", 0, 3600, Some(3600)),
        ("a new window", 0, 0, None),
        ("an end that cannot be", 0, 7200, None),
    ];
    for (rule, remaining, reset, pause) in rows {
        let budget = RateBudget { cost: 1, remaining, reset_at: at(reset) };
        assert_eq!(budget.pause(at(0)), pause.map(at), "{rule}");
    }
}

#[test]
fn pages_narrow_down_to_one() {
    let widths = std::iter::successors(Some(PAGE_MAX), |width| narrower(*width));
    assert_eq!(widths.collect::<Vec<_>>(), [25, 12, 6, 3, 1]);
}
