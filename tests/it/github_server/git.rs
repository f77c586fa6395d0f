//! git over HTTP: the real git clones, fetches and pushes, as far as its token goes.

use serde_json::json;

use crate::support::github_server::GithubServer;
use crate::support::workbench::{Bench, Output};

/// Creates a folder whose git has no configuration of the machine.
fn bench() -> Bench {
    let mut bench = Bench::new("github-git");
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "bot"),
        ("GIT_AUTHOR_EMAIL", "bot@example.com"),
        ("GIT_COMMITTER_NAME", "bot"),
        ("GIT_COMMITTER_EMAIL", "bot@example.com"),
    ] {
        bench.set(name, value);
    }
    bench
}

/// Runs git with a token, if one is given; it never asks for another.
#[track_caller]
fn git(bench: &Bench, token: Option<&str>, args: &[&str]) -> Output {
    let helper = match token {
        Some(token) => {
            format!("!f() {{ echo username=x-access-token; echo password={token}; }}; f")
        }
        None => String::new(),
    };
    let helper = format!("credential.helper={helper}");
    let args = [&["-c", "credential.helper=", "-c", helper.as_str()], args].concat();
    bench.run("git", &args, "")
}

#[test]
fn git_reads_and_writes_as_its_token_may() {
    let Some(server) = GithubServer::with_repo() else { return };
    let bench = bench();
    for (token, login) in [("reader", "reader"), ("stranger", "stranger")] {
        server.act("token", json!({"token": token, "login": login}));
    }
    server.act("repo", json!({"name": "acme/web", "roles": {"reader": "read"}}));
    let url = format!("{}/acme/web.git", server.url);
    // (token, status, part of what git says)
    let reads = [
        (Some("token"), 0, "refs/heads/main"),
        (Some("reader"), 0, "refs/heads/main"),
        (Some("stranger"), 128, "not found"),
        (Some("wrong"), 128, "Authentication failed"),
        (None, 128, "could not read Username"),
    ];
    for (token, status, part) in reads {
        let output = git(&bench, token, &["ls-remote", &url]);
        let said = format!("{}{}", output.text(), output.stderr);
        assert!(output.code() == status && said.contains(part), "{token:?}: {said}");
    }

    assert_eq!(git(&bench, Some("token"), &["clone", "-q", &url, "clone"]).code(), 0);
    // More than a megabyte, which git sends in chunks.
    bench.write("clone/big", noise(2 << 20));
    for args in [&["add", "-A"][..], &["commit", "-qm", "big"], &["branch", "topic"]] {
        let args = [&["-C", "clone"], args].concat();
        assert_eq!(git(&bench, None, &args).code(), 0);
    }
    let push = ["-C", "clone", "push", "origin", "topic"];
    let writes = [
        (Some("reader"), 128, "denied to reader"),
        (Some("wrong"), 128, "Authentication failed"),
        (Some("token"), 0, "new branch"),
    ];
    for (token, status, part) in writes {
        let output = git(&bench, token, &push);
        assert!(output.code() == status && output.stderr.contains(part), "{token:?}: {output:?}");
    }
    let state = server.read("state?repo=acme/web");
    assert!(state["refs"]["refs/heads/topic"].is_string(), "{state}");
    let log = server.log("receive-pack").into_iter();
    let users: Vec<_> = log.filter_map(|entry| entry.get("user").cloned()).collect();
    assert!(!users.is_empty() && users.iter().all(|user| *user == "x-access-token"), "{users:?}");
    server.assert_allowed();
}

#[test]
fn pull_request_follows_pushes_and_keeps_a_lease() {
    let Some(server) = GithubServer::with_repo() else { return };
    let bench = bench();
    let url = format!("{}/acme/web.git", server.url);
    let pull = json!({"repo": "acme/web", "title": "t", "head": "fix", "files": {"a.txt": "2\n"}});
    let head = server.act("pull", pull)["sha"].as_str().unwrap().to_owned();
    assert_eq!(git(&bench, Some("token"), &["clone", "-qb", "fix", &url, "clone"]).code(), 0);
    let amend = ["-C", "clone", "commit", "-q", "--amend", "-m", "again"];
    assert_eq!(git(&bench, None, &amend).code(), 0);

    // A person pushes in between: the lease on the commit that we know refuses ours.
    let theirs = json!({"repo": "acme/web", "branch": "fix", "files": {"b.txt": "theirs\n"}});
    server.act("commit", theirs);
    let lease = format!("--force-with-lease=fix:{head}");
    let push = ["-C", "clone", "push", lease.as_str(), "origin", "fix"];
    let output = git(&bench, Some("token"), &push);
    assert!(output.code() == 1 && output.stderr.contains("stale info"), "{output:?}");
    assert!(server.read("tree?repo=acme/web&ref=fix")["files"]["b.txt"].is_object());

    let forced = ["-C", "clone", "push", "-qf", "origin", "fix"];
    assert_eq!(git(&bench, Some("token"), &forced).code(), 0);
    let events = &server.read("state?repo=acme/web")["pulls"][0]["events"];
    assert_eq!(
        *events,
        json!(["PullRequestCommit", "PullRequestCommit", "HeadRefForcePushedEvent"])
    );
    let fetch = ["-C", "clone", "fetch", "-q", "origin", "refs/pull/1/head"];
    assert_eq!(git(&bench, Some("token"), &fetch).code(), 0);
    let gone = ["-C", "clone", "push", "-q", "origin", ":fix"];
    assert_eq!(git(&bench, Some("token"), &gone).code(), 0);
    assert_eq!(server.read("state?repo=acme/web")["pulls"][0]["state"], json!("closed"));
    server.assert_allowed();
}

#[test]
fn renamed_and_archived_repositories_answer_git_as_github_does() {
    let Some(server) = GithubServer::with_repo() else { return };
    let bench = bench();
    let url = format!("{}/acme/web.git", server.url);
    server.act("rename", json!({"repo": "acme/web", "to": "acme/site"}));
    let output = git(&bench, Some("token"), &["clone", "-q", &url, "clone"]);
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    server.act("repo", json!({"name": "acme/site", "private": false}));
    let output = git(&bench, None, &["clone", &url, "public"]);
    assert!(output.code() == 0 && output.stderr.contains("redirecting"), "{output:?}");
    server.act("repo", json!({"name": "acme/site", "archived": true}));
    let push = ["-C", "clone", "push", "origin", "main:new"];
    let output = git(&bench, Some("token"), &push);
    assert!(output.code() == 128 && output.stderr.contains("archived"), "{output:?}");
    server.assert_allowed();
}

/// Returns bytes that do not compress.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(next).collect()
}
