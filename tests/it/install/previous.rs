//! The version that `scripts/blue-green` takes for the previous one.

use super::root;
use crate::support::workbench::Bench;

/// A checkout with the scripts and a few commits; each line is a name of a file that a commit changes.
fn history(bench: &Bench, files: &[&str]) {
    for name in ["blue-green", "lib.sh"] {
        let to = bench.path("scripts").join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(root().join("scripts").join(name), to).unwrap();
    }
    git(bench, "init -q -b main");
    for (number, file) in files.iter().enumerate() {
        bench.write(file, format!("// {number}\nimpl Document for {number}\n"));
        git(bench, "add -A");
        git(bench, &format!("commit -q -m change-{number}"));
    }
}

#[track_caller]
fn git(bench: &Bench, line: &str) -> String {
    let who = "-c user.name=a -c user.email=a@example.com -c commit.gpgsign=false";
    let output = bench.shell(&format!("git {who} {line}"));
    assert_eq!(output.code(), 0, "{line}: {output:?}");
    output.text()
}

fn previous(bench: &Bench) -> String {
    let output = bench.shell("scripts/blue-green --previous");
    assert_eq!(output.code(), 0, "{output:?}");
    git(bench, &format!("log -1 --format=%s {}", output.text().trim()))
}

#[test]
fn previous_version_is_the_last_release_or_differs_in_what_is_shared() {
    let mut bench = Bench::new("previous");
    bench.set("HOME", bench.path("home"));
    let files =
        ["README", "src/event/data.rs", "README", "src/rules/budget.rs", "docs/a", "docs/b"];
    history(&bench, &files);
    assert_eq!(previous(&bench), "change-2\n", "the last one before a document changed");
    git(&bench, "tag v0.1.0 HEAD~2");
    assert_eq!(previous(&bench), "change-3\n", "the release");
    // A release is compared with the one before it, and not with itself.
    git(&bench, "tag v0.2.0");
    assert_eq!(previous(&bench), "change-3\n");
}

#[test]
fn history_without_an_earlier_version_is_named() {
    let mut bench = Bench::new("previous-none");
    bench.set("HOME", bench.path("home"));
    history(&bench, &["src/event/data.rs"]);
    let output = bench.shell("scripts/blue-green --previous");
    assert_eq!(output.code(), 2, "{output:?}");
    assert!(output.stderr.contains("there is no earlier version in the history"), "{output:?}");
}
