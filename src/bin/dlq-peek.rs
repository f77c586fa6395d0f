//! dlq-peek - looks at dead letters, puts them back, and files what they show
//!
//! By hand it looks into the queues that are named; in a pipe it passes every line on, and looks
//! into the queue of each new incident. A pass is in edge/peek.rs, the decisions are in rules/.

use std::process::ExitCode;

use dlq::args::{CommonOptions, Given, Overrides, ParseExit, unexpected};
use dlq::clock;
use dlq::edge::aws::Sqs;
use dlq::edge::peek::{Came, Peeker, Subject};
use dlq::edge::poll;
use dlq::error::Error;
use dlq::event::{self, Head, QueueGrew, QueueRaised, Type};
use dlq::log;
use dlq::programs::PEEK;
use dlq::rules::evidence::bundle::Sampled;
use dlq::rules::evidence::message::Message;
use dlq::rules::evidence::sample;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, StreamFilter, run_filter};

struct Options {
    queues: Vec<String>,
    incident: Option<String>,
    account: Option<String>,
    messages: bool,
    raw: bool,
    dry_run: bool,
    overrides: Overrides,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        if let Some(empty) = given.operands.iter().find(|queue| queue.is_empty()) {
            return Err(unexpected(empty));
        }
        let options = Options {
            queues: given.operands.clone(),
            incident: given.text("incident"),
            account: given.text("account"),
            messages: given.has("messages"),
            raw: given.has("raw"),
            dry_run: given.has("dry-run"),
            overrides: given.overrides(),
        };
        let (messages, queues) = (options.messages, &options.queues);
        let wrong = [
            (options.raw && !messages, "option '--raw' goes with '--messages'"),
            (messages && queues.is_empty(), "option '--messages' wants a queue"),
            (
                messages && options.dry_run,
                "option '--messages' does not go with '--dry-run', which receives none",
            ),
            (
                options.incident.is_some() && queues.len() != 1,
                "option '--incident' wants one queue",
            ),
        ];
        match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, sentence)) => Err(ParseExit::wrong(sentence)),
            None => Ok(options),
        }
    }
}

fn main() -> ExitCode {
    tool::main(&PEEK, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    let (mut settings, env) = tool::settings(&common)?;
    options.overrides.apply(&mut settings)?;
    poll::narrow(&mut settings.aws, |option| options.overrides.has(option));
    if options.raw {
        log::warn("the messages are shown as they are, with whatever secrets are in them");
    }
    let sqs = Sqs::connect(&poll::scopes(&settings.aws, &env), &poll::limits(&settings))?;
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let (mut out, peeker) = (Output::new(), Peeker::open(sqs, &settings, store, options.dry_run)?);
    if options.queues.is_empty() {
        let mut filter = IncidentPeeker { peeker, failed: false };
        return run_filter(&mut Input::stdin(), &mut out, &mut filter)
            .map(ExitOutcome::from_failed);
    }
    Desk { peeker, out }.by_hand(&options)
}

struct Desk {
    peeker: Peeker,
    out: Output,
}

impl Desk {
    /// Looks into the queues that are named.
    fn by_hand(mut self, options: &Options) -> Result<ExitOutcome, Error> {
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
        Ok(ExitOutcome::from_failed(failed))
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
}

/// The filter of `dlq-peek`: peeks at the queue of each incident that begins or grows.
struct IncidentPeeker {
    peeker: Peeker,
    failed: bool,
}

impl StreamFilter for IncidentPeeker {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let subject = head.map_or(Ok(None), |head| self.called(head, line))?;
        let Some(subject) = subject else { return Ok(()) };
        // The line of the incident must not wait for the messages.
        out.flush()?;
        match self.peeker.peek(&subject, &mut |_, _| Ok(())) {
            Ok(Came::Told(line, why)) => {
                out.line(&line)?;
                if let Some(why) = why {
                    let queue = &subject.queue.name;
                    log::info(&format!("queue '{queue}' is not peeked: {why}"));
                }
            }
            Ok(Came::Before) => {}
            Err(Error::Pipe) => return Err(Error::Pipe),
            Err(error) => {
                log::warn(&error.to_string());
                self.failed = true;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Output) -> Result<bool, Error> {
        Ok(self.failed)
    }
}

impl IncidentPeeker {
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
        true => serde_json::to_vec(&sample::raw(message, sampled)),
        false => serde_json::to_vec(sampled),
    };
    line.unwrap_or_default()
}
