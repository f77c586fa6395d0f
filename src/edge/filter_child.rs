//! The children of a filter: work that takes long, done by the same program, whose lines the filter
//! prints when they come.
//!
//! A child is a process of its own, so that it delays no line of the stream, and the end of the filter
//! ends no work halfway. It has appended its events to the journal before it prints them.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::args::Given;
use crate::clock;
use crate::error::Error;
use crate::store::{self, BlockingWait};
use crate::wire::Output;

/// The interval at which children are looked at while any runs.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// The time for children after the end of the input.
const DRAIN: Duration = Duration::from_secs(120);
/// The longest line of a child.
const LINE_MAX: usize = 8192;

/// The program that runs, and the options of its command line that its children get.
pub struct ChildCommand {
    words: Vec<OsString>,
}

/// A child, and its lines.
pub(super) struct FilterChild {
    child: Child,
    lines: Receiver<Vec<u8>>,
    what: &'static str,
}

impl ChildCommand {
    /// Returns the command for the program that runs, with those of its options that are named.
    pub fn of_this_program(given: &Given, options: &[&str], flags: &[&str]) -> Result<Self, Error> {
        let own = std::env::current_exe()
            .map_err(|error| Error::failed("find", "this program", error))?;
        let mut words = vec![own.into_os_string()];
        for option in options {
            let value = given.text(option);
            words.extend(value.map(|value| format!("--{option}={value}").into()));
        }
        for flag in flags {
            words.extend(given.has(flag).then(|| format!("--{flag}").into()));
        }
        Ok(ChildCommand { words })
    }

    /// Starts a child for the work that `flag` names; `what` is that work in words.
    pub(super) fn spawn(&self, flag: &str, what: &'static str) -> Result<FilterChild, Error> {
        self.try_spawn(flag, what).map_err(|error| Error::failed("start", what, error))
    }

    fn try_spawn(&self, flag: &str, what: &'static str) -> std::io::Result<FilterChild> {
        let Some((program, options)) = self.words.split_first() else {
            return Err(std::io::ErrorKind::InvalidInput.into());
        };
        let mut child = Command::new(program)
            .arg(flag)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A signal to the whole pipe, as `scripts/pipeline` and a terminal send it, is not for it.
            .process_group(0)
            .spawn()?;
        let (to, lines) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut from = BufReader::new(stdout);
                let mut line = Vec::new();
                while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    if line.len() <= LINE_MAX && to.send(std::mem::take(&mut line)).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
        Ok(FilterChild { child, lines, what })
    }
}

/// Prints the lines of a child, if there is one. Returns its status once it has ended, and then
/// forgets it.
pub(super) fn collect(
    slot: &mut Option<FilterChild>,
    out: &mut Output,
) -> Result<Option<ExitStatus>, Error> {
    let Some(running) = slot else { return Ok(None) };
    let ended = running.child.try_wait();
    let ended = ended.map_err(|error| Error::failed("wait for", running.what, error))?;
    // Read after the look at the process: nothing comes after its end.
    let lines: Vec<Vec<u8>> = match ended {
        Some(_) => running.lines.iter().collect(),
        None => running.lines.try_iter().collect(),
    };
    for line in &lines {
        out.line(line)?;
    }
    if ended.is_some() {
        *slot = None;
    }
    Ok(ended)
}

/// Waits after the end of the input, while `step` returns that a child runs. Returns whether one still
/// does: it goes on by itself.
pub(super) fn drain(mut step: impl FnMut() -> Result<bool, Error>) -> Result<bool, Error> {
    let until = clock::tick() + DRAIN;
    while step()? {
        if clock::tick() >= until {
            return Ok(true);
        }
        store::sleep(BlockingWait::ProcessEnd, TICK / 2);
    }
    Ok(false)
}
