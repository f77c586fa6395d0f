//! The cost of receiving every message of a queue, and how long each is held for that.
//!
//! SQS has no access by id: to find some messages, all are received. A received message stays
//! invisible until the end, or it would come again. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::time::Duration;

use crate::text;
use crate::time::show_span;

/// The messages of one answer, at most.
const BATCH: u64 = 10;
/// The time of a request with its answer, as is assumed before the first one.
const REQUEST: Duration = Duration::from_millis(150);
/// The time of the empty receives that end a sweep.
const END: Duration = Duration::from_secs(5);
/// The shortest time for which a message is held.
const HOLD_MIN: Duration = Duration::from_secs(120);
/// The longest time for which SQS hides a message.
pub const HOLD_MAX: Duration = Duration::from_secs(43_200);
/// The messages that may be received and not deleted at once: those of a standard queue, and those of
/// a FIFO queue. Others may be reading it as well, so a part is left to them.
const IN_FLIGHT_MAX: [u64; 2] = [120_000, 20_000];
const IN_FLIGHT_SPARE: u64 = 1000;

/// The readings of a depth after which messages that were not received are taken to be there.
pub const UNSEEN_READINGS: u32 = 3;

/// The longest wait for messages that somebody else holds.
const OTHERS_WAIT: Duration = Duration::from_secs(60);

/// The receives at once, of a standard queue.
const AT_ONCE: usize = 4;
/// The depth from which several receives at once are faster: at the end each of them waits for nothing.
const MANY: u64 = 100;

/// The expected cost of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepCost {
    /// The number of receives, at least.
    pub receives: u64,
    pub duration: Duration,
    /// The time for which each message is held.
    pub hold: Duration,
    /// The number of messages that can be held at once.
    pub held_max: u64,
}

/// Returns the number of receives at once. In a FIFO queue several would mix the order of a group.
pub fn at_once(depth: u64, fifo: bool) -> usize {
    if fifo || depth <= MANY { 1 } else { AT_ONCE }
}

/// Estimates the cost of a sweep over `depth` messages, with so many requests at once.
pub fn cost(depth: u64, fifo: bool, at_once: usize) -> SweepCost {
    let receives = depth.div_ceil(BATCH);
    let rounds = receives.div_ceil(at_once.max(1) as u64);
    let working = REQUEST.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
    let duration = working + END;
    // A server that is slower than assumed, and work between the receives.
    let hold = duration.saturating_mul(4).clamp(HOLD_MIN, HOLD_MAX);
    let held_max = IN_FLIGHT_MAX[usize::from(fifo)] - IN_FLIGHT_SPARE;
    SweepCost { receives: receives + 2, duration, hold, held_max }
}

impl SweepCost {
    /// Returns what the sweep over `depth` messages of a queue costs, as a sentence for the person who waits for it.
    pub fn sentence(self, queue: &str, depth: u64) -> String {
        let SweepCost { receives, duration, hold, held_max } = self;
        format!(
            "to look at {} of queue '{queue}' takes about {receives} receives and {}; what is not taken is \
             hidden for {} at most (SQS allows {}), and at most {held_max} messages at once",
            text::count(depth, "message"),
            show_span(duration),
            show_span(hold),
            show_span(HOLD_MAX),
        )
    }
}

/// Returns how long hidden messages are waited for: those of a killed run that has recorded its hold, or
/// those that somebody else is looking at.
pub fn hidden_wait(recorded: Option<Duration>, hold: Duration) -> Duration {
    recorded.unwrap_or(hold.min(OTHERS_WAIT))
}

/// Returns how many messages of a queue were not received, though no more could be: others hold them, or
/// they are delayed. There were `before`, of which `seen` were received and `left` are still there; there
/// are `after` now, new ones included.
pub fn unseen(before: u64, seen: u64, after: u64, left: u64) -> u64 {
    before.saturating_sub(seen).min(after.saturating_sub(left))
}

/// Returns each message of a batch once, in the order of their first copies: the last copy, whose
/// receipt handle is the newest. SQS may answer with a message twice, and receives at once may return
/// a message that has become visible again between them.
pub fn last_of_each<K: Copy + Eq + Hash, M>(batch: Vec<M>, key: impl Fn(&M) -> K) -> Vec<(K, M)> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut each: Vec<(K, M)> = Vec::with_capacity(batch.len());
    for message in batch {
        let key = key(&message);
        match places.entry(key) {
            Entry::Occupied(place) => each[*place.get()].1 = message,
            Entry::Vacant(place) => {
                place.insert(each.len());
                each.push((key, message));
            }
        }
    }
    each
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn killed_run_hides_its_messages_for_as_long_as_it_held_them() {
        let s = Duration::from_secs;
        let rows = [
            (None, s(120), s(60)),
            (None, s(1), s(1)),
            (Some(s(600)), s(120), s(600)),
            (Some(s(1)), s(120), s(1)),
        ];
        for (recorded, hold, expected) in rows {
            assert_eq!(hidden_wait(recorded, hold), expected, "{recorded:?} {hold:?}");
        }
    }

    #[test]
    fn unseen_messages_are_those_that_were_there_and_are() {
        let rows = [
            ("all were seen and taken", (10, 10, 0, 0), 0),
            ("all were seen and left", (10, 10, 10, 10), 0),
            ("three are held by others", (10, 7, 3, 0), 3),
            ("they are held, and two are left", (10, 7, 5, 2), 3),
            ("they have gone", (10, 7, 0, 0), 0),
            ("one has gone", (10, 7, 2, 0), 2),
            ("new ones have come", (10, 10, 4, 0), 0),
            ("new ones beside held ones", (10, 7, 9, 0), 3),
            ("an empty queue", (0, 0, 0, 0), 0),
        ];
        for (rule, (before, seen, after, left), expected) in rows {
            assert_eq!(unseen(before, seen, after, left), expected, "{rule}");
        }
    }

    #[test]
    fn last_copy_takes_the_place_of_the_first() {
        type Batch<'a> = &'a [(u8, char)];
        let rows: [(Batch<'_>, Batch<'_>); 4] = [
            (&[], &[]),
            (&[(2, 'a'), (1, 'b')], &[(2, 'a'), (1, 'b')]),
            (&[(2, 'a'), (1, 'b'), (2, 'c')], &[(2, 'c'), (1, 'b')]),
            (&[(1, 'a'), (1, 'b'), (1, 'c')], &[(1, 'c')]),
        ];
        for (batch, expected) in rows {
            let each = last_of_each(batch.to_vec(), |one| one.0);
            let messages: Vec<_> = each.into_iter().map(|(_, message)| message).collect();
            assert_eq!(messages, expected);
        }
    }

    #[test]
    fn deep_standard_queue_is_received_from_at_once() {
        let rows = [(0, false, 1), (100, false, 1), (101, false, 4), (101, true, 1)];
        for (depth, fifo, expected) in rows {
            assert_eq!(at_once(depth, fifo), expected, "{depth} {fifo}");
        }
    }

    #[test]
    fn cost_is_told_with_its_limits() {
        let rows = [
            (
                cost(1, true, 1),
                1,
                "to look at 1 message of queue 'q' takes about 3 receives and 5s; what is not taken is hidden \
                 for 2m at most (SQS allows 12h), and at most 19000 messages at once",
            ),
            (
                cost(10_000_000, false, 4),
                10_000_000,
                "to look at 10000000 messages of queue 'q' takes about 1000002 receives and 10h 25m; what is not \
                 taken is hidden for 12h at most (SQS allows 12h), and at most 119000 messages at once",
            ),
        ];
        for (cost, depth, expected) in rows {
            assert_eq!(cost.sentence("q", depth), expected);
        }
    }

    #[test]
    fn cost_grows_with_the_depth() {
        let seconds = Duration::from_secs;
        let rows = [
            ("empty", 0, false, 1, (2, seconds(5), seconds(120), 119_000)),
            ("one", 1, false, 1, (3, Duration::from_millis(5150), seconds(120), 119_000)),
            ("a few", 25, true, 1, (5, Duration::from_millis(5450), seconds(120), 19_000)),
            ("ten thousand", 10_000, false, 1, (1002, seconds(155), seconds(620), 119_000)),
            (
                "at once",
                10_000,
                false,
                4,
                (1002, Duration::from_millis(42_500), seconds(170), 119_000),
            ),
            (
                "millions",
                10_000_000,
                false,
                1,
                (1_000_002, seconds(150_005), seconds(43_200), 119_000),
            ),
        ];
        for (rule, depth, fifo, at_once, expected) in rows {
            let cost = cost(depth, fifo, at_once);
            assert_eq!(
                (cost.receives, cost.duration, cost.hold, cost.held_max),
                expected,
                "{rule}"
            );
        }
    }
}
