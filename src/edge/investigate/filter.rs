//! The stream through `dlq-investigate`: every line is passed on before anything is decided about it,
//! and what sessions have told is put in between. It never waits for an investigation before the end.

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

/// How often running sessions are looked at while the stream is silent.
const TICK: Duration = Duration::from_millis(200);
/// At the end of the stream nothing else is to be done than to wait for sessions.
const WAIT: Duration = Duration::from_millis(50);
/// So much of the stream's news is kept before it is written down.
const CHANGES_MAX: usize = 1000;

/// The stream of one run, and what it has started.
pub struct Filter {
    runner: SessionRunner,
    out: Output,
    clock: Clock,
    switches: Switches,
    changes: Vec<IncidentChange>,
    /// The sessions that it has started and that run.
    own: Vec<String>,
    /// Sessions run, or may have told something.
    busy: bool,
    failed: bool,
}

impl Filter {
    /// Nothing was heard yet.
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

    /// Passes the stream on to its end.
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

    /// Waits for this session, too.
    pub fn wait_for(&mut self, session: String) {
        self.own.push(session);
    }

    /// Prints what sessions have told.
    pub fn print_pending(&mut self) -> Result<(), Error> {
        self.update(None)?;
        self.out.flush()
    }

    /// Writes down what was heard, and prints nothing.
    pub fn record_pending(&mut self) -> Result<(), Error> {
        self.runner.update(std::mem::take(&mut self.changes), None).map(|_| ())
    }

    /// The stream has ended: judges a last time, and, unless told otherwise (or in a dry run, where
    /// nothing runs), waits for what it has started and for what waits for a place. Says whether a
    /// session could not be started.
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
