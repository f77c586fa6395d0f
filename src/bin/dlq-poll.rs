//! dlq-poll - finds dead-letter queues and reports when messages die
//!
//! An originator: prints an event for each edge and a heartbeat for each round. Requests are in
//! edge/aws.rs, a round in edge/poll.rs, the decisions in rules/queue/.

use std::process::ExitCode;

use dlq::args::{CommonOptions, Given, Overrides, ParseExit};
use dlq::config::Settings;
use dlq::edge::aws::{self, Sqs};
use dlq::edge::poll::{self, Poller, RunOptions};
use dlq::error::Error;
use dlq::glob::GlobList;
use dlq::journal::Journal;
use dlq::programs::POLL;
use dlq::tool::{self, ExitOutcome};

struct Options {
    run: RunOptions,
    list: bool,
    lint: bool,
    matching: Option<GlobList>,
    exclude: Option<GlobList>,
    overrides: Overrides,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        Ok(Options {
            run: RunOptions {
                queues: given.texts("queue"),
                follow: given.has("follow"),
                rounds: given.number("rounds"),
                refresh: given.has("refresh"),
                all: given.has("all"),
                check: given.has("check"),
                dry_run: given.has("dry-run"),
            },
            list: given.has("list"),
            lint: given.has("lint"),
            matching: given.globs("match")?,
            exclude: given.globs("exclude")?,
            overrides: given.overrides(),
        })
    }

    fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        self.overrides.apply(settings)?;
        aws::narrow(&mut settings.aws, |option| self.overrides.has(option));
        let monitoring = &mut settings.monitoring;
        if let Some(matching) = &self.matching {
            monitoring.matching = matching.clone();
        }
        if let Some(exclude) = &self.exclude {
            monitoring.exclude = exclude.clone();
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    tool::main(&POLL, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    let (mut settings, env) = tool::settings(&common)?;
    options.apply(&mut settings)?;
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    if options.list || options.lint {
        let shown = poll::show(&sqs, &settings.monitoring, options.lint);
        return shown.map(ExitOutcome::from_failed);
    }
    let store = tool::store(&settings, &env, !options.run.dry_run)?;
    let journal = Journal::new(&store, settings.state.rotation());
    let poller = Poller::open(sqs, settings.monitoring, options.run, store, journal)?;
    poller.rounds().map(ExitOutcome::from_failed)
}
