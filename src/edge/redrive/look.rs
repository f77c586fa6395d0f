//! Looks at the messages of a dead-letter queue: which of them a move has sent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mover::Mover;
use super::progress_bar;
use super::route;
use super::stop::MoveStop;
use crate::edge::stop_signals::StopSignals;
use crate::edge::sweep::{BatchFate, Fate, SweepEnd, SweepLimits, SweepTarget, sweep};
use crate::log;
use crate::rules::queue::address::QueueAddress;
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::rules::redrive::breaker::{self, Breaker, DepthCheck, LookProgress, QueueLook};
use crate::rules::redrive::copies::ReturnCount;
use crate::rules::redrive::destination;
use crate::rules::redrive::sweep::{self as sweep_cost, SweepCost};

/// The most messages that a look receives, and the time for which it hides them.
pub(super) const LOOK_MAX: u64 = 2000;
pub(super) const LOOK_HOLD: Duration = Duration::from_secs(60);
/// The most messages that are held at once during a look.
const LOOK_HELD_MAX: u64 = 10_000;

/// The queue of a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookPlace<'a> {
    pub(super) target: SweepTarget<'a>,
    /// The depth, as it was read before.
    pub(super) depth: u64,
    /// The messages of it that the caller has received and holds.
    pub(super) in_flight: u64,
    /// Whether its own redrive policy moves messages on, for which a receive counts.
    pub(super) moves_on: bool,
    extent: LookExtent,
}

/// The extent of a look: the messages that it receives, and for how long it hides them.
#[derive(Debug, Clone, Copy)]
struct LookExtent {
    /// The most messages; None: those that may be in flight.
    most: Option<u64>,
    held_max: u64,
    at_once: usize,
    /// The time for which messages are hidden: after a kill for as long.
    hold: Duration,
}

/// The shortest time for which a look hides messages: it has to receive twice in vain before the first one is
/// visible again.
const LOOK_HOLD_MIN: Duration = Duration::from_secs(10);

impl LookExtent {
    /// The extent of a look of a watch that goes on.
    const SHORT: LookExtent =
        LookExtent { most: Some(LOOK_MAX), held_max: LOOK_HELD_MAX, at_once: 1, hold: LOOK_HOLD };

    /// Returns the extent of a look at the whole queue, for what an earlier run has sent.
    fn whole(depth: u64, fifo: bool, hold: Option<Duration>) -> Self {
        let at_once = sweep_cost::at_once(depth, fifo);
        let cost = sweep_cost::cost(depth, fifo, at_once);
        let usual = if depth > LOOK_MAX { cost.hold } else { LOOK_HOLD };
        let hold = hold.map_or(usual, |hold| hold.clamp(LOOK_HOLD_MIN, usual));
        LookExtent { most: None, held_max: cost.held_max, at_once, hold }
    }
}

impl<'a> LookPlace<'a> {
    /// Returns the queue that messages are moved out of.
    pub(super) fn own(mover: &Mover<'a>, depth: u64, in_flight: u64) -> Self {
        let queue = mover.queue;
        let target = SweepTarget { scope: mover.scope, url: &queue.url, name: &queue.name };
        let moves_on = mover.own_receives_max.is_some();
        LookPlace { target, depth, in_flight, moves_on, extent: LookExtent::SHORT }
    }

    /// Returns the place for a look at all messages, which hides them for a `hold` at most.
    pub(super) fn whole(self, hold: Option<Duration>) -> Self {
        let fifo = self.target.name.ends_with(".fifo");
        LookPlace { extent: LookExtent::whole(self.depth, fifo, hold), ..self }
    }

    /// Says what the look costs before it begins; nothing when there is none.
    pub(super) fn tell_cost(&self) {
        if self.depth == 0 || self.moves_on {
            return;
        }
        let fifo = self.target.name.ends_with(".fifo");
        let cost = sweep_cost::cost(self.depth, fifo, self.extent.at_once);
        let cost = SweepCost { hold: self.hold(), ..cost };
        progress_bar::clear();
        log::tell(&cost.sentence(self.target.name, self.depth));
    }

    /// Returns how long messages are hidden.
    pub(super) fn hold(&self) -> Duration {
        self.extent.hold
    }
}

/// The result of a look, before it is known how many messages have arrived.
#[derive(Debug, Default)]
pub(super) struct LookFindings {
    look: QueueLook,
    count: ReturnCount,
}

impl LookFindings {
    /// The result for an empty queue.
    fn of_none() -> Self {
        LookFindings {
            look: QueueLook { is_complete: true, ..QueueLook::default() },
            ..LookFindings::default()
        }
    }

    /// Judges a look at a queue in which `arrivals` have arrived. Returns how many messages may be failures in
    /// another form, too.
    pub(super) fn judged(&self, mover: &Mover<'_>, arrivals: u64) -> (QueueLook, u64) {
        let returned = self.count.returned(&mover.contents, arrivals);
        (QueueLook { returned, ..self.look }, self.count.unattributed(arrivals))
    }

    /// Returns the messages that were sent from here, and are not known to be deleted.
    pub(super) fn undeleted(&self) -> u64 {
        self.look.undeleted
    }
}

/// Receives messages of a queue, and counts those that the move has sent. All are put back. While others
/// fill the queue there is no end of it: then what has come meanwhile need not be seen.
pub(super) fn look(
    mover: &Mover<'_>,
    place: LookPlace<'_>,
    signals: &StopSignals,
) -> Result<LookFindings, MoveStop> {
    if place.depth == 0 {
        return Ok(LookFindings::of_none());
    }
    if place.moves_on {
        return Ok(LookFindings::default());
    }
    let stop = || signals.is_ending();
    let LookExtent { most, held_max, at_once, hold } = place.extent;
    let limits =
        SweepLimits { hold, held_max, most, deadline: None, at_once, stop: &stop, reading: None };
    let (mut count, mut undeleted) = (ReturnCount::default(), 0);
    let mut progress = LookProgress::new(place.depth, place.in_flight);
    let outcome = sweep(mover.sqs, place.target, &limits, &mut |batch| {
        batch.iter().for_each(|one| mover.count_return(&one.message, &mut count));
        let is_undeleted = |id: &str| mover.state.progress(id).is_some_and(|one| one.is_sent);
        let left = batch.iter().filter(|one| is_undeleted(&one.message.id));
        undeleted += left.count() as u64;
        progress.add(batch.len() as u64);
        let is_enough = count.returned(&mover.contents, 0) > 0 || progress.is_complete();
        Ok(BatchFate { fates: vec![Fate::Held; batch.len()], is_enough })
    })?;
    match outcome.end {
        SweepEnd::Failed(error) => Err(MoveStop::Receive(error)),
        SweepEnd::Stopped => Err(MoveStop::Interrupted),
        end => {
            let is_complete = progress.ends_complete(end == SweepEnd::Empty);
            let look = QueueLook { is_complete, undeleted, foreign: count.foreign(), returned: 0 };
            Ok(LookFindings { look, count })
        }
    }
}

/// A dead-letter queue of a destination, other than the one that messages are moved out of.
pub(super) struct OtherGrave {
    scope: usize,
    url: String,
    name: String,
    moves_on: bool,
    retention: Option<Duration>,
    breaker: Breaker,
    /// Whether messages that go there when they die were sent before, and whether they did is not known.
    is_late: bool,
}

/// The other dead-letter queues, by ARN; None for one that cannot be read.
#[derive(Default)]
pub(super) struct OtherGraves(BTreeMap<String, Option<OtherGrave>>);

impl OtherGraves {
    /// Adds the queues that the messages of the destinations go to when they die again, before one is
    /// sent there. The depth of one shows nothing about messages that were sent before.
    pub(super) fn open(&mut self, mover: &Mover<'_>) {
        for (to, route) in &mover.routes.0 {
            let other = route.dies_into.as_ref().filter(|arn| **arn != mover.queue.arn);
            let Some(arn) = other.filter(|arn| !self.0.contains_key(*arn)) else { continue };
            let name = destination::queue_name(arn).unwrap_or(arn).to_owned();
            let to = destination::queue_name(to).unwrap_or(to);
            let grave = match open(mover, route.scope, arn) {
                Ok((url, read)) => {
                    log::info(&format!(
                        "messages that die again in '{to}' go to '{name}', which is watched as well"
                    ));
                    let depth = read.counts.depth();
                    let mut sources = mover.routes.0.values();
                    let is_late = sources.any(|route| {
                        route.dies_into.as_ref() == Some(arn) && route.consumption.sent() > 0
                    });
                    let (scope, breaker) = (route.scope, Breaker::new(depth));
                    let moves_on = read.redrive.is_some();
                    let retention = read.retention_s.map(Duration::from_secs);
                    Some(OtherGrave { scope, url, name, moves_on, retention, breaker, is_late })
                }
                Err(error) => {
                    log::warn(&format!(
                        "messages that die again in '{to}' go to '{name}', which cannot be read: {error}; \
                         whether they return will not be known"
                    ));
                    None
                }
            };
            self.0.insert(arn.clone(), grave);
        }
    }

    /// Compares the depth of each with what it was, and looks at its messages when it has grown. Returns
    /// how many of those sent are there.
    pub(super) fn check(
        &mut self,
        mover: &Mover<'_>,
        signals: &StopSignals,
    ) -> Result<(), MoveStop> {
        for grave in self.0.values_mut().flatten() {
            let read = route::read(mover.sqs, grave.scope, &grave.url).map_err(MoveStop::Queue)?;
            let depth = read.counts.depth();
            let DepthCheck::Look(arrivals) = grave.breaker.check(depth, 0) else { continue };
            let look = look(mover, grave.place(depth), signals)?;
            let (look, _) = look.judged(mover, grave.breaker.arrivals(depth, 0));
            let judged = grave.breaker.judge(arrivals, look, mover.counts.sent);
            judged.map_err(MoveStop::Tripped)?;
        }
        Ok(())
    }

    /// Returns the shortest time for which one of them keeps messages.
    pub(super) fn retention(&self) -> Option<Duration> {
        self.0.values().flatten().filter_map(|grave| grave.retention).min()
    }

    /// Returns the name of one that cannot be read.
    pub(super) fn unreadable(&self) -> Option<String> {
        let (arn, _) = self.0.iter().find(|(_, grave)| grave.is_none())?;
        Some(destination::queue_name(arn).unwrap_or(arn).to_owned())
    }

    /// Looks for what was sent before they were opened. Returns whether it is known that none of it is in
    /// one of them.
    pub(super) fn look_late(
        &mut self,
        mover: &Mover<'_>,
        signals: &StopSignals,
    ) -> Result<bool, MoveStop> {
        for grave in self.0.values_mut().flatten().filter(|grave| grave.is_late) {
            let read = route::read(mover.sqs, grave.scope, &grave.url).map_err(MoveStop::Queue)?;
            let depth = read.counts.depth();
            let place = grave.place(depth).whole(None);
            place.tell_cost();
            let look = look(mover, place, signals)?;
            // What was there before is not known.
            let (look, _) = look.judged(mover, depth);
            let is_known = breaker::judge_late(depth, None, look).map_err(MoveStop::Tripped)?;
            (grave.is_late, grave.breaker) = (!is_known, Breaker::new(depth));
        }
        Ok(self.0.values().all(|grave| grave.as_ref().is_some_and(|grave| !grave.is_late)))
    }

    /// Looks at the end of a step. Returns whether it is known that no message has died into one of them, and
    /// how many messages may be failures in another form.
    pub(super) fn conclude(
        &self,
        mover: &Mover<'_>,
        signals: &StopSignals,
    ) -> Result<(bool, u64), MoveStop> {
        let (mut is_known, mut unattributed) = (true, 0);
        for grave in self.0.values() {
            let Some(grave) = grave else {
                is_known = false;
                continue;
            };
            let read = route::read(mover.sqs, grave.scope, &grave.url).map_err(MoveStop::Queue)?;
            let depth = read.counts.depth();
            let look = look(mover, grave.place(depth), signals)?;
            let (look, doubtful) = look.judged(mover, grave.breaker.arrivals(depth, 0));
            is_known &= grave.breaker.conclude(depth, 0, look).map_err(MoveStop::Tripped)?;
            unattributed += doubtful;
        }
        Ok((is_known, unattributed))
    }
}

impl OtherGrave {
    fn place(&self, depth: u64) -> LookPlace<'_> {
        let target = SweepTarget { scope: self.scope, url: &self.url, name: &self.name };
        let (in_flight, extent) = (0, LookExtent::SHORT);
        LookPlace { target, depth, in_flight, moves_on: self.moves_on, extent }
    }
}

fn open(mover: &Mover<'_>, scope: usize, arn: &str) -> Result<(String, Attributes), ReadError> {
    let url = mover.sqs.look_up(scope, &QueueAddress::parse(arn))?.queue.url;
    let read = route::read(mover.sqs, scope, &url)?;
    Ok((url, read))
}
