//! Document store with many processes that update one document.

use dlq::document::Keys;
use dlq::rules::investigation::document::Sessions;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use dlq::store::Store;
use serde_json::Value;

use crate::support::event_lines::{raised, seconds_ago};
use crate::support::investigate::{QUICK_AGENT, agent, investigate, read_text};
use crate::support::workbench::Bench;

#[cfg(feature = "dynamodb")]
mod dynamodb;

/// Updates the document, when a variable says that this process is a child of the next test.
#[test]
fn update_worker() {
    let Ok(dir) = std::env::var("DLQ_TEST_WORKER") else {
        return;
    };
    let store = Store::open(dir.as_ref()).unwrap();
    for _ in 0..1000 {
        let update = store.update(&Keys::all(), |document: &mut Sessions| {
            document.incidents[0].attempts += 1;
            Ok(())
        });
        update.unwrap();
    }
}

#[test]
fn store_loses_no_update_of_eight_processes() {
    let mut bench = Bench::new("updates");
    // Every update waits for the disk several times. A folder in memory shortens a minute to
    // seconds, and locks work there as well.
    let memory = std::path::Path::new("/dev/shm");
    let state = memory.join(format!("dlq-updates-{}", std::process::id()));
    let state = match std::fs::create_dir(&state) {
        Ok(()) => state,
        Err(_) => bench.state(""),
    };
    bench.set("DLQ_STATE_DIR", &state);
    agent(&mut bench, QUICK_AGENT, "");
    let config = read_text(&bench, "config.yaml").replace("enabled: true", "enabled: false");
    bench.configure(&config);
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "store::update_worker"]);
        command.env("DLQ_TEST_WORKER", &state);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let workers: Vec<_> = (0..8).map(|_| start()).collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let document = std::fs::read(state.join("sessions.json")).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    std::fs::remove_dir_all(&state).unwrap();
    assert_eq!(document["incidents"][0]["attempts"], 8000);
}

#[test]
fn state_folder_that_others_can_write_to_is_named() {
    let bench = Bench::new("modes");
    std::fs::create_dir_all(bench.state("")).unwrap();
    for (mode, is_named) in [(0o700, false), (0o755, false), (0o775, true), (0o777, true)] {
        std::fs::set_permissions(bench.state(""), Permissions::from_mode(mode)).unwrap();
        let output = bench.run("dlq-notify", &[], "");
        let warning = format!(
            "dlq-notify: warning: other users can write to the state folder '{0}' (mode {mode:04o}): \
             run 'chmod 700 {0}'\n",
            bench.path("state").display()
        );
        assert_eq!(output.stderr, if is_named { warning } else { String::new() });
        let kept = std::fs::metadata(bench.state("")).unwrap().permissions().mode();
        assert_eq!((output.code(), kept & 0o777), (0, mode));
    }
}
