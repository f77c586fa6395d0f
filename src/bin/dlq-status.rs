//! dlq-status: shows once what is going on: incidents, investigations, money. Starts nothing.

use std::process::ExitCode;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::edge::status::look;
use dlq::error::Error;
use dlq::log::{self, Level};
use dlq::rules::view::status::table;
use dlq::text;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire;

const TOOL: Tool =
    Tool { name: "dlq-status", help: include_str!("help/dlq-status.txt"), emits: &[] };

#[derive(Default)]
struct Options {
    json: bool,
}

fn main() -> ExitCode {
    tool::main(&TOOL, parse, run)
}

fn parse(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options::default();
    while let Some(arg) = args.next()? {
        match &arg {
            Arg::Option(name) if name == "--json" => options.json = true,
            _ => return Err(unknown(&arg)),
        }
    }
    Ok(options)
}

fn run(options: Options, common: Common) -> Result<Outcome, Error> {
    let (settings, env) = tool::settings(&common)?;
    let store = tool::store(&settings, &env, false)?;
    let missing = !store.dir().is_dir();
    let view = look(&store, &settings.auto_investigation.limits());
    let terminal = wire::stdout_is_terminal();
    if options.json {
        let line = serde_json::to_string(&view)
            .map_err(|error| Error::failed("encode", store.dir().display(), error))?;
        let line = if terminal { text::safe_json(line.as_bytes()) } else { line.as_bytes().into() };
        wire::print(&[&line, &b"\n"[..]].concat())?;
    } else if missing && view.problems.is_empty() {
        let dir = store.dir().display().to_string();
        wire::print(format!("nothing is known yet in '{}'\n", text::safe(&dir)).as_bytes())?;
    } else {
        wire::print(table(&view, terminal).as_bytes())?;
    }
    for problem in &view.problems {
        log::log(Level::Error, problem);
    }
    Ok(Outcome::of(!view.problems.is_empty()))
}
