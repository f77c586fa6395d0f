//! A base that has moved since the proof.

use super::*;

fn commit(site: &Site, path: &str, text: &str) -> String {
    let made = site.act(
        "commit",
        json!({"repo": REPO, "branch": "main", "files": {path: text}, "message": "m", "login": "ann"}),
    );
    made["sha"].as_str().unwrap().to_owned()
}

#[test]
fn base_whose_other_files_have_changed_is_opened_on() {
    let Some(site) = Site::new("prs-moved", "") else { return };
    site.plant(1);
    let tip = commit(&site, "README.md", "new\n");
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["base"], json!(tip));
    let tree = site.server.read(&format!("tree?repo={REPO}&ref={BRANCH}"));
    assert_eq!(tree["parents"], json!([tip]));
    assert_eq!(tree["files"]["README.md"]["text"], json!("new\n"));
    let body = site.pulls()[0]["body"].as_str().unwrap().to_owned();
    let named =
        format!("They ran on `{}`. This branch begins at `{}`", &site.base[..12], &tip[..12]);
    assert!(body.contains(&named), "{body}");
    site.assert_allowed();
}

#[test]
fn base_whose_files_of_the_fix_have_changed_waits_for_a_newer_proof() {
    let Some(site) = Site::new("prs-base-moved", "") else { return };
    site.plant(1);
    let tip = commit(&site, "src/a.py", "x = 1\ny = 1\n");
    let ran = site.machine.open_due();
    let data = ran.only("pr.refused");
    assert_eq!(data["reason"], json!("base_moved"));
    assert!(data["detail"].as_str().unwrap().contains("src/a.py"), "{data}");
    assert!(site.branches().is_empty() && site.pulls().is_empty());
    site.machine.open_due().assert_silent();
    // The session has a proof on a newer base, with the patch as it is there.
    site.machine.plant(1, &tip, |session, _| {
        session["patch"] = json!(PATCH.replace("@@ -1 +1 @@", "@@ -1,2 +1,2 @@") + " y = 1\n");
    });
    assert_eq!(site.machine.open_due().only("pr.opened")["base"], json!(tip));
    let tree = site.server.read(&format!("tree?repo={REPO}&ref={BRANCH}"));
    assert_eq!(tree["files"]["src/a.py"]["text"], json!("x = 2\ny = 1\n"));
    site.assert_allowed();
}

/// The base moves between the push and the pull request: the branch of ours follows.
#[test]
fn base_that_moves_after_the_push_keeps_one_branch() {
    let Some(site) = Site::new("prs-moved-late", "") else { return };
    site.plant(1);
    site.server.queue_fault("server_error", "POST", "pulls$");
    assert_eq!(site.machine.open_due().code, 1);
    assert_eq!(site.machine.fix(1)["step"], json!("pushed"));
    let tip = commit(&site, "README.md", "new\n");
    site.machine.edit("prs.json", |prs| {
        prs["sessions"][0]["retry_at"] = json!(seconds_ago(1).to_string());
    });
    site.machine.open_due().only("pr.opened");
    assert_eq!((site.branches().len(), site.pulls().len()), (1, 1));
    let tree = site.server.read(&format!("tree?repo={REPO}&ref={BRANCH}"));
    assert_eq!(tree["parents"], json!([tip]));
    assert_eq!(tree["sha"], site.machine.fix(1)["commit"]);
    site.assert_allowed();
}

#[test]
fn proof_on_a_commit_that_the_remote_lacks_is_refused() {
    let Some(site) = Site::new("prs-unknown-base", "") else { return };
    site.machine.plant(1, "0123456789012345678901234567890123456789", as_is);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.refused")["reason"], json!("base_unknown"));
    assert!(site.branches().is_empty());
    site.assert_allowed();
}
