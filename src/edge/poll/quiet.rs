//! The queues that a round reads: all, or with `monitoring.adaptive` those whose turn it is.

use super::Poller;
use crate::error::Error;
use crate::rules::queue::adaptive::Turn;
use crate::rules::queue::cost::average_calls;
use crate::rules::queue::document::Watched;
use crate::rules::queue::redrive_graph::DeadLetterQueue;
use crate::time::Timestamp;

/// The queues that a round reads, and those that it leaves to a later one.
pub(super) struct DueQueues<'a> {
    pub(super) turn: Turn,
    pub(super) targets: Vec<&'a DeadLetterQueue>,
    /// The number of quiet queues among them.
    in_turn: u64,
    /// The number of quiet queues that are left to a later round.
    pub(super) postponed: u64,
}

impl DueQueues<'_> {
    /// Returns the number of requests of an average round, by those of this one.
    pub(super) fn average_calls(&self, calls: u64) -> u64 {
        average_calls(calls, self.in_turn, self.postponed, self.turn.parts())
    }
}

impl Poller {
    /// Chooses the queues that a round reads. A check and queues that were named are about the present.
    pub(super) fn due_queues<'a>(
        &self,
        targets: &'a [DeadLetterQueue],
        now: Timestamp,
    ) -> Result<DueQueues<'a>, Error> {
        let whole = || DueQueues {
            turn: Turn::whole(),
            targets: targets.iter().collect(),
            in_turn: 0,
            postponed: 0,
        };
        if !self.monitoring.adaptive || self.run.check || !self.given.is_empty() {
            return Ok(whole());
        }
        let keys = Watched::keys_of_round(targets.iter().map(|one| one.queue.arn.as_str()));
        self.with_watched(&keys, |doc| {
            let turn = doc.turn(&self.key, self.monitoring.check_interval, now);
            let (mut due, mut in_turn) = (Vec::with_capacity(targets.len()), 0);
            for target in targets {
                let is_quiet = doc.is_quiet(&self.key, &turn, target, now);
                let is_due = turn.is_due(&target.queue.arn);
                in_turn += u64::from(is_quiet && is_due);
                if is_due || !is_quiet {
                    due.push(target);
                }
            }
            let postponed = (targets.len() - due.len()) as u64;
            DueQueues { turn, targets: due, in_turn, postponed }
        })
    }
}
