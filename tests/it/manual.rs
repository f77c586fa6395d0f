//! Examples of the documentation: every line of the README and the man pages that begins with `$ `
//! runs as it stands, from the root of the project, with the journal of a recorded day. Each
//! program of a pipeline has to succeed.

use std::path::{Path, PathBuf};

use crate::support::requirement::has_jq;
use crate::support::workbench::{Bench, bin, is_built};

const FIXTURE: &str = "tests/fixtures/monday.ndjson";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the commands of a document with their line numbers. A line that ends in a backslash
/// continues in the next; the shell joins them, as for a reader who copies both.
fn commands(text: &str, mdoc: bool) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let line =
            if mdoc { line.replace("\\e", "\\").replace("\\&", "") } else { line.to_owned() };
        let begins = line.trim_start().strip_prefix("$ ").map(str::to_owned);
        let part = match begins {
            Some(command) => command,
            None if goes_on => line.trim_start().trim_start_matches("> ").to_owned(),
            None => continue,
        };
        let more = part.ends_with('\\');
        match found.last_mut() {
            Some((_, command)) if goes_on => *command = format!("{command}\n{part}"),
            _ => found.push((number + 1, part)),
        }
        goes_on = more;
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let mut all = vec![root().join("README.md")];
    let pages = std::fs::read_dir(root().join("man")).unwrap();
    all.extend(pages.map(|page| page.unwrap().path()));
    all.sort();
    all
}

/// Lines of examples that cannot be broken: lines of JSON, and what a program prints as a line.
const WIDE: [(&str, &str); 6] = [
    ("dlq-agent.7", "{\"type\":\"assistant\""),
    ("dlq-events.5", "{\"specversion\""),
    ("dlq-log.1", "$ dlq-log "),
    ("dlq-notify.1", "14:03Z ERROR orders-dlq: 11 expiring"),
    ("dlq-notify.1", "    "),
    ("dlq-status.1", "\\(cq dlq: 3 open"),
];

/// A page of 80 columns is indented by 5, a block by its offset.
#[test]
fn examples_of_the_manual_fit_80_columns() {
    let mut wide = Vec::new();
    for page in documents().iter().filter(|page| page.extension().is_none_or(|kind| kind != "md")) {
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(page).unwrap();
        for block in text.split("\n.Bd -literal").skip(1) {
            let block = block.split("\n.Ed").next().unwrap();
            let (head, lines) = block.split_once('\n').unwrap();
            let indent = 5 + if head.contains("indent") { 6 } else { 2 };
            for line in lines.lines().map(|line| line.replace("\\e", "\\").replace("\\&", "")) {
                let is_known = WIDE.iter().any(|(on, with)| *on == name && line.starts_with(with));
                if indent + line.chars().count() > 80 && !is_known {
                    wide.push(format!("{name}: {line}"));
                }
            }
        }
    }
    assert_eq!(wide, [""; 0]);
}

#[test]
fn manual_examples_run() {
    let mut ran = 0;
    let has_jq = has_jq();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        let name = document.file_name().unwrap().to_str().unwrap().to_owned();
        for (line, command) in commands(&text, name != "README.md") {
            let lacks = |program: &&str| command.contains(program) && !is_built(program);
            let programs = ["dlq-poll", "dlq-peek", "dlq-redrive", "dlq-purge", "dlq-doctor"];
            if programs.iter().any(lacks) {
                continue;
            }
            if command.contains("jq ") && !has_jq {
                continue;
            }
            // Each example has its own state, so that none depends on another.
            let mut bench = Bench::new(&format!("manual-{name}-{line}"));
            let journal = std::fs::read(root().join(FIXTURE)).unwrap();
            std::fs::create_dir_all(bench.state("")).unwrap();
            std::fs::write(bench.state("journal.ndjson"), journal).unwrap();
            let bins = bin("dlq-log").parent().unwrap().to_owned();
            let path = std::env::var("PATH").unwrap_or_default();
            bench.set("PATH", format!("{}:{path}", bins.display()));
            let whole = format!("set -o pipefail; cd '{}' && {command}", root().display());
            // A plain sh knows no `pipefail` on many systems.
            let output = bench.run("bash", &["-c", &whole], "");
            assert_eq!(output.code(), 0, "{name}:{line}: $ {command}\n{output:?}");
            ran += 1;
        }
    }
    assert!(ran >= 10, "only {ran} examples were found");
}

#[test]
fn manual_commands_are_parsed() {
    let text = "x\n$ a \\\n> b\n    $ c\nd $ e\n";
    assert_eq!(commands(text, false), [(2, "a \\\nb".to_owned()), (4, "c".to_owned())]);
    assert_eq!(commands("$ printf 'a\\en'", true), [(1, "printf 'a\\n'".to_owned())]);
}
