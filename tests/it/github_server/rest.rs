//! REST: refs and pull requests with a state, permissions, limits, redirections and tags.

use serde_json::{Value, json};

use crate::support::github_server::GithubServer;

const REPO: &str = "/repos/acme/web";

/// Creates a branch at the head of `main` and returns the status.
fn create_branch(server: &GithubServer, name: &str) -> u16 {
    let (_, main) = server.json("GET", &format!("{REPO}/git/ref/heads/main"), None);
    let body = json!({"ref": format!("refs/heads/{name}"), "sha": main["object"]["sha"]});
    server.json("POST", &format!("{REPO}/git/refs"), Some(&body)).0
}

#[test]
fn branch_is_created_once_of_many_at_once() {
    let Some(server) = GithubServer::with_repo() else { return };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..8).map(|_| scope.spawn(|| create_branch(&server, "dlq/f00d-1"))).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 7, "{statuses:?}");
    server.assert_allowed();
}

#[test]
fn pull_request_lives_from_draft_to_deployment() {
    let Some(server) = GithubServer::with_repo() else { return };
    let files = json!({"a.txt": "2\n"});
    server.act("commit", json!({"repo": "acme/web", "branch": "fix", "files": files}));
    let body = json!({"title": "t", "body": "b", "head": "fix", "base": "main", "draft": true});
    let pulls = format!("{REPO}/pulls");
    let (status, made) = server.json("POST", &pulls, Some(&body));
    assert_eq!((status, &made["draft"], &made["changed_files"]), (201, &json!(true), &json!(1)));
    let (status, again) = server.json("POST", &pulls, Some(&body));
    let sentence = "A pull request already exists for acme:fix.";
    assert_eq!((status, &again["errors"][0]["message"]), (422, &json!(sentence)));
    let (_, found) = server.json("GET", &format!("{pulls}?head=acme:fix&state=open"), None);
    assert_eq!(found[0]["number"], json!(1));

    // A draft cannot be merged.
    let merge = format!("{REPO}/pulls/1/merge");
    assert_eq!(server.json("PUT", &merge, Some(&json!({}))).0, 405);
    server.act("draft", json!({"repo": "acme/web", "number": 1, "draft": false}));
    let (status, merged) = server.json("PUT", &merge, Some(&json!({"merge_method": "squash"})));
    assert_eq!(status, 200, "{merged}");
    let commit = merged["sha"].as_str().unwrap();
    let (_, read) = server.json("GET", &format!("{REPO}/pulls/1"), None);
    assert_eq!((&read["merged"], &read["merge_commit_sha"]), (&json!(true), &json!(commit)));
    let tree = server.read("tree?repo=acme/web&ref=main");
    assert_eq!(tree["files"]["a.txt"]["text"], json!("2\n"));
    let parents = tree["parents"].as_array().unwrap();
    assert_eq!(parents.len(), 1, "a squash merge has lost the head");

    server.act("deployment", json!({"repo": "acme/web", "ref": commit}));
    let (_, deployments) = server.json("GET", &format!("{REPO}/deployments?sha={commit}"), None);
    let id = &deployments[0]["id"];
    let (_, states) = server.json("GET", &format!("{REPO}/deployments/{id}/statuses"), None);
    assert_eq!(states[0]["state"], json!("success"));
    server.assert_allowed();
}

#[test]
fn person_may_push_comment_review_and_close() {
    let Some(server) = GithubServer::with_repo() else { return };
    let pull = json!({"repo": "acme/web", "title": "t", "head": "fix", "files": {"a.txt": "2\n"}});
    let made = server.act("pull", pull);
    let number = &made["number"];
    let acts = [
        ("commit", json!({"repo": "acme/web", "branch": "fix", "files": {"b": "1"}})),
        ("request", json!({"repo": "acme/web", "number": number, "logins": ["ann"]})),
        ("comment", json!({"repo": "acme/web", "number": number, "body": "why?"})),
        ("review", json!({"repo": "acme/web", "number": number, "login": "ann"})),
        ("check", json!({"repo": "acme/web", "number": number, "conclusion": "failure"})),
        ("state", json!({"repo": "acme/web", "number": number, "state": "closed"})),
    ];
    for (name, body) in acts {
        server.act(name, body);
    }
    let (_, read) = server.json("GET", &format!("{REPO}/pulls/{number}"), None);
    assert_ne!(read["head"]["sha"], made["sha"]);
    assert_eq!((&read["state"], &read["merged"]), (&json!("closed"), &json!(false)));
    assert_eq!(read["requested_reviewers"], json!([]), "the reviewer has answered");
    for (part, key) in [("issues/1/comments", "body"), ("pulls/1/reviews", "state")] {
        let (_, found) = server.json("GET", &format!("{REPO}/{part}"), None);
        assert!(found[0][key].is_string(), "{part}: {found}");
    }
    let (_, runs) = server.json("GET", &format!("{REPO}/commits/fix/check-runs"), None);
    assert_eq!(runs["check_runs"][0]["conclusion"], json!("failure"));
    server.assert_allowed();
}

#[test]
fn refusals_of_a_pull_request_are_those_of_github() {
    let Some(server) = GithubServer::with_repo() else { return };
    assert_eq!(create_branch(&server, "same"), 201);
    let pull = json!({"repo": "acme/web", "title": "t", "head": "fix", "files": {"a.txt": "2\n"}});
    server.act("pull", pull);
    server.act("commit", json!({"repo": "acme/web", "branch": "other", "files": {"b": "1"}}));
    server.act("repo", json!({"name": "acme/web", "has_drafts": false}));
    let body = |head: &str, base: &str, draft: bool| json!({"title": "t", "head": head, "base": base, "draft": draft});
    let reviewers = |login: &str| json!({"reviewers": [login]});
    let pulls = format!("{REPO}/pulls");
    let ask = format!("{REPO}/pulls/1/requested_reviewers");
    let rows = [
        (&pulls, body("fix", "main", false), "A pull request already exists for acme:fix."),
        (&pulls, body("same", "main", false), "No commits between main and same"),
        (&pulls, body("other", "main", true), "Draft pull requests are not supported"),
        (&pulls, body("none", "main", false), r#""field":"head""#),
        (&pulls, body("other", "none", false), r#""field":"base""#),
        (&ask, reviewers("person"), "Review cannot be requested from pull request author."),
        (&ask, reviewers("nobody"), "Reviews may only be requested from collaborators."),
    ];
    for (path, body, part) in rows {
        let (status, answer) = server.json("POST", path, Some(&body));
        assert!(status == 422 && answer.to_string().contains(part), "{status} {answer}: {part}");
    }
    server.assert_allowed();
}

#[test]
fn token_may_do_what_it_is_for() {
    let Some(server) = GithubServer::with_repo() else { return };
    let permissions = json!({"contents": "read", "pull_requests": "write"});
    let kind = json!({"token": "narrow", "login": "bot", "kind": "fine_grained",
        "permissions": permissions});
    server.act("token", kind);
    server.act("token", json!({"token": "stranger", "login": "stranger"}));
    server.act("token", json!({"token": "short", "login": "bot", "requests_left": 1}));
    server.act("repo", json!({"name": "acme/old", "archived": true, "roles": {"bot": "write"}}));
    let issue = json!({"title": "t"});
    // (token, path, status, part of the answer)
    let rows = [
        ("narrow", REPO, None, 200, "acme/web"),
        ("narrow", "/repos/acme/web/issues", Some(&issue), 403, "by personal access token"),
        ("stranger", REPO, None, 404, "Not Found"),
        ("unknown", REPO, None, 401, "Bad credentials"),
        ("short", REPO, None, 200, "acme/web"),
        ("short", REPO, None, 401, "Bad credentials"),
        ("token", "/repos/acme/old/issues", Some(&issue), 403, "archived"),
    ];
    for (token, path, body, status, part) in rows {
        let answer = server.ask(body.map_or("GET", |_| "POST"), path, token, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == status && text.contains(part), "{token} {path}: {answer:?}");
    }
    let refused = server.ask("POST", "/repos/acme/web/issues", "narrow", Some(&issue));
    let accepted = refused.header("x-accepted-github-permissions");
    assert_eq!(accepted, Some("issues=write"));
    let log = server.read("log").to_string();
    assert!(!log.contains("narrow") && !log.contains("Bearer"), "a token in the log: {log}");
    server.assert_allowed();
}

#[test]
fn unchanged_answer_is_free_and_a_spent_budget_refuses() {
    let Some(server) = GithubServer::with_repo() else { return };
    let list = format!("{REPO}/pulls");
    let first = server.ask("GET", &list, "token", None);
    let tag = first.header("etag").unwrap().to_owned();
    let headers = [("Authorization", "Bearer token"), ("If-None-Match", tag.as_str())];
    let again = server.send("GET", &list, &headers, None).unwrap();
    let left = |answer: &dlq::rules::http::HttpAnswer| {
        answer.header("x-ratelimit-remaining").map(str::to_owned)
    };
    assert_eq!((again.status, again.body.len(), again.header("content-type")), (304, 0, None));
    assert_eq!(left(&again), left(&first));
    let pull = json!({"repo": "acme/web", "title": "t", "files": {"a.txt": "2\n"}});
    server.act("pull", pull);
    assert_eq!(server.send("GET", &list, &headers, None).unwrap().status, 200);

    server.act("limit", json!({"login": "bot", "bucket": "core", "used": 5000}));
    let refused = server.ask("GET", &list, "token", None);
    assert_eq!((refused.status, left(&refused).as_deref()), (403, Some("0")));
    assert_eq!(server.ask("GET", "/rate_limit", "token", None).status, 200);
    let search = "/search/issues?q=is:pr+repo:acme/web";
    assert_eq!(server.json("GET", search, None).0, 200, "searches have a budget of their own");
    server.act("clock", json!({"advance_s": 3601}));
    assert_eq!(server.json("GET", &list, None).0, 200);
    server.assert_allowed();
}

#[test]
fn renamed_repository_answers_with_its_place() {
    let Some(server) = GithubServer::with_repo() else { return };
    server.act("rename", json!({"repo": "acme/web", "to": "acme/site"}));
    let moved = server.ask("GET", "/api/v3/repos/acme/web/pulls?state=all", "token", None);
    assert_eq!(moved.status, 301);
    let place = moved.header("location").unwrap().strip_prefix(&server.url).unwrap().to_owned();
    assert!(place.starts_with("/api/v3/repositories/") && place.ends_with("/pulls?state=all"));
    assert_eq!(server.ask("GET", &place, "token", None).status, 200);
    let post = server.ask("POST", "/repos/acme/web/issues", "token", Some(&json!({"title": "t"})));
    assert_eq!(post.status, 307);
    server.assert_allowed();
}

#[test]
fn list_has_pages() {
    let Some(server) = GithubServer::with_repo() else { return };
    for number in 0..5 {
        server.act("issue", json!({"repo": "acme/web", "title": format!("issue {number}")}));
    }
    let mut path = format!("{REPO}/issues?per_page=2");
    let mut found = Vec::new();
    loop {
        let answer = server.ask("GET", &path, "token", None);
        let items: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
        found.extend(items.iter().map(|item| item["number"].as_u64().unwrap()));
        let links = answer.header("link").unwrap_or_default().to_owned();
        let Some(next) = links.split(", ").find(|link| link.ends_with(r#"rel="next""#)) else {
            break;
        };
        let target = next.trim_start_matches('<').split('>').next().unwrap();
        path = target.strip_prefix(&server.url).unwrap().to_owned();
        assert!(path.starts_with("/repositories/"), "{path}");
    }
    assert_eq!(found, [5, 4, 3, 2, 1]);
    server.assert_allowed();
}

#[test]
fn search_follows_grammar_and_lag() {
    let Some(server) = GithubServer::with_repo() else { return };
    let pull = json!({"repo": "acme/web", "title": "t", "files": {"a.txt": "2\n"}});
    server.act("pull", pull);
    server.act("issue", json!({"repo": "acme/web", "title": "an issue"}));
    // (search, status, number found)
    let rows = [
        ("is:pr+is:open+(repo:acme/web+OR+repo:acme/none)", 200, 1),
        ("repo:acme/web+repo:acme/other", 200, 0), // both at once
        ("is:issue+-label:x+org:acme", 200, 1),
        ("is:pr+author:@me", 200, 0),
        ("is:pr+repo:acme/none", 422, 0),
        ("a+OR+b+OR+c+OR+d+OR+e+OR+f+OR+g", 422, 0),
    ];
    let count = |query: &str| {
        let (status, found) = server.json("GET", &format!("/search/issues?q={query}"), None);
        (status, found["total_count"].as_u64().unwrap_or(0))
    };
    for (query, status, found) in rows {
        assert_eq!(count(query), (status, found), "{query}");
    }
    server.act("settings", json!({"search_frozen": true}));
    server.act("state", json!({"repo": "acme/web", "number": 1, "state": "closed"}));
    assert_eq!(count("is:pr+is:open+repo:acme/web").1, 1, "the index lags");
    server.act("settings", json!({"search_frozen": false}));
    assert_eq!(count("is:pr+is:open+repo:acme/web").1, 0, "the index follows");
    server.act("settings", json!({"search_lag_s": 3600}));
    assert_eq!(count("is:pr+repo:acme/web").1, 0, "the index does not have it yet");
    server.assert_allowed();
}
