//! dlq-peek - samples dead letters and says what they died of
//!
//! An originator when it is given queues, else a filter. A pass over a queue is in edge/peek.rs, the
//! decisions in rules/evidence/.

use std::process::ExitCode;

use dlq::args::{CommonOptions, Given, Overrides, ParseExit, unexpected};
use dlq::edge::aws::{self, Sqs};
use dlq::edge::peek::{PeekRequest, Peeker};
use dlq::error::Error;
use dlq::log;
use dlq::programs::PEEK;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, run_filter};

struct Options {
    peek: PeekRequest,
    dry_run: bool,
    overrides: Overrides,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        if let Some(empty) = given.operands.iter().find(|queue| queue.is_empty()) {
            return Err(unexpected(empty));
        }
        let peek = PeekRequest {
            queues: given.operands.clone(),
            incident: given.text("incident"),
            account: given.text("account"),
            messages: given.has("messages"),
            raw: given.has("raw"),
        };
        let dry_run = given.has("dry-run");
        let wrong = [
            (peek.raw && !peek.messages, "option '--raw' goes with '--messages'"),
            (peek.messages && peek.queues.is_empty(), "option '--messages' wants a queue"),
            (
                peek.messages && dry_run,
                "option '--messages' does not go with '--dry-run', which receives none",
            ),
            (
                peek.incident.is_some() && peek.queues.len() != 1,
                "option '--incident' wants one queue",
            ),
        ];
        match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, sentence)) => Err(ParseExit::wrong(sentence)),
            None => Ok(Options { peek, dry_run, overrides: given.overrides() }),
        }
    }
}

fn main() -> ExitCode {
    tool::main(&PEEK, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    let (mut settings, env) = tool::settings(&common)?;
    options.overrides.apply(&mut settings)?;
    aws::narrow(&mut settings.aws, |option| options.overrides.has(option));
    if options.peek.raw {
        log::warn("messages are shown without redaction, with any secrets in them");
    }
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    let store = tool::store(&settings, &env, !options.dry_run)?;
    let mut peeker = Peeker::open(sqs, settings, store, options.dry_run)?;
    let mut out = Output::new();
    let failed = if options.peek.queues.is_empty() {
        run_filter(&mut Input::stdin(), &mut out, &mut peeker)?
    } else {
        peeker.by_hand(&options.peek, &mut out)?
    };
    Ok(ExitOutcome::from_failed(failed))
}
