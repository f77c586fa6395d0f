//! A restore: messages of an archive are sent into the queue that they were taken from.

use std::collections::BTreeSet;
use std::path::Path;

use super::{RedriveRequest, Redriver};
use crate::clock;
use crate::edge::archive::{ArchiveReader, ArchiveWriter};
use crate::edge::aws::{BatchError, Outgoing};
use crate::edge::move_record::{MoveRecord, new_move};
use crate::error::Error;
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::redrive::archive::{ArchiveLine, ArchiveState, MessageProgress, MoveResult};
use crate::rules::redrive::batch;
use crate::rules::redrive::dedup_id;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::text;

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
    refused: u64,
}

impl Redriver {
    /// Puts messages of an archive back into their queue. Returns whether a part failed.
    pub fn restore(&self, archive: &str, choice: &RestoreChoice) -> Result<bool, Error> {
        let path = Path::new(archive);
        let state = ArchiveReader::state(path)?;
        let head =
            state.head.clone().ok_or_else(|| Error::failed("read", archive, "it is empty"))?;
        let given = RedriveRequest { to: None, ..RedriveRequest::default() };
        let source = self.source(&head.queue.url, &given)?;
        let count = restorable(path, &state, choice)?;
        if self.dry_run {
            log::warn(&format!("{} would be restored", text::count(count, "message")));
            return Ok(false);
        }
        let _lock = self.lock(&source)?;
        let queue = source.target.queue.clone();
        let depth = source.attributes.counts.depth();
        let mut record = MoveRecord::begin(
            &self.store,
            Move {
                messages: Some(count),
                archive: Some(archive.to_owned()),
                ..new_move(&source.target, MoveKind::Restore, depth)
            },
        )?;
        let mut restore = Restore {
            redriver: self,
            scope: source.target.scope,
            url: queue.url.clone(),
            arn: queue.arn.clone(),
            move_id: head.id,
            archive: self.archives.resume(path)?,
            sent: 0,
            refused: 0,
        };
        let result = restore.run(path, &state, choice);
        let is_done = result.is_ok() && restore.refused == 0;
        record.state.moved = restore.sent;
        record.finish(if is_done { MoveOutcome::Completed } else { MoveOutcome::Aborted });
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
                        self.refused += 1;
                    }
                }
            }
            self.archive.results(&lines, clock::now())?;
        }
        Ok(())
    }
}
