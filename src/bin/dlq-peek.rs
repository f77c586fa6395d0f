//! dlq-peek - receives dead letters, puts them back, and writes an evidence bundle
//!
//! By hand it peeks at the queues that are named. As a filter it passes every line on, and peeks at
//! the queue of each new incident. A pass is in edge/peek.rs, the decisions are in rules/.

use std::process::ExitCode;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::config::{self, Settings};
use dlq::edge::aws::Sqs;
use dlq::edge::peek::{IncidentPeeker, PeekRequest, Peeker, SOURCE};
use dlq::edge::poll;
use dlq::error::Error;
use dlq::event::Type;
use dlq::log;
use dlq::store::Store;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire::Output;

const TOOL: Tool =
    Tool { name: SOURCE, help: include_str!("help/dlq-peek.txt"), emits: &[Type::QueueSampled] };

#[derive(Debug, Default, PartialEq)]
struct Options {
    peek: PeekRequest,
    dry_run: bool,
    /// Settings that the flags override: key, value, flag.
    set: Vec<(&'static str, String, &'static str)>,
}

/// The flags that override a setting.
const SETTINGS: [(&str, &str); 5] = [
    ("--max", "evidence.max_messages"),
    ("--visibility", "evidence.visibility"),
    ("--profile", "aws.profile"),
    ("--region", "aws.region"),
    ("--endpoint-url", "aws.endpoint_url"),
];

impl Options {
    fn parse(args: &mut Args) -> Result<Self, Stop> {
        let mut options = Options::default();
        while let Some(arg) = args.next()? {
            let name = match &arg {
                Arg::Word(queue) if queue.is_empty() => return Err(unknown(&arg)),
                Arg::Word(queue) => {
                    options.peek.queues.push(queue.clone());
                    continue;
                }
                Arg::Option(name) => name.as_str(),
            };
            match name {
                "--incident" => args.text(&mut options.peek.incident)?,
                "--account" => args.text(&mut options.peek.account)?,
                "--messages" => options.peek.messages = true,
                "--raw" => options.peek.raw = true,
                "--allow-fifo" => {
                    options.set.push(("evidence.allow_fifo", "true".into(), "--allow-fifo"))
                }
                "-n" | "--dry-run" => options.dry_run = true,
                name => {
                    let known = SETTINGS.into_iter().find(|(flag, _)| *flag == name);
                    let (flag, key) = known.ok_or_else(|| unknown(&arg))?;
                    options.set.push((key, args.value()?, flag));
                }
            }
        }
        let wrong = |what: &str| Err(Stop::Wrong(what.to_owned()));
        match () {
            () if options.peek.raw && !options.peek.messages => {
                wrong("option '--raw' goes with '--messages'")
            }
            () if options.peek.messages && options.peek.queues.is_empty() => {
                wrong("option '--messages' wants a queue")
            }
            () if options.peek.messages && options.dry_run => {
                wrong("option '--messages' does not go with '--dry-run', which receives none")
            }
            () if options.peek.incident.is_some() && options.peek.queues.len() != 1 => {
                wrong("option '--incident' wants one queue")
            }
            () => Ok(options),
        }
    }

    fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        for (key, value, flag) in &self.set {
            config::set(settings, key, value, flag)?;
        }
        poll::narrow(&mut settings.aws, |flag| self.set.iter().any(|(.., given)| *given == flag));
        Ok(())
    }
}

fn main() -> ExitCode {
    tool::main(&TOOL, Options::parse, run)
}

fn run(options: Options, common: Common) -> Result<Outcome, Error> {
    let (mut settings, env) = tool::settings(&common)?;
    options.apply(&mut settings)?;
    if options.peek.raw {
        log::warn("messages are shown without redaction, with any secrets in them");
    }
    let sqs = Sqs::connect(&poll::scopes(&settings.aws, &env), &poll::limits(&settings))?;
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let peeker = Peeker::open(sqs, &settings, store, options.dry_run)?;
    let mut out = Output::new();
    let failed = match options.peek.queues.is_empty() {
        true => IncidentPeeker::new(peeker).run(&mut out)?,
        false => peeker.by_hand(&options.peek, &mut out)?,
    };
    Ok(Outcome::of(failed))
}
