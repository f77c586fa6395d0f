//! The shared `main` of the programs: turns a result into an exit status and at most one line on
//! standard error.
//!
//! Promises: only this file ends a process; success prints nothing.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::args::{Given, Opt, ParseExit, help};
use crate::config::{self, Env, Settings};
use crate::edge::log_file::LogFile;
use crate::edge::{process, state_store};
use crate::error::Error;
use crate::event::{self, ToolName};
use crate::log::{self, Format, Level};
use crate::store::Store;
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
    /// The program that was run has ended with this exit status.
    Exited(u8),
}

impl ExitOutcome {
    pub fn from_failed(failed: bool) -> Self {
        if failed { ExitOutcome::Partly } else { ExitOutcome::Done }
    }
}

/// Runs a program: reads its command line, runs it, and returns its exit status.
pub fn main(tool: &'static Tool, run: fn(&Given) -> Result<ExitOutcome, Error>) -> ExitCode {
    let name = tool.name.as_str();
    begin(name);
    let mut given = Given::new(tool.options);
    let args = std::env::args_os().skip(1).collect::<Vec<_>>();
    let parsed = given.read(args, tool.takes_operands);
    if let Some(format) = given.text("log-format").and_then(|form| Format::parse(&form)) {
        log::set_format(format);
    }
    if given.has("verbose") {
        log::set_least(Level::Info);
    }
    exit_code(match parsed {
        Ok(()) => run(&given),
        Err(ParseExit::Help) => print(&tool.help()),
        Err(ParseExit::Version) => print(&format!("{name} {}\n", env!("CARGO_PKG_VERSION"))),
        Err(ParseExit::Schema) => print(&format!("{:#}\n", event::line_schema(tool.name))),
        Err(ParseExit::Wrong(sentence)) => Err(Error::Usage(sentence)),
    })
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
    process::limit_core_dumps();
    // With a handler, a write over the limit on file sizes fails and is reported. Without one the
    // signal ends the program silently. The flag itself is never read.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

fn exit_code(outcome: Result<ExitOutcome, Error>) -> ExitCode {
    match outcome {
        Ok(ExitOutcome::Done) | Err(Error::Pipe) => ExitCode::SUCCESS,
        Ok(ExitOutcome::Partly) => ExitCode::from(1),
        Ok(ExitOutcome::NotRun) => ExitCode::from(127),
        Ok(ExitOutcome::Exited(status)) => ExitCode::from(status),
        Err(Error::Failed(sentence)) => ended(&sentence, 1),
        Err(Error::Wrong(sentence)) => ended(&sentence, 2),
        Err(Error::Usage(sentence)) => {
            let end = if sentence.ends_with('?') { "" } else { ";" };
            ended(&format!("{sentence}{end} try '{} --help'", log::name()), 2)
        }
    }
}

fn ended(sentence: &str, status: u8) -> ExitCode {
    log::log(Level::Critical, sentence);
    ExitCode::from(status)
}

fn print(text: &str) -> Result<ExitOutcome, Error> {
    wire::print(text.as_bytes())?;
    Ok(ExitOutcome::Done)
}

/// Loads the configuration, and applies its `logging` settings where no option overrides them, and
/// the settings of options. An error of these names the option. `-v` reports the layers.
pub fn settings(given: &Given) -> Result<(Settings, Env), Error> {
    let mut env = config::process_env()?;
    let mut settings = config::load(given.text("config").as_deref().map(Path::new), &mut env)?;
    if !given.has("log-format") {
        log::set_format(settings.logging.format);
    }
    if !given.has("verbose") {
        log::set_least(settings.logging.level);
    }
    given.apply(&mut settings)?;
    if let Some(path) = &settings.logging.file {
        let logging = &settings.logging;
        LogFile::keep_messages(path.clone(), logging.file_max_mib << 20, logging.file_keep);
    }
    log::info(&config::in_force(&settings, &env, &given.overriding()));
    Ok((settings, env))
}

/// Opens the store that the configuration and the environment name. Makes its folder only when it is to
/// be `written`.
pub fn store(settings: &Settings, env: &Env, written: bool) -> Result<Store, Error> {
    state_store::open(settings, env, written)
}
