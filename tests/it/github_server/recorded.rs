//! Answers of REST, compared in their form with those that GitHub gave to PyGithub.

use serde_json::{Value, json};

use crate::support::github_server::GithubServer;

const REPO: &str = "/repos/acme/web";

/// Reads every kind of object over REST.
fn read_all(server: &GithubServer) {
    let (_, main) = server.json("GET", &format!("{REPO}/git/ref/heads/main"), None);
    let sha = main["object"]["sha"].as_str().unwrap();
    let paths = [
        "/user".to_owned(),
        "/users/ann".to_owned(),
        "/rate_limit".to_owned(),
        "/search/issues?q=repo:acme/web".to_owned(),
        REPO.to_owned(),
    ];
    let commit = format!("git/commits/{sha}");
    let parts = [
        "branches/main",
        "git/matching-refs/heads/",
        &commit,
        "commits",
        "commits/fix",
        "compare/main...fix",
        "commits/fix/check-runs",
        "commits/fix/status",
        "commits/fix/statuses",
        "commits/fix/pulls",
        "pulls",
        "pulls/1",
        "pulls/1/commits",
        "pulls/1/files",
        "pulls/1/reviews",
        "pulls/1/requested_reviewers",
        "issues",
        "issues/1",
        "issues/1/comments",
        "issues/1/labels",
        "labels",
        "deployments",
    ];
    let parts = parts.iter().map(|part| format!("{REPO}/{part}"));
    for path in paths.into_iter().chain(parts) {
        let (status, answer) = server.json("GET", &path, None);
        assert_eq!(status, 200, "{path}: {answer}");
    }
}

/// Changes every kind of object over REST.
fn write_all(server: &GithubServer) {
    let (_, main) = server.json("GET", &format!("{REPO}/git/ref/heads/main"), None);
    let sha = &main["object"]["sha"];
    let statuses = format!("statuses/{}", sha.as_str().unwrap());
    let rows: [(&str, &str, Value, u16); 12] = [
        ("POST", "git/refs", json!({"ref": "refs/heads/new", "sha": sha}), 201),
        ("PATCH", "git/refs/heads/new", json!({"sha": sha, "force": true}), 200),
        ("POST", "pulls", json!({"title": "t", "head": "other", "base": "main"}), 201),
        ("PATCH", "pulls/2", json!({"title": "u"}), 200),
        ("POST", "pulls/2/requested_reviewers", json!({"reviewers": ["ann"]}), 201),
        ("POST", "issues", json!({"title": "t", "body": "b", "labels": ["dlq"]}), 201),
        ("PATCH", "issues/3", json!({"state": "closed"}), 200),
        ("POST", "issues/2/labels", json!({"labels": ["dlq"]}), 200),
        ("POST", "issues/2/assignees", json!({"assignees": ["ann"]}), 201),
        ("POST", "issues/2/comments", json!({"body": "text"}), 201),
        ("POST", &statuses, json!({"state": "success"}), 201),
        ("PUT", "pulls/2/merge", json!({}), 200),
    ];
    for (method, path, body, expected) in rows {
        let (status, answer) = server.json(method, &format!("{REPO}/{path}"), Some(&body));
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
}

#[test]
fn answers_have_the_form_of_recorded_ones() {
    let Some(server) = GithubServer::with_repo() else { return };
    server.act("repo", json!({"name": "acme/web", "roles": {"ann": "write"}}));
    let pull = json!({"repo": "acme/web", "title": "t", "head": "fix", "files": {"a.txt": "2\n"},
        "labels": ["dlq"], "body": "b"});
    server.act("pull", pull);
    for (name, body) in [
        ("request", json!({"repo": "acme/web", "number": 1, "logins": ["eve"], "teams": ["core"]})),
        ("review", json!({"repo": "acme/web", "number": 1, "login": "ann"})),
        ("comment", json!({"repo": "acme/web", "number": 1, "body": "text"})),
        ("check", json!({"repo": "acme/web", "number": 1, "conclusion": "success"})),
        ("status", json!({"repo": "acme/web", "number": 1, "state": "pending"})),
        ("deployment", json!({"repo": "acme/web"})),
        ("commit", json!({"repo": "acme/web", "branch": "other", "files": {"b": "1"}})),
    ] {
        server.act(name, body);
    }
    read_all(&server);
    write_all(&server);
    let found = server.read("shapes");
    assert_eq!(found["deviations"], json!([]));
    let compared = found["compared"].as_array().unwrap().len();
    assert!(compared >= 30, "{found}");
    server.assert_allowed();
}
