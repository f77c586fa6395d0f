//! The shared `main` of the programs: turns a result into an exit status and at most one line on
//! standard error.
//!
//! Promises: only this file ends a process; success prints nothing.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use crate::args::{CommonOptions, Given, Opt, ParseExit, help};
use crate::config::{self, Env, Settings};
use crate::error::Error;
use crate::event::{self, ToolName};
use crate::log::{self, Level};
use crate::wire;

/// The description of a program.
#[derive(Debug)]
pub struct Tool {
    pub name: ToolName,
    /// The first part of `--help`: the usage, and what the program does.
    pub usage: &'static str,
    /// The options beside those of every program.
    pub options: &'static [Opt],
    /// Allows arguments that are not options.
    pub takes_operands: bool,
    /// The last part of `--help`.
    pub notes: &'static str,
}

impl Tool {
    /// Returns the text of `--help`: at most 24 lines of 100 columns.
    pub fn help(&self) -> String {
        help::text(self.usage, self.options, self.notes)
    }
}

/// The ends of a program that no [`Error`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitOutcome {
    /// Everything was done (exit status 0).
    Done,
    /// A part of the work failed and was reported (exit status 1).
    Partly,
    /// The program to execute cannot be run (exit status 127, as in a shell).
    NotRun,
}

impl ExitOutcome {
    pub fn from_failed(failed: bool) -> Self {
        if failed { ExitOutcome::Partly } else { ExitOutcome::Done }
    }
}

/// Runs a program: parses its command line, runs it, and returns its exit status.
pub fn main<O>(
    tool: &'static Tool,
    parse: fn(&Given) -> Result<O, ParseExit>,
    run: fn(O, CommonOptions) -> Result<ExitOutcome, Error>,
) -> ExitCode {
    let name = tool.name.as_str();
    begin(name);
    let mut given = Given::new(tool.options);
    let args = std::env::args_os().skip(1).collect::<Vec<_>>();
    let parsed = given.read(args, tool.takes_operands).and_then(|()| parse(&given));
    let common = given.common();
    if let Some(format) = common.log_format {
        log::set_format(format);
    }
    if common.verbose {
        log::set_least(Level::Info);
    }
    let outcome = match parsed {
        Ok(options) => run(options, common),
        Err(ParseExit::Help) => print(&tool.help()),
        Err(ParseExit::Version) => print(&format!("{name} {}\n", env!("CARGO_PKG_VERSION"))),
        Err(ParseExit::Schema) => print(&format!("{:#}\n", event::line_schema(tool.name))),
        Err(ParseExit::Wrong(what)) => Err(Error::Wrong(format!("{what}; try '{name} --help'"))),
    };
    exit_code(outcome)
}

/// Runs a program that other programs start, with words instead of options.
pub fn run_private(
    name: &'static str,
    run: fn(&[String]) -> Result<ExitOutcome, Error>,
) -> ExitCode {
    begin(name);
    let words: Result<Vec<String>, _> =
        std::env::args_os().skip(1).map(OsString::into_string).collect();
    let words = words.map_err(|word| Error::wrong(format!("'{}' is not UTF-8", word.display())));
    exit_code(words.and_then(|words| run(&words)))
}

fn begin(name: &'static str) {
    log::set_name(name);
    // With a handler, a write over the limit on file sizes fails and is reported. Without one the
    // signal ends the program silently. The flag itself is never read.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

fn exit_code(outcome: Result<ExitOutcome, Error>) -> ExitCode {
    match outcome {
        Ok(ExitOutcome::Done) | Err(Error::Pipe) => ExitCode::SUCCESS,
        Ok(ExitOutcome::Partly) => ExitCode::from(1),
        Ok(ExitOutcome::NotRun) => ExitCode::from(127),
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

fn print(text: &str) -> Result<ExitOutcome, Error> {
    wire::print(text.as_bytes())?;
    Ok(ExitOutcome::Done)
}

/// Loads the configuration, and applies its `logging` settings where no option overrides them.
pub fn settings(common: &CommonOptions) -> Result<(Settings, Env), Error> {
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
