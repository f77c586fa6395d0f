//! A batch of a pass: chosen, and moved at the rate that is allowed.

use std::time::Duration;

use super::apply::RedriveRun;
use super::stop::MoveStop;
use crate::edge::aws::Received;
use crate::edge::sweep::{BatchFate, Fate};
use crate::error::Error;
use crate::rules::redrive::consumption;

impl RedriveRun<'_, '_> {
    /// Moves the messages of a batch that are meant, `quota` at most, and so many at once. What it does
    /// not name as taken is still in the queue, also after it has stopped. `held` are the other messages
    /// that this pass holds.
    pub(super) fn take(
        &mut self,
        batch: &[Received],
        (quota, at_once): (u64, u64),
        held: u64,
    ) -> (BatchFate, Result<(), MoveStop>) {
        let mut fate = BatchFate { fates: vec![Fate::Held; batch.len()], is_enough: false };
        let result = self.take_parts(batch, (quota, at_once), held, &mut fate);
        (fate, result)
    }

    fn take_parts(
        &mut self,
        batch: &[Received],
        (quota, at_once): (u64, u64),
        held: u64,
        fate: &mut BatchFate,
    ) -> Result<(), MoveStop> {
        let mut chosen = self.mover.choose(batch, quota, self.watch.arrivals)?;
        self.record_baselines()?;
        self.watch.open_graves(self.mover);
        if self.pace.verifies || self.pace.ramp.canary > 0 {
            self.watch.check_retention(self.mover)?;
        }
        let mut is_first = true;
        loop {
            let waits = !chosen.is_empty() && self.wait_for_rate();
            if waits || !is_first {
                let kept = fate.fates.iter().filter(|one| **one == Fate::Held).count() as u64;
                self.watch.check(self.mover, self.record, held + kept)?;
            }
            let part = chosen.split_off_first(at_once.min(self.window_room()));
            let is_last = chosen.is_empty();
            let before = self.mover.counts.sent;
            let result = self.mover.take(batch, part, fate);
            if let Some(window) = &mut self.window {
                window.add(self.begun.elapsed(), self.mover.counts.sent - before);
            }
            result?;
            if is_last {
                return Ok(());
            }
            is_first = false;
        }
    }

    /// Waits until the rate allows at least one message. Returns whether that took a while.
    fn wait_for_rate(&mut self) -> bool {
        let mut has_waited = false;
        while let Some(Err(until)) = self.judge_rate() {
            self.mover.sqs.wait_until(self.begun + until);
            has_waited = true;
        }
        has_waited
    }

    /// Returns the messages that the rate allows now.
    fn window_room(&mut self) -> u64 {
        self.judge_rate().and_then(Result::ok).unwrap_or(u64::MAX)
    }

    fn judge_rate(&mut self) -> Option<Result<u64, Duration>> {
        let now = self.begun.elapsed();
        self.window.as_mut().map(|window| window.judge(now))
    }

    /// Records the moment of the first send before it, and the depth of each destination, and what was in
    /// flight there, before the first message is sent to it.
    fn record_baselines(&mut self) -> Result<(), Error> {
        let state = &mut self.record.document.state;
        let mut is_new = state.sent_from.is_none();
        let (sqs, scope) = (self.mover.sqs, self.mover.scope);
        self.mover.contents.begin(*state.sent_from.get_or_insert_with(|| sqs.earliest_now(scope)));
        let (known, floors) = (&mut state.baselines, &mut state.in_flight_before);
        let routes = self.mover.routes.0.iter_mut();
        for (arn, route) in routes.filter(|(_, route)| route.consumption.sent() == 0) {
            let recorded = known.get(arn).copied();
            let before = consumption::baseline(recorded, 0, route.consumption.before());
            let floor = *floors.entry(arn.clone()).or_insert(route.consumption.floor());
            route.consumption = route.consumption.clone().since(before, floor);
            is_new |= known.insert(arn.clone(), before).is_none();
        }
        if is_new { self.record.document.write() } else { Ok(()) }
    }
}
