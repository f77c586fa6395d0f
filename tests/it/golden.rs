//! Golden cases: what the real programs print and say, to the byte, and their exit status.
//!
//! A case is a folder `tests/golden/TOOL/CASE`. `cmd` is a line of shell; it is given
//! `stdin.ndjson`, reads `config.yaml` and works on a copy of `state/`, where the case has those.
//! `$FIXTURES` is `tests/fixtures`. `stdout.ndjson`, `stderr` and `status` are what comes of it,
//! with `@` for the folder it ran in; `DLQ_BLESS=1` writes them anew.

use std::path::{Path, PathBuf};

use crate::support::workbench::{Bench, exists};

fn tests(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Runs a case; its three results, by the names of their files.
fn play(case: &Path, cmd: &str) -> [(&'static str, String); 3] {
    let mut bench = Bench::new("golden");
    bench.set("TZ", "<-03>3");
    bench.set("FIXTURES", tests("fixtures"));
    if let Ok(config) = std::fs::read_to_string(case.join("config.yaml")) {
        bench.configure(&config);
    }
    for path in below(&case.join("state")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        bench.write(&format!("state/{name}"), std::fs::read(&path).unwrap());
    }
    let stdin = std::fs::read(case.join("stdin.ndjson")).unwrap_or_default();
    let output = bench.run("sh", &["-c", cmd], stdin);
    let here = bench.dir().to_str().unwrap();
    [
        ("stdout.ndjson", output.text().replace(here, "@")),
        ("stderr", output.stderr.replace(here, "@")),
        ("status", format!("{}\n", output.code())),
    ]
}

/// The first line in which two texts differ, in both.
fn difference(wanted: &str, got: &str) -> Option<String> {
    let (mut old, mut new) = (wanted.split_inclusive('\n'), got.split_inclusive('\n'));
    (1..).find_map(|number| match (old.next(), new.next()) {
        (None, None) => Some(None),
        (old, new) if old == new => None,
        (old, new) => Some(Some(format!("{number}:\n  was {old:?}\n  is  {new:?}"))),
    })?
}

#[test]
fn every_golden_case_comes_out_as_it_was_blessed() {
    let bless = std::env::var("DLQ_BLESS").is_ok_and(|word| word == "1");
    let (mut count, mut differ) = (0, String::new());
    for case in below(&tests("golden")).iter().flat_map(|tool| below(tool)) {
        let cmd = std::fs::read_to_string(case.join("cmd")).unwrap();
        if cmd.contains("dlq-poll") && !exists("dlq-poll") {
            continue;
        }
        count += 1;
        for (name, got) in play(&case, &cmd) {
            let path = case.join(name);
            if bless {
                std::fs::write(&path, &got).unwrap();
            }
            let wanted = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(line) = difference(&wanted, &got) {
                differ += &format!("{}:{line}\n", path.display());
            }
        }
    }
    assert!(count >= 10, "the cases are not found");
    assert!(differ.is_empty(), "DLQ_BLESS=1 takes over what is so on purpose:\n{differ}");
}
