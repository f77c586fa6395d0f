//! Commands that hang, what a run leaves when it is killed, and notices of checks that fail.

use std::path::Path;

use serde_json::Value;

use super::doctor;
use crate::support::poll::{bench, journal};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::{Bench, is_alive, signal, wait_for};

/// A script that hangs with children in other groups and sessions, and notes all of them.
const HANGS: &str = "#!/bin/sh\necho $$ >> pids\n\
                     setsid sh -c 'echo $$ >> pids; sleep 600 & echo $! >> pids; wait' &\n\
                     sleep 600 & echo $! >> pids\nwait\n";

/// What the checks start: with the environment of the program, and git and bwrap with another one.
const PROGRAMS: [&str; 5] = ["claude", "secretive", "pager", "git", "bwrap"];

fn hanging(name: &str, sqs: &FakeSqs) -> Bench {
    let mut bench = bench(name, &sqs.url);
    bench.configure(
        "auto_investigation: {enabled: true, agent: claude, auth: {command: [secretive]}, \
         queues: [{match: '*', repo: .}]}\n\
         notifications: {channels: {pager: {type: exec, command: [pager]}}}\n",
    );
    for program in PROGRAMS {
        bench.stub(program, &HANGS.replace("pids", &format!("{program}.pids")));
    }
    bench
}

/// Returns the processes that a script has noted.
fn noted(folder: &Path, program: &str) -> Vec<i32> {
    let text = std::fs::read_to_string(folder.join(format!("{program}.pids")));
    text.unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
}

fn all_noted(bench: &Bench) -> Vec<i32> {
    PROGRAMS.iter().flat_map(|one| noted(bench.dir(), one)).collect()
}

#[test]
fn commands_that_hang_are_failed_checks_and_leave_no_process() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let bench = hanging("doctor-hangs", &sqs);
    let found = doctor(&bench, &["--send"]);
    found.assert_failed("investigator", "does not end");
    found.assert_failed("investigator.credential", "no result within 8s");
    found.assert_failed("channel pager", "");
    for program in PROGRAMS {
        let pids = noted(bench.dir(), program);
        assert!(pids.len() >= 3, "{program}: {pids:?}");
    }
    let pids = all_noted(&bench);
    wait_for("the end of what was started", || !pids.iter().any(|pid| is_alive(*pid)));
}

#[test]
fn killed_run_leaves_no_process() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    for name in ["KILL", "TERM", "INT"] {
        let bench = hanging("doctor-killed", &sqs);
        let mut running = bench.start("dlq-doctor", &["--send"]);
        wait_for("the commands", || {
            PROGRAMS.iter().all(|program| noted(bench.dir(), program).len() >= 4)
        });
        signal(name, running.pid());
        let output = running.finish();
        assert!(output.status.code().is_none(), "a death by signal: {output:?}");
        let pids = all_noted(&bench);
        wait_for("the end of what was started", || !pids.iter().any(|pid| is_alive(*pid)));
    }
}

/// The programs of the desktop and of speech, as Linux and macOS have them.
#[test]
fn channels_whose_programs_hang_are_failed_checks() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("doctor-channels", &sqs.url);
    bench.configure(
        "notifications: {channels: {desk: {type: desktop}, voice: {type: speech, engine: local}}}\n",
    );
    let programs = ["notify-send", "osascript", "espeak-ng", "espeak", "spd-say", "say"];
    for program in programs {
        bench.stub(program, &HANGS.replace("pids", &format!("{program}.pids")));
    }
    let found = doctor(&bench, &["--send"]);
    found.assert_failed("channel desk", "");
    found.assert_failed("channel voice", "");
    let pids: Vec<i32> = programs.iter().flat_map(|one| noted(bench.dir(), one)).collect();
    assert!(pids.len() >= 6, "{pids:?}");
    wait_for("the end of what was started", || !pids.iter().any(|pid| is_alive(*pid)));
}

#[test]
fn limit_is_an_option() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let bench = hanging("doctor-limit", &sqs);
    let found = doctor(&bench, &["--limit", "1s"]);
    found.assert_failed("investigator", "no result within 1s");
    assert!(found.took.as_secs() < 6, "{:?}", found.took);
}

#[test]
fn failing_check_leads_to_one_notice() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("doctor-notice", &sqs.url);
    bench.configure("auto_investigation: {enabled: true, agent: [/no/such/agent]}\n");
    let line = "dlq-doctor --json | dlq-notify";
    let first = bench.shell(line);
    assert!(first.stderr.contains("check 'investigator' fails"), "{first:?}");
    let events = journal(&bench);
    let checked = events.iter().find(|event| event["type"] == "health.checked").unwrap();
    let passed: Value = serde_json::from_str(first.text().lines().next().unwrap()).unwrap();
    assert_eq!(&passed, checked, "the line that was passed on is that of the journal");
    let again = bench.shell(line);
    assert!(!again.stderr.contains("fails"), "{again:?}");
    bench.configure("auto_investigation: {enabled: true, agent: triage}\n");
    let well = bench.shell("dlq-doctor --json");
    assert_eq!(well.code(), 0, "{well:?}");
}

#[test]
fn table_has_every_check_with_its_remedy_and_no_control_character() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("doctor-table", &sqs.url);
    bench.configure("auto_investigation: {enabled: true, agent: [\"/no/\\e[31m\\u202eagent\"]}\n");
    let output = bench.run("dlq-doctor", &["-n"], "");
    assert_eq!(output.code(), 1, "{output:?}");
    let text = output.text();
    assert!(text.contains("\ninvestigator             failed"), "{text}");
    assert!(text.contains("remedy: install it, or correct auto_investigation.agent"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert!(text.lines().last().unwrap().contains(" checks: "), "{text}");
    assert!(!bench.state("").exists(), "a dry run writes nothing");
    let json = bench.run("dlq-doctor", &["-n", "--json"], "");
    let event: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(!bench.state("").exists() && event["severitytext"] == "ERROR");
}

#[test]
fn wrong_configuration_ends_with_2() {
    let mut bench = Bench::new("doctor-wrong");
    bench.configure("aws: {regon: x}\n");
    assert_eq!(bench.run("dlq-doctor", &[], "").code(), 2);
    for limit in ["x", "0s", "0", "500ms", "2h", "99999999999999d"] {
        let refused = bench.run("dlq-doctor", &["--limit", limit], "");
        let expected =
            format!("option '--limit': expected a duration from 1s to 1h, found '{limit}'");
        assert_eq!(refused.code(), 2, "{refused:?}");
        assert!(refused.stderr.contains(&expected), "{refused:?}");
    }
}
