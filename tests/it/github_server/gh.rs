//! `gh` as a second client: it reads and writes the same pull requests as plain requests do.

use serde_json::{Value, json};

use crate::support::github_server::GithubServer;
use crate::support::requirement::has_gh;
use crate::support::workbench::Bench;

const WEB: &str = "github.localhost/acme/web";

/// Creates a folder in which `gh` takes the server for GitHub: it is the proxy to the one host to
/// which `gh` talks without TLS.
fn bench(server: &GithubServer) -> Bench {
    let mut bench = Bench::new("github-gh");
    let home = bench.path("home").display().to_string();
    for (name, value) in [
        ("HOME", home.as_str()),
        ("GH_CONFIG_DIR", home.as_str()),
        ("http_proxy", server.url.as_str()),
        ("GH_HOST", "github.localhost"),
        ("GH_TOKEN", "token"),
        ("GH_PROMPT_DISABLED", "1"),
        ("GH_NO_UPDATE_NOTIFIER", "1"),
    ] {
        bench.set(name, value);
    }
    bench
}

#[track_caller]
fn gh(bench: &Bench, args: &[&str]) -> String {
    let output = bench.run("gh", args, "");
    assert_eq!(output.code(), 0, "{args:?}: {output:?}");
    output.text()
}

#[test]
fn gh_sees_what_plain_requests_see() {
    if !has_gh() {
        return;
    }
    let Some(server) = GithubServer::with_repo() else { return };
    let bench = bench(&server);
    let pull = json!({"repo": "acme/web", "title": "Charge once", "head": "fix", "draft": true,
        "files": {"a.txt": "2\n"}, "labels": ["dlq"]});
    server.act("pull", pull);
    server.act("repo", json!({"name": "acme/web", "required_reviews": 1}));
    server.act("review", json!({"repo": "acme/web", "number": 1, "login": "ann"}));
    server.act("check", json!({"repo": "acme/web", "number": 1, "conclusion": "failure"}));
    server.act("comment", json!({"repo": "acme/web", "number": 1, "body": "why?"}));

    let fields = "number,title,isDraft,reviewDecision,labels,headRefOid,headRefName,state,\
                  statusCheckRollup,changedFiles";
    let listed = gh(&bench, &["pr", "list", "-R", WEB, "--json", fields]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let (_, plain) = server.json("GET", "/repos/acme/web/pulls/1", None);
    let one = &listed[0];
    for (theirs, ours) in [
        (&one["number"], &plain["number"]),
        (&one["title"], &plain["title"]),
        (&one["isDraft"], &plain["draft"]),
        (&one["headRefOid"], &plain["head"]["sha"]),
        (&one["headRefName"], &plain["head"]["ref"]),
        (&one["changedFiles"], &plain["changed_files"]),
        (&one["labels"][0]["name"], &plain["labels"][0]["name"]),
    ] {
        assert!(!theirs.is_null() && theirs == ours, "{theirs} and {ours}: {one}");
    }
    assert_eq!(one["reviewDecision"], json!("APPROVED"));
    assert_eq!(one["statusCheckRollup"][0]["conclusion"], json!("FAILURE"));
    let viewed = gh(&bench, &["pr", "view", "1", "-R", WEB, "--json", "comments,reviews,files"]);
    let viewed: Value = serde_json::from_str(&viewed).unwrap();
    assert_eq!(viewed["comments"][0]["body"], json!("why?"));
    assert_eq!(viewed["files"][0]["path"], json!("a.txt"));
    let found = gh(&bench, &["pr", "list", "-R", WEB, "--search", "is:draft", "--json", "number"]);
    assert_eq!(found.trim(), r#"[{"number":1}]"#);
    server.assert_allowed();
}

#[test]
fn gh_opens_readies_and_merges_a_pull_request() {
    if !has_gh() {
        return;
    }
    let Some(server) = GithubServer::with_repo() else { return };
    let bench = bench(&server);
    server.act("repo", json!({"name": "acme/web", "roles": {"ann": "write"}}));
    server.act("commit", json!({"repo": "acme/web", "branch": "topic", "files": {"b": "1"}}));
    let create = ["pr", "create", "-R", WEB, "--head", "topic", "--base", "main", "--draft"];
    let create =
        [&create[..], &["--title", "By gh", "--body", "text", "--reviewer", "ann"]].concat();
    assert_eq!(gh(&bench, &create).trim(), "http://github.localhost/acme/web/pull/1");
    let (_, made) = server.json("GET", "/repos/acme/web/pulls/1", None);
    assert_eq!((&made["draft"], &made["body"]), (&json!(true), &json!("text")));
    assert_eq!(made["requested_reviewers"][0]["login"], json!("ann"));
    gh(&bench, &["pr", "ready", "1", "-R", WEB]);
    gh(&bench, &["pr", "comment", "1", "-R", WEB, "--body", "merging"]);
    gh(&bench, &["pr", "merge", "1", "-R", WEB, "--squash"]);
    let (_, merged) = server.json("GET", "/repos/acme/web/pulls/1", None);
    assert_eq!((&merged["merged"], &merged["draft"]), (&json!(true), &json!(false)));
    gh(&bench, &["issue", "create", "-R", WEB, "--title", "An issue", "--body", "text"]);
    gh(&bench, &["issue", "close", "2", "-R", WEB]);
    let (_, issue) = server.json("GET", "/repos/acme/web/issues/2", None);
    assert_eq!((&issue["state"], &issue["title"]), (&json!("closed"), &json!("An issue")));
    let login = gh(&bench, &["api", "user", "--jq", ".login"]);
    assert_eq!(login.trim(), "bot");
    server.assert_allowed();
}
