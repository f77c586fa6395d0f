//! dlq-log: prints the journal, all of it or the lines that meet some conditions, and follows it.

use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{CommonOptions, Given, ParseExit};
use dlq::clock;
use dlq::config::state_dir;
use dlq::error::Error;
use dlq::journal::Journal;
use dlq::journal::filter::{INCIDENT_MIN, LogFilter};
use dlq::journal::print::{POLL_INTERVAL, matching_incidents, print};
use dlq::log;
use dlq::programs::LOG;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::Output;

struct Options {
    follow: bool,
    since: Option<Duration>,
    filter: LogFilter,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        let incident = given.text("incident");
        if incident.as_ref().is_some_and(|id| id.chars().count() < INCIDENT_MIN) {
            let why = format!("wants at least {INCIDENT_MIN} characters of an id");
            return Err(ParseExit::Wrong(format!("option '--incident' {why}")));
        }
        Ok(Options {
            follow: given.has("follow"),
            since: given.span("since"),
            filter: LogFilter::new(given.globs("type")?, given.globs("queue")?, incident),
        })
    }
}

fn main() -> ExitCode {
    tool::main(&LOG, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(&common)?;
    let dir = state_dir(&settings, &env)?;
    let mut out = Output::new();
    while !dir.is_dir() {
        if !options.follow {
            log::info(&format!("there is no journal yet in '{}'", dir.display()));
            return Ok(ExitOutcome::Done);
        }
        out.pause(POLL_INTERVAL)?;
    }
    let journal = Journal::of(&Store::open(&dir)?, &settings.state);
    let mut filter = options.filter;
    filter.since = options.since.map(|span| clock::now().minus(span));
    if filter.has_partial_incident() {
        let found = matching_incidents(&journal, &filter)?;
        if found.is_empty() && !options.follow {
            let dir = dir.display();
            log::warn(&format!("the journal in '{dir}' has no event of such an incident"));
        }
        filter.resolve_incident(&found)?;
    }
    print(journal, &mut filter, &mut out, options.follow).map(ExitOutcome::from_failed)
}
