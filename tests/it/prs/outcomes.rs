//! Answers of the server during an opening, and the outcome of each.

use super::*;

fn fault(site: &Site, kind: &str, path: &str, more: Value) {
    let mut fault = json!({"kind": kind, "method": "POST", "path": path});
    fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    site.act("faults", fault);
}

/// Lets the next run try what has failed.
fn due_now(site: &Site) {
    site.machine.edit("prs.json", |prs| {
        for one in prs["sessions"].as_array_mut().unwrap() {
            one["retry_at"] = json!(seconds_ago(1).to_string());
        }
        prs["pauses"] = json!({});
    });
}

#[test]
fn repository_without_drafts_gets_a_normal_pull_request() {
    let more = json!({"private": true, "has_drafts": false});
    let Some(site) = Site::with_repository("prs-drafts", "  labels: [dlq]\n", more) else { return };
    site.plant(1);
    assert_eq!(site.machine.open_due().only("pr.opened")["pr"]["draft"], json!(false));
    let pulls = site.pulls();
    assert_eq!((pulls.len(), &pulls[0]["labels"]), (1, &json!(["dlq", "draft"])));
    site.assert_allowed();
}

#[test]
fn refusal_of_the_pull_request_has_its_outcome() {
    // (kind of fault, reason of the refusal)
    for (kind, reason) in [("no_commits", "already_fixed"), ("validation", "invalid")] {
        let Some(site) = Site::new("prs-422", "") else { return };
        site.plant(1);
        fault(&site, kind, "pulls$", json!({}));
        let ran = site.machine.open_due();
        let data = ran.only("pr.refused");
        assert_eq!(data["reason"], json!(reason), "{kind}");
        let patch = data["patch"].as_str().unwrap();
        assert_eq!(std::fs::read_to_string(patch).unwrap(), PATCH);
        site.machine.open_due().assert_silent();
        site.assert_allowed();
    }
}

/// The pull request is there: a run before has opened it and was killed.
#[test]
fn pull_request_that_exists_is_found() {
    let Some(site) = Site::new("prs-exists", "") else { return };
    site.plant(1);
    // The request takes effect, and its answer says that there is one already.
    fault(&site, "pull_exists", "pulls$", json!({"after": true}));
    site.machine.open_due().only("pr.opened");
    assert_eq!(site.pulls().len(), 1);
    assert_eq!(site.machine.fix(1)["pull_request"]["number"], json!(1));
    site.assert_allowed();
}

#[test]
fn answer_that_is_lost_opens_one_pull_request() {
    for kind in ["close", "cut", "server_error", "bad_gateway", "unavailable", "non_json"] {
        let Some(site) = Site::new("prs-after", "") else { return };
        site.plant(1);
        fault(&site, kind, "pulls$", json!({"after": true}));
        let ran = site.machine.open_due();
        if ran.types().is_empty() {
            due_now(&site);
            site.machine.open_due().only("pr.opened");
        } else {
            ran.only("pr.opened");
        }
        assert_eq!((site.pulls().len(), site.branches().len()), (1, 1), "{kind}");
        assert_eq!(types(&site.machine.journal()), ["pr.opened"], "{kind}");
        site.machine.open_due().assert_silent();
        site.assert_allowed();
    }
}

#[test]
fn comment_whose_answer_is_lost_is_made_once() {
    for kind in ["close", "server_error"] {
        let Some(site) = Site::new("prs-comment-after", "") else { return };
        site.plant(1);
        site.machine.open_due().only("pr.opened");
        site.plant(2);
        fault(&site, kind, "comments$", json!({"after": true}));
        site.machine.open_due();
        due_now(&site);
        site.machine.open_due();
        assert_eq!(site.machine.fix(2)["step"], json!("commented"));
        let comments = site.pulls()[0]["comments"].as_array().unwrap().len();
        assert_eq!(comments, 1, "{kind}");
        site.assert_allowed();
    }
}

/// None of them is worth the pull request.
#[test]
fn refusal_of_an_extra_leaves_the_pull_request() {
    let github = "  labels: [dlq]\n  reviewers: [bob, acme/core]\n";
    for (kind, path, what) in [
        ("reviewer", "requested_reviewers$", "reviewers"),
        ("forbidden", "labels$", "labels"),
        ("not_found", "assignees$", "assignee"),
        ("server_error", "labels$", "labels"),
        ("too_many_requests", "labels$", "labels"),
    ] {
        let more = json!({"private": true, "teams": ["core"]});
        let Some(site) = Site::with_repository("prs-extra", github, more) else { return };
        site.plant(1);
        fault(&site, kind, path, json!({}));
        let ran = site.machine.open_due();
        ran.only("pr.opened");
        assert_eq!(ran.code, 0, "{kind}: {ran:?}");
        assert!(ran.stderr.contains(&format!("has no {what}")), "{kind}: {}", ran.stderr);
        assert_eq!(site.pulls().len(), 1);
        site.machine.open_due().assert_silent();
        site.assert_allowed();
    }
}

/// A failure is tried again later, and given up only after many tries.
#[test]
fn failure_of_a_step_is_tried_again() {
    let steps = [
        ("GET", "/repos/acme/web$", "server_error", 3),
        ("GET", "/repos/acme/web$", "not_found", 1),
        ("GET", "info/refs", "server_error", 9),
        ("POST", "git-upload-pack", "server_error", 9),
        ("POST", "git-receive-pack", "server_error", 9),
        ("POST", "pulls$", "server_error", 1),
        ("POST", "pulls$", "forbidden", 1),
        ("POST", "pulls$", "secondary_limit", 1),
    ];
    for (method, path, kind, times) in steps {
        let Some(site) = Site::new("prs-steps", "") else { return };
        site.plant(1);
        site.act("faults", json!({"kind": kind, "method": method, "path": path, "times": times}));
        let ran = site.machine.open_due();
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{path} {kind}: {ran:?}");
        assert!(ran.stderr.contains("next try at"), "{path} {kind}: {ran:?}");
        // A limit is no failure of the fix, which is given up after many.
        let tries = u32::from(kind != "secondary_limit");
        assert_eq!(site.machine.fix(1)["tries"], json!(tries), "{path} {kind}");
        // It is not tried before its time.
        site.forget_log();
        site.machine.open_due().assert_silent();
        assert_eq!(site.count("path="), 0, "{path} {kind}");
        site.forget_faults();
        due_now(&site);
        site.machine.open_due().only("pr.opened");
        assert_eq!((site.pulls().len(), site.branches().len()), (1, 1), "{path} {kind}");
        site.assert_allowed();
    }
}

/// Maintainers may not push to a fork of an organisation: the pull request goes without that.
#[test]
fn fork_whose_branches_maintainers_may_not_push_to_has_a_pull_request() {
    let Some(site) = Site::new("prs-collab", "  push_to: bot/web\n") else { return };
    site.act(
        "repo",
        json!({"name": "bot/web", "fork_of": REPO, "private": true, "roles": {"bot": "write"}}),
    );
    site.plant(1);
    let errors = json!([{"resource": "PullRequest", "code": "custom", "field": "fork_collab",
        "message": "Fork collab can't be granted by someone without permission"}]);
    let refusal = json!({"status": 422, "method": "POST", "path": "pulls$", "times": null,
        "body_has": "\"maintainer_can_modify\":true",
        "body": {"message": "Validation Failed", "errors": errors}});
    site.act("faults", refusal);
    site.machine.open_due().only("pr.opened");
    site.assert_allowed();
}

/// A person has locked the conversation of the open pull request.
#[test]
fn locked_pull_request_covers_its_cause_without_a_comment() {
    let Some(site) = Site::new("prs-locked", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.plant(2);
    let refusal = json!({"status": 403, "method": "POST", "path": "comments$", "times": null,
        "body": {"message": "Unable to create comment because issue is locked."}});
    site.act("faults", refusal);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (0, 0), "{ran:?}");
    assert!(ran.stderr.contains("is locked"), "{ran:?}");
    assert_eq!(site.machine.fix(2)["step"], json!("commented"));
    site.forget_log();
    site.machine.open_due().assert_silent();
    assert_eq!(site.count("path="), 0);
    site.assert_allowed();
}

#[test]
fn unproven_fix_without_its_base_is_refused_at_once() {
    let Some(site) = Site::new("prs-no-base", "  unproven: true\n") else { return };
    site.machine.plant(1, &site.base, |session, _| {
        (session["proofs"], session["base"]) = (json!([]), Value::Null);
    });
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.refused")["reason"], json!("base_unknown"));
    site.machine.open_due().assert_silent();
    site.assert_allowed();
}

/// A setting of the repository refuses the push, and is changed: the fix is judged anew.
#[test]
fn refusal_by_a_setting_is_judged_anew() {
    let Some(site) = Site::new("prs-setting", "") else { return };
    site.act("repo", json!({"name": REPO, "archived": true}));
    site.plant(1);
    assert_eq!(site.machine.open_due().only("pr.refused")["reason"], json!("closed_repository"));
    site.act("repo", json!({"name": REPO, "archived": false}));
    site.machine.open_due().assert_silent();
    site.machine.edit("prs.json", |prs| {
        prs["sessions"][0]["at"] = json!(seconds_ago(7 * 3600).to_string());
    });
    site.machine.open_due().only("pr.opened");
    site.assert_allowed();
}
