//! Faults of the server during a look: each has a named outcome, and none loses a pull request.

use super::*;

#[test]
fn fault_of_a_look_closes_nothing_and_loses_nothing() {
    let Some(site) = Site::new("prs-faults", "") else { return };
    let number = site.pull("Fix it");
    site.machine.look().only("pr.found");
    // (fault, part of the reason)
    let rows = [
        ("bad_gateway", "502"),
        ("non_json", "not one of GitHub"),
        ("graphql_wide", "gives up"),
        ("graphql_timeout", "gives up"),
        ("forbidden", "Resource not accessible"),
        ("sso", "SAML"),
        ("not_found", "not there"),
        ("server_error", "500"),
        ("unavailable", "503"),
        ("close", ""),
        ("cut", ""),
    ];
    for (kind, part) in rows {
        site.act("faults", json!({"kind": kind, "path": "graphql", "times": null}));
        let ran = site.machine.look();
        assert_eq!(ran.code, 1, "{kind}: {ran:?}");
        let data = ran.only("pr.unreadable");
        assert_eq!(data["pr"], Value::Null, "{kind}");
        let reason = data["reason"].as_str().unwrap();
        assert!(reason.contains(part), "{kind}: {reason}");
        assert!(ran.stderr.contains(reason), "{kind}: {ran:?}");
        let again = site.machine.look();
        assert_eq!((again.code, again.types().len()), (1, 0), "{kind}: told twice: {again:?}");
        site.forget_faults();
        site.machine.look().assert_silent();
    }
    site.on("merge", number, json!({"login": "bob", "method": "merge"}));
    site.machine.look().only("pr.merged");
    site.assert_allowed();
}

/// A fault that passes is not even told.
#[test]
fn fault_that_passes_is_not_told() {
    let Some(site) = Site::new("prs-passing", "") else { return };
    site.pull("Fix it");
    site.machine.look().only("pr.found");
    for kind in ["bad_gateway", "graphql_wide", "graphql_timeout", "server_error", "close", "cut"] {
        site.server.queue_fault(kind, "POST", "graphql");
        site.machine.look().assert_silent();
    }
    site.assert_allowed();
}

/// Pages become narrower, and all pull requests are read.
#[test]
fn wide_pages_are_halved() {
    for answer in [json!("502"), Value::Null] {
        let Some(site) = Site::new("prs-wide", "  orgs: [big]\n  repos: [big/none]\n") else {
            return;
        };
        site.act("seed", json!({"repos": 4, "pulls": 60, "owner": "big", "login": "person"}));
        site.act("settings", json!({"graphql_width": 12, "graphql_width_answer": answer}));
        let ran = site.machine.look();
        assert_eq!((ran.code, ran.events.len()), (0, 60), "{answer}: {}", ran.stderr);
        let requests = site.count("path=graphql");
        assert!(requests <= 20, "{answer}: {requests} requests");
        site.assert_allowed();
    }
}

/// An outage is one fault, and not one of each pull request.
#[test]
fn outage_is_told_once_for_all() {
    let Some(site) = Site::new("prs-outage", "  orgs: [big]\n") else { return };
    site.act("seed", json!({"repos": 4, "pulls": 60, "owner": "big", "login": "person"}));
    assert_eq!(site.machine.look().events.len(), 60);
    site.act("faults", json!({"kind": "bad_gateway", "path": "graphql", "times": null}));
    site.forget_log();
    let mut all = Vec::new();
    for _ in 0..4 {
        all.extend(site.machine.look().events);
    }
    assert_eq!(types(&all), ["pr.unreadable"], "{all:?}");
    assert_eq!(all[0]["data"]["pr"], Value::Null);
    let requests = site.count("path=graphql");
    assert!(requests <= 4 * 20, "{requests} requests");
    site.forget_faults();
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// Writes a command that prints the first token once, and the second one from then on.
pub(super) fn token_command(site: &mut Site, github: &str) {
    let count = site.machine.bench.path("asked");
    let script = format!(
        "#!/bin/sh\necho x >> '{0}'\nif [ $(wc -l < '{0}') -eq 1 ]; then echo old; else echo new; fi\n",
        count.display()
    );
    let path = site.machine.bench.stub("give-token", &script);
    let github = format!("{github}  token: {{command: [\"{}\"]}}\n", path.display());
    let url = site.server.url.clone();
    site.machine.configure(&url, &github);
    std::fs::write(count, "").unwrap();
}

pub(super) fn asked(site: &Site) -> usize {
    std::fs::read_to_string(site.machine.bench.path("asked")).unwrap().lines().count()
}

#[test]
fn token_that_ends_within_a_look_is_fetched_once_more() {
    let Some(mut site) = Site::new("prs-expired", "") else { return };
    site.act("seed", json!({"repos": 4, "pulls": 60, "owner": "big", "login": "person"}));
    site.act("token", json!({"token": "old", "login": "person", "requests_left": 1}));
    site.act("token", json!({"token": "new", "login": "person"}));
    token_command(&mut site, "  orgs: [big]\n");
    let ran = site.machine.look();
    assert_eq!((ran.code, ran.events.len()), (0, 60), "{}", ran.stderr);
    assert_eq!(asked(&site), 2);
    site.act("token", json!({"token": "new", "remove": true}));
    std::fs::write(site.machine.bench.path("asked"), "").unwrap();
    site.forget_log();
    let ran = site.machine.look();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.only("pr.unreadable")["reason"].as_str().unwrap().contains("401"), "{ran:?}");
    assert_eq!((asked(&site), site.count("path=graphql")), (2, 2));
    site.assert_allowed();
}

/// A folder or a file of a session that is none, or has no end: that fix is left, and the other is opened.
#[test]
fn strange_session_folder_stops_no_other_fix() {
    let rows = [
        ("fifo-for-patch", "rm patch.diff; mkfifo patch.diff", "it is a FIFO, not a file"),
        ("folder-for-patch", "rm patch.diff; mkdir patch.diff", "it is a folder, not a file"),
        ("link-for-patch", "rm patch.diff; ln -s /dev/zero patch.diff", "a symbolic link"),
        ("sparse-patch", "truncate -s 900G patch.diff", "it has more than "),
        ("fifo-for-finding", "rm finding.json; mkfifo finding.json", "no checked verdict"),
        ("folder-for-finding", "rm finding.json; mkdir finding.json", "no checked verdict"),
        ("sparse-finding", "truncate -s 900G finding.json", "no checked verdict"),
        ("file-for-folder", r#"rm -r "$PWD"; touch "$PWD""#, "no checked verdict"),
    ];
    for (row, mischief, cause) in rows {
        let Some(site) = Site::new(&format!("prs-{row}"), "") else { return };
        site.plant(1);
        let other = |session: &mut Value, finding: &mut Value| {
            session["fingerprint"] = json!("aaaaaaaaaaaa");
            finding["causes"] = json!(["aaaaaaaaaaaa"]);
        };
        site.machine.plant(2, &site.base, other);
        let line = format!("cd '{}' && {mischief}", site.machine.folder(1).display());
        assert_eq!(site.machine.bench.shell(&line).code(), 0, "{row}");
        let ran = site.machine.open_due();
        let said = format!("{}{}", ran.text, ran.stderr);
        assert!(said.contains(cause), "{row}: {ran:?}");
        assert_eq!(site.pulls().len(), 1, "{row}: {ran:?}");
        let opened: Vec<&Value> =
            ran.events.iter().filter(|event| event["type"] == "pr.opened").collect();
        assert_eq!(opened.len(), 1, "{row}: {ran:?}");
        assert_eq!(opened[0]["data"]["session"], json!(id(2)), "{row}");
        site.assert_allowed();
    }
}
