//! Shards: the share of the queues that one of several instances polls. Pure.
//!
//! Instances agree without talking to each other: a queue is in the shard that a hash of its ARN
//! gives. The hash is fixed for all versions, because instances of two versions may run at once.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// The most shards.
pub const SHARDS_MAX: u32 = 1000;
/// A record that was not attempted for so many intervals, and for at least [`ABANDONED_AFTER`], is
/// abandoned.
const ABANDONED_INTERVALS: u32 = 10;
/// The least time after which a record is abandoned: runs of cron are often minutes apart.
const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);

/// A shard, by its number and the number of all shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The number of the shard, from 1 to `count`.
    number: u32,
    count: u32,
}

impl Shard {
    /// Reads `I/N`, as in `2/3`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u32>().ok().filter(|_| is_plain)
        };
        let (part, all) = text.trim().split_once('/')?;
        let shard = Shard { number: number(part)?, count: number(all)? };
        let is_valid = (1..=shard.count).contains(&shard.number) && shard.count <= SHARDS_MAX;
        is_valid.then_some(shard)
    }

    /// Whether the queue of this ARN is in the shard.
    pub fn has(self, arn: &str) -> bool {
        jump_hash(arn_hash(arn, 0), self.count) + 1 == self.number
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// Returns a hash of an ARN. Different purposes take different hashes, so that their parts do not
/// depend on each other.
pub(super) fn arn_hash(arn: &str, purpose: usize) -> u64 {
    let digest = Sha256::digest(arn);
    let bytes = digest.iter().skip(purpose * 8).take(8);
    bytes.fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Returns the bucket of a key, from 0 to `buckets` - 1: jump consistent hash, of Lamping and Veach.
/// With one bucket more, one key of `buckets` + 1 moves, to the new bucket; no other key does.
fn jump_hash(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = (bucket + 1) * (1 << 31) / ((key >> 33) + 1);
    }
    u32::try_from(bucket).unwrap_or(u32::MAX)
}

/// Whether an instance polls a queue because of its record alone. The record of another shard's
/// queue is left to that shard, unless nobody polls it: the number of shards was changed, or the
/// instance of that shard is gone. `attempted_at` is when anybody last tried to read it.
pub fn polls_recorded(
    shard: Option<Shard>,
    arn: &str,
    attempted_at: Timestamp,
    interval: Duration,
    now: Timestamp,
) -> bool {
    let abandoned_after = ABANDONED_AFTER.max(interval.saturating_mul(ABANDONED_INTERVALS));
    shard.is_none_or(|shard| shard.has(arn)) || now.since(attempted_at) > abandoned_after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(number: usize) -> String {
        format!("arn:aws:sqs:eu-west-1:123456789012:orders-{number}-dlq")
    }

    fn shard_of(arn: &str, count: u32) -> u32 {
        jump_hash(arn_hash(arn, 0), count) + 1
    }

    #[test]
    fn shard_is_two_numbers() {
        let rows = [
            ("1/1", Some((1, 1))),
            ("2/3", Some((2, 3))),
            (" 1000/1000 ", Some((1000, 1000))),
            ("0/3", None),
            ("4/3", None),
            ("1/1001", None),
            ("1/0", None),
            ("3", None),
            ("", None),
            ("1/", None),
            ("+1/3", None),
            ("1/ 3", None),
            ("1/3/5", None),
            ("-1/3", None),
            ("1/99999999999", None),
        ];
        for (text, expected) in rows {
            let parsed = Shard::parse(text);
            assert_eq!(parsed.map(|shard| (shard.number, shard.count)), expected, "{text:?}");
            if let Some(shard) = parsed {
                assert_eq!(shard.to_string(), text.trim());
            }
        }
    }

    /// Machines of all versions have to agree: this table never changes.
    #[test]
    fn shards_of_known_queues_never_change() {
        let rows = [
            ("arn:aws:sqs:us-east-1:123456789012:orders-dlq", [1, 2, 2, 2, 50, 538]),
            ("arn:aws:sqs:us-east-1:123456789012:billing-dlq", [1, 2, 3, 3, 20, 423]),
            ("arn:aws:sqs:sa-east-1:210987654321:orders-dlq", [1, 1, 3, 3, 39, 204]),
            ("arn:aws:sqs:eu-west-1:123456789012:payments-dlq.fifo", [1, 1, 1, 1, 44, 298]),
            ("arn:aws-cn:sqs:cn-north-1:123456789012:DeadLetters", [1, 1, 3, 7, 41, 785]),
            ("", [1, 2, 3, 6, 23, 23]),
        ];
        for (arn, shards) in rows {
            let found = [1, 2, 3, 10, 50, 1000].map(|count| shard_of(arn, count));
            assert_eq!(found, shards, "{arn}");
        }
    }

    #[test]
    fn queue_is_in_exactly_one_shard() {
        for count in [1, 2, 3, 7, 100] {
            for number in 0..300 {
                let has = |shard: &u32| Shard { number: *shard, count }.has(&arn(number));
                assert_eq!((1..=count).filter(has).count(), 1, "{number} of {count}");
            }
        }
    }

    #[test]
    fn shards_are_even() {
        for count in [2, 3, 10, 50] {
            let mut queues = vec![0_u32; count as usize];
            (0..10_000).for_each(|n| queues[shard_of(&arn(n), count) as usize - 1] += 1);
            let even = 10_000 / count;
            let most = queues.iter().map(|queues| queues.abs_diff(even)).max().unwrap();
            // Four standard deviations of a fair choice.
            assert!(f64::from(most) < 4.0 * f64::from(even).sqrt(), "{count}: {most} of {even}");
        }
    }

    /// From N to N + 1 shards one queue of N + 1 moves, and each to the new shard.
    #[test]
    fn change_of_number_moves_few_queues() {
        for count in [1, 2, 3, 10, 49] {
            let moved = (0..10_000).map(arn).filter(|arn| {
                let (before, after) = (shard_of(arn, count), shard_of(arn, count + 1));
                assert!(before == after || after == count + 1, "{arn}: {before} to {after}");
                before != after
            });
            let (moved, expected) = (moved.count() as f64, 10_000.0 / f64::from(count + 1));
            assert!((moved - expected).abs() < 4.0 * expected.sqrt(), "{count}: {moved}");
        }
    }

    #[test]
    fn record_of_another_shard_is_polled_once_nobody_does() {
        let all = [1, 2].map(|number| Shard { number, count: 2 });
        let arn = arn(0);
        let own = all.into_iter().find(|shard| shard.has(&arn)).unwrap();
        let other = all.into_iter().find(|shard| *shard != own).unwrap();
        let (short, long) = (Duration::from_secs(30), Duration::from_secs(3600));
        // The shard of the instance, its interval, the age of the record in seconds.
        let rows = [
            ("without shards", None, short, 0, true),
            ("its own", Some(own), short, 0, true),
            ("of another shard", Some(other), short, 30, false),
            ("of another shard, some missed rounds", Some(other), short, 15 * 60, false),
            ("abandoned", Some(other), short, 15 * 60 + 1, true),
            ("of another shard with long intervals", Some(other), long, 10 * 3600, false),
            ("abandoned for long intervals", Some(other), long, 10 * 3600 + 1, true),
            ("a clock that was ahead", Some(other), short, -3600, false),
        ];
        let now = Timestamp::from_millis(1_790_000_000_000);
        for (rule, shard, interval, age, expected) in rows {
            let attempted = Timestamp::from_millis(now.millis() - age * 1000);
            let polls = polls_recorded(shard, &arn, attempted, interval, now);
            assert_eq!(polls, expected, "{rule}");
        }
    }
}
