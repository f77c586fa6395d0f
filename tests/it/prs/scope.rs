//! What is watched: parts of the scope that cannot be read, that are new, and that are left.

use super::*;

const DAY: u64 = 86_400;

fn other_repository(site: &Site, name: &str) {
    let roles = json!({"bot": "write", "ann": "write"});
    site.act("repo", json!({"name": name, "private": true, "roles": roles}));
}

/// Opens a pull request whose commit is a week old: a newer one begins a turn.
fn old_pull(site: &Site, repo: &str) {
    site.act("clock", json!({"advance_s": -7 * (DAY as i64)}));
    let body = json!({"repo": repo, "title": "Old", "head": "o", "files": {"o": "1\n"}});
    site.act("pull", body);
    site.act("clock", json!({"advance_s": 7 * DAY}));
}

/// Sets an instant of all records of pull requests.
fn set(machine: &Machine, field: &str, seconds: u64) {
    machine.edit("prs.json", |prs| {
        for record in prs["watched"].as_object_mut().unwrap().values_mut() {
            record[field] = json!(seconds_ago(seconds).to_string());
        }
    });
}

/// One search fails at each look: what the other one finds is news.
#[test]
fn part_that_stays_unreadable_keeps_no_other_part_from_its_baseline() {
    let repos: Vec<String> = (0..8).map(|n| format!("acme/r{n}")).collect();
    let github = format!("  repos: [{}]\n", repos.join(", "));
    let Some(site) = Site::new("prs-scope-unread", &github) else { return };
    repos.iter().for_each(|name| other_repository(&site, name));
    site.act("faults", json!({"path": "graphql", "null": ["s0"], "times": null}));
    let found = |ran: Ran| -> Vec<Value> {
        let found = ran.events.into_iter().filter(|one| one["type"] == json!("pr.found"));
        found.map(|one| one["data"]["baseline"].clone()).collect()
    };
    let (first, second) = ("acme/web", "acme/r7");
    site.pull("One");
    let read: Vec<Value> = found(site.machine.look());
    site.pull("Two");
    let body = json!({"repo": second, "title": "Three", "head": "three", "files": {"t": "1\n"}});
    site.act("pull", body);
    let later = found(site.machine.look());
    assert_eq!((first, read, later.contains(&json!(true))), (REPO, vec![json!(true)], false));
    assert!(!later.is_empty());
    site.assert_allowed();
}

#[test]
fn new_part_of_the_scope_has_a_baseline_of_its_own() {
    let Some(mut site) = Site::new("prs-scope-new", "") else { return };
    site.pull("One");
    site.machine.look().only("pr.found");
    other_repository(&site, "acme/other");
    site.act(
        "pull",
        json!({"repo": "acme/other", "title": "Old", "head": "o", "files": {"o": "1\n"}}),
    );
    let url = site.server.url.clone();
    site.machine.configure(&url, "  repos: [acme/other]\n");
    site.pull("Two");
    let ran = site.machine.look();
    let told: Vec<(&Value, &Value)> =
        ran.events.iter().map(|one| (&one["subject"], &one["data"]["baseline"])).collect();
    let expected = [("acme/web#2", false), ("acme/other#1", true)];
    for (subject, baseline) in expected {
        assert!(told.contains(&(&json!(subject), &json!(baseline))), "{told:?}");
    }
    site.assert_allowed();
}

/// The repository was taken out of the configuration, or was archived.
#[test]
fn pull_request_that_has_left_the_scope_is_dropped_and_not_reminded_of() {
    let github = "  remind: [1m]\n  repos: [acme/other]\n";
    let Some(mut site) = Site::new("prs-scope-left", github) else { return };
    other_repository(&site, "acme/other");
    old_pull(&site, "acme/other");
    site.machine.look().only("pr.found");
    set(&site.machine, "turn_since", DAY);
    set(&site.machine, "reminded_at", DAY / 2);
    site.machine.look().only("pr.review_due");
    let url = site.server.url.clone();
    site.machine.configure(&url, "  remind: [1m]\n");
    set(&site.machine, "reminded_at", DAY / 2);
    site.machine.look().assert_silent();
    set(&site.machine, "found_at", 6 * DAY);
    site.machine.look().assert_silent();
    assert_eq!(site.machine.document("prs.json")["watched"].as_object().unwrap().len(), 1);
    set(&site.machine, "found_at", 8 * DAY);
    site.machine.look().assert_silent();
    assert_eq!(site.machine.document("prs.json")["watched"], json!({}));
    site.assert_allowed();
}

#[test]
fn access_that_is_lost_is_a_failure_of_the_look() {
    let Some(site) = Site::new("prs-scope-lost", "") else { return };
    site.pull("One");
    site.pull("Two");
    site.machine.look();
    site.act("repo", json!({"name": REPO, "roles": {"bot": null}}));
    let ran = site.machine.look();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.only("pr.unreadable")["pr"], Value::Null);
    assert!(ran.stderr.contains("could not all be read: known pull requests"), "{ran:?}");
    let again = site.machine.look();
    assert_eq!((again.code, again.types().len()), (1, 0), "{again:?}");
    // Those of others are not asked for without end.
    set(&site.machine, "read_at", 8 * DAY);
    site.machine.look();
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// The state is lost: sequences of news begin anew, and their ids do not.
#[test]
fn reminder_after_a_loss_of_the_state_has_an_id_of_its_own() {
    let Some(site) = Site::new("prs-scope-ids", "  remind: [1m]\n") else { return };
    old_pull(&site, REPO);
    let remind = || {
        site.machine.look();
        set(&site.machine, "turn_since", DAY);
        set(&site.machine, "reminded_at", DAY / 2);
        let ran = site.machine.look();
        ran.only("pr.review_due");
        ran.events[0]["id"].clone()
    };
    let first = remind();
    std::fs::remove_file(site.machine.bench.state("prs.json")).unwrap();
    assert_ne!(remind(), first);
    site.assert_allowed();
}

#[test]
fn snooze_outlasts_a_rename() {
    let Some(site) = Site::new("prs-scope-snooze", "  remind: [1m]\n") else { return };
    old_pull(&site, REPO);
    site.machine.look();
    set(&site.machine, "turn_since", DAY);
    set(&site.machine, "reminded_at", DAY / 2);
    site.machine.look().only("pr.review_due");
    let output = site.machine.bench.run("dlq-status", &["--snooze", "acme/web#1", "2d"], "");
    assert_eq!(output.code(), 0, "{output:?}");
    site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
    site.machine.look();
    let url = site.server.url.clone();
    let mut site = site;
    site.machine.configure(&url, "  remind: [1m]\n  repos: [acme/site]\n");
    set(&site.machine, "turn_since", DAY);
    set(&site.machine, "reminded_at", DAY / 2);
    site.machine.look().assert_silent();
    site.assert_allowed();
}
