//! The progress of each message of an archive. Pure.
//!
//! Nearly all messages of a long redrive are sent and deleted: of those one set holds the ids, and only
//! the others have a record each.

use std::collections::HashMap;

use super::archive::{ArchiveHead, ArchiveLine, MoveResult};
use super::document::Move;
use super::id_set::{IdHash, IdSet, id_hash};
use crate::text::count;

/// Progress of a message of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageProgress {
    pub is_sent: bool,
    pub is_deleted: bool,
    pub is_parked: bool,
    /// Whether it is in the dead-letter queue again, under another id.
    pub is_restored: bool,
    /// Whether a restore has tried it, and its result is not known.
    pub is_restoring: bool,
    /// Whether it is listed as a possible duplicate.
    pub is_listed: bool,
}

/// The progress of a message that has come to its destination.
const DONE: MessageProgress = MessageProgress {
    is_sent: true,
    is_deleted: true,
    is_parked: false,
    is_restored: false,
    is_restoring: false,
    is_listed: false,
};

/// The sum of an archive: how far each message has come. Memory holds hashes of ids, no bodies.
#[derive(Debug, Default)]
pub struct ArchiveState {
    pub head: Option<ArchiveHead>,
    /// The messages that are not done, or of which more is known; it is looked up before `done`.
    open: HashMap<IdHash, MessageProgress>,
    done: IdSet,
    /// The ids that sends have returned.
    pub sent: IdSet,
    /// The ids that restores have returned.
    pub restored: IdSet,
    /// The outcome, once the move has ended.
    pub outcome: Option<String>,
    /// The lines that could not be read.
    pub unreadable: u64,
}

impl ArchiveState {
    /// Returns the sum of an archive that has only its head.
    pub fn with_head(head: ArchiveHead) -> Self {
        ArchiveState { head: Some(head), ..ArchiveState::default() }
    }

    /// Adds a line.
    pub fn add(&mut self, line: ArchiveLine) {
        match line {
            ArchiveLine::Head(head) => self.head = Some(*head),
            ArchiveLine::Message(one, _) => self.add_message(id_hash(&one.message.id)),
            ArchiveLine::Result(result, _) => self.add_result(&result),
        }
    }

    /// Adds a message that is in the archive.
    pub fn add_message(&mut self, id: IdHash) {
        self.change(id, |_| {});
    }

    fn add_result(&mut self, result: &MoveResult) {
        match result {
            MoveResult::Sent { id, new, .. } => {
                self.sent.insert(id_hash(new));
                self.change(id_hash(id), |one| one.is_sent = true);
            }
            MoveResult::Deleted { id } => self.change(id_hash(id), |one| one.is_deleted = true),
            MoveResult::Restoring { id } => self.change(id_hash(id), |one| one.is_restoring = true),
            MoveResult::NotRestored { id } => {
                self.change(id_hash(id), |one| one.is_restoring = false);
            }
            MoveResult::Restored { id, new } => {
                self.restored.insert(id_hash(new));
                self.change(id_hash(id), |one| {
                    (one.is_restored, one.is_restoring) = (true, false);
                });
            }
            MoveResult::Parked { id, .. } => self.change(id_hash(id), |one| one.is_parked = true),
            MoveResult::PossibleDuplicate { id, .. } => {
                self.change(id_hash(id), |one| one.is_listed = true);
            }
            MoveResult::Finished { outcome } => self.outcome = Some(outcome.clone()),
        }
    }

    /// Changes the progress of a message, which the archive then has.
    pub fn change(&mut self, id: IdHash, change: impl FnOnce(&mut MessageProgress)) {
        let mut progress = self.get(&id).unwrap_or_default();
        change(&mut progress);
        match progress == DONE {
            true => {
                self.open.remove(&id);
                self.done.insert(id);
            }
            false => {
                self.open.insert(id, progress);
            }
        }
    }

    pub fn get(&self, id: &IdHash) -> Option<MessageProgress> {
        let open = self.open.get(id).copied();
        open.or_else(|| self.done.contains(id).then_some(DONE))
    }

    pub fn progress(&self, id: &str) -> Option<MessageProgress> {
        self.get(&id_hash(id))
    }

    /// Whether the archive has no message.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.done.is_empty()
    }

    /// Returns the number of messages with such a progress.
    pub fn count(&self, is: impl Fn(MessageProgress) -> bool) -> u64 {
        let open = self.open.values().filter(|one| is(**one)).count();
        let done = match is(DONE) {
            // One that was done may have a record again.
            true => self.done.len() - self.open.keys().filter(|id| self.done.contains(id)).count(),
            false => 0,
        };
        (open + done) as u64
    }

    /// Returns the messages that are not known to be deleted.
    pub fn undeleted(&self) -> impl Iterator<Item = (IdHash, MessageProgress)> {
        let all = self.open.iter().map(|(id, one)| (*id, *one));
        all.filter(|(_, one)| !one.is_deleted)
    }

    /// Returns the number of messages that may have been sent and are not known to be deleted.
    pub fn unsettled(&self) -> u64 {
        self.undeleted().count() as u64
    }

    /// Returns why the archive does not tell all that its redrive has done, as a clause; None when it does.
    /// The record is never ahead of the sends in the archive, and may be behind them.
    pub fn gap(&self, state: &Move) -> Option<String> {
        let sent = self.count(|one| one.is_sent);
        let parked = self.count(|one| one.is_parked);
        match &self.head {
            None => Some("it is not whole: its first line is missing".into()),
            Some(head) if head.id != state.id => Some(format!("it is that of move {}", head.id)),
            Some(_) if self.unreadable > 0 => {
                Some(format!("it is not whole: {} cannot be read", count(self.unreadable, "line")))
            }
            Some(_) if sent < state.moved || parked < state.parked => Some(format!(
                "it is not whole: it has {} of {} that were sent or parked",
                sent + parked,
                count(state.moved + state.parked, "message")
            )),
            Some(_) => None,
        }
    }

    /// Returns the number of messages that were deleted from the dead-letter queue.
    pub fn deleted(&self) -> u64 {
        self.count(|one| one.is_deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::evidence::message::Message;
    use crate::rules::redrive::archive::{ArchivedMessage, VERSION};
    use crate::time::Timestamp;

    fn archived(id: &str) -> ArchiveLine {
        let message = Message { id: id.into(), ..Message::default() };
        let archived = ArchivedMessage { message, fingerprint: None };
        ArchiveLine::Message(Box::new(archived), Timestamp::default())
    }

    fn result(result: MoveResult) -> ArchiveLine {
        ArchiveLine::Result(result, Timestamp::default())
    }

    fn sent(id: &str, new: &str) -> ArchiveLine {
        result(MoveResult::Sent {
            id: id.into(),
            new: new.into(),
            to: "arn".into(),
            dedup: None,
            after: None,
            by: None,
        })
    }

    fn deleted(id: &str) -> ArchiveLine {
        result(MoveResult::Deleted { id: id.into() })
    }

    #[test]
    fn state_follows_each_message() {
        let mut state = ArchiveState::default();
        assert!(state.is_empty());
        for id in ["a", "b", "c", "c"] {
            state.add(archived(id));
        }
        state.add(sent("a", "n"));
        assert_eq!((state.unsettled(), state.deleted()), (3, 0));
        state.add(deleted("a"));
        state.add(result(MoveResult::Parked { id: "b".into(), deaths: 2 }));
        let progress = |state: &ArchiveState, id: &str| state.progress(id).unwrap();
        assert_eq!((state.count(|_| true), state.unsettled(), state.deleted()), (3, 2, 1));
        assert!(progress(&state, "a").is_sent && progress(&state, "a").is_deleted);
        assert!(progress(&state, "b").is_parked && !progress(&state, "c").is_deleted);
        assert!(state.sent.contains(&id_hash("n")) && !state.sent.contains(&id_hash("a")));
        assert_eq!((state.progress("d"), &state.outcome), (None, &None));
        state.add(result(MoveResult::Restored { id: "b".into(), new: "r".into() }));
        assert!(progress(&state, "b").is_restored && !progress(&state, "b").is_sent);
        assert!(!state.sent.contains(&id_hash("r")), "what was restored has not returned");
    }

    #[test]
    fn archive_that_knows_less_than_the_record_has_a_gap() {
        let head = |id: &str| {
            let state = Move { id: id.into(), ..Move::default() };
            ArchiveHead {
                version: VERSION,
                id: state.id,
                kind: state.kind,
                queue: state.queue,
                incident: None,
                reason: None,
                who: String::new(),
                plan: None,
                at: Timestamp::default(),
            }
        };
        let with = |id: &str, unreadable, lines: &[ArchiveLine]| {
            let mut state = ArchiveState::with_head(head(id));
            lines.iter().for_each(|line| state.add(line.clone()));
            ArchiveState { unreadable, ..state }
        };
        let parked = result(MoveResult::Parked { id: "b".into(), deaths: 2 });
        let all = [archived("a"), sent("a", "n"), archived("b"), parked];
        let emptied = ArchiveState::default();
        let of = |moved, parked| Move { id: "m".into(), moved, parked, ..Move::default() };
        let rows = [
            ("as recorded", with("m", 0, &all), of(1, 1), None),
            ("the record is behind", with("m", 0, &all), of(0, 0), None),
            ("a send is missing", with("m", 0, &all), of(2, 1), Some("2 of 3 messages")),
            ("a parked one is missing", with("m", 0, &all[..2]), of(1, 1), Some("1 of 2 messages")),
            ("a damaged line", with("m", 1, &all), of(1, 1), Some("1 line cannot be read")),
            ("emptied", emptied, of(0, 0), Some("first line is missing")),
            ("of another move", with("n", 0, &all), of(1, 1), Some("that of move n")),
        ];
        for (rule, archive, state, expected) in rows {
            let found = archive.gap(&state);
            let is_expected = match (&found, expected) {
                (Some(found), Some(part)) => found.contains(part),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(is_expected, "{rule}: {found:?}");
        }
    }

    #[test]
    fn message_that_is_done_is_counted_once_whatever_follows() {
        let mut state = ArchiveState::default();
        for id in 0..200 {
            let id = id.to_string();
            for line in [archived(&id), sent(&id, &format!("n{id}")), deleted(&id)] {
                state.add(line);
            }
        }
        assert!(state.open.is_empty(), "a message that is done has no record of its own");
        let listed = |id: &str| {
            let why = "w".to_owned();
            result(MoveResult::PossibleDuplicate { id: id.into(), new: None, why })
        };
        for line in [archived("7"), listed("8"), deleted("8"), listed("8"), archived("x")] {
            state.add(line);
        }
        let counts = [
            state.count(|_| true),
            state.count(|one| one.is_sent),
            state.deleted(),
            state.count(|one| one.is_listed),
            state.unsettled(),
        ];
        assert_eq!(counts, [201, 200, 200, 1, 1]);
    }
}
