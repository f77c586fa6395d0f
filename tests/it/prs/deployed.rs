//! Merges that are live: by a deployment that GitHub knows, or by a command.

use super::*;
use dlq::time::Timestamp;

/// Opens and merges the pull request of a session. Returns the commit of the merge.
fn merge(site: &Site) -> String {
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.on("draft", 1, json!({"draft": false, "login": "ann"}));
    let merged = site.on("merge", 1, json!({"login": "bob", "method": "squash"}));
    merged["sha"].as_str().unwrap().to_owned()
}

#[test]
fn merge_of_ours_is_deployed_once_a_deployment_has_succeeded() {
    let Some(site) = Site::new("prs-deployed", "") else { return };
    let commit = merge(&site);
    site.machine.look().only("pr.merged");
    let deploy = |environment: &str, state: &str| {
        let body = json!({"repo": REPO, "ref": "main", "environment": environment, "state": state});
        site.act("deployment", body);
    };
    deploy("staging", "success");
    site.machine.look().assert_silent();
    deploy("production", "failure");
    site.machine.look().assert_silent();
    deploy("production", "success");
    let ran = site.machine.look();
    let data = ran.only("pr.deployed");
    assert_eq!((&data["merge_commit"], &data["by"]), (&json!(commit), &json!("deployment")));
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// Makes the command of the queue. It appends its arguments to the file `asked`.
fn command(site: &mut Site, script: &str) {
    let asked = site.machine.bench.path("asked").display().to_string();
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{asked}'\n{script}\n");
    let path = site.machine.bench.stub("is-live", &script).display().to_string();
    let config = std::fs::read_to_string(site.machine.bench.path("config.yaml")).unwrap();
    if !config.contains("deployed:") {
        let with = format!("owner: ann, deployed: [\"{path}\", orders]");
        site.machine.bench.configure(&config.replace("owner: ann", &with));
    }
}

fn asked(site: &Site) -> String {
    std::fs::read_to_string(site.machine.bench.path("asked")).unwrap_or_default()
}

#[test]
fn command_of_the_queue_says_when_a_merge_is_live() {
    let Some(mut site) = Site::new("prs-live", "") else { return };
    command(&mut site, "exit 1");
    let commit = merge(&site);
    let ran = site.machine.look();
    assert_eq!((ran.code, ran.only("pr.merged")["merge_commit"].clone()), (0, json!(commit)));
    // A deployment that GitHub knows does not count: the user has said what does.
    let body =
        json!({"repo": REPO, "ref": "main", "environment": "production", "state": "success"});
    site.act("deployment", body);
    // It is not live, prints without end, writes to a terminal, is killed, is no program.
    let hostile =
        "yes '\\033]0;hostile\\007' | head -c 3000000; printf '\\033[2Jhostile' >&2; exit 3";
    for script in ["exit 1", hostile, "kill -9 $$"] {
        command(&mut site, script);
        let ran = site.machine.look();
        ran.assert_silent();
        assert!(!ran.stderr.contains("hostile") && !ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
    let path = site.machine.bench.path("stubs/is-live");
    std::fs::remove_file(&path).unwrap();
    let ran = site.machine.look();
    ran.assert_silent();
    assert!(ran.stderr.contains("cannot run"), "{ran:?}");
    assert_eq!(asked(&site), format!("orders {commit}\n").repeat(3));
    // It is live; much output is no failure.
    command(&mut site, "yes | head -c 3000000; yes | head -c 300000 >&2; exit 0");
    let ran = site.machine.look();
    let data = ran.only("pr.deployed");
    assert_eq!((&data["merge_commit"], &data["by"]), (&json!(commit), &json!("command")));
    std::fs::write(site.machine.bench.path("asked"), "").unwrap();
    site.machine.look().assert_silent();
    assert_eq!(asked(&site), "", "it is not asked again");
    site.assert_allowed();
}

/// A command that hangs costs one deadline, and leaves no process.
#[test]
fn command_that_hangs_is_ended_and_the_look_goes_on() {
    let Some(mut site) = Site::new("prs-live-hangs", "") else { return };
    let commit = merge(&site);
    site.machine.look().only("pr.merged");
    command(&mut site, "sleep 1000 & sleep 1000");
    site.pull("Fix it");
    let began = std::time::Instant::now();
    let ran = site.machine.look();
    ran.only("pr.found");
    assert!(ran.stderr.contains("did not end within 10s"), "{ran:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
    assert_eq!(asked(&site), format!("orders {commit}\n"));
    let left = crate::support::workbench::processes_of(&site.machine.bench);
    assert!(left.is_empty(), "{left:?}");
    site.assert_allowed();
}

/// A clock that was ahead has asked in three weeks.
#[test]
fn question_of_a_clock_that_was_ahead_is_asked_again() {
    let Some(site) = Site::new("prs-deployed-clock", "") else { return };
    merge(&site);
    site.machine.look().only("pr.merged");
    let day = 86_400_000;
    let (merged, asked) = (seconds_ago(0).millis() - day, seconds_ago(0).millis() + 20 * day);
    site.machine.edit("prs.json", |prs| {
        for record in prs["watched"].as_object_mut().unwrap().values_mut() {
            let asked_at = Timestamp::from_millis(asked).to_string();
            record["deployment"] = json!({"asked_at": asked_at, "lacking": []});
            record["end"]["merged"]["at"] = json!(Timestamp::from_millis(merged).to_string());
        }
    });
    site.act("deployment", json!({"repo": REPO, "ref": "main"}));
    // The question counts as asked just now.
    site.machine.look().assert_silent();
    let watched = site.machine.document("prs.json")["watched"].clone();
    let record = watched.as_object().unwrap().values().next().unwrap().clone();
    let asked_at = record["deployment"]["asked_at"].as_str().and_then(Timestamp::parse).unwrap();
    assert!(asked_at <= seconds_ago(0), "{asked_at}");
    site.assert_allowed();
}

#[test]
fn deployments_that_cannot_be_read_are_a_warning_once() {
    let Some(site) = Site::new("prs-deployed-forbidden", "") else { return };
    merge(&site);
    site.act("faults", json!({"kind": "forbidden", "path": "deployments", "times": null}));
    site.machine.look().only("pr.merged");
    let ran = site.machine.look();
    assert_eq!((ran.code, ran.types().len()), (0, 0), "{ran:?}");
    assert!(ran.stderr.contains("deployments of 'acme/web' cannot be read"), "{ran:?}");
    let ran = site.machine.look();
    assert!(!ran.stderr.contains("cannot be read"), "{ran:?}");
    site.assert_allowed();
}

/// Somebody puts the pull request into another branch than the one that runs.
#[test]
fn merge_into_another_branch_resolves_nothing() {
    let Some(site) = Site::new("prs-retarget", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.act("ref", json!({"repo": REPO, "ref": "refs/heads/side", "sha": site.base}));
    let (status, _) =
        site.server.json("PATCH", "/repos/acme/web/pulls/1", Some(&json!({"base": "side"})));
    assert_eq!(status, 200);
    site.on("draft", 1, json!({"draft": false, "login": "ann"}));
    site.on("merge", 1, json!({"login": "bob", "method": "squash"}));
    assert_eq!(site.machine.look().only("pr.merged")["base"], json!("side"));
    let sessions = site.machine.document("sessions.json");
    assert_eq!(sessions["sessions"][0]["resolved_by"], Value::Null);
    site.assert_allowed();
}
