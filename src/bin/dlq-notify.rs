//! dlq-notify: a filter that passes every line on and tells people what matters in them.

use std::process::ExitCode;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::config::{Env, Settings, Switches, state_dir};
use dlq::edge::notify;
use dlq::edge::notify::console::Color;
use dlq::edge::notify::dispatcher::{Notices, State};
use dlq::error::Error;
use dlq::event::Type;
use dlq::journal::Journal;
use dlq::log;
use dlq::store::Store;
use dlq::text::nearest;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire::{self, Input, Output, Step};

const TOOL: Tool = Tool {
    name: "dlq-notify",
    help: include_str!("help/dlq-notify.txt"),
    emits: &[Type::NoticeSent, Type::NoticeFailed],
};

#[derive(Default)]
struct Options {
    dry_run: bool,
    json: bool,
    color: Color,
    test_channel: Option<String>,
}

fn main() -> ExitCode {
    tool::main(&TOOL, parse, run)
}

fn parse(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options::default();
    while let Some(arg) = args.next()? {
        match &arg {
            Arg::Option(name) => match name.as_str() {
                "-n" | "--dry-run" => options.dry_run = true,
                "--json" => options.json = true,
                "--color" => {
                    let word = args.value()?;
                    let choice = Color::parse(&word);
                    options.color = choice.ok_or(args.wrong(&word, "auto, always or never"))?;
                }
                "--test-channel" => args.text(&mut options.test_channel)?,
                _ => return Err(unknown(&arg)),
            },
            Arg::Word(_) => return Err(unknown(&arg)),
        }
    }
    Ok(options)
}

fn run(options: Options, common: Common) -> Result<Outcome, Error> {
    let (settings, env) = tool::settings(&common)?;
    let color = options.color.wanted(&env, log::stderr_is_terminal());
    if let Some(name) = &options.test_channel {
        return test(&settings, name, color);
    }
    let state = if options.dry_run { None } else { Some(open(&settings, &env)?) };
    let mut notices = Notices::open(&settings.notifications, state, color)?;
    let mut input = Input::stdin();
    let hidden = wire::stdout_is_terminal() && !options.json;
    let mut out = if hidden { Output::hidden() } else { Output::new() };
    notices.mute(!settings.features.notify);
    let mut switches = Switches::new(&settings);
    let passed = pass(&mut input, &mut out, &mut notices, &mut switches);
    if passed.is_err() {
        // Nobody reads on; what has been heard is still told and recorded.
        out = Output::hidden();
    }
    let well = notices.finish(&mut out);
    passed?;
    Ok(Outcome::of(input.bad() > 0 || !well?))
}

fn open(settings: &Settings, env: &Env) -> Result<State, Error> {
    let store = Store::open(&state_dir(settings, env)?)?;
    let journal = Journal::new(&store, settings.state.rotation());
    Ok(State { store, journal })
}

fn pass<F: std::os::fd::AsFd>(
    input: &mut Input<F>,
    out: &mut Output,
    notices: &mut Notices,
    switches: &mut Switches,
) -> Result<(), Error> {
    loop {
        match input.next(out, notices.patience())? {
            Step::Line(line, head) => {
                out.put(line)?;
                if let Some(head) = head {
                    if head.known == Some(Type::PollFinished) {
                        notices.mute(!switches.now().notify);
                    }
                    notices.hear(&head, line, out)?;
                }
                notices.glance(out)?;
            }
            Step::Refused => {}
            Step::Idle => notices.rest(out)?,
            Step::End => return Ok(()),
        }
    }
}

/// One notice through one channel.
fn test(settings: &Settings, name: &str, color: bool) -> Result<Outcome, Error> {
    let channels = &settings.notifications.channels;
    let Some(channel) = channels.iter().find(|channel| channel.name == name) else {
        let known = nearest(name, channels.iter().map(|channel| channel.name.as_str()));
        let hint = known.map_or(String::new(), |known| format!("; did you mean '{known}'?"));
        return Err(Error::wrong(format!("no channel '{name}' in the configuration{hint}")));
    };
    notify::try_out(channel, color)?;
    Ok(Outcome::Done)
}
