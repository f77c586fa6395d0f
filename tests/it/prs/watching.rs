//! Looks at pull requests: each change is told once, and nothing is taken to be closed that is not.

use super::*;
use crate::support::workbench::Running;

#[test]
fn look_tells_each_change_once() {
    let Some(site) = Site::new("prs-changes", "") else { return };
    let number = site.pull("Fix it");
    let look = || site.machine.look();
    assert_eq!(look().only("pr.found")["baseline"], json!(true));
    look().assert_silent();
    let second = site.pull("Another");
    let ran = look();
    assert_eq!(ran.only("pr.found")["baseline"], json!(false));
    assert_eq!(ran.events[0]["subject"], json!(format!("{REPO}#{second}")));
    let steps: [(&str, Value, &str); 5] = [
        ("check", json!({"name": "ci", "conclusion": "failure"}), "pr.checks_failed"),
        ("review", json!({"login": "bob", "state": "CHANGES_REQUESTED"}), "pr.changes_requested"),
        ("review", json!({"login": "bob", "state": "APPROVED"}), "pr.approved"),
        ("state", json!({"state": "closed"}), "pr.closed"),
        ("state", json!({"state": "open"}), "pr.found"),
    ];
    for (act, more, kind) in steps {
        site.on(act, number, more);
        look().only(kind);
        look().assert_silent();
    }
    let merged = site.on("merge", number, json!({"login": "bob", "method": "squash"}));
    let ran = look();
    let data = ran.only("pr.merged");
    assert_eq!((&data["merge_commit"], &data["base"]), (&merged["sha"], &json!("main")));
    look().assert_silent();
    let told = site.machine.journal();
    assert_eq!(types(&told).iter().filter(|kind| **kind == "pr.merged").count(), 1);
    site.assert_allowed();
}

#[test]
fn renamed_repository_loses_no_pull_request() {
    let Some(site) = Site::new("prs-renamed", "") else { return };
    let number = site.pull("Fix it");
    site.machine.look().only("pr.found");
    site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
    // The search by the old name finds nothing, and the id still names it.
    site.machine.look().assert_silent();
    let merged = json!({"repo": "acme/site", "number": number, "login": "bob", "method": "merge"});
    site.act("merge", merged);
    let ran = site.machine.look();
    assert_eq!(ran.only("pr.merged")["pr"]["repo"], json!("acme/site"));
    site.assert_allowed();
}

#[test]
fn deleted_repository_is_unreadable_and_never_closed() {
    let Some(site) = Site::new("prs-deleted", "") else { return };
    site.pull("Fix it");
    site.machine.look().only("pr.found");
    site.act("delete-repo", json!({"repo": REPO}));
    let mut all = Vec::new();
    for _ in 0..5 {
        all.extend(site.machine.look().events);
    }
    let of_pull_request: Vec<&Value> =
        all.iter().filter(|event| !event["data"]["pr"].is_null()).collect();
    assert_eq!(of_pull_request.len(), 1, "{all:?}");
    assert_eq!(of_pull_request[0]["type"], json!("pr.unreadable"));
    assert!(types(&all).iter().all(|kind| *kind == "pr.unreadable"), "{all:?}");
    site.assert_allowed();
}

/// The index of the search lags behind: what it does not have yet, or still has, is no news.
#[test]
fn lag_of_the_search_closes_nothing() {
    let Some(site) = Site::new("prs-lag", "") else { return };
    let first = site.pull("Fix it");
    site.machine.look().only("pr.found");
    site.act("settings", json!({"search_frozen": true}));
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    // The search does not have it, and its id does.
    site.machine.look().assert_silent();
    site.on("merge", first, json!({"login": "bob", "method": "merge"}));
    site.machine.look().only("pr.merged");
    site.act("settings", json!({"search_frozen": false}));
    site.machine.look().assert_silent();
    site.assert_allowed();
}

#[test]
fn null_parts_are_unknown() {
    let Some(site) = Site::new("prs-null", "") else { return };
    let number = site.pull("Fix it");
    site.on("check", number, json!({"name": "ci", "conclusion": "success"}));
    site.on("review", number, json!({"login": "bob", "state": "APPROVED"}));
    site.machine.look().only("pr.found");
    for part in
        ["s0/nodes/0/commits", "s0/nodes/0/latestOpinionatedReviews", "s0/nodes/0/mergeCommit"]
    {
        site.act("faults", json!({"path": "graphql", "null": [part]}));
        let ran = site.machine.look();
        assert!(ran.events.is_empty(), "{part}: {ran:?}");
        site.machine.look().assert_silent();
    }
    for part in ["s0/nodes/0", "s0/nodes", "s0"] {
        site.act("faults", json!({"path": "graphql", "null": [part]}));
        let ran = site.machine.look();
        assert_eq!(ran.code, 1, "{part}: {ran:?}");
        assert!(ran.events.iter().all(|one| one["data"]["pr"].is_null()), "{part}: {ran:?}");
        site.machine.look().assert_silent();
    }
    let watched = site.machine.document("prs.json")["watched"].clone();
    let record = watched.as_object().unwrap().values().next().unwrap();
    assert_eq!((&record["checks"], &record["review"]), (&json!("passing"), &json!("approved")));
    site.assert_allowed();
}

#[test]
fn checks_that_the_token_may_not_read_are_unknown() {
    let Some(site) = Site::new("prs-forbidden", "") else { return };
    let permissions = json!({"contents": "read", "pull_requests": "read", "metadata": "read"});
    let token = json!({"token": "fine", "login": "bot", "kind": "fine_grained",
        "permissions": permissions, "repos": null});
    site.act("token", token);
    let number = site.pull("Fix it");
    site.on("check", number, json!({"name": "ci", "conclusion": "failure"}));
    let mut machine = site.machine("prs-forbidden-2", "");
    machine.bench.set("T", "fine");
    let ran = machine.look();
    assert_eq!(ran.only("pr.found")["pr"]["checks"], Value::Null, "{ran:?}");
    assert_eq!(ran.code, 0, "a token with few rights is no failure: {ran:?}");
    machine.look().assert_silent();
    site.assert_allowed();
}

#[test]
fn merge_queue_and_auto_merge_remind_nobody() {
    let Some(site) = Site::new("prs-queue", "  remind: [1m]\n") else { return };
    for (title, how) in [("In the queue", "queue"), ("By itself", "auto")] {
        let number = site.pull(title);
        site.on("review", number, json!({"login": "bob", "state": "APPROVED"}));
        site.on("merging", number, json!({how: true}));
    }
    assert_eq!(site.machine.look().types(), ["pr.found", "pr.found"]);
    site.machine.edit("prs.json", |prs| {
        for record in prs["watched"].as_object_mut().unwrap().values_mut() {
            assert_eq!(record["waiting_on"], json!("nobody"));
            record["turn_since"] = json!(seconds_ago(86_400).to_string());
        }
    });
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// Returns the highest resident memory of a program until its end, in KiB.
fn memory_peak(running: &mut Running) -> u64 {
    let path = format!("/proc/{}/status", running.pid());
    let mut peak = 0;
    while let Ok(status) = std::fs::read_to_string(&path) {
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        // A process that has ended has no memory.
        let Some(line) = line else { break };
        peak = peak.max(line.split_whitespace().nth(1).unwrap().parse().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    peak
}

#[test]
fn look_at_300_pull_requests_takes_few_requests_and_little_memory() {
    let Some(site) = Site::new("prs-many", "  orgs: [big]\n") else { return };
    site.act("seed", json!({"repos": 40, "pulls": 300, "owner": "big", "login": "person"}));
    for expected in [300, 0] {
        site.forget_log();
        let mut running = site.machine.bench.start("dlq-prs", &["--once"]);
        let peak = memory_peak(&mut running);
        let output = running.finish();
        assert_eq!((output.code(), events(&output.text()).len()), (0, expected));
        assert!(peak > 1000 && peak <= 30 * 1024, "{peak} KiB");
        let requests = site.count("path=graphql") + site.count("path=repos");
        assert!((1..=20).contains(&requests), "{requests} requests");
    }
    site.assert_allowed();
}

/// One approval of two that are required, and an answer without the decision.
#[test]
fn review_whose_decision_is_lost_is_not_approved() {
    let more = json!({"private": true, "required_reviews": 2});
    let Some(site) = Site::with_repository("prs-lost-decision", "", more) else { return };
    let number = site.pull("Fix it");
    site.on("review", number, json!({"login": "bob", "state": "APPROVED"}));
    site.machine.look().only("pr.found");
    for part in ["reviewDecision", "reviewRequests", "latestOpinionatedReviews"] {
        let fault = json!({"path": "graphql", "null": [format!("s0/nodes/0/{part}")]});
        site.act("faults", fault);
        site.machine.look().assert_silent();
        let watched = site.machine.document("prs.json")["watched"].clone();
        let record = watched.as_object().unwrap().values().next().unwrap().clone();
        let expected = if part == "reviewDecision" { "unavailable" } else { "required" };
        assert_eq!(record["review"], json!(expected), "{part}");
        assert_eq!(record["actor"], json!("reviewer"), "{part}");
    }
    site.assert_allowed();
}

/// Everybody may review in a public repository.
#[test]
fn approval_of_an_account_without_rights_is_none() {
    let Some(site) = Site::with_repository("prs-stranger", "", json!({"private": false})) else {
        return;
    };
    let number = site.pull("Fix it");
    site.machine.look().only("pr.found");
    site.on("review", number, json!({"login": "stranger", "state": "APPROVED"}));
    site.machine.look().assert_silent();
    site.on("review", number, json!({"login": "bob", "state": "APPROVED"}));
    site.machine.look().only("pr.approved");
    site.assert_allowed();
}

/// Null alone is a deleted account, no labels, a deleted fork; with an error it says nothing.
#[test]
fn origin_stays_while_a_part_of_it_is_lost() {
    let Some(site) = Site::new("prs-lost-origin", "") else { return };
    let number = site.pull("Fix it");
    site.on("edit", number, json!({"labels": ["automated"]}));
    let facts = |ran: &Ran, kind: &str| {
        let pr = &ran.only(kind)["pr"];
        (pr["author"].clone(), pr["automated"].clone(), pr["ours"].clone())
    };
    let expected = (json!("ann"), json!(true), json!(false));
    assert_eq!(facts(&site.machine.look(), "pr.found"), expected);
    let parts = ["author", "labels", "headRepository"];
    for part in parts {
        site.act("faults", json!({"path": "graphql", "null": [format!("s0/nodes/0/{part}")]}));
        site.machine.look().assert_silent();
        let watched = site.machine.document("prs.json")["watched"].clone();
        let record = watched.as_object().unwrap().values().next().unwrap().clone();
        assert_eq!(
            (&record["author"], &record["origin"]),
            (&json!("ann"), &json!("automated")),
            "{part}"
        );
    }
    let lost = |place: &str| parts.map(|part| format!("{place}/{part}"));
    site.act("faults", json!({"path": "graphql", "null": lost("s0/nodes/0")}));
    site.on("check", number, json!({"name": "ci", "conclusion": "failure"}));
    assert_eq!(facts(&site.machine.look(), "pr.checks_failed"), expected);
    // The search does not find it any more, and it is asked for by its id.
    site.act("faults", json!({"path": "graphql", "null": lost("nodes/0")}));
    site.on("merge", number, json!({"login": "bob", "method": "merge"}));
    assert_eq!(facts(&site.machine.look(), "pr.merged"), expected);
    site.assert_allowed();
}

/// Of one that was never seen before, nothing is told until a look shows whose it is. A restored machine
/// whose record is lost knows ours by these parts.
#[test]
fn pull_request_whose_origin_is_lost_waits_for_the_next_look() {
    for part in ["s0/nodes/0/author", "s0/nodes/0/headRepository"] {
        let Some(site) = Site::new("prs-unknown-origin", "") else { return };
        site.act(
            "pull",
            json!({
                "repo": REPO, "title": "Fix it", "head": "dlq/d15cc665f7b7-1", "login": "bot",
                "files": {"fix.txt": "1\n"}, "body": "b", "draft": true,
            }),
        );
        site.act("faults", json!({"path": "graphql", "null": [part], "times": 2}));
        let ran = site.machine.look();
        assert_eq!(ran.code, 1, "{part}: {ran:?}");
        let data = ran.only("pr.unreadable");
        assert_eq!(data["pr"], Value::Null, "{part}");
        assert!(data["reason"].as_str().unwrap().contains("not accessible"), "{part}: {ran:?}");
        assert!(ran.stderr.contains("could not all be read"), "{part}: {ran:?}");
        assert_eq!(site.machine.document("prs.json")["watched"], json!({}), "{part}");
        let again = site.machine.look();
        assert_eq!((again.code, again.types().len()), (1, 0), "{part}: told twice: {again:?}");
        let found = site.machine.look();
        let pr = &found.only("pr.found")["pr"];
        assert_eq!((&pr["ours"], &pr["author"]), (&json!(true), &json!("bot")), "{part}");
        site.machine.look().assert_silent();
        site.assert_allowed();
    }
}
