//! `dlq-purge --archive-only` as a filter: passes every line on, and archives the messages of each
//! queue that is about to lose some.
//!
//! A line is a hint only: the queue, its incident and its account are those of `queues.json`.

use super::{FILTER_MAX, Purger};
use crate::clock;
use crate::document::Keys;
use crate::edge::stop_signals::StopSignals;
use crate::error::Error;
use crate::event::{self, Head, QueueExpiring, Type};
use crate::rules::redrive::document::Redrives;
use crate::rules::redrive::purge;
use crate::time::Timestamp;
use crate::wire::{Output, StreamFilter, failed_in_part};

impl StreamFilter for Purger {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let is_expiring = head.is_some_and(|head| head.known == Some(Type::QueueExpiring));
        if !is_expiring || !self.switches.now().archive_before_expiry {
            return Ok(());
        }
        let Some(event) = event::read::<QueueExpiring>(line) else { return Ok(()) };
        // So that the warning does not wait for the messages.
        out.flush()?;
        self.failed |= failed_in_part(self.guard(event, out))?;
        Ok(())
    }

    fn finish(&mut self, _: &mut Output) -> Result<bool, Error> {
        Ok(self.failed)
    }
}

impl Purger {
    /// Archives the queue of a warning whose incident is open. Returns whether messages are missing.
    fn guard(&self, event: event::Event<QueueExpiring>, out: &mut Output) -> Result<bool, Error> {
        let Some((target, is_recorded)) = self.peeker.target_of_queue(event.data.queue)? else {
            return Ok(false);
        };
        let is_open = target.incident.is_some() && target.incident == event.incident;
        if !is_recorded || !is_open || !self.is_due(&target.queue.arn, event.time)? {
            return Ok(false);
        }
        // Not listened to: the pipe ends as it always does, and the visibility timeout puts back what
        // was held.
        self.archive(&target, &StopSignals::default(), Some(FILTER_MAX), out)
            .map(|(failed, _)| failed)
    }

    /// Returns whether no archiving has answered a warning yet.
    fn is_due(&self, arn: &str, warned_at: Timestamp) -> Result<bool, Error> {
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, arn))?;
        Ok(purge::is_archiving_due(all.of_queue(arn), warned_at, clock::now()))
    }
}
