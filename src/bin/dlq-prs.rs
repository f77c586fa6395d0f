//! dlq-prs - opens pull requests for proven fixes, watches pull requests, and reminds

use std::process::ExitCode;

use dlq::args::Given;
use dlq::config::Switches;
use dlq::edge::prs::Prs;
use dlq::edge::prs::filter::{PullRequestFilter, child_command};
use dlq::error::Error;
use dlq::programs::PRS;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output, run_filter};

fn main() -> ExitCode {
    tool::main(&PRS, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(given)?;
    let is_dry = given.has("dry-run");
    let store = tool::store(&settings, &env, !is_dry)?;
    let prs = Prs::new(store, &settings, &env, is_dry);
    let mut out = Output::new();
    if let Some(session) = given.text("open") {
        return prs.open(&session, &mut out).map(ExitOutcome::from_failed);
    }
    if given.has("open-due") {
        return prs.open_due(&mut out).map(ExitOutcome::from_failed);
    }
    let interval = settings.github.interval;
    if given.has("follow") {
        return prs.follow(interval, &mut out).map(ExitOutcome::from_failed);
    }
    if given.has("once") || wire::stdin_is_terminal() || wire::stdin_is_null() {
        return prs.look(&mut out).map(ExitOutcome::from_failed);
    }
    if is_dry {
        return Err(Error::wrong(
            "-n writes no events into a pipeline; give it with --once, --follow, --open or --open-due",
        ));
    }
    let command = child_command(given)?;
    let switches = Switches::new(&settings);
    let mut filter = PullRequestFilter::new(command, switches, interval, prs.is_configured()?);
    run_filter(&mut Input::stdin(), &mut out, &mut filter).map(ExitOutcome::from_failed)
}
