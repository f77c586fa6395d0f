//! Fixes that become no pull request, and why.

use super::*;

/// Returns the reason for which the only planted session was refused.
#[track_caller]
fn reason(site: &Site) -> String {
    let ran = site.machine.open_due();
    let data = ran.only("pr.refused");
    assert_eq!(data["session"], json!(id(1)));
    let patch = data["patch"].as_str().unwrap_or_default();
    assert!(std::fs::metadata(patch).is_ok(), "the patch is kept: {data}");
    assert!(site.pulls().is_empty() && site.branches().is_empty());
    // It is told once.
    site.machine.open_due().assert_silent();
    site.assert_allowed();
    data["reason"].as_str().unwrap().to_owned()
}

/// A change of a record and a finding.
type Change = fn(&mut Value, &mut Value);

#[test]
fn fix_is_refused_for_what_its_session_says() {
    let rows: [(&str, Change); 4] = [
        ("suspicious", |session, _| session["forged"] = json!(1)),
        ("suspicious", |_, finding| {
            finding["needs_person"] = json!(["it has read a foreign file"])
        }),
        ("unproven", |session, _| session["proofs"][0]["result"]["grade"] = json!("unproven")),
        ("unproven", |session, _| session["proofs"] = json!([])),
    ];
    for (expected, change) in rows {
        let Some(site) = Site::new("prs-refused", "") else { return };
        site.machine.plant(1, &site.base, change);
        assert_eq!(reason(&site), expected);
    }
}

/// Nobody has configured the queue for pull requests, or they came later than the session: no news.
#[test]
fn fix_that_nobody_waits_for_is_left_without_a_word() {
    let rows: [Change; 2] = [
        |session, _| session["ended_at"] = json!(seconds_ago(4 * 86_400).to_string()),
        |session, _| session["queue_name"] = json!("users-dlq"),
    ];
    for change in rows {
        let Some(site) = Site::new("prs-left", "") else { return };
        site.machine.plant(1, &site.base, change);
        site.machine.open_due().assert_silent();
        assert_eq!(site.count("path="), 0);
        let ran = site.machine.prs(&["--open", "00000001"]);
        let is_due = site.machine.document("sessions.json")["sessions"][0]["queue_name"]
            == json!("orders-dlq");
        assert_eq!(ran.code, i32::from(!is_due), "{ran:?}");
        assert_eq!(site.pulls().len(), usize::from(is_due), "a person may ask for an old one");
        site.assert_allowed();
    }
}

#[test]
fn fix_without_a_checked_verdict_is_suspicious() {
    let Some(site) = Site::new("prs-unchecked", "") else { return };
    site.plant(1);
    std::fs::remove_file(site.machine.folder(1).join("finding.json")).unwrap();
    assert_eq!(reason(&site), "suspicious");
}

#[test]
fn suspicious_fix_is_not_opened_for_a_person_either() {
    let Some(site) = Site::new("prs-suspicious", "") else { return };
    site.machine.plant(1, &site.base, |_, finding| finding["needs_person"] = json!(["forged"]));
    let ran = site.machine.prs(&["--open", "00000001"]);
    assert_eq!((ran.code, &ran.only("pr.refused")["reason"]), (1, &json!("suspicious")));
    assert!(site.pulls().is_empty());
    site.assert_allowed();
}

#[test]
fn unproven_fix_says_so_first_where_it_is_wanted() {
    let Some(site) = Site::new("prs-unproven", "  unproven: true\n") else { return };
    site.machine.plant(1, &site.base, |session, _| {
        session["proofs"][0]["result"]["grade"] = json!("unproven");
        session["proofs"][0]["result"]["with_tests"] = json!("passed");
    });
    assert_eq!(site.machine.open_due().only("pr.opened")["grade"], json!("unproven"));
    let body = site.pulls()[0]["body"].as_str().unwrap().to_owned();
    let first = body.lines().find(|line| !line.is_empty() && !line.starts_with("<!--"));
    assert_eq!(first, Some("**No test proves this fix.** Read it as a proposal."), "{body}");
    site.assert_allowed();
}

#[test]
fn patch_that_has_changed_since_the_session_is_not_pushed() {
    let Some(site) = Site::new("prs-changed", "") else { return };
    site.plant(1);
    let patch = PATCH.replace("x = 2", "x = 99");
    std::fs::write(site.machine.folder(1).join("patch.diff"), patch).unwrap();
    assert_eq!(reason(&site), "patch_changed");
}

#[test]
fn patch_that_is_a_link_is_not_followed() {
    let Some(site) = Site::new("prs-link", "") else { return };
    site.plant(1);
    let elsewhere = site.machine.bench.write("elsewhere.diff", PATCH);
    let path = site.machine.folder(1).join("patch.diff");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(elsewhere, path).unwrap();
    let ran = site.machine.open_due();
    assert!(!ran.types().contains(&"pr.opened"), "{ran:?}");
    assert!(site.pulls().is_empty() && site.branches().is_empty());
    site.assert_allowed();
}

/// Returns the patch of a new file of one line.
fn new_file(path: &str, line: &str) -> String {
    format!(
        "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{line}\n"
    )
}

#[test]
fn patch_that_the_gate_refuses_is_kept_and_not_pushed() {
    let secret = format!("key = \"{}{}\"", "ghp_", "0123456789abcdefghijABCDEFGHIJ456789");
    let rows = [
        ("Makefile", "all:", "build_file"),
        ("docs/a.txt", "a", "forbidden_path"),
        ("src/b.py", &*secret, "secret"),
    ];
    for (path, line, expected) in rows {
        let Some(site) = Site::new("prs-gate", "  forbidden_paths: [\"docs/*\"]\n") else { return };
        site.machine.plant(1, &site.base, |session, _| {
            session["patch"] = json!(format!("{PATCH}{}", new_file(path, line)));
        });
        assert_eq!(reason(&site), expected, "{path}");
    }
}

#[test]
fn archived_repository_gets_nothing() {
    let Some(site) = Site::new("prs-archived", "") else { return };
    site.act("repo", json!({"name": REPO, "archived": true}));
    site.plant(1);
    assert_eq!(reason(&site), "closed_repository");
}

/// What GitHub's rules of a repository refuse is not tried again.
#[test]
fn push_that_a_rule_refuses_is_a_refusal() {
    let Some(site) = Site::new("prs-rule", "") else { return };
    let text = "remote: error: GH013: Repository rule violations found for refs/heads/dlq/x";
    site.act("push-rule", json!({"repo": REPO, "text": text}));
    site.plant(1);
    assert_eq!(reason(&site), "protected");
}

#[test]
fn fix_that_the_base_has_already_is_not_opened() {
    let Some(site) = Site::new("prs-fixed", "") else { return };
    site.plant(1);
    site.act(
        "commit",
        json!({"repo": REPO, "branch": "main", "files": {"src/a.py": "x = 2\n"}, "message": "m", "login": "ann"}),
    );
    assert_eq!(reason(&site), "already_fixed");
}

#[test]
fn limits_of_a_repository_are_kept() {
    for (key, number) in [("max_open", 2), ("max_per_day", 2)] {
        let Some(site) = Site::new("prs-caps", &format!("  {key}: {number}\n")) else { return };
        for n in 1..=4 {
            let fingerprint = json!(format!("{n:012x}"));
            site.machine.plant(n, &site.base, |session, _| session["fingerprint"] = fingerprint);
        }
        assert_eq!(site.machine.open_due().types(), ["pr.opened"; 2], "{key}");
        site.machine.open_due().assert_silent();
        // A person is refused with the reason.
        let ran = site.machine.prs(&["--open", "00000003"]);
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{key}: {ran:?}");
        assert!(ran.stderr.contains("no pull request of session"), "{key}: {ran:?}");
        site.on("state", 1, json!({"state": "closed"}));
        site.machine.look().only("pr.closed");
        let more = site.machine.open_due();
        match key {
            "max_open" => assert_eq!(more.types(), ["pr.opened"]),
            _ => more.assert_silent(),
        }
        site.assert_allowed();
    }
}
