//! The words of archives about the messages that a redrive has sent: its own, and those of other moves.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::Redriver;
use super::mover::Mover;
use crate::document::Keys;
use crate::edge::archive::ArchiveReader;
use crate::error::Error;
use crate::rules::redrive::archive::{ArchiveLine, MoveResult};
use crate::rules::redrive::copies::{ReturnCount, SendMoment};
use crate::rules::redrive::document::{Move, Redrives};
use crate::rules::redrive::gone_returns::{self, OtherMoves};
use crate::rules::redrive::id_set::{IdHash, IdSet, id_hash};
use crate::time::Timestamp;

/// The time by which the clock of this machine may have been set back since the redrive began.
const CLOCK_SLACK: Duration = Duration::from_secs(86_400);

impl Redriver {
    /// Reads what a redrive has sent in earlier runs, and what other moves have put into the queues that its
    /// messages die into, and taken out of them.
    pub(super) fn recall(&self, mover: &mut Mover<'_>, state: &Move) -> Result<(), Error> {
        let own = mover.archive.path().to_owned();
        if let Some(from) = state.sent_from {
            let ended = state.verify_until.filter(|_| state.verified == Some(true));
            mover.contents.begin(from);
            mover.contents.resume(state.proven_at.or(ended), sends(&own, from)?);
        }
        let is_grave = |arn: &str| {
            let mut routes = mover.routes.0.values();
            arn == state.queue.arn || routes.any(|route| route.dies_into.as_deref() == Some(arn))
        };
        let mut paths = self.archives.changed_since(state.begun_at.minus(CLOCK_SLACK), is_grave)?;
        paths.retain(|path| *path != own);
        for path in &paths {
            ArchiveReader::each_if_found(path, |line| {
                if let ArchiveLine::Result(MoveResult::Restored { new, .. }, _) = line {
                    mover.contents.exclude(&new);
                }
            });
        }
        if mover.counts.sent == 0 {
            return Ok(());
        }
        let (mut seen, mut count) = (IdSet::default(), ReturnCount::default());
        for path in &paths {
            ArchiveReader::each_if_found(path, |line| match line {
                ArchiveLine::Message(one, _) if seen.insert(id_hash(&one.message.id)) => {
                    mover.count_return(&one.message, &mut count);
                }
                _ => {}
            });
        }
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, &state.queue.arn))?;
        mover.others = OtherMoves {
            returned: count.returned(&mover.contents, 0),
            has_removed: gone_returns::was_removed(&all, state, |path| Path::new(path).exists()),
        };
        Ok(())
    }
}

/// Returns the bodies that an archive has sent, or may have sent, each with the bounds of its send. They are
/// not known where no line tells them, but that it was after the first one.
fn sends(path: &Path, from: Timestamp) -> Result<Vec<(IdHash, SendMoment)>, Error> {
    let mut open: HashMap<IdHash, IdHash> = HashMap::new();
    let mut sends = Vec::new();
    ArchiveReader::each(path, |line| {
        match line {
            ArchiveLine::Message(one, _) => {
                open.insert(id_hash(&one.message.id), id_hash(&one.message.body));
            }
            ArchiveLine::Result(MoveResult::Sent { id, after, by, .. }, _) => {
                let moment = SendMoment { after: after.unwrap_or(from), by };
                sends.extend(open.remove(&id_hash(&id)).map(|body| (body, moment)));
            }
            ArchiveLine::Result(MoveResult::Parked { id, .. }, _) => {
                open.remove(&id_hash(&id));
            }
            _ => {}
        }
        Ok(())
    })?;
    sends.extend(open.into_values().map(|body| (body, SendMoment { after: from, by: None })));
    Ok(sends)
}
