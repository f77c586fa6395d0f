//! Messages for people, on standard error and in a file.
//!
//! Promises: only this file writes standard error, and one message is one write(2), so that the
//! lines of several programs on one terminal stay whole.

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use rustix::termios::tcgetwinsize;
use serde_json::json;

use crate::clock;
use crate::text;
use crate::words::words;

words! {
    /// The form of messages.
    Format {
        /// `dlq-poll: warning: cannot read queue 'orders-dlq': access denied`
        Text = "text",
        /// A JSON object, for log collectors.
        Json = "json",
    }
}

words! {
    /// The level of a message, mildest first, with its word in JSON.
    Level {
        Debug = "DEBUG",
        Info = "INFO",
        Warn = "WARN",
        Error = "ERROR",
        Critical = "CRITICAL",
    }
}

/// The columns of a terminal that does not report its size.
const WIDTH: usize = 80;

impl Level {
    /// Returns what stands before a message in text.
    const fn prefix(self) -> &'static str {
        match self {
            Level::Debug => "debug: ",
            Level::Info => "",
            Level::Warn => "warning: ",
            Level::Error => "error: ",
            Level::Critical => "fatal: ",
        }
    }
}

static NAME: OnceLock<&'static str> = OnceLock::new();
static JSON: AtomicBool = AtomicBool::new(false);
static LEAST: AtomicU8 = AtomicU8::new(Level::Warn as u8);
static QUIET: AtomicBool = AtomicBool::new(false);
static FILE: OnceLock<Box<dyn MessageSink>> = OnceLock::new();

thread_local! {
    /// The incident that the messages of this thread are about.
    static INCIDENT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The file that messages are also written to.
pub trait MessageSink: Send + Sync {
    /// Adds a line, without its LF. A failure is reported by [`write_stderr`], once.
    fn write(&self, line: &str);
}

/// Sets the file that later messages are also written to. Later calls change nothing.
pub fn set_file(file: Box<dyn MessageSink>) {
    let _ = FILE.set(file);
}

/// Whether messages are kept in a file, and nobody reads them on a terminal: SIGHUP is then what tells
/// a program that its file was renamed, and not that its terminal is gone.
pub fn is_detached() -> bool {
    FILE.get().is_some() && !stderr_is_terminal()
}

/// The scope in which the messages of a thread are about one incident.
#[derive(Debug)]
#[must_use]
pub struct IncidentScope {
    outer: Option<String>,
}

/// Has the messages of this thread name an incident until the scope is dropped; None names none.
pub fn about(incident: Option<&str>) -> IncidentScope {
    IncidentScope { outer: INCIDENT.replace(named(incident)) }
}

/// Has all messages of this thread name an incident from now on: those of a program that works on one.
pub fn set_incident(incident: Option<&str>) {
    INCIDENT.replace(named(incident));
}

/// Some records have no incident, and an empty id.
fn named(incident: Option<&str>) -> Option<String> {
    incident.filter(|id| !id.is_empty()).map(str::to_owned)
}

impl Drop for IncidentScope {
    fn drop(&mut self) {
        INCIDENT.replace(self.outer.take());
    }
}

/// Sets the name of the program. Later calls change nothing.
pub fn set_name(name: &'static str) {
    NAME.get_or_init(|| name);
}

pub fn set_format(format: Format) {
    JSON.store(format == Format::Json, Ordering::Relaxed);
}

/// Sets the lowest level that is written.
pub fn set_least(level: Level) {
    LEAST.store(level as u8, Ordering::Relaxed);
}

/// Has [`tell`] write nothing.
pub fn set_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub fn name() -> &'static str {
    NAME.get().copied().unwrap_or("dlq")
}

/// Reports a problem after which the program goes on.
pub fn warn(sentence: &str) {
    log(Level::Warn, sentence);
}

/// Reports a failure after which the program goes on.
pub fn warn_on_error(result: Result<(), impl Display>) {
    if let Err(error) = result {
        warn(&error.to_string());
    }
}

/// Reports progress, which `-v` shows.
pub fn info(sentence: &str) {
    log(Level::Info, sentence);
}

/// Reports what a person has to know before it happens, though nothing is wrong: it is shown where warnings are,
/// unless [`set_quiet`] was called.
pub fn tell(sentence: &str) {
    if is_shown(Level::Warn) && !QUIET.load(Ordering::Relaxed) {
        write(Level::Info, sentence);
    }
}

/// Writes a message, made safe for a terminal.
pub fn log(level: Level, sentence: &str) {
    if is_shown(level) {
        write(level, sentence);
    }
}

fn is_shown(level: Level) -> bool {
    level as u8 >= LEAST.load(Ordering::Relaxed)
}

fn write(level: Level, sentence: &str) {
    let sentence = text::safe(sentence);
    let incident = INCIDENT.with_borrow(Clone::clone);
    let (name, prefix) = (name(), level.prefix());
    if JSON.load(Ordering::Relaxed) {
        let mut line = json!({
            "time": clock::now(), "level": level, "tool": name, "msg": sentence,
        });
        if let Some(incident) = incident {
            line["incident"] = json!(incident);
        }
        let line = line.to_string();
        write_stderr(&line);
        if let Some(file) = FILE.get() {
            file.write(&line);
        }
        return;
    }
    write_stderr(&format!("{name}: {prefix}{sentence}"));
    if let Some(file) = FILE.get() {
        let about =
            incident.map_or_else(String::new, |id| format!(" [incident {}]", text::safe(&id)));
        let (now, id) = (clock::now(), std::process::id());
        file.write(&format!("{now} {name}[{id}]: {prefix}{sentence}{about}"));
    }
}

/// Writes a line to standard error. The caller has made it safe for a terminal.
pub fn write_stderr(line: &str) {
    // An error has nowhere to be reported when standard error is closed.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Shows a line of progress in place of the last one, when standard error is a terminal. An empty line
/// removes it. The caller has made it safe for a terminal.
pub fn show_progress(line: &str) {
    if stderr_is_terminal() && !JSON.load(Ordering::Relaxed) {
        let line = text::shorten(line, stderr_width().unwrap_or(WIDTH).saturating_sub(1));
        let _ = std::io::stderr().write_all(format!("\r\x1b[K{line}").as_bytes());
    }
}

pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Returns the columns of the terminal that standard error is; None when it is no terminal.
pub fn stderr_width() -> Option<usize> {
    terminal_width(std::io::stderr())
}

/// Returns the columns of a terminal; None when it is no terminal.
pub fn terminal_width(end: impl AsFd + IsTerminal) -> Option<usize> {
    let size = end.is_terminal().then(|| tcgetwinsize(end))?;
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { WIDTH } else { columns })
}
