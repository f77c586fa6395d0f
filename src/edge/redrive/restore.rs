//! A restore: messages of an archive are sent into the queue that they were taken from.

use std::collections::BTreeSet;
use std::path::Path;

use super::record::RedriveRecord;
use super::{RedriveRequest, Redriver};
use crate::clock;
use crate::edge::archive::{ArchiveReader, ArchiveWriter};
use crate::edge::aws::{BatchError, Outgoing};
use crate::edge::move_record::new_move;
use crate::error::Error;
use crate::event::{ArchiveRestored, Event};
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::redrive::archive::{ArchiveLine, ArchiveState, MessageProgress, MoveResult};
use crate::rules::redrive::batch;
use crate::rules::redrive::dedup_id;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::text;
use crate::wire::Output;

/// The part of the deduplication ids of a restore.
const RESTORE: &str = "restore";

/// The messages of an archive that are restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreChoice {
    /// The ids; empty for all that are nowhere else.
    pub ids: BTreeSet<String>,
    /// Whether messages are restored that were sent, or not deleted.
    pub force: bool,
}

impl RestoreChoice {
    /// Whether a message is restored. By default those are which only the archive has.
    fn takes(&self, id: &str, progress: MessageProgress) -> bool {
        let is_elsewhere = progress.sent_as.is_some() || progress.is_restored;
        let is_only_here = progress.is_deleted && !is_elsewhere;
        match self.ids.is_empty() {
            true => self.force || is_only_here,
            false => self.ids.contains(id),
        }
    }
}

/// A restore under way.
struct Restore<'a> {
    redriver: &'a Redriver,
    scope: usize,
    url: String,
    arn: String,
    move_id: String,
    archive: ArchiveWriter,
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
        out: &mut Output,
    ) -> Result<bool, Error> {
        let path = Path::new(archive);
        let state = ArchiveReader::state(path)?;
        let head =
            state.head.clone().ok_or_else(|| Error::failed("read", archive, "it is empty"))?;
        let given = RedriveRequest { to: None, ..RedriveRequest::default() };
        let source = self.source(&head.queue.url, &given)?;
        let count = restorable(path, &state, choice)?;
        let queue = source.target.queue.clone();
        let depth = source.attributes.counts.depth();
        let new = Move {
            messages: Some(count),
            archive: Some(archive.to_owned()),
            ..new_move(&source.target, MoveKind::Restore, depth)
        };
        if self.dry_run {
            let event = Event::new(new.id.clone(), &queue.name, new.begun_at, restored(&new, None));
            out.line(&event.of_incident(new.incident).line())?;
            return out.flush().map(|()| false);
        }
        let _lock = self.lock(&source)?;
        let mut record = RedriveRecord::begin(&self.store, &self.journal, out, new)?;
        let mut restore = Restore {
            redriver: self,
            scope: source.target.scope,
            url: queue.url.clone(),
            arn: queue.arn.clone(),
            move_id: head.id,
            archive: self.archives.resume(path)?,
            sent: 0,
            refusal: None,
        };
        let result = restore.run(path, &state, choice);
        let is_done = result.is_ok() && restore.refusal.is_none();
        let detail = match &result {
            Err(error) => Some(error.to_string()),
            Ok(()) => restore.refusal.take(),
        };
        let state = &mut record.document.state;
        state.moved = restore.sent;
        let data = ArchiveRestored {
            messages: restore.sent,
            left: count.saturating_sub(restore.sent),
            ..restored(state, detail)
        };
        let outcome = if is_done { MoveOutcome::Completed } else { MoveOutcome::Aborted };
        record.finish(outcome, data)?;
        if restore.sent > 0 {
            log::warn(&format!(
                "{} back in queue '{}': each counts as sent today, has a new id, and does not carry the \
                 queue that it came from; a redrive needs --to when the queue has several sources",
                text::count(restore.sent, "message"),
                queue.name,
            ));
        }
        result?;
        Ok(!is_done)
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

/// Counts the messages that are restored.
fn restorable(path: &Path, state: &ArchiveState, choice: &RestoreChoice) -> Result<u64, Error> {
    let mut count = 0;
    for line in ArchiveReader::open(path)? {
        if let ArchiveLine::Message(one, _) = line? {
            let progress = state.progress(&one.message.id).unwrap_or_default();
            count += u64::from(choice.takes(&one.message.id, progress));
        }
    }
    Ok(count)
}

impl Restore<'_> {
    /// Sends the messages, a batch in memory at a time.
    fn run(
        &mut self,
        path: &Path,
        state: &ArchiveState,
        choice: &RestoreChoice,
    ) -> Result<(), Error> {
        let mut waiting: Vec<Message> = Vec::new();
        for line in ArchiveReader::open(path)? {
            let ArchiveLine::Message(one, _) = line? else { continue };
            let progress = state.progress(&one.message.id).unwrap_or_default();
            if choice.takes(&one.message.id, progress) {
                waiting.push(one.message);
            }
            if waiting.len() == batch::ENTRIES_MAX {
                self.send(&std::mem::take(&mut waiting))?;
            }
        }
        self.send(&waiting)
    }

    fn send(&mut self, messages: &[Message]) -> Result<(), Error> {
        let fifo = self.arn.ends_with(".fifo");
        let salt = format!("{RESTORE} {}", self.move_id);
        let ids: Vec<Option<String>> =
            messages.iter().map(|one| fifo.then(|| dedup_id::dedup_id(&salt, &one.id))).collect();
        let sized: Vec<(u64, Option<&str>)> = messages
            .iter()
            .map(|one| (batch::size(one), fifo.then(|| dedup_id::group(one)).flatten()))
            .collect();
        for request in batch::requests(&sized) {
            let outgoing: Vec<Outgoing<'_>> = request
                .iter()
                .map(|at| Outgoing { message: &messages[*at], dedup_id: ids[*at].as_deref() })
                .collect();
            let result = self.redriver.sqs().send(self.scope, &self.url, &outgoing);
            let entries = result.map_err(|BatchError { error, is_refused }| {
                let doubt = if is_refused { "" } else { "; its last batch may have been sent" };
                Error::failed("restore into", &self.url, format!("{error}{doubt}"))
            })?;
            let mut lines = Vec::new();
            for (at, entry) in request.iter().zip(entries) {
                let id = messages[*at].id.clone();
                match entry {
                    Ok(new) => {
                        lines.push(MoveResult::Restored { id, new });
                        self.sent += 1;
                    }
                    Err(error) => {
                        log::warn(&format!("message '{id}' is not restored: {error}"));
                        self.refusal.get_or_insert_with(|| error.to_string());
                    }
                }
            }
            self.archive.results(&lines, clock::now())?;
        }
        Ok(())
    }
}
