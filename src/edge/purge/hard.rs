//! A purge by SQS itself: everything is deleted, and nothing is archived.

use super::confirm::confirm;
use super::{PurgeRequest, Purger};
use crate::edge::move_record::{MoveRecord, new_move};
use crate::edge::peek::PeekTarget;
use crate::error::Error;
use crate::event::PurgeCompleted;
use crate::rules::redrive::document::{MoveKind, MoveOutcome};
use crate::text::{count, safe};
use crate::wire::Output;

impl Purger {
    /// Asks SQS to delete all messages of a queue. Returns whether a part of it failed.
    pub(super) fn purge_hard(
        &self,
        target: &PeekTarget,
        request: &PurgeRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let depth = self.attributes(target)?.counts.depth();
        let mut state = new_move(target, MoveKind::HardPurge, depth);
        state.reason.clone_from(&request.reason);
        let id = state.id.clone();
        let data = PurgeCompleted {
            queue: target.queue.clone(),
            purge: id.clone(),
            messages: None,
            left: None,
            archive: None,
            fingerprint: None,
            hard: true,
            detail: None,
        };
        if self.dry_run {
            self.emit(&id, target, data, Some(out))?;
            return Ok(false);
        }
        let about = format!(
            "SQS deletes ALL messages of queue '{}' ({} now, and those that arrive within 60 seconds). \
             Nothing is archived, and nothing brings them back.",
            safe(&target.queue.name),
            count(depth, "message"),
        );
        confirm(&target.queue, true, request.confirmation.as_deref(), &about)?;
        let _lock = self.lock(target, "purge queue")?;
        self.refuse_investigated(target)?;
        let mut record = MoveRecord::begin(&self.store, state)?;
        if let Err(error) = self.sqs().purge(target.scope, &target.queue.url) {
            record.state.kind = MoveKind::Purge;
            record.finish(MoveOutcome::Aborted);
            let why = format!("{error}; SQS allows one purge of a queue in 60 seconds");
            return Err(Error::failed("purge queue", &target.queue.name, why));
        }
        record.finish(MoveOutcome::Completed);
        self.emit(&id, target, data, Some(out))?;
        Ok(false)
    }
}
