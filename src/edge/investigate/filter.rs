//! The stream through `dlq-investigate`. Every line is passed on before anything is decided about
//! it; the events of sessions are inserted between the lines. The filter waits for investigations
//! only at the end of the stream.

use std::time::Duration;

use rustix::fd::BorrowedFd;

use crate::clock;
use crate::config::Switches;
use crate::edge::sessions::{SessionRunner, UpdateResult};
use crate::error::Error;
use crate::event::stream_time::Clock;
use crate::event::{Head, Type};
use crate::log;
use crate::rules::investigation::incident;
use crate::rules::investigation::incident::IncidentChange;
use crate::time::Timestamp;
use crate::wire::{Input, Output, Step};

/// The interval of updates while the stream is silent and sessions run.
const TICK: Duration = Duration::from_millis(200);
/// The interval of updates after the end of the stream.
const WAIT: Duration = Duration::from_millis(50);
/// The number of changes that are kept before they are recorded.
const CHANGES_MAX: usize = 1000;

/// The state of one run.
pub struct Filter {
    runner: SessionRunner,
    out: Output,
    clock: Clock,
    switches: Switches,
    changes: Vec<IncidentChange>,
    /// The running sessions that this run started.
    own: Vec<String>,
    /// Sessions run or may have unprinted events.
    busy: bool,
    failed: bool,
}

impl Filter {
    pub fn new(runner: SessionRunner, switches: Switches, dry_run: bool) -> Self {
        let (out, clock) = (Output::new(), Clock::new(dry_run));
        Filter {
            runner,
            out,
            clock,
            switches,
            changes: Vec::new(),
            own: Vec::new(),
            busy: true,
            failed: false,
        }
    }

    /// Passes the stream on until its end.
    pub fn stream(&mut self, input: &mut Input<BorrowedFd<'static>>) -> Result<(), Error> {
        loop {
            let timeout = self.busy.then_some(TICK);
            match input.next(&mut self.out, timeout)? {
                Step::Line(line, head) => {
                    self.out.put(line)?;
                    if let Some(head) = head {
                        self.observe(&head, line)?;
                    }
                }
                Step::Refused => {}
                Step::Idle => self.tick()?,
                Step::End => return Ok(()),
            }
        }
    }

    fn observe(&mut self, head: &Head<'_>, line: &[u8]) -> Result<(), Error> {
        if !self.clock.hear(head) {
            return Ok(());
        }
        self.changes.extend(incident::incident_change(head, line));
        if head.known == Some(Type::PollFinished) && self.clock.is_live(head.time(), clock::now()) {
            self.evaluate().map(|_| ())
        } else if self.changes.len() >= CHANGES_MAX {
            self.update(None).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn evaluate(&mut self) -> Result<UpdateResult, Error> {
        self.runner.set_enabled(self.switches.now().investigate);
        self.update(Some(self.clock.now(clock::now())))
    }

    fn tick(&mut self) -> Result<(), Error> {
        self.busy = self.runner.is_busy()?;
        if self.busy { self.update(None).map(|_| ()) } else { Ok(()) }
    }

    fn update(&mut self, evaluate_at: Option<Timestamp>) -> Result<UpdateResult, Error> {
        let result = self.runner.update(std::mem::take(&mut self.changes), evaluate_at)?;
        self.busy = !result.running.is_empty();
        self.failed |= result.failed;
        for session in &result.started {
            log::info(&format!("session {session} is started"));
        }
        self.own.extend(result.started.iter().cloned());
        self.own.retain(|session| result.running.contains(session));
        for line in &result.lines {
            self.out.put(line)?;
        }
        if !result.printed.is_empty() {
            self.out.flush()?;
            self.runner.mark_printed(&result.printed)?;
        }
        Ok(result)
    }

    /// Adds a session to wait for.
    pub fn wait_for(&mut self, session: String) {
        self.own.push(session);
    }

    /// Prints the events of sessions.
    pub fn print_pending(&mut self) -> Result<(), Error> {
        self.update(None)?;
        self.out.flush()
    }

    /// Records the changes seen so far, and prints nothing.
    pub fn record_pending(&mut self) -> Result<(), Error> {
        self.runner.update(std::mem::take(&mut self.changes), None).map(|_| ())
    }

    /// Evaluates once more at the end of the stream. Unless `no_wait` is set, waits for the
    /// sessions of this run and for incidents that wait for a slot. Returns whether a session could
    /// not be started.
    pub fn finish(&mut self, no_wait: bool) -> Result<bool, Error> {
        loop {
            let result = self.evaluate()?;
            self.out.flush()?;
            let awaited = !self.own.is_empty() || (result.waiting > 0 && self.busy);
            if no_wait || !awaited {
                return Ok(self.failed);
            }
            std::thread::sleep(WAIT);
        }
    }
}
