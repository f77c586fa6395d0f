//! Faults that are queued: each has the meaning that the rules know for GitHub's own.

use dlq::rules::pull_request::answer::{GithubAnswer, InvalidRequest, meaning};
use dlq::rules::pull_request::query::{QueryFault, read_answer};
use dlq::time::Timestamp;
use serde_json::json;

use crate::support::github_server::GithubServer;

const REPO: &str = "/repos/acme/web";

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000_000_000)
}

#[test]
fn fault_has_its_meaning_once() {
    let Some(server) = GithubServer::with_repo() else { return };
    let limited = |seconds| GithubAnswer::Limited {
        until: now().plus(std::time::Duration::from_secs(seconds)),
    };
    let forbidden = GithubAnswer::Forbidden {
        sentence: "Resource not accessible by personal access token".into(),
        permissions: Some("pull_requests=write".into()),
    };
    let rows = [
        ("bad_gateway", GithubAnswer::ServerFault { status: 502 }),
        ("server_error", GithubAnswer::ServerFault { status: 500 }),
        ("unavailable", GithubAnswer::ServerFault { status: 503 }),
        ("cut", GithubAnswer::ServerFault { status: 200 }),
        ("secondary_limit", limited(90)),
        ("secondary_limit_bare", limited(60)),
        ("too_many_requests", limited(30)),
        ("too_many_requests_bare", limited(60)),
        ("bad_credentials", GithubAnswer::Unauthorized),
        ("not_found", GithubAnswer::NotFound),
        ("forbidden", forbidden),
        ("draft_unsupported", GithubAnswer::Invalid(InvalidRequest::DraftsUnsupported)),
        ("pull_exists", GithubAnswer::Invalid(InvalidRequest::PullRequestExists)),
        ("no_commits", GithubAnswer::Invalid(InvalidRequest::NoCommits)),
        ("ref_exists", GithubAnswer::Invalid(InvalidRequest::RefExists)),
        ("reviewer", GithubAnswer::Invalid(InvalidRequest::Reviewer)),
    ];
    for (kind, expected) in rows {
        server.queue_fault(kind, "GET", "^/repos/acme/web$");
        let other = server.ask("GET", "/repos/acme/web/issues", "token", None);
        assert_eq!(other.status, 200, "{kind} met another path");
        let answer = server.ask("GET", REPO, "token", None);
        assert_eq!(meaning(&answer, 0, now()), expected, "{kind}: {answer:?}");
        assert_eq!(server.ask("GET", REPO, "token", None).status, 200, "{kind} a second time");
    }
    server.queue_fault("validation", "GET", REPO);
    let answer = server.ask("GET", REPO, "token", None);
    let found = meaning(&answer, 0, now());
    assert!(matches!(found, GithubAnswer::Invalid(InvalidRequest::Fields(_))), "{found:?}");
    server.queue_fault("primary_limit", "GET", REPO);
    let answer = server.ask("GET", REPO, "token", None);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    assert!(answer.header("x-ratelimit-reset").is_some());
    server.assert_allowed();
}

#[test]
fn connection_that_ends_or_hangs_gives_no_answer() {
    let Some(server) = GithubServer::with_repo() else { return };
    server.queue_fault("close", "GET", REPO);
    let headers = [("Authorization", "Bearer token")];
    assert!(server.send("GET", REPO, &headers, None).is_err());
    server.act("faults", json!({"kind": "hang", "path": REPO, "hang_s": 0.3}));
    assert!(server.send("GET", REPO, &headers, None).is_err());
    server.act("faults", json!({"delay_ms": 300, "path": REPO}));
    let answer = server.send("GET", REPO, &headers, None).unwrap();
    assert_eq!(answer.status, 200);
    let log = server.log("^/repos/acme/web$");
    assert!(log.last().unwrap()["ms"].as_f64().unwrap() >= 300.0, "{log:?}");
    server.queue_fault("non_json", "GET", REPO);
    let answer = server.ask("GET", REPO, "token", None);
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"<html>login</html>".as_slice()));
    server.assert_allowed();
}

#[test]
fn request_can_take_effect_though_its_answer_is_lost() {
    let Some(server) = GithubServer::with_repo() else { return };
    let fault = json!({"kind": "bad_gateway", "method": "POST", "path": "/issues$", "after": true,
        "skip": 1});
    server.act("faults", fault);
    let issues = format!("{REPO}/issues");
    let mut statuses = Vec::new();
    for number in 0..3 {
        let body = json!({"title": format!("issue {number}")});
        statuses.push(server.json("POST", &issues, Some(&body)).0);
    }
    assert_eq!(statuses, [201, 502, 201]);
    let state = server.read("state?repo=acme/web");
    assert_eq!(state["issues"].as_array().unwrap().len(), 3);
    assert_eq!(server.read("faults")[0]["hits"], json!(1));
    server.assert_allowed();
}

#[test]
fn graphql_fault_is_read_as_one() {
    let Some(server) = GithubServer::with_repo() else { return };
    let body = json!({"query": "{ viewer { login } }"});
    let rows = [
        ("graphql_limit", QueryFault::RateLimited),
        ("graphql_wide", QueryFault::TooWide),
        ("graphql_timeout", QueryFault::TooWide),
        ("non_json", QueryFault::Malformed),
    ];
    for (kind, expected) in rows {
        server.queue_fault(kind, "POST", "^/graphql$");
        let answer = server.ask("POST", "/api/graphql", "token", Some(&body));
        assert_eq!(read_answer(&answer.body), Err(expected), "{kind}");
        let answer = server.ask("POST", "/graphql", "token", Some(&body));
        assert_eq!(read_answer(&answer.body).unwrap().login.as_deref(), Some("bot"));
    }
    server.assert_allowed();
}
