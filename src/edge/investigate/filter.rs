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
const NEWS_MAX: usize = 1000;

/// The stream of one run, and what it has started.
pub struct Filter {
    desk: SessionRunner,
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
    pub fn new(desk: SessionRunner, switches: Switches, dry_run: bool) -> Self {
        let (out, clock) = (Output::new(), Clock::new(dry_run));
        Filter {
            desk,
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
            let patience = self.busy.then_some(TICK);
            match input.next(&mut self.out, patience)? {
                Step::Line(line, head) => {
                    self.out.put(line)?;
                    if let Some(head) = head {
                        self.hear(&head, line)?;
                    }
                }
                Step::Refused => {}
                Step::Idle => self.tick()?,
                Step::End => return Ok(()),
            }
        }
    }

    fn hear(&mut self, head: &Head<'_>, line: &[u8]) -> Result<(), Error> {
        if !self.clock.hear(head) {
            return Ok(());
        }
        self.changes.extend(incident::incident_change(head, line));
        if head.known == Some(Type::PollFinished) && self.clock.is_live(head.time(), clock::now()) {
            self.judge().map(|_| ())
        } else if self.changes.len() >= NEWS_MAX {
            self.update(None).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn judge(&mut self) -> Result<UpdateResult, Error> {
        self.desk.switch(self.switches.now().investigate);
        self.update(Some(self.clock.now(clock::now())))
    }

    fn tick(&mut self) -> Result<(), Error> {
        self.busy = self.desk.is_busy()?;
        if self.busy { self.update(None).map(|_| ()) } else { Ok(()) }
    }

    fn update(&mut self, judge_at: Option<Timestamp>) -> Result<UpdateResult, Error> {
        let brought = self.desk.update(std::mem::take(&mut self.changes), judge_at)?;
        self.busy = !brought.running.is_empty();
        self.failed |= brought.failed;
        for session in &brought.started {
            log::info(&format!("session {session} is started"));
        }
        self.own.extend(brought.started.iter().cloned());
        self.own.retain(|session| brought.running.contains(session));
        for line in &brought.lines {
            self.out.put(line)?;
        }
        if !brought.marks.is_empty() {
            self.out.flush()?;
            self.desk.mark(&brought.marks)?;
        }
        Ok(brought)
    }

    /// Waits for this session, too.
    pub fn wait_for(&mut self, session: String) {
        self.own.push(session);
    }

    /// Prints what sessions have told.
    pub fn catch_up(&mut self) -> Result<(), Error> {
        self.update(None)?;
        self.out.flush()
    }

    /// Writes down what was heard, and prints nothing.
    pub fn note(&mut self) -> Result<(), Error> {
        self.desk.update(std::mem::take(&mut self.changes), None).map(|_| ())
    }

    /// The stream has ended: judges a last time, and, unless told otherwise (or in a dry run, where
    /// nothing runs), waits for what it has started and for what waits for a place. Says whether a
    /// session could not be started.
    pub fn finish(&mut self, no_wait: bool) -> Result<bool, Error> {
        loop {
            let brought = self.judge()?;
            self.out.flush()?;
            let awaited = !self.own.is_empty() || (brought.waiting > 0 && self.busy);
            if no_wait || !awaited {
                return Ok(self.failed);
            }
            std::thread::sleep(WAIT);
        }
    }
}
