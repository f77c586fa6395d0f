//! dlq-dash - shows a full screen of queues, incidents, investigations and pull requests

use std::path::PathBuf;
use std::process::ExitCode;

use dlq::args::{Color, Given};
use dlq::config::Env;
use dlq::edge::dash::{self, Sources};
use dlq::error::Error;
use dlq::programs::DASH;
use dlq::rules::view::screen::{ScreenFlags, ScreenView, Ui};
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

/// The columns of `--once` when nothing else tells them, and the most of them.
const WIDTH: u16 = 100;
const WIDTH_MAX: u16 = 500;
/// The most lines of `--once`.
const LINES_MAX: u16 = 200;
/// The speed of a recording: a day in less than three minutes.
const SPEED: u64 = 600;

fn main() -> ExitCode {
    tool::main(&DASH, run)
}

fn ui(given: &Given, env: &Env, sources: &Sources) -> Ui {
    let is_terminal = !given.has("once") || wire::stdout_is_terminal();
    let flags = ScreenFlags {
        color: Color::given(given).is_wanted(env, is_terminal),
        ascii: given.has("ascii"),
        emoji: given.has("emoji"),
        write: given.has("write"),
        is_stdin: sources.is_stdin(),
        is_recording: sources.is_recording(),
        has_redrive: dash::beside("dlq-redrive").is_some(),
    };
    let view = given.text("view").and_then(|name| ScreenView::parse(&name));
    let mut ui = Ui::new(flags);
    ui.view = view.unwrap_or_default();
    ui
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(given)?;
    let recording = given.text("replay").map(PathBuf::from);
    let sources = Sources::choose(&settings, &env, recording)?;
    let mut ui = ui(given, &env, &sources);
    if given.has("once") {
        let wanted = given.number("width").map(|width| u16::try_from(width).unwrap_or(WIDTH_MAX));
        let terminal = wire::stdout_width().map(|width| u16::try_from(width).unwrap_or(WIDTH_MAX));
        let width = wanted.or(terminal).unwrap_or(WIDTH).min(WIDTH_MAX);
        return dash::print(sources, &mut ui, width, LINES_MAX).map(ExitOutcome::from_failed);
    }
    if env.real("TERM") == Some("dumb") {
        let hint = "'dlq-dash --once' prints a view without one";
        return Err(Error::wrong(format!("the terminal (TERM=dumb) shows no full screen; {hint}")));
    }
    let speed = given.number("speed").unwrap_or(SPEED);
    dash::show(sources, ui, speed, &settings, &env)?;
    Ok(ExitOutcome::Done)
}
