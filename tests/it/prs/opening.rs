//! Openings: what is pushed and published, and what an earlier pull request means.

use super::*;

#[test]
fn branch_holds_exactly_the_patch_on_the_base_of_the_remote() {
    let Some(site) = Site::new("prs-open", "  labels: [dlq]\n  reviewers: [bob]\n") else { return };
    site.plant(1);
    let ran = site.machine.open_due();
    let data = ran.only("pr.opened");
    assert_eq!((&data["session"], &data["base"]), (&json!(id(1)), &json!(site.base)));
    assert_eq!((&data["grade"], &data["pr"]["draft"]), (&json!("proven"), &json!(true)));
    let tree = site.server.read(&format!("tree?repo={REPO}&ref={BRANCH}"));
    assert_eq!(tree["parents"], json!([site.base]));
    let files = json!({
        "README.md": {"mode": "100644", "text": "hi\n"},
        "src/a.py": {"mode": "100644", "text": "x = 2\n"},
    });
    assert_eq!(tree["files"], files);
    assert_eq!(site.branch("main"), json!(site.base));
    let pulls = site.pulls();
    assert_eq!(pulls.len(), 1);
    assert_eq!((&pulls[0]["draft"], &pulls[0]["labels"]), (&json!(true), &json!(["dlq"])));
    assert_eq!(
        (&pulls[0]["reviewers"], &pulls[0]["assignees"]),
        (&json!(["bob"]), &json!(["ann"]))
    );
    assert_eq!(types(&site.machine.journal()), ["pr.opened"]);
    let fix = site.machine.fix(1);
    assert_eq!((&fix["step"], &fix["commit"]), (&json!("opened"), &tree["sha"]));
    site.forget_log();
    site.machine.open_due().assert_silent();
    assert_eq!(site.count("path="), 0, "what is opened asks GitHub for nothing");
    site.machine.look().assert_silent();
    site.assert_allowed();
}

#[test]
fn same_cause_is_a_comment_on_the_open_pull_request() {
    let Some(site) = Site::new("prs-comment", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.plant(2);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.commented")["reason"], json!("same_cause"));
    site.machine.open_due().assert_silent();
    // One comment a day says it.
    for n in 3..6 {
        site.plant(n);
    }
    site.machine.open_due().assert_silent();
    assert_eq!(site.machine.fix(5)["step"], json!("commented"));
    let pulls = site.pulls();
    assert_eq!((pulls.len(), pulls[0]["comments"].as_array().unwrap().len()), (1, 1));
    site.assert_allowed();
}

/// The answer to a comment is lost, and the clock of this machine is ahead of GitHub's.
#[test]
fn comment_is_made_once_whatever_the_clocks_say() {
    let Some(site) = Site::new("prs-comment-clock", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.act("clock", json!({"advance_s": -600}));
    site.plant(2);
    let fault =
        json!({"kind": "server_error", "method": "POST", "path": "/comments$", "after": true});
    site.act("faults", fault);
    assert_eq!(site.machine.open_due().code, 1);
    site.machine.due_now();
    // What cannot be read is not taken for nothing.
    site.server.queue_fault("not_found", "GET", "/comments");
    assert_eq!(site.machine.open_due().code, 1);
    site.machine.due_now();
    site.machine.open_due().only("pr.commented");
    assert_eq!(site.pulls()[0]["comments"].as_array().unwrap().len(), 1);
    site.assert_allowed();
}

#[test]
fn closed_pull_request_is_a_no_until_asked_for_or_new_evidence() {
    let Some(site) = Site::new("prs-no", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.on("state", 1, json!({"state": "closed"}));
    site.machine.look().only("pr.closed");
    site.plant(2);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.refused")["reason"], json!("rejected"));
    site.machine.open_due().assert_silent();
    // A person asks.
    site.machine.prs(&["--open", "00000002"]).only("pr.opened");
    assert_eq!(site.pulls()[1]["head"], json!("dlq/d15cc665f7b7-2"));
    site.on("state", 2, json!({"state": "closed"}));
    site.machine.look().only("pr.closed");
    // Each of these is evidence that the refused session did not have.
    let changes: [(&str, Value); 3] = [
        ("causes", json!([FINGERPRINT, "0123456789ab"])),
        ("category", json!("data")),
        ("files", json!(["src/a.py", "src/b.py"])),
    ];
    for (n, (key, value)) in (3..).zip(changes) {
        site.machine.plant(n, &site.base, |_, finding| finding[key] = value);
        site.machine.open_due().only("pr.opened");
        site.on("state", u64::from(n), json!({"state": "closed"}));
        site.machine.look().only("pr.closed");
        site.machine.plant(n + 10, &site.base, as_is);
        let ran = site.machine.open_due();
        assert_eq!(ran.only("pr.refused")["reason"], json!("rejected"), "{key}");
    }
    site.assert_allowed();
}

#[test]
fn merged_cause_that_comes_back_is_a_regression() {
    let Some(site) = Site::new("prs-regression", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.on("draft", 1, json!({"draft": false, "login": "ann"}));
    let merged = site.on("merge", 1, json!({"login": "bob", "method": "squash"}));
    let ran = site.machine.look();
    assert_eq!(ran.only("pr.merged")["merge_commit"], merged["sha"]);
    let sessions = site.machine.document("sessions.json");
    assert_eq!(sessions["sessions"][0]["resolved_by"], json!(format!("{REPO}#1")));
    // It comes back, with a patch for what is on the base now.
    let base = merged["sha"].as_str().unwrap();
    site.machine.plant(2, base, |session, _| {
        session["patch"] = json!(PATCH.replace("x = 2", "x = 3").replace("x = 1", "x = 2"));
    });
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["regression_of"], json!(format!("{REPO}#1")));
    let pulls = site.pulls();
    assert_eq!(pulls[1]["head"], json!("dlq/d15cc665f7b7-2"));
    assert!(pulls[1]["body"].as_str().unwrap().contains("A regression: `acme/web#1`"));
    site.assert_allowed();
}

#[test]
fn commits_of_a_person_are_never_overwritten() {
    let Some(site) = Site::new("prs-person", "") else { return };
    // The branch is there before: a person, or another tool, has made it.
    let theirs = site.act(
        "commit",
        json!({"repo": REPO, "branch": BRANCH, "files": {"b.py": "1\n"}, "message": "m", "login": "ann"}),
    );
    site.plant(1);
    let ran = site.machine.open_due();
    ran.only("pr.opened");
    let said =
        format!("branch '{BRANCH}' of {REPO} has commits of somebody else and no pull request");
    assert!(ran.code == 0 && ran.stderr.contains(&said), "{ran:?}");
    assert_eq!(site.branch(BRANCH), theirs["sha"]);
    assert_eq!(site.pulls()[0]["head"], json!("dlq/d15cc665f7b7-2"));
    site.machine.open_due().assert_silent();
    // Behind a push of ours, before the pull request.
    site.machine.plant(2, &site.base, |session, _| session["fingerprint"] = json!("aaaaaaaaaaaa"));
    site.server.queue_fault("server_error", "POST", "pulls$");
    let ran = site.machine.open_due();
    assert_eq!(ran.code, 1, "{ran:?}");
    let branch = "dlq/aaaaaaaaaaaa-1";
    assert_eq!(site.machine.fix(2)["step"], json!("pushed"));
    let theirs = site.act(
        "commit",
        json!({"repo": REPO, "branch": branch, "files": {"b.py": "1\n"}, "message": "m", "login": "ann"}),
    );
    site.machine.due_now();
    site.machine.open_due().only("pr.opened");
    assert_eq!(site.branch(branch), theirs["sha"]);
    assert_eq!(site.pulls()[1]["head"], json!("dlq/aaaaaaaaaaaa-2"));
    site.assert_allowed();
}

/// The fence between machines: the branch of another one is waited for, not passed by.
#[test]
fn branch_that_another_machine_has_made_is_waited_for() {
    let Some(site) = Site::new("prs-other-branch", "") else { return };
    let other = site.machine("prs-other-branch-2", "");
    other.plant(9, &site.base, as_is);
    site.server.queue_fault("server_error", "POST", "pulls$");
    assert_eq!(other.open_due().code, 1);
    let theirs = site.branch(BRANCH);
    site.plant(1);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    assert!(ran.stderr.contains("dlq-tools of another machine has made branch"), "{ran:?}");
    assert_eq!((site.branches().len(), site.branch(BRANCH)), (1, theirs));
    other.due_now();
    other.open_due().only("pr.opened");
    site.machine.due_now();
    site.machine.open_due().only("pr.commented");
    assert_eq!((site.branches().len(), site.pulls().len()), (1, 1));
    site.assert_allowed();
}

#[test]
fn pull_request_of_ours_is_told_once_also_when_the_record_is_lost() {
    let Some(site) = Site::new("prs-lost", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    std::fs::remove_file(site.machine.bench.state("prs.json")).unwrap();
    // The branch and the account of the token say that it is ours.
    let ran = site.machine.look();
    assert_eq!(ran.only("pr.found")["pr"]["ours"], json!(true));
    // The fix finds its own branch and pull request.
    let ran = site.machine.open_due();
    assert_eq!((ran.code, site.pulls().len()), (0, 1), "{ran:?}");
    assert_eq!(site.machine.fix(1)["pull_request"]["number"], json!(1), "{ran:?}");
    site.assert_allowed();
}

#[test]
fn fork_gets_the_branch_and_the_repository_the_pull_request() {
    let Some(site) = Site::new("prs-fork", "  push_to: robot/web\n") else { return };
    let fork =
        json!({"name": "robot/web", "fork_of": REPO, "private": true, "roles": {"bot": "write"}});
    site.act("repo", fork);
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    let pulls = site.pulls();
    assert_eq!((pulls.len(), &pulls[0]["head_repo"]), (1, &json!("robot/web")));
    assert!(site.branches().is_empty(), "nothing is pushed to the repository itself");
    let fork = site.server.read("state?repo=robot/web");
    assert!(!fork["refs"][format!("refs/heads/{BRANCH}")].is_null(), "{fork}");
    site.machine.open_due().assert_silent();
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// A machine that has pushed and does not come back is not waited for forever; when it does, it comments.
#[test]
fn branch_of_a_machine_that_is_lost_does_not_hold_the_cause() {
    let Some(site) = Site::new("prs-lost-machine", "") else { return };
    let other = site.machine("prs-lost-machine-2", "");
    other.plant(9, &site.base, as_is);
    site.server.queue_fault("server_error", "POST", "pulls$");
    assert_eq!(other.open_due().code, 1);
    site.plant(1);
    for tries in 0..6 {
        let ran = site.machine.open_due();
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{tries}: {ran:?}");
        site.machine.due_now();
    }
    let ran = site.machine.open_due();
    ran.only("pr.opened");
    assert!(ran.stderr.contains("another machine, which has not come back"), "{ran:?}");
    assert_eq!(site.pulls()[0]["head"], json!("dlq/d15cc665f7b7-2"));
    other.due_now();
    other.open_due().only("pr.commented");
    assert_eq!(site.pulls().len(), 1);
    site.assert_allowed();
}

/// The base branch has gone on since the fork was made, and nobody has synchronised that.
#[test]
fn fork_that_lacks_the_base_gets_the_branch() {
    let Some(site) = Site::new("prs-old-fork", "  push_to: robot/web\n") else { return };
    let fork =
        json!({"name": "robot/web", "fork_of": REPO, "private": true, "roles": {"bot": "write"}});
    site.act("repo", fork);
    let commit = |n: u32| {
        let files = json!({"README.md": format!("{n}\n")});
        let made = site.act(
            "commit",
            json!({"repo": REPO, "branch": "main", "files": files, "message": "m", "login": "ann"}),
        );
        made["sha"].as_str().unwrap().to_owned()
    };
    let (proven, tip) = (commit(1), commit(2));
    site.machine.plant(1, &proven, as_is);
    assert_eq!(site.machine.open_due().only("pr.opened")["base"], json!(tip));
    let tree = site.server.read(&format!("tree?repo=robot/web&ref={BRANCH}"));
    assert_eq!(tree["parents"], json!([tip]));
    assert_eq!(site.pulls().len(), 1);
    site.assert_allowed();
}

#[test]
fn paths_of_an_enterprise_server_are_used() {
    let Some(mut site) = Site::new("prs-ghes", "") else { return };
    let url = format!("{}/api/v3", site.server.url);
    site.machine.configure(&url, "");
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.machine.look().assert_silent();
    let log = site.server.log("");
    let paths: Vec<&str> = log.iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"/api/graphql"), "{paths:?}");
    let strange = paths
        .iter()
        .filter(|path| !path.starts_with("/api/") && !path.starts_with("/acme/web.git/"));
    assert_eq!(strange.count(), 0, "{paths:?}");
    site.assert_allowed();
}

#[test]
fn renamed_repository_gets_the_pull_request_under_its_new_name() {
    let Some(site) = Site::new("prs-open-renamed", "") else { return };
    site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
    site.plant(1);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["pr"]["repo"], json!("acme/site"));
    site.machine.look().assert_silent();
    site.plant(2);
    site.machine.open_due().only("pr.commented");
    site.assert_allowed();
}

#[test]
fn dry_run_prints_what_would_be_opened_and_writes_nothing() {
    let Some(site) = Site::new("prs-dry", "") else { return };
    site.plant(1);
    let before = std::fs::read_dir(site.machine.bench.state("")).unwrap().count();
    let ran = site.machine.prs(&["--open", "00000001", "-n"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "repository: acme/web",
        "branch: dlq/d15cc665f7b7-1, into main",
        "title: Read the customer",
    ] {
        assert!(ran.text.contains(part), "{part}: {}", ran.text);
    }
    assert_eq!(std::fs::read_dir(site.machine.bench.state("")).unwrap().count(), before);
    site.pull("Fix it");
    assert_eq!(site.machine.prs(&["-n", "--once"]).types(), ["pr.found"]);
    // Texts of pull requests are no lines of a pipeline.
    let ran = site.machine.prs(&["-n"]);
    assert!(ran.code == 2 && ran.stderr.contains("--open-due"), "{ran:?}");
    assert_eq!(std::fs::read_dir(site.machine.bench.state("")).unwrap().count(), before);
    assert!(site.branches().is_empty());
    assert_eq!(site.count("method=POST&path=repos"), 0);
    site.assert_allowed();
}
