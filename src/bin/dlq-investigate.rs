//! dlq-investigate - decides which incidents are investigated, and starts investigations
//!
//! A filter: every line is passed on, byte for byte, before anything is decided about it. Decisions
//! are in rules/investigation/, the stream in edge/investigate/filter.rs, sessions in
//! edge/sessions.rs. The supervisor of a session is dlq-supervise.

use std::process::ExitCode;

use dlq::args::{CommonOptions, Given, ParseExit};
use dlq::config::Switches;
use dlq::edge::investigate::filter::Filter;
use dlq::edge::sessions::Desk;
use dlq::error::Error;
use dlq::log;
use dlq::programs::INVESTIGATE;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, StreamFilter, run_filter};

struct Options {
    no_wait: bool,
    dry_run: bool,
    stop: Option<String>,
    retry: Option<String>,
    resume: Option<String>,
    explain: Option<String>,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        Ok(Options {
            no_wait: given.has("no-wait"),
            dry_run: given.has("dry-run"),
            stop: given.text("stop"),
            retry: given.text("retry"),
            resume: given.text("resume"),
            explain: given.text("explain"),
        })
    }
}

fn main() -> ExitCode {
    tool::main(&INVESTIGATE, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(&common)?;
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let desk = Desk::open(store, &settings, &env, options.dry_run)?;
    let switches = Switches::new(&settings);
    if let Some(queue) = &options.explain {
        return dlq::wire::print(&desk.explain(queue)?).map(|()| ExitOutcome::Done);
    }
    let mut out = Output::new();
    let dry_run = options.dry_run;
    if let Some(session) = &options.stop {
        desk.stop(session)?;
        let mut filter = Filter::new(desk, switches, dry_run, true);
        return filter.catch_up(&mut out).map(|()| ExitOutcome::Done);
    }
    if let Some(queue) = &options.retry {
        desk.retry(queue)?;
        let mut filter = Filter::new(desk, switches, dry_run, options.no_wait);
        return filter.finish(&mut out).map(ExitOutcome::from_failed);
    }
    if let Some(session) = &options.resume {
        let id = desk.resume(session)?;
        log::info(&format!("session {id} is started"));
        let mut filter = Filter::new(desk, switches, dry_run, options.no_wait);
        filter.wait_for(id);
        return filter.finish(&mut out).map(ExitOutcome::from_failed);
    }
    let mut filter = Filter::new(desk, switches, dry_run, options.no_wait);
    run_filter(&mut Input::stdin(), &mut out, &mut filter).map(ExitOutcome::from_failed)
}
