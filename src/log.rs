//! Messages for people, on standard error.
//!
//! The only writer of standard error. One message is one write(2), so that the lines of several
//! programs on one terminal never tear.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use serde_json::json;

use crate::clock;
use crate::text;

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
    /// All levels, mildest first.
    pub const ALL: [Level; 5] =
        [Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical];

    /// The word in a configuration and in a log line.
    pub const fn as_str(self) -> &'static str {
        self.names().0
    }

    /// The level of that name, in any case.
    pub fn parse(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
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

static NAME: OnceLock<&'static str> = OnceLock::new();
static JSON: AtomicBool = AtomicBool::new(false);
static LEAST: AtomicU8 = AtomicU8::new(Level::Warn as u8);

/// Sets the program's name, once.
pub fn set_name(name: &'static str) {
    NAME.get_or_init(|| name);
}

/// Sets how messages are written from now on.
pub fn set_format(format: Format) {
    JSON.store(format == Format::Json, Ordering::Relaxed);
}

/// Sets the least level that is written.
pub fn set_least(level: Level) {
    LEAST.store(level as u8, Ordering::Relaxed);
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
