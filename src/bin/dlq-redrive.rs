//! dlq-redrive - puts dead letters back where they came from, a few first
//!
//! `rules/redrive/` decides what moves, in which steps, and what stops it; `edge/redrive.rs` does it.

use std::process::ExitCode;

use dlq::args::Given;
use dlq::edge::aws::{self, Sqs};
use dlq::edge::redrive::{AutoRedrive, RedriveCommand, RedriveRequest, Redriver};
use dlq::error::Error;
use dlq::log;
use dlq::programs::REDRIVE;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, run_filter};

fn main() -> ExitCode {
    tool::main(&REDRIVE, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    // Nobody waits for what the filter has started.
    if given.has("quiet") || given.has("due") {
        log::set_quiet();
    }
    let command = RedriveCommand::read(given)?;
    let request = RedriveRequest::read(given)?;
    command.check_input()?;
    let dry_run = given.has("dry-run");
    let (mut settings, env) = tool::settings(given)?;
    let mut out = Output::new();
    if command == RedriveCommand::Auto {
        let store = tool::store(&settings, &env, !dry_run)?;
        let mut filter = AutoRedrive::new(given, &settings, store)?;
        return run_filter(&mut Input::stdin(), &mut out, &mut filter)
            .map(ExitOutcome::from_failed);
    }
    aws::narrow(&mut settings.aws, |option| given.has(option));
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    let store = tool::store(&settings, &env, !dry_run)?;
    let redriver = Redriver::open(sqs, settings, store, dry_run)?;
    redriver.run_command(&command, &request, &mut out).map(ExitOutcome::from_failed)
}
