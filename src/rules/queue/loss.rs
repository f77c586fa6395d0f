//! Suspected loss: the depth fell, and no redrive or deletion is known.
//!
//! Counts are approximate, and people redrive. A drop of the depth is therefore suspected only
//! after the lower count has lasted for two readings and a minute, with nothing in flight and no
//! move task that explains it. Move tasks are asked for only then, because that costs a request.
//!
//! Moves of our own are known by their number of messages. What they have deleted explains a drop of as
//! many, and explains it once; the rest is judged.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::expiry::ExpiryWindow;
use super::reading::{Counts, ReadError};
use super::threshold::SETTLED;
use crate::time::Timestamp;

/// The longest time between the start of an ended move task and a drop that it explains.
const TASK_REACH: Duration = Duration::from_secs(15 * 60);

/// A drop of the depth that is not explained yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthDrop {
    /// The depth before the drop.
    pub from: u64,
    /// The time of that reading.
    pub from_at: Timestamp,
    /// The highest depth since the drop.
    pub to: u64,
    /// The first reading after the drop.
    pub since: Timestamp,
    /// The number of readings at or below `to`.
    #[serde(rename = "samples")]
    pub readings: u64,
    /// Whether somebody was reading the queue, before or since.
    pub read: bool,
    /// Whether the oldest messages may have expired at the last reading.
    pub expired: bool,
    /// Whether the oldest messages must have expired at the last reading.
    #[serde(default)]
    pub over: bool,
}

/// A message move task of ListMessageMoveTasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    pub running: bool,
    pub started_at: Timestamp,
}

/// A move of ours that has deleted messages of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMove {
    pub id: String,
    /// The cause that a clear has by it.
    pub cause: &'static str,
    /// The messages that it has deleted, at most.
    pub deleted: u64,
    /// Whether it goes on.
    pub is_running: bool,
    pub ended_at: Timestamp,
}

/// The part of a drop that moves of ours explain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnShare {
    pub messages: u64,
    /// The cause of most of these messages.
    pub cause: Option<&'static str>,
    /// The messages by move.
    pub by_move: Vec<(String, u64)>,
    /// Whether a move that goes on may explain more of it soon.
    pub may_grow: bool,
}

/// Returns the part of a drop that moves of ours explain. `counted` has the messages of each that have
/// explained a drop before.
pub fn own_share(drop: DepthDrop, moves: &[OwnMove], counted: &BTreeMap<String, u64>) -> OwnShare {
    let mut share = OwnShare::default();
    let mut left = drop.from.saturating_sub(drop.to);
    let mut most = 0;
    // A count settles within a minute, so a move may have ended before the higher one was read.
    let overlaps = |one: &&OwnMove| one.is_running || one.ended_at.plus(SETTLED) >= drop.from_at;
    for one in moves.iter().filter(overlaps) {
        let known = counted.get(&one.id).copied().unwrap_or(0);
        let messages = one.deleted.saturating_sub(known).min(left);
        if messages > most {
            (most, share.cause) = (messages, Some(one.cause));
        }
        if messages > 0 {
            share.by_move.push((one.id.clone(), messages));
        }
        left -= messages;
        share.messages += messages;
        share.may_grow |= one.is_running;
    }
    share.may_grow &= left > 0;
    share
}

/// The reason why messages are missing: the word used in events, and a clause for people.
pub type LossReason = (&'static str, String);

/// Returns the drop after one more reading. `past` is the reading before, and `window` the expiry
/// at that reading.
pub fn follow(
    drop: Option<DepthDrop>,
    past: Option<(Timestamp, Counts)>,
    counts: Counts,
    at: Timestamp,
    window: ExpiryWindow,
) -> Option<DepthDrop> {
    let depth = counts.depth();
    if let Some(drop) = drop {
        let (to, readings) = (drop.to.max(depth), drop.readings + 1);
        let read = drop.read || counts.in_flight > 0;
        // The old depth is back: the count was only approximate.
        return (to < drop.from).then_some(DepthDrop { to, readings, read, ..drop });
    }
    let (from_at, before) = past?;
    (depth < before.depth()).then(|| DepthDrop {
        from: before.depth(),
        from_at,
        to: depth,
        since: at,
        readings: 1,
        read: before.in_flight > 0 || counts.in_flight > 0,
        expired: [window.after, window.before].into_iter().flatten().any(|end| end <= at),
        over: window.before.is_some_and(|end| end <= at),
    })
}

/// Returns the part of a judged drop that lies below its `to`, so that messages that leave one by
/// one are reported together.
pub fn rest(judged: DepthDrop, depth: u64, at: Timestamp) -> Option<DepthDrop> {
    (depth < judged.to).then_some(DepthDrop {
        from: judged.to,
        from_at: judged.since,
        to: depth,
        since: at,
        readings: 1,
        ..judged
    })
}

/// Whether a drop has lasted long enough to ask for move tasks.
pub fn is_due(drop: Option<DepthDrop>, at: Timestamp) -> bool {
    drop.is_some_and(|drop| drop.readings >= 2 && at.since(drop.since) >= SETTLED)
}

/// Judges a drop that is due by the answer about move tasks. Returns why messages are missing;
/// `None` when a reader moved or deleted them.
pub fn judge(drop: DepthDrop, tasks: &Result<Vec<MoveTask>, ReadError>) -> Option<LossReason> {
    if drop.read {
        return None;
    }
    let explains =
        |task: &MoveTask| task.running || task.started_at >= drop.from_at.minus(TASK_REACH);
    match tasks {
        Ok(tasks) if tasks.iter().any(explains) => None,
        Err(error) => {
            let action = "sqs:ListMessageMoveTasks";
            let clause = format!("whether they were moved cannot be determined: {action}: {error}");
            Some(("cannot_tell", clause))
        }
        Ok(_) if drop.expired => {
            Some(("retention", "they may have reached the end of the queue's retention".into()))
        }
        Ok(_) => {
            let clause =
                "no move task, no message in flight and no deletion by these tools explains it";
            Some(("unexplained", clause.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn counts(visible: u64, in_flight: u64) -> Counts {
        Counts { visible, in_flight, delayed: 0 }
    }

    /// Second, visible, in flight.
    type Readings = [(i64, u64, u64)];

    /// Returns the drop after the readings.
    fn story(readings: &Readings) -> Option<DepthDrop> {
        let (mut drop, mut past) = (None, None);
        for &(second, visible, in_flight) in readings {
            let now = counts(visible, in_flight);
            drop = follow(drop, past, now, at(second), ExpiryWindow::default());
            past = Some((at(second), now));
        }
        drop
    }

    #[test]
    fn drop_is_due_after_two_readings_and_a_minute() {
        let rows: [(&str, &Readings, bool); 5] = [
            ("one lower reading", &[(0, 5, 0), (100, 2, 0)], false),
            ("two within a minute", &[(0, 5, 0), (30, 2, 0), (60, 2, 0)], false),
            ("two over a minute", &[(0, 5, 0), (30, 2, 0), (90, 2, 0)], true),
            ("back up again", &[(0, 5, 0), (30, 2, 0), (60, 5, 0), (120, 5, 0)], false),
            ("received is not gone", &[(0, 5, 0), (30, 2, 3), (90, 2, 3)], false),
        ];
        for (rule, readings, due) in rows {
            let last = readings[readings.len() - 1].0;
            assert_eq!(is_due(story(readings), at(last)), due, "{rule}");
        }
    }

    #[test]
    fn drop_ends_at_the_highest_depth_since() {
        let drop = story(&[(0, 5, 0), (30, 1, 0), (60, 3, 0), (90, 2, 0)]).unwrap();
        assert_eq!((drop.from, drop.to), (5, 3));
    }

    #[test]
    fn drop_in_small_steps_is_counted_in_full() {
        let (mut drop, mut past, mut reported) = (None, None, 0);
        for (step, depth) in [10, 8, 6, 4, 2, 2, 2, 1, 1, 1, 1].into_iter().enumerate() {
            let now = at(i64::try_from(step).unwrap() * 40);
            drop = follow(drop, past, counts(depth, 0), now, ExpiryWindow::default());
            if is_due(drop, now) {
                let judged = drop.unwrap();
                reported += judged.from - judged.to;
                drop = rest(judged, depth, now);
            }
            past = Some((now, counts(depth, 0)));
        }
        assert_eq!((reported, drop), (9, None));
    }

    #[test]
    fn rest_of_a_judged_drop_is_a_drop_of_its_own() {
        let judged = story(&[(0, 9, 0), (30, 5, 0), (90, 5, 0)]).unwrap();
        let rest = rest(judged, 3, at(100)).unwrap();
        assert_eq!((rest.from, rest.from_at), (5, at(30)));
        assert_eq!((rest.to, rest.since), (3, at(100)));
        assert!(!is_due(Some(rest), at(1000)), "one reading, however long ago");
        for (second, due) in [(159, false), (160, true)] {
            let now = counts(3, 0);
            let drop = follow(Some(rest), None, now, at(second), ExpiryWindow::default());
            assert_eq!(is_due(drop, at(second)), due, "{second}");
        }
    }

    #[test]
    fn own_moves_explain_as_many_messages_as_they_deleted() {
        let drop = story(&[(1000, 10, 0), (1030, 4, 0), (1090, 4, 0)]).unwrap();
        let one = |id: &str, cause, deleted, ended: Option<i64>| OwnMove {
            id: id.into(),
            cause,
            deleted,
            is_running: ended.is_none(),
            ended_at: at(ended.unwrap_or(0)),
        };
        let purge = |deleted, ended| one("p", "purged", deleted, ended);
        let counted = BTreeMap::from([("old".to_owned(), 5)]);
        let rows = [
            ("none", vec![], (0, None, false)),
            ("all", vec![purge(6, Some(1040))], (6, Some("purged"), false)),
            (
                "more than are missing",
                vec![purge(u64::MAX, Some(1040))],
                (6, Some("purged"), false),
            ),
            ("some", vec![purge(4, Some(1040))], (4, Some("purged"), false)),
            (
                "before a count that had not settled",
                vec![purge(6, Some(941))],
                (6, Some("purged"), false),
            ),
            ("of long ago", vec![purge(6, Some(939))], (0, None, false)),
            ("goes on", vec![purge(4, None)], (4, Some("purged"), true)),
            ("goes on, and explains all", vec![purge(6, None)], (6, Some("purged"), false)),
            ("has begun", vec![purge(0, None)], (0, None, true)),
            (
                "two, by the larger one",
                vec![purge(2, Some(1040)), one("r", "redriven", 9, Some(1040))],
                (6, Some("redriven"), false),
            ),
            (
                "has explained a drop",
                vec![one("old", "purged", 6, Some(1040))],
                (1, Some("purged"), false),
            ),
        ];
        for (rule, moves, expected) in rows {
            let share = own_share(drop, &moves, &counted);
            assert_eq!((share.messages, share.cause, share.may_grow), expected, "{rule}");
            let sum: u64 = share.by_move.iter().map(|(_, messages)| messages).sum();
            assert_eq!(sum, share.messages, "{rule}");
            assert!(share.by_move.iter().all(|(_, messages)| *messages > 0), "{rule}");
        }
    }

    #[test]
    fn drop_outcome_depends_on_tasks_readers_and_retention() {
        let quiet = story(&[(1000, 5, 0), (1030, 2, 0), (1090, 2, 0)]).unwrap();
        let read_before = story(&[(1000, 5, 1), (1030, 2, 0), (1090, 2, 0)]).unwrap();
        let read_then = story(&[(1000, 5, 0), (1030, 1, 1), (1090, 2, 0)]).unwrap();
        let read_since = story(&[(1000, 5, 0), (1030, 2, 0), (1060, 1, 1), (1090, 2, 0)]).unwrap();
        let expired = DepthDrop { expired: true, ..quiet };
        let task = |running, second| Ok(vec![MoveTask { running, started_at: at(second) }]);
        let rows = [
            ("nobody", quiet, Ok(vec![]), Some("unexplained")),
            ("retention", expired, Ok(vec![]), Some("retention")),
            ("somebody read before", read_before, Ok(vec![]), None),
            ("somebody reads", read_then, Ok(vec![]), None),
            ("somebody has read since", read_since, Ok(vec![]), None),
            ("a running task", quiet, task(true, -90_000), None),
            ("a task that began after the higher count", quiet, task(false, 1010), None),
            ("a task of 15 minutes before", quiet, task(false, 100), None),
            ("a task of long ago", quiet, task(false, 99), Some("unexplained")),
            ("no permission", expired, Err(ReadError::Denied), Some("cannot_tell")),
        ];
        for (rule, drop, tasks, verdict) in rows {
            assert_eq!(judge(drop, &tasks).map(|(word, _)| word), verdict, "{rule}");
        }
    }
}
