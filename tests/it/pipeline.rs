//! `scripts/pipeline`, with stages that are small scripts: what it restarts, forwards and returns.

use std::process::Stdio;

use crate::stream::{noted, nothing_is_left};
use crate::workbench::{Bench, Output, Running, at_work, signal, wait_for};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pipeline");

/// Each stage notes that it was started; without a body of its own the first waits for ever and
/// the others pass lines on.
fn stages(name: &str, bodies: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new(name);
    for (stage, usual) in [
        ("dlq-log", "exit 0"),
        ("dlq-poll", "exec sleep 600"),
        ("dlq-investigate", "exec cat"),
        ("dlq-notify", "exec cat >&2"),
    ] {
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
    Running::of(bench.command(SCRIPT, args).stdin(Stdio::null()))
}

fn run(bench: &Bench, args: &[&str]) -> Output {
    let output = start(bench, args).finish();
    nothing_is_left(bench);
    output
}

fn started(bench: &Bench, stage: &str) -> usize {
    let started = noted(bench, "started");
    started.lines().filter(|line| line.starts_with(stage)).count()
}

#[test]
fn wrong_configuration_ends_it() {
    let bench = stages("status-2", &[("dlq-notify", "exit 2")]);
    let output = run(&bench, &[]);
    assert_eq!(output.code(), 2, "{output:?}");
    let said = "pipeline: error: dlq-notify ended with status 2; not restarting";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    assert!(started(&bench, "dlq-poll") <= 1);
}

#[test]
fn a_signal_is_forwarded_and_all_stages_go() {
    for (name, number) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        // The shell would say that the signal ended its 'sleep' as well.
        let poll = "exec 2>/dev/null\ntrap 'echo told >> told; exit 0' TERM\necho > ready\n\
             while :; do sleep 0.02; done";
        let bench = stages("signal", &[("dlq-poll", poll)]);
        let mut running = start(&bench, &[]);
        wait_for("all run", || {
            started(&bench, "dlq-notify") == 1
                && started(&bench, "dlq-investigate") == 1
                && bench.path("ready").exists()
        });
        signal(name, running.pid());
        let output = running.finish();
        assert_eq!((output.code(), output.stderr.as_str()), (number, ""));
        // It has waited for them.
        assert_eq!(at_work(&bench), [0; 0]);
        assert_eq!(noted(&bench, "told"), "told\n");
    }
}

#[test]
fn a_stage_that_dies_is_named_and_all_are_started_again() {
    for (stage, how, said) in [
        ("dlq-poll", "exit 1", "dlq-poll ended with status 1"),
        ("dlq-investigate", "exit 3", "dlq-investigate ended with status 3"),
        ("dlq-notify", "kill -KILL $$", "dlq-notify ended by signal 9"),
    ] {
        let usual = if stage == "dlq-poll" { "exec sleep 600" } else { "exec cat" };
        // It dies when all run, and only once.
        let all = "until [ $(wc -l < started) -ge 4 ]; do sleep 0.02; done";
        let body = format!("{all}\n[ -e again ] || {{ echo > again; {how}; }}\n{usual}");
        let bench = stages("restart", &[(stage, &body)]);
        let mut running = start(&bench, &[]);
        wait_for("all run again", || {
            let stages = ["dlq-log", "dlq-poll", "dlq-investigate", "dlq-notify"];
            stages.iter().all(|stage| started(&bench, stage) == 2)
        });
        signal("TERM", running.pid());
        let output = running.finish();
        assert_eq!(output.code(), 143);
        let said = format!("pipeline: warning: {said}; restarting in 0.05s\n");
        assert_eq!(output.stderr, said);
        nothing_is_left(&bench);
    }
}

#[test]
fn once_ends_with_the_worst_of_its_stages() {
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
        assert_eq!(started(&bench, "dlq-"), 4);
    }
}

#[test]
fn the_journal_goes_first_and_each_program_gets_its_arguments() {
    let bench = stages("journal", &[("dlq-log", "echo old; exit 1"), ("dlq-poll", "echo new")]);
    let output = run(&bench, &["--once", "--since", "2h", "--", "--region", "here"]);
    assert_eq!(output.code(), 0, "{output:?}");
    let warned =
        "pipeline: warning: dlq-log ended with status 1; the journal is replayed in part\n";
    // The warning is the script's own, and meets the lines in any order.
    assert!(output.stderr.contains(warned), "{}", output.stderr);
    assert_eq!(output.stderr.replace(warned, ""), "old\nnew\n");
    let mut started: Vec<String> = noted(&bench, "started").lines().map(str::to_owned).collect();
    started.sort();
    assert_eq!(
        started,
        [
            "dlq-investigate --no-wait",
            "dlq-log --since 2h",
            "dlq-notify ",
            "dlq-poll --region here",
        ]
        .map(|line| line.trim_end().to_owned())
    );
}

#[test]
fn killed_outright_it_leaves_no_stage() {
    let bench = stages("kill", &[]);
    let mut running = start(&bench, &[]);
    wait_for("all run", || {
        ["dlq-poll", "dlq-investigate", "dlq-notify"]
            .iter()
            .all(|stage| started(&bench, stage) == 1)
    });
    running.kill();
    nothing_is_left(&bench);
}
