//! A purge: archive, then delete, batch by batch.

use super::confirm::confirm;
use super::{PurgeRequest, Purger};
use crate::clock;
use crate::edge::archive::ArchiveWriter;
use crate::edge::aws::{EntryError, Received};
use crate::edge::evidence::sampled;
use crate::edge::move_record::{MoveRecord, head_of, is_for_a_person, new_move, tell_person};
use crate::edge::peek::PeekTarget;
use crate::edge::stop_signals::StopSignals;
use crate::edge::sweep::{
    BatchFate, Fate, SweepEnd, SweepLimits, SweepOutcome, SweepTarget, sweep,
};
use crate::error::Error;
use crate::event::PurgeCompleted;
use crate::log;
use crate::rules::queue::reading::{Attributes, Counts};
use crate::rules::redrive::archive::MoveResult;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::rules::redrive::id_set::{IdSet, id_hash};
use crate::rules::redrive::purge::{self, SeenMessages};
use crate::rules::redrive::selection::Selection;
use crate::rules::redrive::sweep::{at_once, cost};
use crate::text::{count, safe};
use crate::time::Timestamp;
use crate::wire::Output;

/// A purge that runs.
struct Purge<'a> {
    purger: &'a Purger,
    target: &'a PeekTarget,
    selection: Selection,
    /// Whether a message has shown how others of its cause look, since the begin of the sweep.
    has_learned: bool,
    begun: Timestamp,
    archive: ArchiveWriter,
    record: MoveRecord<'a>,
    /// The messages that SQS would not delete, with the first reason.
    undeleted: u64,
    first_error: Option<EntryError>,
    /// The messages that were deleted: a copy of one may come again.
    deleted: IdSet,
    /// The messages that have come after the begin.
    late: IdSet,
    /// The options that tell where to ask, for the command that undoes the purge.
    place: &'a str,
}

impl Purger {
    /// Archives and deletes the chosen messages of a queue. Returns whether a part of it failed.
    pub(super) fn purge(
        &self,
        target: &PeekTarget,
        request: &PurgeRequest,
        signals: &StopSignals,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let attributes = self.attributes(target)?;
        let counts = attributes.counts;
        let mut selection = request.selection.clone();
        sampled::add_to(&mut selection, self.store.dir(), &target.key());
        let takes_all = selection.takes_all();
        let mut state = new_move(target, MoveKind::Purge, counts.depth());
        state.messages = takes_all.then(|| counts.depth());
        state.reason.clone_from(&request.reason);
        state.fingerprints = selection.fingerprints.iter().cloned().collect();
        let at_once = at_once(counts.depth(), target.queue.fifo);
        let cost = cost(counts.depth(), target.queue.fifo, at_once);
        log::tell(&cost.sentence(&target.queue.name, counts.depth()));
        if self.dry_run {
            let data = completed(&state, takes_all.then_some(0), None);
            let data = PurgeCompleted { messages: state.messages, archive: None, ..data };
            if is_for_a_person() {
                tell_person(&format!(
                    "{}, and nothing was changed",
                    foreseen(target, counts, takes_all)
                ));
                return Ok(false);
            }
            self.emit(&state.id, target, data, Some(out))?;
            return Ok(false);
        }
        let mut about = about(target, counts, takes_all);
        if let Some(why) = self.why_alive(target, &attributes) {
            log::warn(&format!("queue '{}': {why}", target.queue.name));
            about = format!("{about}\nCaution: {why}.");
        }
        confirm(&target.queue, false, request.confirmation.as_deref(), &about)?;
        // Not before: Ctrl-C ends the question.
        signals.listen()?;
        let _lock = self.lock(target, "purge queue")?;
        self.refuse_investigated(target)?;
        let archive = self.archives.create(&head_of(&state))?;
        state.archive = Some(archive.path().display().to_string());
        let begun = self.sqs().now(target.scope);
        let record = MoveRecord::begin(&self.store, state)?;
        let mut purge = Purge {
            purger: self,
            target,
            selection,
            has_learned: false,
            begun,
            archive,
            record,
            undeleted: 0,
            first_error: None,
            deleted: IdSet::default(),
            late: IdSet::default(),
            place: &request.place,
        };
        let stop = || signals.is_ending();
        let limits = SweepLimits {
            most: Some(purge::most(counts.depth())),
            at_once,
            ..SweepLimits::of_cost(cost, &stop)
        };
        let swept = purge.sweep(&limits);
        purge.finish(swept, counts, out)
    }
}

/// Returns what is about to happen, for the question.
fn about(target: &PeekTarget, counts: Counts, takes_all: bool) -> String {
    let queue = &target.queue;
    let what = match takes_all {
        true => format!("all {} of", count(counts.depth(), "message")),
        false => format!("the chosen ones of {} in", count(counts.depth(), "message")),
    };
    format!(
        "dlq-purge archives and then deletes {what} queue '{}' in {} of account {}.",
        safe(&queue.name),
        safe(&queue.region),
        safe(&queue.account),
    )
}

/// Returns what a run would do, as a clause.
fn foreseen(target: &PeekTarget, counts: Counts, takes_all: bool) -> String {
    let all = count(counts.depth(), "message");
    let what = if takes_all { all } else { format!("the chosen ones of {all}") };
    format!("{what} of queue '{}' would be archived and deleted", target.queue.name)
}

impl Purger {
    /// Returns why the messages of a queue look alive, if they do.
    fn why_alive(&self, target: &PeekTarget, attributes: &Attributes) -> Option<&'static str> {
        let is_source = attributes.redrive.is_some();
        let sources = is_source.then(|| self.sqs().source_queues(target.scope, &target.queue.url));
        let is_used = sources?.is_ok_and(|urls| !urls.is_empty());
        (!is_used).then_some(
            "no queue is known to have it as its dead-letter queue, and it has one of its own: its \
             messages may be alive",
        )
    }
}

impl Purge<'_> {
    /// Receives the messages of the queue, and purges the chosen ones.
    fn sweep(&mut self, limits: &SweepLimits<'_>) -> Result<SweepOutcome, Error> {
        let (purger, target) = (self.purger, self.target);
        let queue =
            SweepTarget { scope: target.scope, url: &target.queue.url, name: &target.queue.name };
        let mut first = sweep(purger.sqs(), queue, limits, &mut |batch| self.take(batch))?;
        // A message that was looked at before the one that it looks like is looked at again.
        if self.has_learned && matches!(first.end, SweepEnd::Empty | SweepEnd::Enough) {
            first.end = sweep(purger.sqs(), queue, limits, &mut |batch| self.take(batch))?.end;
        }
        Ok(first)
    }

    /// Archives the chosen messages of a batch, and deletes them.
    fn take(&mut self, batch: &[Received]) -> Result<BatchFate, Error> {
        let now = clock::now();
        let there = self.purger.sqs().now(self.target.scope);
        let prints: Vec<Option<String>> = batch.iter().map(|one| self.chosen(one, there)).collect();
        let chosen = || batch.iter().zip(&prints).filter(|(_, print)| print.is_some());
        // One that was deleted before is in the archive already.
        let new: Vec<_> = chosen()
            .filter(|(one, _)| !self.deleted.contains(&id_hash(&one.message.id)))
            .map(|(one, print)| (&one.message, print.as_deref()))
            .collect();
        if !new.is_empty() {
            self.archive.messages(&new, now)?;
        }
        let received: Vec<&Received> = chosen().map(|(one, _)| one).collect();
        let handles: Vec<&str> = received.iter().map(|one| one.handle.as_str()).collect();
        let (sqs, scope) = (self.purger.sqs(), self.target.scope);
        let results = sqs.delete(scope, &self.target.queue.url, &handles);
        let mut deleted = Vec::new();
        let mut fates = results.into_iter().zip(&received).map(|(result, one)| match result {
            Ok(()) => {
                deleted.push(MoveResult::Deleted { id: one.message.id.clone() });
                // A copy that is deleted again is no further message.
                match self.deleted.insert(id_hash(&one.message.id)) {
                    true => Fate::Taken,
                    false => Fate::TakenAgain,
                }
            }
            Err(error) => {
                self.undeleted += 1;
                self.first_error.get_or_insert(error);
                Fate::Held
            }
        });
        let fates: Vec<Fate> = prints
            .iter()
            .map(|print| print.as_ref().and_then(|_| fates.next()).unwrap_or(Fate::Held))
            .collect();
        let added = fates.iter().filter(|one| **one == Fate::Taken).count() as u64;
        self.record.state.deleted += added;
        self.record.state.moved += added;
        let written = self.archive.results(&deleted, clock::now());
        self.record.update()?;
        written?;
        Ok(BatchFate { fates, is_enough: false })
    }

    /// Returns the cause of a message that is to be deleted; None for one that stays.
    fn chosen(&mut self, one: &Received, now: Timestamp) -> Option<String> {
        let message = &one.message;
        if purge::has_come_after(message, self.begun) {
            self.late.insert(id_hash(&message.id));
            return None;
        }
        let print = self.purger.fingerprint(message);
        self.selection.judge(message, &print, now).ok()?;
        self.has_learned |= self.selection.learn(message, &print);
        Some(print)
    }

    /// Records and reports the end. Returns whether chosen messages are left.
    fn finish(
        mut self,
        swept: Result<SweepOutcome, Error>,
        before: Counts,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let takes_all = self.selection.takes_all();
        let state = &self.record.state;
        let (missing, why) = match &swept {
            Err(error) => (0, Some(error.to_string())),
            Ok(outcome) => self.why_left(outcome, before),
        };
        let left = takes_all.then(|| before.depth().saturating_sub(state.deleted).max(missing));
        let is_whole = why.is_none();
        let detail = why.map(|why| match left {
            Some(left) if left > 0 => format!("{} left: {why}", is_or_are(left)),
            _ => format!("messages may be left: {why}"),
        });
        if self.archive.remove_without_messages() {
            self.record.state.archive = None;
        }
        let state = &self.record.state;
        let data = completed(state, if is_whole { Some(0) } else { left }, detail.clone());
        let outcome = if is_whole { MoveOutcome::Completed } else { MoveOutcome::Aborted };
        let finished = MoveResult::Finished { outcome: outcome.to_string() };
        if state.archive.is_some() {
            log::warn_on_error(self.archive.results(&[finished], clock::now()));
        }
        self.record.finish(outcome);
        let name = &self.target.queue.name;
        if let Some(detail) = &detail {
            log::warn(&format!("queue '{name}' is not purged in full: {detail}"));
        }
        if self.record.state.deleted > 0 {
            let path = self.archive.path().display();
            log::write_stderr(&format!(
                "{}: {} of queue '{}' archived and deleted; to undo: dlq-redrive restore{} {}",
                log::name(),
                count(self.record.state.deleted, "message"),
                safe(name),
                self.place,
                crate::shell::quote(&safe(&path.to_string())),
            ));
        }
        let is_nothing = is_whole && !takes_all && self.record.state.deleted == 0;
        if is_nothing {
            log::warn(&format!("no message of queue '{name}' has been chosen"));
        }
        let is_empty = is_whole && takes_all && self.record.state.deleted == 0;
        if is_empty && is_for_a_person() {
            tell_person(&format!("queue '{name}' has no message to purge"));
        }
        let id = self.record.state.id.clone();
        let out = (!is_for_a_person()).then_some(out);
        self.purger.emit(&id, self.target, data, out)?;
        Ok(!is_whole || is_nothing)
    }

    /// Returns how many messages were not received, as far as that is known, and why messages are left.
    fn why_left(&self, outcome: &SweepOutcome, before: Counts) -> (u64, Option<String>) {
        if let Some(error) = &self.first_error {
            let few = count(self.undeleted, "message");
            return (self.undeleted, Some(format!("SQS did not delete {few}: {error}")));
        }
        let why = match &outcome.end {
            SweepEnd::Failed(error) => format!("cannot receive from it: {error}"),
            SweepEnd::Stopped => "it was stopped".into(),
            SweepEnd::Deadline => "the time of a sweep was over; run it again".into(),
            SweepEnd::InFlight => {
                "as many messages are in flight as SQS allows; run it again".into()
            }
            SweepEnd::Empty | SweepEnd::Enough => {
                let seen = SeenMessages { all: outcome.seen, late: self.late.len() as u64 };
                let after = self.purger.counts_after(self.target, before);
                return match purge::unseen(seen, before, after, self.target.queue.fifo) {
                    Some((missing, why)) => (missing, Some(why)),
                    None => (0, None),
                };
            }
        };
        (0, Some(why))
    }
}

fn is_or_are(left: u64) -> String {
    format!("{} {}", count(left, "message"), if left == 1 { "is" } else { "are" })
}

fn completed(state: &Move, left: Option<u64>, detail: Option<String>) -> PurgeCompleted {
    PurgeCompleted {
        queue: state.queue.clone(),
        purge: state.id.clone(),
        messages: Some(state.deleted),
        left,
        archive: state.archive.clone(),
        fingerprint: state.only_fingerprint(),
        hard: false,
        detail,
    }
}
