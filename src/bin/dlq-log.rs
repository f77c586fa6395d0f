//! dlq-log - prints and follows the journal: all of it, or the lines that meet some conditions

use std::process::ExitCode;

use dlq::args::Given;
use dlq::clock;
use dlq::config::state_dir;
use dlq::error::Error;
use dlq::journal::Journal;
use dlq::journal::filter::LogFilter;
use dlq::journal::print::{POLL_INTERVAL, matching_incidents, print};
use dlq::log;
use dlq::programs::LOG;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::Output;

fn main() -> ExitCode {
    tool::main(&LOG, run)
}

fn filter(given: &Given) -> Result<LogFilter, Error> {
    Ok(LogFilter::new(given.globs("type")?, given.globs("queue")?, given.text("incident")))
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let mut filter = filter(given)?;
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
    let journal = Journal::new(&Store::open(&dir)?, settings.state.rotation());
    filter.since = given.span("since").map(|span| clock::now().minus(span));
    if filter.has_partial_incident() {
        let found = matching_incidents(&journal, &filter)?;
        if found.is_empty() && !follow {
            let dir = dir.display();
            log::warn(&format!("the journal in '{dir}' has no event of such an incident"));
        }
        filter.resolve_incident(&found)?;
    }
    print(journal, &mut filter, &mut out, follow).map(ExitOutcome::from_failed)
}
