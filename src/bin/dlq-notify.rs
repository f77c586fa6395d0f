//! dlq-notify - passes every line on, and notifies people of the events that matter

use std::process::ExitCode;

use dlq::args::{Color, Given};
use dlq::edge::notify;
use dlq::edge::notify::dispatcher::Dispatcher;
use dlq::error::Error;
use dlq::log;
use dlq::programs::NOTIFY;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output};

fn main() -> ExitCode {
    tool::main(&NOTIFY, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(given)?;
    let color = Color::given(given).is_wanted(&env, log::stderr_is_terminal());
    if let Some(name) = given.text("test-channel") {
        return notify::test_channel(&settings, &env, &name, color).map(|()| ExitOutcome::Done);
    }
    let mut dispatcher = Dispatcher::open(&settings, &env, given.has("dry-run"), color)?;
    let hidden = wire::stdout_is_terminal() && !given.has("json");
    let mut out = if hidden { Output::hidden() } else { Output::new() };
    wire::run_filter(&mut Input::stdin(), &mut out, &mut dispatcher).map(ExitOutcome::from_failed)
}
