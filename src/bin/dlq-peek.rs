//! dlq-peek - looks at dead letters, puts them back, and files what they show
//!
//! By hand it looks into the queues that are named; in a pipe it passes every line on, and looks
//! into the queue of each new incident. A pass is in edge/peek.rs, the decisions are in rules/.

use std::process::ExitCode;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::clock;
use dlq::config::{self, Settings};
use dlq::edge::aws::Sqs;
use dlq::edge::peek::{Came, Peeker, SOURCE, Subject};
use dlq::edge::poll;
use dlq::error::Error;
use dlq::event::{self, Head, QueueGrew, QueueRaised, Type};
use dlq::log;
use dlq::rules::evidence::bundle::Sampled;
use dlq::rules::evidence::message::Message;
use dlq::rules::evidence::sample;
use dlq::store::Store;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire::{Input, Output, Step};

const TOOL: Tool =
    Tool { name: SOURCE, help: include_str!("help/dlq-peek.txt"), emits: &[Type::QueueSampled] };

#[derive(Debug, Default, PartialEq)]
struct Options {
    queues: Vec<String>,
    incident: Option<String>,
    account: Option<String>,
    messages: bool,
    raw: bool,
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
                    options.queues.push(queue.clone());
                    continue;
                }
                Arg::Option(name) => name.as_str(),
            };
            match name {
                "--incident" => args.text(&mut options.incident)?,
                "--account" => args.text(&mut options.account)?,
                "--messages" => options.messages = true,
                "--raw" => options.raw = true,
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
            () if options.raw && !options.messages => {
                wrong("option '--raw' goes with '--messages'")
            }
            () if options.messages && options.queues.is_empty() => {
                wrong("option '--messages' wants a queue")
            }
            () if options.messages && options.dry_run => {
                wrong("option '--messages' does not go with '--dry-run', which receives none")
            }
            () if options.incident.is_some() && options.queues.len() != 1 => {
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
    if options.raw {
        log::warn("the messages are shown as they are, with whatever secrets are in them");
    }
    let sqs = Sqs::connect(&poll::scopes(&settings.aws, &env), &poll::limits(&settings))?;
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let desk =
        Desk { peeker: Peeker::open(sqs, &settings, store, options.dry_run)?, out: Output::new() };
    if options.queues.is_empty() { desk.filter() } else { desk.by_hand(&options) }
}

struct Desk {
    peeker: Peeker,
    out: Output,
}

impl Desk {
    /// Looks into the queues that are named.
    fn by_hand(mut self, options: &Options) -> Result<Outcome, Error> {
        let mut failed = false;
        for queue in &options.queues {
            match self.one(queue, options) {
                Ok(done) => failed |= !done,
                Err(error @ (Error::Pipe | Error::Wrong(_))) => return Err(error),
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        Ok(Outcome::of(failed))
    }

    /// Whether messages were received, or would be.
    fn one(&mut self, queue: &str, options: &Options) -> Result<bool, Error> {
        let account = options.account.as_deref();
        let mut subject = self.peeker.find(queue, account, clock::now())?;
        if let Some(incident) = &options.incident {
            subject.incident = Some(incident.clone());
        }
        let Desk { peeker, out } = self;
        let came = peeker.peek(&subject, &mut |message, sampled| {
            if options.messages {
                out.put(&shown(message, sampled, options.raw))?;
            }
            Ok(())
        })?;
        let Came::Told(line, refused) = came else { return Ok(true) };
        if !options.messages {
            out.put(&line)?;
        }
        out.flush()?;
        if let Some(why) = &refused {
            log::warn(&format!("queue '{queue}' is not peeked: {why}"));
        }
        Ok(refused.is_none())
    }

    /// Passes every line on, and looks into the queues of new incidents.
    fn filter(mut self) -> Result<Outcome, Error> {
        let (mut input, mut failed) = (Input::stdin(), false);
        loop {
            let subject = match input.next(&mut self.out, None)? {
                Step::Line(line, head) => {
                    self.out.put(line)?;
                    head.map_or(Ok(None), |head| self.called(&head, line))?
                }
                Step::Refused | Step::Idle => None,
                Step::End => break,
            };
            let Some(subject) = subject else { continue };
            // The line that tells of the incident does not wait for the messages.
            self.out.flush()?;
            match self.peeker.peek(&subject, &mut |_, _| Ok(())) {
                Ok(Came::Told(line, why)) => {
                    self.out.line(&line)?;
                    if let Some(why) = why {
                        let queue = &subject.queue.name;
                        log::info(&format!("queue '{queue}' is not peeked: {why}"));
                    }
                }
                Ok(Came::Before) => {}
                Err(Error::Pipe) => return Err(Error::Pipe),
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        self.out.flush()?;
        Ok(Outcome::of(failed || input.bad() > 0))
    }

    /// What a line calls for: an incident that has begun, or grown, and is still open.
    fn called(&self, head: &Head<'_>, line: &[u8]) -> Result<Option<Subject>, Error> {
        let queue = match head.known {
            Some(Type::QueueRaised) => event::read::<QueueRaised>(line).map(|e| e.data.queue),
            Some(Type::QueueGrew) => event::read::<QueueGrew>(line).map(|e| e.data.queue),
            _ => None,
        };
        match (queue, head.incident.as_deref()) {
            (Some(queue), Some(incident)) => self.peeker.called(queue, incident, &head.id),
            _ => Ok(None),
        }
    }
}

/// A message as it is printed.
fn shown(message: &Message, sampled: &Sampled, raw: bool) -> Vec<u8> {
    let line = match raw {
        true => serde_json::to_vec(&sample::unredacted(message, sampled)),
        false => serde_json::to_vec(sampled),
    };
    line.unwrap_or_default()
}
