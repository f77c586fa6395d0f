//! dlq-log - prints and follows the journal: all of it, or what meets some conditions

use std::process::ExitCode;

use dlq::args::{Color, Given};
use dlq::clock;
use dlq::config::{Aws, Env, state_dir};
use dlq::document::Keys;
use dlq::error::{Error, if_found};
use dlq::event::Severity;
use dlq::journal::Journal;
use dlq::journal::filter::LogFilter;
use dlq::journal::print::{Form, JournalIncidents, POLL_INTERVAL, print};
use dlq::log;
use dlq::programs::LOG;
use dlq::rules::investigation::lookup::no_such_id;
use dlq::rules::notification::notices::Notices;
use dlq::rules::view::page::PageStyle;
use dlq::rules::view::story::{JournalText, Story};
use dlq::store::Store;
use dlq::text::safe;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Output};

fn main() -> ExitCode {
    tool::main(&LOG, run)
}

/// Returns the error of an incident that the journal does not have.
fn unknown_incident(id: &str, why: &str) -> Error {
    Error::failed("find incident", safe(id), why)
}

/// Resolves the incident of the filter. One that does not exist is an error, or is waited for.
fn resolve_incident(filter: &mut LogFilter, journal: &Journal, follow: bool) -> Result<(), Error> {
    let Some(id) = filter.incident().map(str::to_owned) else { return Ok(()) };
    let incidents = JournalIncidents::read(journal, filter)?;
    if incidents.found.is_empty() {
        let others = incidents.others.iter().map(|(id, queue)| (id.as_str(), queue.as_str()));
        let why = no_such_id("incident", &id, &others.collect::<Vec<_>>());
        let error = unknown_incident(&id, &why);
        match follow {
            true => log::warn(&error.to_string()),
            false => return Err(error),
        }
    }
    filter.resolve_incident(&incidents.found)
}

/// Returns sentences for a terminal, a story for one incident there, else lines.
fn form(given: &Given, env: &Env, filter: &LogFilter, store: &Store, aws: &Aws) -> Form {
    let Some(columns) = wire::stdout_width().filter(|_| !given.has("json")) else {
        return Form::Lines;
    };
    let style = PageStyle::new(Some(columns), Color::given(given).is_wanted(env, true));
    let is_chosen = given.has("verbose") || filter.has_types();
    match (filter.has_incident(), is_chosen) {
        (true, false) => {
            let sent = store.read::<Notices>(&Keys::all()).unwrap_or_else(|error| {
                log::warn(&error.to_string());
                Notices::default()
            });
            Form::Story(Box::new(Story::new(style, sent, aws.has_scopes())))
        }
        (_, true) => Form::Text(JournalText::new(style, Severity::Debug, aws.seen_scopes())),
        _ => Form::Text(JournalText::new(style, Severity::Info, aws.seen_scopes())),
    }
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let mut filter =
        LogFilter::new(given.globs("type")?, given.globs("queue")?, given.text("incident"));
    let follow = given.has("follow");
    let (settings, env) = tool::settings(given)?;
    let dir = state_dir(&settings, &env)?;
    let mut out = Output::new();
    // A folder that may not be seen is no empty journal.
    let is_there = || if_found(std::fs::metadata(&dir)).map(|found| found.is_some());
    while !is_there().map_err(|error| Error::file("read", &dir, &error))? {
        if !follow {
            let why = format!("there is no journal yet in '{}'", dir.display());
            if let Some(id) = filter.incident() {
                return Err(unknown_incident(id, &why));
            }
            log::info(&why);
            return Ok(ExitOutcome::Done);
        }
        out.pause(POLL_INTERVAL)?;
    }
    let store = tool::store(&settings, &env, true)?;
    let journal = Journal::new(&store, settings.state.rotation());
    filter.since = given.span("since").map(|span| clock::now().minus(span));
    resolve_incident(&mut filter, &journal, follow)?;
    let mut form = form(given, &env, &filter, &store, &settings.aws);
    print(journal, &mut filter, &mut form, &mut out, follow).map(ExitOutcome::from_failed)
}
