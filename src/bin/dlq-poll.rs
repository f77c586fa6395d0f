//! dlq-poll - finds dead-letter queues and tells when messages die
//!
//! An originator: it prints an event for each edge, and a heartbeat for each round. The asking is
//! in edge/sqs.rs, a round in edge/poll.rs, the decisions in rules/.

use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{CommonOptions, Given, Overrides, ParseExit};
use dlq::clock;
use dlq::config::Settings;
use dlq::edge::aws::Sqs;
use dlq::edge::poll::{self, Poller, Wants};
use dlq::error::Error;
use dlq::glob::GlobList;
use dlq::journal::Journal;
use dlq::programs::POLL;
use dlq::rules::queue::monitor::Policy;
use dlq::rules::queue::redrive_graph::Selection;
use dlq::rules::queue::schedule;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::Output;

struct Options {
    follow: bool,
    rounds: Option<u64>,
    queues: Vec<String>,
    refresh: bool,
    all: bool,
    list: bool,
    lint: bool,
    check: bool,
    dry_run: bool,
    matching: Option<GlobList>,
    exclude: Option<GlobList>,
    overrides: Overrides,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        Ok(Options {
            follow: given.has("follow"),
            rounds: given.number("rounds"),
            queues: given.texts("queue"),
            refresh: given.has("refresh"),
            all: given.has("all"),
            list: given.has("list"),
            lint: given.has("lint"),
            check: given.has("check"),
            dry_run: given.has("dry-run"),
            matching: given.globs("match")?,
            exclude: given.globs("exclude")?,
            overrides: given.overrides(),
        })
    }

    fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        self.overrides.apply(settings)?;
        poll::narrow(&mut settings.aws, |option| self.overrides.has(option));
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
    let sqs = Sqs::connect(&poll::scopes(&settings.aws, &env), &poll::limits(&settings))?;
    if options.list || options.lint {
        return poll::show(&sqs, &wants(&options, &settings), options.lint);
    }
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let journal = Journal::of(&store, &settings.state);
    let interval = settings.monitoring.check_interval;
    let policy = policy(&options, &settings);
    let poller = Poller::open(sqs, wants(&options, &settings), policy, &store, journal)?;
    rounds(poller, &options, interval)
}

fn rounds(mut poller: Poller, options: &Options, interval: Duration) -> Result<ExitOutcome, Error> {
    let (begun, salt) = (clock::tick(), u64::from(std::process::id()));
    let (mut out, mut beat) = (Output::new(), 0);
    let last = options.rounds.unwrap_or(if options.follow { u64::MAX } else { 1 });
    for number in 1..=last {
        let round = poller.round()?;
        for line in &round.lines {
            out.line(line)?;
        }
        if number == last {
            return Ok(ExitOutcome::from_failed(
                round.missed || (options.check && round.raised > 0),
            ));
        }
        let (next, moment) = schedule::next_tick(beat, interval, begun.elapsed(), salt);
        beat = next;
        poller.wait_until(begun + moment);
    }
    Ok(ExitOutcome::Done)
}

fn wants(options: &Options, settings: &Settings) -> Wants {
    let monitoring = &settings.monitoring;
    Wants {
        given: options.queues.clone(),
        selection: Selection {
            matching: monitoring.matching.clone(),
            exclude: monitoring.exclude.clone(),
        },
        discover: monitoring.discover,
        patterns: monitoring.patterns.clone(),
        ttl: monitoring.discovery_interval,
        refresh: options.refresh,
        interval: monitoring.check_interval,
        follow: options.follow || options.rounds.is_some(),
        dry_run: options.dry_run,
    }
}

fn policy(options: &Options, settings: &Settings) -> Policy {
    let monitoring = &settings.monitoring;
    Policy {
        threshold: monitoring.notification_threshold,
        clear_after: u64::from(monitoring.clear_after),
        growth_factor: monitoring.growth_factor,
        tiers: monitoring.expiry_tiers.clone(),
        all: options.all,
    }
}
