//! dlq-poll - finds dead-letter queues and tells when messages die
//!
//! An originator: it prints an event for each edge, and a heartbeat for each round. The asking is
//! in edge/sqs.rs, a round in edge/poll.rs, the decisions in rules/.

use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::clock;
use dlq::config::{self, Settings};
use dlq::edge::aws::Sqs;
use dlq::edge::poll::{self, Poller, Wants};
use dlq::error::Error;
use dlq::event::Type;
use dlq::glob::GlobList;
use dlq::journal::Journal;
use dlq::rules::queue::monitor::Policy;
use dlq::rules::queue::redrive_graph::Selection;
use dlq::rules::queue::schedule;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire::Output;

const TOOL: Tool = Tool {
    name: "dlq-poll",
    help: include_str!("help/dlq-poll.txt"),
    emits: &[
        Type::QueueFound,
        Type::QueueGone,
        Type::QueuePolled,
        Type::QueueRaised,
        Type::QueueGrew,
        Type::QueueExpiring,
        Type::QueueLossSuspected,
        Type::QueueCleared,
        Type::QueueUnreadable,
        Type::QueueReadable,
        Type::QueueLinted,
        Type::PollFinished,
        Type::PollFailed,
    ],
};

#[derive(Debug, Default, PartialEq)]
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
    matching: Vec<String>,
    exclude: Vec<String>,
    /// Settings that the flags override: key, value, flag.
    set: Vec<(&'static str, String, &'static str)>,
}

/// The flags that override a setting.
const SETTINGS: [(&str, &str); 6] = [
    ("--interval", "monitoring.check_interval"),
    ("--discover", "monitoring.discover"),
    ("--profile", "aws.profile"),
    ("--region", "aws.region"),
    ("--endpoint-url", "aws.endpoint_url"),
    ("--concurrency", "monitoring.concurrency"),
];

impl Options {
    fn parse(args: &mut Args) -> Result<Self, Stop> {
        let mut options = Options::default();
        while let Some(arg) = args.next()? {
            let Arg::Option(name) = &arg else {
                return Err(unknown(&arg));
            };
            match name.as_str() {
                "--follow" => options.follow = true,
                "--rounds" => args.number(&mut options.rounds, 1..=u64::MAX)?,
                "--queue" => {
                    let mut queue = None;
                    args.text(&mut queue)?;
                    options.queues.extend(queue);
                }
                "--match" => options.matching.push(args.value()?),
                "--exclude" => options.exclude.push(args.value()?),
                "--refresh" => options.refresh = true,
                "--all" => options.all = true,
                "--list" => options.list = true,
                "--lint" => options.lint = true,
                "--check" => options.check = true,
                "-n" | "--dry-run" => options.dry_run = true,
                name => options.setting(name, args, &arg)?,
            }
        }
        if (options.list || options.lint) && !options.queues.is_empty() {
            let look = if options.list { "--list" } else { "--lint" };
            return Err(Stop::Wrong(format!("option '{look}' does not go with '--queue'")));
        }
        Ok(options)
    }

    fn setting(&mut self, name: &str, args: &mut Args, arg: &Arg) -> Result<(), Stop> {
        let Some((flag, key)) = SETTINGS.into_iter().find(|(flag, _)| *flag == name) else {
            return Err(unknown(arg));
        };
        let value = if flag == "--interval" {
            let mut span = None;
            args.span(&mut span)?;
            format!("{}ms", span.unwrap_or_default().as_millis())
        } else {
            args.value()?
        };
        if self.set.iter().any(|(set, ..)| *set == key) {
            return Err(Stop::Wrong(format!("option '{flag}' is given twice")));
        }
        self.set.push((key, value, flag));
        Ok(())
    }

    /// Puts the flags over the settings.
    fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        for (key, value, flag) in &self.set {
            config::set(settings, key, value, flag)?;
        }
        poll::narrow(&mut settings.aws, |flag| self.set.iter().any(|(.., given)| *given == flag));
        let monitoring = &mut settings.monitoring;
        let globs = |list: &[String], flag: &str| {
            GlobList::any(list).map_err(|why| Error::wrong(format!("option '{flag}': {why}")))
        };
        if !self.matching.is_empty() {
            monitoring.matching = globs(&self.matching, "--match")?;
        }
        if !self.exclude.is_empty() {
            monitoring.exclude = globs(&self.exclude, "--exclude")?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    tool::main(&TOOL, Options::parse, run)
}

fn run(options: Options, common: Common) -> Result<Outcome, Error> {
    let (mut settings, env) = tool::settings(&common)?;
    options.apply(&mut settings)?;
    let sqs = Sqs::connect(&poll::scopes(&settings.aws, &env), &poll::limits(&settings))?;
    if options.list || options.lint {
        return poll::show(&sqs, &wants(&options, &settings), options.lint);
    }
    let store = tool::store(&settings, &env, !options.dry_run)?;
    let journal = Journal::new(&store, settings.state.rotation());
    let interval = settings.monitoring.check_interval;
    let policy = policy(&options, &settings);
    let poller = Poller::open(sqs, wants(&options, &settings), policy, &store, journal)?;
    rounds(poller, &options, interval)
}

fn rounds(mut poller: Poller, options: &Options, interval: Duration) -> Result<Outcome, Error> {
    let (begun, salt) = (clock::tick(), u64::from(std::process::id()));
    let (mut out, mut beat) = (Output::new(), 0);
    let last = options.rounds.unwrap_or(if options.follow { u64::MAX } else { 1 });
    for number in 1..=last {
        let round = poller.round()?;
        for lines in &round.lines {
            lines.each(&mut |line| out.line(line))?;
        }
        if number == last {
            return Ok(Outcome::of(round.missed || (options.check && round.raised > 0)));
        }
        let (next, moment) = schedule::next(beat, interval, begun.elapsed(), salt);
        beat = next;
        poller.wait_until(begun + moment);
    }
    Ok(Outcome::Done)
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
