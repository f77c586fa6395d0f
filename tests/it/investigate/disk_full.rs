//! Full disk: a session ends with a reason, errors name the file, nothing hangs, and the next run
//! continues once there is room.
//!
//! A file system of a few pages fills up for real where it can be mounted. A folder of
//! its name makes the write of a single file fail as well.

use std::path::PathBuf;
use std::process::Command;

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, own_events, read_text, sessions,
    summaries,
};
use crate::support::workbench::{Bench, processes_of, signal, wait_for};

/// Small file system for the folders of sessions, unmounted on drop.
struct SmallFileSystem(PathBuf);

impl SmallFileSystem {
    /// Mounts the file system; `None` where the user may not mount.
    fn mount(bench: &Bench) -> Option<Self> {
        let path = bench.state("sessions");
        std::fs::create_dir_all(&path).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=96k,mode=700", "tmpfs"]).arg(&path);
        let mounted = command.output().is_ok_and(|output| output.status.success());
        mounted.then(|| SmallFileSystem(path))
    }
}

impl Drop for SmallFileSystem {
    fn drop(&mut self) {
        // A lazy unmount works while a process is still in the folder after a failure.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Shell commands that fill the disk once the start of the session is recorded.
const FILL_DISK: &str = r#"until [ -s "$DLQ_SESSION_DIR/events.ndjson" ]; do sleep 0.01; done
dd if=/dev/zero of=filler bs=4k"#;
const RESULT: &str = r#"echo '{"status":"likely"}'"#;

#[test]
fn disk_full_for_transcript_fails_session_with_reason() {
    // A limit of the agent's own files ends it.
    let mut rows = vec![("killed", "kill -XFSZ $$".to_owned(), "signal")];
    // Its output goes through a pipe: the supervisor meets the full disk, which has room again when the
    // agent has ended. A pipe does not hold the blank lines, so that the result was read before.
    let drained = "head -c 200000 /dev/zero | tr '\\0' '\\n'";
    let body = format!("{FILL_DISK}; {RESULT}; {drained}; rm filler; exit 0");
    rows.push(("full", body, "no_result"));
    for (row, body, reason) in rows {
        let mut bench = Bench::new("transcript");
        agent(&mut bench, &body, "");
        let small = (row == "full").then(|| SmallFileSystem::mount(&bench));
        if matches!(small, Some(None)) {
            continue;
        }
        let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
        assert_eq!(
            summaries(&output.text()),
            ["started orders", &format!("failed orders {reason}")],
            "{row}"
        );
        assert_eq!(sessions(&bench)["sessions"][0]["status"], "failed", "{row}");
        let detail = own_events(&output.text()).last().unwrap()["data"]["detail"].to_string();
        assert_eq!(detail.contains("no space left"), row == "full", "{row}: {detail}");
        assert!(sessions(&bench)["sessions"][0]["cooldown_until"].is_string(), "{row}");
        assert_no_process_left(&bench);
    }
}

/// Fails unless a run on a full disk ends with one message that names the file, and passes all
/// lines on.
#[track_caller]
fn assert_unwritable(bench: &Bench, input: &str, file: &str) -> String {
    let output = bench.run("dlq-investigate", &[], input);
    assert_eq!(output.code(), 1, "{output:?}");
    assert!(output.text().starts_with(input), "{output:?}");
    let last = output.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("dlq-investigate: fatal: cannot write '"), "{}", output.stderr);
    assert!(last.contains(file) && last.contains("is a directory"), "{}", output.stderr);
    output.text()
}

#[test]
fn disk_full_for_document_fails_run_and_next_run_continues() {
    let mut bench = Bench::new("document");
    agent(&mut bench, &format!("echo ran >> \"@/ran\"; {QUICK_AGENT}"), "");
    std::fs::create_dir_all(bench.state("")).unwrap();
    let temporary = bench.state("sessions.tmp");
    std::fs::create_dir(&temporary).unwrap();
    let input = raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0));
    let mut all = assert_unwritable(&bench, &input, "state/sessions.tmp");
    assert_no_process_left(&bench);
    all += &assert_unwritable(&bench, &input, "state/sessions.tmp");
    assert_no_process_left(&bench);
    std::fs::remove_dir(&temporary).unwrap();
    all += &investigate(&bench, &[], &input).text();
    assert_eq!(summaries(&all), ["started orders", "completed orders"]);
    assert_eq!(read_text(&bench, "ran"), "ran\n");
    assert_no_process_left(&bench);
}

#[test]
fn disk_full_for_journal_delays_report_of_session() {
    let mut bench = Bench::new("journal");
    agent(&mut bench, QUICK_AGENT, "");
    std::fs::create_dir_all(bench.state("")).unwrap();
    let journal = bench.state("journal.ndjson");
    std::fs::create_dir(&journal).unwrap();
    let input = raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0));
    let mut all = assert_unwritable(&bench, &input, "state/journal.ndjson");
    assert_no_process_left(&bench);
    std::fs::remove_dir(&journal).unwrap();
    all += &investigate(&bench, &[], &input).text();
    let ends = summaries(&all);
    assert_eq!(ends.last().unwrap(), "failed orders crashed", "{ends:?}");
    assert_eq!(ends.iter().filter(|end| end.contains("failed")).count(), 1, "{ends:?}");
    assert!(read_text(&bench, "state/journal.ndjson").contains("\"crashed\""));
    assert_ne!(sessions(&bench)["sessions"][0]["status"], "running");
    assert_eq!(summaries(&investigate(&bench, &[], &input).text()), [""; 0], "reported once");
    assert_no_process_left(&bench);
}

#[test]
fn disk_full_for_report_crashes_session_and_next_one_runs() {
    let mut bench = Bench::new("report");
    // The supervisor has the result before the disk is full.
    let kept = r#"until grep -q likely "$DLQ_SESSION_DIR/transcript.ndjson"; do sleep 0.01; done"#;
    agent(&mut bench, &format!("{RESULT}; {kept}; {FILL_DISK}; exit 0"), "");
    let Some(small) = SmallFileSystem::mount(&bench) else { return };
    let input = raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0));
    // The agent has a result, and its report finds no room.
    let mut all = bench.run("dlq-investigate", &[], &input).text();
    assert_no_process_left(&bench);
    let session = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    std::fs::remove_file(small.0.join(session).join("work/filler")).unwrap();
    all += &investigate(&bench, &[], &input).text();
    assert_eq!(summaries(&all), ["started orders", "failed orders crashed"]);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "crashed");
    agent(&mut bench, QUICK_AGENT, "");
    let output = investigate(&bench, &[], raised("others", "o", seconds_ago(0), None));
    assert_eq!(summaries(&output.text()), ["started others", "completed others"]);
    assert_no_process_left(&bench);
}

#[test]
fn disk_full_partial_line_is_never_printed() {
    let mut bench = Bench::new("half");
    agent(&mut bench, "echo > \"@/ready\"; exec sleep 600", "");
    let mut all =
        investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None)).text();
    wait_for("the agent is ready", || bench.path("ready").exists());
    let session = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let events = format!("state/sessions/{session}/events.ndjson");
    wait_for("its start is recorded", || read_text(&bench, &events).ends_with('\n'));
    let whole = read_text(&bench, &events);
    // The partial line is longer than the next one, so that an overwritten rest would show.
    bench.write(&events, format!("{whole}{}", whole.trim_end().strip_suffix('}').unwrap()));
    processes_of(&bench).into_iter().for_each(|pid| signal("KILL", pid));
    assert_no_process_left(&bench);
    all += &investigate(&bench, &[], "").text();
    assert_eq!(summaries(&all), ["started orders", "failed orders crashed"]);
    assert_eq!(own_events(&read_text(&bench, &events)).len(), 2);
}

#[test]
fn journal_rotation_failure_loses_no_event() {
    let mut bench = Bench::new("rotation");
    agent(&mut bench, QUICK_AGENT, "");
    bench.set("DLQ_STATE_JOURNAL_MAX_MIB", "1");
    std::fs::create_dir_all(bench.state("")).unwrap();
    std::fs::write(bench.state("journal.ndjson"), "{}\n".repeat(400_000)).unwrap();
    // A folder is in the place of the compressed segment.
    std::fs::create_dir(bench.state("journal.ndjson.tmp")).unwrap();
    let output = investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(output.code(), 0);
    wait_for("the end", || sessions(&bench)["sessions"][0]["status"] == "completed");
    let log = bench.run("dlq-log", &["--type", "investigation.completed"], "");
    assert_eq!(log.text().lines().count(), 1);
}
