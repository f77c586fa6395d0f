//! Tokens of GitHub Apps and of Actions, which may not ask for their account in REST.

use super::*;
use crate::support::workbench::wait_for;

/// Makes a site whose token is that of an app.
pub(super) fn app_site(name: &str, github: &str) -> Option<Site> {
    let mut site = Site::new(name, github)?;
    let permissions = json!({
        "contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read",
        "checks": "read", "statuses": "read",
    });
    site.act(
        "token",
        json!({"token": "app", "login": "robot[bot]", "kind": "app", "permissions": permissions}),
    );
    site.act("repo", json!({"name": REPO, "roles": {"robot[bot]": "write"}}));
    site.machine.bench.set("T", "app");
    Some(site)
}

#[test]
fn opening_with_the_token_of_an_app_is_finished_after_a_kill() {
    let Some(site) = app_site("prs-app-kill", "") else { return };
    site.plant(1);
    let fault = json!({"method": "POST", "path": "pulls$", "kind": "hang", "after": true});
    site.act("faults", fault);
    let mut running = site.machine.bench.start("dlq-prs", &["--open-due"]);
    wait_for("the pull request is there", || !site.pulls().is_empty());
    running.kill();
    assert_eq!(site.machine.fix(1)["step"], json!("pushed"));
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["pr"]["number"], json!(1));
    assert_eq!(site.pulls().len(), 1);
    site.assert_allowed();
}

#[test]
fn issue_with_the_token_of_an_app_is_opened_once_and_closed() {
    let Some(site) = app_site("prs-app-issue", "  issues: true\n") else { return };
    site.machine.plant(1, &site.base, |session, _| session["offers_patch"] = json!(false));
    site.machine.raise(None, None);
    site.act(
        "faults",
        json!({"kind": "close", "method": "POST", "path": "/issues$", "after": true}),
    );
    assert_eq!(site.machine.open_due().code, 1);
    site.machine.due_now();
    site.machine.open_due().only("issue.opened");
    site.machine.raise(None, Some(seconds_ago(60)));
    site.machine.open_due().only("issue.closed");
    let issues = site.state()["issues"].clone();
    assert_eq!((issues.as_array().unwrap().len(), &issues[0]["state"]), (1, &json!("closed")));
    site.assert_allowed();
}
