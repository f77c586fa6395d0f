//! The policy: its actions are those of the man page, and each feature adds its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::workbench::Bench;

/// Returns the actions of a policy by the id of their statement.
fn statements(bench: &Bench, args: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = bench.run("dlq-doctor", &[&["--policy"], args].concat(), "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{output:?}");
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = statements.map(|one| {
        assert_eq!(one["Effect"], "Allow");
        (text(&one["Sid"]), one["Action"].as_array().unwrap().iter().map(text).collect())
    });
    all.collect()
}

/// Returns the actions of each feature by the table of the man page.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-doctor.1");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split(".Bl -column").nth(1).unwrap().split(".El").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix(".It "));
    let rows = rows.filter(|row| !row.starts_with("Em "));
    let row = |row: &str| {
        let cells: Vec<&str> = row.split(" Ta ").collect();
        (cells[0].to_owned(), cells[2].split(' ').map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

#[test]
fn actions_are_those_of_the_man_page() {
    let bench = Bench::new("doctor-policy");
    let features = ["read", "peek", "logs", "archive", "redrive", "purge"];
    let pages = documented();
    assert_eq!(pages.keys().map(String::as_str).collect::<BTreeSet<_>>(), features.into());
    let base = statements(&bench, &[]);
    for feature in features {
        let with = statements(&bench, &["--feature", feature]);
        let own = with.iter().filter(|(id, _)| !base.contains_key(*id));
        let mut own: BTreeSet<String> = own.flat_map(|(_, actions)| actions.clone()).collect();
        if feature == "read" {
            own = base.values().flatten().cloned().collect();
        }
        assert_eq!(own, pages[feature], "{feature}");
        let kept = base.iter().all(|(id, actions)| with.get(id) == Some(actions));
        assert!(kept, "{feature} changes another statement");
    }
}

#[test]
fn switches_add_and_remove_their_statements() {
    let mut bench = Bench::new("doctor-switches");
    bench.unset("DLQ_EVIDENCE_LOGS");
    let read = ["List", "Read"];
    let peek = ["Peek", "PeekKeys"];
    let logs = ["Functions", "Logs", "Mappings"];
    let rows: [(&str, Vec<&str>); 6] = [
        ("features: {investigate: true}", read.into()),
        ("auto_investigation: {enabled: true}", [&read[..], &peek, &logs].concat()),
        ("auto_investigation: {enabled: true}\nevidence: {logs: off}", [&read[..], &peek].concat()),
        ("auto_investigation: {enabled: true}\nfeatures: {investigate: false}", read.into()),
        (
            "features: {archive_before_expiry: true}",
            [&read[..], &["Archive", "ArchiveKeys"]].concat(),
        ),
        (
            "features: {auto_redrive: true}",
            [&read[..], &["Redrive", "RedriveSend", "RedriveKeys"]].concat(),
        ),
    ];
    for (yaml, expected) in rows {
        bench.configure(&format!("{yaml}\n"));
        let found: BTreeSet<String> = statements(&bench, &[]).into_keys().collect();
        let expected: BTreeSet<String> =
            expected.iter().map(|id| format!("DlqTools{id}")).collect();
        assert_eq!(found, expected, "{yaml}");
    }
}
