//! dlq-notify - passes every line on, and notifies people of the events that matter

use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{Color, Given};
use dlq::edge::notify;
use dlq::edge::notify::dispatcher::Dispatcher;
use dlq::edge::notify::explain::explain_event;
use dlq::error::Error;
use dlq::log;
use dlq::programs::NOTIFY;
use dlq::rules::view::notice::ConsoleStyle;
use dlq::text::safe;
use dlq::time::Timestamp;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output, StreamFilter};

/// The time for deliveries after the end of the input.
const DRAIN: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    tool::main(&NOTIFY, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(given)?;
    let style = ConsoleStyle {
        color: Color::given(given).is_wanted(&env, log::stderr_is_terminal()),
        plain: given.has("plain"),
        symbols: given.has("symbols"),
    };
    if let Some(name) = given.text("test-channel") {
        notify::test_channel(&settings, &env, &name, style)?;
        if wire::stdout_is_terminal() {
            wire::print(format!("channel '{}' has taken the notice\n", safe(&name)).as_bytes())?;
        }
        return Ok(ExitOutcome::Done);
    }
    if let Some(id) = given.text("explain") {
        wire::print(explain_event(&settings, &env, &id)?.as_bytes())?;
        return Ok(ExitOutcome::Done);
    }
    let drain = given.span("drain").unwrap_or(DRAIN);
    let mut dispatcher = Dispatcher::open(&settings, &env, given.has("dry-run"), style, drain)?;
    if given.has("check-heartbeat") {
        return check_heartbeat(&mut dispatcher);
    }
    let hidden = wire::stdout_is_terminal() && !given.has("json");
    let mut out = if hidden { Output::hidden() } else { Output::new() };
    let failed = match given.has("dry-run") {
        // It writes no files, and what it prints has its place between the lines.
        true => wire::run_filter(&mut Input::stdin(), &mut out, &mut dispatcher),
        false => wire::run_filter_beside(Input::stdin(), &mut out, &mut dispatcher),
    };
    failed.map(ExitOutcome::from_failed)
}

/// Notifies people when no round has finished in time.
fn check_heartbeat(dispatcher: &mut Dispatcher) -> Result<ExitOutcome, Error> {
    let mut out = Output::new();
    if !dispatcher.check_heartbeat(Timestamp::default(), &mut out)? {
        return Err(Error::Failed("no round of dlq-poll is on record yet".into()));
    }
    let finished = dispatcher.finish(&mut out);
    out.flush()?;
    finished.map(ExitOutcome::from_failed)
}
