//! The stand-in for GitHub, proved: by GitHub's documents, by its recorded answers, by `gh` and git.

mod faults;
mod gh;
mod git;
mod graphql;
mod recorded;
mod rest;

use crate::support::github_server::GithubServer;

#[test]
fn servers_run_at_once_and_leave_nothing() {
    let Some(server) = GithubServer::with_repo() else { return };
    let Some(other) = GithubServer::with_repo() else { return };
    let path = |server: &GithubServer| {
        let repo = server.act("repo", serde_json::json!({"name": "acme/web"}));
        std::path::PathBuf::from(repo["path"].as_str().unwrap())
    };
    let paths = [path(&server), path(&other)];
    assert!(paths[0] != paths[1] && paths.iter().all(|path| path.is_dir()), "{paths:?}");
    drop(server);
    let folder = paths[0].parent().and_then(|folder| folder.parent()).unwrap();
    assert!(!folder.exists() && paths[1].is_dir(), "{paths:?}");
    assert_eq!(other.json("GET", "/repos/acme/web", None).0, 200);
}
