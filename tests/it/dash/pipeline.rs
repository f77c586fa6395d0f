//! The dashboard at the end of a pipeline: events on standard input, keys from the terminal, Ctrl-Z.

use super::{INCIDENT, bench, start};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::pty::is_same;
use crate::support::workbench::{Bench, signal, wait_for};

/// Returns the state of a process: `T` when it is stopped.
fn process_state(bench: &Bench, file: &str) -> Option<char> {
    let pid = std::fs::read_to_string(bench.path(file)).ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn ctrl_z_stops_the_whole_pipeline_and_fg_draws_anew() {
    let bench = Bench::new("dash-stop");
    bench.write("events", raised("orders-dlq", INCIDENT, seconds_ago(600), None));
    bench.write(
        "line.sh",
        "set -m; stty -a >before\n\
         sh -c 'echo $$ >writer; cat events; exec sleep 600' | \
         sh -c 'echo $$ >dash; exec dlq-dash'\n\
         stty -a >stopped; echo 'it is stopped'; read -r\n\
         fg; echo 'it has ended'; stty -a >after; kill %1 2>/dev/null; exit 0\n",
    );
    let mut pty = start(&bench, "source ./line.sh");
    pty.write("\x1a");
    pty.wait_for("the first screen", |pty| pty.modes() == (false, true));
    pty.wait_for_text("it is stopped");
    for file in ["writer", "dash"] {
        wait_for("a stopped process", || process_state(&bench, file) == Some('T'));
    }
    pty.write("\n");
    pty.wait_for("the full screen", |pty| pty.modes() == (true, false));
    pty.wait_for_text("orders-dlq");
    pty.write("j");
    pty.write("q");
    // The writer sleeps on: the shell waits for it, as with any pipeline.
    pty.wait_for("the first screen", |pty| pty.modes() == (false, true));
    let writer = std::fs::read_to_string(bench.path("writer")).unwrap();
    signal("TERM", writer.trim().parse().unwrap());
    pty.wait_for_text("it has ended");
    assert!(pty.finish().success());
    let modes = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
    assert_eq!((modes("stopped"), modes("after")), (modes("before"), modes("before")));
}

/// A process group without a shell to come back to is not stopped by the system.
#[test]
fn ctrl_z_without_a_shell_goes_on() {
    let bench = bench("dash-orphan");
    let mut pty = start(&bench, "exec dlq-dash");
    pty.write("\x1a");
    pty.wait_for("two begins", |pty| {
        let bytes = String::from_utf8_lossy(&pty.bytes()).into_owned();
        bytes.matches("\x1b[?1049h").count() == 2
    });
    pty.wait_for_text("orders-dlq");
    pty.write("q");
    assert!(pty.finish().success());
}

#[test]
fn stdin_brings_events_and_its_end_is_told() {
    let bench = Bench::new("dash-stdin");
    bench.write("events", raised("orders-dlq", INCIDENT, seconds_ago(600), None));
    bench.write("later", raised("payments-dlq", "i2", seconds_ago(300), None));
    let line = "(cat events; while [ ! -e go ]; do sleep 0.02; done; cat later) | dlq-dash";
    let mut pty = start(&bench, line);
    assert!(!pty.text().contains("payments-dlq"));
    bench.write("go", "");
    pty.wait_for_text("payments-dlq");
    pty.wait_for_text("ended");
    let before = pty.termios();
    pty.write("q");
    pty.wait_for("the first screen", |pty| pty.modes() == (false, true));
    assert!(!is_same(&pty.termios(), &before));
}

#[test]
fn follower_of_the_journal_feeds_dash() {
    let bench = bench("dash-follow");
    let mut pty = start(&bench, "dlq-log --follow | dlq-dash; echo \"status $?\"");
    let mut journal = std::fs::read(bench.state("journal.ndjson")).unwrap();
    journal.extend(raised("payments-dlq", "i2", seconds_ago(1), None).into_bytes());
    journal.extend(heartbeat(seconds_ago(0)).into_bytes());
    std::fs::write(bench.state("journal.ndjson"), journal).unwrap();
    pty.wait_for_text("payments-dlq");
    pty.write("q");
    pty.wait_for_text("status 0");
}

/// Standard output of a dashboard is not its screen.
#[test]
fn redirected_output_stays_empty() {
    let bench = bench("dash-redirected");
    let mut pty = start(&bench, "dlq-dash >out; echo \"status $?\"");
    pty.write("q");
    pty.wait_for_text("status 0");
    assert_eq!(std::fs::read(bench.path("out")).unwrap(), b"");
}
