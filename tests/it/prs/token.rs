//! The token during an opening: in no argument, environment, file or message.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::support::workbench::{processes_of, signal, wait_for};

const TOKEN: &str = "ghs_planted0token0of0a0test0000000000001";
/// `x-access-token:TOKEN`, as a header of HTTP has it.
const ENCODED: &str = "eC1hY2Nlc3MtdG9rZW46Z2hzX3BsYW50ZWQwdG9rZW4wb2YwYTB0ZXN0MDAwMDAwMDAwMDAwMQ";

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn has_token(bytes: &[u8]) -> bool {
    contains(bytes, TOKEN) || contains(bytes, ENCODED)
}

/// Returns the files below a folder that hold the token.
fn holders(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // git makes and removes files meanwhile.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(holders(&path));
        } else if kind.is_file() && has_token(&std::fs::read(&path).unwrap_or_default()) {
            found.push(path);
        }
    }
    found
}

/// What the process table has shown.
#[derive(Default)]
struct SeenProcesses {
    /// The arguments of those that held the token in their arguments or environment.
    leaks: Vec<String>,
    /// The programs with the address of the server.
    programs: Vec<String>,
}

impl SeenProcesses {
    /// Reads arguments and environments of all processes.
    fn look(&mut self, address: &str) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(arguments) = std::fs::read(entry.path().join("cmdline")) else { continue };
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let shown = String::from_utf8_lossy(&arguments).replace('\0', " ");
            if has_token(&arguments) || has_token(&environment) {
                self.leaks.push(shown.clone());
            }
            if contains(&arguments, address) || contains(&environment, address) {
                let program = shown.split(' ').next().unwrap_or_default();
                self.programs.push(program.rsplit('/').next().unwrap_or_default().to_owned());
            }
        }
    }

    #[track_caller]
    fn assert_git_without_the_token(&self) {
        assert_eq!(self.leaks, Vec::<String>::new());
        for program in ["git", "git-remote-http"] {
            let is_seen = self.programs.iter().any(|one| one == program);
            assert!(is_seen, "{program} was not seen: {:?}", self.programs);
        }
    }
}

fn site(name: &str) -> Option<Site> {
    let mut site = Site::new(name, "")?;
    site.act("token", json!({"token": TOKEN, "login": "bot"}));
    let path = site.machine.bench.write("token", TOKEN);
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let url = site.server.url.clone();
    site.machine.configure(&url, &format!("  token: {{file: {}}}\n", path.display()));
    site.machine.bench.unset("T");
    site.plant(1);
    Some(site)
}

#[cfg(target_os = "linux")]
#[test]
fn token_of_an_opening_is_seen_by_nobody() {
    let Some(site) = site("prs-token") else { return };
    // Slow enough that each process is seen.
    site.act(
        "faults",
        json!([
            {"path": "info/refs", "delay_ms": 150, "times": null},
            {"path": "git-(upload|receive)-pack", "delay_ms": 300, "times": null},
        ]),
    );
    let stop = AtomicBool::new(false);
    let address = site.server.url.trim_start_matches("http://").to_owned();
    let (ran, seen) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut seen = SeenProcesses::default();
            while !stop.load(Ordering::Relaxed) {
                seen.look(&address);
                std::thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        let ran = site.machine.prs(&["--open-due", "--verbose"]);
        stop.store(true, Ordering::Relaxed);
        (ran, watching.join().unwrap())
    });
    ran.only("pr.opened");
    seen.assert_git_without_the_token();
    assert!(!ran.stderr.contains(TOKEN) && !ran.text.contains(TOKEN), "{ran:?}");
    assert_eq!(holders(site.machine.bench.dir()), [site.machine.bench.path("token")]);
    site.assert_allowed();
}

/// Fails when a file, or a setting of git, has the token or says whose server it was for.
#[track_caller]
fn assert_no_trace(site: &Site, when: &str) {
    assert_eq!(holders(site.machine.bench.dir()), [site.machine.bench.path("token")], "{when}");
    let bare = site.machine.bench.state("prs-work/bare.git");
    let config = std::fs::read_to_string(bare.join("config")).unwrap_or_default();
    for part in ["remote", "http", "credential", "x-access-token"] {
        assert!(!config.contains(part), "{when}: {config}");
    }
    for name in ["FETCH_HEAD", "remotes", "refs/remotes"] {
        let found = std::fs::read(bare.join(name)).unwrap_or_default();
        assert!(!contains(&found, "x-access-token"), "{when}: {name}");
    }
}

/// The server holds the push: git and its helper have the token then. Then the program is killed, alone or
/// with git.
#[cfg(target_os = "linux")]
#[test]
fn token_of_a_push_leaves_no_trace_also_behind_a_kill() {
    for (path, ends_git) in [
        ("info/refs.*receive-pack", false),
        ("POST.git-receive-pack", false),
        ("POST.git-receive-pack", true),
    ] {
        let Some(site) = site("prs-token-push") else { return };
        let address = site.server.url.trim_start_matches("http://").to_owned();
        let (method, path) =
            path.split_once('.').filter(|(one, _)| *one == "POST").unwrap_or(("GET", path));
        site.act("faults", json!({"method": method, "path": path, "kind": "hang"}));
        let mut running = site.machine.bench.start("dlq-prs", &["--open-due", "--verbose"]);
        wait_for("the push is held", || site.server.read("faults")[0]["hits"] == json!(1));
        let mut seen = SeenProcesses::default();
        seen.look(&address);
        seen.assert_git_without_the_token();
        assert_no_trace(&site, "during the push");
        running.kill();
        if ends_git {
            processes_of(&site.machine.bench).into_iter().for_each(|pid| signal("KILL", pid));
        }
        assert_no_trace(&site, "behind the kill");
        wait_for("the end of git", || processes_of(&site.machine.bench).is_empty());
        assert_no_trace(&site, "behind the end of git");
        assert!(!has_token(running.stderr().as_bytes()), "{}", running.stderr());
        site.machine.open_due().only("pr.opened");
        assert_no_trace(&site, "behind the next run");
        assert_eq!((site.pulls().len(), site.branches().len()), (1, 1), "{path}");
        site.assert_allowed();
    }
}

/// Faults print what a server or git says, and no token.
#[test]
fn token_is_in_no_message_of_a_fault() {
    let kinds = [
        ("GET", "/repos", "bad_credentials"),
        ("GET", "info/refs", "bad_credentials"),
        ("POST", "git-receive-pack", "forbidden"),
        ("POST", "pulls$", "bad_credentials"),
    ];
    for (method, path, kind) in kinds {
        let Some(site) = site("prs-token-fault") else { return };
        site.act("faults", json!({"kind": kind, "method": method, "path": path, "times": null}));
        let ran = site.machine.prs(&["--open-due", "--verbose"]);
        assert_eq!(ran.code, 1, "{path}: {ran:?}");
        assert!(!ran.stderr.contains(TOKEN) && !ran.text.contains(TOKEN), "{path}: {ran:?}");
        assert_eq!(holders(site.machine.bench.dir()), [site.machine.bench.path("token")], "{path}");
        site.assert_allowed();
    }
}
