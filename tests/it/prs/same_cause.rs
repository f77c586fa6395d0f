//! A cause whose pull request is open already, in whichever way it came there: nothing is pushed to it,
//! and no second one is opened.

use super::*;
use crate::support::workbench::wait_for;

/// Plants a session of the same cause whose patch differs.
fn plant_other(site: &Site, n: u32) {
    site.machine.plant(n, &site.base, |session, _| {
        session["patch"] = json!(PATCH.replace("+x = 2", "+x = 99"));
    });
}

fn head(site: &Site, repo: &str) -> Value {
    site.server.read(&format!("state?repo={repo}"))["pulls"][0]["head_sha"].clone()
}

/// The repository is renamed, and no look has recorded that: what was approved stays as it is.
#[test]
fn approved_pull_request_is_not_replaced_behind_a_rename() {
    let Some(site) = Site::new("prs-cause-renamed", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.machine.look();
    site.on("draft", 1, json!({"draft": false}));
    site.on("review", 1, json!({"login": "bob", "state": "APPROVED"}));
    let before = head(&site, REPO);
    site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
    plant_other(&site, 2);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.commented")["session"], json!(id(2)));
    let state = site.server.read("state?repo=acme/site");
    assert_eq!((head(&site, "acme/site"), state["pulls"].as_array().unwrap().len()), (before, 1));
    assert_eq!(state["pulls"][0]["comments"].as_array().unwrap().len(), 1);
    site.assert_allowed();
}

/// A person closes it, a look records that, and the person opens it again before the next look.
#[test]
fn pull_request_that_was_opened_again_is_not_replaced() {
    let Some(site) = Site::new("prs-cause-reopened", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.machine.look();
    site.on("state", 1, json!({"state": "closed"}));
    site.machine.look();
    site.on("state", 1, json!({"state": "open"}));
    let before = head(&site, REPO);
    let files = json!({"README.md": "new\n"});
    site.act(
        "commit",
        json!({"repo": REPO, "branch": "main", "files": files, "message": "m", "login": "ann"}),
    );
    site.machine.prs(&["--open", "00000001"]);
    assert_eq!((head(&site, REPO), site.pulls().len()), (before, 1));
    assert_eq!(site.machine.fix(1)["step"], json!("opened"));
    site.assert_allowed();
}

/// Branch and marker of a cause are public after its first pull request.
#[test]
fn pull_request_of_a_stranger_stops_no_fix() {
    let github = "  public_evidence: true\n";
    let Some(site) = Site::with_repository("prs-cause-stranger", github, json!({"private": false}))
    else {
        return;
    };
    site.act(
        "repo",
        json!({"name": "mallory/web", "fork_of": REPO, "roles": {"mallory": "admin"}}),
    );
    let theirs = json!({
        "repo": REPO, "title": "Typo", "login": "mallory", "head": format!("dlq/{FINGERPRINT}-9"),
        "head_repo": "mallory/web", "files": {"t.txt": "1\n"},
        "body": format!("<!-- dlq-tools {FINGERPRINT} -->"),
    });
    let number = site.act("pull", theirs)["number"].clone();
    site.plant(1);
    let ran = site.machine.open_due();
    assert_ne!(ran.only("pr.opened")["pr"]["number"], number);
    let pulls = site.pulls();
    assert_eq!(pulls.len(), 2);
    assert!(pulls.iter().all(|one| one["comments"] == json!([])), "{pulls:?}");
    site.assert_allowed();
}

/// One machine pushes to the repository, another one to a fork.
#[test]
fn machines_that_push_to_different_places_open_one_pull_request() {
    let Some(site) = Site::new("prs-cause-fork", "") else { return };
    site.act(
        "repo",
        json!({"name": "bot/web", "fork_of": REPO, "private": true, "roles": {"bot": "write"}}),
    );
    let to_fork = site.machine("prs-cause-fork-2", "  push_to: bot/web\n");
    site.plant(1);
    to_fork.plant(2, &site.base, as_is);
    site.machine.open_due().only("pr.opened");
    to_fork.open_due().only("pr.commented");
    // The other way round.
    let cause = |session: &mut Value, _: &mut Value| session["fingerprint"] = json!("aaaaaaaaaaaa");
    to_fork.plant(3, &site.base, cause);
    site.machine.plant(4, &site.base, cause);
    to_fork.open_due().only("pr.opened");
    site.machine.open_due().only("pr.commented");
    assert_eq!(site.pulls().len(), 2);
    site.assert_allowed();
}

/// No server makes branches of two repositories unique: the page says so. Later sessions agree on one.
#[test]
fn machines_that_push_to_different_places_at_once_agree_later() {
    let Some(site) = Site::new("prs-cause-fork-race", "") else { return };
    site.act(
        "repo",
        json!({"name": "bot/web", "fork_of": REPO, "private": true, "roles": {"bot": "write"}}),
    );
    let to_fork = site.machine("prs-cause-fork-race-2", "  push_to: bot/web\n");
    site.plant(1);
    to_fork.plant(2, &site.base, as_is);
    // The first machine has looked, and has not opened it yet.
    site.act("faults", json!({"method": "POST", "path": "/pulls$", "delay_ms": 2500}));
    let mut first = site.machine.bench.start("dlq-prs", &["--open-due"]);
    wait_for("the first machine opens", || site.server.read("faults")[0]["hits"] == json!(1));
    to_fork.open_due().only("pr.opened");
    assert_eq!(first.finish().code(), 0);
    assert_eq!(site.pulls().len(), 2);
    let third = site.machine("prs-cause-fork-race-3", "");
    third.plant(3, &site.base, as_is);
    third.open_due().only("pr.commented");
    assert_eq!(site.pulls().len(), 2);
    let has_comment = |pull: &Value| !pull["comments"].as_array().unwrap().is_empty();
    assert_eq!(site.pulls().iter().map(has_comment).collect::<Vec<_>>(), [false, true]);
    site.assert_allowed();
}
