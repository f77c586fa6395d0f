//! Attacks on the sandboxes of a session: each row of the table of attempts fails in the sandbox of
//! the agent and in that of the tests, as root and as another user, and each succeeds without.

mod table;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use self::table::{APART, ATTEMPTS, Attempt, Control, LINES, TOOLS};
use crate::support::claude_api::{FakeClaudeApi, Script, Step, bash, structured, tool};
use crate::support::claude_cli::{KEY, configure_claude, verdict as real_verdict};
use crate::support::claude_stub::{bench_with_stub, init_line_in_sandbox, result_line, verdict};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::investigate::{assert_no_process_left, own_events};
use crate::support::requirement::{claude_cli, has_bubblewrap};
use crate::support::workbench::{Bench, bin};

/// Line by which an agent in a sandbox runs the tests.
const TEST_LINE: &str = "/run/dlq/self test-client";
const AROUND: &str = include_str!("attacks/around.py");
/// Secret of the home folder.
const SECRET: &str = "planted-in-the-home";

/// User of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum User {
    /// Whoever runs the tests, in the network of the machine.
    Same,
    /// The same, who is root, in a network namespace with a stand-in of the metadata service.
    Namespace,
    /// Another user than root.
    Other,
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl User {
    /// Words before a command that is run as this user.
    fn words(self) -> &'static [&'static str] {
        match self {
            User::Same => &[],
            User::Namespace => &["unshare", "-n", "env", "OWN_NETWORK=1"],
            User::Other => {
                &["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=-all"]
            }
        }
    }

    /// Returns whether this user can run a program.
    fn can_run(self, program: &Path) -> bool {
        // Of a shell, which has lost the rights of root.
        let line = format!("exec '{}' --version", program.display());
        let words: Vec<&str> = self.words().iter().copied().chain(["sh", "-c", &line]).collect();
        let ran = std::process::Command::new(words[0]).args(&words[1..]).output();
        ran.is_ok_and(|output| output.status.success())
    }
}

/// Returns the users as whom sessions are run here.
fn users(program: &Path) -> Vec<User> {
    let mut users = vec![User::Same];
    if is_root() && User::Other.can_run(&bin("dlq-investigate")) && User::Other.can_run(program) {
        users.push(User::Other);
    }
    users
}

/// Plants secrets around a bench that has a repository, and the script of the attempts.
fn plant(bench: &mut Bench) {
    let home = bench.path("home");
    std::fs::create_dir_all(&home).unwrap();
    bench.set("HOME", &home);
    bench.write("around.py", AROUND);
    bench.write("home/.aws/credentials", format!("{SECRET}\n"));
    bench.write("repo/.env", "planted-in-the-checkout\n");
    bench.write("state/secret", "planted-in-the-state\n");
    bench.write("state/archive/orders-dlq.ndjson", "planted-in-an-archive\n");
    bench.write("state/sessions.json", "");
    std::fs::remove_file(bench.state("sessions.json")).unwrap();
    bench.write("other", "planted-by-another-user\n");
    bench.write("descriptor", "planted-in-a-descriptor\n");
    bench.write("gone/file", "");
    bench.write("tools/bin/tool", "");
    std::fs::create_dir_all(bench.path("target")).unwrap();
    let link = bench.path("repo/committed");
    std::os::unix::fs::symlink(home.join(".aws/credentials"), link).unwrap();
    bench.write("repo/.gitignore", ".env\nmade/\n");
    bench.write("repo/note", "");
    bench.write("repo/deep/file", "");
    bench.write("repo/deep/made/file", "");
    let text = table::script().replace('@', &bench.dir().display().to_string());
    bench.write("repo/attack.sh", text);
    let line = "cd repo && git checkout -q -b secret && echo planted-on-a-branch > b && \
                git add b && git -c user.name=a -c user.email=a@b.c commit -qm b && \
                git checkout -q main";
    assert_eq!(bench.shell(line).code(), 0);
}

/// Adds keys to the queue, and mounts the tools, in the configuration of a bench.
fn reconfigure(bench: &mut Bench, rule: &str) {
    let text = std::fs::read_to_string(bench.path("config.yaml")).unwrap();
    let dir = bench.dir().display().to_string();
    let repo = format!("repo: '{dir}/repo'");
    let text = text.replace(&repo, &format!("{repo}{}", rule.replace('@', &dir)));
    let more = format!(", sandbox: require, sandbox_paths: ['{dir}/tools']");
    bench.configure(&text.replace(", sandbox: require", &more));
}

/// Runs a command around which secrets are planted, as a user.
#[track_caller]
fn run_around(bench: &Bench, user: User, command: &[&str], input: &str) -> String {
    if user == User::Other {
        assert_eq!(bench.shell("chown -R 1234:1234 .").code(), 0);
    }
    if is_root() {
        assert_eq!(bench.shell("chown 4321 other && chmod 600 other").code(), 0);
    }
    let mut words = user.words().to_vec();
    words.extend(["/usr/bin/python3", "around.py"]);
    words.extend(command);
    let output = bench.run(words[0], &words[1..], input);
    assert!(output.status.success(), "{} {}", output.text(), output.stderr);
    bench.write("printed", &output.stdout);
    output.text()
}

/// Runs an investigation of `orders` to its end, and returns the payload of its last event.
#[track_caller]
fn investigate(bench: &Bench, user: User) -> Value {
    let program = bin("dlq-investigate").display().to_string();
    let text = run_around(bench, user, &[&program], &raised("orders", "i", seconds_ago(0), None));
    assert_no_process_left(bench);
    own_events(&text).last().unwrap()["data"].clone()
}

/// Returns the folder of the only session.
fn session(bench: &Bench) -> String {
    let mut folders = std::fs::read_dir(bench.state("sessions")).unwrap();
    folders.next().unwrap().unwrap().path().display().to_string()
}

/// Returns what an attempt has brought to light: its own words, and what it has changed.
fn success(bench: &Bench, session: &str, said: &str, attempt: &Attempt) -> String {
    let head = format!("== {} / {}: ", attempt.row, attempt.way);
    let line = said.lines().find_map(|line| line.strip_prefix(&head));
    let line = line.unwrap_or_else(|| panic!("{head}was not made: {said}"));
    let seen = match attempt.seen {
        "" => String::new(),
        seen => {
            let line = format!(
                "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory \
                                GIT_CONFIG_VALUE_0='*'; S={session}; {seen}"
            );
            bench.shell(&line).text()
        }
    };
    format!("{line} {seen}")
}

/// Fails when one of the attempts has succeeded.
#[track_caller]
fn assert_all_fail(bench: &Bench, said: &str, place: &str) {
    let session = session(bench);
    let succeeded: Vec<String> = ATTEMPTS
        .iter()
        .filter_map(|attempt| {
            let found = success(bench, &session, said, attempt);
            found
                .contains("planted-")
                .then(|| format!("{place}: {} / {}: {found}", attempt.row, attempt.way))
        })
        .collect();
    assert!(succeeded.is_empty(), "{succeeded:#?}\n{said}");
}

/// Each attempt is real: without a sandbox it succeeds.
#[test]
fn attempts_succeed_without_a_sandbox() {
    let user = if is_root() { User::Namespace } else { User::Same };
    let mut bench = bench_with_stub("attacks-bare", "2.1.330", "", "");
    plant(&mut bench);
    bench.write("state/sessions/x/prompt.md", "prompt\n");
    bench.write("state/sessions/x/transcript.ndjson", "init\n");
    let line = "T=$PWD/state/sessions/x; git -C repo worktree add -q $T/tree 2>&1 && cd $T/tree && \
                mkdir .dlq && exec 7<../prompt.md 8<../transcript.ndjson && bash attack.sh";
    let said = run_around(&bench, user, &["bash", "-c", line], "");
    let session = bench.state("sessions/x").display().to_string();
    let mut failed = Vec::new();
    for attempt in ATTEMPTS {
        let tried = match attempt.control {
            Control::Any => true,
            Control::Root => is_root(),
            Control::Namespace => user == User::Namespace,
            Control::Untried => false,
        };
        if tried && !success(&bench, &session, &said, attempt).contains("planted-") {
            failed.push(format!("{} / {}", attempt.row, attempt.way));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}\n{said}");
    for line in LINES {
        let line = line.replace('#', "true").replace('@', &bench.dir().display().to_string());
        let shown = std::process::Command::new("bash")
            .args(["-c", &line])
            .current_dir(bench.path("repo"))
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&shown.stdout).contains(SECRET), "{line}: {shown:?}");
    }
}

/// A program in the place of the agent may run anything.
#[test]
fn attempts_fail_in_the_sandbox_of_the_agent() {
    if !has_bubblewrap() {
        return;
    }
    let mut all = users(Path::new("/usr/bin/git"));
    if is_root() {
        all[0] = User::Namespace;
    }
    for user in all {
        let body = format!(
            "cat > /dev/null; {}; bash attack.sh > \"$TMPDIR/said\"; {}",
            init_line(),
            result_line(&verdict())
        );
        let mut bench = bench_with_stub("attacks-agent", "2.1.330", &body, ", sandbox: require");
        plant(&mut bench);
        let rule = ", fix: true, test_command: [sh, attack.sh], bind: ['@/repo/deep/made']";
        reconfigure(&mut bench, rule);
        let data = investigate(&bench, user);
        assert!(data["verdict"]["status"].is_string(), "{user:?} {data} {}", logs(&bench));
        let said = std::fs::read_to_string(format!("{}/tmp/said", session(&bench))).unwrap();
        assert_all_fail(&bench, &said, &format!("agent as {user:?}"));
    }
}

/// First line of a session that may change files and run the tests.
fn init_line() -> String {
    let line = init_line_in_sandbox().replace("\"default\"", "\"acceptEdits\"");
    line.replace("\"Read\"", "\"Read\",\"Bash\",\"Edit\",\"Write\"")
}

fn logs(bench: &Bench) -> String {
    let folder = bench.state("sessions").read_dir().map_or(String::new(), |_| session(bench));
    let names = ["stderr.log", "supervisor.log", "transcript.ndjson", "tests.log"];
    let texts = names.map(|name| std::fs::read_to_string(format!("{folder}/{name}")));
    texts.map(Result::unwrap_or_default).join("\n")
}

/// Calls of file tools that would leave the worktree, or change what runs later.
fn tools(dir: &str) -> Vec<Step> {
    let at = |path: &str| path.replace('@', dir);
    let write =
        |path: &str| tool("Write", json!({"file_path": at(path), "content": "planted-by-write"}));
    vec![
        tool("Read", json!({"file_path": at("@/home/.aws/credentials")})),
        tool("Read", json!({"file_path": "../../../../home/.aws/credentials"})),
        tool("Read", json!({"file_path": "committed"})),
        tool("Read", json!({"file_path": "/proc/self/environ"})),
        tool("Read", json!({"file_path": "/proc/1/environ"})),
        tool("Grep", json!({"pattern": "plante.", "path": at("@/home"), "output_mode": "content"})),
        tool("Grep", json!({"pattern": "plante.", "path": "/", "glob": "**/credentials"})),
        tool("Glob", json!({"pattern": at("@/home/.aws/*")})),
        write("@/target/written"),
        write(".dlq/index.md"),
        write(".git"),
        write(".git/hooks/post-commit"),
        write(".github/workflows/x.yml"),
        write(".claude/settings.json"),
        write(".mcp.json"),
        write("../plan.json"),
        tool(
            "Agent",
            json!({"description": "Look", "prompt": "Look.",
            "subagent_type": "code-review", "isolation": "worktree"}),
        ),
    ]
}

/// The real Claude Code, and a model that obeys: it tries each line and tool, and its tests make
/// all attempts, twice, so that the second run meets what the first has left.
#[test]
fn attempts_of_a_model_that_obeys_fail() {
    let Some(cli) = claude_cli().filter(|_| has_bubblewrap()) else { return };
    for user in users(&cli) {
        let mut bench = Bench::new("attacks-model");
        let dir = bench.dir().display().to_string();
        let lines = LINES.iter().map(|line| bash(&line.replace('#', TEST_LINE).replace('@', &dir)));
        let mut steps: Vec<Step> = vec![bash(TEST_LINE), bash(TEST_LINE)];
        steps.extend(lines);
        steps.extend(tools(&dir));
        let (first, count) = (2, steps.len());
        let fix = json!({"summary": "s", "files": ["orders.py"], "tests": []});
        steps.push(structured(real_verdict(fix)));
        let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
        configure_claude(&mut bench, &cli, &api, ", sandbox: require, max_turns: 90", "");
        plant(&mut bench);
        let rule = ", fix: true, test_command: [bash, attack.sh], bind: ['@/repo/deep/made']";
        reconfigure(&mut bench, rule);
        let data = investigate(&bench, user);
        let requests = api.requests_of("main");
        assert_eq!(requests.len(), count + 1, "{user:?} {data} {}", logs(&bench));
        for request in &requests[1..=2] {
            let said = request.tool_results().join("\n");
            assert_all_fail(&bench, &said, &format!("tests as {user:?}"));
        }
        for (number, line) in LINES.iter().enumerate() {
            let said = requests[first + number + 1].tool_results().join("\n");
            assert!(said.contains("only this command"), "{line}: {said}");
        }
        for secret in [SECRET, "planted-in", "planted-on", "planted-by-a", KEY] {
            api.assert_never_received(secret);
        }
        let changed = "ls target; cat repo/.git/hooks/post-commit; git -C repo status -s";
        assert_eq!(
            bench
                .shell(&format!(
                    "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory \
            GIT_CONFIG_VALUE_0='*'; {changed}"
                ))
                .text(),
            ""
        );
        let folder = session(&bench);
        let held = std::fs::read_to_string(format!("{folder}/held.diff")).unwrap_or_default();
        // What the tests have changed is no part of it.
        assert!(!held.contains("+x\n"), "{held}");
        let report = std::fs::read_to_string(format!("{folder}/report.md")).unwrap();
        assert!(report.contains("changes of files that the agent has not written"), "{report}");
        // The only file that a tool has written, and so the patch is not offered.
        assert_eq!(held.matches("planted-by-write").count(), 1, "{held}");
        let why = data["patch_held"].as_str().unwrap_or_default();
        assert!(why.contains("'.github/workflows/x.yml' runs in CI"), "{data}");
        assert!(!Path::new(&folder).join("patch.diff").exists(), "{data}");
    }
}

/// The table of the manual says what is prevented, and each row of it is tried.
#[test]
fn rows_of_the_manual_are_those_that_are_tried() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let mut listed = BTreeSet::new();
    for page in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(page.unwrap().path()).unwrap();
        let Some((_, table)) = text.split_once("What is prevented, and by what:\n") else {
            continue;
        };
        let (table, _) = table.split_once("\n.El\n").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix(".It "));
        listed.extend(rows.map(str::to_owned));
    }
    let tried = ATTEMPTS.iter().map(|attempt| attempt.row).chain(TOOLS);
    let tried = tried.chain(APART.map(|(row, _)| row)).map(str::to_owned);
    assert_eq!(listed, tried.collect::<BTreeSet<_>>());
    let source = include_str!("sandboxed.rs");
    for (row, test) in APART {
        assert!(source.contains(&format!("fn {test}(")), "{row}: {test}");
    }
}
