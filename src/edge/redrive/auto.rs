//! The stream through `dlq-redrive --auto`: lines pass at once, and a redrive is a child, whose lines
//! are printed when they come.
//!
//! A line is a hint only: what is redriven is decided from `prs.json` (`rules/redrive/due.rs`). A
//! canary takes minutes, so that a redrive is a child (`edge/filter_child.rs`).

use std::time::Duration;

use super::{RedriveRequest, Redriver};
use crate::args::Given;
use crate::config::Switches;
use crate::document::Keys;
use crate::edge::filter_child::{self, ChildCommand, FilterChild, TICK};
use crate::error::Error;
use crate::event::{Head, Type};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::redrive::document::Redrives;
use crate::rules::redrive::due::{self, DueRedrive};
use crate::store::Store;
use crate::wire::{Output, StreamFilter, failed_in_part};

/// The most heartbeats from a try that has failed to the next one, which is twice as far each time.
const PAUSE_MAX: u32 = 64;
/// The options that the child gets, besides those of every program.
pub(super) const OPTIONS: &[&str] = &[
    "config",
    "log-format",
    "profile",
    "region",
    "endpoint-url",
    "canary",
    "ramp",
    "rate",
    "wait",
    "batch-window",
    "hold",
];

/// The state of one run.
pub struct AutoRedrive {
    command: ChildCommand,
    switches: Switches,
    store: Store,
    child: Option<FilterChild>,
    is_due: bool,
    /// The heartbeats between the last try and the next, and those that are left; None: nothing failed.
    pause: u32,
    left: Option<u32>,
    failed: bool,
}

impl AutoRedrive {
    /// Creates a filter that starts the program which runs, with the options that it was given.
    pub fn new(given: &Given, switches: Switches, store: Store) -> Result<Self, Error> {
        let command = ChildCommand::of_this_program(given, OPTIONS, &["verbose", "dry-run"])?;
        // What an earlier run has left is due, too.
        let (child, is_due, failed) = (None, true, false);
        Ok(AutoRedrive { command, switches, store, child, is_due, pause: 0, left: None, failed })
    }

    /// Notes that a try has failed: a redrive that it could not record is due still.
    fn fail(&mut self) {
        self.failed = true;
        self.pause = (self.pause * 2).clamp(1, PAUSE_MAX);
        self.left = Some(self.pause);
    }

    /// Counts a heartbeat.
    fn pass_heartbeat(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.left == Some(0) {
            (self.left, self.is_due) = (None, true);
        }
    }

    /// Prints the lines of the child, and notes its end.
    fn collect(&mut self, out: &mut Output) -> Result<(), Error> {
        if let Some(status) = filter_child::collect(&mut self.child, out)? {
            match status.success() {
                true => (self.pause, self.left) = (0, None),
                false => self.fail(),
            }
        }
        Ok(())
    }

    /// Starts what is due.
    fn start(&mut self) {
        if self.child.is_some() || !self.is_due || !self.switches.now().auto_redrive {
            return;
        }
        self.is_due = false;
        let started = match find_due(&self.store) {
            Ok(due) if due.is_empty() => return,
            Ok(_) => self.command.spawn("--due", "a redrive"),
            Err(error) => Err(error),
        };
        match started {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                log::warn(&error.to_string());
                self.fail();
            }
        }
    }
}

impl StreamFilter for AutoRedrive {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        _line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        match head.and_then(|head| head.known) {
            Some(Type::PrDeployed) => self.is_due = true,
            Some(Type::PollFinished) => self.pass_heartbeat(),
            _ => {}
        }
        self.collect(out)?;
        self.start();
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.child.as_ref().map(|_| TICK)
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
            self.start();
            Ok(self.child.is_some())
        })?;
        if is_busy {
            log::warn("a redrive is still running; that goes on");
        }
        Ok(self.failed)
    }
}

/// Returns the redrives that the records say are due.
fn find_due(store: &Store) -> Result<Vec<DueRedrive>, Error> {
    let all = Keys::none().with_all(PullRequests::SESSION).with_all(PullRequests::WATCHED);
    let prs: PullRequests = store.read(&all)?;
    let sessions: Sessions = store.read(&Keys::none().with_all(Sessions::SESSION))?;
    let redrives: Redrives = store.read(&Keys::none().with_all(Redrives::MOVE))?;
    Ok(due::due(&prs, &sessions, &redrives))
}

impl Redriver {
    /// Redrives the messages of the fixes that are live, each once. Returns whether a part failed.
    pub fn redrive_due(&self, request: &RedriveRequest, out: &mut Output) -> Result<bool, Error> {
        let mut failed = false;
        for due in find_due(&self.store)? {
            let mut request = request.clone();
            let words = vec![format!("fingerprint={}", due.fingerprint)];
            request.set_words(words).map_err(Error::Failed)?;
            request.incident = Some(due.incident).filter(|id| !id.is_empty());
            request.session = Some(due.session);
            request.pull_request = Some(due.pull_request.clone());
            request.reason = Some(format!("{} is deployed", due.pull_request));
            request.verifies = true;
            log::info(&format!("the fix '{}' is deployed", due.pull_request));
            let queue = super::ApplyInput::Queue(due.queue.url);
            failed |= failed_in_part(self.apply(&queue, &request, out))?;
        }
        Ok(failed)
    }
}
