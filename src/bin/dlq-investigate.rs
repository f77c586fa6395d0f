//! dlq-investigate - decides which incidents are investigated, and starts investigations
//!
//! A filter: every line is passed on, byte for byte, before anything is decided about it. Decisions
//! are in rules/investigation/, the stream in edge/investigate/filter.rs, sessions in
//! edge/sessions.rs. The supervisor of a session is dlq-supervise.

use std::process::ExitCode;

use dlq::args::Given;
use dlq::config::Switches;
use dlq::edge::investigate::filter::Filter;
use dlq::edge::sessions::SessionRunner;
use dlq::error::Error;
use dlq::programs::INVESTIGATE;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, StreamFilter, run_filter};

fn main() -> ExitCode {
    tool::main(&INVESTIGATE, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let dry_run = given.has("dry-run");
    let (settings, env) = tool::settings(given)?;
    let store = tool::store(&settings, &env, !dry_run)?;
    let runner = SessionRunner::open(store, &settings, &env, dry_run)?;
    if let Some(queue) = given.text("explain") {
        return dlq::wire::print(&runner.explain(&queue)?).map(|()| ExitOutcome::Done);
    }
    let stopped = given.text("stop");
    if let Some(session) = &stopped {
        runner.stop(session)?;
    }
    let retried = given.text("retry");
    if let Some(queue) = &retried {
        runner.retry(queue)?;
    }
    let resumed = given.text("resume").map(|session| runner.resume(&session)).transpose()?;
    let proven = given.text("prove").map(|session| runner.prove(&session));
    let is_request = retried.is_some() || resumed.is_some();
    let mut out = Output::new();
    let switches = Switches::new(&settings);
    let mut filter = Filter::new(runner, switches, dry_run, given.has("no-wait"), resumed);
    if let Some(proven) = proven {
        filter.print_pending(&mut out)?;
        return proven.map(|is_known| ExitOutcome::from_failed(!is_known));
    }
    if stopped.is_some() {
        return filter.print_pending(&mut out).map(|()| ExitOutcome::Done);
    }
    let failed = match is_request {
        true => filter.finish(&mut out),
        false => run_filter(&mut Input::stdin(), &mut out, &mut filter),
    };
    failed.map(ExitOutcome::from_failed)
}
