//! The stream through `dlq-prs`: lines pass at once; looks and openings are children, whose lines are
//! printed when they come (`edge/filter_child.rs`).

use std::time::{Duration, Instant};

use crate::args::Given;
use crate::clock;
use crate::config::Switches;
use crate::edge::filter_child::{self, ChildCommand, FilterChild, TICK};
use crate::error::Error;
use crate::event::{Head, Type};
use crate::log;
use crate::text::safe;
use crate::time::show_span;
use crate::wire::{Output, StreamFilter};

/// The exit status of a wrong configuration.
const WRONG: i32 = 2;

/// Returns the command of the children, which get these options of this program.
pub fn child_command(given: &Given) -> Result<ChildCommand, Error> {
    ChildCommand::of_this_program(given, &["config", "log-format", "interval"], &["verbose"])
}

/// The state of one run.
pub struct PullRequestFilter {
    is_configured: bool,
    command: ChildCommand,
    /// Whether the last child has found the configuration wrong.
    is_wrong: bool,
    switches: Switches,
    interval: Duration,
    /// The moment of the next look.
    look_at: Instant,
    looking: Option<FilterChild>,
    opening: Option<FilterChild>,
    /// Whether a session may have a fix to open.
    is_opening_due: bool,
    failed: bool,
}

impl PullRequestFilter {
    /// Creates a filter. Without anything to watch or to open, `is_configured` is false: lines pass, and
    /// no child starts.
    pub fn new(
        command: ChildCommand,
        switches: Switches,
        interval: Duration,
        is_configured: bool,
    ) -> Self {
        PullRequestFilter {
            is_configured,
            command,
            is_wrong: false,
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
            if let Some(status) = filter_child::collect(work, out)? {
                self.failed |= !status.success();
                // Its message has named the cause, and to try again at once cannot help.
                match status.code() {
                    Some(WRONG) => wrong = true,
                    _ => passed = true,
                }
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
            self.looking = self.spawn("a look at the pull requests", "--once");
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
            self.opening = self.spawn("the opening of pull requests", "--open-due");
        }
    }

    fn spawn(&mut self, what: &'static str, flag: &str) -> Option<FilterChild> {
        let started = self.command.spawn(flag, what);
        self.failed |= started.is_err();
        started.map_err(|error| log::warn(&error.to_string())).ok()
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
        self.start();
        let is_busy = filter_child::drain(|| {
            self.collect(out)?;
            out.flush()?;
            // A session may have ended just before the end of the input.
            if self.opening.is_none() && self.is_opening_due && !self.is_wrong {
                self.start();
            }
            Ok(self.is_busy())
        })?;
        if is_busy {
            log::warn("pull requests are still being opened or looked at; that goes on");
        }
        Ok(self.failed)
    }
}
