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
use dlq::log;
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
    let switches = Switches::new(&settings);
    if let Some(queue) = given.text("explain") {
        return dlq::wire::print(&runner.explain(&queue)?).map(|()| ExitOutcome::Done);
    }
    let mut out = Output::new();
    if let Some(session) = given.text("stop") {
        runner.stop(&session)?;
        let mut filter = Filter::new(runner, switches, dry_run, true);
        return filter.print_pending(&mut out).map(|()| ExitOutcome::Done);
    }
    let retried = given.text("retry");
    if let Some(queue) = &retried {
        runner.retry(queue)?;
    }
    let resumed = given.text("resume").map(|session| runner.resume(&session)).transpose()?;
    let mut filter = Filter::new(runner, switches, dry_run, given.has("no-wait"));
    let failed = if let Some(id) = resumed {
        log::info(&format!("session {id} is started"));
        filter.wait_for(id);
        filter.finish(&mut out)?
    } else if retried.is_some() {
        filter.finish(&mut out)?
    } else {
        run_filter(&mut Input::stdin(), &mut out, &mut filter)?
    };
    Ok(ExitOutcome::from_failed(failed))
}
