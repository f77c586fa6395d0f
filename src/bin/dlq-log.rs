//! dlq-log - prints and follows the journal: all of it, or what meets some conditions

use std::process::ExitCode;

use dlq::args::{Color, Given};
use dlq::clock;
use dlq::config::{Env, state_dir};
use dlq::document::Keys;
use dlq::error::Error;
use dlq::event::Severity;
use dlq::journal::Journal;
use dlq::journal::filter::LogFilter;
use dlq::journal::print::{Form, POLL_INTERVAL, matching_incidents, print};
use dlq::log;
use dlq::programs::LOG;
use dlq::rules::notification::sent_log::SentLog;
use dlq::rules::view::page::PageStyle;
use dlq::rules::view::story::{JournalText, Story};
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Output};

fn main() -> ExitCode {
    tool::main(&LOG, run)
}

/// Returns sentences for a terminal, a story for one incident there, else lines.
fn form(given: &Given, env: &Env, filter: &LogFilter, store: &Store) -> Form {
    let Some(columns) = wire::stdout_width().filter(|_| !given.has("json")) else {
        return Form::Lines;
    };
    let style = PageStyle::new(Some(columns), Color::given(given).is_wanted(env, true));
    let is_chosen = given.has("verbose") || filter.has_types();
    match (filter.has_incident(), is_chosen) {
        (true, false) => {
            let sent = store.read::<SentLog>(&Keys::all()).unwrap_or_else(|error| {
                log::warn(&error.to_string());
                SentLog::default()
            });
            Form::Story(Story::new(style, sent))
        }
        (_, true) => Form::Text(JournalText::new(style, Severity::Debug)),
        _ => Form::Text(JournalText::new(style, Severity::Info)),
    }
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let mut filter =
        LogFilter::new(given.globs("type")?, given.globs("queue")?, given.text("incident"));
    let follow = given.has("follow");
    let (settings, env) = tool::settings(given)?;
    let dir = state_dir(&settings, &env)?;
    let mut out = Output::new();
    while !dir.is_dir() {
        if !follow {
            log::info(&format!("there is no journal yet in '{}'", dir.display()));
            return Ok(ExitOutcome::Done);
        }
        out.pause(POLL_INTERVAL)?;
    }
    let store = Store::open(&dir)?;
    let journal = Journal::new(&store, settings.state.rotation());
    filter.since = given.span("since").map(|span| clock::now().minus(span));
    if filter.has_partial_incident() {
        let found = matching_incidents(&journal, &filter)?;
        if found.is_empty() && !follow {
            let dir = dir.display();
            log::warn(&format!("the journal in '{dir}' has no event of such an incident"));
        }
        filter.resolve_incident(&found)?;
    }
    let mut form = form(given, &env, &filter, &store);
    print(journal, &mut filter, &mut form, &mut out, follow).map(ExitOutcome::from_failed)
}
