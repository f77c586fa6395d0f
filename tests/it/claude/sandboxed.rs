//! Sandboxes of agents and tests: limits, signals, preparation and credentials, with a shell script in
//! the place of the agent; and investigations of the real Claude Code.

use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::claude_api::{FakeClaudeApi, Script, bash, error, structured, tool};
use crate::support::claude_cli::{KEY, commit_all, configure_claude, verdict as real_verdict};
use crate::support::claude_stub::{bench_with_stub, init_line_in_sandbox, result_line, verdict};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::evidence::{cause, sampled};
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

/// Steps of a model that runs the tests, and a verdict.
fn tested() -> Script {
    Script::new([bash(TEST_LINE), structured(real_verdict(Value::Null))]).only_with_key(KEY)
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

/// Makes a bench with a script in the place of the agent, in its sandbox.
fn script_bench(name: &str, script: &str) -> Bench {
    let (begin, end) = (init_line_in_sandbox(), result_line(&verdict()));
    let body = format!("cat > /dev/null; {begin}\n{script}\n{end}");
    bench_with_stub(name, "2.1.330", &body, ", sandbox: require")
}

fn run_script(name: &str, script: &str, user: Option<&[&str]>) -> (Bench, Value) {
    let bench = script_bench(name, script);
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
        // A control group counts them, or process 1 of the sandbox.
        for (name, groups) in [("sandbox-bomb", true), ("sandbox-bomb-alone", false)] {
            let (bench, data) = run_bomb(name, bomb, groups);
            let logs = session_logs(&bench);
            let refused = logs.contains("fork") || logs.contains("Resource temporarily");
            assert!(refused && groups || data["reason"] == "limits", "{name}: {data} {logs}");
            assert!(groups || !refused, "root is not counted: {logs}");
        }
    }
}

/// Runs a script in the place of root's agent, with control groups or without.
fn run_bomb(name: &str, script: &str, groups: bool) -> (Bench, Value) {
    let bench = script_bench(name, script);
    if groups {
        let data = run(&bench);
        return (bench, data);
    }
    let line = format!(
        "mount -t tmpfs none /sys/fs/cgroup && exec '{}'",
        bin("dlq-investigate").display()
    );
    let output = bench.run(
        "unshare",
        &["-m", "sh", "-c", &line],
        raised("orders", "i", seconds_ago(0), None),
    );
    assert_no_process_left(&bench);
    let data = own_events(&output.text()).last().unwrap()["data"].clone();
    (bench, data)
}

/// What the agent writes goes through a pipe: it can neither open the file of its transcript again,
/// nor that of its prompt.
#[test]
fn agent_cannot_open_prompt_and_transcript_again() {
    let reopen = "echo by-the-agent 2>/dev/null >/proc/self/fd/0; : > /proc/self/fd/1";
    for sandbox in ["require", "'off'"] {
        let begin = match sandbox {
            "require" => init_line_in_sandbox(),
            _ => crate::support::claude_stub::INIT_LINE.to_owned(),
        };
        let body = format!("{begin}; {reopen}; cat > /dev/null; {}", result_line(&verdict()));
        let more = format!(", sandbox: {sandbox}");
        let bench = bench_with_stub("sandbox-reopen", "2.1.330", &body, &more);
        let data = run(&bench);
        assert_eq!(data["verdict"]["status"], "likely", "{sandbox}: {data}");
        assert!(session_file(&bench, "transcript.ndjson").contains("\"init\""));
        assert!(!session_file(&bench, "prompt.md").contains("by-the-agent"));
    }
}

/// Without a sandbox an agent can change its copy of the evidence, and the bundle itself.
#[test]
fn changed_evidence_is_said_and_not_believed() {
    let rows = [
        ("none", "true", true, false),
        ("copy", "echo x > .dlq/index.md", true, true),
        ("new file of the copy", "echo x > .dlq/other", true, true),
        ("bundle", "for f in ../../../evidence/i/1/*.json; do echo {} > $f; done", false, false),
    ];
    for (name, script, believed, said) in rows {
        let (begin, end) = (crate::support::claude_stub::INIT_LINE, result_line(&verdict()));
        let body = format!("cat > /dev/null; {begin}\n{script}\n{end}");
        let bench = bench_with_stub("sandbox-evidence", "2.1.330", &body, ", sandbox: 'off'");
        let raised = raised("orders", "i", seconds_ago(0), None);
        let causes = vec![cause("f1", "error", "it fails", &["m1"])];
        let line = sampled(&bench, "orders", "i", causes);
        let output = investigate(&bench, &[], format!("{raised}{line}"));
        let events = own_events(&output.text());
        let data = &events.last().unwrap()["data"];
        assert_eq!(data["verdict"].is_object(), believed, "{name}: {data}");
        assert!(believed || data["reason"] == "forged", "{name}: {data}");
        if believed {
            let report = std::fs::read_to_string(data["report"].as_str().unwrap()).unwrap();
            assert_eq!(report.contains("its copy of the evidence was changed"), said, "{report}");
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
    // The next filter removes its control groups, once the last of its processes has ended.
    wait_for("no control group is left", || {
        investigate(&bench, &[], "");
        control_groups(&bench).is_empty()
    });
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "crashed");
}

/// Returns the control groups of the first session, which are named after its folder.
fn control_groups(bench: &Bench) -> Vec<String> {
    use sha2::{Digest, Sha256};
    let session = sessions(bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let folder = bench.state(&format!("sessions/{session}")).canonicalize().unwrap();
    let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let found =
        bench.shell(&format!("find /sys/fs/cgroup -type d -name 'dlq-{digits}-*' 2>/dev/null"));
    found.text().lines().map(str::to_owned).collect()
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
fn stop_during_the_preparation_stops_the_session() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let api = FakeClaudeApi::start(tested());
    let mut bench = Bench::new("sandbox-prepare-stop");
    let rule = ", test_command: [sh, test.sh], prepare: [sh, -c, 'echo begun; exec sleep 600']";
    configure_claude(&mut bench, &cli, &api, ", sandbox: require", rule);
    investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    let session = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let log = bench.state(&format!("sessions/{session}/prepare.log"));
    wait_for("the code is being prepared", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("begun"))
    });
    assert_eq!(bench.run("dlq-investigate", &["--stop", &session], "").code(), 0);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "stopped");
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
fn tests_reach_a_server_only_where_a_network_is_configured() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    for (network, expected) in [("", "alone"), (", test_network: true", "reached")] {
        let api = FakeClaudeApi::start(tested());
        let mut bench = Bench::new("sandbox-test-network");
        let rule = format!(", test_command: [sh, test.sh]{network}");
        configure_claude(&mut bench, &cli, &api, ", sandbox: require", &rule);
        let test = format!(
            "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo reached || echo alone\n"
        );
        bench.write("repo/test.sh", test);
        commit_all(&bench);
        let data = run(&bench);
        assert_eq!(data["verdict"]["status"], "confirmed", "{data} {}", session_logs(&bench));
        let shown = api.requests_of("main")[1].tool_results().join("\n");
        assert_eq!(shown.trim(), expected, "'{network}'");
    }
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

/// Claude Code then asks for the key again, which is handed out once.
#[test]
fn refused_credential_ends_the_session_in_the_sandbox() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let unheard = || Script::new([structured(real_verdict(Value::Null))]).only_with_key("another");
    let forbidden = || Script::new([error(403, "permission_error")]);
    let token = "sk-ant-oat01-of-the-model";
    let rows = [
        ("a key, 401", KEY, unheard()),
        ("a key, 403", KEY, forbidden()),
        ("a token, 401", token, unheard()),
        ("a token, 403", token, forbidden()),
    ];
    for (row, credential, script) in rows {
        let api = FakeClaudeApi::start(script);
        let mut bench = Bench::new("sandbox-refused");
        configure_claude(&mut bench, &cli, &api, ", sandbox: require, timeout_minutes: 1", "");
        bench.set("MODEL_KEY", credential);
        let begun = std::time::Instant::now();
        let data = run(&bench);
        // Each time that Claude Code asks for the key again, it gets nothing at once.
        assert!(begun.elapsed().as_secs() < 10, "{row}: {:?}", begun.elapsed());
        assert_eq!(data["reason"], "unauthorized", "{row}: {data} {}", session_logs(&bench));
        assert_eq!(data["cost_usd"], 0.0, "{row}: nothing is written off: {data}");
    }
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

/// A server of the user's runs in the sandbox, when its files are mounted there.
#[test]
fn mcp_server_runs_in_the_sandbox() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    let look = json!({"path": "/etc/shadow"});
    let steps = [tool("mcp__docs__find", look), structured(real_verdict(Value::Null))];
    let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
    let mut bench = Bench::new("sandbox-mcp");
    let server = super::session::SERVER.replace("found-in-the-docs", "found, and os.path.exists: ");
    let server = server.replace(
        "\"found, and os.path.exists: \"",
        "f\"sees home: {os.path.exists('HOME')}, children: {os.listdir('/proc').count('1')}\"",
    );
    let server = server.replace("HOME", &bench.path("home").display().to_string());
    let server = bench.write("servers/docs.py", server.replace("import json", "import os, json"));
    let servers =
        json!({"mcpServers": {"docs": {"command": "/usr/bin/python3", "args": [server]}}});
    let path = bench.write("mcp.json", servers.to_string());
    let more = format!(
        ", sandbox: require, mcp_config: '{}', sandbox_paths: ['{}']",
        path.display(),
        bench.path("servers").display()
    );
    configure_claude(&mut bench, &cli, &api, &more, "");
    let data = run(&bench);
    assert_eq!(data["verdict"]["status"], "confirmed", "{data} {}", session_logs(&bench));
    let results = api.requests_of("main")[1].tool_results();
    assert_eq!(results, ["sees home: False, children: 1"]);
}
