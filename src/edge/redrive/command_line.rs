//! The command line of `dlq-redrive`: what is to be done, with which messages.

use std::path::Path;

use super::auto::OPTIONS as AUTO_OPTIONS;
use super::native::RATE_MAX as TASK_RATE_MAX;
use super::plan_file::{self, is_queue};
use super::{RedriveRequest, Redriver, restore};
use crate::args::Given;
use crate::error::Error;
use crate::rules::redrive::options::{OptionUse, names};
use crate::rules::redrive::restoring::RestoreChoice;
use crate::rules::redrive::sweep::HOLD_MAX;
use crate::wire::{self, Output};

/// The verbs, with their operand.
const VERBS: &str = "'plan QUEUE', 'apply QUEUE', 'apply PLAN', 'verify ID' or 'restore ARCHIVE'";

/// The input of `apply`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyInput {
    /// A queue, whose messages are chosen on the way.
    Queue(String),
    /// The path of a plan; `-` is standard input.
    Plan(String),
}

/// The work that a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedriveCommand {
    /// Be a filter.
    Auto,
    /// Do what the filter would do now.
    Due,
    Plan(String),
    Apply(ApplyInput),
    /// A move task of SQS.
    Native(String),
    Resume {
        id: String,
        plan: Option<String>,
    },
    Verify(String),
    Restore(String),
}

impl ApplyInput {
    /// Tells a queue, which is a name, an ARN or a URL, from the path of a plan. A file of that name is
    /// a plan: what is in it decides nothing.
    fn read(text: &str) -> Self {
        match is_queue(text) && !std::path::Path::new(text).is_file() {
            true => ApplyInput::Queue(text.to_owned()),
            false => ApplyInput::Plan(text.to_owned()),
        }
    }
}

impl RedriveCommand {
    /// Reads what is to be done; an error for wrong usage.
    pub fn read(given: &Given) -> Result<Self, Error> {
        let operands: Vec<&str> = given.operands.iter().map(String::as_str).collect();
        let wrong = |why: String| Err(Error::Usage(why));
        let flag = ["auto", "due"].into_iter().find(|flag| given.has(flag));
        let command = match (flag, operands.as_slice()) {
            (Some("auto"), []) => RedriveCommand::Auto,
            (Some(_), []) => RedriveCommand::Due,
            (Some(flag), [word, ..]) => {
                return wrong(format!("option '--{flag}' goes without '{word}'"));
            }
            (None, ["plan", queue]) => RedriveCommand::Plan((*queue).to_owned()),
            (None, ["apply", queue]) if given.has("native") => {
                RedriveCommand::Native((*queue).to_owned())
            }
            (None, ["apply", plan @ ..]) if given.has("resume") && plan.len() < 2 => {
                let id = given.text("resume").unwrap_or_default();
                RedriveCommand::Resume { id, plan: plan.first().map(|plan| (*plan).to_owned()) }
            }
            (None, ["apply", input]) => RedriveCommand::Apply(ApplyInput::read(input)),
            (None, ["apply"]) if !given.has("native") && !wire::stdin_is_terminal() => {
                RedriveCommand::Apply(ApplyInput::Plan("-".into()))
            }
            (None, ["verify", name]) => RedriveCommand::Verify((*name).to_owned()),
            (None, ["restore", archive]) => RedriveCommand::Restore((*archive).to_owned()),
            (None, []) => return wrong(format!("expected {VERBS}")),
            (None, [verb @ ("plan" | "apply" | "verify" | "restore")]) => {
                return wrong(format!("'{verb}' needs an operand: {VERBS}"));
            }
            (None, [verb @ ("plan" | "apply" | "verify" | "restore"), ..]) => {
                return wrong(format!("'{verb}' takes one operand: {VERBS}"));
            }
            (None, [word, ..]) => {
                return wrong(format!("'{word}' is no verb: expected {VERBS}"));
            }
        };
        command.check_options(given).map(|()| command)
    }
}

/// The options of every verb.
const ANY: &[&str] = &["profile", "region", "endpoint-url", "quiet"];

impl RedriveCommand {
    /// Reads the files that the command names, before AWS is asked. What is no file, such as a pipe, can
    /// be read once only, and is read later.
    pub fn check_input(&self) -> Result<(), Error> {
        let plan = match self {
            RedriveCommand::Restore(archive) => {
                return restore::read_head(Path::new(archive)).map(drop);
            }
            RedriveCommand::Apply(ApplyInput::Plan(plan))
            | RedriveCommand::Resume { plan: Some(plan), .. } => plan,
            _ => return Ok(()),
        };
        if plan == "-" {
            return Ok(());
        }
        let found = Path::new(plan).metadata();
        match found.map_err(|error| Error::file("read", Path::new(plan), &error))?.is_file() {
            true => plan_file::read(plan).map(drop),
            false => Ok(()),
        }
    }

    /// Returns how the command is named in a usage error, and the options that it takes.
    fn options(&self) -> (&'static str, Vec<&'static str>) {
        let choice: Vec<_> = names(OptionUse::Choice).collect();
        let pace: Vec<_> = names(OptionUse::Pace).collect();
        let (name, parts): (_, [&[&'static str]; 3]) = match self {
            RedriveCommand::Auto => ("'--auto'", [AUTO_OPTIONS, &["auto"], &[]]),
            RedriveCommand::Due => ("'--due'", [AUTO_OPTIONS, &["due"], &[]]),
            RedriveCommand::Plan(_) => ("'plan'", [&choice[..], &["force", "hold", "reason"], &[]]),
            RedriveCommand::Apply(_) => ("'apply'", [&choice[..], &pace[..], &["reason"]]),
            RedriveCommand::Native(_) => {
                ("'apply --native'", [&["native", "to", "rate", "reason", "force"], &[], &[]])
            }
            RedriveCommand::Resume { .. } => ("'apply --resume'", [&pace[..], &["resume"], &[]]),
            RedriveCommand::Verify(_) => ("'verify'", [&["wait", "batch-window"], &[], &[]]),
            RedriveCommand::Restore(_) => ("'restore'", [&["id", "force", "reason"], &[], &[]]),
        };
        // A verification moves nothing, and what it records is its work.
        let dry_run: &[&str] =
            if matches!(self, RedriveCommand::Verify(_)) { &[] } else { &["dry-run"] };
        (name, parts.into_iter().chain([ANY, dry_run]).flatten().copied().collect())
    }

    /// Refuses an option that the command does not take: it would be ignored.
    fn check_options(&self, given: &Given) -> Result<(), Error> {
        let (name, taken) = self.options();
        let is_native = matches!(self, RedriveCommand::Native(_));
        if is_native && given.number("rate").is_some_and(|rate| rate > TASK_RATE_MAX) {
            let why =
                format!("option '--rate': a task moves at most {TASK_RATE_MAX} messages a second");
            return Err(Error::Usage(why));
        }
        match given.other_than(&taken) {
            Some(other) => {
                Err(Error::Usage(format!("option '--{other}': {name} does not take it")))
            }
            None => Ok(()),
        }
    }
}

impl RedriveRequest {
    /// Reads the options about messages and pace.
    pub fn read(given: &Given) -> Result<Self, Error> {
        let mut request = RedriveRequest {
            reason: given.text("reason"),
            has_canary: given.has("canary"),
            ..RedriveRequest::default()
        };
        let lasting = names(OptionUse::Pace).chain(names(OptionUse::Place));
        request.set_pace(&[], &given.words(lasting)).map_err(Error::Usage)?;
        if request.hold.is_some_and(|hold| hold > HOLD_MAX) {
            let why = "option '--hold': SQS hides a message for 12 hours at most";
            return Err(Error::Usage(why.into()));
        }
        request.set_words(given.words(names(OptionUse::Choice))).map_err(Error::Usage)?;
        Ok(request)
    }
}

impl Redriver {
    /// Does what a command line asks for; not the filter. Returns whether a part of it failed.
    pub fn run_command(
        &self,
        command: &RedriveCommand,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        match command {
            RedriveCommand::Auto | RedriveCommand::Due if !self.is_auto && !self.dry_run => {
                Err(Error::wrong(
                    "'--due' does what '--auto' would do, and 'features.auto_redrive' is off: set it, or \
                     move the messages of a cause with 'dlq-redrive apply --fingerprint ID QUEUE'",
                ))
            }
            RedriveCommand::Auto | RedriveCommand::Due => self.redrive_due(request, out),
            RedriveCommand::Plan(queue) => self.plan(queue, request, out),
            RedriveCommand::Apply(input) => self.apply(input, request, out),
            RedriveCommand::Native(queue) => self.native(queue, request, out),
            RedriveCommand::Resume { id, plan } => self.resume(id, plan.as_deref(), request, out),
            RedriveCommand::Verify(name) => self.verify(name, request, out),
            RedriveCommand::Restore(archive) => {
                let ids = request.selection.ids.clone();
                let choice = RestoreChoice { ids, force: request.force };
                self.restore(archive, &choice, request.reason.clone(), out)
            }
        }
    }
}
