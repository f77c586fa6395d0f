//! Repositories that are deleted and made anew, or swap their names: another pull request with the
//! number of ours is not ours.

use super::*;

const NEW: &str = "acme/old";

/// Renames the repository, and makes another one of its old name, whose pull request 1 is a person's.
fn make_anew(site: &mut Site) {
    site.act("rename", json!({"repo": REPO, "to": NEW}));
    site.act("delete_repo", json!({"repo": NEW}));
    let made = site.act(
        "repo",
        json!({
            "name": REPO, "organization": true, "private": true,
            "roles": {"bot": "write", "ann": "write", "bob": "write"}, "files": {"src/a.py": "x = 1\n"},
        }),
    );
    site.base = made["sha"].as_str().unwrap().to_owned();
    assert_eq!(site.pull("Unrelated work"), 1);
}

#[test]
fn pull_request_of_a_repository_that_was_made_anew_is_not_ours() {
    let Some(mut site) = Site::new("prs-anew", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.machine.look();
    make_anew(&mut site);
    let found = site.machine.look();
    // The other one is not to be read any more.
    assert_eq!(found.types(), ["pr.found", "pr.unreadable"], "{found:?}");
    assert_eq!(found.events[0]["data"]["pr"]["ours"], json!(false));
    site.on("merge", 1, json!({"login": "bob"}));
    let merged = site.machine.look();
    assert_eq!(merged.types().iter().filter(|kind| **kind == "pr.merged").count(), 1);
    let told = merged.events.iter().find(|one| one["type"] == json!("pr.merged")).unwrap();
    assert_eq!((&told["data"]["pr"]["ours"], &told["incident"]), (&json!(false), &Value::Null));
    let sessions = site.machine.document("sessions.json");
    assert_eq!(sessions["sessions"][0]["resolved_by"], Value::Null);
    site.assert_allowed();
}

#[test]
fn next_session_does_not_comment_on_a_pull_request_that_has_the_number() {
    let Some(mut site) = Site::new("prs-anew-next", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    make_anew(&mut site);
    site.plant(2);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["pr"]["number"], json!(2));
    assert_eq!(site.pulls()[0]["comments"], json!([]));
    site.assert_allowed();
}

#[test]
fn issue_that_has_the_number_is_left_alone() {
    let Some(mut site) = Site::new("prs-anew-issue", "  issues: true\n") else { return };
    site.machine.plant(1, &site.base, |session, _| session["offers_patch"] = json!(false));
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    make_anew(&mut site);
    // A repository whose first number is an issue.
    site.act("delete_repo", json!({"repo": REPO}));
    site.act("repo", json!({"name": REPO, "private": true, "roles": {"bot": "write"}}));
    site.act("issue", json!({"repo": REPO, "title": "Unrelated", "login": "ann"}));
    site.machine.raise(None, Some(seconds_ago(60)));
    site.machine.open_due().assert_silent();
    let issue = &site.state()["issues"][0];
    assert_eq!((&issue["state"], &issue["comments"]), (&json!("open"), &json!([])));
    site.assert_allowed();
}
