//! The stream through `dlq-prs`: lines pass at once; looks and openings are children, whose lines are
//! printed when they come.
//!
//! A child is a process of its own, so that a slow server delays no line, and the end of this program
//! ends no opening halfway. It has appended its events to the journal before it prints them.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::args::Given;
use crate::clock;
use crate::config::Switches;
use crate::error::Error;
use crate::event::{Head, Type};
use crate::log;
use crate::store::{self, BlockingWait};
use crate::text::safe;
use crate::time::show_span;
use crate::wire::{Output, StreamFilter};

/// The interval at which children are looked at while any runs.
const TICK: Duration = Duration::from_millis(100);
/// The time for children after the end of the input.
const DRAIN: Duration = Duration::from_secs(120);
/// The exit status of a wrong configuration.
const WRONG: i32 = 2;
/// The longest line of a child.
const LINE_MAX: usize = 8192;

/// The words of the children: what they do, and the options of this program that they get.
pub struct ChildCommands {
    /// The program, and the options that all children get.
    pub program: Vec<OsString>,
}

impl ChildCommands {
    /// Returns the commands for the program that runs, with the options that it was given.
    pub fn of_this_program(given: &Given) -> Result<Self, Error> {
        let own =
            std::env::current_exe().map_err(|error| Error::failed("find", "dlq-prs", error))?;
        let mut program = vec![own.into_os_string()];
        for option in ["config", "log-format", "interval"] {
            let value = given.text(option);
            program.extend(value.map(|value| format!("--{option}={value}").into()));
        }
        program.extend(given.has("verbose").then(|| "--verbose".into()));
        Ok(ChildCommands { program })
    }
}

/// The state of one run.
pub struct PullRequestFilter {
    is_configured: bool,
    /// Whether the last child has found the configuration wrong.
    is_wrong: bool,
    commands: ChildCommands,
    switches: Switches,
    interval: Duration,
    /// The moment of the next look.
    look_at: Instant,
    looking: Option<ChildWork>,
    opening: Option<ChildWork>,
    /// Whether a session may have a fix to open.
    is_opening_due: bool,
    failed: bool,
}

/// A child and its lines.
struct ChildWork {
    child: Child,
    lines: Receiver<Vec<u8>>,
    what: &'static str,
}

impl PullRequestFilter {
    /// Creates a filter. Without anything to watch or to open, `is_configured` is false: lines pass, and
    /// no child starts.
    pub fn new(
        commands: ChildCommands,
        switches: Switches,
        interval: Duration,
        is_configured: bool,
    ) -> Self {
        PullRequestFilter {
            is_configured,
            is_wrong: false,
            commands,
            switches,
            interval,
            look_at: clock::tick(),
            looking: None,
            opening: None,
            // What an earlier run has left.
            is_opening_due: true,
            failed: false,
        }
    }

    /// Prints the lines of the children, and notes which have ended.
    fn collect(&mut self, out: &mut Output) -> Result<(), Error> {
        let (mut wrong, mut passed) = (false, false);
        for work in [&mut self.looking, &mut self.opening] {
            let Some(running) = work else { continue };
            let ended = running
                .child
                .try_wait()
                .map_err(|error| Error::failed("wait for", running.what, error))?;
            // Read after the look at the process: nothing comes after its end.
            let lines: Vec<Vec<u8>> = match ended {
                Some(_) => running.lines.iter().collect(),
                None => running.lines.try_iter().collect(),
            };
            for line in &lines {
                out.line(line)?;
            }
            if let Some(status) = ended {
                self.failed |= !status.success();
                // Its message has named the cause, and to try again at once cannot help.
                match status.code() {
                    Some(WRONG) => wrong = true,
                    _ => passed = true,
                }
                *work = None;
            }
        }
        if passed && !wrong && std::mem::take(&mut self.is_wrong) {
            log::warn("the configuration is right again");
        }
        if wrong && !std::mem::replace(&mut self.is_wrong, true) {
            log::warn(&format!(
                "nothing is opened or watched until the configuration is right, which is tried every {}; \
                 lines pass",
                show_span(self.interval)
            ));
        }
        Ok(())
    }

    /// Starts what is due.
    fn start(&mut self) {
        if !self.is_configured {
            return;
        }
        if self.looking.is_none() && clock::tick() >= self.look_at {
            self.look_at = clock::tick() + self.interval;
            self.looking = self.spawn("a look at the pull requests", &["--once"]);
            // Limits on openings end, and failures are tried again.
            self.is_opening_due = true;
        }
        // The next look tells whether it is right again.
        if self.is_wrong {
            return;
        }
        let is_wanted = self.is_opening_due && self.switches.now().pull_requests;
        if self.opening.is_none() && is_wanted {
            self.is_opening_due = false;
            self.opening = self.spawn("the opening of pull requests", &["--open-due"]);
        }
    }

    fn spawn(&mut self, what: &'static str, words: &[&str]) -> Option<ChildWork> {
        match self.try_spawn(what, words) {
            Ok(work) => Some(work),
            Err(error) => {
                log::warn(&Error::failed("start", what, error).to_string());
                self.failed = true;
                None
            }
        }
    }

    fn try_spawn(&self, what: &'static str, words: &[&str]) -> std::io::Result<ChildWork> {
        let Some((program, options)) = self.commands.program.split_first() else {
            return Err(std::io::ErrorKind::InvalidInput.into());
        };
        let mut child = Command::new(program)
            .args(words)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What is wrong was told.
            .stderr(if self.is_wrong { Stdio::null() } else { Stdio::inherit() })
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
        Ok(ChildWork { child, lines, what })
    }

    fn is_busy(&self) -> bool {
        self.looking.is_some() || self.opening.is_some()
    }
}

impl StreamFilter for PullRequestFilter {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        _line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        // A line is a hint: what is opened is decided from the record of the session.
        let is_hint = |head: &&Head<'_>| {
            matches!(head.known, Some(Type::InvestigationCompleted | Type::InvestigationProven))
        };
        if let Some(head) = head.filter(is_hint) {
            log::info(&format!("a session has ended: '{}'", safe(&head.id)));
            self.is_opening_due = true;
        }
        self.collect(out)?;
        self.start();
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        if !self.is_configured && !self.is_busy() {
            return None;
        }
        if self.is_busy() || self.is_opening_due && !self.is_wrong {
            return Some(TICK);
        }
        Some(self.look_at.saturating_duration_since(clock::tick()).max(TICK))
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        self.collect(out)?;
        out.flush()?;
        self.start();
        Ok(())
    }

    /// Makes what is due once more, and waits for it. What takes longer goes on by itself.
    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        let until = clock::tick() + DRAIN;
        self.start();
        while self.is_busy() && clock::tick() < until {
            store::sleep(BlockingWait::ProcessEnd, TICK / 2);
            self.collect(out)?;
            out.flush()?;
            // A session may have ended just before the end of the input.
            if self.opening.is_none() && self.is_opening_due && !self.is_wrong {
                self.start();
            }
        }
        if self.is_busy() {
            log::warn("pull requests are still being opened or looked at; that goes on");
        }
        Ok(self.failed)
    }
}
