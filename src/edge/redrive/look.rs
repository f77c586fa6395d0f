//! Looks at the messages of a dead-letter queue: which of them a move has sent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mover::Mover;
use super::route;
use super::stop::MoveStop;
use crate::edge::stop_signals::StopSignals;
use crate::edge::sweep::{BatchFate, Fate, SweepEnd, SweepLimits, SweepTarget, sweep};
use crate::log;
use crate::rules::queue::address::QueueAddress;
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::rules::redrive::breaker::{Breaker, DepthCheck, LookProgress, QueueLook};
use crate::rules::redrive::destination;

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
    /// The time for which messages are hidden: after a kill for as long.
    pub(super) hold: Duration,
}

impl<'a> LookPlace<'a> {
    /// Returns the queue that messages are moved out of.
    pub(super) fn own(mover: &Mover<'a>, depth: u64, in_flight: u64) -> Self {
        let queue = mover.queue;
        let target = SweepTarget { scope: mover.scope, url: &queue.url, name: &queue.name };
        let moves_on = mover.own_receives_max.is_some();
        LookPlace { target, depth, in_flight, moves_on, hold: LOOK_HOLD }
    }
}

/// Receives messages of a queue, and counts those that the move has sent. All are put back. While others
/// fill the queue there is no end of it: then what has come meanwhile need not be seen.
pub(super) fn look(
    mover: &Mover<'_>,
    place: LookPlace<'_>,
    signals: &StopSignals,
) -> Result<QueueLook, MoveStop> {
    if place.depth == 0 {
        return Ok(QueueLook { returned: 0, is_complete: true });
    }
    if place.moves_on {
        return Ok(QueueLook { returned: 0, is_complete: false });
    }
    let stop = || signals.is_ending();
    let limits = SweepLimits {
        hold: place.hold,
        held_max: LOOK_HELD_MAX,
        most: Some(LOOK_MAX),
        deadline: None,
        at_once: 1,
        stop: &stop,
        reading: None,
    };
    let mut returned = 0;
    let mut progress = LookProgress::new(place.depth, place.in_flight);
    let outcome = sweep(mover.sqs, place.target, &limits, &mut |batch| {
        let own = batch.iter().filter(|one| mover.is_return(&one.message));
        returned += own.count() as u64;
        progress.add(batch.len() as u64);
        let is_enough = returned > 0 || progress.is_complete();
        Ok(BatchFate { fates: vec![Fate::Held; batch.len()], is_enough })
    })?;
    match outcome.end {
        SweepEnd::Failed(error) => Err(MoveStop::Queue(error)),
        SweepEnd::Stopped => Err(MoveStop::Interrupted),
        end => {
            let is_complete = progress.ends_complete(end == SweepEnd::Empty);
            Ok(QueueLook { returned, is_complete })
        }
    }
}

/// A dead-letter queue of a destination, other than the one that messages are moved out of.
pub(super) struct OtherGrave {
    scope: usize,
    url: String,
    name: String,
    moves_on: bool,
    breaker: Breaker,
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
                    let breaker = if is_late { Breaker::late(depth) } else { Breaker::new(depth) };
                    let moves_on = read.redrive.is_some();
                    Some(OtherGrave { scope: route.scope, url, name, moves_on, breaker })
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
            let judged = grave.breaker.judge(arrivals, look, mover.counts.sent);
            judged.map_err(MoveStop::Tripped)?;
        }
        Ok(())
    }

    /// Returns the name of one that cannot be read.
    pub(super) fn unreadable(&self) -> Option<String> {
        let (arn, _) = self.0.iter().find(|(_, grave)| grave.is_none())?;
        Some(destination::queue_name(arn).unwrap_or(arn).to_owned())
    }

    /// Looks at the end of a step. Returns whether it is known that no message has died into one of them.
    pub(super) fn conclude(
        &self,
        mover: &Mover<'_>,
        signals: &StopSignals,
    ) -> Result<bool, MoveStop> {
        let mut is_known = true;
        for grave in self.0.values() {
            let Some(grave) = grave else {
                is_known = false;
                continue;
            };
            let read = route::read(mover.sqs, grave.scope, &grave.url).map_err(MoveStop::Queue)?;
            let depth = read.counts.depth();
            let look = look(mover, grave.place(depth), signals)?;
            is_known &= grave.breaker.conclude(depth, 0, look).map_err(MoveStop::Tripped)?;
        }
        Ok(is_known)
    }
}

impl OtherGrave {
    fn place(&self, depth: u64) -> LookPlace<'_> {
        let target = SweepTarget { scope: self.scope, url: &self.url, name: &self.name };
        LookPlace { target, depth, in_flight: 0, moves_on: self.moves_on, hold: LOOK_HOLD }
    }
}

fn open(mover: &Mover<'_>, scope: usize, arn: &str) -> Result<(String, Attributes), ReadError> {
    let url = mover.sqs.look_up(scope, &QueueAddress::parse(arn))?.queue.url;
    let read = route::read(mover.sqs, scope, &url)?;
    Ok((url, read))
}
