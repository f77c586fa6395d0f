//! Adaptive polling: a quiet queue is read in one of several rounds. Pure.
//!
//! The quiet queues of a selection are in parts, by a hash of the ARN. A round reads the part that has
//! waited longest, and every part that has waited too long: the load is even, a quiet queue needs no
//! record, and runs of cron take turns as the rounds of one process do.
//! Promises: no quiet queue waits longer than [`parts`] intervals and a round; a queue that is not
//! known to be quiet is read in every round.

use std::time::Duration;

use super::shard::arn_hash;
use crate::time::Timestamp;

/// The most rounds of which one reads a quiet queue.
const PARTS_MAX: u32 = 10;
/// The longest time from one reading of a quiet queue to the next, unless the interval is longer: as
/// long as a pause between two rounds for which the dashboard takes queues for watched.
const PAUSE_MAX: Duration = Duration::from_secs(15 * 60);
/// The time for which a queue is read in every round after it was found, and after it became empty.
pub const SETTLING: Duration = Duration::from_secs(3600);

/// Returns the number of parts of the quiet queues, of which a round reads one.
pub fn parts(interval: Duration) -> u32 {
    let rounds = PAUSE_MAX.as_millis() / interval.as_millis().max(1);
    u32::try_from(rounds).unwrap_or(PARTS_MAX).clamp(1, PARTS_MAX)
}

/// The parts of the quiet queues that a round reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whether each part is read; a single one for a round that reads all queues.
    due: Vec<bool>,
}

impl Turn {
    /// Returns the turn of a round that reads all queues.
    pub fn whole() -> Self {
        Turn { due: vec![true] }
    }

    /// Returns the next turn. `read_at` has the last round that read each part, by its number.
    pub fn next(
        interval: Duration,
        read_at: impl Fn(usize, u32) -> Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let count = parts(interval);
        let last: Vec<_> = (0..count as usize).map(|part| read_at(part, count)).collect();
        let oldest = last.iter().min().copied().flatten();
        let first = last.iter().position(|at| *at == oldest);
        // Rounds begin with a jitter of less than half an interval.
        let longest = interval.saturating_mul(count).saturating_sub(interval / 2);
        let is_late = |at: &Option<Timestamp>| at.is_none_or(|at| now.since(at) > longest);
        let due = last.iter().enumerate().map(|(part, at)| Some(part) == first || is_late(at));
        Turn { due: due.collect() }
    }

    /// Whether the round reads all queues.
    pub fn is_whole(&self) -> bool {
        self.due.iter().all(|due| *due)
    }

    /// Returns the number of parts.
    pub fn parts(&self) -> u32 {
        u32::try_from(self.due.len()).unwrap_or(u32::MAX)
    }

    /// Whether the round reads the part of this queue.
    pub fn is_due(&self, arn: &str) -> bool {
        self.due.get(self.part(arn)).copied().unwrap_or(true)
    }

    /// Returns the parts that the round reads.
    pub fn due_parts(&self) -> impl Iterator<Item = usize> {
        self.due.iter().enumerate().filter(|(_, due)| **due).map(|(part, _)| part)
    }

    /// Returns the part of a queue.
    pub fn part(&self, arn: &str) -> usize {
        let part = arn_hash(arn, 1) % u64::from(self.parts().max(1));
        usize::try_from(part).unwrap_or(0)
    }
}

/// The facts about a queue by which it is quiet.
#[derive(Debug, Clone, Copy)]
pub struct QuietFacts {
    /// Whether it has a record: it holds messages, could not be read, or was so within an hour.
    pub has_record: bool,
    /// Whether discovery does not know it: it was named, or only its record names it.
    pub is_given: bool,
    pub found_at: Timestamp,
    /// The last time at which it was read empty; None when it was not read since it was found.
    pub empty_at: Option<Timestamp>,
}

/// Whether a queue may wait for the turn of its part.
pub fn is_quiet(facts: QuietFacts, now: Timestamp) -> bool {
    let is_settled = now.since(facts.found_at) >= SETTLING;
    !facts.has_record && !facts.is_given && facts.empty_at.is_some() && is_settled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
    }

    #[test]
    fn quiet_queue_waits_at_most_ten_rounds_and_a_quarter_of_an_hour() {
        let rows =
            [(1, 10), (30, 10), (90, 10), (91, 9), (300, 3), (450, 2), (900, 1), (86_400, 1)];
        for (seconds, expected) in rows {
            assert_eq!(parts(Duration::from_secs(seconds)), expected, "{seconds}s");
        }
        assert_eq!(parts(Duration::from_millis(100)), 10);
    }

    #[test]
    fn queue_is_quiet_only_when_it_was_read_empty_long_after_it_was_found() {
        let quiet = QuietFacts {
            has_record: false,
            is_given: false,
            found_at: at(-3600),
            empty_at: Some(at(-30)),
        };
        let rows = [
            ("empty for long", quiet, true),
            (
                "not quiet, unreadable, or so within an hour",
                QuietFacts { has_record: true, ..quiet },
                false,
            ),
            ("named", QuietFacts { is_given: true, ..quiet }, false),
            ("found within an hour", QuietFacts { found_at: at(-3599), ..quiet }, false),
            ("found by a clock that was ahead", QuietFacts { found_at: at(60), ..quiet }, false),
            ("never read", QuietFacts { empty_at: None, ..quiet }, false),
        ];
        for (rule, facts, expected) in rows {
            assert_eq!(is_quiet(facts, at(0)), expected, "{rule}");
        }
    }

    /// Makes rounds at these seconds. Returns the parts that each reads, after a first round of all.
    fn turns(interval: Duration, seconds: impl Iterator<Item = i64>) -> Vec<Vec<usize>> {
        let mut read = vec![Some(at(0)); parts(interval) as usize];
        let mut round = |second| {
            let turn = Turn::next(interval, |part, _| read[part], at(second));
            turn.due_parts().for_each(|part| read[part] = Some(at(second)));
            turn.due_parts().collect()
        };
        seconds.map(&mut round).collect()
    }

    #[test]
    fn parts_take_turns_with_even_load() {
        // The jitter of a round is less than a tenth of the interval.
        let begins = (1..1000).map(|n| n * 30 + n * 7 % 3);
        for (n, parts) in turns(INTERVAL, begins).into_iter().enumerate() {
            assert_eq!(parts, [n % 10], "round {n}");
        }
    }

    /// Rows: between which rounds time passes, in seconds, and the longest time for which a part waits.
    #[test]
    fn part_is_read_in_time_whatever_runs() {
        let rows =
            [("cron, a minute", 60, 300), ("cron, five minutes", 300, 300), ("slow", 47, 330)];
        for (rule, every, longest) in rows {
            let mut read = [0; 10];
            let rounds = turns(INTERVAL, (1..200).map(|n| n * every));
            for (n, parts) in (1..).zip(&rounds) {
                for part in parts {
                    assert!(n * every - read[*part] <= longest, "{rule}: {part} in round {n}");
                    read[*part] = n * every;
                }
            }
            let end = rounds.len() as i64 * every;
            assert!(read.iter().all(|last| end - last <= longest), "{rule}: {read:?}");
        }
    }

    #[test]
    fn part_without_a_known_round_is_read() {
        let turn = Turn::next(INTERVAL, |part, _| (part % 2 == 0).then(|| at(-30)), at(0));
        assert_eq!(turn.due_parts().collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
        assert!(Turn::next(INTERVAL, |_, _| None, at(0)).is_whole());
        let long = Duration::from_secs(1800);
        assert!(Turn::next(long, |_, _| Some(at(-1)), at(0)).is_whole(), "a single part");
        let late = |part| Some(at(if part == 3 { -286 } else { -285 }));
        let late = Turn::next(INTERVAL, |part, _| late(part), at(0));
        assert_eq!(late.due_parts().collect::<Vec<_>>(), [3], "after nine and a half intervals");
        let ahead = Turn::next(INTERVAL, |_, _| Some(at(60)), at(0));
        assert_eq!(ahead.due_parts().count(), 1, "a clock that was a little ahead");
    }

    /// Shards and parts take different hashes: each shard has queues of every part.
    #[test]
    fn parts_do_not_depend_on_the_shard() {
        let turn = Turn::next(INTERVAL, |_, _| None, at(0));
        let arns = (0..2000).map(|n| format!("arn:aws:sqs:r:1:q-{n}"));
        let seen: BTreeSet<_> = arns.map(|arn| (arn_hash(&arn, 0) % 10, turn.part(&arn))).collect();
        assert_eq!(seen.len(), 100);
    }

    #[test]
    fn parts_have_as_many_queues() {
        let turn = Turn::next(INTERVAL, |_, _| Some(at(-30)), at(0));
        let mut queues = [0_u32; 10];
        (0..10_000).for_each(|n| queues[turn.part(&format!("arn:aws:sqs:r:1:q-{n}"))] += 1);
        assert!(queues.iter().all(|count| count.abs_diff(1000) < 130), "{queues:?}");
        assert_eq!(Turn::whole().part("arn"), 0);
    }
}
