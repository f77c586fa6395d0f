//! `dlq-dash`: the full screen on a terminal, the way back from it, its sources, and `--once`.

mod actions;
mod leaving;
mod once;
mod picture;
mod pipeline;
mod sources;
mod tmux;

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::pty::Pty;
use crate::support::workbench::{Bench, wait_for};

/// An incident id.
const INCIDENT: &str = "1f2e3d4c-0000-8000-8000-000000000001";

/// Returns a bench whose journal has an incident of `orders-dlq`.
fn bench(name: &str) -> Bench {
    let bench = Bench::new(name);
    let lines = raised("orders-dlq", INCIDENT, seconds_ago(600), None) + &heartbeat(seconds_ago(5));
    bench.write("state/journal.ndjson", lines);
    bench
}

/// Starts a line of bash that runs the dashboard, and waits for its first frame.
#[track_caller]
fn start(bench: &Bench, line: &str) -> Pty {
    let pty = Pty::start(bench, line, 80, 24);
    pty.wait_for_text("orders-dlq");
    pty
}

/// Returns a line that notes the process id in the file `pid`, and runs the dashboard as that process.
fn noted(args: &str) -> String {
    format!("sh -c 'echo $$ >pid; exec dlq-dash {args}'; echo \"status $?\"")
}

/// Returns the process id of the dashboard that [`noted`] has started.
#[track_caller]
fn noted_pid(bench: &Bench) -> i32 {
    let pid = || std::fs::read_to_string(bench.path("pid")).ok()?.trim().parse().ok();
    wait_for("the process id", || pid().is_some());
    pid().unwrap()
}
