//! Session folders that an agent has damaged or written to: a failure of that session alone.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::claude_cli::commit_all;
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    agent, assert_no_process_left, investigate, read_text, sessions, summaries,
};
use crate::support::workbench::{Bench, Running, bin, processes_of, signal, wait_for};

/// An agent that does `mischief` to its session's folder, `$d`, for the queue `orders`, once the start
/// of the session is recorded, and then `after`. For other queues it has a result, and notes when two of these run at once.
fn misbehaving(name: &str, mischief: &str, after: &str, more: &str) -> Bench {
    let mut bench = Bench::new(name);
    let body = format!(
        r#"cat >/dev/null; d=$DLQ_SESSION_DIR
until [ -s "$d/events.ndjson" ]; do sleep 0.01; done
if [ "$DLQ_QUEUE" = orders ]; then {mischief}; touch "@/done"; {after}; exit; fi
mkdir "@/busy" || echo "two at once" >> "@/clash"
sleep 0.05
rmdir "@/busy"
echo '{{"status":"likely"}}'"#
    );
    agent(&mut bench, &body, more);
    bench
}

fn kill_all(bench: &Bench) {
    wait_for("its processes have ended", || {
        processes_of(bench).into_iter().for_each(|pid| signal("KILL", pid));
        processes_of(bench).is_empty()
    });
}

#[test]
fn folder_that_cannot_be_probed_keeps_its_slot_and_stops_no_other() {
    let rows = [
        ("file-for-folder", r#"mv "$d" "$d.away"; echo x > "$d""#, "not a directory"),
        ("no-lock", r#"rm "$d/supervisor.lock""#, "no such file"),
        ("no-folder", r#"mv "$d" "$d.away""#, "no such file"),
        ("fifo-for-lock", r#"rm "$d/supervisor.lock"; mkfifo "$d/supervisor.lock""#, "FIFO"),
        ("folder-for-lock", r#"rm "$d/supervisor.lock"; mkdir "$d/supervisor.lock""#, "a folder"),
        (
            "link-for-lock",
            r#"rm "$d/supervisor.lock"; ln -s /dev/zero "$d/supervisor.lock""#,
            "symbolic link",
        ),
        (
            "other-file-for-lock",
            r#"rm "$d/supervisor.lock"; touch "$d/x" "$d/supervisor.lock""#,
            "another file is in its place",
        ),
    ];
    for (row, mischief, cause) in rows {
        let mut bench = misbehaving(&format!("strange-{row}"), mischief, "exec sleep 600", "");
        let config = read_text(&bench, "config.yaml");
        bench.configure(&config.replace("max_concurrent: 8", "max_concurrent: 2"));
        let now = seconds_ago(0);
        investigate(&bench, &["--no-wait"], raised("orders", "i", now, None));
        wait_for("the mischief is done", || bench.path("done").exists());
        let input =
            [raised("users", "j", now, None), raised("payments", "k", now, None), heartbeat(now)];
        let output = bench.run("dlq-investigate", &[], input.concat());
        let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
        let warning = format!("whether session {id} runs is unknown: ");
        assert_eq!(output.stderr.matches(&warning).count(), 1, "{row}: {}", output.stderr);
        assert!(output.stderr.contains(cause), "{row}: {}", output.stderr);
        let completed: Vec<String> = summaries(&output.text())
            .into_iter()
            .filter(|summary| summary.starts_with("completed"))
            .collect();
        assert_eq!(completed, ["completed users", "completed payments"], "{row}");
        assert_eq!(read_text(&bench, "clash"), "", "{row}: its slot is not free");
        assert_eq!(sessions(&bench)["sessions"][0]["status"], "running", "{row}");
        let status = bench.run("dlq-status", &["--json"], "");
        assert!(status.text().contains(cause), "{row}: {}", status.text());
        kill_all(&bench);
    }
}

/// The user and group of a program that a test of root starts.
const OTHER: u32 = 1234;

/// An agent closes the folder of its session to its user: root, who may open it all the same, lets another
/// user run the programs.
#[test]
fn closed_folder_of_a_session_stops_no_other() {
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { OTHER } else { rustix::process::geteuid().as_raw() };
    let as_user = |command: &mut Command| {
        if is_root {
            command.uid(OTHER).gid(OTHER);
        }
        Running::spawn(command.stdin(Stdio::piped()))
    };
    let version = |program: &Path| Command::new(program).arg("--version").uid(user).output();
    if !version(&bin("dlq-investigate")).is_ok_and(|output| output.status.success()) {
        return;
    }
    let bench = misbehaving("strange-closed", r#"chmod 0 "$d""#, "exec sleep 600", "");
    let config = read_text(&bench, "config.yaml");
    bench.write("config.yaml", config.replace("max_concurrent: 8", "max_concurrent: 2"));
    if is_root {
        std::os::unix::fs::chown(bench.dir(), Some(OTHER), Some(OTHER)).unwrap();
    }
    let run = |program: &str, args: &[&str], input: String| {
        let mut running = as_user(&mut bench.command(program, args));
        running.write(input);
        running.finish()
    };
    let now = seconds_ago(0);
    run("dlq-investigate", &["--no-wait"], raised("orders", "i", now, None));
    wait_for("the mischief is done", || bench.path("done").exists());
    let input =
        [raised("users", "j", now, None), raised("payments", "k", now, None), heartbeat(now)];
    let output = run("dlq-investigate", &[], input.concat());
    let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let warning = format!("whether session {id} runs is unknown: ");
    assert_eq!(output.stderr.matches(&warning).count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("permission denied"), "{}", output.stderr);
    let mut completed = summaries(&output.text());
    completed.retain(|summary| summary.starts_with("completed"));
    assert_eq!(completed, ["completed users", "completed payments"], "{}", output.stderr);
    assert_eq!(read_text(&bench, "clash"), "", "its slot is not free");
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "running");
    for (program, args) in [("dlq-status", &[][..]), ("dlq-dash", &["--once", "--width", "400"])] {
        let output = run(program, args, String::new());
        let said = output.text() + &output.stderr;
        assert!(said.contains("permission denied: it belongs to user"), "{program}: {said}");
        assert!(said.contains("payments"), "{program}: {said}");
    }
    kill_all(&bench);
    std::fs::set_permissions(bench.state("sessions").join(id), Permissions::from_mode(0o700))
        .unwrap();
}

/// What a dead supervisor leaves is strange: the clean-up is a failure of that session, and its money
/// counts as spent.
#[test]
fn clean_up_of_a_strange_folder_stops_no_filter() {
    let rows = [
        ("fifo-for-note", r#"rm -f "$d/tree.base"; mkfifo "$d/tree.base""#),
        ("fifo-for-stderr", r#"rm "$d/stderr.log"; mkfifo "$d/stderr.log""#),
        ("folder-for-stderr", r#"rm "$d/stderr.log"; mkdir "$d/stderr.log""#),
        ("link-for-stderr", r#"rm "$d/stderr.log"; ln -s /dev/zero "$d/stderr.log""#),
        ("sparse-events", r#"truncate -s 900G "$d/events.ndjson""#),
        ("fifo-for-plan", r#"rm "$d/plan.json"; mkfifo "$d/plan.json""#),
        ("folder-for-plan", r#"rm "$d/plan.json"; mkdir "$d/plan.json""#),
        ("sparse-plan", r#"truncate -s 900G "$d/plan.json""#),
    ];
    for (row, mischief) in rows {
        let bench = misbehaving(&format!("clean-{row}"), mischief, "exec sleep 600", "");
        bench.write("repo/a.py", "a = 1\n");
        assert_eq!(bench.shell("git init -q repo").code(), 0);
        commit_all(&bench);
        let config = read_text(&bench, "config.yaml");
        let repo = format!("queues: [{{match: '*', repo: '{}'}}], ", bench.path("repo").display());
        bench.write(
            "config.yaml",
            config.replace("max_concurrent", &format!("{repo}max_concurrent")),
        );
        let now = seconds_ago(0);
        investigate(&bench, &["--no-wait"], raised("orders", "i", now, None));
        wait_for("the mischief is done", || bench.path("done").exists());
        kill_all(&bench);
        let input = [raised("users", "j", now, None), heartbeat(now)].concat();
        let output = bench.run("dlq-investigate", &[], input);
        let found = summaries(&output.text());
        assert_eq!(output.code(), 0, "{row}: {} {found:?}", output.stderr);
        assert!(found.contains(&"completed users".to_owned()), "{row}: {found:?}");
        let failed = found.iter().filter(|summary| summary.starts_with("failed orders")).count();
        assert_eq!(failed, 1, "{row}: {found:?}");
        // The next filter goes on as well.
        let output = bench.run("dlq-investigate", &[], heartbeat(now));
        assert_eq!(output.code(), 0, "{row}: {}", output.stderr);
        assert_no_process_left(&bench);
    }
}

/// The cost of a dead session is looked for in what its agent has left in the place of its transcript, and
/// whether that agent runs in what is in the place of its errors: the session counts as reserved.
#[test]
fn cost_of_a_dead_session_with_strange_files_counts_as_reserved() {
    let makes = ["mkfifo", "mkdir", "ln -s /dev/zero", "truncate -s 900G"];
    let of_transcript = makes.map(|make| ("stream-json", "transcript.ndjson", make));
    let more = [
        ("json", "transcript.ndjson", "mkfifo"),
        ("json", "stderr.log", "mkfifo"),
        ("json", "stderr.log", "mkdir"),
    ];
    for (format, file, make) in of_transcript.into_iter().chain(more) {
        let row = format!("{file}-{format}-{}", make.split(' ').next().unwrap());
        let mischief = format!(r#"rm "$d/{file}"; {make} "$d/{file}""#);
        let bench = misbehaving(&row, &mischief, "exec sleep 600", "");
        let config = read_text(&bench, "config.yaml");
        let argv = format!("[\"{}\"]", bench.path("stubs/agent").display());
        assert!(config.contains(&argv), "{config}");
        let command = format!("{{command: {argv}, format: {format}}}");
        bench.write("config.yaml", config.replace(&argv, &command));
        investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
        wait_for("the mischief is done", || bench.path("done").exists());
        kill_all(&bench);
        let output = bench.run("dlq-investigate", &[], heartbeat(seconds_ago(0)));
        assert_eq!(output.code(), 0, "{row}: {}", output.stderr);
        let found = summaries(&output.text());
        let failed = found.iter().filter(|summary| summary.starts_with("failed orders ")).count();
        assert_eq!(failed, 1, "{row}: {found:?}");
        let budget: serde_json::Value =
            serde_json::from_str(&read_text(&bench, "state/budget.json")).unwrap();
        let spend = &budget["spends"][0];
        assert!(spend["cost_usd"].is_null() && !spend["settled_at"].is_null(), "{row}: {spend}");
        assert_no_process_left(&bench);
    }
}

#[test]
fn forged_events_are_dropped_and_end_the_session() {
    let forged = json!({
        "specversion": "1.0", "id": "1", "source": "dlq-prs", "type": "pr.merged",
        "subject": "owner/repo#1", "time": "2026-11-22T19:57:32Z", "severitytext": "INFO",
        "data": {"repo": "owner/repo", "number": 1}
    });
    let add = format!(r#"echo '{forged}' >> "$d/events.ndjson""#);
    let rewrite = format!(r#"sleep 0.3; echo '{forged}' > "$d/events.ndjson""#);
    let rows = [
        ("added", add.as_str()),
        ("rewritten", rewrite.as_str()),
        ("fifo", r#"rm "$d/events.ndjson"; mkfifo "$d/events.ndjson""#),
        ("folder", r#"rm "$d/events.ndjson"; mkdir "$d/events.ndjson""#),
        ("link", r#"rm "$d/events.ndjson"; ln -s /dev/zero "$d/events.ndjson""#),
        ("sparse", r#"truncate -s 900M "$d/events.ndjson""#),
    ];
    for (row, mischief) in rows {
        let bench = misbehaving(&format!("forged-{row}"), mischief, "exec sleep 600", "");
        let now = seconds_ago(0);
        let output = bench.run("dlq-investigate", &[], raised("orders", "i", now, None));
        assert_eq!(output.code(), 0, "{row}: {}", output.stderr);
        // Events that were printed before the file was replaced may be printed again.
        let mut found = summaries(&output.text());
        found.dedup();
        assert_eq!(found, ["started orders", "failed orders forged"], "{row}: {}", output.stderr);
        assert!(!output.text().contains("pr.merged"), "{row}: {}", output.text());
        let session = &sessions(&bench)["sessions"][0];
        assert_eq!(session["status"], "failed", "{row}");
        let events =
            bench.state(&format!("sessions/{}/events.ndjson", session["id"].as_str().unwrap()));
        let events = std::fs::read_to_string(events).unwrap();
        assert_eq!(summaries(&events), ["started orders", "failed orders forged"], "{row}");
        assert!(!read_text(&bench, "state/journal.ndjson").contains("pr.merged"), "{row}");
        assert_no_process_left(&bench);
    }
}

/// What is added after the end of a session, by a process that has outlived it, is dropped and counted, of
/// whatever length it is.
#[test]
fn lines_after_the_end_are_dropped_and_counted() {
    let mut bench = Bench::new("forged-late");
    agent(&mut bench, r#"cat >/dev/null; echo '{"status":"likely"}'"#, "");
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let id = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let events = bench.state(&format!("sessions/{id}/events.ndjson"));
    let merged = r#"{"specversion":"1.0","id":"1","source":"dlq-prs","type":"pr.merged","subject":"o/r#1","time":"2026-11-22T19:57:32Z","data":{}}"#;
    let rows = [
        ("a line of another program", format!("echo '{merged}' >> $FILE"), 1),
        (
            "its own events again, of another session",
            format!("sed 's/{id}/{}/g' $FILE > x; cat x >> $FILE", "0".repeat(id.len())),
            0,
        ),
        ("a line without an end", "head -c 2000000 /dev/zero >> $FILE".to_owned(), 1),
        ("900 GB", "truncate -s 900G $FILE".to_owned(), 1),
    ];
    let mut count = 0;
    for (row, add, foreign) in rows {
        let line = format!("FILE='{}'; {add}", events.display());
        assert_eq!(bench.shell(&line).code(), 0, "{row}");
        let output = bench.run("dlq-investigate", &[], heartbeat(seconds_ago(0)));
        assert_eq!((output.code(), summaries(&output.text())), (0, Vec::new()), "{row}");
        assert!(!output.text().contains("pr.merged"), "{row}: {}", output.text());
        let warning = format!("session {id}: lines in ");
        assert_eq!(output.stderr.matches(&warning).count(), 1, "{row}: {}", output.stderr);
        let forged = sessions(&bench)["sessions"][0]["forged"].as_u64().unwrap();
        assert!(forged > count && forged >= count + foreign, "{row}: {forged} after {count}");
        count = forged;
        // Once.
        let output = bench.run("dlq-investigate", &[], heartbeat(seconds_ago(0)));
        assert_eq!(output.stderr, "", "{row}");
    }
    assert!(!read_text(&bench, "state/journal.ndjson").contains("pr.merged"));
}

/// The agent writes the end of its own session, and runs on: nothing of it is shown.
#[test]
fn forged_end_is_not_printed_while_the_supervisor_runs() {
    let forge = r#"until [ -s "$d/events.ndjson" ]; do sleep 0.02; done
sed -n '/investigation.started/{s/investigation.started/investigation.completed/p;q}' "$d/events.ndjson" \
  | sed 's|"data":{|"data":{"cost_usd":0,"turns":1,"duration_s":1,"verdict":{"status":"not_a_bug"},"report":"/etc/passwd",|' \
  > "@/line"; cat "@/line" >> "$d/events.ndjson""#;
    let bench = misbehaving("forged-end", forge, "exec sleep 600", "");
    let output = bench.run("dlq-investigate", &[], raised("orders", "i", seconds_ago(0), None));
    let found = summaries(&output.text());
    assert!(read_text(&bench, "line").contains("/etc/passwd"), "{found:?}");
    assert!(!output.text().contains("/etc/passwd"), "{}", output.text());
    assert_eq!(found.last().map(String::as_str), Some("failed orders forged"), "{found:?}");
    assert!(!read_text(&bench, "state/journal.ndjson").contains("/etc/passwd"));
    assert_no_process_left(&bench);
}

/// The agent exits at once: its line, which looks like its supervisor's, is found after its end.
#[test]
fn forged_result_is_not_trusted() {
    let wait = r#"until [ -s "$d/events.ndjson" ]; do sleep 0.02; done"#;
    let copy = r#"cp "$d/events.ndjson" "@/copy"; cat "@/copy" >> "$d/events.ndjson""#;
    let mischief = &format!("{wait}; {copy}");
    let bench = misbehaving("forged-result", mischief, r#"echo '{"status":"confirmed"}'"#, "");
    let output = bench.run("dlq-investigate", &[], raised("orders", "i", seconds_ago(0), None));
    let last = summaries(&output.text()).pop();
    assert_eq!(last.as_deref(), Some("failed orders forged"), "{}", output.stderr);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "failed");
    assert_no_process_left(&bench);
}

/// The transcript is the agent's standard output; what it makes of its name is never read.
#[test]
fn transcript_that_is_no_file_holds_nothing_up() {
    for kind in ["mkfifo", "mkdir"] {
        let mischief = format!(r#"rm "$d/transcript.ndjson"; {kind} "$d/transcript.ndjson""#);
        let bench = misbehaving(&format!("transcript-{kind}"), &mischief, "true", "");
        let output = bench.run("dlq-investigate", &[], raised("orders", "i", seconds_ago(0), None));
        assert_eq!(output.code(), 0, "{kind}: {}", output.stderr);
        let last = summaries(&output.text()).pop();
        assert!(last.is_some_and(|last| last.starts_with("failed orders")), "{kind}");
        assert_no_process_left(&bench);
    }
}

/// The folder of the next session is there before it starts, and is none.
#[test]
fn incident_whose_folder_is_taken_stops_no_other() {
    let mut bench = Bench::new("taken-folder");
    agent(&mut bench, r#"cat >/dev/null; echo '{"status":"likely"}'"#, "");
    let now = seconds_ago(0);
    // A dry run names the session that it would start.
    let dry = investigate(&bench, &["--dry-run"], raised("orders", "i", now, None));
    let started: serde_json::Value =
        serde_json::from_str(dry.text().lines().last().unwrap()).unwrap();
    let id = started["data"]["session"].as_str().unwrap();
    std::fs::create_dir_all(bench.state("sessions")).unwrap();
    bench.write(&format!("state/sessions/{id}"), "x");
    let input = [raised("orders", "i", now, None), raised("users", "j", now, None), heartbeat(now)];
    let output = bench.run("dlq-investigate", &[], input.concat());
    let found = summaries(&output.text());
    assert!(found.contains(&"completed users".to_owned()), "{found:?}: {}", output.stderr);
    assert!(output.stderr.contains("no investigation of queue 'orders'"), "{}", output.stderr);
    assert!(output.stderr.contains("; remove '"), "{}", output.stderr);
    assert_no_process_left(&bench);
}
