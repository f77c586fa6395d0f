//! The rules of what may be purged and archived, and the words in which that is asked and told. Pure.

use std::time::Duration;

use super::document::{Move, MoveKind, MoveOutcome};
use super::selection::sent_at;
use crate::rules::evidence::message::Message;
use crate::rules::queue::reading::{Counts, Redrive};
use crate::text;
use crate::time::Timestamp;

/// The receives that a queue's own redrive policy has to allow: one that has brought the message to
/// its state, one for a look, and one for this.
const OWN_RECEIVES_MIN: u64 = 3;
/// The time by which the clock of this machine may be behind that of SQS.
const SKEW: Duration = Duration::from_secs(2);
/// The time from the begin of an archiving to the next one, when the first has not archived all.
const AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Returns the text that confirms a purge of a queue.
pub fn confirmation(queue: &str, is_hard: bool) -> String {
    if is_hard { format!("hard {queue}") } else { queue.to_owned() }
}

/// Returns why a queue with a redrive policy of its own is not received from: a receive too many
/// moves a message on.
pub fn refuse_onward(own: Option<&Redrive>) -> Option<String> {
    let own = own?;
    let most = own.max_receive_count.unwrap_or(1);
    let target = own.target.rsplit(':').next().unwrap_or_default();
    (most < OWN_RECEIVES_MIN).then(|| {
        format!(
            "it has a redrive policy of its own: receiving its messages would move them on to \
             '{target}' after {most} receives; raise its maxReceiveCount to {OWN_RECEIVES_MIN} or more"
        )
    })
}

/// Whether a message has come after a purge began, as far as its time shows it. One that SQS has moved
/// from a standard queue keeps the time of its first sending.
pub fn has_come_after(message: &Message, begun: Timestamp) -> bool {
    sent_at(message).is_some_and(|at| at > begun.plus(SKEW))
}

/// Whether a warning asks for an archiving of its queue, whose moves are given. A journal is replayed, by
/// cron every minute, and each archiving receives every message once more. So one that has begun after
/// the warning answers it; one that was stopped, killed or has missed messages is repeated at intervals.
pub fn is_archiving_due<'a>(
    moves: impl Iterator<Item = &'a Move>,
    warned_at: Timestamp,
    now: Timestamp,
) -> bool {
    let answers = |one: &Move| match one.outcome {
        Some(MoveOutcome::Completed) => true,
        _ => one.begun_at <= now && now < one.begun_at.plus(AGAIN_AFTER),
    };
    let mut archivings =
        moves.filter(|one| one.kind == MoveKind::Expiry && one.begun_at >= warned_at);
    !archivings.any(answers)
}

/// Returns the most messages that a purge receives: those that were there, and some more, because a
/// count is approximate. A queue that fills meanwhile would keep it for ever.
pub fn most(depth: u64) -> u64 {
    depth + depth / 10 + 10
}

/// The messages that a sweep over a queue has received.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeenMessages {
    pub all: u64,
    /// The messages among them that have come after its begin.
    pub late: u64,
}

/// Returns how many messages of a queue were not received, and why; None when all that were there at
/// the begin have been. `after` are the counts at the end, when they are known.
pub fn unseen(
    seen: SeenMessages,
    before: Counts,
    after: Option<Counts>,
    is_fifo: bool,
) -> Option<(u64, String)> {
    let others = |counts: Counts| counts.in_flight + counts.delayed;
    let by_count = before.depth().saturating_sub(seen.all.saturating_sub(seen.late));
    // What others had at the begin and still have was not received, whatever has come meanwhile.
    let by_others = others(before).min(after.map_or(0, others));
    let missing = by_count.max(by_others);
    if missing == 0 {
        return None;
    }
    let few = text::count(missing, "message");
    let why = match (is_fifo, others(before)) {
        (_, others) if others >= missing => "others are reading them, or they are delayed",
        (_, others) if seen.late + others >= missing => {
            let why = "their time is after the begin: the clock of this machine is behind, or others \
                       have taken as many as have come";
            return Some((missing, format!("{few} left alone: {why}")));
        }
        (true, _) => "in a FIFO queue a message waits for those of its group before it",
        (false, _) => "the count may have been wrong, or others have taken them",
    };
    Some((missing, format!("{few} could not be received: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmation_of_a_hard_purge_is_another_one() {
        assert_eq!(confirmation("orders-dlq", false), "orders-dlq");
        assert_eq!(confirmation("orders-dlq", true), "hard orders-dlq");
    }

    #[test]
    fn queue_that_moves_messages_on_is_refused() {
        let own =
            |count| Redrive { target: "arn:aws:sqs:r:1:last".into(), max_receive_count: count };
        for (count, refused) in [(None, true), (Some(1), true), (Some(2), true), (Some(3), false)] {
            assert_eq!(refuse_onward(Some(&own(count))).is_some(), refused, "{count:?}");
        }
        assert_eq!(refuse_onward(None), None);
        assert!(
            refuse_onward(Some(&own(Some(2)))).unwrap().contains("on to 'last' after 2 receives")
        );
    }

    #[test]
    fn late_message_is_known_by_its_time() {
        let begun = Timestamp::from_millis(100_000);
        let rows = [
            (Some("99999"), false),
            (Some("102000"), false),
            (Some("102001"), true),
            (Some("x"), false),
            (None, false),
        ];
        for (sent, late) in rows {
            let mut message = Message::default();
            message.system.extend(sent.map(|at| ("SentTimestamp".to_owned(), at.to_owned())));
            assert_eq!(has_come_after(&message, begun), late, "{sent:?}");
        }
    }

    #[test]
    fn warning_is_answered_by_an_archiving_that_began_after_it() {
        let at = |minutes: u32| Timestamp::from_millis(0).plus(Duration::from_secs(60) * minutes);
        let one =
            |kind, begun, outcome| Move { kind, begun_at: at(begun), outcome, ..Move::default() };
        let (done, stopped) = (Some(MoveOutcome::Completed), Some(MoveOutcome::Aborted));
        let rows = [
            ("none", vec![], 100, true),
            ("all archived", vec![one(MoveKind::Expiry, 50, done)], 9000, false),
            ("at once", vec![one(MoveKind::Expiry, 40, done)], 9000, false),
            ("before the warning", vec![one(MoveKind::Expiry, 39, done)], 50, true),
            ("a purge", vec![one(MoveKind::Purge, 50, done)], 60, true),
            ("some missing", vec![one(MoveKind::Expiry, 50, stopped)], 59, false),
            ("some missing, later", vec![one(MoveKind::Expiry, 50, stopped)], 60, true),
            ("running", vec![one(MoveKind::Expiry, 50, None)], 59, false),
            ("killed", vec![one(MoveKind::Expiry, 50, None)], 60, true),
            ("by a clock set back since", vec![one(MoveKind::Expiry, 99, None)], 50, true),
            (
                "again, with success",
                vec![one(MoveKind::Expiry, 50, stopped), one(MoveKind::Expiry, 60, done)],
                99,
                false,
            ),
        ];
        for (rule, moves, now, is_due) in rows {
            assert_eq!(is_archiving_due(moves.iter(), at(40), at(now)), is_due, "{rule}");
        }
    }

    #[test]
    fn purge_receives_about_what_was_there() {
        assert_eq!([0, 1, 100, 10_000].map(most), [10, 11, 120, 11_010]);
    }

    #[test]
    fn unseen_messages_are_told_with_the_reason() {
        let counts = |visible, in_flight| Counts { visible, in_flight, delayed: 0 };
        let others = "could not be received: others are";
        let rows = [
            ("all", (5, 0), counts(5, 0), 0, false, None),
            ("more", (7, 0), counts(5, 0), 0, false, None),
            ("read", (5, 0), counts(5, 2), 2, false, Some((2, others))),
            ("fifo", (1, 0), counts(3, 0), 0, true, Some((2, "could not be received: in a FIFO"))),
            ("else", (2, 0), counts(3, 0), 0, false, Some((1, "could not be received: the count"))),
            ("late ones hide none", (5, 3), counts(2, 3), 3, false, Some((3, others))),
            ("nor do such that look old", (5, 0), counts(2, 3), 3, false, Some((3, others))),
            ("others have let go", (5, 0), counts(2, 3), 0, false, None),
            ("late besides", (5, 2), counts(3, 0), 0, false, None),
            (
                "clock is behind",
                (5, 5),
                counts(5, 0),
                0,
                false,
                Some((5, "left alone: their time")),
            ),
        ];
        for (rule, (all, late), before, in_flight, fifo, expected) in rows {
            let seen = SeenMessages { all, late };
            let found = unseen(seen, before, Some(counts(0, in_flight)), fifo);
            assert_eq!(found.as_ref().map(|one| one.0), expected.map(|one| one.0), "{rule}");
            let words = expected.map_or("", |one| one.1);
            assert!(found.is_none_or(|one| one.1.contains(words)), "{rule}");
        }
        let seen = SeenMessages { all: 5, late: 0 };
        assert_eq!(unseen(seen, counts(2, 3), None, false), None, "the end is unknown");
    }
}
