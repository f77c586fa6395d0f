//! Stages of `scripts/pipeline`, played by small scripts: restarts, signals and exit statuses.

use std::process::Stdio;

use crate::support::investigate::{assert_no_process_left, read_text};
use crate::support::workbench::{Bench, Output, Running, processes_of, signal, wait_for};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pipeline");

/// The filters, in the order of the pipe, each with what it passes lines by.
const FILTERS: [(&str, &str); 6] = [
    ("dlq-purge", "exec cat"),
    ("dlq-investigate", "exec cat"),
    ("dlq-prs", "exec cat"),
    ("dlq-redrive", "exec cat"),
    ("dlq-notify", "exec cat"),
    ("dlq-metrics", "exec cat >&2"),
];

/// Creates a bench whose stages record each start. Without a body the first stage waits for ever
/// and the others pass lines on.
fn stages(name: &str, bodies: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new(name);
    let originators = [("dlq-log", "exit 0"), ("dlq-poll", "exec sleep 600")];
    for (stage, usual) in originators.into_iter().chain(FILTERS) {
        let body = bodies.iter().find(|(name, _)| *name == stage);
        let body = body.map_or(usual, |(_, body)| *body);
        let started = format!("cd '{}'\necho {stage} \"$@\" >> started", bench.dir().display());
        bench.stub(stage, &format!("#!/bin/sh\n{started}\n{body}\n"));
    }
    bench.set("DLQ_BIN", bench.path("stubs"));
    bench.set("DLQ_PIPELINE_BACKOFF", "0.05");
    bench
}

fn start(bench: &Bench, args: &[&str]) -> Running {
    Running::spawn(bench.command(SCRIPT, args).stdin(Stdio::null()))
}

fn run(bench: &Bench, args: &[&str]) -> Output {
    let output = start(bench, args).finish();
    assert_no_process_left(bench);
    output
}

fn started(bench: &Bench, stage: &str) -> usize {
    let started = read_text(bench, "started");
    started.lines().filter(|line| line.starts_with(stage)).count()
}

#[test]
fn status_2_of_stage_ends_pipeline() {
    let bench = stages("status-2", &[("dlq-notify", "exit 2")]);
    let output = run(&bench, &[]);
    assert_eq!(output.code(), 2, "{output:?}");
    let message = "pipeline: error: dlq-notify ended with status 2; not restarting";
    assert!(output.stderr.contains(message), "{}", output.stderr);
    assert!(started(&bench, "dlq-poll") <= 1);
}

/// A message that reaches nobody changes no status: the pipeline would restart for ever.
#[test]
fn status_2_ends_pipeline_without_a_standard_error() {
    for end in ["closed", "without a reader"] {
        for (args, starts) in [("--bad", 0), ("", 1)] {
            let bench = stages("no-stderr", &[("dlq-notify", "exit 2")]);
            let closed = if end == "closed" { "2>&-" } else { "" };
            // A pipeline that restarts for ever is stopped.
            let line = format!("exec timeout 20 '{SCRIPT}' {args} {closed}");
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = bench.command("bash", &["-c", &line]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
            assert_eq!(command.status().unwrap().code(), Some(2), "{end}: {args}");
            assert!(started(&bench, "dlq-poll") <= starts);
            assert_no_process_left(&bench);
        }
    }
}

#[test]
fn replay_of_8_days_or_more_is_refused() {
    let bench = stages("since", &[("dlq-poll", "exit 0")]);
    for since in ["8d", "9d", "192h", "11520m", "691200"] {
        let output = run(&bench, &["--once", "--since", since]);
        assert_eq!(output.code(), 2, "{since}: {output:?}");
        let message = format!(
            "expected less than 8d, because the filters remember for 8 days what \
                               was sent and what is closed, found '{since}'"
        );
        assert!(output.stderr.contains(&message), "{}", output.stderr);
    }
    assert_eq!(started(&bench, "dlq-"), 0);
    for since in ["7d", "191h", "691199"] {
        assert_eq!(run(&bench, &["--once", "--since", since]).code(), 0, "{since}");
    }
}

#[test]
fn single_run_delivers_for_5_seconds_at_most() {
    let bench = stages("drain", &[("dlq-poll", "exit 0"), ("dlq-notify", "exec cat")]);
    assert_eq!(run(&bench, &["--once", "--once"]).code(), 0);
    let started = read_text(&bench, "started");
    let calls: Vec<&str> = started.lines().filter(|line| line.starts_with("dlq-notify")).collect();
    assert_eq!(calls, ["dlq-notify --drain 5s"]);
    // A pipeline that goes on has the default of the program.
    let bench = stages("no-drain", &[("dlq-notify", "exit 2")]);
    run(&bench, &[]);
    assert!(read_text(&bench, "started").lines().any(|line| line.trim_end() == "dlq-notify"));
}

#[test]
fn signal_is_forwarded_and_stages_end() {
    for (name, number) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        // The shell would also report that the signal ended its 'sleep'.
        let poll = "exec 2>/dev/null\ntrap 'echo stopped >> stopped; exit 0' TERM\necho > ready\n\
             while :; do sleep 0.02; done";
        let bench = stages("signal", &[("dlq-poll", poll)]);
        let mut running = start(&bench, &[]);
        wait_for("all run", || {
            bench.path("ready").exists()
                && FILTERS.iter().all(|(stage, _)| started(&bench, stage) == 1)
        });
        signal(name, running.pid());
        let output = running.finish();
        assert_eq!((output.code(), output.stderr.as_str()), (number, ""));
        // The script waits for its stages.
        assert_eq!(processes_of(&bench), [0; 0]);
        assert_eq!(read_text(&bench, "stopped"), "stopped\n");
    }
}

#[test]
fn dead_stage_is_named_and_all_restart() {
    for (stage, how, message) in [
        ("dlq-poll", "exit 1", "dlq-poll ended with status 1"),
        ("dlq-purge", "exit 5", "dlq-purge ended with status 5"),
        ("dlq-investigate", "exit 3", "dlq-investigate ended with status 3"),
        ("dlq-prs", "exit 4", "dlq-prs ended with status 4"),
        ("dlq-redrive", "exit 6", "dlq-redrive ended with status 6"),
        ("dlq-notify", "exit 7", "dlq-notify ended with status 7"),
        ("dlq-metrics", "kill -KILL $$", "dlq-metrics ended by signal 9"),
    ] {
        let usual = if stage == "dlq-poll" { "exec sleep 600" } else { "exec cat" };
        // The stage dies once, when all stages run.
        let all = "until [ $(wc -l < started) -ge 8 ]; do sleep 0.02; done";
        let body = format!("{all}\n[ -e again ] || {{ echo > again; {how}; }}\n{usual}");
        let bench = stages("restart", &[(stage, &body)]);
        let mut running = start(&bench, &[]);
        wait_for("all run again", || {
            let filters = FILTERS.map(|(stage, _)| stage);
            ["dlq-log", "dlq-poll"].iter().chain(&filters).all(|stage| started(&bench, stage) == 2)
        });
        signal("TERM", running.pid());
        let output = running.finish();
        assert_eq!(output.code(), 143);
        let message = format!("pipeline: warning: {message}; restarting in 0.05s\n");
        assert_eq!(output.stderr, message);
        assert_no_process_left(&bench);
    }
}

#[test]
fn once_returns_worst_status_of_stages() {
    let drain = |status: u8| format!("cat > /dev/null\nexit {status}");
    for (poll, investigate, notify, worst) in
        [(0, 0, 0, 0), (1, 0, 0, 1), (1, 3, 0, 3), (0, 3, 2, 2), (0, 2, 3, 2)]
    {
        let bench = stages(
            "once",
            &[
                ("dlq-poll", &format!("exit {poll}")),
                ("dlq-investigate", &drain(investigate)),
                ("dlq-notify", &drain(notify)),
            ],
        );
        let output = run(&bench, &["--once"]);
        assert_eq!(output.code(), worst, "{output:?}");
        let silent = worst == 0;
        assert_eq!(output.stderr.is_empty(), silent, "{}", output.stderr);
        assert_eq!(started(&bench, "dlq-"), 8);
    }
}

#[test]
fn journal_is_replayed_first_and_stages_get_arguments() {
    let bench = stages("journal", &[("dlq-log", "echo old; exit 1"), ("dlq-poll", "echo new")]);
    let output = run(&bench, &["--once", "--since", "2h", "--", "--region", "here"]);
    assert_eq!(output.code(), 0, "{output:?}");
    let warned =
        "pipeline: warning: dlq-log ended with status 1; the journal is replayed in part\n";
    // The warning of the script may come before, between or after the lines.
    assert!(output.stderr.contains(warned), "{}", output.stderr);
    assert_eq!(output.stderr.replace(warned, ""), "old\nnew\n");
    let mut started: Vec<String> =
        read_text(&bench, "started").lines().map(str::to_owned).collect();
    started.sort();
    assert_eq!(
        started,
        [
            "dlq-investigate --no-wait",
            "dlq-log --since 2h",
            "dlq-metrics",
            "dlq-notify --drain 5s",
            "dlq-poll --region here",
            "dlq-prs",
            "dlq-purge --archive-only",
            "dlq-redrive --auto",
        ]
    );
}

#[test]
fn sigkill_leaves_no_stage() {
    let bench = stages("kill", &[]);
    let mut running = start(&bench, &[]);
    wait_for("all run", || {
        started(&bench, "dlq-poll") == 1
            && FILTERS.iter().all(|(stage, _)| started(&bench, stage) == 1)
    });
    running.kill();
    assert_no_process_left(&bench);
}
