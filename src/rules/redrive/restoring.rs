//! The choice of the messages of an archive that a restore sends. Pure.

use std::collections::BTreeSet;

use super::document::MoveKind;
use super::progress::MessageProgress;

/// The messages of an archive that are restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreChoice {
    /// The ids; empty for all that are nowhere else.
    pub ids: BTreeSet<String>,
    /// Whether messages are restored that may be elsewhere.
    pub force: bool,
}

/// The reason why a message of an archive is not restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotRestored {
    /// Other messages are named.
    NotNamed,
    /// An earlier restore has brought it back.
    Restored,
    /// A restore has tried it without an answer, or the archive is damaged there.
    Doubtful,
    /// The message was sent to its destination.
    Sent,
    /// The move has not deleted the message; others may have.
    NotDeleted,
}

impl NotRestored {
    /// Returns the reason for some messages, with the remedy, as a clause; None when nobody asked for
    /// them.
    pub fn in_words(self) -> Option<&'static str> {
        match self {
            NotRestored::NotNamed => None,
            NotRestored::Restored => {
                Some("restored before; '--force --id ID' sends one of them once more")
            }
            NotRestored::Doubtful => Some(
                "may be in a queue already, because a send had no recorded answer; look there, and \
                 give '--id ID' for those that are not",
            ),
            NotRestored::Sent => Some("sent to their destination; --force restores them as well"),
            NotRestored::NotDeleted => {
                Some("not known to be deleted from their queue; --force restores them as well")
            }
        }
    }
}

impl RestoreChoice {
    /// Judges a message of the archive of a move. By default those are restored which only the archive
    /// has; a restored one only when it is named and forced, so that no second run restores it twice.
    pub fn judge(
        &self,
        kind: MoveKind,
        id: &str,
        progress: MessageProgress,
    ) -> Result<(), NotRestored> {
        let is_named = self.ids.contains(id);
        // What a redrive has deleted was sent or parked: a line about it is missing.
        let has_gap = kind == MoveKind::Redrive
            && progress.is_deleted
            && !progress.is_sent
            && !progress.is_parked;
        match progress {
            _ if !self.ids.is_empty() && !is_named => Err(NotRestored::NotNamed),
            one if one.is_restored && !(self.force && is_named) => Err(NotRestored::Restored),
            _ if self.force || is_named => Ok(()),
            one if one.is_restoring || has_gap => Err(NotRestored::Doubtful),
            one if one.is_sent => Err(NotRestored::Sent),
            one if !one.is_deleted => Err(NotRestored::NotDeleted),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_that_only_the_archive_has_is_restored_once() {
        let deleted = MessageProgress { is_deleted: true, ..MessageProgress::default() };
        let sent = MessageProgress { is_sent: true, ..deleted };
        let restored = MessageProgress { is_restored: true, ..deleted };
        let restoring = MessageProgress { is_restoring: true, ..deleted };
        let parked = MessageProgress { is_parked: true, ..deleted };
        let kept = MessageProgress::default();
        let (purge, redrive) = (MoveKind::Purge, MoveKind::Redrive);
        // By default, with --force, with --id, with both.
        let rows = [
            ("purged", purge, deleted, [Ok(()); 4]),
            ("parked", redrive, parked, [Ok(()); 4]),
            ("sent", redrive, sent, [Err(NotRestored::Sent), Ok(()), Ok(()), Ok(())]),
            ("kept", purge, kept, [Err(NotRestored::NotDeleted), Ok(()), Ok(()), Ok(())]),
            ("tried", purge, restoring, [Err(NotRestored::Doubtful), Ok(()), Ok(()), Ok(())]),
            ("a gap", redrive, deleted, [Err(NotRestored::Doubtful), Ok(()), Ok(()), Ok(())]),
            (
                "restored",
                purge,
                restored,
                [
                    Err(NotRestored::Restored),
                    Err(NotRestored::Restored),
                    Err(NotRestored::Restored),
                    Ok(()),
                ],
            ),
        ];
        for (rule, kind, progress, expected) in rows {
            let found = [(false, false), (true, false), (false, true), (true, true)];
            let found = found.map(|(force, named)| {
                let ids = named.then(|| "m".to_owned()).into_iter().collect();
                RestoreChoice { ids, force }.judge(kind, "m", progress)
            });
            assert_eq!(found, expected, "{rule}");
        }
        let other = RestoreChoice { ids: ["n".to_owned()].into(), force: true };
        assert_eq!(other.judge(purge, "m", deleted), Err(NotRestored::NotNamed));
    }
}
