//! Real shells with the committed completions: all words of all programs where a shell can be asked,
//! and keys on a terminal where it cannot.

use std::process::Command;

use dlq::args::Opt;
use dlq::programs;
use dlq::tool::Tool;

use super::{folder, options};
use crate::support::pty::Pty;
use crate::support::requirement::is_met;
use crate::support::workbench::{Bench, wait_for};

fn has(shell: &str) -> bool {
    let version = Command::new(shell).arg("--version").output();
    is_met(version.is_ok(), &format!("{shell} is not installed; install the package {shell}"))
}

/// Runs a line of a shell, and returns what it offers, sorted: the lines that it prints, each up to a
/// tab, which precedes a description.
#[track_caller]
fn words(bench: &Bench, shell: &[&str], line: &str) -> Vec<String> {
    let output = bench.command(shell[0], &shell[1..]).arg(line).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{line}: {errors}");
    let lines = text.lines().filter_map(|line| line.split('\t').next());
    let mut words: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    words.sort();
    words
}

fn long_names(tool: &Tool) -> Vec<String> {
    let mut names: Vec<String> = options(tool).map(|opt| format!("--{}", opt.long)).collect();
    names.sort();
    names
}

/// Returns the words that bash offers for the last one of a line.
fn offered_by_bash(bench: &Bench, name: &str, line: &[&str]) -> Vec<String> {
    let line = format!(
        "source '{}/bash/{name}'; [[ $(complete -p {name}) == *' -F _{function} {name}' ]] || exit 9
         COMP_WORDS=({name} {}); COMP_CWORD={}; _{function} 2>/dev/null
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        folder().display(),
        line.join(" "),
        line.len(),
        function = name.replace('-', "_"),
    );
    words(bench, &["bash", "--norc", "-c"], &line)
}

#[test]
fn bash_offers_all_options_and_sets_of_values() {
    let bench = Bench::new("complete-bash");
    for tool in programs::ALL {
        let name = tool.name.as_str();
        assert_eq!(offered_by_bash(&bench, name, &["--"]), long_names(tool), "{name}");
        let mut all: Vec<String> = options(tool).flat_map(Opt::names).collect();
        all.sort();
        assert_eq!(offered_by_bash(&bench, name, &["-"]), all, "{name}");
        let forms = ["json", "text"];
        assert_eq!(offered_by_bash(&bench, name, &["--log-format", "''"]), forms, "{name}");
    }
    let offered = |line: &[&str]| offered_by_bash(&bench, "dlq-dash", line);
    assert_eq!(offered(&["--color", "=", "a"]), ["always", "auto"]);
    assert_eq!(offered(&["--color", "="]), ["always", "auto", "never"]);
    assert_eq!(offered(&["--width", "''"]), [""; 0]);
}

#[test]
fn fish_offers_all_options_and_sets_of_values() {
    if !has("fish") {
        return;
    }
    let mut bench = Bench::new("complete-fish");
    bench.set("HOME", bench.path("home"));
    bench.set("LC_ALL", "C.UTF-8");
    bench.write("recording one.ndjson", "");
    let mut line = String::new();
    for tool in programs::ALL {
        let name = tool.name.as_str();
        line.push_str(&format!("source '{}/fish/{name}.fish'\n", folder().display()));
    }
    let offered = |command: &str| {
        let line = format!("{line}complete -C '{command}'");
        words(&bench, &["fish", "--no-config", "-c"], &line)
    };
    for tool in programs::ALL {
        let name = tool.name.as_str();
        assert_eq!(offered(&format!("{name} --")), long_names(tool), "{name}");
    }
    assert_eq!(offered("dlq-dash --color "), ["always", "auto", "never"]);
    assert_eq!(offered("dlq-dash --color=n"), ["--color=never"]);
    assert_eq!(offered("dlq-dash --replay rec"), ["recording one.ndjson"]);
    assert_eq!(offered("dlq-dash --width "), [""; 0]);
    assert_eq!(offered("dlq-redrive pl"), ["plan"]);
    assert_eq!(offered("dlq-redrive apply rec"), ["recording one.ndjson"]);
    assert_eq!(offered("dlq-status inc"), ["incidents"]);
    assert_eq!(offered("dlq-status rec"), [""; 0]);
}

/// The keys of a person, and the arguments that the program then gets; zsh joins an option and its
/// value by `=`.
const TYPED: [(&str, &[&str]); 9] = [
    ("dlq-dash --col\talw\t", &["--color", "always"]),
    ("dlq-dash --color=ne\t", &["--color", "never"]),
    ("dlq-dash --replay rec\t", &["--replay", "recording one.ndjson"]),
    ("dlq-dash --wid\trec\t", &["--width", "rec"]),
    ("dlq-notify --test\top", &["--test-channel", "op"]),
    ("dlq-redrive pl\t", &["plan"]),
    ("dlq-redrive apply rec\t", &["apply", "recording one.ndjson"]),
    ("dlq-status inc\t", &["incidents"]),
    ("dlq-status --sum\t", &["--summary"]),
];

/// Types every line of `TYPED` into an interactive shell, and compares what the programs got.
#[track_caller]
fn assert_typed(bench: &mut Bench, shell: &str) {
    bench.write("recording one.ndjson", "");
    let names = ["dlq-dash", "dlq-notify", "dlq-redrive", "dlq-status"];
    for name in names {
        let body = format!("#!/bin/sh\ncd '{}'\n", bench.dir().display());
        bench.stub(name, &format!("{body}printf '%s\\n' \"$@\" >got.new\nmv got.new got\n"));
    }
    let mut pty = Pty::start(bench, shell, 100, 200);
    for (keys, expected) in TYPED {
        pty.wait_for("a prompt", |pty| pty.text().trim_end().ends_with("ready>"));
        pty.write(keys);
        pty.write("\r");
        wait_for(&format!("the end of {keys:?}"), || bench.path("got").exists());
        let got = std::fs::read_to_string(bench.path("got")).unwrap();
        let got: Vec<&str> = got.lines().flat_map(|arg| arg.split('=')).collect();
        assert_eq!(got, expected, "{keys:?}\n{}", pty.text());
        std::fs::remove_file(bench.path("got")).unwrap();
    }
}

#[test]
fn bash_completes_what_is_typed() {
    let mut bench = Bench::new("type-bash");
    bench.set("HOME", bench.path("."));
    let sources = format!("for file in '{}'/bash/*; do . \"$file\"; done", folder().display());
    bench.write("rc", format!("PS1='ready> '\nbind 'set enable-bracketed-paste off'\n{sources}\n"));
    assert_typed(&mut bench, "exec bash --noprofile --rcfile rc -i");
}

#[test]
fn zsh_completes_what_is_typed() {
    if !has("zsh") {
        return;
    }
    let mut bench = Bench::new("type-zsh");
    bench.set("HOME", bench.path("."));
    bench.set("ZDOTDIR", bench.path("."));
    let setup = format!(
        "fpath=('{}'/zsh $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1='ready> '\n",
        folder().display()
    );
    // zsh marks a line without an end, and writes blanks up to the margin.
    bench.write(".zshrc", format!("unsetopt prompt_sp prompt_cr beep\n{setup}"));
    assert_typed(&mut bench, "exec zsh --no-globalrcs -i");
}
