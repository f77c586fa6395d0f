//! Returns that may be gone from a dead-letter queue before anybody has looked. Pure.

use std::fmt;
use std::time::Duration;

use super::document::{Move, Redrives};
use crate::time::Timestamp;

/// The reason for which returns may be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoneReturns {
    /// The dead-letter queue has deleted them after its retention.
    Expired,
    /// Another move has taken them, and no archive has them.
    Removed,
}

impl fmt::Display for GoneReturns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GoneReturns::Expired => {
                "the dead-letter queue keeps messages for a shorter time than has passed since the first was \
                 sent: one that has died again may be gone"
            }
            GoneReturns::Removed => {
                "messages were removed from the dead-letter queue since the first was sent, and no archive has \
                 them: one that has died again may be among them"
            }
        })
    }
}

/// The traces that other moves have left of the messages that a redrive has sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct OtherMoves {
    /// The messages that had died again, and that they have taken out of the queue.
    pub returned: u64,
    /// Whether one of them has taken messages that no archive has.
    pub has_removed: bool,
}

/// Whether a dead-letter queue may have deleted a message that died again, since the first send that is not
/// proven: a dead letter is as old as its send.
pub fn may_have_expired(
    first_sent: Option<Timestamp>,
    retention: Option<Duration>,
    now: Timestamp,
) -> bool {
    first_sent.zip(retention).is_some_and(|(first, retention)| now >= first.plus(retention))
}

/// Whether a move of the queue that began after another one has taken messages that no archive shows.
pub fn was_removed(all: &Redrives, own: &Move, has_archive: impl Fn(&str) -> bool) -> bool {
    all.of_queue(&own.queue.arn).any(|one| {
        one.id != own.id
            && one.begun_at >= own.begun_at
            && one.deleted_at_most(false) > 0
            && !one.archive.as_deref().is_some_and(&has_archive)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Queue;
    use crate::rules::redrive::document::MoveKind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn dead_letter_expires_when_its_send_is_older_than_the_retention() {
        let day = Some(Duration::from_secs(86_400));
        let rows = [
            ("younger", Some(0), day, 86_399, false),
            ("as old", Some(0), day, 86_400, true),
            ("nothing was sent, or all of it is proven", None, day, 900_000, false),
            ("unknown retention", Some(0), None, 900_000, false),
        ];
        for (rule, first, retention, now, expected) in rows {
            assert_eq!(may_have_expired(first.map(at), retention, at(now)), expected, "{rule}");
        }
    }

    #[test]
    fn later_move_without_an_archive_hides_returns() {
        let of = |id: &str, kind, begun: i64, deleted, archive: Option<&str>| Move {
            id: id.into(),
            kind,
            queue: Queue { arn: "a".into(), ..Queue::default() },
            begun_at: at(begun),
            finished_at: Some(at(begun)),
            deleted,
            archive: archive.map(str::to_owned),
            ..Move::default()
        };
        let own = of("own", MoveKind::Redrive, 10, 5, None);
        let rows = [
            ("none", own.clone(), false),
            ("archived", of("b", MoveKind::Purge, 20, 5, Some("there")), false),
            ("its archive was moved away", of("b", MoveKind::Purge, 20, 5, Some("gone")), true),
            ("by SQS", of("b", MoveKind::Native, 20, 5, None), true),
            ("by SQS, nothing", of("b", MoveKind::Native, 20, 0, None), false),
            ("at once", of("b", MoveKind::HardPurge, 20, 0, None), true),
            ("before it", of("b", MoveKind::HardPurge, 9, 0, None), false),
            ("put back", of("b", MoveKind::Restore, 20, 0, Some("gone")), false),
        ];
        for (rule, other, expected) in rows {
            let all = Redrives { moves: vec![own.clone(), other] };
            assert_eq!(was_removed(&all, &own, |path| path == "there"), expected, "{rule}");
        }
    }
}
