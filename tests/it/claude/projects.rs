//! Projects of each kind, with a dependency from their registry: prepared in the sandbox, then fixed
//! and proven there by a model that writes a test first.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::support::claude_api::{FakeClaudeApi, Script, bash, structured, tool};
use crate::support::claude_cli::{KEY, commit_all, configure_claude, verdict as real_verdict};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::investigate::{assert_no_process_left, investigate, own_events};
use crate::support::requirement::{claude_cli, has_bubblewrap, is_met};
use crate::support::workbench::Bench;

const TEST_LINE: &str = "/run/dlq/self test-client";

/// Results without the patch, with its tests alone and with all of it, and their grade.
const PROVEN: [&str; 4] = ["passed", "failed", "passed", "proven"];

/// Fixture of a kind of project.
struct Project {
    kind: &'static str,
    /// Line that makes its lock file, in its folder and outside of a sandbox: it shows that the
    /// registry is reached.
    lock: &'static str,
    files: Vec<(&'static str, &'static str)>,
    /// Keys of the queue; `@` is the folder of the bench.
    rule: String,
    /// File with the fault, and its text before and after the fix.
    fault: (&'static str, &'static str, &'static str),
    /// Test that fails because of the fault.
    test: (&'static str, &'static str),
}

fn python() -> Project {
    Project {
        kind: "pip",
        lock: "/usr/bin/python3 -m venv /tmp/x-@ && /tmp/x-@/bin/python -m pip download -q --no-deps \
               -d /tmp/x-@ -r requirements.txt; code=$?; rm -rf /tmp/x-@; exit $code",
        files: vec![
            ("requirements.txt", "six==1.16.0\n"),
            ("total.py", "import six\n\ndef total(order):\n    return order['amount'] * 2\n"),
            (
                "test_total.py",
                "import sys, unittest, total\nclass T(unittest.TestCase):\n    def test(self):\n        \
                 assert '.venv' in total.six.__file__\n        \
                 self.assertEqual(total.total({'amount': 1}), 2)\n",
            ),
            (
                "prepare.sh",
                "python3 -m venv .venv && \
                 .venv/bin/python -m pip install --no-cache-dir -q -r requirements.txt\n",
            ),
            (".gitignore", ".venv/\n__pycache__/\n"),
        ],
        rule: ", prepare: [sh, prepare.sh], test_command: [.venv/bin/python, -m, unittest, -q]"
            .into(),
        fault: ("total.py", "order['amount']", "order.get('amount', 0)"),
        test: (
            "test_absent.py",
            "import unittest, total\nclass A(unittest.TestCase):\n    def test(self):\n        \
             self.assertEqual(total.total({}), 0)\n",
        ),
    }
}

fn cargo(toolchain: &str) -> Project {
    Project {
        kind: "cargo",
        lock: "cargo generate-lockfile -q",
        files: vec![
            (
                "Cargo.toml",
                "[package]\nname = 'total'\nversion = '0.1.0'\nedition = '2021'\n\
                 [dependencies]\nitoa = '1'\n",
            ),
            (
                "src/lib.rs",
                "pub fn total(order: i64) -> String {\n    \
                 itoa::Buffer::new().format(order * 3).to_owned()\n}\n",
            ),
            (".gitignore", "target/\n"),
        ],
        rule: format!(
            ", bind: ['{toolchain}'], prepare: [cargo, fetch, --locked], \
             test_command: [cargo, test, --quiet]"
        ),
        fault: ("src/lib.rs", "order * 3", "order * 2"),
        test: ("tests/two.rs", "#[test]\nfn two() {\n    assert_eq!(total::total(2), \"4\");\n}\n"),
    }
}

fn npm(folder: &str) -> Project {
    let bind = if folder == "/usr" { String::new() } else { format!(", bind: ['{folder}']") };
    Project {
        kind: "npm",
        lock: "npm install --package-lock-only --ignore-scripts --no-audit --no-fund",
        files: vec![
            (
                "package.json",
                r#"{"name": "total", "version": "1.0.0", "private": true,
                "scripts": {"test": "node --test"}, "dependencies": {"isarray": "2.0.5"}}"#,
            ),
            (
                "total.js",
                "exports.isArray = require('isarray');\n\
                 exports.total = (order) => order['amount'] * 2;\n",
            ),
            (
                "total.test.js",
                "const test = require('node:test'); const assert = require('assert');\n\
                 test('arrays', () => assert(require('./total').isArray([])));\n",
            ),
            (".gitignore", "node_modules/\n"),
        ],
        // The certificates of the system are those by which this machine knows its registry.
        rule: format!(
            "{bind}, prepare: [env, NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt, npm, ci, \
             --ignore-scripts, --no-audit, --no-fund], test_command: [npm, test]"
        ),
        fault: ("total.js", "order['amount']", "(order['amount'] || 0)"),
        test: (
            "absent.test.js",
            "const test = require('node:test'); const assert = require('assert');\n\
             test('absent', () => assert.equal(require('./total').total({}), 0));\n",
        ),
    }
}

/// Runs a line and returns its output when it succeeds.
fn output_of(line: &str) -> Option<String> {
    let output = Command::new("sh").args(["-c", line]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Makes the repository of a project; fails when its registry is not reached.
fn make(bench: &Bench, project: &Project) -> bool {
    for (name, content) in &project.files {
        bench.write(&format!("repo/{name}"), content);
    }
    let name = bench.dir().file_name().unwrap().to_str().unwrap().to_owned();
    let line = project.lock.replace('@', &name);
    // With the environment of this test, which may name a proxy and certificates.
    let ran = Command::new("sh").args(["-c", &line]).current_dir(bench.path("repo")).output();
    let ran = ran.unwrap();
    let why = String::from_utf8_lossy(&ran.stderr).into_owned();
    is_met(ran.status.success(), &format!("no registry of {} is reached: {why}", project.kind))
}

fn prove(cli: &std::path::Path, project: &Project) {
    let (kind, (fault, old, new), (test, text)) = (project.kind, project.fault, project.test);
    let mut verdict = real_verdict(json!({"summary": "s", "files": [fault, test], "tests": []}));
    verdict["evidence"] = json!([{"id": format!("{fault}:1"), "claim": "it is here"}]);
    let edit = json!({"file_path": fault, "old_string": old, "new_string": new});
    let steps = [
        tool("Write", json!({"file_path": test, "content": text})),
        bash(TEST_LINE),
        tool("Read", json!({"file_path": fault})),
        tool("Edit", edit),
        bash(TEST_LINE),
        structured(verdict),
    ];
    let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
    let mut bench = Bench::new(&format!("project-{kind}"));
    let rule = format!("{}, fix: true", project.rule);
    configure_claude(&mut bench, cli, &api, ", sandbox: require, max_turns: 20", &rule);
    if !make(&bench, project) {
        return;
    }
    commit_all(&bench);
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_no_process_left(&bench);
    let data = own_events(&output.text()).last().unwrap()["data"].clone();
    let folder: PathBuf =
        bench.state("sessions").read_dir().unwrap().next().unwrap().unwrap().path();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let logs = ["prepare.log", "supervisor.log", "stderr.log", "tests.log"].map(read).join("\n");
    assert_eq!(data["verdict"]["status"], "confirmed", "{kind}: {data} {logs}");
    let requests = api.requests_of("main");
    let results: Vec<String> =
        requests.iter().skip(1).map(|one| one.tool_results().join("")).collect();
    assert!(results[1].contains("Exit code"), "{kind} fails first: {results:?}");
    assert!(!results[4].contains("Exit code"), "{kind} passes then: {results:?}");
    let patch = read("patch.diff");
    assert_eq!(patch.matches("diff --git").count(), 2, "{kind}: {patch}");
    let shown = |proof: &serde_json::Value| {
        ["on_base", "with_tests", "with_patch", "grade"].map(|key| proof[key].clone())
    };
    assert_eq!(shown(&data["proof"]), PROVEN, "{kind}: {data}\n{logs}");
    // The code is prepared again, for the base of now.
    bench.write("repo/README", "moved\n");
    commit_all(&bench);
    let again = investigate(&bench, &["--prove", data["session"].as_str().unwrap()], "");
    let again = own_events(&again.text())[0]["data"]["proof"].clone();
    assert_eq!(shown(&again), PROVEN, "{kind}: {again}");
    assert_ne!(again["base"], data["proof"]["base"], "{kind}");
}

#[test]
fn python_project_with_a_dependency_proves_its_fix() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    prove(&cli, &python());
}

#[test]
fn cargo_project_with_a_dependency_proves_its_fix() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let toolchain = output_of("rustc --print sysroot");
    if let Some(toolchain) = toolchain {
        prove(&cli, &cargo(&toolchain));
    }
}

#[test]
fn npm_project_with_a_dependency_proves_its_fix() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let node = output_of("dirname $(dirname $(readlink -f $(command -v node)))");
    if let Some(folder) = node {
        prove(&cli, &npm(&folder));
    }
}
