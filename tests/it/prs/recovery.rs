//! What a run has left behind that was killed, has failed, or was not the only one: the next one finds it.

use super::*;
use crate::support::workbench::wait_for;

fn commit(site: &Site, branch: &str, path: &str, text: &str) -> Value {
    site.act(
        "commit",
        json!({"repo": REPO, "branch": branch, "files": {path: text}, "message": "m", "login": "ann"}),
    )
}

/// The base moves behind a push, and the push of the newer commit fails: both commits are ours.
#[test]
fn branch_is_ours_also_when_a_later_push_has_failed() {
    let Some(site) = Site::new("prs-second-push", "") else { return };
    site.plant(1);
    site.server.queue_fault("server_error", "POST", "pulls$");
    assert_eq!(site.machine.open_due().code, 1);
    let first = site.branch(BRANCH);
    commit(&site, "main", "README.md", "new\n");
    site.machine.due_now();
    let fault =
        json!({"kind": "server_error", "method": "POST", "path": "receive-pack", "times": null});
    site.act("faults", fault);
    assert_eq!(site.machine.open_due().code, 1);
    assert_eq!(site.branch(BRANCH), first);
    site.forget_faults();
    site.machine.due_now();
    site.machine.open_due().only("pr.opened");
    assert_eq!((site.branches().len(), site.pulls().len()), (1, 1));
    assert_ne!(site.branch(BRANCH), first);
    site.assert_allowed();
}

/// A branch without a pull request that an earlier session has left does not block its cause.
#[test]
fn branch_that_an_earlier_session_has_left_is_taken_over() {
    let Some(site) = Site::new("prs-left-branch", "") else { return };
    site.plant(1);
    site.server.queue_fault("validation", "POST", "pulls$");
    assert_eq!(site.machine.open_due().only("pr.refused")["reason"], json!("invalid"));
    assert_eq!(site.branches().len(), 1);
    site.plant(2);
    site.machine.open_due().only("pr.opened");
    assert_eq!((site.branches().len(), site.pulls().len()), (1, 1));
    assert_eq!(site.pulls()[0]["head_sha"], site.machine.fix(2)["commit"]);
    site.assert_allowed();
}

/// Killed behind the request that opens it. Then a person pushes to the branch, or the base moves in the
/// files of the fix: it is ours all the same.
#[test]
fn pull_request_that_was_opened_and_not_recorded_is_ours() {
    for moves_base in [false, true] {
        let Some(site) = Site::new("prs-unrecorded", "  labels: [dlq]\n") else { return };
        site.plant(1);
        let fault = json!({"method": "POST", "path": "pulls$", "kind": "hang", "after": true});
        site.act("faults", fault);
        let mut running = site.machine.bench.start("dlq-prs", &["--open-due"]);
        wait_for("the pull request is there", || !site.pulls().is_empty());
        running.kill();
        assert_eq!(site.machine.fix(1)["step"], json!("pushed"));
        let theirs = match moves_base {
            true => commit(&site, "main", "src/a.py", "x = 1\ny = 1\n"),
            false => commit(&site, BRANCH, "b.py", "1\n"),
        };
        let ran = site.machine.open_due();
        assert_eq!(ran.only("pr.opened")["pr"]["number"], json!(1), "{moves_base}");
        let branch = if moves_base { "main" } else { BRANCH };
        assert_eq!(site.branch(branch), theirs["sha"], "{moves_base}");
        let pulls = site.pulls();
        assert_eq!((pulls.len(), &pulls[0]["comments"]), (1, &json!([])));
        assert_eq!(pulls[0]["labels"], json!(["dlq"]));
        site.assert_allowed();
    }
}

/// GitHub wants the name of a fork whose owner is that of the repository.
#[test]
fn fork_of_the_same_organisation_opens_the_pull_request() {
    let Some(site) = Site::new("prs-own-fork", "  push_to: acme/web-bot\n") else { return };
    let fork = json!({"name": "acme/web-bot", "fork_of": REPO, "private": true, "roles": {"bot": "write"}});
    site.act("repo", fork);
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    assert_eq!(site.pulls()[0]["head_repo"], json!("acme/web-bot"));
    assert!(site.branches().is_empty());
    site.plant(2);
    site.machine.open_due().only("pr.commented");
    site.assert_allowed();
}

/// The files of one repository do not reach another, of whatever use its fork is.
#[test]
fn repository_that_is_no_fork_gets_no_branch() {
    let Some(site) = Site::new("prs-no-fork", "  push_to: robot/other\n") else { return };
    site.act("repo", json!({"name": "robot/other", "private": true, "roles": {"bot": "write"}}));
    site.plant(1);
    assert_eq!(site.machine.open_due().only("pr.refused")["reason"], json!("no_fork"));
    let refs = site.server.read("state?repo=robot/other")["refs"].clone();
    assert!(refs.as_object().unwrap().keys().all(|name| !name.contains("dlq/")), "{refs}");
    site.assert_allowed();
}

/// The state is lost, and the base has moved in another file: the pull request is still this session's.
#[test]
fn pull_request_of_a_lost_state_is_found_behind_a_moved_base() {
    let Some(site) = Site::new("prs-lost-moved", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    std::fs::remove_file(site.machine.bench.state("prs.json")).unwrap();
    commit(&site, "main", "README.md", "new\n");
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["pr"]["number"], json!(1));
    let pulls = site.pulls();
    assert_eq!((pulls.len(), &pulls[0]["comments"]), (1, &json!([])));
    site.assert_allowed();
}

/// A page of a proxy in the place of git's list of branches.
#[test]
fn answer_that_is_not_of_git_is_no_verdict_on_the_base() {
    let Some(site) = Site::new("prs-portal", "") else { return };
    site.plant(1);
    let page =
        json!({"path": "info/refs.*upload-pack", "status": 200, "body": "<html>log in</html>"});
    site.act("faults", page);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    site.machine.due_now();
    site.machine.open_due().only("pr.opened");
    site.assert_allowed();
}

/// An answer of success that is not GitHub's tells nothing: what was asked for is looked for again.
#[test]
fn success_without_its_object_is_no_success() {
    let page = |method: &str, path: &str| json!({"method": method, "path": path, "status": 200, "body": "<html>ok</html>"});
    let Some(site) = Site::new("prs-empty-success", "  issues: true\n") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.plant(2);
    site.act("faults", page("POST", "/comments$"));
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    site.machine.due_now();
    site.machine.open_due().only("pr.commented");
    assert_eq!(site.pulls()[0]["comments"].as_array().unwrap().len(), 1);
    // Issues.
    site.machine.plant(3, &site.base, |session, _| {
        session["fingerprint"] = json!("aaaaaaaaaaaa");
        session["offers_patch"] = json!(false);
    });
    site.machine.raise(None, None);
    site.act("faults", page("POST", "/issues$"));
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    site.machine.due_now();
    let opened = site.machine.open_due();
    assert!(opened.only("issue.opened")["issue"]["number"].as_u64().unwrap() > 1);
    site.machine.raise(None, Some(seconds_ago(60)));
    site.act("faults", page("PATCH", "/issues/"));
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    site.machine.due_now();
    site.machine.open_due().only("issue.closed");
    assert_eq!(site.state()["issues"][0]["state"], json!("closed"));
    site.assert_allowed();
}
