//! A redrive: canary, ramp, rest, verification.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::mover::Mover;
use super::record::RedriveRecord;
use super::route::{self, MoveRoute};
use super::stop::{MoveStop, UnseenMessages};
use super::watch::RedriveWatch;
use crate::clock;
use crate::edge::sweep::{
    BatchFate, Fate, QueueReading, SweepEnd, SweepLimits, SweepOutcome, SweepTarget, sweep,
};
use crate::error::Error;
use crate::log;
use crate::rules::redrive::breaker::LookProgress;
use crate::rules::redrive::document::{MoveStep, Ramp};
use crate::rules::redrive::rate::{self, RateWindow, StepSize};
use crate::rules::redrive::sweep::{self as sweep_cost, SweepCost};
use crate::rules::redrive::verification::VerificationState;
use crate::text;
use crate::time::show_span;

/// The pause before the queue is looked at again, while messages of an interrupted run are hidden.
const HIDDEN_PAUSE: Duration = Duration::from_millis(500);

/// The way in which a redrive proceeds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) ramp: Ramp,
    /// Whether the command line gives a canary: where returns to an earlier run are not known, a new one goes
    /// first.
    pub(super) has_canary: bool,
    /// The most messages in all runs.
    pub(super) limit: Option<u64>,
    /// The most messages without a limit: those that the queue had at the begin, and some more, because a
    /// count is approximate.
    pub(super) bound: u64,
    /// The most messages a second.
    pub(super) rate: Option<u64>,
    /// The time for which messages are hidden while they are looked at; None: by the depth.
    pub(super) hold: Option<Duration>,
    /// Whether the end is verified.
    pub(super) verifies: bool,
}

/// The end of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PassEnd {
    /// The quota is used up.
    Quota,
    /// Every message of the queue was seen.
    Queue,
}

/// A redrive under way.
pub(super) struct RedriveRun<'m, 'a> {
    pub(super) mover: &'m mut Mover<'a>,
    pub(super) record: &'m mut RedriveRecord<'a>,
    pub(super) watch: RedriveWatch,
    pub(super) pace: Pace,
    /// The sends of the last second, when there is a rate.
    pub(super) window: Option<RateWindow>,
    pub(super) begun: Instant,
    /// Whether an earlier run has begun it.
    pub(super) is_resumed: bool,
    /// The moment until which hidden messages are waited for.
    pub(super) hidden_until: Instant,
    /// Whether a pass receives more messages than it may move, because some are left where they are.
    pub(super) is_thorough: bool,
    /// The reason why the last pass has not seen every message of the queue.
    pub(super) unseen: Option<UnseenMessages>,
}

impl RedriveRun<'_, '_> {
    /// Moves what is to move. Returns how the end was verified; None when it was not.
    pub(super) fn run(&mut self) -> Result<Option<VerificationState>, MoveStop> {
        self.prove_earlier()?;
        self.tell_cost()?;
        loop {
            let sent = self.mover.counts.sent;
            let most = self.pace.limit.unwrap_or(u64::MAX).min(self.pace.bound);
            let left = most.saturating_sub(sent);
            // What an earlier run has sent and not deleted is still to be deleted.
            let is_cleaning = left == 0 && self.mover.has_unseen();
            if left == 0 && !is_cleaning {
                self.tell_bound()?;
                break;
            }
            let (step, quota) = self.step();
            self.record.enter(step)?;
            let mut size = rate::step_size(self.pace.rate, sent, self.mover.queue.fifo);
            if step != MoveStep::Rest {
                size.receives = 1;
            }
            let until = size.until.unwrap_or(u64::MAX);
            let most = quota.unwrap_or(u64::MAX).min(left).min(until);
            self.unseen = None;
            (self.mover.deferred, self.mover.unchosen) = (0, 0);
            self.is_thorough |= is_cleaning;
            let end = self.pass(most, size)?;
            let has_moved = self.mover.counts.sent > sent;
            self.is_thorough |= !has_moved;
            let is_deferred = self.mover.deferred > 0;
            if end == PassEnd::Queue && !is_deferred {
                if self.waits_for_hidden()? || std::mem::take(&mut self.mover.has_learned) {
                    continue;
                }
                self.settle()?;
                break;
            }
            if self.has_unproven() && (self.has_more(left) || is_deferred) {
                self.verify_step()?;
            }
        }
        self.mover.undeleted("some deletions have failed".to_owned())?;
        if !self.pace.verifies || self.mover.counts.sent == 0 {
            return Ok(None);
        }
        self.verify_end().map(Some)
    }

    /// Looks for returns of what an interrupted run has sent, and waits for the result of the steps that it
    /// may have been waiting for, before anything else is sent.
    fn prove_earlier(&mut self) -> Result<(), MoveStop> {
        if self.mover.counts.sent == 0 {
            return Ok(());
        }
        self.record.enter(MoveStep::Verify)?;
        let is_known = self.watch.look_late(self.mover, self.record, self.pace.hold)?;
        if !is_known && self.pace.ramp.canary > 0 {
            if !self.pace.has_canary || self.watch.is_blind() {
                return Err(MoveStop::NotConsumed(self.watch.unknown_returns()));
            }
            self.begin_anew()?;
        }
        let state = &self.record.document.state;
        for (to, route) in &mut self.mover.routes.0 {
            route.proven = state.proven.get(to).copied().unwrap_or(0);
            route.base = state.bases.get(to).copied().unwrap_or(0);
        }
        if self.has_unproven() { self.verify_step() } else { Ok(()) }
    }

    /// Returns the step, and how many messages it may move; None: all.
    fn step(&self) -> (MoveStep, Option<u64>) {
        let mover = &*self.mover;
        let known: Vec<_> = mover.routes.0.values().map(MoveRoute::progress).collect();
        let all = match (&mover.destinations.given, &mover.plan) {
            (Some(_), _) => 1,
            (None, Some(plan)) => plan.arns.len(),
            (None, None) => mover.destinations.sources.len(),
        };
        self.pace.ramp.step(&known, all.saturating_sub(known.len()) as u64)
    }

    /// Whether the result of a step of a destination is not known.
    fn has_unproven(&self) -> bool {
        let mut routes = self.mover.routes.0.values();
        routes.any(|route| self.pace.ramp.is_unproven(route.progress()))
    }

    /// Warns of messages that have come since the begin, after all that were there have moved.
    fn tell_bound(&self) -> Result<(), MoveStop> {
        if self.pace.limit.is_some_and(|limit| self.mover.counts.sent >= limit) {
            return Ok(());
        }
        let mover = &*self.mover;
        let own = route::read(mover.sqs, mover.scope, &mover.queue.url).map_err(MoveStop::Queue)?;
        log::warn(&format!(
            "{} of queue '{}' moved: all that it had at the begin, or more; others have come meanwhile: {} in it",
            text::count(mover.counts.sent, "message"),
            mover.queue.name,
            match own.counts.depth() {
                1 => "1 message is".to_owned(),
                n => format!("{n} messages are"),
            },
        ));
        Ok(())
    }

    /// Whether messages may be left after a step; the end is verified anyway.
    fn has_more(&self, left: u64) -> bool {
        left > 1 || self.pace.limit.is_none()
    }

    /// Waits for the result of a step, which has to be good for the next one.
    fn verify_step(&mut self) -> Result<(), MoveStop> {
        match self.watch.verify(self.mover, self.record)? {
            VerificationState::Verified => {
                let state = &mut self.record.document.state;
                for (to, route) in &mut self.mover.routes.0 {
                    route.prove();
                    state.proven.insert(to.clone(), route.proven);
                    state.kept_until.remove(to);
                }
                self.record.document.write().map_err(MoveStop::File)
            }
            state => Err(MoveStop::NotConsumed(state)),
        }
    }

    /// Accounts for the messages of an interrupted run that are no longer in the queue. Stops when not
    /// every message of the queue was seen: it is unknown which are left.
    fn settle(&mut self) -> Result<(), MoveStop> {
        match self.unseen.take() {
            Some(why) => Err(MoveStop::Unseen(why)),
            None => {
                self.mover.settle_gone();
                Ok(())
            }
        }
    }

    /// Whether messages that others hold, or that an interrupted run has hidden, are waited for.
    fn waits_for_hidden(&mut self) -> Result<bool, MoveStop> {
        let is_time = clock::tick() < self.hidden_until;
        let is_hidden = match &self.unseen {
            Some(UnseenMessages::Passing(_)) => true,
            Some(UnseenMessages::Behind(_)) => false,
            None => self.mover.has_unseen(),
        };
        if !is_time || !is_hidden {
            return Ok(false);
        }
        self.watch.check(self.mover, self.record, 0)?;
        self.mover.sqs.wait_until(clock::tick() + HIDDEN_PAUSE);
        Ok(true)
    }

    /// Moves up to `most` messages in one pass over the queue.
    fn pass(&mut self, most: u64, size: StepSize) -> Result<PassEnd, MoveStop> {
        let (cost, depth) = self.cost(size.receives)?;
        self.record.hold_for(cost.hold)?;
        let signals = self.watch.signals.clone();
        let is_ending = move || signals.is_ending();
        let takes_all = self.mover.plan.is_none() && self.mover.selection.takes_all();
        let reading = QueueReading::default();
        let limits = SweepLimits {
            at_once: size.receives,
            // What is not wanted is not received.
            most: (takes_all && !self.is_thorough && most < u64::MAX).then_some(most),
            reading: Some(&reading),
            ..SweepLimits::of_cost(cost, &is_ending)
        };
        let (sqs, queue) = (self.mover.sqs, self.mover.queue);
        let target = SweepTarget { scope: self.mover.scope, url: &queue.url, name: &queue.name };
        let before = self.mover.counts.sent;
        let begun = clock::tick();
        let (mut stop, mut held) = (None, 0);
        // Others that fill the queue would keep the sweep for ever.
        let mut progress = LookProgress::new(depth, 0);
        let pace = self.pace;
        let outcome = sweep(sqs, target, &limits, &mut |batch| {
            let done = self.mover.counts.sent - before;
            let in_flight = held + batch.len() as u64;
            let checked = match reading.take() {
                Some(own) => self.watch.check_reading(own, self.mover, self.record, in_flight),
                None => self.watch.check(self.mover, self.record, in_flight),
            };
            let (mut fate, result) = match checked {
                Ok(()) => self.take(batch, (most - done, size.sends), held),
                Err(why) => (hold_all(batch.len()), Err(why)),
            };
            held += fate.fates.iter().filter(|one| **one == Fate::Held).count() as u64;
            let result = result.and(self.bring_up_to_date().map_err(MoveStop::File));
            progress.add(batch.len() as u64);
            fate.is_enough =
                self.mover.counts.sent - before >= most || self.has_all() || progress.is_complete();
            if let Err(why) = result {
                stop = Some(why);
                fate.is_enough = true;
            }
            if let (Some(rate), false) = (pace.rate, fate.is_enough) {
                let sent = self.mover.counts.sent - before;
                let due = Duration::from_millis(sent.saturating_mul(1000) / rate.max(1));
                self.mover.sqs.wait_until(begun + due);
            }
            Ok(fate)
        })?;
        if let Some(stop) = stop {
            return Err(stop);
        }
        let is_used_up = most > 0 && self.mover.counts.sent - before >= most;
        let outcome = match outcome.end {
            SweepEnd::Enough if progress.is_complete() && !is_used_up => {
                SweepOutcome { end: SweepEnd::Empty, ..outcome }
            }
            _ => outcome,
        };
        self.judge(outcome, depth, cost)
    }

    /// Judges the end of a sweep over a queue of `depth` messages.
    fn judge(
        &mut self,
        outcome: SweepOutcome,
        depth: u64,
        cost: SweepCost,
    ) -> Result<PassEnd, MoveStop> {
        match outcome.end {
            SweepEnd::Failed(error) => Err(MoveStop::Receive(error)),
            SweepEnd::Stopped => Err(MoveStop::Interrupted),
            SweepEnd::Enough if self.has_all() => Ok(PassEnd::Queue),
            SweepEnd::Enough => Ok(PassEnd::Quota),
            SweepEnd::Empty => {
                let left = outcome.seen - outcome.taken;
                self.unseen = self.find_unseen(depth, outcome.seen, left)?;
                Ok(PassEnd::Queue)
            }
            SweepEnd::Deadline => {
                let span = show_span(cost.hold);
                let why = format!("not all messages could be received within {span}");
                self.unseen = Some(UnseenMessages::Passing(why));
                Ok(PassEnd::Queue)
            }
            SweepEnd::InFlight => {
                let most = cost.held_max;
                let why = format!("only {most} messages can be held and looked at");
                self.unseen = Some(UnseenMessages::Passing(why));
                Ok(PassEnd::Queue)
            }
        }
    }

    /// Finds out whether a sweep has not received messages of a queue of `depth`, after which `left` of
    /// those that it saw are there. Counts of SQS lag, so that a number is believed when it stays.
    fn find_unseen(
        &self,
        depth: u64,
        seen: u64,
        left: u64,
    ) -> Result<Option<UnseenMessages>, MoveStop> {
        let mover = &*self.mover;
        let mut found = None;
        for _ in 0..sweep_cost::UNSEEN_READINGS {
            if depth <= seen {
                return Ok(None);
            }
            let own = route::read(mover.sqs, mover.scope, &mover.queue.url);
            let counts = own.map_err(MoveStop::Queue)?.counts;
            let unseen = sweep_cost::unseen(depth, seen, counts.depth(), left);
            if unseen == 0 {
                return Ok(None);
            }
            let is_behind = mover.queue.fifo && left > 0 && counts.in_flight + counts.delayed == 0;
            let few = text::count(unseen, "message");
            found = Some(match is_behind {
                true => UnseenMessages::Behind(format!(
                    "{few} could not be received: in a FIFO queue a message waits for those of its group \
                     before it, and those were not chosen"
                )),
                false => UnseenMessages::Passing(format!(
                    "{few} could not be received: others hold them, or they are delayed"
                )),
            });
            mover.sqs.wait_until(clock::tick() + HIDDEN_PAUSE);
        }
        Ok(found)
    }

    /// Whether every message of the plan has been dealt with.
    fn has_all(&self) -> bool {
        self.mover.plan.is_some() && self.mover.missing() == 0 && !self.mover.has_unseen()
    }

    fn bring_up_to_date(&mut self) -> Result<(), Error> {
        let (counts, state) = (&self.mover.counts, &mut self.record.document.state);
        (state.moved, state.deleted, state.parked) = (counts.moved, counts.deleted, counts.parked);
        self.mover.routes.record_kept_until(&mut state.kept_until);
        self.record.update()
    }

    /// Returns how many messages were left for another reason than the selection, by reason.
    pub(super) fn left_out(&self) -> HashMap<&'static str, usize> {
        self.mover.counts.left_out.iter().map(|(why, ids)| (*why, ids.len())).collect()
    }
}

fn hold_all(count: usize) -> BatchFate {
    BatchFate { fates: vec![Fate::Held; count], is_enough: true }
}
