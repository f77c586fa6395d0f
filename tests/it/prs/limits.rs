//! Limits of GitHub: they are recorded, and later runs obey them.

use super::*;
use crate::support::workbench::wait_for;
use dlq::clock;
use dlq::time::Timestamp;

/// Returns the seconds until the end of a pause; None without one.
pub(super) fn pause(machine: &Machine, kind: &str) -> Option<i64> {
    let prs = machine.document("prs.json");
    let until: Timestamp = serde_json::from_value(prs["pauses"][kind]["until"].clone()).ok()?;
    Some((until.millis() - clock::now().millis()) / 1000)
}

#[test]
fn limit_is_recorded_and_obeyed_by_the_next_run() {
    let Some(site) = Site::new("prs-limits", "") else { return };
    let number = site.pull("Fix it");
    site.machine.look().only("pr.found");
    // (kind, shortest and longest pause in seconds)
    let rows = [
        ("secondary_limit", 80, 90),
        ("secondary_limit_bare", 50, 60),
        ("too_many_requests", 20, 30),
        ("too_many_requests_bare", 50, 60),
        ("primary_limit", 20, 3601),
        ("graphql_limit", 20, 3601),
    ];
    for (kind, least, most) in rows {
        site.queue(kind);
        let ran = site.machine.look();
        assert_eq!(ran.code, 1, "{kind}: {ran:?}");
        assert_eq!(ran.only("pr.unreadable")["pr"], Value::Null, "{kind}");
        let left = pause(&site.machine, "graphql").unwrap_or_else(|| panic!("{kind}: {ran:?}"));
        assert!((least..=most).contains(&left), "{kind}: {left}");
        // The limit holds: nothing is asked, and it is not told again.
        site.forget_log();
        let ran = site.machine.look();
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{kind}: {ran:?}");
        assert_eq!(site.count("path=graphql"), 0, "{kind}");
        site.forget_faults();
        site.machine.edit("prs.json", |prs| {
            prs["pauses"]["graphql"]["until"] = json!(seconds_ago(1).to_string());
        });
        site.machine.look().assert_silent();
        assert_eq!(pause(&site.machine, "graphql"), None, "{kind}");
    }
    site.on("merge", number, json!({"login": "bob", "method": "merge"}));
    site.machine.look().only("pr.merged");
    site.assert_allowed();
}

/// A limit that one fix meets holds for the others, too.
#[test]
fn limit_is_obeyed_by_the_other_fixes_of_the_run() {
    let Some(site) = Site::new("prs-limit-of-many", "") else { return };
    for n in 1..=3 {
        let fingerprint = json!(format!("{n:012x}"));
        site.machine.plant(n, &site.base, |session, _| session["fingerprint"] = fingerprint);
    }
    site.act("faults", json!({"kind": "too_many_requests", "path": "/repos/", "times": null}));
    assert_eq!(site.machine.open_due().code, 1);
    assert_eq!(site.count("path=repos"), 1);
    site.assert_allowed();
}

/// REST and GraphQL have budgets of their own.
#[test]
fn limit_of_one_budget_leaves_the_other() {
    let Some(site) = Site::new("prs-budgets", "") else { return };
    site.pull("Fix it");
    site.plant(1);
    site.act("faults", json!({"kind": "too_many_requests", "path": "/repos/", "times": null}));
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    assert!(pause(&site.machine, "rest").is_some_and(|left| left > 20), "{ran:?}");
    assert!(!site.machine.fix(1)["retry_at"].is_null());
    site.machine.look().only("pr.found");
    assert!(pause(&site.machine, "rest").is_some(), "a look forgets no limit of REST");
    site.forget_faults();
    site.forget_log();
    site.machine.open_due().assert_silent();
    assert_eq!(site.count("path=repos"), 0);
    site.machine.edit("prs.json", |prs| {
        prs["pauses"]["rest"]["until"] = json!(seconds_ago(1).to_string());
        prs["sessions"][0]["retry_at"] = json!(seconds_ago(1).to_string());
    });
    site.machine.open_due().only("pr.opened");
    site.assert_allowed();
}

/// Opening and closing an issue, and what follows an opening, record the limits that they meet.
#[test]
fn limit_that_an_issue_meets_is_recorded() {
    let Some(site) = Site::new("prs-issue-limits", "  issues: true\n") else { return };
    site.machine.plant(1, &site.base, |session, _| session["offers_patch"] = json!(false));
    let meets = |method: &str, path: &str| {
        site.act("faults", json!({"kind": "too_many_requests", "method": method, "path": path}));
        assert_eq!(site.machine.open_due().code, 1, "{method} {path}");
        assert!(pause(&site.machine, "rest").is_some_and(|left| left > 20), "{method} {path}");
        site.forget_log();
        site.machine.open_due().assert_silent();
        assert_eq!(site.count("path="), 0, "{method} {path}: the limit holds");
        site.machine.edit("prs.json", |prs| {
            assert_eq!(prs["issues"][0]["tries"], json!(0), "a limit is no failure");
            prs["pauses"]["rest"]["until"] = json!(seconds_ago(1).to_string());
            prs["issues"][0]["retry_at"] = json!(seconds_ago(1).to_string());
        });
    };
    site.machine.raise(None, None);
    meets("GET", "/repos/acme/web$");
    meets("GET", "/user$");
    meets("POST", "/issues$");
    site.machine.open_due().only("issue.opened");
    site.machine.raise(None, Some(seconds_ago(60)));
    meets("GET", "/issues/1$");
    meets("GET", "/comments");
    meets("POST", "/comments$");
    meets("PATCH", "/issues/1$");
    site.machine.open_due().only("issue.closed");
    site.assert_allowed();
}

/// A look that began before an opening met a limit knows nothing of it.
#[test]
fn look_beside_an_opening_forgets_no_limit() {
    let Some(site) = Site::new("prs-limit-beside", "") else { return };
    site.plant(1);
    site.act("faults", json!({"method": "POST", "path": "graphql", "delay_ms": 3000}));
    let mut look = site.machine.bench.start("dlq-prs", &["--once"]);
    wait_for("the look asks", || site.server.read("faults")[0]["hits"] == json!(1));
    site.act("faults", json!({"kind": "too_many_requests", "path": "/repos/", "times": null}));
    assert_eq!(site.machine.open_due().code, 1);
    assert!(pause(&site.machine, "rest").is_some());
    assert!(site.machine.document("prs.json")["look"].is_null(), "the look is still on its way");
    assert_eq!(look.finish().code(), 0);
    assert!(!site.machine.document("prs.json")["look"].is_null());
    assert!(pause(&site.machine, "rest").is_some_and(|left| left > 20));
    site.assert_allowed();
}

#[test]
fn limit_of_a_few_seconds_is_waited_for() {
    let Some(site) = Site::new("prs-short-limit", "") else { return };
    site.plant(1);
    let limit = json!({"status": 429, "headers": {"Retry-After": "1"}, "body": {"message": "rate limit"},
        "path": "pulls", "method": "POST"});
    site.act("faults", limit);
    let ran = site.machine.open_due();
    // A request that changes something is not repeated, and the next run makes it.
    if ran.types().is_empty() {
        site.machine.edit("prs.json", |prs| {
            prs["sessions"][0]["retry_at"] = json!(seconds_ago(1).to_string());
        });
        site.machine.open_due().only("pr.opened");
    }
    assert_eq!(site.pulls().len(), 1);
    site.assert_allowed();
}

impl Site {
    /// Lets the next query in GraphQL meet a fault.
    fn queue(&self, kind: &str) {
        self.server.queue_fault(kind, "POST", "graphql");
    }
}

/// Looks leave the rest of the hour's points to others, and the next look knows.
#[test]
fn last_points_of_an_hour_are_left_to_others() {
    let Some(site) = Site::new("prs-points", "  orgs: [big]\n") else { return };
    site.act("seed", json!({"repos": 2, "pulls": 60, "owner": "big", "login": "person"}));
    site.act("settings", json!({"graphql": 260, "points_per_query": 10}));
    let mut found = 0;
    for _ in 0..12 {
        let ran = site.machine.look();
        found += ran.types().iter().filter(|kind| **kind == "pr.found").count();
    }
    // 260 points: seven queries leave less than 200.
    assert_eq!(site.count("path=graphql"), 7);
    assert_eq!(found, 60, "what was read before the end of the points counts");
    assert!(pause(&site.machine, "graphql").is_some_and(|left| left > 20));
    site.assert_allowed();
}

#[test]
fn limit_of_hours_is_kept() {
    let Some(site) = Site::new("prs-long-limit", "") else { return };
    site.pull("Fix it");
    let limit = json!({"status": 403, "path": "graphql", "headers": {"Retry-After": "7200"},
        "body": {"message": "You have exceeded a secondary rate limit."}});
    site.act("faults", limit);
    assert_eq!(site.machine.look().code, 1);
    site.forget_log();
    assert_eq!(site.machine.look().code, 1);
    assert_eq!(site.count("path=graphql"), 0);
    assert!(pause(&site.machine, "graphql").is_some_and(|left| left > 7100));
    site.assert_allowed();
}
