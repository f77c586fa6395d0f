//! dlq-investigate - decides which incidents are investigated, and starts investigations
//!
//! A filter: every line is passed on, byte for byte, before anything is decided about it. Decisions
//! are in rules/investigation/, the stream in edge/investigate/filter.rs, sessions in
//! edge/sessions.rs. The supervisor of a session is dlq-supervise.

use std::process::ExitCode;

use dlq::args::{CommonOptions, Given, ParseExit};
use dlq::config::Switches;
use dlq::edge::investigate::filter::Filter;
use dlq::edge::sessions::SessionRunner;
use dlq::error::Error;
use dlq::programs::INVESTIGATE;
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
    let store = tool::store(&settings, &env, !options.dry_run)?;
    let runner = SessionRunner::open(store, &settings, &env, options.dry_run)?;
    if let Some(queue) = &options.explain {
        return dlq::wire::print(&runner.explain(queue)?).map(|()| ExitOutcome::Done);
    }
    if let Some(session) = &options.stop {
        runner.stop(session)?;
    }
    if let Some(queue) = &options.retry {
        runner.retry(queue)?;
    }
    let resumed = options.resume.as_ref().map(|session| runner.resume(session)).transpose()?;
    let is_request = options.retry.is_some() || resumed.is_some();
    let mut out = Output::new();
    let switches = Switches::new(&settings);
    let mut filter = Filter::new(runner, switches, options.dry_run, options.no_wait, resumed);
    if options.stop.is_some() {
        return filter.print_pending(&mut out).map(|()| ExitOutcome::Done);
    }
    let failed = match is_request {
        true => filter.finish(&mut out),
        false => run_filter(&mut Input::stdin(), &mut out, &mut filter),
    };
    failed.map(ExitOutcome::from_failed)
}
