//! dlq-poll - finds dead-letter queues and reports when messages die
//!
//! An originator: prints an event for each edge and a heartbeat for each round. Requests are in
//! edge/aws.rs, a round in edge/poll.rs, the decisions in rules/.

use std::process::ExitCode;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::config::{self, Settings};
use dlq::edge::aws::Sqs;
use dlq::edge::poll::{self, PollPlan, Poller, RunOptions};
use dlq::error::Error;
use dlq::event::Type;
use dlq::glob::GlobList;
use dlq::journal::Journal;
use dlq::store::Store;
use dlq::tool::{self, Outcome, Tool};

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
    run: RunOptions,
    list: bool,
    lint: bool,
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
                "--follow" => options.run.follow = true,
                "--rounds" => args.number(&mut options.run.rounds, 1..=u64::MAX)?,
                "--queue" => {
                    let mut queue = None;
                    args.text(&mut queue)?;
                    options.run.queues.extend(queue);
                }
                "--match" => options.matching.push(args.value()?),
                "--exclude" => options.exclude.push(args.value()?),
                "--refresh" => options.run.refresh = true,
                "--all" => options.run.all = true,
                "--list" => options.list = true,
                "--lint" => options.lint = true,
                "--check" => options.run.check = true,
                "-n" | "--dry-run" => options.run.dry_run = true,
                name => options.setting(name, args, &arg)?,
            }
        }
        if (options.list || options.lint) && !options.run.queues.is_empty() {
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
    let dry_run = options.run.dry_run;
    let plan = PollPlan::new(&settings.monitoring, options.run);
    if options.list || options.lint {
        return poll::show(&sqs, &plan, options.lint).map(Outcome::of);
    }
    let store = Store::of(&settings, &env, !dry_run)?;
    let journal = Journal::of(&store, &settings.state);
    Poller::open(sqs, plan, &store, journal)?.rounds().map(Outcome::of)
}
