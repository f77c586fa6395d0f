//! Messages that were to move and that have left the queue without this redrive.

use super::apply::RedriveRun;
use crate::log;
use crate::rules::redrive::gone::{GoneMessages, others_since};

impl RedriveRun<'_, '_> {
    /// Returns how many messages that were to move have left the queue otherwise. Their number is not known where
    /// they were chosen on the way.
    fn gone(&self) -> GoneMessages {
        let (mover, state) = (&*self.mover, &self.record.document.state);
        let lost = mover.counts.lost;
        match (&mover.plan, state.messages) {
            (Some(plan), _) => GoneMessages {
                all: plan.ids.len() as u64,
                gone: mover.not_found().saturating_sub(lost),
                is_planned: true,
            },
            (None, counted) => {
                let all = counted.unwrap_or(0);
                let left: u64 = self.left_out().values().map(|count| *count as u64).sum();
                let known = mover.counts.sent + mover.counts.parked + left + lost;
                GoneMessages { all, gone: all.saturating_sub(known), is_planned: false }
            }
        }
    }

    /// Records such messages after a run that has seen the whole queue, and warns of them with what is known to have
    /// taken them. Returns whether there are any.
    pub(super) fn note_gone(&mut self) -> bool {
        let gone = self.gone();
        self.record.document.state.gone = gone.gone;
        if gone.gone == 0 {
            return false;
        }
        let state = &self.record.document.state;
        let planned = self.mover.plan.as_ref().map(|plan| plan.at);
        let since = planned.unwrap_or(state.begun_at).min(state.begun_at);
        let moves = self.record.document.of_queue().unwrap_or_else(|error| {
            log::warn(&error.to_string());
            Vec::new()
        });
        let others = others_since(moves.iter(), &state.id, since);
        log::warn(&gone.sentence(&state.queue.name, others));
        true
    }
}
