//! Golden cases: output, messages and exit status of the real programs, compared to the byte.
//!
//! A case is a folder `tests/golden/TOOL/CASE` and a line of [`golden_cases`]. `cmd` is a line of
//! shell; it reads `stdin.ndjson` and `config.yaml` and works on a copy of `state/`, where the case
//! has those. `$FIXTURES` is `tests/fixtures`. The results are `stdout.ndjson` for events or else
//! `stdout`, `stderr` and `status`, with `@` for the folder of the run; `DLQ_BLESS=1` writes them
//! anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::workbench::{Bench, is_built};

/// Declares a test for each case, and the list of all.
macro_rules! golden_cases {
    ($($test:ident: $case:literal,)*) => {
        const CASES: &[&str] = &[$($case),*];
        $(#[test] fn $test() { compare($case); })*
    };
}

golden_cases! {
    dash_monday: "dlq-dash/monday",
    dash_no_such_flag: "dlq-dash/no-such-flag",
    investigate_broken_lines: "dlq-investigate/broken-lines",
    investigate_monday: "dlq-investigate/monday",
    investigate_no_such_flag: "dlq-investigate/no-such-flag",
    investigate_numbers_and_repeated_keys: "dlq-investigate/numbers-and-repeated-keys",
    investigate_secret_in_the_config: "dlq-investigate/secret-in-the-config",
    investigate_unknown_key_in_the_config: "dlq-investigate/unknown-key-in-the-config",
    investigate_unknown_types_and_fields: "dlq-investigate/unknown-types-and-fields",
    log_no_such_flag: "dlq-log/no-such-flag",
    metrics_no_such_flag: "dlq-metrics/no-such-flag",
    notify_broken_lines: "dlq-notify/broken-lines",
    notify_explain_acknowledged_while_it_waited: "dlq-notify/explain-acknowledged-while-it-waited",
    notify_explain_held_by_a_silence: "dlq-notify/explain-held-by-a-silence",
    notify_explain_refused_and_escalated: "dlq-notify/explain-refused-and-escalated",
    notify_hostile_names: "dlq-notify/hostile-names",
    notify_monday: "dlq-notify/monday",
    notify_no_such_flag: "dlq-notify/no-such-flag",
    notify_numbers_and_repeated_keys: "dlq-notify/numbers-and-repeated-keys",
    notify_secret_in_the_config: "dlq-notify/secret-in-the-config",
    notify_unknown_key_in_the_config: "dlq-notify/unknown-key-in-the-config",
    notify_unknown_types_and_fields: "dlq-notify/unknown-types-and-fields",
    pipeline_monday: "pipeline/monday",
    poll_garbage_in_queues_json: "dlq-poll/garbage-in-queues.json",
    poll_no_such_flag: "dlq-poll/no-such-flag",
    status_garbage_in_budget_json: "dlq-status/garbage-in-budget.json",
    status_no_state: "dlq-status/no-state",
    status_no_such_flag: "dlq-status/no-such-flag",
}

fn tests(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Returns the entries of a folder by name, or none without such a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Returns the name of the file with the output of a case, existing or new.
fn stdout_name(case: &Path, output: &str) -> &'static str {
    match ["stdout", "stdout.ndjson"].map(|name| case.join(name).exists()) {
        [true, true] => panic!("{}: both stdout and stdout.ndjson", case.display()),
        [true, false] => "stdout",
        [false, true] => "stdout.ndjson",
        [false, false] if output.starts_with('{') => "stdout.ndjson",
        [false, false] => "stdout",
    }
}

/// Runs a case and returns its results by the names of their files.
fn run(case: &Path, cmd: &str) -> [(&'static str, String); 3] {
    let mut bench = Bench::new("golden");
    bench.set("TZ", "<-03>3");
    bench.set("FIXTURES", tests("fixtures"));
    if let Ok(config) = std::fs::read_to_string(case.join("config.yaml")) {
        bench.configure(&config);
    }
    for path in entries(&case.join("state")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        bench.write(&format!("state/{name}"), std::fs::read(&path).unwrap());
    }
    let stdin = std::fs::read(case.join("stdin.ndjson")).unwrap_or_default();
    let output = bench.run("sh", &["-c", cmd], stdin);
    let dir = bench.dir().to_str().unwrap();
    let stdout = output.text().replace(dir, "@");
    [
        (stdout_name(case, &stdout), stdout),
        ("stderr", output.stderr.replace(dir, "@")),
        ("status", format!("{}\n", output.code())),
    ]
}

/// Returns the number of the first line that differs, with both texts of it.
fn difference(expected: &str, actual: &str) -> Option<String> {
    let (mut old, mut new) = (expected.split_inclusive('\n'), actual.split_inclusive('\n'));
    (1..).find_map(|number| match (old.next(), new.next()) {
        (None, None) => Some(None),
        (old, new) if old == new => None,
        (old, new) => Some(Some(format!("{number}:\n  was {old:?}\n  is  {new:?}"))),
    })?
}

/// Runs a case and compares its results with the blessed ones, or blesses them.
#[track_caller]
fn compare(case: &str) {
    let case = tests("golden").join(case);
    let cmd = std::fs::read_to_string(case.join("cmd")).unwrap();
    if cmd.contains("dlq-poll") && !is_built("dlq-poll") {
        return;
    }
    let bless = std::env::var("DLQ_BLESS").is_ok_and(|word| word == "1");
    let mut differences = String::new();
    for (name, actual) in run(&case, &cmd) {
        let path = case.join(name);
        if bless {
            std::fs::write(&path, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(line) = difference(&expected, &actual) {
            differences += &format!("{}:{line}\n", path.display());
        }
    }
    assert!(differences.is_empty(), "DLQ_BLESS=1 accepts an intended change:\n{differences}");
}

#[test]
fn golden_folders_are_all_listed() {
    let root = tests("golden");
    let folders = entries(&root).into_iter().flat_map(|tool| entries(&tool));
    let relative = |case: PathBuf| case.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let found: BTreeSet<String> = folders.map(relative).collect();
    let listed: BTreeSet<String> = CASES.iter().map(|case| (*case).to_owned()).collect();
    assert_eq!(found, listed);
}
