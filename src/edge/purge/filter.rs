//! `dlq-purge --archive-only` as a filter: passes every line on, and archives the messages of each
//! queue that is about to lose some.
//!
//! A line is a hint only: the queue, its incident and its account are those of `queues.json`. What
//! cannot begin, because a move of the queue is running or the queue cannot be read, stays open in
//! `redrives.json`, and is tried again at each heartbeat.

use super::{FILTER_MAX, Purger};
use crate::clock;
use crate::document::Keys;
use crate::edge::move_record::{MoveRecord, new_move};
use crate::edge::peek::PeekTarget;
use crate::edge::stop_signals::StopSignals;
use crate::error::Error;
use crate::event::{self, ArchiveCompleted, Head, Queue, QueueExpiring, Type};
use crate::log;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, Redrives};
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
        let known = head.and_then(|head| head.known);
        let is_meant = matches!(known, Some(Type::QueueExpiring | Type::PollFinished));
        if !is_meant || !self.switches.now().archive_before_expiry {
            return Ok(());
        }
        // So that the warning does not wait for the messages.
        out.flush()?;
        self.failed |= match event::read::<QueueExpiring>(line) {
            Some(event) => failed_in_part(self.guard(event, out))?,
            None => failed_in_part(self.retry(out))?,
        };
        Ok(())
    }

    /// Tries what is left once more.
    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        if self.dry_run || !self.switches.now().archive_before_expiry {
            return Ok(self.failed);
        }
        self.failed |= failed_in_part(self.retry(out))?;
        Ok(self.failed || !self.deferred()?.is_empty())
    }
}

impl Purger {
    /// Archives the queue of a warning whose incident is open. Returns whether messages are missing.
    fn guard(&self, event: event::Event<QueueExpiring>, out: &mut Output) -> Result<bool, Error> {
        match self.target_of(event.data.queue, event.incident.as_deref())? {
            Some(target) if self.is_due(&target.queue.arn, event.time)? => {
                self.archive_or_defer(&target, None, out)
            }
            _ => Ok(false),
        }
    }

    /// Returns the target of a queue whose incident is open; None for another one.
    fn target_of(&self, queue: Queue, incident: Option<&str>) -> Result<Option<PeekTarget>, Error> {
        let found = self.peeker.target_of_queue(queue)?;
        let is_open = |target: &PeekTarget| {
            target.incident.is_some() && target.incident.as_deref() == incident
        };
        Ok(found.filter(|(target, is_recorded)| *is_recorded && is_open(target)).map(|one| one.0))
    }

    /// Returns the archivings that have begun, or should have, and have no end.
    fn deferred(&self) -> Result<Vec<Move>, Error> {
        let all: Redrives = self.store.read(&Keys::none().with_all(Redrives::MOVE))?;
        let is_open = |one: &Move| one.kind == MoveKind::Expiry && one.finished_at.is_none();
        Ok(all.moves.into_iter().filter(is_open).collect())
    }

    /// Tries what was deferred. Returns whether messages are missing.
    fn retry(&self, out: &mut Output) -> Result<bool, Error> {
        let mut failed = false;
        for state in self.deferred()? {
            if self.dry_run || self.archives.is_running(&state.queue.arn)? {
                continue;
            }
            match self.target_of(state.queue.clone(), state.incident.as_deref())? {
                Some(target) => failed |= self.archive_or_defer(&target, Some(state), out)?,
                // There is nothing left to lose.
                None => MoveRecord::begin(&self.store, state)?.finish(MoveOutcome::Aborted),
            }
        }
        Ok(failed)
    }

    /// Archives a queue, or records that this is still to be done. Returns whether messages are missing.
    fn archive_or_defer(
        &self,
        target: &PeekTarget,
        deferred: Option<Move>,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let _scope = log::about(target.incident.as_deref());
        let is_told = deferred.is_some();
        // Not listened to: the pipe ends as it always does, and the visibility timeout puts back what
        // was held.
        let signals = StopSignals::default();
        let error = match self.archive(target, deferred, &signals, Some(FILTER_MAX), out) {
            Ok((failed, _)) => return Ok(failed),
            Err(error @ (Error::Pipe | Error::Wrong(_) | Error::Usage(_))) => return Err(error),
            Err(error) => error,
        };
        if is_told || self.dry_run {
            log::info(&error.to_string());
            return Ok(false);
        }
        log::warn(&format!("{error}; it is tried again at the end of each round"));
        let is_known = self.deferred()?.iter().any(|one| one.queue.arn == target.queue.arn);
        if is_known {
            return Ok(false);
        }
        let record = MoveRecord::begin(&self.store, new_move(target, MoveKind::Expiry, 0))?;
        let data = ArchiveCompleted {
            queue: target.queue.clone(),
            messages: 0,
            known: 0,
            archive: None,
            expires_before: None,
            detail: Some(format!("{error}; it is tried again at the end of each round")),
        };
        // Its end has an event of its own.
        self.emit(&format!("{} deferred", record.state.id), target, data, Some(out))?;
        Ok(false)
    }

    /// Returns whether no archiving has answered a warning yet.
    fn is_due(&self, arn: &str, warned_at: Timestamp) -> Result<bool, Error> {
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, arn))?;
        Ok(purge::is_archiving_due(all.of_queue(arn), warned_at, clock::now()))
    }
}
