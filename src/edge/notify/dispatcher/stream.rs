//! The dispatcher as a filter: when events are planned, and when attempts and heartbeats are looked
//! at.

use std::time::Duration;

use super::{BATCH, BATCH_TIME, Dispatcher, POLL_INTERVAL};
use crate::clock;
use crate::edge::notify::drain::Drain;
use crate::edge::notify::lines::pulse_line;
use crate::error::Error;
use crate::event::{self, Head, Line, Type};
use crate::rules::notification::heartbeat::Pulse;
use crate::time::Timestamp;
use crate::wire::{Output, StreamFilter};

/// The silence of the stream after which events are planned.
const ROUND_GAP: Duration = Duration::from_millis(100);
/// The interval at which heartbeats are looked at, and the outbox for what other processes left.
const IDLE_INTERVAL: Duration = Duration::from_millis(500);

impl Dispatcher {
    /// Records the end of a round.
    fn beat(&mut self, at: Timestamp, out: &mut Output) -> Result<(), Error> {
        self.has_pulse = true;
        match self.state.as_ref().map(|state| state.beat(at)) {
            Some(Ok(Some(pulse))) => self.take_pulse(pulse, out),
            Some(Err(error)) => {
                self.report_error(Err(error));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Looks whether rounds still finish. Returns false when none is on record.
    pub fn check_heartbeat(&mut self, out: &mut Output) -> Result<bool, Error> {
        let (rounds, interval) = (self.notifications.heartbeat_rounds, self.round_interval);
        let Some(state) = &self.state else { return Ok(true) };
        match state.check_heartbeat(rounds, interval, clock::now())? {
            Some(Some(pulse)) => self.take_pulse(pulse, out).map(|()| true),
            Some(None) => Ok(true),
            None => Ok(false),
        }
    }

    /// Journals, prints and takes the event of a change of the heartbeat.
    fn take_pulse(&mut self, pulse: Pulse, out: &mut Output) -> Result<(), Error> {
        let line = pulse_line(pulse, clock::now());
        self.put(std::slice::from_ref(&line), out)?;
        if let Line::Event(head) = event::peek(line.trim_ascii_end()) {
            self.take(&head, line.trim_ascii_end());
        }
        Ok(())
    }
}

impl StreamFilter for Dispatcher {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let Some(head) = head else { return Ok(()) };
        self.clock.observe(head);
        if self.state.is_none() {
            self.newest = self.newest.max(head.time());
        }
        let is_round = head.known == Some(Type::PollFinished);
        if is_round {
            self.muted = !self.switches.now().notify;
        }
        if self.muted {
            return Ok(());
        }
        self.take(head, line);
        let live = is_round && self.clock.is_live(head.time(), clock::now());
        if let Some(at) = head.time().filter(|_| live) {
            self.beat(at, out)?;
        }
        // Without a routed event an old round has nothing to tell.
        let has_routed = || self.arrived.iter().any(|event| !event.channels.is_empty());
        let is_full = self.arrived.len() >= BATCH
            || (!self.arrived.is_empty() && self.arrived_at.elapsed() >= BATCH_TIME);
        if live || (is_round && has_routed()) || is_full {
            return self.flush(false, out);
        }
        if self.is_busy() && self.polled_at.elapsed() >= POLL_INTERVAL {
            return self.poll(Duration::ZERO, out);
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        if self.drain.as_ref().is_some_and(Drain::is_attempting) || !self.finished.is_empty() {
            return Some(POLL_INTERVAL);
        }
        if !self.arrived.is_empty() {
            return Some(ROUND_GAP);
        }
        let due = self.drain.as_ref().and_then(Drain::next_due);
        let due = due.map(|due| due.clamp(POLL_INTERVAL, IDLE_INTERVAL));
        due.or_else(|| (self.is_busy() || self.has_pulse).then_some(IDLE_INTERVAL))
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        if !self.arrived.is_empty() {
            return self.flush(false, out);
        }
        if self.has_pulse && !self.muted {
            let checked = self.check_heartbeat(out).map(drop);
            self.report_error(checked);
        }
        self.poll(Duration::ZERO, out)?;
        self.record();
        Ok(())
    }

    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        if !self.muted {
            self.flush(true, out)?;
        }
        self.drain(out).map(|()| self.failed)
    }

    /// Plans, delivers and records what has come. The error that ended the stream is the one that is
    /// reported.
    fn abort(&mut self, _error: &Error) -> Result<(), Error> {
        let mut hidden = Output::hidden();
        let _ = self.flush(true, &mut hidden);
        let _ = self.drain(&mut hidden);
        Ok(())
    }
}
