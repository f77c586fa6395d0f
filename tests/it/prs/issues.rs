//! Issues for causes without a fix to offer: opened once, closed when the incident is over.

use super::*;
use crate::support::workbench::wait_for;
use dlq::time::Timestamp;

const ISSUES: &str = "  issues: true\n";

/// Plants a session that has found a cause, and offers no patch.
fn plant(site: &Site, n: u32) {
    site.machine.plant(n, &site.base, |session, _| session["offers_patch"] = json!(false));
}

fn issues(site: &Site) -> Vec<Value> {
    site.state()["issues"].as_array().unwrap().clone()
}

#[test]
fn cause_without_a_fix_has_one_issue_until_its_incident_is_over() {
    let Some(site) = Site::new("prs-issue", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("issue.opened")["session"], json!(id(1)));
    site.machine.open_due().assert_silent();
    site.machine.raise(None, Some(seconds_ago(60)));
    site.machine.open_due().only("issue.closed");
    site.machine.open_due().assert_silent();
    let all = issues(&site);
    assert_eq!((all.len(), &all[0]["state"]), (1, &json!("closed")));
    assert_eq!(all[0]["comments"].as_array().unwrap().len(), 1);
    assert!(site.pulls().is_empty() && site.branches().is_empty());
    site.assert_allowed();
}

#[test]
fn issue_that_a_person_has_closed_is_left_alone() {
    let Some(site) = Site::new("prs-issue-person", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    // Another session of the same cause.
    plant(&site, 2);
    site.machine.open_due().assert_silent();
    assert_eq!(issues(&site).len(), 1);
    let number = issues(&site)[0]["number"].as_u64().unwrap();
    site.on("state", number, json!({"state": "closed", "login": "ann"}));
    site.machine.open_due().assert_silent();
    site.machine.raise(None, Some(seconds_ago(60)));
    site.machine.open_due().assert_silent();
    plant(&site, 3);
    site.machine.open_due().assert_silent();
    let all = issues(&site);
    assert_eq!((all.len(), &all[0]["comments"]), (1, &json!([])));
    site.assert_allowed();
}

#[test]
fn issue_whose_answer_is_lost_is_found() {
    for kind in ["server_error", "close"] {
        let Some(site) = Site::new("prs-issue-after", ISSUES) else { return };
        plant(&site, 1);
        site.machine.raise(None, None);
        site.act(
            "faults",
            json!({"kind": kind, "method": "POST", "path": "/issues$", "after": true}),
        );
        let ran = site.machine.open_due();
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{kind}: {ran:?}");
        site.forget_log();
        site.machine.open_due().assert_silent();
        assert_eq!(site.count("path="), 0, "{kind}: a pause follows");
        site.machine.due_now();
        site.machine.open_due().only("issue.opened");
        assert_eq!(issues(&site).len(), 1, "{kind}");
        site.assert_allowed();
    }
}

/// The comment is there, and the closing has failed, or its answer is lost: no second comment.
#[test]
fn closing_that_has_failed_comments_once() {
    for is_lost in [false, true] {
        let Some(site) = Site::new("prs-issue-close", ISSUES) else { return };
        plant(&site, 1);
        site.machine.raise(None, None);
        site.machine.open_due().only("issue.opened");
        site.machine.raise(None, Some(seconds_ago(60)));
        let fault = json!({"kind": "server_error", "method": "PATCH", "path": "/issues/", "after": is_lost});
        site.act("faults", fault);
        let ran = site.machine.open_due();
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{is_lost}: {ran:?}");
        site.machine.due_now();
        site.machine.open_due().only("issue.closed");
        site.machine.open_due().assert_silent();
        let all = issues(&site);
        assert_eq!(all[0]["state"], json!("closed"));
        assert_eq!(all[0]["comments"].as_array().unwrap().len(), 1, "{is_lost}: {all:?}");
        // It was closed from here: the cause may have another issue with its next incident.
        let prs = site.machine.document("prs.json");
        assert_eq!(prs["issues"][0]["is_closed_by_us"], json!(true));
        site.assert_allowed();
    }
}

/// The comment was made, and then a person has closed it.
#[test]
fn issue_that_a_person_has_closed_behind_the_comment_is_theirs() {
    let Some(site) = Site::new("prs-issue-theirs", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    site.machine.raise(None, Some(seconds_ago(60)));
    site.server.queue_fault("server_error", "PATCH", "/issues/");
    assert_eq!(site.machine.open_due().code, 1);
    site.machine.due_now();
    let number = issues(&site)[0]["number"].as_u64().unwrap();
    site.on("state", number, json!({"state": "closed", "login": "ann"}));
    site.machine.open_due().assert_silent();
    let prs = site.machine.document("prs.json");
    assert_eq!(prs["issues"][0]["is_closed_by_us"], json!(false));
    site.assert_allowed();
}

/// Another machine with the same account, and a state that is lost: one issue a cause.
#[test]
fn issue_of_another_machine_is_found_and_a_closed_one_stays_a_no() {
    let Some(site) = Site::new("prs-issue-other", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    let other = site.machine("prs-issue-other-2", ISSUES);
    let plant_at = |machine: &Machine, n| {
        machine.plant(n, &site.base, |session, _| session["offers_patch"] = json!(false));
        machine.raise(None, None);
    };
    plant_at(&other, 7);
    other.open_due().assert_silent();
    assert_eq!(other.document("prs.json")["issues"][0]["number"], json!(1));
    std::fs::remove_file(site.machine.bench.state("prs.json")).unwrap();
    // Told again, with the id of before: it is this session's.
    site.machine.open_due().only("issue.opened");
    let journal = site.machine.journal();
    assert_eq!(journal[0]["id"], journal[1]["id"]);
    assert_eq!(issues(&site).len(), 1);
    site.on("state", 1, json!({"state": "closed", "login": "ann"}));
    let third = site.machine("prs-issue-other-3", ISSUES);
    plant_at(&third, 8);
    for _ in 0..2 {
        third.open_due().assert_silent();
    }
    assert_eq!(issues(&site).len(), 1);
    // One that was closed with its incident is no answer to the next incident.
    let next = site.machine("prs-issue-other-4", ISSUES);
    site.on("state", 1, json!({"state": "open", "login": "ann"}));
    site.on("state", 1, json!({"state": "closed", "login": "bot"}));
    plant_at(&next, 9);
    next.open_due().only("issue.opened");
    assert_eq!(issues(&site).len(), 2);
    site.assert_allowed();
}

/// The answer to the opening is lost, and the incident is over before the next run.
#[test]
fn begun_issue_is_closed_with_its_incident() {
    for is_there in [true, false] {
        let Some(site) = Site::new("prs-issue-begun", ISSUES) else { return };
        plant(&site, 1);
        site.machine.raise(None, None);
        let fault = json!({"kind": "server_error", "method": "POST", "path": "/issues$", "after": is_there});
        site.act("faults", fault);
        assert_eq!(site.machine.open_due().code, 1);
        site.machine.due_now();
        site.machine.raise(None, Some(seconds_ago(60)));
        let ran = site.machine.open_due();
        match is_there {
            true => _ = ran.only("issue.closed"),
            false => ran.assert_silent(),
        }
        assert!(issues(&site).iter().all(|one| one["state"] == json!("closed")));
        site.forget_log();
        site.machine.open_due().assert_silent();
        assert_eq!(site.count("path="), 0, "it is settled");
        // The cause comes again, in an incident of its own.
        plant(&site, 2);
        site.machine.raise(None, None);
        site.machine.open_due().only("issue.opened");
        site.assert_allowed();
    }
}

#[test]
fn issue_in_a_public_repository_has_nothing_of_the_evidence() {
    let more = json!({"private": false});
    let Some(site) = Site::with_repository("prs-issue-public", ISSUES, more) else { return };
    site.machine.plant(1, &site.base, |session, finding| {
        session["offers_patch"] = json!(false);
        finding["title"] = json!("planted-title");
        finding["root_cause"] = json!("planted-cause");
        finding["evidence"] =
            json!([{"id": "planted-id", "claim": "planted-claim", "excerpt": "planted-excerpt"}]);
    });
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    site.machine.raise(None, Some(seconds_ago(60)));
    site.machine.open_due().only("issue.closed");
    let text = format!("{} {}", site.state(), json!(site.server.log("")));
    for part in ["planted", "orders-dlq", "123456789012", "arn:aws"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    site.assert_allowed();
}

/// Two machines look for the issue before either has opened it.
#[test]
fn two_machines_keep_one_issue() {
    let Some(site) = Site::new("prs-issue-race", ISSUES) else { return };
    let other = site.machine("prs-issue-race-2", ISSUES);
    plant(&site, 1);
    other.plant(2, &site.base, |session, _| session["offers_patch"] = json!(false));
    site.machine.raise(None, None);
    other.raise(None, None);
    // The first machine waits between its search and its opening, and the other one opens meanwhile.
    site.act("faults", json!({"method": "POST", "path": "/issues$", "delay_ms": 2500}));
    let mut first = site.machine.bench.start("dlq-prs", &["--open-due"]);
    wait_for("the first machine asks", || site.server.read("faults")[0]["hits"] == json!(1));
    other.open_due().only("issue.opened");
    first.finish();
    let open = |site: &Site| -> Vec<Value> {
        issues(site).into_iter().filter(|one| one["state"] == json!("open")).collect()
    };
    assert_eq!((issues(&site).len(), open(&site).len()), (2, 1));
    let kept = open(&site)[0]["number"].clone();
    for machine in [&site.machine, &other] {
        assert_eq!(machine.document("prs.json")["issues"][0]["number"], kept);
    }
    let closed = issues(&site).into_iter().find(|one| one["state"] == json!("closed")).unwrap();
    assert_eq!(closed["comments"][0]["body"], json!(format!("Duplicate of #{kept}.")));
    site.assert_allowed();
}

/// The account has opened 100 others since.
#[test]
fn issue_is_found_behind_a_hundred_newer_ones() {
    let Some(site) = Site::new("prs-issue-many", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    for n in 0..101 {
        site.act("issue", json!({"repo": REPO, "title": format!("x{n}"), "login": "bot"}));
    }
    let other = site.machine("prs-issue-many-2", ISSUES);
    other.plant(2, &site.base, |session, _| session["offers_patch"] = json!(false));
    other.raise(None, None);
    other.open_due().assert_silent();
    assert_eq!(issues(&site).len(), 102);
    assert_eq!(other.document("prs.json")["issues"][0]["number"], json!(1));
    site.assert_allowed();
}

#[test]
fn issue_of_a_renamed_repository_is_closed() {
    let Some(site) = Site::new("prs-issue-renamed", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    site.machine.open_due().only("issue.opened");
    site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
    site.machine.raise(None, Some(seconds_ago(60)));
    site.machine.open_due().only("issue.closed");
    let issue = site.server.read("state?repo=acme/site")["issues"][0].clone();
    assert_eq!(issue["state"], json!("closed"));
    assert_eq!(issue["comments"].as_array().unwrap().len(), 1);
    site.assert_allowed();
}

#[test]
fn repository_without_issues_is_asked_for_once() {
    let more = json!({"private": true, "has_issues": false});
    let Some(site) = Site::with_repository("prs-issue-none", ISSUES, more) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (0, 0), "{ran:?}");
    assert!(ran.stderr.contains("has no issues"), "{ran:?}");
    site.forget_log();
    site.machine.open_due().assert_silent();
    assert_eq!(site.count("path="), 0);
    site.assert_allowed();
}

/// A clock that was ahead has left a limit that ends in a month.
#[test]
fn issue_waits_for_no_limit_of_a_clock_that_was_ahead() {
    let Some(site) = Site::new("prs-issue-clock", ISSUES) else { return };
    plant(&site, 1);
    site.machine.raise(None, None);
    site.machine.look();
    let ahead = Timestamp::from_millis(seconds_ago(0).millis() + 30 * 86_400_000).to_string();
    site.machine.edit("prs.json", |prs| {
        prs["pauses"]["rest"] = json!({"until": ahead, "count": 1});
    });
    site.machine.open_due().only("issue.opened");
    assert_eq!(site.machine.document("prs.json")["pauses"], json!({}));
    site.assert_allowed();
}
