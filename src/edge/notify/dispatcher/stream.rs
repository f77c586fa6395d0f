//! The dispatcher as a filter: when events are planned, and when attempts and heartbeats are looked at.

use std::time::Duration;

use super::{BATCH, BATCH_TIME, Dispatcher};
use crate::clock;
use crate::edge::notify::lines::pulse_line;
use crate::edge::notify::outbound_heartbeat::OutboundHeartbeat;
use crate::error::Error;
use crate::event::{self, Head, Line, PollFinished, Type};
use crate::log;
use crate::rules::loss_text;
use crate::rules::notification::heartbeat::{MissingRule, Pulse, is_sign_of_life};
use crate::time::Timestamp;
use crate::wire::{Output, StreamFilter};

/// The silence of the stream after which events are planned.
const ROUND_GAP: Duration = Duration::from_millis(100);
/// The interval at which a live stream that is silent is planned.
const SILENT_INTERVAL: Duration = Duration::from_secs(5);
/// The interval at which heartbeats are looked at.
const PULSE_INTERVAL: Duration = Duration::from_millis(500);

impl Dispatcher {
    /// Records the end of a round.
    fn beat(&mut self, line: &[u8], at: Timestamp, out: &mut Output) -> Result<(), Error> {
        self.has_pulse = true;
        let asked = event::read::<PollFinished>(line).and_then(|round| round.data.asked);
        match self.state.as_ref().map(|state| state.beat(asked.as_deref(), at)) {
            Some(Ok(pulses)) => self.take_pulses(&pulses, out),
            Some(Err(error)) => {
                self.report_error(Err(error));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Looks whether rounds still finish, for one who watches since a moment. Returns false when none
    /// is on record.
    pub fn check_heartbeat(&mut self, since: Timestamp, out: &mut Output) -> Result<bool, Error> {
        let rounds = self.notifications.heartbeat_rounds;
        let rule = MissingRule { rounds, interval: self.round_interval, watched_since: since };
        let Some(state) = &self.state else { return Ok(true) };
        match state.check_heartbeat(rule, clock::now())? {
            Some(pulses) => self.take_pulses(&pulses, out).map(|()| true),
            None => Ok(false),
        }
    }

    /// Tells the service outside of a round that has read queues.
    fn send_heartbeat(&mut self, line: &[u8]) {
        self.take_heartbeat_failure(Duration::ZERO);
        let Some(heartbeat) = &mut self.heartbeat else { return };
        if event::read::<PollFinished>(line).is_some_and(|round| is_sign_of_life(&round.data)) {
            heartbeat.beat();
        }
    }

    /// Returns whether a round that is too old to be live arrives late, and is none of a replay.
    fn is_late_round(&mut self, at: Option<Timestamp>) -> bool {
        let late = at.and_then(|at| self.late_rounds.arrive(at, clock::now()));
        if late.is_some() && !self.is_late_told {
            self.is_late_told = true;
            let late = loss_text::lasting(late.unwrap_or_default());
            self.warn_once(&format!(
                "rounds arrive {late} after their end: a program before this one is slow, or a clock is wrong"
            ));
        }
        late.is_some()
    }

    fn take_heartbeat_failure(&mut self, wait: Duration) {
        let failure = self.heartbeat.as_mut().and_then(|heartbeat| heartbeat.failure(wait));
        failure.iter().for_each(|failure| self.warn_once(failure));
    }

    /// Journals, prints and takes the events of changes of the heartbeat.
    fn take_pulses(&mut self, pulses: &[Pulse], out: &mut Output) -> Result<(), Error> {
        for pulse in pulses {
            let line = pulse_line(pulse, clock::now());
            self.put(std::slice::from_ref(&line), out)?;
            if let Line::Event(head) = event::peek(line.trim_ascii_end()) {
                self.take(&head, line.trim_ascii_end());
            }
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
        self.watch.stay_awake(clock::now());
        let advances = self.clock.observe(head);
        if self.state.is_none() {
            self.newest = self.newest.max(head.time());
        }
        let is_round = head.known == Some(Type::PollFinished);
        let mut live = is_round && self.clock.is_live(head.time(), clock::now());
        let is_late = is_round && !live && self.is_late_round(head.time());
        live |= is_late;
        if is_round {
            self.muted = !self.switches.now().notify;
        }
        if live || (advances && self.live_at.is_some()) {
            self.live_at = Some(clock::tick());
            self.silent_at = clock::tick();
        }
        self.take(head, line);
        if let Some(at) = head.time().filter(|_| live && !self.muted) {
            self.beat(line, if is_late { clock::now() } else { at }, out)?;
        }
        // Without a routed event an old round has nothing to tell.
        let has_routed = || self.arrived.iter().any(|event| !event.channels.is_empty());
        let is_full = self.arrived.len() >= BATCH
            || (!self.arrived.is_empty() && self.arrived_at.elapsed() >= BATCH_TIME);
        if live || (is_round && has_routed()) || is_full {
            self.flush(false, out)?;
            // The service outside is told only while people can be told.
            if live && self.is_planned {
                self.send_heartbeat(line);
            }
            return Ok(());
        }
        if self.is_poll_due() {
            return self.poll(Duration::ZERO, out);
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let gap = (!self.arrived.is_empty()).then_some(ROUND_GAP);
        let pulse = self.has_pulse.then_some(PULSE_INTERVAL);
        let silent = self.live_at.map(|_| SILENT_INTERVAL);
        [gap, pulse, silent, self.next_look()].into_iter().flatten().min()
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        self.watch.stay_awake(clock::now());
        self.take_heartbeat_failure(Duration::ZERO);
        if !self.arrived.is_empty() {
            return self.flush(false, out);
        }
        if self.has_pulse && !self.muted && self.pulse_at.elapsed() >= PULSE_INTERVAL {
            self.pulse_at = clock::tick();
            let checked = self.check_heartbeat(self.watch.since(), out).map(drop);
            self.report_error(checked);
        }
        if self.live_at.is_some() && self.silent_at.elapsed() >= SILENT_INTERVAL {
            self.silent_at = clock::tick();
            return self.flush(false, out);
        }
        self.poll_idle(out)
    }

    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        self.flush(true, out)?;
        self.drain(out)?;
        if let Some(error) = &self.damage {
            return Err(error.clone());
        }
        self.warn_of_unrecorded();
        self.take_heartbeat_failure(self.drain_for);
        let summary = self.heartbeat.as_ref().and_then(OutboundHeartbeat::summary);
        summary.iter().for_each(|summary| log::warn(summary));
        Ok(self.failed)
    }

    /// Plans, delivers and records what has come. The error that ended the stream is the one that is
    /// reported.
    fn abort(&mut self, _error: &Error) -> Result<(), Error> {
        let mut hidden = Output::hidden();
        let _ = self.flush(true, &mut hidden);
        let _ = self.drain(&mut hidden);
        self.warn_of_unrecorded();
        Ok(())
    }
}
