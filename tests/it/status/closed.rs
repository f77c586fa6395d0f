//! State and session folders that the user may not enter, and a clock that is behind.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dlq::time::Timestamp;
use serde_json::Value;

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::workbench::{Bench, Output, Running};

/// The user and group of a program that a test of root starts.
const OTHER: u32 = 1234;

/// Runs a program as a user to whom the folder is closed: as another one when this is root, else as this
/// one, who has no permission for it. None where that user cannot run the programs.
fn run_without(bench: &Bench, folder: &Path, program: &str, args: &[&str]) -> Option<Output> {
    let is_root = rustix::process::geteuid().is_root();
    let run = |args: &[&str]| {
        let mut command = bench.command(program, args);
        if is_root {
            command.uid(OTHER).gid(OTHER);
        }
        Running::spawn(command.stdin(Stdio::null())).finish()
    };
    let is_runnable = std::process::Command::new(crate::support::workbench::bin(program))
        .arg("--version")
        .uid(if is_root { OTHER } else { rustix::process::geteuid().as_raw() })
        .current_dir("/")
        .output();
    if !is_runnable.is_ok_and(|output| output.status.success()) {
        return None;
    }
    set_permissions(folder, Permissions::from_mode(if is_root { 0o700 } else { 0 })).unwrap();
    let output = run(args);
    set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    Some(output)
}

/// Returns the lines of an output and of its messages that name what cannot be read.
fn refusals(output: &Output) -> Vec<String> {
    let all = output.text() + &output.stderr;
    let refused = all.lines().filter(|line| {
        ["dlq-status: ", "dlq-dash: ", "! "].iter().any(|begin| line.starts_with(begin))
    });
    refused.map(str::to_owned).collect()
}

#[test]
fn closed_state_folder_is_one_line_and_status_1() {
    let bench = Bench::new("status-closed");
    let lines = raised("orders-dlq", "i", seconds_ago(60), None) + &heartbeat(seconds_ago(5));
    bench.write("state/journal.ndjson", lines);
    let folder = bench.state("");
    let rows: [(&str, &[&str]); 6] = [
        ("dlq-status", &[]),
        ("dlq-status", &["incidents"]),
        ("dlq-status", &["spend"]),
        ("dlq-status", &["queues", "--json"]),
        ("dlq-status", &["--silence", "*", "1h"]),
        ("dlq-dash", &["--once", "--width", "400"]),
    ];
    for (program, args) in rows {
        let Some(output) = run_without(&bench, &folder, program, args) else { return };
        assert_eq!(output.code(), 1, "{args:?}: {output:?}");
        let lines = refusals(&output);
        let [_] = &lines[..] else { panic!("{args:?}: {lines:#?}\n{}", output.text()) };
        // A line with a long path is wrapped.
        let said = output.text() + &output.stderr;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = format!(
            "cannot open '{}': permission denied: it belongs to user ",
            bench.path("state").display()
        );
        assert!(said.contains(&named), "{args:?}: {said}");
    }
    let summary = run_without(&bench, &folder, "dlq-status", &["--summary", "--ascii"]).unwrap();
    assert_eq!(summary.text(), "? dlq: state cannot be read, incidents unknown\n");
    assert_eq!((summary.code(), summary.stderr.as_str()), (1, ""));
    let json = run_without(&bench, &folder, "dlq-status", &["--json"]).unwrap();
    let view: Value = serde_json::from_str(&json.text()).unwrap();
    assert_eq!(view["problems"].as_array().map(Vec::len), Some(1), "{view}");
}

/// The folder above is open, and the one of each session is closed, or the one that has them all.
#[test]
fn closed_session_folders_are_one_line() {
    let bench = Bench::new("status-closed-session");
    bench.write("state/journal.ndjson", heartbeat(seconds_ago(5)));
    let session = |id: &str| {
        format!(
            r#"{{"id":"{id}","incident":"i","queue_name":"orders-dlq","queue":{{"name":"orders-dlq","url":"u","arn":"arn:aws:sqs:us-east-1:000000000000:orders-dlq","region":"us-east-1","account":"0","fifo":false,"sources":[],"profile":null,"endpoint":null}},"status":"running","pid":1,"start_time":"2026-11-22T19:57:32Z","timeout_at":"2026-11-22T20:57:32Z","ended_at":null,"cooldown_until":null,"printed":0}}"#
        )
    };
    let all: Vec<String> = ["a1", "a2", "a3"].map(session).to_vec();
    bench
        .write("state/sessions.json", format!(r#"{{"version":1,"sessions":[{}]}}"#, all.join(",")));
    let ids = ["a1", "a2", "a3"].map(|id| bench.state("sessions").join(id));
    for folder in &ids {
        std::fs::create_dir_all(folder).unwrap();
    }
    let open = |folder: &Path, mode| set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    open(&bench.state(""), 0o755);
    open(&bench.state("sessions.json"), 0o644);
    open(&bench.state("journal.ndjson"), 0o644);
    open(&bench.state("sessions"), 0o755);
    let is_root = rustix::process::geteuid().is_root();
    let closed = if is_root { 0o700 } else { 0 };
    for (program, args) in [("dlq-status", &[][..]), ("dlq-dash", &["--once", "--width", "400"])] {
        open(&bench.state("sessions"), 0o755);
        ids.iter().for_each(|folder| open(folder, closed));
        let each = run_without(&bench, &ids[0], program, args);
        ids.iter().for_each(|folder| open(folder, 0o755));
        let above = run_without(&bench, &bench.state("sessions"), program, args);
        for (output, end) in [(each, "; so are 2 other folders of sessions"), (above, "")] {
            let Some(output) = output else { return };
            assert_eq!(output.code(), 1, "{output:?}");
            let lines = refusals(&output);
            let [line] = &lines[..] else { panic!("{lines:#?}") };
            assert!(line.contains("permission denied: it belongs to user "), "{line}");
            assert!(line.ends_with(end), "{line}");
        }
    }
    open(&bench.state("sessions"), 0o755);
}

/// A file of a session that is none, or has no end, is one line; the other session is shown.
#[test]
fn strange_file_of_a_session_is_one_line() {
    let bench = Bench::new("status-strange");
    bench.write("state/journal.ndjson", heartbeat(seconds_ago(5)));
    let session = |id: &str, name: &str| {
        format!(
            r#"{{"id":"{id}","incident":"i","queue_name":"{name}","queue":{{"name":"{name}","url":"u","arn":"arn:aws:sqs:us-east-1:000000000000:{name}","region":"us-east-1","account":"0","fifo":false,"sources":[],"profile":null,"endpoint":null}},"status":"running","pid":1,"start_time":"2026-11-22T19:57:32Z","timeout_at":"2026-11-22T20:57:32Z","ended_at":null,"cooldown_until":null,"printed":0}}"#
        )
    };
    let all = [session("a1", "orders-dlq"), session("b2", "users-dlq")].join(",");
    bench.write("state/sessions.json", format!(r#"{{"version":1,"sessions":[{all}]}}"#));
    let kinds = [
        ("mkfifo", "it is a FIFO, not a file"),
        ("mkdir", "it is a folder, not a file"),
        ("ln -s /dev/zero", "it is a symbolic link, not a file"),
    ];
    let dash = "dlq-dash --once --view investigations --width 400 </dev/null";
    for (name, program) in [
        ("supervisor.lock", "dlq-status --json"),
        ("events.ndjson", "dlq-status --json"),
        ("supervisor.lock", dash),
        ("usage.json", dash),
    ] {
        for (make, cause) in kinds {
            let line = format!(
                "rm -rf state/sessions; mkdir -p state/sessions/a1 state/sessions/b2; \
                 touch state/sessions/a1/supervisor.lock state/sessions/b2/supervisor.lock; \
                 rm -f state/sessions/a1/{name}; {make} state/sessions/a1/{name}"
            );
            assert_eq!(bench.shell(&line).code(), 0, "{line}");
            let output = bench.shell(program);
            let all = output.text() + &output.stderr;
            assert_eq!(output.code(), 1, "{program} {name} {make}: {all}");
            let said = format!("sessions/a1/{name}': {cause}");
            assert!(all.contains(&said), "{program} {name} {make}: {all}");
            assert!(all.contains("users-dlq"), "{program} {name} {make}: {all}");
        }
    }
    // Of any length: the end of the events is read, and a sample of usage has few bytes.
    let size =
        "for name in events.ndjson usage.json; do truncate -s 900G state/sessions/a1/$name; done";
    assert_eq!(bench.shell("rm -r state/sessions/a1/usage.json").code(), 0);
    assert_eq!(bench.shell(size).code(), 0);
    let status = bench.run("dlq-status", &[], "");
    assert_eq!(status.code(), 0, "{status:?}");
    let dash = bench.shell(dash).text();
    assert!(dash.contains("it is larger than a sample"), "{dash}");
}

#[test]
fn clock_behind_all_events_is_a_failed_look() {
    let bench = Bench::new("status-clock");
    let future = || seconds_ago(0).plus(Duration::from_secs(900));
    bench.write("state/journal.ndjson", heartbeat(future()));
    for args in [&["queues"][..], &["incidents", "--json"], &["spend"]] {
        let output = bench.run("dlq-status", args, "");
        assert_eq!(output.code(), 1, "{args:?}: {output:?}");
        let all = output.text() + &output.stderr;
        assert!(all.contains("the clock is behind"), "{args:?}: {all}");
    }
    let once = bench.shell("dlq-dash --once </dev/null");
    assert_eq!(once.code(), 1, "{once:?}");
    let rounds = |at: Timestamp| {
        format!(r#"{{"version":1,"floor":1,"rounds":{{"all":"{at}"}},"queues":{{}}}}"#)
    };
    bench.write("state/queues.json", rounds(future()));
    let whole = bench.run("dlq-status", &[], "");
    assert_eq!(whole.code(), 1, "{whole:?}");
    assert!(whole.stderr.contains("the clock is behind, or was ahead"), "{}", whole.stderr);
    let summary = bench.run("dlq-status", &["--summary", "--ascii"], "");
    assert_eq!(summary.code(), 1);
    assert!(summary.text().contains("clock behind the last round"), "{}", summary.text());
    bench.write("state/queues.json", rounds(seconds_ago(1)));
    assert_eq!(bench.run("dlq-status", &[], "").code(), 0);
}
