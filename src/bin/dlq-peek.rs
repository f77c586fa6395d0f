//! dlq-peek - samples dead letters and says what they died of
//!
//! An originator when it is given queues, else a filter. A pass over a queue is in edge/peek.rs,
//! the decisions in rules/evidence/.

use std::process::ExitCode;

use dlq::args::Given;
use dlq::edge::aws::{self, Sqs};
use dlq::edge::peek::{PeekRequest, Peeker, queue_required};
use dlq::error::Error;
use dlq::log;
use dlq::programs::PEEK;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output, run_filter};

fn main() -> ExitCode {
    tool::main(&PEEK, run)
}

fn request(given: &Given) -> PeekRequest {
    PeekRequest {
        queues: given.operands.clone(),
        incident: given.text("incident"),
        account: given.text("account"),
        messages: given.has("messages"),
        raw: given.has("raw"),
    }
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let peek = request(given);
    let dry_run = given.has("dry-run");
    let (mut settings, env) = tool::settings(given)?;
    if peek.queues.is_empty() && wire::stdin_is_terminal() {
        return Err(queue_required(&tool::store(&settings, &env, false)?));
    }
    aws::narrow(&mut settings.aws, |option| given.has(option));
    if peek.raw {
        log::warn("messages are shown without redaction, with any secrets in them");
    }
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    let store = tool::store(&settings, &env, !dry_run)?;
    let mut peeker = Peeker::open(sqs, settings, store, dry_run)?;
    let mut out = Output::new();
    let failed = if peek.queues.is_empty() {
        run_filter(&mut Input::stdin(), &mut out, &mut peeker)?
    } else {
        peeker.by_hand(&peek, &mut out)?
    };
    Ok(ExitOutcome::from_failed(failed))
}
