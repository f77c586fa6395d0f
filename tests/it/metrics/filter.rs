//! The filter and the text file.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use super::{add, once, value, with_journal};
use crate::support::event_lines::{heartbeat, raised, seconds_ago, unusual_lines};
use crate::support::workbench::{Bench, Running, wait_for};

#[test]
fn lines_pass_byte_for_byte() {
    let bench = with_journal("metrics-pass");
    let lines = unusual_lines() + &heartbeat(seconds_ago(3)).repeat(50);
    for args in [&[][..], &["--textfile", "m.prom"], &["--listen", "127.0.0.1:0"]] {
        let output = bench.run("dlq-metrics", args, &lines);
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{args:?}");
        assert_eq!(output.text(), lines, "{args:?}");
    }
    let bad = bench.run("dlq-metrics", &[], "not json\n{}\n");
    assert_eq!((bad.code(), bad.text()), (1, "{}\n".to_owned()));
}

/// A state folder is not needed to pass lines.
#[test]
fn filter_without_a_place_touches_no_state() {
    let bench = Bench::new("metrics-idle");
    let output = bench.run("dlq-metrics", &[], heartbeat(seconds_ago(1)));
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert!(!bench.state("").exists());
}

#[test]
fn reader_that_leaves_ends_the_filter_in_silence() {
    let bench = with_journal("metrics-pipe");
    let output = bench.shell(
        "{ yes '{\"a\":1}' | dlq-metrics --textfile m.prom; echo \"status $?\" >&2; } | head -1",
    );
    assert_eq!((output.text().as_str(), output.stderr.as_str()), ("{\"a\":1}\n", "status 0\n"));
}

#[test]
fn text_file_is_whole_at_any_moment_and_readable_by_all() {
    let bench = with_journal("metrics-file");
    let path = bench.path("dlq.prom");
    let args = ["--once", "--textfile", path.to_str().unwrap()];
    let done = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            for n in 0..30 {
                add(&bench, &raised("a-dlq", &format!("i-{n}"), seconds_ago(1), None));
                let pair = [0, 1].map(|_| {
                    let mut command = bench.command("dlq-metrics", &args);
                    Running::spawn(command.stdin(Stdio::null()))
                });
                for mut running in pair {
                    let output = running.finish();
                    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
                    assert_eq!(output.text(), "");
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        let (mut newest, mut read) = (0.0, 0);
        while !done.load(Ordering::Relaxed) || read == 0 {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            // The last family of the table ends the text.
            assert!(text.ends_with('\n') && text.contains("\ndlq_state_free_bytes "), "{text}");
            let count = value(&text, "dlq_incidents_raised_total");
            assert!(count >= newest, "an older text has replaced a newer one");
            (newest, read) = (count, read + 1);
        }
    });
    assert_eq!(value(&std::fs::read_to_string(&path).unwrap(), "dlq_incidents_raised_total"), 31.0);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(!bench.path(".dlq.prom.tmp").exists());
}

#[test]
fn text_file_that_cannot_be_written_is_told_once() {
    let bench = with_journal("metrics-no-file");
    let line = heartbeat(seconds_ago(1));
    let output =
        bench.run("dlq-metrics", &["--textfile", "/no/such/folder/m.prom"], line.repeat(2));
    assert_eq!((output.code(), output.text()), (1, line.repeat(2)));
    let warning = "dlq-metrics: warning: cannot write '/no/such/folder/.m.prom.tmp': no such file or \
                   directory\n";
    assert_eq!(output.stderr, warning);
}

#[test]
fn configured_places_apply_and_a_found_configuration_may_not_choose_them() {
    let mut bench = with_journal("metrics-config");
    let path = bench.path("configured.prom");
    bench.configure(&format!("metrics: {{textfile: {}}}", path.display()));
    let output = bench.run("dlq-metrics", &["--once"], "");
    assert_eq!((output.code(), output.text().as_str()), (0, ""));
    assert!(path.exists());
    bench.configure("metrics: {listen: nowhere}");
    let output = bench.run("dlq-metrics", &["--once"], "");
    assert_eq!(output.code(), 2);
    assert!(output.stderr.contains("expected an address with a port"), "{}", output.stderr);
}

/// A filter whose stream is silent still brings the file up to date.
#[test]
fn heartbeat_brings_the_file_up_to_date_within_seconds() {
    let bench = with_journal("metrics-beat");
    let mut running = bench.start("dlq-metrics", &["--textfile", "m.prom"]);
    let count = || {
        let text = std::fs::read_to_string(bench.path("m.prom")).unwrap_or_default();
        super::found(&text, "dlq_incidents_raised_total")
    };
    wait_for("the file is written at the start", || count() == Some(1.0));
    add(&bench, &raised("b-dlq", "i-2", seconds_ago(1), None));
    // Too early for another update: it follows a second later, without another line.
    running.write(heartbeat(seconds_ago(0)));
    wait_for("the heartbeat updates the file", || count() == Some(2.0));
    assert_eq!(running.finish().code(), 0);
    assert_eq!(value(&once(&bench), "dlq_incidents_raised_total"), 2.0);
}
