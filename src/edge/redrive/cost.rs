//! The cost of a redrive: told before the first receive, and estimated for each of its passes.

use std::time::Duration;

use super::apply::RedriveRun;
use super::progress_bar;
use super::route;
use super::stop::MoveStop;
use crate::log;
use crate::rules::redrive::sweep::{self, SweepCost};
use crate::time::show_span;

impl RedriveRun<'_, '_> {
    /// Says what it costs to receive all messages of the queue, one batch at once; a pass may receive fewer.
    pub(super) fn tell_cost(&self) -> Result<(), MoveStop> {
        let (cost, depth) = self.estimate(1)?;
        progress_bar::clear();
        log::tell(&cost.sentence(&self.mover.queue.name, depth));
        Ok(())
    }

    /// Returns the cost of a pass, and the depth of the queue.
    pub(super) fn cost(&self, at_once: usize) -> Result<(SweepCost, u64), MoveStop> {
        let (cost, depth) = self.estimate(at_once)?;
        log::info(&format!(
            "queue '{}': about {} receives in {}; a message that is not moved is hidden for at most {}",
            self.mover.queue.name,
            cost.receives,
            show_span(cost.duration),
            show_span(cost.hold),
        ));
        Ok((cost, depth))
    }

    fn estimate(&self, at_once: usize) -> Result<(SweepCost, u64), MoveStop> {
        let mover = &*self.mover;
        let own = route::read(mover.sqs, mover.scope, &mover.queue.url).map_err(MoveStop::Queue)?;
        let depth = own.counts.depth();
        let mut cost = sweep::cost(depth, mover.queue.fifo, at_once);
        if let Some(hold) = self.pace.hold {
            cost.hold = hold;
        }
        if let (Some(rate), false) = (self.pace.rate, depth == 0) {
            let slow = Duration::from_secs(depth / rate.max(1));
            cost.hold = (cost.hold + slow * 2).min(sweep::HOLD_MAX);
        }
        Ok((cost, depth))
    }
}
