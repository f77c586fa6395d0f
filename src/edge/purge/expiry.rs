//! The expiry guard: archives the messages of a queue, each once, and deletes none.

use std::time::Duration;

use super::Purger;
use crate::clock;
use crate::edge::archive::ArchiveWriter;
use crate::edge::aws::Received;
use crate::edge::move_record::{MoveRecord, head_of, new_move};
use crate::edge::peek::PeekTarget;
use crate::edge::stop_signals::StopSignals;
use crate::edge::sweep::{
    BatchFate, Fate, SweepEnd, SweepLimits, SweepOutcome, SweepTarget, sweep,
};
use crate::error::Error;
use crate::event::ArchiveCompleted;
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::queue::expiry;
use crate::rules::queue::reading::{Attributes, Counts};
use crate::rules::redrive::archive::{ArchiveHead, MoveResult};
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::rules::redrive::id_set::{IdSet, id_hash};
use crate::rules::redrive::purge::{self, SeenMessages};
use crate::rules::redrive::selection::sent_at;
use crate::rules::redrive::sweep::{at_once, cost};
use crate::time::Timestamp;
use crate::wire::Output;

/// The result of an archiving.
#[derive(Default)]
struct Archived {
    writer: Option<ArchiveWriter>,
    added: u64,
    known: u64,
    /// The messages that have come after the begin.
    late: u64,
    /// The begin, on the clock of SQS.
    begun: Timestamp,
    oldest_sent_at: Option<Timestamp>,
}

impl Purger {
    /// Archives the messages of a queue that no archive has. `deferred` is an archiving that could not
    /// begin. Returns whether some are missing, and how many were added.
    pub(super) fn archive(
        &self,
        target: &PeekTarget,
        deferred: Option<Move>,
        signals: &StopSignals,
        time_max: Option<Duration>,
        out: &mut Output,
    ) -> Result<(bool, u64), Error> {
        let attributes = self.attributes(target)?;
        let before = attributes.counts;
        let is_deferred = deferred.is_some();
        let state = deferred.unwrap_or_else(|| new_move(target, MoveKind::Expiry, before.depth()));
        if self.dry_run {
            let data = completed(target, &attributes, &Archived::default(), None);
            let data = ArchiveCompleted { messages: before.depth(), ..data };
            self.emit(&state.id, target, data, Some(out))?;
            return Ok((false, 0));
        }
        let _lock = self.lock(target, "archive queue")?;
        let known = self.archives.known_ids(&target.queue.arn)?;
        let mut record = MoveRecord::begin(&self.store, state)?;
        let begun = self.sqs().now(target.scope);
        let (mut archived, head) =
            (Archived { begun, ..Archived::default() }, head_of(&record.state));
        let at_once = at_once(before.depth(), target.queue.fifo);
        let cost = cost(before.depth(), target.queue.fifo, at_once);
        if time_max.is_none() {
            log::tell(&cost.sentence(&target.queue.name, before.depth()));
        }
        let stop = || signals.is_ending();
        let limits = SweepLimits {
            most: Some(purge::most(before.depth())),
            deadline: time_max.map(|most| clock::tick() + most),
            at_once,
            ..SweepLimits::of_cost(cost, &stop)
        };
        let queue =
            SweepTarget { scope: target.scope, url: &target.queue.url, name: &target.queue.name };
        let swept = sweep(self.sqs(), queue, &limits, &mut |batch| {
            self.add(batch, &known, &head, &mut archived)
        });
        let detail = match &swept {
            Err(error) => Some(error.to_string()),
            Ok(outcome) => self.why_missing(outcome, before, archived.late, target),
        };
        let outcome = if detail.is_none() { MoveOutcome::Completed } else { MoveOutcome::Aborted };
        archived.finish(&mut record, outcome);
        if let Some(why) = &detail {
            let name = &target.queue.name;
            log::warn(&format!("queue '{name}' is not archived in full: {why}"));
        }
        let is_news = archived.added > 0 || detail.is_some() || time_max.is_none() || is_deferred;
        if is_news {
            let data = completed(target, &attributes, &archived, detail.clone());
            let id = record.state.id.clone();
            self.emit(&id, target, data, Some(out))?;
        }
        Ok((detail.is_some(), archived.added))
    }

    /// Adds the messages of a batch that no archive has.
    fn add(
        &self,
        batch: &[Received],
        known: &IdSet,
        head: &ArchiveHead,
        archived: &mut Archived,
    ) -> Result<BatchFate, Error> {
        let messages = || batch.iter().map(|one| &one.message);
        let oldest = messages().filter_map(sent_at).min();
        archived.oldest_sent_at = archived.oldest_sent_at.into_iter().chain(oldest).min();
        let new: Vec<_> = messages().filter(|one| !known.contains(&id_hash(&one.id))).collect();
        let begun = archived.begun;
        let late = |one: &&Message| purge::has_come_after(one, begun);
        archived.late += messages().filter(late).count() as u64;
        archived.known += (batch.len() - new.len()) as u64;
        if !new.is_empty() {
            let prints: Vec<_> = new.iter().map(|one| self.fingerprint(one)).collect();
            let lines = new.iter().zip(&prints).map(|(one, print)| (*one, Some(print.as_str())));
            let lines: Vec<_> = lines.collect();
            let writer = match &mut archived.writer {
                Some(writer) => writer,
                none => none.insert(self.archives.create(head)?),
            };
            writer.messages(&lines, clock::now())?;
            archived.added += new.len() as u64;
        }
        Ok(BatchFate { fates: vec![Fate::Held; batch.len()], is_enough: false })
    }

    fn why_missing(
        &self,
        outcome: &SweepOutcome,
        before: Counts,
        late: u64,
        target: &PeekTarget,
    ) -> Option<String> {
        match &outcome.end {
            SweepEnd::Failed(error) => Some(format!("cannot receive from it: {error}")),
            SweepEnd::Stopped => Some("it was stopped".into()),
            SweepEnd::Deadline => Some("the time was over; run it again".into()),
            SweepEnd::InFlight => Some("as many messages are in flight as SQS allows".into()),
            SweepEnd::Empty | SweepEnd::Enough => {
                // Late ones are archived as well; they only must not stand for those that others have.
                let has_others = before.in_flight + before.delayed > 0;
                let seen =
                    SeenMessages { all: outcome.seen, late: if has_others { late } else { 0 } };
                let after = self.counts_after(target, before);
                purge::unseen(seen, before, after, target.queue.fifo).map(|(_, why)| why)
            }
        }
    }
}

impl Archived {
    /// Records the end.
    fn finish(&mut self, record: &mut MoveRecord<'_>, outcome: MoveOutcome) {
        if let Some(writer) = &mut self.writer {
            record.state.archive = Some(writer.path().display().to_string());
            let finished = MoveResult::Finished { outcome: outcome.to_string() };
            let written = writer.results(&[finished], clock::now());
            log::warn_on_error(written);
        }
        record.state.messages = Some(self.added);
        record.finish(outcome);
    }
}

fn completed(
    target: &PeekTarget,
    attributes: &Attributes,
    archived: &Archived,
    detail: Option<String>,
) -> ArchiveCompleted {
    let (sent_at, retention_s) = (archived.oldest_sent_at, attributes.retention_s);
    ArchiveCompleted {
        queue: target.queue.clone(),
        messages: archived.added,
        known: archived.known,
        archive: archived.writer.as_ref().map(|writer| writer.path().display().to_string()),
        expires_before: expiry::loss_of_message(sent_at, retention_s, target.queue.fifo),
        detail,
    }
}
