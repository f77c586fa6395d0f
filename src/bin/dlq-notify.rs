//! dlq-notify: passes every line on, and notifies people of the events that matter.

use std::process::ExitCode;

use dlq::args::{CommonOptions, Given, ParseExit};
use dlq::edge::notify;
use dlq::edge::notify::console::Color;
use dlq::edge::notify::dispatcher::Dispatcher;
use dlq::error::Error;
use dlq::log;
use dlq::programs::NOTIFY;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output};

struct Options {
    dry_run: bool,
    json: bool,
    color: Color,
    test_channel: Option<String>,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        let color = given.text("color").and_then(|word| Color::parse(&word));
        Ok(Options {
            dry_run: given.has("dry-run"),
            json: given.has("json"),
            color: color.unwrap_or(Color::Auto),
            test_channel: given.text("test-channel"),
        })
    }
}

fn main() -> ExitCode {
    tool::main(&NOTIFY, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(&common)?;
    let color = options.color.is_wanted(&env, log::stderr_is_terminal());
    if let Some(name) = &options.test_channel {
        return notify::test_channel(&settings.notifications, name, color)
            .map(|()| ExitOutcome::Done);
    }
    let mut dispatcher = Dispatcher::open(&settings, &env, options.dry_run, color)?;
    let hidden = wire::stdout_is_terminal() && !options.json;
    let mut out = if hidden { Output::hidden() } else { Output::new() };
    wire::run_filter(&mut Input::stdin(), &mut out, &mut dispatcher).map(ExitOutcome::from_failed)
}
