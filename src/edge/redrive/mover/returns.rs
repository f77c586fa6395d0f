//! Returns: messages of a queue that show that others, which this move has sent, have died again.

use super::{Mover, Sorted};
use crate::edge::aws::Received;
use crate::edge::redrive::stop::MoveStop;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::{decode, fingerprint};
use crate::rules::redrive::breaker::Trip;
use crate::rules::redrive::copies::{IsLater, ReturnCount};
use crate::rules::redrive::destination;
use crate::rules::redrive::id_set::id_hash;

impl Mover<'_> {
    /// Decides which messages of a batch are meant, `quota` at most, of a queue in which `arrivals` have
    /// arrived. The routes then have the destination of each.
    pub(in crate::edge::redrive) fn choose(
        &mut self,
        batch: &[Received],
        quota: u64,
        arrivals: u64,
    ) -> Result<Sorted, MoveStop> {
        let mut count = ReturnCount::default();
        batch.iter().for_each(|one| self.count_return(&one.message, &mut count));
        match count.returned(&self.contents, arrivals) {
            0 => {}
            returned => return Err(MoveStop::Tripped(Trip::Returned(returned))),
        }
        batch.iter().for_each(|one| self.contents.see(&one.message));
        self.sort(batch, quota)
    }

    /// Counts a message that this move has sent, or that shows that one has failed: one with the content of a
    /// message that was sent before, or a newer one of a chosen cause, which has not died in a queue that
    /// nothing was sent to. Also one that no queue has moved there meanwhile.
    pub(in crate::edge::redrive) fn count_return(
        &self,
        message: &Message,
        count: &mut ReturnCount,
    ) {
        let key = id_hash(&message.id);
        if self.state.sent.contains(&key) {
            count.add_return();
            return;
        }
        let is_known = self.state.restored.contains(&key) || self.state.get(&key).is_some();
        let origin = destination::origin(message);
        if is_known || self.contents.is_of_others(&key) {
            return;
        }
        if !origin.is_none_or(|arn| self.has_sent_to(arn)) {
            if self.contents.is_later(message) {
                count.add_foreign();
            }
            return;
        }
        match self.contents.is_copy(message) {
            IsLater::No if self.is_of_cause_meanwhile(message) => count.add_return(),
            IsLater::No if origin.is_none() => {
                count.add_unattributed(self.contents.is_after_unproven(message));
            }
            // It has died where messages of ours were sent to, and is none of them.
            IsLater::No if self.contents.is_later(message) => count.add_foreign(),
            is_later => count.add_copy(message, is_later),
        }
    }

    fn is_of_cause_meanwhile(&self, message: &Message) -> bool {
        let causes = &self.selection.fingerprints;
        let cause = || fingerprint::compute(&decode::decode(message)).id;
        !causes.is_empty() && self.contents.is_later(message) && causes.contains(&cause())
    }

    fn has_sent_to(&self, arn: &str) -> bool {
        self.routes.0.get(arn).is_some_and(|route| route.consumption.sent() > 0)
    }

    /// Returns how many messages were sent that are not proven.
    pub(in crate::edge::redrive) fn unproven(&self) -> u64 {
        let routes = self.routes.0.values();
        routes.map(|route| route.consumption.sent().saturating_sub(route.proven)).sum()
    }
}
