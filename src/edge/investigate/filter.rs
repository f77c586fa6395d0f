//! The stream through `dlq-investigate`: lines pass, incidents are judged at each heartbeat and at
//! the end of the input, and events of the sessions are printed.

use std::time::Duration;

use crate::clock;
use crate::config::Switches;
use crate::edge::sessions::{SessionRunner, UpdateResult};
use crate::error::Error;
use crate::event::stream_time::StreamClock;
use crate::event::{Head, Type};
use crate::rules::investigation::incident;
use crate::rules::investigation::incident::IncidentChange;
use crate::store::{self, BlockingWait};
use crate::time::Timestamp;
use crate::wire::{Output, StreamFilter};

/// The interval of updates while the stream is silent and sessions run.
const TICK: Duration = Duration::from_millis(200);
/// The interval of updates after the end of the stream.
const WAIT: Duration = Duration::from_millis(50);
/// The number of changes that are kept before they are recorded.
const CHANGES_MAX: usize = 1000;

/// The state of one run.
pub struct Filter {
    runner: SessionRunner,
    clock: StreamClock,
    switches: Switches,
    changes: Vec<IncidentChange>,
    /// The running sessions that this run started.
    own: Vec<String>,
    /// Whether sessions run or may have unprinted events.
    busy: bool,
    /// Whether the filter ends with the input and leaves investigations running; true in a dry run.
    no_wait: bool,
    failed: bool,
}

impl Filter {
    /// Creates a filter. `resumed` is a session to wait for.
    pub fn new(
        runner: SessionRunner,
        switches: Switches,
        dry_run: bool,
        no_wait: bool,
        resumed: Option<String>,
    ) -> Self {
        let clock = StreamClock::new(dry_run);
        Filter {
            runner,
            clock,
            switches,
            changes: Vec::new(),
            own: Vec::from_iter(resumed),
            busy: true,
            no_wait: no_wait || dry_run,
            failed: false,
        }
    }

    fn evaluate(&mut self, out: &mut Output) -> Result<UpdateResult, Error> {
        self.runner.set_enabled(self.switches.now().investigate);
        self.update(Some(self.clock.now(clock::now())), out)
    }

    fn update(
        &mut self,
        evaluate_at: Option<Timestamp>,
        out: &mut Output,
    ) -> Result<UpdateResult, Error> {
        let result = self.runner.update(std::mem::take(&mut self.changes), evaluate_at)?;
        self.busy = !result.plan.running.is_empty();
        self.failed |= result.failed;
        self.own.extend(result.started.iter().cloned());
        self.own.retain(|session| result.plan.running.contains(session));
        for line in result.lines.split_inclusive(|byte| *byte == b'\n') {
            out.put(line)?;
        }
        if !result.printed.is_empty() {
            out.flush()?;
            self.runner.mark_printed(&result.printed)?;
        }
        self.failed |= !self.runner.clean_up(&result.plan);
        Ok(result)
    }

    /// Prints the new events of the sessions.
    pub fn print_pending(&mut self, out: &mut Output) -> Result<(), Error> {
        self.update(None, out)?;
        out.flush()
    }
}

impl StreamFilter for Filter {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let Some(head) = head.filter(|head| self.clock.observe(head)) else {
            return Ok(());
        };
        self.changes.extend(incident::incident_change(head, line));
        if head.known == Some(Type::PollFinished) && self.clock.is_live(head.time(), clock::now()) {
            self.evaluate(out)?;
            if self.switches.now().investigate {
                self.runner.prove_moved();
                self.busy |= self.runner.is_proving();
            }
        } else if self.changes.len() >= CHANGES_MAX {
            self.update(None, out)?;
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.busy.then_some(TICK)
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        self.busy = self.runner.is_busy()?;
        if self.busy { self.update(None, out).map(|_| ()) } else { Ok(()) }
    }

    /// Judges a last time, then waits for the sessions that this run started and for incidents that
    /// wait for a slot. Returns whether a session could not be started.
    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        loop {
            // Asked first: the event of a proof that has ended is printed by the next update.
            let is_proving = self.runner.is_proving();
            let result = self.evaluate(out)?;
            out.flush()?;
            let awaited = is_proving
                || result.withheld
                || !self.own.is_empty()
                || (result.plan.waiting > 0 && self.busy);
            if self.no_wait || !awaited {
                return Ok(self.failed);
            }
            store::sleep(BlockingWait::ProcessEnd, WAIT);
        }
    }

    /// Records the events of the stream when its reader has gone.
    fn abort(&mut self, error: &Error) -> Result<(), Error> {
        if *error != Error::Pipe {
            return Ok(());
        }
        let result = self.runner.update(std::mem::take(&mut self.changes), None)?;
        self.runner.clean_up(&result.plan);
        Ok(())
    }
}
