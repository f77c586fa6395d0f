//! dlq-poll - finds dead-letter queues and reports when messages die
//!
//! An originator: prints an event for each edge and a heartbeat for each round. Requests are in
//! edge/aws.rs, a round in edge/poll.rs, the decisions in rules/queue/.

use std::process::ExitCode;

use dlq::args::Given;
use dlq::edge::aws::{self, Sqs};
use dlq::edge::poll::{self, Poller, RunOptions};
use dlq::error::Error;
use dlq::journal::Journal;
use dlq::programs::POLL;
use dlq::tool::{self, ExitOutcome};

fn main() -> ExitCode {
    tool::main(&POLL, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let mut run_options = RunOptions {
        queues: given.texts("queue"),
        follow: given.has("follow"),
        rounds: given.number("rounds"),
        refresh: given.has("refresh"),
        all: given.has("all"),
        check: given.has("check"),
        dry_run: given.has("dry-run"),
        patterns: Vec::new(),
    };
    let (mut settings, env) = tool::settings(given)?;
    aws::narrow(&mut settings.aws, |option| given.has(option));
    run_options.patterns = poll::named_patterns(&settings, |option| given.has(option));
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    let lint = given.has("lint");
    if given.has("list") || lint {
        return poll::show(&sqs, &settings.monitoring, &run_options.patterns, lint)
            .map(ExitOutcome::from_failed);
    }
    let store = tool::store(&settings, &env, !given.has("dry-run"))?;
    let journal = Journal::new(&store, settings.state.rotation());
    let poller = Poller::open(sqs, settings.monitoring, run_options, store, journal)?;
    poller.rounds().map(ExitOutcome::from_failed)
}
