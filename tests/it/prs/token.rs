//! The token during an opening: in no argument, environment, file or message.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

const TOKEN: &str = "ghs_planted0token0of0a0test0000000000001";

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Returns the files below a folder that hold the token.
fn holders(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(holders(&path));
        } else if kind.is_file() && contains(&std::fs::read(&path).unwrap_or_default(), TOKEN) {
            found.push(path);
        }
    }
    found
}

/// Reads arguments and environments of all processes until told to stop. Returns those that held the
/// token, and the programs that were seen with the address of the server.
fn watch_processes(stop: &AtomicBool, address: &str) -> (Vec<String>, Vec<String>) {
    let (mut leaks, mut seen) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(arguments) = std::fs::read(entry.path().join("cmdline")) else { continue };
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let shown = String::from_utf8_lossy(&arguments).replace('\0', " ");
            if contains(&arguments, TOKEN) || contains(&environment, TOKEN) {
                leaks.push(shown.clone());
            }
            if contains(&arguments, address) || contains(&environment, address) {
                let program = shown.split(' ').next().unwrap_or_default();
                seen.push(program.rsplit('/').next().unwrap_or_default().to_owned());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (leaks, seen)
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
    let (ran, leaks, seen) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch_processes(&stop, &address));
        let ran = site.machine.prs(&["--open-due", "--verbose"]);
        stop.store(true, Ordering::Relaxed);
        let (leaks, seen) = watching.join().unwrap();
        (ran, leaks, seen)
    });
    ran.only("pr.opened");
    assert_eq!(leaks, Vec::<String>::new());
    for program in ["git", "git-remote-http"] {
        assert!(seen.iter().any(|one| one == program), "{program} was not seen: {seen:?}");
    }
    assert!(!ran.stderr.contains(TOKEN) && !ran.text.contains(TOKEN), "{ran:?}");
    assert_eq!(holders(site.machine.bench.dir()), [site.machine.bench.path("token")]);
    site.assert_allowed();
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
