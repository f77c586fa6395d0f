//! The shared `main`: an outcome becomes an exit status and at most one line on standard error.
//!
//! The only place that ends a program. Silence is success.

use std::process::ExitCode;
use std::sync::Arc;

use crate::args::{Args, Common, Stop};
use crate::config::{self, Env, Settings};
use crate::error::Error;
use crate::event::{self, Type};
use crate::log::{self, Level};
use crate::store::Store;
use crate::wire;

/// What a program is: its name, its help, and what it originates.
pub struct Tool {
    /// The name, as in the man page.
    pub name: &'static str,
    /// The text of `--help`: at most 24 lines.
    pub help: &'static str,
    /// The types of the events that it originates.
    pub emits: &'static [Type],
}

/// How a program ended that was not stopped by an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did its work (exit status 0).
    Done,
    /// A part of its work failed, and it has said so (exit status 1).
    Partly,
    /// It was to become another program, and that cannot be run (exit status 127, as a shell
    /// says; only a supervisor sees it).
    NotRun,
}

impl Outcome {
    /// Done, unless something has failed.
    pub fn of(failed: bool) -> Self {
        if failed { Outcome::Partly } else { Outcome::Done }
    }
}

/// Runs a program: reads its options, does its work, and turns what came of it into a status.
pub fn main<O>(
    tool: &'static Tool,
    parse: fn(&mut Args) -> Result<O, Stop>,
    run: fn(O, Common) -> Result<Outcome, Error>,
) -> ExitCode {
    log::set_name(tool.name);
    // Over a limit on the size of files a write fails and is reported, instead of ending us
    // without a word. That it came is nobody's business but the write's.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let mut args = Args::new(std::env::args_os().skip(1).collect::<Vec<_>>());
    let parsed = parse(&mut args);
    if let Some(format) = args.common.log_format {
        log::set_format(format);
    }
    if args.common.verbose {
        log::set_least(Level::Info);
    }
    let outcome = match parsed {
        Ok(options) => run(options, args.common),
        Err(Stop::Help) => shown(tool.help.as_bytes()),
        Err(Stop::Version) => {
            shown(format!("{} {}\n", tool.name, env!("CARGO_PKG_VERSION")).as_bytes())
        }
        Err(Stop::Schema) => {
            shown(format!("{:#}\n", event::schema_of(tool.name, tool.emits)).as_bytes())
        }
        Err(Stop::Wrong(what)) => Err(Error::Wrong(format!("{what}; try '{} --help'", tool.name))),
    };
    match outcome {
        Ok(Outcome::Done) | Err(Error::Pipe) => ExitCode::SUCCESS,
        Ok(Outcome::Partly) => ExitCode::from(1),
        Ok(Outcome::NotRun) => ExitCode::from(127),
        Err(Error::Failed(sentence)) => {
            log::log(Level::Critical, &sentence);
            ExitCode::from(1)
        }
        Err(Error::Wrong(sentence)) => {
            log::log(Level::Critical, &sentence);
            ExitCode::from(2)
        }
    }
}

fn shown(text: &[u8]) -> Result<Outcome, Error> {
    wire::print(text)?;
    Ok(Outcome::Done)
}

/// Opens the state folder that the configuration and the environment name. Makes it only when it is
/// to be `written`.
pub fn store(settings: &Settings, env: &Env, written: bool) -> Result<Store, Error> {
    let dir = config::state_dir(settings, env)?;
    if written { Store::open(&dir) } else { Ok(Store::at(&dir)) }
}

/// Loads the configuration that the options name or that is found, and takes over what it says
/// about messages; flags have already spoken and win.
pub fn settings(common: &Common) -> Result<(Settings, Env), Error> {
    let mut env = config::process_env();
    let settings = config::load(common.config.as_deref(), &mut env)?;
    if common.log_format.is_none() {
        log::set_format(settings.logging.format);
    }
    if !common.verbose {
        log::set_least(settings.logging.level);
    }
    Ok((settings, env))
}
