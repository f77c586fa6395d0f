//! The release archive: it is reproducible, and what another user installs from it runs the pipeline.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{OTHER, as_user, binaries, is_root, programs, root, tree};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, Output, Running, bin, wait_for};

/// Runs `scripts/release`, with the environment of the tests: it asks cargo and git.
#[track_caller]
fn release(bench: &Bench, programs: &Path, out: &str, prepare: &str) -> PathBuf {
    let line = format!("{prepare}; exec \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &line, "bash"]).arg(root().join("scripts/release")).arg("--fast");
    command.arg("--bin-dir").arg(programs).arg("--out").arg(bench.path(out));
    let output = Running::spawn(&mut command).finish();
    assert_eq!(output.code(), 0, "{output:?}");
    PathBuf::from(output.text().trim_end())
}

#[test]
fn archive_depends_on_commit_and_programs_alone() {
    let bench = Bench::new("release");
    let built = programs(&bench, "built", Path::new("/bin/true"));
    let first = release(&bench, &built, "one", "umask 022");
    for program in binaries() {
        Command::new("touch")
            .arg("-d")
            .arg("2001-01-01")
            .arg(built.join(program))
            .status()
            .unwrap();
    }
    let second = release(&bench, &built, "two", "umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8");
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    let mut sums = Command::new("sha256sum");
    sums.args(["--quiet", "-c", "SHA256SUMS"]).current_dir(bench.path("two"));
    assert!(sums.status().unwrap().success());

    let list = Command::new("tar").arg("tf").arg(&first).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let names: Vec<&str> = list.lines().filter_map(|line| Some(line.split_once('/')?.1)).collect();
    for program in binaries() {
        assert!(names.contains(&format!("bin/{program}").as_str()), "{program}: {list}");
    }
    for name in ["scripts/install", "scripts/pipeline", "LICENSE", "THIRD-PARTY-LICENSES"] {
        assert!(names.contains(&name), "{name}: {list}");
    }
    assert!(!list.contains("target/"), "{list}");
    let name = list.lines().find(|line| line.ends_with("/README.md")).unwrap();
    let readme = Command::new("tar").arg("xOf").arg(&first).arg(name).output().unwrap();
    let readme = String::from_utf8(readme.stdout).unwrap();
    let links = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let local: Vec<&str> = links.filter(|link| !link.contains("://")).collect();
    assert_eq!(local, ["CHANGELOG.md", "LICENSE"]);
    assert!(readme.contains("- HACKING.md: how to change the code"), "{readme}");
}

/// A folder outside of the checkout, which another user may not be able to reach.
struct Elsewhere(PathBuf);

impl Elsewhere {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dlq-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("home")).unwrap();
        if is_root() {
            let owner = Command::new("chown").arg("-R").arg(OTHER.to_string()).arg(&path).status();
            assert!(owner.unwrap().success());
        }
        Elsewhere(path)
    }

    /// Runs a line of shell there, without anything of this build in its environment.
    #[track_caller]
    fn run(&self, user: u32, line: &str) -> Output {
        let mut command = as_user(user, "sh");
        command.args(["-c", line]).current_dir(&self.0).env_clear();
        command.envs([("PATH", "/usr/bin:/bin"), ("AWS_EC2_METADATA_DISABLED", "true")]);
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
        command.env("HOME", self.0.join("home")).env("DLQ_CONFIG", self.0.join("config.yaml"));
        Running::spawn(&mut command).finish()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Copies the programs of this build without their debug information, which is most of them.
fn stripped(bench: &Bench) -> PathBuf {
    let folder = bench.path("built");
    std::fs::create_dir_all(&folder).unwrap();
    for program in binaries() {
        let (from, to) = (bin(&program), folder.join(&program));
        let strip = Command::new("strip").arg("-o").arg(&to).arg(&from).status();
        if !strip.is_ok_and(|status| status.success()) {
            std::fs::copy(from, to).unwrap();
        }
    }
    folder
}

fn status(elsewhere: &Elsewhere) -> Value {
    let output = elsewhere.run(OTHER, "prefix/bin/dlq-status --json");
    assert_eq!(output.code(), 0, "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the user of the services may see, another one may not, and is told so: never "none open".
#[track_caller]
fn assert_state_is_private(elsewhere: &Elsewhere) {
    if !is_root() {
        return;
    }
    let state = elsewhere.0.join("home/.local/state/dlq");
    for program in ["dlq-status", "dlq-dash --once", "dlq-log"] {
        let line = format!("DLQ_STATE_DIR={} prefix/bin/{program}", state.display());
        let output = elsewhere.run(OTHER - 1, &line);
        assert_ne!(output.code(), 0, "{program}: {output:?}");
        let text = format!("{}{}", output.text(), output.stderr);
        assert!(text.contains("permission denied"), "{program}: {text}");
        assert!(!text.contains("none open"), "{program}: {text}");
        assert_eq!(elsewhere.run(OTHER, &line).code(), 0, "{program}");
    }
}

#[test]
fn installation_of_another_user_runs_the_pipeline_and_goes_without_a_trace() {
    let Some(server) = SqsServer::start() else { return };
    let bench = Bench::new("archive");
    let archive = release(&bench, &stripped(&bench), "dist", ":");
    let elsewhere = Elsewhere::new("archive");
    let unpack = format!("umask 022; tar xzf - <'{}'", archive.display());
    // The other user may not be able to reach the archive; the shell of this one opens it.
    let mut shell = Command::new("sh");
    let line = format!("{unpack}; mv dlq-tools-* unpacked; chown -R {OTHER} unpacked");
    let chown = if is_root() { line } else { format!("{unpack}; mv dlq-tools-* unpacked") };
    assert!(shell.args(["-c", &chown]).current_dir(&elsewhere.0).status().unwrap().success());
    let output = elsewhere.run(OTHER, "unpacked/scripts/install --prefix \"$PWD/prefix\"");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    elsewhere.run(OTHER, "rm -r unpacked");

    let mut sqs = server.client_in("eu-west-1");
    let url = sqs.create("orders-dlq", &json!({}));
    let source = sqs.create_source("orders", "orders-dlq");
    sqs.dead_letter(&source, &url, &["{\"order\": 1, \"error\": \"KeyError: 'items'\"}"]);
    let config = format!(
        "aws: {{region: eu-west-1, endpoint_url: \"{}\"}}\nevidence: {{logs: off}}\n\
         auto_investigation: {{enabled: true, target_queues: ['*'], agent: triage}}\n\
         notifications: {{channels: {{console: {{type: console}}}}, routes: [{{channels: [console]}}]}}\n",
        server.url
    );
    std::fs::write(elsewhere.0.join("config.yaml"), config).unwrap();
    let output = elsewhere.run(OTHER, "prefix/bin/dlq-pipeline --once");
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(output.stderr.contains("orders-dlq"), "the notice: {output:?}");
    wait_for("the end of the investigation", || {
        status(&elsewhere)["sessions"][0]["status"] == "completed"
    });
    assert_eq!(status(&elsewhere)["incidents"][0]["queue"], "orders-dlq");
    assert_state_is_private(&elsewhere);

    let output = elsewhere.run(OTHER, "prefix/libexec/dlq-tools/uninstall");
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(!elsewhere.0.join("prefix").exists(), "{:?}", tree(&elsewhere.0));
    assert!(elsewhere.0.join("home/.local/state/dlq/journal.ndjson").exists(), "state is kept");
}
