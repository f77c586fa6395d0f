//! The shared `main`: an outcome becomes an exit status and at most one line on standard error.
//!
//! The only writer of standard error and the only place that ends a program. One message is one
//! write(2), so that the lines of several programs on one terminal never tear. Silence is success.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::args::{Args, Common, Stop};
use crate::clock;
use crate::config::{self, Env, Features, Settings};
use crate::error::Error;
use crate::event::{self, Type};
use crate::{text, wire};

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

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `dlq-poll: warning: cannot read queue 'orders-dlq': access denied`
    Text,
    /// The same as a JSON object, for log collectors.
    Json,
}

/// How much a message matters; the names are those of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Level {
    /// The level of that name, in any case.
    pub fn parse(name: &str) -> Option<Level> {
        let all = [Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical];
        all.into_iter().find(|level| level.names().0.eq_ignore_ascii_case(name))
    }

    /// In the log, and in a sentence.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Level::Debug => ("DEBUG", "debug: "),
            Level::Info => ("INFO", ""),
            Level::Warn => ("WARN", "warning: "),
            Level::Error => ("ERROR", "error: "),
            Level::Critical => ("CRITICAL", "fatal: "),
        }
    }
}

/// Switches are read again when they are this old.
const SWITCHES_AGE: Duration = Duration::from_secs(5);

static NAME: OnceLock<&'static str> = OnceLock::new();
static JSON: AtomicBool = AtomicBool::new(false);
static LEAST: AtomicU8 = AtomicU8::new(Level::Warn as u8);

/// Runs a program: reads its options, does its work, and turns what came of it into a status.
pub fn main<O>(
    tool: &'static Tool,
    parse: fn(&mut Args) -> Result<O, Stop>,
    run: fn(O, Common) -> Result<Outcome, Error>,
) -> ExitCode {
    NAME.get_or_init(|| tool.name);
    // Over a limit on the size of files a write fails and is reported, instead of ending us
    // without a word. That it came is nobody's business but the write's.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let mut args = Args::new(std::env::args_os().skip(1).collect::<Vec<_>>());
    let parsed = parse(&mut args);
    if args.common.log_format == Some(Format::Json) {
        JSON.store(true, Ordering::Relaxed);
    }
    if args.common.verbose {
        LEAST.store(Level::Info as u8, Ordering::Relaxed);
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
            log(Level::Critical, &sentence);
            ExitCode::from(1)
        }
        Err(Error::Wrong(sentence)) => {
            log(Level::Critical, &sentence);
            ExitCode::from(2)
        }
    }
}

fn shown(text: &[u8]) -> Result<Outcome, Error> {
    wire::print(text)?;
    Ok(Outcome::Done)
}

/// Loads the configuration that the options name or that is found, and takes over what it says
/// about messages; flags have already spoken and win.
pub fn settings(common: &Common) -> Result<(Settings, Env), Error> {
    let mut env = config::process_env();
    let settings = config::load(common.config.as_deref(), &mut env)?;
    if common.log_format.is_none() {
        JSON.store(settings.logging.format == Format::Json, Ordering::Relaxed);
    }
    if !common.verbose {
        LEAST.store(settings.logging.level as u8, Ordering::Relaxed);
    }
    Ok((settings, env))
}

/// The switches of the configuration, read again now and then by who runs for long.
pub struct Switches {
    /// The file that was read at the start: no other takes its place while the program runs.
    path: Option<PathBuf>,
    now: Features,
    read_at: Instant,
}

impl Switches {
    /// As they were when the program started.
    pub fn new(settings: &Settings) -> Self {
        let path = settings.origin.path.clone();
        Switches { path, now: settings.features, read_at: clock::tick() }
    }

    /// As they are now, or were 5 seconds ago. A configuration that somebody is just editing, and
    /// that cannot be read, changes nothing.
    pub fn now(&mut self) -> Features {
        if let Some(path) = &self.path
            && self.read_at.elapsed() >= SWITCHES_AGE
        {
            self.read_at = clock::tick();
            match config::load(Some(path), &mut config::process_env()) {
                Ok(settings) => self.now = settings.features,
                Err(error) => warn(&format!("the switches stay as they are: {error}")),
            }
        }
        self.now
    }
}

/// The program's name.
pub fn name() -> &'static str {
    NAME.get().copied().unwrap_or("dlq")
}

/// Something is not as it should be, and the program goes on.
pub fn warn(sentence: &str) {
    log(Level::Warn, sentence);
}

/// Progress, for who asked for it with `-v`.
pub fn info(sentence: &str) {
    log(Level::Info, sentence);
}

/// A message, made safe for a terminal, in one write.
pub fn log(level: Level, sentence: &str) {
    log_of(level, sentence, None);
}

/// A message about an incident.
pub fn log_of(level: Level, sentence: &str, incident: Option<&str>) {
    if (level as u8) < LEAST.load(Ordering::Relaxed) {
        return;
    }
    let sentence = text::safe(sentence);
    let (logged, spoken) = level.names();
    if JSON.load(Ordering::Relaxed) {
        let mut line = json!({
            "time": clock::now(), "level": logged, "tool": name(), "msg": sentence,
        });
        if let Some(incident) = incident {
            line["incident"] = json!(incident);
        }
        say(&line.to_string());
    } else {
        say(&format!("{}: {spoken}{sentence}", name()));
    }
}

/// A whole line on standard error, which the caller has made safe for a terminal.
pub fn say(line: &str) {
    // Nobody is left to tell when standard error itself is gone.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Whether standard error is a terminal.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
