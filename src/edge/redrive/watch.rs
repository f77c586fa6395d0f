//! Watching a dead-letter queue and the destinations of a move: returns, arrivals, consumption.

use std::time::Duration;

use super::mover::Mover;
use super::record::RedriveRecord;
use super::route::{self, MoveRoute};
use super::stop::MoveStop;
use crate::clock;
use crate::edge::stop_signals::StopSignals;
use crate::edge::sweep::{BatchFate, Fate, SweepEnd, SweepLimits, SweepTarget, sweep};
use crate::log;
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::rules::redrive::breaker::{Breaker, DepthCheck, QueueLook};
use crate::rules::redrive::verification::{self, Consumption, VerificationState};
use crate::time::{Timestamp, show_span};

/// The most messages that a look receives, and the time for which it hides them.
const LOOK_MAX: u64 = 2000;
const LOOK_HOLD: Duration = Duration::from_secs(60);
/// The most messages that are held at once during a look.
const LOOK_HELD_MAX: u64 = 10_000;

/// The time between two checks for a signal.
const SIGNAL_CHECK: Duration = Duration::from_millis(200);

/// The watch over a move that goes on.
pub(super) struct RedriveWatch {
    pub(super) breaker: Breaker,
    /// The deletions before the breaker began.
    deleted_before: u64,
    /// The waits that the command line gives instead of those of the destinations.
    pub(super) wait: Option<Duration>,
    pub(super) batch_window: Option<Duration>,
    pub(super) signals: StopSignals,
}

impl RedriveWatch {
    pub(super) fn new(own: &Attributes, mover: &Mover<'_>, signals: StopSignals) -> Self {
        RedriveWatch {
            breaker: Breaker::new(own.counts.depth()),
            deleted_before: mover.counts.deleted,
            wait: None,
            batch_window: None,
            signals,
        }
    }

    /// Reads the depth of the queue and compares it with what it must be.
    pub(super) fn check(
        &mut self,
        mover: &Mover<'_>,
        record: &mut RedriveRecord<'_>,
        in_flight: u64,
    ) -> Result<(), MoveStop> {
        let own = route::read(mover.sqs, mover.scope, &mover.queue.url);
        self.check_reading(own, mover, record, in_flight)
    }

    /// Compares the depth of the queue with what it must be, and looks at its messages when it is too
    /// large. `in_flight` are the messages that the caller has received and holds.
    pub(super) fn check_reading(
        &mut self,
        own: Result<Attributes, ReadError>,
        mover: &Mover<'_>,
        record: &mut RedriveRecord<'_>,
        in_flight: u64,
    ) -> Result<(), MoveStop> {
        if self.signals.is_ending() {
            return Err(MoveStop::Interrupted);
        }
        let own = own.map_err(MoveStop::Queue)?;
        let deleted = mover.counts.deleted - self.deleted_before;
        let DepthCheck::Look(arrivals) = self.breaker.check(own.counts.depth(), deleted) else {
            return Ok(());
        };
        let look = look(mover, own.counts.depth(), in_flight)?;
        record.document.state.returned = record.document.state.returned.max(look.returned);
        self.breaker.judge(arrivals, look, mover.counts.sent).map_err(MoveStop::Tripped)
    }

    /// Looks for returns at the end of a step: the depth alone shows none while others leave the queue.
    fn conclude(
        &mut self,
        mover: &Mover<'_>,
        record: &mut RedriveRecord<'_>,
    ) -> Result<VerificationState, MoveStop> {
        let own = route::read(mover.sqs, mover.scope, &mover.queue.url).map_err(MoveStop::Queue)?;
        let depth = own.counts.depth();
        let look = match depth {
            0 => QueueLook { returned: 0, is_complete: true },
            _ => look(mover, depth, 0)?,
        };
        record.document.state.returned = record.document.state.returned.max(look.returned);
        let deleted = mover.counts.deleted - self.deleted_before;
        match self.breaker.conclude(depth, deleted, look).map_err(MoveStop::Tripped)? {
            true => Ok(VerificationState::Verified),
            false => Ok(VerificationState::ReturnsUnknown),
        }
    }

    /// Returns how long returns of what was sent have to be awaited.
    fn window(&self, mover: &Mover<'_>) -> Duration {
        let window = |route: &MoveRoute| {
            let settings = verification::DestinationSettings {
                batch_window: self.batch_window,
                ..route.settings
            };
            verification::window(&settings)
        };
        let used = mover.routes.0.values().filter(|route| route.consumption.sent() > 0);
        self.wait.or_else(|| used.map(window).max()).unwrap_or_default()
    }

    /// Waits, until a signal comes.
    fn pause(&self, mover: &Mover<'_>, span: Duration) {
        let until = clock::tick() + span;
        while clock::tick() < until && !self.signals.is_ending() {
            mover.sqs.wait_until(until.min(clock::tick() + SIGNAL_CHECK));
        }
    }

    /// Waits until what was sent has been consumed, and had the time to die again.
    pub(super) fn verify(
        &mut self,
        mover: &mut Mover<'_>,
        record: &mut RedriveRecord<'_>,
    ) -> Result<VerificationState, MoveStop> {
        let window = self.window(mover);
        let last = mover.routes.0.values().filter_map(|route| route.sent_at).max();
        let until = last.unwrap_or_else(clock::now).plus(window);
        let pause = verification::pause(window);
        log::info(&format!(
            "watching for {} whether messages die again, and whether they are consumed",
            show_span(window)
        ));
        record.document.state.verify_until = Some(until);
        record.document.write()?;
        let mut readings = 0;
        loop {
            // The destinations first: a message that dies in between is seen in the queue.
            read_destinations(mover)?;
            readings += 1;
            self.check(mover, record, 0)?;
            let now = clock::now();
            let is_over = now >= until && readings >= verification::READINGS_MIN;
            let state = state(mover, until, now);
            if state == VerificationState::Verified {
                return self.conclude(mover, record);
            }
            if is_over {
                return Ok(state);
            }
            record.update()?;
            self.pause(mover, pause);
        }
    }
}

/// Reads the depth of each destination that something was sent to.
fn read_destinations(mover: &mut Mover<'_>) -> Result<(), MoveStop> {
    let sqs = mover.sqs;
    let used = mover.routes.0.iter_mut().filter(|(_, route)| route.consumption.sent() > 0);
    for (to, route) in used {
        let own = route::read(sqs, route.scope, &route.url)
            .map_err(|error| MoveStop::Destination { to: to.clone(), error })?;
        route.consumption.add(own.counts.depth());
    }
    Ok(())
}

fn state(mover: &Mover<'_>, until: Timestamp, now: Timestamp) -> VerificationState {
    let used = mover.routes.0.values().map(|route| &route.consumption);
    let used: Vec<&Consumption> = used.filter(|one| one.sent() > 0).collect();
    verification::judge(&used, until, now)
}

/// Receives messages of the queue, and counts those that the move has sent. All are put back.
pub(super) fn look(mover: &Mover<'_>, depth: u64, in_flight: u64) -> Result<QueueLook, MoveStop> {
    // A receive counts: the queue's own redrive policy would move its messages on.
    if mover.own_receives_max.is_some() {
        return Ok(QueueLook { returned: 0, is_complete: false });
    }
    let limits = SweepLimits {
        hold: LOOK_HOLD,
        held_max: LOOK_HELD_MAX,
        most: Some(LOOK_MAX),
        deadline: None,
        at_once: 1,
        stop: &|| false,
        reading: None,
    };
    let queue = mover.queue;
    let target = SweepTarget { scope: mover.scope, url: &queue.url, name: &queue.name };
    let mut returned = 0;
    let outcome = sweep(mover.sqs, target, &limits, &mut |batch| {
        let own = batch.iter().filter(|one| mover.is_own(&one.message.id));
        returned += own.count() as u64;
        Ok(BatchFate { fates: vec![Fate::Held; batch.len()], is_enough: returned > 0 })
    });
    let outcome = outcome?;
    if let SweepEnd::Failed(error) = outcome.end {
        return Err(MoveStop::Queue(error));
    }
    let is_complete = outcome.end == SweepEnd::Empty && outcome.seen + in_flight >= depth;
    Ok(QueueLook { returned, is_complete })
}
