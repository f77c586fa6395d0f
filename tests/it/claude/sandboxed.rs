//! Sandboxes of agents and tests: what a session that misbehaves on purpose cannot read, change or
//! reach, with a shell script in the place of the agent; and investigations of the real Claude Code.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::claude_api::{FakeClaudeApi, Script, bash, structured, tool};
use crate::support::claude_cli::{KEY, commit_all, configure_claude, verdict as real_verdict};
use crate::support::claude_stub::{bench_with_stub, init_line_in_sandbox, result_line, verdict};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::investigate::{
    assert_no_process_left, investigate, own_events, read_text, sessions,
};
use crate::support::requirement::{claude_cli, has_bubblewrap};
use crate::support::workbench::{Bench, arguments_of, bin, processes_of, signal, wait_for};

/// Line by which an agent in a sandbox runs the tests.
const TEST_LINE: &str = "/run/dlq/self test-client";

/// Runs an investigation of `orders` to its end, and returns the payload of its last event.
#[track_caller]
fn run(bench: &Bench) -> Value {
    let output = investigate(bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_no_process_left(bench);
    let events = own_events(&output.text());
    let last = events.last().unwrap_or_else(|| panic!("no event: {}", output.stderr));
    last["data"].clone()
}

fn session_folder(bench: &Bench) -> PathBuf {
    let mut folders = std::fs::read_dir(bench.state("sessions")).unwrap();
    folders.next().unwrap().unwrap().path()
}

fn session_file(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(session_folder(bench).join(name)).unwrap_or_default()
}

fn session_logs(bench: &Bench) -> String {
    ["stderr.log", "supervisor.log", "transcript.ndjson", "tests.log"]
        .map(|name| session_file(bench, name))
        .join("\n")
}

/// Serves a secret to each connection, and returns the port.
fn secret_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"planted-by-the-server\n");
        }
    });
    port
}

/// Serves a secret on a Unix socket.
fn secret_socket(path: &std::path::Path) {
    use std::os::fd::AsRawFd;
    // The path may be longer than an address can be.
    let folder = std::fs::File::open(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let short = format!("/proc/self/fd/{}/{name}", folder.as_raw_fd());
    let listener = UnixListener::bind(short).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"planted-by-the-socket\n");
        }
    });
}

/// Plants secrets around a bench: files of the user and of others, environment, services.
fn plant(bench: &mut Bench) -> u16 {
    let home = bench.path("home");
    std::fs::create_dir_all(&home).unwrap();
    bench.set("HOME", &home);
    bench.set("PLANTED", "planted-in-the-environment");
    bench.write("home/.aws/credentials", "planted-in-the-home\n");
    bench.write("home/.ssh/id_ed25519", "planted-in-ssh\n");
    bench.write("repo/.env", "planted-in-the-checkout\n");
    bench.write("other", "planted-beside\n");
    bench.write("state/secret", "planted-in-the-state\n");
    let line = "cd repo && git checkout -q -b secret && echo planted-on-a-branch > b && \
                git add b && git -c user.name=a -c user.email=a@b.c commit -qm b && \
                git checkout -q main";
    assert_eq!(bench.shell(line).code(), 0);
    secret_server()
}

/// Reads that an agent or a test would try. `@` is the folder of the bench, `%` the port.
const READS: &str = r#"
try() { echo "== $1"; shift; timeout 5 sh -c "$*" 2>&1; }
try home 'cat @/home/.aws/credentials; cat @/home/.ssh/*; ls -a ~ $HOME'
try checkout 'cat @/repo/.env @/other @/state/secret; ls @ @/state @/repo'
try up 'cat ../../../other ../../secret ../plan.json ../../../state/secret'
try link 'ln -s @/other l; cat l; rm -f l'
try root 'cat /proc/1/root@/other; ls /proc/1/root@; ls /root /home /var /opt /mnt /srv'
try passwords 'cat /etc/shadow /etc/gshadow /etc/sudoers'
try environment 'env; cat /proc/*/environ | tr "\0" "\n"'
try arguments 'cat /proc/*/cmdline | tr "\0" " "'
try loopback 'exec 3<>/dev/tcp/127.0.0.1/% && cat <&3'
try loopback-bash "bash -c 'exec 3<>/dev/tcp/127.0.0.1/% && cat <&3'"
try metadata "bash -c 'exec 3<>/dev/tcp/169.254.169.254/80 && echo rea""ched-metadata'"
try outside "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80 && echo rea""ched-outside'"
try sockets 'find / -xdev -type s 2>/dev/null; cat /proc/net/unix'
try git 'git -C . log --all -p; git show secret:b; ls .git/objects /run/dlq/git; cat .git'
try git-objects 'ls @/repo/.git/objects; cat @/repo/.git/refs/heads/secret'
try mounts 'mount -t tmpfs x /tmp; mount --bind / /tmp; umount /proc/sys; unshare -Ur id'
try python 'python3 -c "
import socket
s = socket.socket(socket.AF_UNIX); s.settimeout(2)
s.connect(chr(0) + \"dlq-abstract-%\"); print(s.recv(99))"'
try vsock 'python3 -c "
import socket
s = socket.socket(40, 1); print(\"made\" + \"-vsock\")"'
try unix 'python3 -c "
import socket
s = socket.socket(socket.AF_UNIX); s.settimeout(2)
import os; os.chdir(\"@\"); s.connect(\"s\"); print(s.recv(99))"'
try keyring 'python3 -c "
import ctypes
c = ctypes.CDLL(None, use_errno=True)
print(\"keyctl\", c.syscall(250, 0, -3, 0), ctypes.get_errno())"'
"#;

/// Writes that an agent or a test would try.
const WRITES: &str = r#"
try usr 'echo x > /usr/x; echo x > /etc/x; echo x > /x; mkdir /run/x; echo x > /run/dlq/x'
try sysctl 'for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness; do cat $f > $f; echo "$f: $?"; done; echo x > /proc/sysrq-trigger'
try plan 'echo x > ../plan.json; echo x > ../events.ndjson; mv .. ../../moved; ls ..'
try outside-files 'echo x > @/other; echo x > @/repo/a.py; echo x > @/home/x; rm -rf @/home @/repo'
try git-link 'rm -f .git; echo x > .git; mkdir .git; mv .git g; echo x > .git/config'
try devices 'mknod d b 8 0; ls /dev; echo x > /dev/kmsg; cat /dev/mem | head -c 1'
try signals 'kill -9 1; kill -STOP 1; echo alive'
"#;

fn script(bench: &Bench, port: u16, texts: &[&str]) -> String {
    let dir = bench.dir().display().to_string();
    texts.concat().replace('@', &dir).replace('%', &port.to_string())
}

/// Fails when a text shows that something was read or reached.
#[track_caller]
fn assert_closed(shown: &str, rounds: usize) {
    assert_eq!(shown.matches("== home").count(), rounds, "it has run: {shown}");
    let found: Vec<&str> = shown
        .lines()
        .filter(|line| {
            line.contains("planted-")
                || line.contains("reached-")
                || line.contains("made-vsock")
                || line.contains("root:*") // a line of /etc/shadow
                || line.contains("of-the-model")
                || line.contains("of-the-cloud")
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}\n{shown}");
}

/// Another user who can run the programs, if this is root.
fn other_user() -> Option<Vec<&'static str>> {
    let setpriv = ["--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=-all"];
    let ran = std::process::Command::new("setpriv")
        .args(setpriv)
        .arg(bin("dlq-investigate"))
        .arg("--version")
        .output();
    ran.is_ok_and(|output| output.status.success()).then(|| setpriv.to_vec())
}

/// Runs an investigation as another user, who gets the folder of the bench.
#[track_caller]
fn run_as(bench: &Bench, user: &[&str]) -> Value {
    assert_eq!(bench.shell("chown -R 1234:1234 .").code(), 0);
    let program = bin("dlq-investigate").display().to_string();
    let words: Vec<&str> = user.iter().copied().chain([program.as_str()]).collect();
    let output = bench.run("setpriv", &words, raised("orders", "i", seconds_ago(0), None));
    assert_no_process_left(bench);
    let events = own_events(&output.text());
    let last = events.last().unwrap_or_else(|| panic!("no event: {}", output.stderr));
    last["data"].clone()
}

#[test]
fn agent_reads_and_changes_nothing_outside_of_its_sandbox() {
    if !has_bubblewrap() {
        return;
    }
    agent_attacks(None);
    if let Some(user) = other_user() {
        agent_attacks(Some(&user));
    }
}

fn agent_attacks(user: Option<&[&str]>) {
    let body = format!(
        "cat > /dev/null; {}; sh \"$TMPDIR/../tree/attack.sh\"; {}",
        init_line_in_sandbox(),
        result_line(&verdict())
    );
    let mut bench = bench_with_stub("sandbox-agent", "2.1.330", &body, ", sandbox: require");
    let port = plant(&mut bench);
    secret_socket(&bench.path("s"));
    abstract_socket(port);
    let reads = script(&bench, port, &[READS, WRITES]);
    bench.write("repo/attack.sh", reads);
    bench.write("repo/.gitignore", ".env\n");
    commit_all(&bench);
    let data = match user {
        Some(user) => run_as(&bench, user),
        None => run(&bench),
    };
    let logs = session_logs(&bench);
    assert_eq!(data["verdict"]["status"], "likely", "{data} {logs}");
    assert_closed(&logs, 1);
    assert!(logs.contains("keyctl -1 1"), "{logs}");
    assert_unchanged(&bench);
    let plan = session_file(&bench, "plan.json");
    assert!(plan.starts_with('{'), "{plan}");
    // Inside, settings of the kernel cannot be written even by root.
    assert!(logs.contains("core_pattern: ") && !logs.contains("core_pattern: 0"), "{logs}");
}

/// Serves a secret on an abstract socket.
fn abstract_socket(port: u16) {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("dlq-abstract-{port}");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"planted-by-the-abstract-socket\n");
        }
    });
}

#[track_caller]
fn assert_unchanged(bench: &Bench) {
    assert_eq!(read_text(bench, "other"), "planted-beside\n");
    assert_eq!(read_text(bench, "home/.aws/credentials"), "planted-in-the-home\n");
    assert!(!bench.path("home/x").exists());
    assert_eq!(bench.shell("git -c safe.directory=* -C repo status --short").text(), "");
    assert_eq!(bench.shell("git -c safe.directory=* -C repo worktree list | wc -l").text(), "1\n");
}

/// Steps of a model that runs the tests, and a verdict.
fn tested() -> Script {
    Script::new([bash(TEST_LINE), structured(real_verdict(Value::Null))]).only_with_key(KEY)
}

#[test]
fn tests_of_the_agent_read_and_reach_nothing() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let api = FakeClaudeApi::start(tested());
    let mut bench = Bench::new("sandbox-tests");
    let rule = ", test_command: [sh, test.sh]";
    configure_claude(&mut bench, &cli, &api, ", sandbox: require", rule);
    let port = plant(&mut bench);
    secret_socket(&bench.path("s"));
    abstract_socket(port);
    let memory =
        "try memory 'grep -c of-the-[m]odel /proc/[0-9]*/mem /proc/[0-9]*/maps; ls .dlq'\n";
    let test = script(&bench, port, &[READS, memory, WRITES]);
    bench.write("repo/test.sh", format!("{test}\necho tested; exit 3\n"));
    bench.write("repo/.gitignore", ".env\n");
    commit_all(&bench);
    let data = run(&bench);
    assert_eq!(data["verdict"]["status"], "confirmed", "{data} {}", session_logs(&bench));
    let shown = api.requests_of("main")[1].tool_results().join("\n");
    assert!(shown.contains("Exit code 3"), "the status of the tests: {shown}");
    let logs = session_logs(&bench);
    assert_closed(&shown, 1);
    assert!(!logs.contains("planted-by") && !logs.contains("planted-in"), "{logs}");
    for secret in ["planted-by", "planted-in", "planted-on", "of-the-model"] {
        api.assert_never_received(secret);
    }
    assert_unchanged(&bench);
}

#[test]
fn fix_is_made_and_proven_in_the_sandbox() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let edit = json!({"file_path": "orders.py", "old_string": "order['amount']",
        "new_string": "order.get('amount', 0)"});
    let fix = json!({"summary": "a missing amount counts as 0",
        "files": ["orders.py", "test_absent.sh"], "tests": ["test_absent.sh"]});
    let test = json!({"file_path": "test_absent.sh", "content": "grep -q 'order.get' orders.py\n"});
    let steps = [
        tool("Read", json!({"file_path": "orders.py"})),
        tool("Read", json!({"file_path": ".dlq/history.txt"})),
        tool("Write", test),
        bash(TEST_LINE),
        tool("Edit", edit),
        bash(TEST_LINE),
        bash("cat orders.py"),
        structured(real_verdict(fix)),
    ];
    let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
    let mut bench = Bench::new("sandbox-fix");
    let rule = ", test_command: [sh, test.sh], fix: true";
    configure_claude(&mut bench, &cli, &api, ", sandbox: auto, max_turns: 20", rule);
    let test = "date >> left; for one in test_*.sh; do test ! -e $one || sh $one || exit; done\n\
                echo passed; wc -l < left\n";
    bench.write("repo/test.sh", test);
    commit_all(&bench);
    let data = run(&bench);
    assert_eq!(data["verdict"]["status"], "confirmed", "{data} {}", session_logs(&bench));
    let proof = ["on_base", "with_tests", "with_patch", "grade"].map(|key| &data["proof"][key]);
    assert_eq!(proof, ["passed", "failed", "passed", "proven"], "{data}");
    let results: Vec<String> =
        api.requests_of("main").iter().skip(1).map(|one| one.tool_results().join("")).collect();
    assert!(results[0].contains("order['amount']"), "{results:?}");
    assert!(results[1].contains("commit "), "{results:?}");
    assert!(results[3].contains("Exit code 1"), "{results:?}");
    assert_eq!(results[5].trim(), "passed\n2", "{results:?}");
    assert!(results[6].contains("only this command"), "{results:?}");
    // What a run leaves is in no other run of the proof, and not in the patch.
    assert_eq!(session_file(&bench, "tests.log"), "passed\n1\n");
    assert_eq!(session_file(&bench, "tests.base.log"), "passed\n1\n");
    let patch = session_file(&bench, "patch.diff");
    assert!(patch.contains("+    return order.get('amount', 0) * 2"), "{patch}");
    assert!(!patch.contains(".dlq") && !patch.contains(".git"), "{patch}");
    assert_eq!(patch.matches("diff --git").count(), 2, "{patch}");
    assert!(sessions(&bench)["sessions"][0]["cost_usd"].as_f64().unwrap() > 0.0);
    // The worktree is kept, and its link leads to the repository.
    let tree = session_folder(&bench).join("tree");
    let shown = bench.shell(&format!("git -C {} status --short", tree.display()));
    let changes = " M orders.py\n?? left\n?? test_absent.sh\n";
    assert_eq!(shown.text(), changes, "{}", shown.stderr);
    // The tests run again in a sandbox of their own, without the agent.
    let session = data["session"].as_str().unwrap();
    let output = investigate(&bench, &["--prove", session], "");
    let events = own_events(&output.text());
    assert_eq!(events[0]["data"]["proof"], data["proof"], "{events:?}");
    let outputs = session_folder(&bench).join("proof/tests.log");
    assert_eq!(std::fs::read_to_string(outputs).unwrap(), "passed\n1\n");
    assert_no_process_left(&bench);
}

/// Processes of the sandboxes of a bench.
fn inside(bench: &Bench) -> Vec<i32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mark = format!("DLQ_SESSION_DIR={}", bench.dir().display());
    let is_ours = |pid: &i32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environ).contains(&mark)
    };
    pids.filter(is_ours).collect()
}

fn sleeps(bench: &Bench) -> bool {
    inside(bench).iter().any(|pid| arguments_of(*pid).starts_with("sleep 600"))
}

#[test]
fn stopped_agent_in_a_sandbox_reports_its_cost_and_is_resumed() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let steps = [bash(TEST_LINE), structured(real_verdict(Value::Null))];
    let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
    let mut bench = Bench::new("sandbox-stop");
    let rule = ", test_command: [sleep, '600']";
    configure_claude(&mut bench, &cli, &api, ", sandbox: require", rule);
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("the tests run", || sleeps(&bench));
    let session = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let stopped = bench.run("dlq-investigate", &["--stop", &session], "");
    assert_eq!(stopped.code(), 0, "{}", stopped.stderr);
    wait_for("nothing of it is left", || inside(&bench).is_empty());
    let record = || sessions(&bench)["sessions"][0].clone();
    wait_for("its end is recorded", || record()["status"] == "stopped");
    assert!(record()["cost_usd"].as_f64().unwrap_or(0.0) > 0.0, "{}", session_logs(&bench));
    let before = api.requests_of("main").len();
    let output = investigate(&bench, &["--resume", &session], "");
    let events = own_events(&output.text());
    assert_eq!(events.last().unwrap()["data"]["verdict"]["status"], "confirmed", "{events:?}");
    assert!(api.requests_of("main")[before].contains(TEST_LINE), "the conversation goes on");
    assert_no_process_left(&bench);
}

#[test]
fn missing_bubblewrap_refuses_what_runs_code_and_lets_the_rest_go_on() {
    let body = format!(
        "cat > /dev/null; {}; {}",
        crate::support::claude_stub::INIT_LINE,
        result_line(&verdict())
    );
    let rows = [
        ("auto", "", Some("likely")),
        ("require", "", None),
        ("auto", ", fix: true", None),
        ("auto", ", test_command: [make]", None),
        ("'off'", ", fix: true", Some("likely")),
    ];
    for (mode, rule, status) in rows {
        let mut bench =
            bench_with_stub("no-bwrap", "2.1.330", &body, &format!(", sandbox: {mode}"));
        let repo = format!("repo: '{}'", bench.path("repo").display());
        let config = read_text(&bench, "config.yaml").replace(&repo, &format!("{repo}{rule}"));
        bench.configure(&config);
        // A folder in which everything but bubblewrap is found.
        bench.stub(
            "bwrap",
            "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n",
        );
        let data = run(&bench);
        match status {
            Some(status) => assert_eq!(data["verdict"]["status"], status, "{mode}{rule}: {data}"),
            None => {
                assert_eq!(data["reason"], "agent_unfit", "{mode}{rule}: {data}");
                let why = data["detail"].as_str().unwrap();
                assert!(why.contains("namespaces are forbidden here"), "{why}");
            }
        }
    }
}

/// Runs a script in the place of the agent, in its sandbox.
fn run_script(name: &str, script: &str, user: Option<&[&str]>) -> (Bench, Value) {
    let (begin, end) = (init_line_in_sandbox(), result_line(&verdict()));
    let body = format!("cat > /dev/null; {begin}\n{script}\n{end}");
    let bench = bench_with_stub(name, "2.1.330", &body, ", sandbox: require");
    let data = match user {
        Some(user) => run_as(&bench, user),
        None => run(&bench),
    };
    (bench, data)
}

#[test]
fn files_and_processes_of_a_sandbox_have_limits() {
    if !has_bubblewrap() {
        return;
    }
    let files = "truncate -s 10G big 2>&1; head -c 300000000 /dev/zero 2>&1 >/tmp/x | cat; \
                 head -c 70000000 /dev/zero 2>&1 >/dev/shm/x | cat; ls /proc/self/fd | wc -l";
    let (bench, data) = run_script("sandbox-files", files, None);
    let logs = session_logs(&bench);
    assert_eq!(data["verdict"]["status"], "likely", "{data} {logs}");
    assert!(logs.contains("ile size limit exceeded") || logs.contains("File too large"), "{logs}");
    assert_eq!(logs.matches("No space left on device").count(), 2, "{logs}");
    assert!(logs.contains("\n4\n"), "no descriptor is inherited: {logs}");

    // The kernel counts the processes of a user, and the supervisor those of root.
    let bomb = "n=0; while [ $n -lt 1700 ]; do sleep 30 & n=$((n+1)); done; sleep 30";
    if let Some(user) = other_user() {
        let (bench, _) = run_script("sandbox-user-bomb", bomb, Some(&user));
        let logs = session_logs(&bench);
        assert!(logs.contains("fork") || logs.contains("Resource temporarily"), "{logs}");
    }
    if rustix::process::geteuid().is_root() {
        let (_bench, data) = run_script("sandbox-bomb", bomb, None);
        assert_eq!(data["reason"], "limits", "{data}");
    }
}

/// Name, files, keys of the queue, the file with the fault, and a test that fails because of it.
type Project = (
    &'static str,
    Vec<(&'static str, &'static str)>,
    String,
    &'static str,
    (&'static str, &'static str),
);

/// Kinds of projects.
fn projects() -> Vec<Project> {
    let found = |line: &str| {
        let output = std::process::Command::new("sh").args(["-c", line]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let mut all = vec![(
        "python",
        vec![
            ("total.py", "def total(order):\n    return order['amount'] * 2\n"),
            (
                "test_total.py",
                "import sys, unittest\nclass T(unittest.TestCase):\n    def test(self):\n        \
                 assert '.venv' in sys.prefix\n",
            ),
            (".gitignore", ".venv/\n__pycache__/\n"),
        ],
        ", prepare: [/usr/bin/python3, -m, venv, --without-pip, .venv], \
         test_command: [.venv/bin/python, -m, unittest, -q]"
            .to_owned(),
        "total.py",
        (
            "test_absent.py",
            "import unittest, total\nclass A(unittest.TestCase):\n    def test(self):\n        \
             self.assertEqual(total.total({}), 0)\n",
        ),
    )];
    if let Some(toolchain) = found("rustc --print sysroot") {
        all.push((
            "cargo",
            vec![
                ("Cargo.toml", "[package]\nname = 'total'\nversion = '0.1.0'\nedition = '2021'\n"),
                ("src/lib.rs", "pub fn total(order: i64) -> i64 {\n    order * 3\n}\n"),
                (".gitignore", "target/\n"),
            ],
            format!(", bind: ['{toolchain}'], test_command: [cargo, test, --quiet, --offline]"),
            "src/lib.rs",
            ("tests/two.rs", "#[test]\nfn two() {\n    assert_eq!(total::total(2), 4);\n}\n"),
        ));
    }
    if let Some(node) = found("dirname $(dirname $(readlink -f $(command -v node)))") {
        let bound = if node == "/usr" { String::new() } else { format!("'{node}', ") };
        all.push((
            "npm",
            vec![
                ("total.js", "exports.total = (order) => order['amount'] * 2;\n"),
                (
                    "total.test.js",
                    "const test = require('node:test'); const assert = require('assert');\n\
                     test('zero', () => assert.equal(require('zero'), 0));\n",
                ),
                (".gitignore", "node_modules/\n"),
                ("node_modules/zero/index.js", "module.exports = 0;\n"),
            ],
            format!(", bind: [{bound}'@/repo/node_modules'], test_command: [node, --test]"),
            "total.js",
            (
                "absent.test.js",
                "const test = require('node:test'); const assert = require('assert');\n\
                 test('absent', () => assert.equal(require('./total').total({}), 0));\n",
            ),
        ));
    }
    all
}

#[test]
fn project_of_each_kind_proves_its_fix() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    for (kind, files, rule, fault, (test, text)) in projects() {
        let (old, new) = match kind {
            "python" => ("order['amount']", "order.get('amount', 0)"),
            "cargo" => ("order * 3", "order * 2"),
            _ => ("order['amount']", "(order['amount'] || 0)"),
        };
        let edit = json!({"file_path": fault, "old_string": old, "new_string": new});
        let fix = json!({"summary": "s", "files": [fault, test], "tests": []});
        let mut verdict = real_verdict(fix);
        verdict["evidence"] = json!([{"id": format!("{fault}:1"), "claim": "it is here"}]);
        let steps = [
            tool("Write", json!({"file_path": test, "content": text})),
            bash(TEST_LINE),
            tool("Read", json!({"file_path": fault})),
            tool("Edit", edit),
            bash(TEST_LINE),
            structured(verdict),
        ];
        let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
        let mut bench = Bench::new(&format!("sandbox-{kind}"));
        let rule = rule.replace('@', &bench.dir().display().to_string());
        configure_claude(
            &mut bench,
            &cli,
            &api,
            ", sandbox: require, max_turns: 20",
            &format!("{rule}, fix: true"),
        );
        for (name, content) in files {
            bench.write(&format!("repo/{name}"), content);
        }
        commit_all(&bench);
        let data = run(&bench);
        let logs = session_logs(&bench);
        assert_eq!(data["verdict"]["status"], "confirmed", "{kind}: {data} {logs}");
        let results: Vec<String> =
            api.requests_of("main").iter().skip(1).map(|one| one.tool_results().join("")).collect();
        assert!(results[1].contains("Exit code"), "{kind} fails first: {results:?}");
        assert!(!results[4].contains("Exit code"), "{kind} passes then: {results:?}");
        let proof = ["on_base", "with_tests", "with_patch", "grade"].map(|key| &data["proof"][key]);
        assert_eq!(proof, ["passed", "failed", "passed", "proven"], "{kind}: {data}\n{logs}");
        let patch = session_file(&bench, "patch.diff");
        assert_eq!(patch.matches("diff --git").count(), 2, "{patch}");
        if kind != "cargo" {
            // The code is prepared again, for the base of now.
            bench.write("repo/README", "moved\n");
            commit_all(&bench);
            let session = data["session"].as_str().unwrap();
            let again = investigate(&bench, &["--prove", session], "");
            let again = own_events(&again.text())[0]["data"]["proof"].clone();
            let results = ["on_base", "with_tests", "with_patch", "grade"].map(|key| &again[key]);
            assert_eq!(results, ["passed", "failed", "passed", "proven"], "{kind}: {again}");
            assert_ne!(again["base"], data["proof"]["base"], "{kind}");
        }
    }
}

#[test]
fn killed_supervisor_ends_the_sandbox() {
    if !has_bubblewrap() {
        return;
    }
    let body = format!("cat > /dev/null; {}; setsid sleep 600; sleep 600", init_line_in_sandbox());
    let bench = bench_with_stub("sandbox-killed", "2.1.330", &body, ", sandbox: require");
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("its command is at work", || sleeps(&bench));
    let supervisor = processes_of(&bench)
        .into_iter()
        .find(|pid| arguments_of(*pid).contains("dlq-supervise run "));
    signal("KILL", supervisor.unwrap());
    wait_for("nothing of it is left", || inside(&bench).is_empty());
}

/// Puts text of the configuration in the place of other text.
fn reconfigure(bench: &mut Bench, from: &str, to: &str) {
    let config = read_text(bench, "config.yaml");
    assert!(config.contains(from), "{config}");
    bench.configure(&config.replace(from, to));
}

#[test]
fn failed_preparation_starts_no_agent() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let api = FakeClaudeApi::start(tested());
    let mut bench = Bench::new("sandbox-prepare");
    let rule = ", test_command: [sh, test.sh], prepare: [sh, -c, 'echo no such package; exit 1']";
    configure_claude(&mut bench, &cli, &api, ", sandbox: require", rule);
    let data = run(&bench);
    assert_eq!(data["reason"], "could_not_start", "{data}");
    let why = data["detail"].as_str().unwrap();
    assert!(why.contains("no such package") && why.contains("prepare.log"), "{why}");
    assert!(api.requests().is_empty());
}

#[test]
fn preparation_is_read_only_for_agent_and_tests() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let api = FakeClaudeApi::start(tested());
    let mut bench = Bench::new("sandbox-prepared");
    let rule = ", test_command: [sh, test.sh], prepare: [sh, prepare.sh]";
    configure_claude(&mut bench, &cli, &api, ", sandbox: require", rule);
    bench.write(
        "repo/prepare.sh",
        "mkdir -p deep/made && echo prepared > deep/made/a && echo home > ~/b\n",
    );
    let test = "cat deep/made/a ~/b; echo x > deep/made/a; echo x > ~/b; rm -rf deep/made; ls deep";
    bench.write("repo/test.sh", test);
    commit_all(&bench);
    let data = run(&bench);
    assert_eq!(data["verdict"]["status"], "confirmed", "{data} {}", session_logs(&bench));
    let shown = api.requests_of("main")[1].tool_results().join("\n");
    assert!(shown.starts_with("prepared\nhome\n"), "{shown}");
    assert_eq!(shown.matches("Read-only file system").count(), 3, "{shown}");
    assert!(shown.trim_end().ends_with("made"), "{shown}");
}

#[test]
fn model_with_tls_is_reached_by_the_relay() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, first) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut byte = [0];
            let _ = std::io::Read::read_exact(&mut stream, &mut byte);
            let _ = sender.send(byte[0]);
        }
    });
    let api = FakeClaudeApi::start(tested());
    let mut bench = Bench::new("sandbox-tls");
    configure_claude(&mut bench, &cli, &api, ", sandbox: require", "");
    reconfigure(&mut bench, &api.url, &format!("https://localhost:{port}"));
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    // The first byte of a handshake: the agent itself speaks TLS with the server.
    let byte = first.recv_timeout(crate::support::workbench::DEADLINE);
    assert_eq!(byte, Ok(0x16), "{}", session_logs(&bench));
    let session = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.run("dlq-investigate", &["--stop", &session], "").code(), 0);
    wait_for("nothing of it is left", || inside(&bench).is_empty());
    let record = || sessions(&bench)["sessions"][0].clone();
    wait_for("its end is recorded", || record()["status"] != "running");
}

#[test]
fn login_of_the_user_is_read_in_the_sandbox() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let token = "sk-ant-oat01-of-the-login";
    let script = Script::new([structured(real_verdict(Value::Null))]).only_with_key(token);
    let api = FakeClaudeApi::start(script);
    for (expires, runs) in [(4_102_444_800_000_u64, true), (1_000, false)] {
        let mut bench = Bench::new("sandbox-login");
        configure_claude(&mut bench, &cli, &api, ", sandbox: require", "");
        reconfigure(&mut bench, "auth: {env: MODEL_KEY}, ", "");
        let login = json!({"claudeAiOauth": {"accessToken": token, "refreshToken": "r",
            "expiresAt": expires, "scopes": ["user:inference"], "subscriptionType": "max"}});
        bench.write("home/.claude/.credentials.json", login.to_string());
        let data = run(&bench);
        if runs {
            assert_eq!(data["verdict"]["status"], "confirmed", "{data} {}", session_logs(&bench));
        } else {
            assert_eq!(data["reason"], "agent_unfit", "{data}");
            assert!(data["detail"].as_str().unwrap().contains("cannot renew it"), "{data}");
        }
    }
}
