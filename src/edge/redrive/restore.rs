//! A restore: messages of an archive are sent into the queue that they were taken from.
//!
//! Promises: a message is sent after the archive says so, on disk, and its result follows; one whose
//! result is not known is not sent by a later run, unless it is named or forced.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::record::RedriveRecord;
use super::send_retry::send_all;
use super::{RedriveRequest, Redriver};
use crate::clock;
use crate::edge::archive::{ArchiveReader, ArchiveWriter};
use crate::edge::aws::{BatchError, EntryError, Outgoing, SendResult};
use crate::edge::move_record::new_move;
use crate::edge::stop_signals::StopSignals;
use crate::error::Error;
use crate::event::{ArchiveRestored, Event};
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::redrive::archive::{ArchiveHead, ArchiveLine, MoveResult};
use crate::rules::redrive::batch;
use crate::rules::redrive::dedup_id;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::rules::redrive::id_set::{IdHash, id_hash};
use crate::rules::redrive::progress::ArchiveState;
use crate::rules::redrive::restoring::{NotRestored, RestoreChoice};
use crate::text;
use crate::wire::Output;

/// The part of the deduplication ids of a restore.
const RESTORE: &str = "restore";

/// The messages of an archive before a restore, as the choice divides them.
#[derive(Default)]
struct Restorable {
    chosen: u64,
    kept: BTreeMap<NotRestored, u64>,
    /// The named ids that the archive has not.
    unknown: Vec<String>,
    /// The parts of the archive that are missing, as sentences.
    gaps: Vec<String>,
}

/// A restore under way.
struct Restore<'a> {
    redriver: &'a Redriver,
    scope: usize,
    url: String,
    arn: String,
    /// The id of the restore.
    id: String,
    head: ArchiveHead,
    state: ArchiveState,
    choice: &'a RestoreChoice,
    archive: ArchiveWriter,
    signals: StopSignals,
    /// The groups of a FIFO queue that wait, because a message of them was refused.
    waiting_groups: HashSet<String>,
    sent: u64,
    /// The reason of the first message that SQS has refused.
    refusal: Option<String>,
}

impl Redriver {
    /// Puts messages of an archive back into their queue. Returns whether a part failed.
    pub fn restore(
        &self,
        archive: &str,
        choice: &RestoreChoice,
        reason: Option<String>,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let path = Path::new(archive);
        let head = read_head(path)?;
        let given = RedriveRequest { to: None, ..RedriveRequest::default() };
        let source = self.source(&head.queue.url, &given)?;
        let (queue, depth) = (source.target.queue.clone(), source.attributes.counts.depth());
        let new = |chosen| Move {
            messages: Some(chosen),
            archive: Some(archive.to_owned()),
            reason: reason.clone(),
            ..new_move(&source.target, MoveKind::Restore, depth)
        };
        if self.dry_run {
            let found = restorable(path, head.kind, &ArchiveReader::state(path)?, choice)?;
            let failed = found.tell();
            let new = new(found.chosen);
            let data = restored(&new, found.problem());
            let event = Event::new(new.id.clone(), &queue.name, new.begun_at, data);
            out.line(&event.of_incident(new.incident).line())?;
            return out.flush().map(|()| failed);
        }
        let signals = StopSignals::listening()?;
        // Only now: a restore that has just ended has changed the archive.
        let _lock = self.lock_unread(&source)?;
        let state = ArchiveReader::state(path)?;
        let found = restorable(path, head.kind, &state, choice)?;
        let new = new(found.chosen);
        let mut restore = Restore {
            redriver: self,
            scope: source.target.scope,
            url: queue.url.clone(),
            arn: queue.arn.clone(),
            id: new.id.clone(),
            head,
            state,
            choice,
            archive: self.archives.resume(path)?,
            signals: signals.clone(),
            waiting_groups: HashSet::new(),
            sent: 0,
            refusal: None,
        };
        let record = RedriveRecord::begin(&self.store, &self.journal, out, new)?;
        let result = restore.run(path);
        let failed = restore.finish(result, &found, record)?;
        signals.end();
        Ok(failed)
    }
}

/// Reads the head of an archive, which names the queue.
pub(super) fn read_head(path: &Path) -> Result<ArchiveHead, Error> {
    match ArchiveReader::open(path)?.next() {
        Some(Ok(ArchiveLine::Head(head))) => Ok(*head),
        Some(Err(error)) => Err(error),
        _ => Err(Error::failed("read", path.display(), "it has no head: it is empty or cut off")),
    }
}

/// Returns the report of a restore that puts back all chosen messages.
fn restored(state: &Move, detail: Option<String>) -> ArchiveRestored {
    ArchiveRestored {
        queue: state.queue.clone(),
        restore: state.id.clone(),
        messages: state.messages.unwrap_or_default(),
        left: 0,
        archive: state.archive.clone().unwrap_or_default(),
        detail,
    }
}

/// Divides the messages of an archive into those that are restored and the others.
fn restorable(
    path: &Path,
    kind: MoveKind,
    state: &ArchiveState,
    choice: &RestoreChoice,
) -> Result<Restorable, Error> {
    let mut found = Restorable::default();
    let mut unknown = choice.ids.clone();
    ArchiveReader::each(path, |line| {
        if let ArchiveLine::Message(one, _) = line {
            let id = &one.message.id;
            unknown.remove(id);
            match choice.judge(kind, id, state.progress(id).unwrap_or_default()) {
                Ok(()) => found.chosen += 1,
                Err(why) => *found.kept.entry(why).or_default() += 1,
            }
        }
        Ok(())
    })?;
    found.unknown = unknown.into_iter().collect();
    if state.unreadable > 0 {
        found.gaps.push(format!("{} cannot be read", text::count(state.unreadable, "line")));
    }
    if state.outcome.is_none() {
        found.gaps.push(
            "it has no end: it was cut off, or its move was interrupted, and messages may be missing"
                .to_owned(),
        );
    }
    Ok(found)
}

impl Restorable {
    /// Returns the first reason for which this restore does not bring back everything; None if it does.
    fn problem(&self) -> Option<String> {
        if let Some(id) = self.unknown.first() {
            return Some(format!("the archive has no message '{id}'"));
        }
        let gap = self.gaps.first().cloned();
        gap.or_else(|| {
            let doubtful = self.kept.get(&NotRestored::Doubtful);
            let kept = self.kept.get(&NotRestored::NotDeleted).filter(|_| self.chosen == 0);
            let (why, count) = match (doubtful, kept) {
                (Some(count), _) => (NotRestored::Doubtful, count),
                (None, Some(count)) => (NotRestored::NotDeleted, count),
                (None, None) => return None,
            };
            Some(format!("{}: {}", text::count(*count, "message"), why.in_words()?))
        })
    }

    /// Warns of what is not restored. Returns whether that is a failure.
    fn tell(&self) -> bool {
        for gap in &self.gaps {
            log::warn(&format!("the archive is not whole: {gap}"));
        }
        for id in &self.unknown {
            log::warn(&format!("the archive has no message '{id}'"));
        }
        for (why, count) in &self.kept {
            if let Some(words) = why.in_words() {
                log::warn(&format!("{} not restored: {words}", text::count(*count, "message")));
            }
        }
        self.problem().is_some()
    }
}

impl Restore<'_> {
    /// Sends the messages, a batch in memory at a time.
    fn run(&mut self, path: &Path) -> Result<(), Error> {
        let mut waiting: Vec<Message> = Vec::new();
        ArchiveReader::each(path, |line| {
            let ArchiveLine::Message(one, _) = line else { return Ok(()) };
            let id = &one.message.id;
            let progress = self.state.progress(id).unwrap_or_default();
            if self.choice.judge(self.head.kind, id, progress).is_ok() {
                waiting.push(one.message);
            }
            match waiting.len() == batch::ENTRIES_MAX {
                true => self.send(&std::mem::take(&mut waiting)),
                false => Ok(()),
            }
        })?;
        self.send(&waiting)
    }

    fn send(&mut self, messages: &[Message]) -> Result<(), Error> {
        let fifo = self.arn.ends_with(".fifo");
        let group = |one: usize| fifo.then(|| dedup_id::group(&messages[one])).flatten();
        let ids: Vec<Option<String>> =
            messages.iter().map(|one| fifo.then(|| self.dedup_id(&one.id))).collect();
        let sized: Vec<(u64, Option<&str>)> =
            messages.iter().enumerate().map(|(at, one)| (batch::size(one), group(at))).collect();
        for request in batch::requests(&sized) {
            if self.signals.is_ending() {
                return Err(Error::failed("restore into", &self.url, "it was stopped"));
            }
            let waits =
                |at: &usize| group(*at).is_some_and(|one| self.waiting_groups.contains(one));
            let request: Vec<usize> = request.into_iter().filter(|at| !waits(at)).collect();
            if request.is_empty() {
                continue;
            }
            let id_of = |at: &usize| messages[*at].id.clone();
            let begun: Vec<_> =
                request.iter().map(|at| MoveResult::Restoring { id: id_of(at) }).collect();
            self.archive.results(&begun, clock::now())?;
            let outgoing: Vec<Outgoing<'_>> = request
                .iter()
                .map(|at| Outgoing { message: &messages[*at], dedup_id: ids[*at].as_deref() })
                .collect();
            let sent = send_all(self.redriver.sqs(), self.scope, &self.url, &[outgoing]).pop();
            let Some(sent) = sent else { continue };
            self.settle(messages, &request, sent)?;
        }
        Ok(())
    }

    /// Returns the deduplication id of a message. A repeated send is delivered once; a message that is
    /// restored once more needs another id.
    fn dedup_id(&self, id: &str) -> String {
        let is_restored = self.state.progress(id).is_some_and(|one| one.is_restored);
        let again = if is_restored { format!(" {}", self.id) } else { String::new() };
        dedup_id::dedup_id(&format!("{RESTORE} {}{again}", self.head.id), id)
    }

    /// Records the results of a request.
    fn settle(
        &mut self,
        messages: &[Message],
        request: &[usize],
        result: SendResult,
    ) -> Result<(), Error> {
        let mut lines = Vec::new();
        let failed =
            |error: &dyn std::fmt::Display| Error::failed("restore into", &self.url, error);
        let error = match result {
            Ok(entries) => {
                for (at, entry) in request.iter().zip(entries) {
                    lines.push(self.settle_one(&messages[*at], entry));
                }
                None
            }
            Err(BatchError { error, is_refused }) => {
                let error = failed(&error);
                for at in request {
                    let id = messages[*at].id.clone();
                    lines.push(match is_refused {
                        true => MoveResult::NotRestored { id },
                        false => {
                            let why = format!("its restore had no answer: {error}");
                            MoveResult::PossibleDuplicate { id, new: None, why }
                        }
                    });
                }
                if !is_refused {
                    log::warn(&format!(
                        "{} may be back in the queue: the send had no answer; the archive lists each \
                         as possible_duplicate",
                        text::count(request.len() as u64, "message"),
                    ));
                }
                Some(error)
            }
        };
        self.archive.results(&lines, clock::now())?;
        error.map_or(Ok(()), Err)
    }

    /// Returns the line of the result of a message.
    fn settle_one(&mut self, message: &Message, entry: Result<String, EntryError>) -> MoveResult {
        let id = message.id.clone();
        let why = match entry {
            Ok(new) if self.is_known(&new) => {
                format!("SQS has returned the known id '{new}', and delivered nothing")
            }
            Ok(new) => {
                self.state.restored.insert(id_hash(&new));
                self.sent += 1;
                return MoveResult::Restored { id, new };
            }
            // Not confirmed, or a fault of SQS: it may have taken the message.
            Err(error) if !error.is_permanent => {
                let why = format!("its restore is not confirmed: {error}");
                self.refuse(message, &why);
                return MoveResult::PossibleDuplicate { id, new: None, why };
            }
            Err(error) => error.to_string(),
        };
        self.refuse(message, &why);
        MoveResult::NotRestored { id }
    }

    /// Notes a message that is not known to be back. Its group waits, or a later message would overtake
    /// it.
    fn refuse(&mut self, message: &Message, why: &str) {
        log::warn(&format!("message '{}' is not restored: {why}", message.id));
        self.refusal.get_or_insert_with(|| why.to_owned());
        self.waiting_groups.extend(dedup_id::group(message).map(str::to_owned));
    }

    /// Whether an id is that of a message of the archive, or of an earlier restore.
    fn is_known(&self, id: &str) -> bool {
        let key: IdHash = id_hash(id);
        self.state.get(&key).is_some() || self.state.restored.contains(&key)
    }

    /// Records and reports the end. Returns whether a part failed.
    fn finish(
        mut self,
        result: Result<(), Error>,
        found: &Restorable,
        mut record: RedriveRecord<'_>,
    ) -> Result<bool, Error> {
        let is_done = result.is_ok() && self.refusal.is_none();
        let failure = match &result {
            Err(error) => Some(error.to_string()),
            Ok(()) => self.refusal.take(),
        };
        let state = &mut record.document.state;
        state.moved = self.sent;
        let name = state.queue.name.clone();
        let data = ArchiveRestored {
            messages: self.sent,
            left: found.chosen.saturating_sub(self.sent),
            ..restored(state, failure.or_else(|| found.problem()))
        };
        let outcome = if is_done { MoveOutcome::Completed } else { MoveOutcome::Aborted };
        record.finish(outcome, data)?;
        let is_partial = found.tell();
        if self.sent > 0 {
            log::warn(&format!(
                "{} back in queue '{name}': each counts as sent today, has a new id, and does not carry \
                 the queue that it came from; a redrive needs --to when the queue has several sources",
                text::count(self.sent, "message"),
            ));
        }
        result?;
        Ok(!is_done || is_partial)
    }
}
