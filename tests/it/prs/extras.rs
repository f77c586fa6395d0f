//! Steps behind an opening: labels, reviewers, assignee. The next run finishes what was cut off.

use super::*;
use crate::support::workbench::wait_for;

const GITHUB: &str = "  labels: [dlq]\n  reviewers: [bob]\n";

#[track_caller]
fn assert_has_all(site: &Site) {
    let pull = &site.pulls()[0];
    let found = (&pull["labels"], &pull["reviewers"], &pull["assignees"]);
    assert_eq!(found, (&json!(["dlq"]), &json!(["bob"]), &json!(["ann"])));
    assert_eq!(site.machine.fix(1)["extras"], json!([]));
}

#[test]
fn steps_that_a_kill_has_cut_off_are_finished_by_the_next_run() {
    let Some(site) = Site::new("prs-extras-kill", GITHUB) else { return };
    site.plant(1);
    site.act("faults", json!({"method": "POST", "path": "labels$", "delay_ms": 60_000}));
    let mut running = site.machine.bench.start("dlq-prs", &["--open-due"]);
    wait_for("the opening is recorded", || site.machine.fix(1)["step"] == json!("opened"));
    wait_for("the labels are asked for", || site.server.read("faults")[0]["hits"] == json!(1));
    running.kill();
    assert_eq!(site.pulls()[0]["assignees"], json!([]));
    assert_eq!(site.machine.fix(1)["extras"], json!(["labels", "reviewers", "assignee"]));
    // A look in between forgets nothing.
    site.machine.look();
    site.machine.open_due().assert_silent();
    assert_has_all(&site);
    site.forget_log();
    site.machine.open_due().assert_silent();
    assert_eq!(site.count("path="), 0);
    site.assert_allowed();
}

#[test]
fn step_that_has_failed_is_tried_again_and_one_that_is_refused_is_not() {
    let Some(site) = Site::new("prs-extras-fail", GITHUB) else { return };
    site.plant(1);
    site.server.queue_fault("server_error", "POST", "requested_reviewers$");
    site.server.queue_fault("too_many_requests", "POST", "assignees$");
    let ran = site.machine.open_due();
    ran.only("pr.opened");
    assert!(ran.stderr.contains("has no reviewers") && ran.stderr.contains("has no assignee"));
    assert_eq!(site.machine.fix(1)["extras"], json!(["reviewers", "assignee"]));
    site.machine.open_due().assert_silent();
    assert_eq!(site.machine.fix(1)["extras"], json!(["reviewers", "assignee"]), "the limit holds");
    site.machine.edit("prs.json", |prs| {
        prs["pauses"]["rest"]["until"] = json!(seconds_ago(1).to_string());
    });
    site.machine.open_due().assert_silent();
    assert_has_all(&site);
    // What GitHub refuses.
    site.machine.plant(2, &site.base, |session, _| session["fingerprint"] = json!("aaaaaaaaaaaa"));
    site.server.queue_fault("forbidden", "POST", "labels$");
    let ran = site.machine.open_due();
    ran.only("pr.opened");
    assert!(ran.stderr.contains("acme/web#2 has no labels"), "{ran:?}");
    site.machine.open_due().assert_silent();
    assert_eq!(site.pulls()[1]["labels"], json!([]));
    site.assert_allowed();
}

/// GitHub refuses all reviewers when one of them cannot review, such as the author.
#[test]
fn reviewer_who_cannot_review_keeps_nobody_else_away() {
    let Some(site) = Site::new("prs-reviewers", "  reviewers: [bot, bob]\n") else { return };
    site.plant(1);
    let ran = site.machine.open_due();
    ran.only("pr.opened");
    assert!(ran.stderr.contains("has no reviewers"), "{ran:?}");
    assert_eq!(site.pulls()[0]["reviewers"], json!(["bob"]));
    site.machine.open_due().assert_silent();
    site.assert_allowed();
}

#[test]
fn pull_request_that_has_ended_gets_nothing_more() {
    let Some(site) = Site::new("prs-extras-over", GITHUB) else { return };
    site.plant(1);
    site.server.queue_fault("server_error", "POST", "labels$");
    site.machine.open_due().only("pr.opened");
    site.on("state", 1, json!({"state": "closed"}));
    site.machine.look().only("pr.closed");
    site.machine.open_due().assert_silent();
    assert_eq!(site.pulls()[0]["labels"], json!([]));
    site.assert_allowed();
}

/// The repository is renamed before the steps, and no look has recorded that.
#[test]
fn steps_follow_a_repository_to_its_new_name() {
    let Some(site) = Site::new("prs-extras-renamed", GITHUB) else { return };
    site.plant(1);
    site.server.queue_fault("server_error", "POST", "labels$");
    site.machine.open_due().only("pr.opened");
    assert_eq!(site.machine.fix(1)["extras"], json!(["labels"]));
    site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
    site.machine.open_due().assert_silent();
    let pull = site.server.read("state?repo=acme/site")["pulls"][0].clone();
    assert_eq!((&pull["labels"], &site.machine.fix(1)["extras"]), (&json!(["dlq"]), &json!([])));
    site.assert_allowed();
}
