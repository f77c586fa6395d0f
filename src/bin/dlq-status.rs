//! dlq-status - shows incidents, investigations and their cost, and records what people say about them

use std::process::ExitCode;

use dlq::args::{Color, Given, unexpected};
use dlq::config::{Env, Settings};
use dlq::edge::statement::{self, Statement};
use dlq::edge::status::{StatusForm, StatusFrames, look_for_summary, watch};
use dlq::error::Error;
use dlq::log::{self, Level};
use dlq::programs::STATUS;
use dlq::rules::view::part::StatusPart;
use dlq::rules::view::screen::symbols::Symbols;
use dlq::rules::view::status::{SummaryFacts, summary};
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Output};

fn main() -> ExitCode {
    tool::main(&STATUS, run)
}

/// Returns the part that is asked for; None for everything.
fn part(given: &Given) -> Result<Option<StatusPart>, Error> {
    let mut words = given.operands.iter();
    let part =
        words.next().map(|word| StatusPart::parse(word).map_err(Error::Usage)).transpose()?;
    match words.next() {
        Some(word) => Err(Error::Usage(unexpected(word))),
        None if part.is_some() && given.has("summary") => {
            Err(Error::Usage("option '--summary' is about everything, not about a part".into()))
        }
        None => Ok(part),
    }
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let statement = Statement::from_given(given)?;
    let part = if statement.is_some() { None } else { part(given)? };
    let (settings, env) = tool::settings(given)?;
    if let Some(statement) = statement {
        let recorded = statement::record(&settings, &env, &statement)?;
        recorded.print(given.has("json"))?;
        return Ok(ExitOutcome::Done);
    }
    let store = tool::store(&settings, &env, false)?;
    if given.has("summary") {
        return print_summary(given, &settings, &env, &store);
    }
    let form = StatusForm {
        json: given.has("json"),
        color: Color::given(given).is_wanted(&env, wire::stdout_is_terminal()),
        ascii: given.has("ascii"),
        has_scopes: settings.aws.has_scopes(),
        is_watched: given.has("watch"),
    };
    let mut frames = StatusFrames::new(store, &settings, part, form);
    if form.is_watched {
        match watch(form.json, |lines_max| frames.next(lines_max))? {}
    }
    let frame = frames.next(None);
    let mut out = Output::new();
    match form.json {
        true => out.put(frame.text.as_bytes())?,
        false => out.put_text(&frame.text)?,
    }
    out.flush()?;
    for problem in frame.problems.iter().filter(|_| !frame.has_problems) {
        log::log(Level::Error, problem);
    }
    Ok(ExitOutcome::from_failed(!frame.problems.is_empty()))
}

/// Prints the one line. What is unknown is said in it, and nothing on standard error: a prompt has room
/// for one.
fn print_summary(
    given: &Given,
    settings: &Settings,
    env: &Env,
    store: &Store,
) -> Result<ExitOutcome, Error> {
    let (view, rounds) = look_for_summary(store, &settings.auto_investigation.limits());
    let symbols = Symbols::new(given.has("ascii"), false);
    let found = summary(&SummaryFacts { view: &view, rounds }, symbols);
    let columns = wire::stdout_width();
    let line = match columns {
        Some(columns) => found.line.cut(columns, symbols.cut),
        None => found.line,
    };
    let line = match Color::given(given).is_wanted(env, columns.is_some()) {
        true => line.painted(),
        false => line.text(),
    };
    wire::print(format!("{line}\n").as_bytes())?;
    Ok(ExitOutcome::from_failed(!found.is_complete))
}
