//! Issues for causes without a fix to offer: opened once, closed when the incident is over.

use super::*;

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
        site.machine.open_due().only("issue.opened");
        assert_eq!(issues(&site).len(), 1, "{kind}");
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
