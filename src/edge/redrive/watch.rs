//! Watching a dead-letter queue and the destinations of a move: returns, arrivals, consumption.

use std::time::Duration;

use super::look::{LOOK_HOLD, LOOK_MAX, LookPlace, OtherGraves, look};
use super::mover::Mover;
use super::record::RedriveRecord;
use super::route::{self, MoveRoute};
use super::stop::MoveStop;
use crate::clock;
use crate::edge::stop_signals::StopSignals;
use crate::log;
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::rules::redrive::breaker::{self, Breaker, DepthCheck, Trip};
use crate::rules::redrive::consumption::{Consumption, READINGS_MIN};
use crate::rules::redrive::copies;
use crate::rules::redrive::gone_returns::{self, GoneReturns};
use crate::rules::redrive::verification::{self, VerificationState};
use crate::time::{Timestamp, show_span};

/// The pause before a queue is looked at again, while others hide messages of it.
const HIDDEN_PAUSE: Duration = Duration::from_secs(1);
/// The time between two checks for a signal.
const SIGNAL_CHECK: Duration = Duration::from_millis(200);

/// The watch over a move that goes on.
pub(super) struct RedriveWatch {
    pub(super) breaker: Breaker,
    /// The other queues that messages of the destinations die into.
    graves: OtherGraves,
    /// The deletions before the breaker began.
    deleted_before: u64,
    /// The messages that had arrived, of whoever, when the depth was read last.
    pub(super) arrivals: u64,
    /// Whether what an earlier run has sent may have returned.
    pub(super) has_doubt: bool,
    /// The reason for which returns may be gone from the queue.
    gone: Option<GoneReturns>,
    /// The time for which the queue keeps messages.
    retention: Option<Duration>,
    /// The waits that the command line gives instead of those of the destinations.
    pub(super) wait: Option<Duration>,
    pub(super) batch_window: Option<Duration>,
    pub(super) signals: StopSignals,
}

impl RedriveWatch {
    pub(super) fn new(own: &Attributes, mover: &Mover<'_>, signals: StopSignals) -> Self {
        RedriveWatch {
            breaker: Breaker::new(own.counts.depth()),
            graves: OtherGraves::default(),
            deleted_before: mover.counts.deleted,
            arrivals: 0,
            has_doubt: false,
            gone: None,
            retention: own.retention_s.map(Duration::from_secs),
            wait: None,
            batch_window: None,
            signals,
        }
    }

    /// Adds the queues that messages of the destinations die into, before one is sent there.
    pub(super) fn open_graves(&mut self, mover: &Mover<'_>) {
        self.graves.open(mover);
    }

    /// Looks for returns of what was sent before: in this queue, whose messages it hides for a `hold` at most,
    /// and in those that messages of the destinations die into. Returns whether it is known that there are
    /// none; their depths are followed from here.
    pub(super) fn look_late(
        &mut self,
        mover: &Mover<'_>,
        record: &mut RedriveRecord<'_>,
        hold: Option<Duration>,
    ) -> Result<bool, MoveStop> {
        self.open_graves(mover);
        if mover.others.returned > 0 {
            let returned = Trip::Returned(mover.others.returned);
            return note_return(record, Err(MoveStop::Tripped(returned)));
        }
        if self.gone.is_none() {
            self.gone = match mover.others.has_removed && mover.contents.unproven_before().is_some()
            {
                true => Some(GoneReturns::Removed),
                false => self.expired(mover, mover.contents.unproven_before()),
            };
        }
        let until = clock::tick() + LOOK_HOLD;
        let mut is_told = false;
        let is_known = loop {
            let own = route::read(mover.sqs, mover.scope, &mover.queue.url);
            let counts = own.map_err(MoveStop::Queue)?.counts;
            let depth = counts.depth();
            let place = LookPlace::own(mover, depth, 0).whole(hold);
            if !std::mem::replace(&mut is_told, true) {
                place.tell_cost();
            }
            record.hold_for(place.hold())?;
            let look = look(mover, place, &self.signals)?;
            let before = record.document.state.depth;
            let expected = before.map(|before| mover.left_of(before, look.undeleted()));
            let (look, _) = look.judged(mover, depth.saturating_sub(expected.unwrap_or(0)));
            let judged = breaker::judge_late(depth, expected, look).map_err(MoveStop::Tripped);
            let is_known = note_return(record, judged)?;
            (self.breaker, self.deleted_before) = (Breaker::new(depth), mover.counts.deleted);
            // A look that was killed has hidden them.
            let is_hidden = counts.in_flight > 0 && mover.own_receives_max.is_none();
            if is_known || !is_hidden || self.signals.is_ending() || clock::tick() >= until {
                break is_known;
            }
            self.pause(mover, HIDDEN_PAUSE);
        };
        let others = self.graves.look_late(mover, &self.signals);
        self.has_doubt = !(note_return(record, others)? && is_known) || self.gone.is_some();
        Ok(!self.has_doubt)
    }

    /// Whether only a queue that cannot be read hides returns.
    pub(super) fn is_blind(&self) -> bool {
        self.graves.unreadable().is_some()
    }

    /// Returns the state of a step whose returns are not known.
    pub(super) fn unknown_returns(&self) -> VerificationState {
        match (self.graves.unreadable(), self.gone) {
            (None, Some(gone)) => VerificationState::Gone(gone),
            (unreadable, _) => VerificationState::ReturnsUnknown(unreadable),
        }
    }

    /// Returns why returns of what was first sent at a moment may be gone.
    fn expired(&self, mover: &Mover<'_>, first_sent: Option<Timestamp>) -> Option<GoneReturns> {
        let retention = self.retention.into_iter().chain(self.graves.retention()).min();
        let now = mover.sqs.latest_now(mover.scope);
        gone_returns::may_have_expired(first_sent, retention, now).then_some(GoneReturns::Expired)
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
        let others = self.graves.check(mover, &self.signals);
        note_return(record, others)?;
        let deleted = mover.counts.deleted - self.deleted_before;
        let depth = own.counts.depth();
        self.arrivals = self.breaker.arrivals(depth, deleted);
        let DepthCheck::Look(arrivals) = self.breaker.check(depth, deleted) else {
            return Ok(());
        };
        record.hold_for(LOOK_HOLD)?;
        let place = LookPlace::own(mover, depth, in_flight);
        let (look, _) = look(mover, place, &self.signals)?.judged(mover, self.arrivals);
        record.document.state.returned = record.document.state.returned.max(look.returned);
        self.breaker.judge(arrivals, look, mover.counts.sent).map_err(MoveStop::Tripped)
    }

    /// Looks for returns at the end of a step: the depth alone shows none while others leave the queue.
    fn conclude(
        &mut self,
        mover: &mut Mover<'_>,
        record: &mut RedriveRecord<'_>,
    ) -> Result<VerificationState, MoveStop> {
        let deleted = mover.counts.deleted - self.deleted_before;
        let until = clock::tick() + LOOK_HOLD;
        record.hold_for(LOOK_HOLD)?;
        let (is_known, unattributed) = loop {
            let own = route::read(mover.sqs, mover.scope, &mover.queue.url);
            let counts = own.map_err(MoveStop::Queue)?.counts;
            let depth = counts.depth();
            let look = look(mover, LookPlace::own(mover, depth, 0), &self.signals)?;
            let (look, unattributed) = look.judged(mover, self.breaker.arrivals(depth, deleted));
            record.document.state.returned = record.document.state.returned.max(look.returned);
            let is_known =
                self.breaker.conclude(depth, deleted, look).map_err(MoveStop::Tripped)?;
            // A look that was killed has hidden them; of too many no look sees all.
            let is_hidden =
                counts.in_flight > 0 && depth <= LOOK_MAX && mover.own_receives_max.is_none();
            if is_known || !is_hidden || clock::tick() >= until {
                break (is_known, unattributed);
            }
            self.pause(mover, HIDDEN_PAUSE);
        };
        let others = self.graves.conclude(mover, &self.signals);
        let (are_others_known, unattributed_there) = note_return(record, others)?;
        let expired = self.expired(mover, mover.contents.unproven_now());
        self.gone = self.gone.or(expired);
        if !is_known || !are_others_known || expired.is_some() {
            return Ok(self.unknown_returns());
        }
        let unattributed = unattributed + unattributed_there;
        if copies::hides_failures(unattributed, mover.unproven()) {
            return Ok(VerificationState::Unattributed(unattributed));
        }
        let now = mover.sqs.earliest_now(mover.scope);
        if !self.has_doubt && mover.contents.prove(now) {
            record.document.state.proven_at = Some(now);
        }
        Ok(VerificationState::Verified)
    }

    /// Returns how long returns of what was sent have to be awaited.
    fn window(&self, mover: &Mover<'_>) -> Duration {
        let used = mover.routes.0.values().filter(|route| route.consumption.sent() > 0);
        self.wait.or_else(|| used.map(|route| self.window_of(route)).max()).unwrap_or_default()
    }

    fn window_of(&self, route: &MoveRoute) -> Duration {
        let (batch_window, settings) = (self.batch_window, route.settings);
        let settings = verification::DestinationSettings { batch_window, ..settings };
        self.wait.unwrap_or_else(|| verification::window(&settings))
    }

    /// Stops at a destination that deletes messages before the end of the watch: those that nobody consumes
    /// would be gone as well.
    pub(super) fn check_retention(&self, mover: &Mover<'_>) -> Result<(), MoveStop> {
        for (to, route) in &mover.routes.0 {
            let window = self.window_of(route);
            if let Some(retention) = route.retention.filter(|retention| *retention <= window) {
                return Err(MoveStop::Forgets { to: to.clone(), retention, window });
            }
        }
        Ok(())
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
        self.check_retention(mover)?;
        let window = self.window(mover);
        let last = mover.routes.0.values().filter_map(|route| route.sent_at).max();
        let until = last.unwrap_or_else(clock::tick) + window;
        // A consumer may be woken by the messages.
        let stuck_until = until.max(clock::tick()) + window;
        let backlog_until = until.max(clock::tick()) + verification::backlog_wait(window);
        let pause = verification::pause(window);
        log::info(&format!(
            "watching for {} whether messages die again, and whether they are consumed",
            show_span(window)
        ));
        let left = until.saturating_duration_since(clock::tick());
        record.document.state.verify_until = Some(clock::now().plus(left));
        record.document.write()?;
        let mut readings = 0;
        loop {
            // The destinations first: a message that dies in between is seen in the queue.
            let forgotten = read_destinations(mover)?;
            readings += 1;
            self.check(mover, record, 0)?;
            let now = clock::tick();
            let is_over = now >= until && readings >= READINGS_MIN;
            match verification::judge(&used(mover), window, is_over).past_retention(forgotten) {
                VerificationState::Watching => {}
                VerificationState::Verified => return self.conclude(mover, record),
                VerificationState::NotConsumed(_) if now < stuck_until => {}
                moving if moving.is_moving() && now < backlog_until => {}
                state => return Ok(state),
            }
            record.update()?;
            self.pause(mover, pause);
        }
    }
}

/// Reads the depth of each destination that something was sent to. Returns one that may have deleted
/// messages by its retention: what such a one shows does not count.
fn read_destinations(mover: &mut Mover<'_>) -> Result<Option<String>, MoveStop> {
    let sqs = mover.sqs;
    let mut forgotten = None;
    let used = mover.routes.0.iter_mut().filter(|(_, route)| route.consumption.sent() > 0);
    for (to, route) in used {
        let own = route::read(sqs, route.scope, &route.url)
            .map_err(|error| MoveStop::Destination { to: to.clone(), error })?;
        if route.may_have_deleted() {
            forgotten.get_or_insert_with(|| to.clone());
            continue;
        }
        let sent_at = route.sent_at;
        let after =
            sent_at.map_or(Duration::ZERO, |at| clock::tick().saturating_duration_since(at));
        route.consumption.add(own.counts, after);
    }
    Ok(forgotten)
}

/// Returns the destinations that something was sent to.
fn used<'m>(mover: &'m Mover<'_>) -> Vec<&'m Consumption> {
    let all = mover.routes.0.values().map(|route| &route.consumption);
    all.filter(|one| one.sent() > 0).collect()
}

/// Records the messages that have died into another queue.
fn note_return<T>(
    record: &mut RedriveRecord<'_>,
    result: Result<T, MoveStop>,
) -> Result<T, MoveStop> {
    if let Err(MoveStop::Tripped(Trip::Returned(count))) = &result {
        let returned = &mut record.document.state.returned;
        *returned = (*returned).max(*count);
    }
    result
}
