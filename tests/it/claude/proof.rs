//! Proof of a fix: runs of the tests on the base, with the new tests alone, and with the whole patch.

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::support::claude_cli::commit_all;
use crate::support::claude_stub::{INIT_LINE, bench_with_stub, result_line};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{own_events, read_text, sessions};
use crate::support::workbench::{Bench, Output, arguments_of, bin, is_alive, signal, wait_for};

const CODE: &str = "def total(order):\n    return order[\"amount\"] * 2\n";
const FIXED: &str = "def total(order):\n    return order.get(\"amount\", 0) * 2\n";
const TEST: &str = "import unittest, total\nclass T(unittest.TestCase):\n    def test_two(self):\n        \
                    self.assertEqual(total.total({\"amount\": 1}), 2)\n";
/// Fails without the fix.
const NEW_TEST: &str = "import unittest, total\nclass A(unittest.TestCase):\n    def test_absent(self):\n        \
                        self.assertEqual(total.total({}), 0)\n";
const RED_TEST: &str = "import unittest\nclass R(unittest.TestCase):\n    def test_red(self):\n        \
                        self.fail()\n";
const UNITTEST: &str = "test_command: [python3, -m, unittest, -v]";

/// Returns a shell command that writes a file, and says so as Claude Code does.
fn write(path: &str, text: &str) -> String {
    let line = json!({"type": "assistant", "message": {"id": "a", "content": [
        {"type": "tool_use", "id": "t", "name": "Write", "input": {"file_path": path}}]}});
    format!("echo '{line}'; cat > {path} <<'END'\n{text}END\n")
}

/// Creates a bench with a Python project, and an agent that changes these files, runs the tests, and
/// states that its fix is confirmed.
fn project(name: &str, base: &[(&str, &str)], changes: &[(&str, &str)], keys: &str) -> Bench {
    let named: Vec<&str> = vec!["test_absent"];
    let files: Vec<&str> = changes.iter().map(|(path, _)| *path).collect();
    let verdict = json!({"status": "confirmed", "title": "amount may be absent",
        "category": "code_error", "root_cause": "nobody looks", "confidence": 0.9,
        "hypotheses": [], "evidence": [{"id": "total.py:2", "claim": "it reads amount"}],
        "fix": {"summary": "0 when absent", "files": files, "tests": named},
        "prevention": null, "redrive": "after_fix", "next_steps": []});
    let changes: Vec<String> = changes.iter().map(|(path, text)| write(path, text)).collect();
    let init =
        INIT_LINE.replace(r#""permissionMode":"default""#, r#""permissionMode":"acceptEdits""#);
    let body = format!(
        "cat >/dev/null; {init}\n{}\npython3 -m unittest -q >/dev/null 2>&1; echo left > left.txt\n{}",
        changes.concat(),
        result_line(&verdict)
    );
    let bench = bench_with_stub(name, "2.1.330", &body, "");
    for (path, text) in base {
        bench.write(&format!("repo/{path}"), text);
    }
    commit_all(&bench);
    let config = read_text(&bench, "config.yaml");
    let old = format!("repo: '{}'", bench.path("repo").display());
    assert!(config.contains(&old), "{config}");
    bench.write("config.yaml", config.replace(&old, &format!("{old}, fix: true, {keys}")));
    bench
}

/// Investigates, and returns the data of the result.
#[track_caller]
fn run(bench: &Bench) -> Value {
    let output = bench.run("dlq-investigate", &[], raised("orders", "i", seconds_ago(0), None));
    completed(&output)
}

#[track_caller]
fn completed(output: &Output) -> Value {
    let events = own_events(&output.text());
    let found = events.iter().find(|event| event["type"] == "investigation.completed");
    found.unwrap_or_else(|| panic!("{} {}", output.text(), output.stderr))["data"].clone()
}

fn session_folder(bench: &Bench) -> std::path::PathBuf {
    bench.state("sessions").join(sessions(bench)["sessions"][0]["id"].as_str().unwrap())
}

fn session_file(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(session_folder(bench).join(name)).unwrap_or_default()
}

fn proofs(bench: &Bench) -> Vec<Value> {
    sessions(bench)["sessions"][0]["proofs"].as_array().unwrap().clone()
}

fn head(bench: &Bench) -> String {
    bench.shell("git -C repo rev-parse HEAD").text().trim().to_owned()
}

/// Results on the base, with the new tests alone, and with the patch, and the grade.
fn results(proof: &Value) -> [&Value; 4] {
    ["on_base", "with_tests", "with_patch", "grade"].map(|key| &proof[key])
}

#[test]
fn fix_with_a_test_that_fails_without_it_is_confirmed() {
    let bench = project(
        "proof-python",
        &[("total.py", CODE), ("test_total.py", TEST)],
        &[("total.py", FIXED), ("test_absent.py", NEW_TEST)],
        UNITTEST,
    );
    let data = run(&bench);
    assert_eq!(
        data["verdict"]["status"],
        "confirmed",
        "{data} {}",
        session_file(&bench, "tests.log")
    );
    assert_eq!(results(&data["proof"]), ["passed", "failed", "passed", "proven"], "{data}");
    assert_eq!(data["proof"]["base"], json!(head(&bench)));
    // What its runs of the tests have left is no change.
    let patch = session_file(&bench, "patch.diff");
    assert_eq!(patch.matches("diff --git").count(), 2, "{patch}");
    assert!(patch.contains("test_absent.py") && !patch.contains(".pyc"), "{patch}");
    let left = session_folder(&bench).join("tree/left.txt");
    assert!(left.exists(), "the worktree of the agent is kept");
    let record = &sessions(&bench)["sessions"][0];
    assert_eq!(record["base"], json!(head(&bench)));
    assert_eq!(record["patch"].as_str().map(str::len), Some(64));
    let proof = &proofs(&bench)[0];
    assert_eq!((&proof["number"], &proof["reason"]), (&json!(1), &json!("session")));
    assert_eq!(proof["result"], data["proof"]);
    let report = std::fs::read_to_string(data["report"].as_str().unwrap()).unwrap();
    for line in [
        "- On the base: passed\n",
        "- On the base with the new tests: did not pass, as is expected\n",
        "- On the base with the patch: passed\n",
        "- Proof: proven: the new tests fail on the base and pass with the patch\n",
        "'left.txt'",
    ] {
        assert!(
            report.contains(line) || report.contains(&line.replace('\\', "")),
            "{line}: {report}"
        );
    }
    // Each run has left its output, and no worktree.
    assert!(session_file(&bench, "tests.new.log").contains("KeyError"));
    assert!(session_file(&bench, "tests.base.log").contains("OK"));
    let trees = bench.shell("git -C repo worktree list | wc -l").text();
    assert_eq!(trees.trim(), "2");
}

/// A patch that makes its own tests pass by the way they are run.
#[test]
fn patch_that_changes_how_the_tests_run_proves_nothing_by_that() {
    let rows = [
        ("run.sh", "python3 -m unittest -v\n", "true\n", "test_command: [sh, run.sh]"),
        (
            "Makefile",
            "test:\n\tpython3 -m unittest -v\n",
            "test:\n\ttrue\n",
            "test_command: [make, test]",
        ),
    ];
    for (file, before, after, keys) in rows {
        let base = [("total.py", CODE), ("test_total.py", TEST), (file, before)];
        let tests = ("test_absent.py", NEW_TEST);
        let bench = project(&format!("proof-of-{file}"), &base, &[(file, after), tests], keys);
        let data = run(&bench);
        let log = session_file(&bench, "tests.runner.log");
        let why = data["proof"]["detail"].as_str().unwrap();
        assert_eq!(results(&data["proof"]), ["passed", "failed", "passed", "unproven"], "{data}");
        assert!(why.contains(&format!("only with the patch's own '{file}'")), "{why}");
        assert!(log.contains("KeyError"), "{log}");
        assert_eq!(data["verdict"]["status"], "likely", "{data}");
    }
    // A fix beside such a change is seen by the run without it.
    let base = [("total.py", CODE), ("test_total.py", TEST), ("setup.cfg", "[metadata]\n")];
    let changes =
        [("total.py", FIXED), ("test_absent.py", NEW_TEST), ("setup.cfg", "[metadata]\nname=t\n")];
    let data = run(&project("proof-beside-settings", &base, &changes, UNITTEST));
    assert_eq!(data["proof"]["grade"], "proven", "{data}");
    assert_eq!(data["verdict"]["status"], "confirmed", "{data}");
}

/// A newer version of a dependency, with a test of it and without. A list that no runner of tests reads
/// can prove a fix.
#[test]
fn change_of_a_manifest_alone_is_likely_at_most() {
    let code = |file: &str| {
        format!(
            "def total(order):\n    if 'dep 2' in open('{file}').read():\n        \
             return order.get('amount', 0) * 2\n    return order['amount'] * 2\n"
        )
    };
    let absent = ("test_absent.py", NEW_TEST);
    let (ok, failed) = (Some("passed"), Some("failed"));
    let rows = [
        ("pyproject.toml", true, [ok, failed, ok, Some("unproven")], "only with the patch's own"),
        ("pyproject.toml", false, [ok, None, ok, Some("unproven")], "no test sees the fix"),
        (
            "requirements.txt",
            true,
            [ok, failed, ok, Some("proven")],
            "the new tests fail on the base",
        ),
    ];
    for (file, has_test, expected, why) in rows {
        let code = code(file);
        let base = [("total.py", code.as_str()), ("test_total.py", TEST), (file, "# dep 1\n")];
        let mut changes = vec![(file, "# dep 2\n")];
        changes.extend(has_test.then_some(absent));
        let data = run(&project(&format!("proof-manifest-{file}"), &base, &changes, UNITTEST));
        let detail = data["proof"]["detail"].as_str().unwrap();
        assert_eq!(results(&data["proof"]).map(Value::as_str), expected, "{file}: {data}");
        assert!(detail.contains(why), "{file}: {detail}");
        let status = if expected[3] == Some("proven") { "confirmed" } else { "likely" };
        assert_eq!(data["verdict"]["status"], status, "{file}: {data}");
    }
}

/// Fails in each second run, and sees nothing of the fix.
#[test]
fn test_that_fails_by_chance_proves_no_patch() {
    let base = [("total.py", CODE), ("test_total.py", TEST)];
    let same = format!("{CODE}# as it was\n");
    let runs = std::env::temp_dir().join(format!("dlq-runs-{}", std::process::id()));
    let test = NEW_TEST
        .replace("import unittest", "import os, unittest")
        .replace(
            "self.assertEqual(total.total({}), 0)",
            "open('@', 'a').write('x')\n        self.assertEqual(os.path.getsize('@') % 2, 0)",
        )
        .replace('@', &runs.display().to_string());
    let bench =
        project("proof-chance", &base, &[("total.py", &same), ("test_absent.py", &test)], UNITTEST);
    let data = run(&bench);
    let _ = std::fs::remove_file(&runs);
    assert_eq!(results(&data["proof"]), ["passed", "failed", "passed", "unproven"], "{data}");
    let why = data["proof"]["detail"].as_str().unwrap();
    assert!(why.contains("fail by chance"), "{why}");
    assert_eq!(data["verdict"]["status"], "likely", "{data}");
}

/// Code and tests in one file.
const INLINE: &str = "import unittest\ndef total(order):\n    return order[\"amount\"] * 2\n\
                      class T(unittest.TestCase):\n    def test_two(self):\n        \
                      self.assertEqual(total({\"amount\": 1}), 2)\n";
const INLINE_TEST: &str = "    def test_absent(self):\n        self.assertEqual(total({}), 0)\n";

/// Files of the base, changes, keys of the queue, results, status, and words of the reason.
type Case<'a> = (
    &'a str,
    Vec<(&'a str, &'a str)>,
    Vec<(&'a str, &'a str)>,
    &'a str,
    [Option<&'a str>; 4],
    &'a str,
    &'a str,
);

#[test]
fn results_of_the_runs_decide_on_the_verdict() {
    let (old, new) = (("total.py", CODE), ("total.py", FIXED));
    let (test, absent) = (("test_total.py", TEST), ("test_absent.py", NEW_TEST));
    let green = TEST.replace("T(", "G(");
    let fixed = INLINE.replace("order[\"amount\"]", "order.get(\"amount\", 0)") + INLINE_TEST;
    let inline_red = [INLINE, INLINE_TEST].concat();
    let (ok, bad) = (Some("passed"), Some("failed"));
    let unproven = Some("unproven");
    let inline_command = "test_command: [python3, -m, unittest, -v, total]";
    let cases: [Case<'_>; 7] = [
        (
            "passes-without",
            vec![old, test],
            vec![new, ("test_more.py", &green)],
            UNITTEST,
            [ok, ok, ok, unproven],
            "likely",
            "the new tests pass without the fix, too",
        ),
        (
            "no-test",
            vec![old, test],
            vec![new],
            UNITTEST,
            [ok, None, ok, unproven],
            "likely",
            "no test sees the fix",
        ),
        (
            "red-base",
            vec![old, test, ("test_red.py", RED_TEST)],
            vec![new, absent],
            UNITTEST,
            [bad, None, bad, unproven],
            "likely",
            "the tests did not pass with the patch; the tests fail on the base already",
        ),
        (
            "shared",
            vec![("total.py", INLINE)],
            vec![("total.py", &fixed)],
            inline_command,
            [ok, None, ok, unproven],
            "likely",
            "tests and fix share a file",
        ),
        (
            "shared-named",
            vec![("total.py", &inline_red)],
            vec![("total.py", &fixed)],
            inline_command,
            [bad, None, ok, Some("proven")],
            "confirmed",
            "the test 'test_absent' fails without the fix and passes with it; the tests fail on the base \
             already",
        ),
        (
            "stopped",
            vec![old, test],
            vec![new, absent],
            "test_command: [sh, -c, 'test -e test_absent.py || { touch $DLQ_SESSION_DIR/stop; \
             sleep 600; }; python3 -m unittest']",
            [Some("stopped"), bad, ok, Some("unknown")],
            "likely",
            "the tests were stopped on request on the base",
        ),
        (
            "pattern",
            vec![old, test, ("run.sh", "python3 -m unittest discover -p '*_*.py'\n")],
            vec![new, ("verify_total.py", NEW_TEST)],
            "tests: ['verify_*'], test_command: [sh, run.sh]",
            [ok, bad, ok, Some("proven")],
            "confirmed",
            "the new tests fail on the base and pass with the patch",
        ),
    ];
    for (name, base, changes, keys, expected, status, why) in cases {
        let bench = project(&format!("proof-{name}"), &base, &changes, keys);
        let data = run(&bench);
        let log = session_file(&bench, "tests.log");
        let found = results(&data["proof"]).map(Value::as_str);
        assert_eq!(found, expected, "{name}: {data} {log}");
        assert_eq!(data["verdict"]["status"], status, "{name}: {data} {log}");
        let detail = data["proof"]["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{name}: {detail}");
        let report = std::fs::read_to_string(data["report"].as_str().unwrap()).unwrap();
        let is_lowered = report.contains("lowered from confirmed to likely");
        assert_eq!(is_lowered, status == "likely", "{name}: {report}");
        assert!(
            report.contains(&why.replace('_', "\\_")) || report.contains(why),
            "{name}: {report}"
        );
    }
}

/// Adds a commit to the repository, and returns it.
fn move_base(bench: &Bench, name: &str, text: &str) -> String {
    bench.write(&format!("repo/{name}"), text);
    commit_all(bench);
    head(bench)
}

/// Creates a bench whose session has proven its fix.
fn proven(name: &str) -> Bench {
    let base = [("total.py", CODE), ("test_total.py", TEST)];
    let changes = [("total.py", FIXED), ("test_absent.py", NEW_TEST)];
    let bench = project(name, &base, &changes, UNITTEST);
    assert_eq!(run(&bench)["verdict"]["status"], "confirmed");
    bench
}

fn session_id(bench: &Bench) -> String {
    sessions(bench)["sessions"][0]["id"].as_str().unwrap().to_owned()
}

/// Returns the data of the proofs among these lines.
fn proven_events(text: &str) -> Vec<Value> {
    let all = own_events(text).into_iter();
    all.filter(|event| event["type"] == "investigation.proven")
        .map(|event| event["data"].clone())
        .collect()
}

/// Checks that a proof has left nothing in the repository.
#[track_caller]
fn assert_no_leftovers(bench: &Bench) {
    let left =
        bench.shell("git -C repo worktree list | wc -l; git -C repo branch --list '*proof*'");
    assert_eq!(left.text().trim(), "2", "the worktree of the agent alone");
    let folder = session_folder(bench).join("proof");
    let names = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let names: Vec<String> = names.map(|one| one.file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.ends_with(".log")), "{names:?}");
}

#[test]
fn prove_option_runs_the_tests_on_the_base_as_it_is_now() {
    let bench = proven("prove-option");
    let (first, report) = (head(&bench), session_file(&bench, "report.md"));
    let id = session_id(&bench);
    let moved = move_base(&bench, "other.py", "x = 1\n");
    let output = bench.run("dlq-investigate", &["--prove", &id[..8]], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{}", output.text());
    let events = proven_events(&output.text());
    assert_eq!(events.len(), 1, "{}", output.text());
    assert_eq!(events[0]["proof"]["base"], json!(moved));
    assert_eq!(results(&events[0]["proof"]), ["passed", "failed", "passed", "proven"]);
    let sentence = events[0]["detail"].as_str().unwrap();
    assert!(
        sentence.starts_with(&format!("the fix is proven on {}: ", &moved[..12])),
        "{sentence}"
    );
    let all = proofs(&bench);
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["base"], &all[1]["base"]), (&json!(first), &json!(moved)));
    assert_eq!(all[1]["reason"], "person");
    assert_eq!(all[1]["result"], events[0]["proof"]);
    assert_no_leftovers(&bench);
    assert_eq!(session_file(&bench, "report.md"), report);
    // What the base has become decides: it has the fix, its tests fail, or the patch does not apply.
    let rows = [
        ("test_red.py", RED_TEST, "unproven", "the tests fail on the base already"),
        ("total.py", "def total(order):\n    return 3\n", "unproven", "the patch does not apply"),
    ];
    for (n, (name, text, grade, why)) in rows.into_iter().enumerate() {
        move_base(&bench, name, text);
        let output = bench.run("dlq-investigate", &["--prove", &id], "");
        assert_eq!(output.code(), 0, "{name}: {} {}", output.text(), output.stderr);
        let events = proven_events(&output.text());
        assert_eq!(events.len(), 1, "{name}: {}", output.text());
        assert_eq!(events[0]["proof"]["grade"], grade, "{name}: {events:?}");
        assert!(events[0]["detail"].as_str().unwrap().contains(why), "{name}: {events:?}");
        assert_eq!(proofs(&bench).len(), 3 + n);
    }
    assert_no_leftovers(&bench);
    // The journal has each once, and no run prints one again.
    let output = bench.run("dlq-investigate", &[], "");
    assert_eq!(output.text(), "");
    let journal = bench.run("dlq-log", &["--json", "--type", "investigation.proven"], "").text();
    assert_eq!(journal.lines().count(), 3, "{journal}");
}

#[test]
fn prove_option_refuses_what_cannot_be_proven() {
    let bench = proven("prove-refused");
    let id = session_id(&bench);
    let refusal = |args: &[&str]| {
        let output = bench.run("dlq-investigate", args, "");
        assert_eq!(output.text(), "");
        (output.code(), output.stderr)
    };
    let (code, why) = refusal(&["--prove", "ffffffff"]);
    assert!(code == 1 && why.contains("cannot prove session 'ffffffff'"), "{why}");
    // Tests without a sandbox could have replaced it.
    let patch = session_file(&bench, "patch.diff");
    let path = session_folder(&bench).join("patch.diff");
    std::fs::write(&path, patch.replace("+    return", "+    import os; return")).unwrap();
    let (code, why) = refusal(&["--prove", &id]);
    assert!(code == 1 && why.contains("not the one that the session has recorded"), "{why}");
    std::fs::write(&path, patch).unwrap();
    let config = read_text(&bench, "config.yaml");
    bench.write("config.yaml", config.replace(UNITTEST, "base: main"));
    let (code, why) = refusal(&["--prove", &id]);
    assert!(code == 1 && why.contains("no repo with a test_command"), "{why}");
    assert_eq!(proofs(&bench).len(), 1);
}

/// Marks the session in `prs.json` as `dlq-prs` does.
fn mark_base_moved(bench: &Bench) {
    let one = json!({"id": session_id(bench), "refused": "base_moved", "branch": "dlq/x"});
    let text = json!({"version": 1, "sessions": [one], "pull_requests": []}).to_string();
    std::fs::write(bench.state("prs.json"), text).unwrap();
}

#[test]
fn moved_base_is_proven_once_and_two_of_them_at_most() {
    let bench = proven("prove-moved");
    let round = || {
        let output = bench.run("dlq-investigate", &[], heartbeat(seconds_ago(0)));
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
        proven_events(&output.text())
    };
    let second = move_base(&bench, "other.py", "x = 1\n");
    assert_eq!(round().len(), 0, "no mark, no proof");
    mark_base_moved(&bench);
    let events = round();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["proof"]["base"], json!(second));
    assert_eq!(round().len(), 0, "once on a base");
    move_base(&bench, "other.py", "x = 2\n");
    assert_eq!(round().len(), 1);
    move_base(&bench, "other.py", "x = 3\n");
    assert_eq!(round().len(), 0, "twice at most");
    let reasons: Vec<Value> = proofs(&bench).iter().map(|one| one["reason"].clone()).collect();
    assert_eq!(reasons, ["session", "base_moved", "base_moved"]);
    assert_no_leftovers(&bench);
    // A person is not held to that.
    let output = bench.run("dlq-investigate", &["--prove", &session_id(&bench)], "");
    assert_eq!(proven_events(&output.text()).len(), 1, "{}", output.stderr);
}

#[test]
fn killed_proof_is_unknown_until_it_is_taken_up() {
    let bench = proven("prove-killed");
    let moved = move_base(&bench, "other.py", "x = 1\n");
    let config = read_text(&bench, "config.yaml");
    let slow = "test_command: [sh, -c, 'echo $$ > @/pid; sleep 600']"
        .replace('@', &bench.dir().display().to_string());
    bench.write("config.yaml", config.replace(UNITTEST, &slow));
    mark_base_moved(&bench);
    let output = bench.run("dlq-investigate", &["--no-wait"], heartbeat(seconds_ago(0)));
    assert_eq!(proven_events(&output.text()).len(), 0);
    wait_for("the tests run", || read_text(&bench, "pid").ends_with('\n'));
    let tests: i32 = read_text(&bench, "pid").trim().parse().unwrap();
    // Others leave it alone.
    let plan = || std::fs::metadata(session_folder(&bench).join("proof.json")).unwrap().ino();
    let (before, id) = (plan(), session_id(&bench));
    let program = bin("dlq-investigate").display().to_string();
    let line = format!("for n in 1 2 3; do '{program}' --prove {id} & done; wait");
    let refused = bench.shell(&line);
    assert_eq!(
        refused.stderr.matches("another process is at work on it").count(),
        3,
        "{}",
        refused.stderr
    );
    assert_eq!(plan(), before);
    let arguments = format!("prove {id} base_moved");
    kill_supervisor(&bench, &arguments);
    wait_for("the tests end with it", || !is_alive(tests));
    let all = proofs(&bench);
    assert_eq!(all.len(), 2);
    assert_eq!((&all[1]["base"], &all[1]["result"]), (&json!(moved), &Value::Null));
    assert_eq!(all[1]["ended_at"], Value::Null);
    bench.write("config.yaml", config);
    let output = bench.run("dlq-investigate", &[], heartbeat(seconds_ago(0)));
    let events = proven_events(&output.text());
    assert_eq!(events.len(), 1, "{} {}", output.text(), output.stderr);
    assert_eq!(results(&events[0]["proof"]), ["passed", "failed", "passed", "proven"]);
    assert_eq!(proofs(&bench).len(), 3);
    assert_no_leftovers(&bench);
}

#[test]
fn session_killed_during_its_proof_has_no_verdict() {
    let wait = "test_command: [sh, -c, 'echo $$ > $DLQ_SESSION_DIR/../../../pid; sleep 600']";
    let base = [("total.py", CODE), ("test_total.py", TEST)];
    let changes = [("total.py", FIXED), ("test_absent.py", NEW_TEST)];
    let bench = project("proof-killed", &base, &changes, wait);
    let raised = raised("orders", "i", seconds_ago(0), None);
    bench.run("dlq-investigate", &["--no-wait"], raised);
    wait_for("the tests run", || read_text(&bench, "pid").ends_with('\n'));
    let tests: i32 = read_text(&bench, "pid").trim().parse().unwrap();
    kill_supervisor(&bench, &format!("run {}", session_id(&bench)));
    wait_for("the tests end with it", || !is_alive(tests));
    let output = bench.run("dlq-investigate", &[], "");
    let ends = own_events(&output.text());
    let end = ends.last().unwrap_or_else(|| panic!("{}", output.stderr));
    assert_eq!(
        (&end["type"], &end["data"]["reason"]),
        (&json!("investigation.failed"), &json!("crashed"))
    );
    let record = &sessions(&bench)["sessions"][0];
    assert_eq!((&record["verdict"], &record["proofs"]), (&Value::Null, &json!([])));
    let output = bench.run("dlq-investigate", &["--prove", &session_id(&bench)], "");
    assert!(output.stderr.contains("it ended without a result"), "{}", output.stderr);
}

/// Kills the process of `dlq-supervise` with these arguments, and waits for its last thread: its tests may
/// end before that gives back the lock.
fn kill_supervisor(bench: &Bench, arguments: &str) {
    let pid = supervisor_with(bench, arguments);
    signal("KILL", pid);
    wait_for("the supervisor has ended", || !is_alive(pid));
}

/// Returns the process of `dlq-supervise` of a bench with these arguments.
fn supervisor_with(bench: &Bench, arguments: &str) -> i32 {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let state = format!("DLQ_STATE_DIR={}", bench.dir().display());
    let is_it = |pid: &i32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        arguments_of(*pid).contains(arguments) && String::from_utf8_lossy(&environ).contains(&state)
    };
    pids.into_iter().find(is_it).expect("a process of dlq-supervise")
}

#[test]
fn stopped_proof_is_unknown() {
    let bench = proven("prove-stopped");
    move_base(&bench, "other.py", "x = 1\n");
    let config = read_text(&bench, "config.yaml");
    let wait = "test_command: [sh, -c, 'echo $$ > @/pid; sleep 600']";
    let wait = wait.replace('@', &bench.dir().display().to_string());
    bench.write(
        "config.yaml",
        config
            .replace(UNITTEST, &wait)
            .replace("agent: claude", "agent: claude, timeout_minutes: 0.05"),
    );
    let output = bench.run("dlq-investigate", &["--prove", &session_id(&bench)], "");
    assert_eq!(output.code(), 1, "running it again may help: {}", output.stderr);
    let events = proven_events(&output.text());
    assert_eq!(
        results(&events[0]["proof"]),
        [&Value::Null, &Value::Null, &json!("too_late"), &json!("unknown")]
    );
    let sentence = events[0]["detail"].as_str().unwrap();
    assert!(sentence.starts_with("whether the fix is proven is unknown on "), "{sentence}");
    assert_no_leftovers(&bench);
}
