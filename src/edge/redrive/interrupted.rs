//! Redrives that have not come to their end: finding one, and what holds another one.

use std::path::{Path, PathBuf};

use super::Redriver;
use crate::document::Keys;
use crate::edge::archive::ArchiveReader;
use crate::error::Error;
use crate::event::Queue;
use crate::rules::redrive::breaker::Trip;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, Redrives};
use crate::rules::redrive::newer::{self, NewerRedrives};
use crate::rules::redrive::progress::ArchiveState;
use crate::rules::redrive::reverify;
use crate::{log, text};

/// A redrive that an earlier run has begun.
pub(super) struct Interrupted {
    pub(super) state: Move,
    pub(super) archive: PathBuf,
}

/// Reads the archive of a redrive; an error also when it does not tell all that the redrive has done.
pub(super) fn whole_archive(state: &Move, archive: &Path) -> Result<ArchiveState, Error> {
    let read = ArchiveReader::state(archive)?;
    match read.gap(state) {
        None => Ok(read),
        Some(why) => Err(Error::failed("use", archive.display(), why)),
    }
}

/// Reads the archive of a redrive that goes on. Without all of it messages would be sent twice, and their
/// returns would not be known.
pub(super) fn archive_to_resume(state: &Move, archive: &Path) -> Result<ArchiveState, Error> {
    whole_archive(state, archive).map_err(|error| {
        let why = format!(
            "its archive tells what it has sent: {error}; put a whole copy of it in its place, or begin anew \
             with 'dlq-redrive apply --force', which may send messages twice"
        );
        Error::failed("resume redrive", &state.id, why)
    })
}

impl Redriver {
    /// Fails where an interrupted redrive of the queue has messages whose end it does not know: to begin
    /// anew would send them a second time, and list none.
    pub(super) fn check_interrupted(&self, queue: &Queue) -> Result<(), Error> {
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, &queue.arn))?;
        let Some(open) = all.interrupted_redrive(&queue.arn) else { return Ok(()) };
        let Some(archive) = open.archive.as_deref().map(Path::new) else { return Ok(()) };
        let failed = |why| Err(Error::failed("redrive queue", &queue.name, why));
        let unsettled = match whole_archive(open, archive) {
            Ok(state) => state.unsettled(),
            Err(error) => {
                return failed(format!(
                    "redrive {id} was interrupted, and its archive tells what it has sent: {error}; when \
                     that can be read, '{}' goes on with it; --force begins anew, which may send messages \
                     twice",
                    reverify::resume_command(open),
                    id = open.id,
                ));
            }
        };
        if unsettled == 0 {
            return Ok(());
        }
        failed(format!(
            "redrive {} was interrupted with {} whose end is not known: {}; --force begins anew, which may \
             send them twice",
            open.id,
            text::count(unsettled, "message"),
            reverify::go_on(open),
        ))
    }

    /// Refuses to go on with a redrive, unless it is forced, when a newer one of the queue has shown that the
    /// cause is not gone; names any other newer one.
    pub(super) fn check_newer(&self, state: &Move, is_forced: bool) -> Result<(), Error> {
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, &state.queue.arn))?;
        match newer::judge(&all, state) {
            NewerRedrives::None => Ok(()),
            NewerRedrives::Returned(newer) if !is_forced => Err(Error::failed(
                "resume redrive",
                &state.id,
                format!(
                    "redrive {} of its queue is newer, and {}: look for the cause; --force goes on all the same",
                    newer.id,
                    Trip::Returned(newer.returned)
                ),
            )),
            NewerRedrives::Begun(newer) | NewerRedrives::Returned(newer) => {
                log::warn(&format!(
                    "redrive {} of queue '{}' is newer than the one that goes on, and has moved {}",
                    newer.id,
                    text::safe(&state.queue.name),
                    text::count(newer.moved, "message")
                ));
                Ok(())
            }
        }
    }

    /// Finds a redrive that has not ended, by the beginning of its id.
    pub(super) fn interrupted(&self, id: &str) -> Result<Interrupted, Error> {
        let failed = |why: &str| Error::failed("resume redrive", id, why);
        let all: Redrives = self.store.read(&Keys::none().with_all(Redrives::MOVE))?;
        let mut found = all.starting_with(id);
        let state = match (found.next(), found.next()) {
            (Some(one), None) => one.clone(),
            (None, _) => return Err(failed("no move has this id")),
            (Some(_), Some(_)) => return Err(failed("several moves have an id that begins so")),
        };
        if state.kind != MoveKind::Redrive {
            return Err(failed("it is not a redrive"));
        }
        if matches!(state.outcome, Some(MoveOutcome::Completed | MoveOutcome::Unverified)) {
            let verify = reverify::verify_command(&state);
            return Err(failed(&format!(
                "it has ended: '{verify}' watches it, 'apply' begins anew"
            )));
        }
        let archive = state.archive.clone().ok_or_else(|| failed("it has no archive"))?;
        Ok(Interrupted { state, archive: archive.into() })
    }
}
