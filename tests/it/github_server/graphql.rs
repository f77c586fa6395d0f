//! GraphQL: the texts of the rules by GitHub's published schema, and the forms of partial answers.

use dlq::rules::pull_request::query::{
    PullRequestSearch, QueryAnswer, QueryFault, SEARCHES_MAX, nodes_body, read_answer, search_body,
    viewer_body,
};
use dlq::rules::pull_request::reading::{
    ChecksState, MergingItself, PullRequestState, ReviewDecision,
};
use serde_json::{Value, json};

use crate::support::github_server::GithubServer;

fn search(text: &str) -> PullRequestSearch {
    PullRequestSearch { text: format!("is:pr {text}"), places: Vec::new(), after: None }
}

/// Sends a request and reads its answer by the rules.
#[track_caller]
fn read(server: &GithubServer, body: &Value) -> Result<QueryAnswer, QueryFault> {
    read_answer(&server.ask("POST", "/graphql", "token", Some(body)).body)
}

#[test]
fn texts_are_those_of_the_published_schema() {
    let Some(server) = GithubServer::start() else { return };
    let searches: Vec<_> = (0..SEARCHES_MAX).map(|n| search(&n.to_string())).collect();
    for body in [search_body(&searches, 25), nodes_body(&["PR_1".into()]), viewer_body()] {
        let found = server.act("query", json!({"text": body["query"]}));
        assert_eq!(found["errors"], json!([]), "{body}");
    }
    let wrong = server.act("query", json!({"text": "{ viewer { logon } }"}));
    assert!(wrong.to_string().contains("Cannot query field 'logon'"), "{wrong}");
    let wrong = json!({"query": "{ viewer { logon } }"});
    server.act("token", json!({"token": "token", "login": "bot"}));
    assert!(matches!(read(&server, &wrong), Err(QueryFault::Refused(_))));
    server.assert_allowed();
}

#[test]
fn pull_request_is_read_as_the_server_has_it() {
    let Some(server) = GithubServer::with_repo() else { return };
    let pull = json!({"repo": "acme/web", "title": "t", "head": "fix", "draft": true,
        "files": {"a.txt": "2\n"}, "labels": ["dlq"]});
    let id = server.act("pull", pull)["node_id"].as_str().unwrap().to_owned();
    let acts = [
        ("repo", json!({"name": "acme/web", "required_reviews": 1})),
        ("request", json!({"repo": "acme/web", "number": 1, "logins": ["ann"], "teams": ["core"]})),
        (
            "review",
            json!({"repo": "acme/web", "number": 1, "login": "eve",
            "state": "CHANGES_REQUESTED"}),
        ),
        ("check", json!({"repo": "acme/web", "number": 1, "status": "in_progress"})),
        ("merging", json!({"repo": "acme/web", "number": 1, "auto": true})),
    ];
    for (name, body) in acts {
        server.act(name, body);
    }
    let answer = read(&server, &search_body(&[search("repo:acme/web is:open")], 25)).unwrap();
    let found = &answer.pages[&0].found[0];
    assert_eq!((found.id.as_str(), found.number, found.is_draft), (id.as_str(), 1, true));
    assert_eq!((found.checks, found.merging), (ChecksState::Pending, MergingItself::Auto));
    assert_eq!(found.review.decision, Some(ReviewDecision::ChangesRequested));
    assert_eq!((found.review.requested, found.review.asked.len()), (2, 2));
    assert_eq!((found.has_conflicts, &found.labels), (Some(false), &vec!["dlq".to_owned()]));
    assert!(found.renewed_at.is_some());

    let merged = server.act("merge", json!({"repo": "acme/web", "number": 1, "method": "squash"}));
    let answer = read(&server, &nodes_body(&[id, "PR_unknown".into()])).unwrap();
    let state = &answer.nodes[0].as_ref().unwrap().state;
    let commit = merged["sha"].as_str().map(str::to_owned);
    assert!(
        matches!(state, PullRequestState::Merged { commit: found, .. } if *found == commit),
        "{state:?}"
    );
    assert!(answer.nodes[1].is_none() && answer.error.is_some(), "{answer:?}");
    server.assert_allowed();
}

#[test]
fn part_that_a_token_may_not_read_is_null_with_an_error() {
    let Some(server) = GithubServer::with_repo() else { return };
    let pull = json!({"repo": "acme/web", "title": "t", "files": {"a.txt": "2\n"}});
    server.act("pull", pull);
    server.act("check", json!({"repo": "acme/web", "number": 1, "conclusion": "success"}));
    let body = search_body(&[search("repo:acme/web")], 25);
    let checks = |answer: &QueryAnswer| answer.pages[&0].found[0].checks;
    assert_eq!(checks(&read(&server, &body).unwrap()), ChecksState::Passing);
    server.act("token", json!({"token": "token", "forbidden": ["statusCheckRollup"]}));
    let answer = read(&server, &body).unwrap();
    assert_eq!(checks(&answer), ChecksState::Unavailable);
    assert!(answer.error.unwrap().contains("Resource not accessible"));
    let narrow = json!({"token": "token", "kind": "fine_grained", "forbidden": []});
    server.act("token", narrow);
    assert_eq!(checks(&read(&server, &body).unwrap()), ChecksState::Unavailable);

    let fault = json!({"path": "graphql", "null": ["s0/nodes/0"]});
    server.act("faults", fault);
    let answer = read(&server, &body).unwrap();
    assert_eq!((answer.pages[&0].found.len(), answer.pages[&0].unread), (0, 1));
    server.assert_allowed();
}

#[test]
fn wide_request_is_given_up_and_many_pull_requests_have_pages() {
    let Some(server) = GithubServer::with_repo() else { return };
    server.act("seed", json!({"repos": 3, "pulls": 30, "owner": "acme"}));
    server.act("settings", json!({"graphql_width": 20}));
    let body = |width| search_body(&[search("org:acme is:open sort:created-asc")], width);
    assert_eq!(read(&server, &body(25)), Err(QueryFault::TooWide));
    server.act("settings", json!({"graphql_width_answer": "502"}));
    assert_eq!(server.ask("POST", "/graphql", "token", Some(&body(25))).status, 502);
    let first = read(&server, &body(20)).unwrap();
    let page = &first.pages[&0];
    assert_eq!((page.found.len(), page.total), (20, 30));
    let mut rest = search("org:acme is:open sort:created-asc");
    rest.after.clone_from(&page.next);
    let second = read(&server, &search_body(&[rest], 20)).unwrap();
    let page = &second.pages[&0];
    assert_eq!((page.found.len(), page.next.as_deref()), (10, None));
    assert!(second.budget.unwrap().remaining < first.budget.unwrap().remaining);
    server.act("limit", json!({"login": "bot", "bucket": "graphql", "used": 5000}));
    assert_eq!(read(&server, &body(20)), Err(QueryFault::RateLimited));
    server.assert_allowed();
}
