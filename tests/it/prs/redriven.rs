//! Comments about redrives that have finished: `redrives.json` has them, and no line of the stream.

use super::*;

/// Records a redrive of the cause in the state folder.
fn redriven(site: &Site, id: &str, moved: u64, change: impl Fn(&mut Value)) {
    let mut one = json!({
        "id": id, "kind": "redrive", "fingerprints": [FINGERPRINT], "outcome": "completed", "verified": true,
        "queue": {"name": "orders-dlq", "url": "u", "arn": "arn:aws:sqs:eu-west-1:123456789012:orders-dlq",
            "region": "eu-west-1", "account": "123456789012", "fifo": false, "sources": [],
            "profile": null, "endpoint": null},
        "begun_at": seconds_ago(90).to_string(), "updated_at": seconds_ago(60).to_string(),
        "finished_at": seconds_ago(60).to_string(), "moved": moved, "deleted": moved,
    });
    change(&mut one);
    let path = site.machine.bench.state("redrives.json");
    std::fs::write(&path, json!({"version": 1, "moves": [one]}).to_string()).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn comments(site: &Site) -> Vec<String> {
    let pulls = site.pulls();
    let bodies = pulls[0]["comments"].as_array().unwrap().iter();
    bodies.map(|one| one["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn finished_redrive_is_told_once() {
    let Some(site) = Site::new("prs-redriven", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    // One that runs is not told, and none of another cause.
    redriven(&site, "m0", 9, |one| one["finished_at"] = Value::Null);
    site.machine.open_due().assert_silent();
    redriven(&site, "m0", 9, |one| one["fingerprints"] = json!(["other"]));
    site.machine.open_due().assert_silent();
    redriven(&site, "m1", 312, |_| ());
    // The answer of the first try is lost.
    let fault =
        json!({"method": "POST", "path": "comments$", "kind": "bad_gateway", "after": true});
    site.act("faults", fault);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.events.len()), (1, 0), "{ran:?}");
    let ran = site.machine.open_due();
    let data = ran.only("pr.commented");
    assert_eq!((&data["reason"], &data["pr"]["number"]), (&json!("redriven"), &json!(1)));
    assert_eq!(ran.events[0]["incident"], json!(INCIDENT));
    let found = comments(&site);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("312 messages redriven, 0 returned. They were consumed"),
        "{found:?}"
    );
    site.machine.open_due().assert_silent();
    assert_eq!(comments(&site).len(), 1);
    // A refusal is final, and says so once.
    redriven(&site, "m2", 3, |_| ());
    site.server.queue_fault("forbidden", "POST", "comments$");
    let ran = site.machine.open_due();
    ran.assert_silent();
    assert!(ran.stderr.contains("is not told of a redrive"), "{ran:?}");
    site.machine.open_due().assert_silent();
    assert_eq!(comments(&site).len(), 1);
    site.assert_allowed();
}

/// The record of the redrive has the name that the repository had then, or has the new one already.
#[test]
fn redrive_is_told_to_the_pull_request_of_a_renamed_repository() {
    // (name in the record, whether a look has learned the new name)
    for (name, is_learned) in [("acme/web#1", false), ("acme/web#1", true), ("acme/site#1", true)] {
        let Some(site) = Site::new("prs-redriven-renamed", "") else { return };
        site.plant(1);
        site.machine.open_due().only("pr.opened");
        site.act("rename", json!({"repo": REPO, "to": "acme/site"}));
        if is_learned {
            site.machine.look().assert_silent();
        }
        redriven(&site, "m1", 312, |one| one["pull_request"] = json!(name));
        let ran = site.machine.open_due();
        assert_eq!(ran.only("pr.commented")["reason"], json!("redriven"), "{name} {is_learned}");
        let pulls = site.server.read("state?repo=acme/site")["pulls"].clone();
        assert_eq!(pulls[0]["comments"].as_array().unwrap().len(), 1, "{name} {is_learned}");
        site.machine.open_due().assert_silent();
        site.assert_allowed();
    }
}
