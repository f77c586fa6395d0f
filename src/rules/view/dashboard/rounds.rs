//! The rounds of `dlq-poll`: the heartbeat, and the spans in which queues were watched.

use std::collections::VecDeque;
use std::time::Duration;

use super::buckets::{BUCKETS, bucket};
use super::limits;
use crate::event::ShownData;
use crate::rules::queue::asked::FORGOTTEN_AFTER;
use crate::time::Timestamp;

/// The gaps between rounds that decide the usual one.
const GAPS: usize = 5;
/// The time between two rounds in which queues always count as watched.
const WATCHED: Duration = Duration::from_secs(15 * 60);

/// The rounds of `dlq-poll`.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Rounds {
    /// The end of the newest round; None before the first one.
    pub last: Option<Timestamp>,
    /// The newest round by the document of queues; None without one.
    pub recorded: Option<Timestamp>,
    /// The usual time between two rounds, in milliseconds; None before the second one.
    pub interval_ms: Option<u64>,
    /// The begin of that round.
    pub began: Option<Timestamp>,
    /// The queues of the newest round, also those that it left to a later one.
    pub queues: Option<u64>,
    /// Queues, scopes and policies that could not be read in the newest round.
    pub unread: u64,
    pub usd_month: Option<crate::money::Usd>,
    /// The newest failure of a scope, and its time, until a later round that was to ask the same reads
    /// everything.
    pub failure: Option<(Timestamp, Box<str>)>,
    /// The part that the round of that failure was to ask, where its event says so.
    pub failed_asked: Option<Box<str>>,
    /// The newest gaps between rounds, in milliseconds.
    pub gaps: VecDeque<u64>,
    /// The buckets of a day in which rounds have finished, each at its number modulo [`BUCKETS`].
    pub watched: Vec<i64>,
}

impl Rounds {
    /// Takes the end of a round.
    pub(super) fn finish(&mut self, at: Timestamp, data: &ShownData<'_>) {
        if self.last.is_some_and(|last| at < last) {
            self.mark(bucket(at), bucket(at));
            return;
        }
        let before = self.last.replace(at);
        self.began = data.duration_ms.map(|took| at.minus(Duration::from_millis(took)));
        self.queues = data.queues.map(|read| read.saturating_add(data.postponed.unwrap_or(0)));
        let unread = [data.unreadable, data.unlisted, data.unsurveyed];
        self.unread = unread.into_iter().flatten().fold(0, u64::saturating_add);
        self.usd_month = data.usd_month;
        let is_other = |failed: &str| data.asked.as_deref().is_some_and(|asked| asked != failed);
        let is_other = self.failed_asked.as_deref().is_some_and(is_other);
        let is_over =
            |failed: Timestamp| failed < at && (!is_other || at.since(failed) > FORGOTTEN_AFTER);
        if self.unread == 0 && self.failure.as_ref().is_some_and(|(failed, _)| is_over(*failed)) {
            (self.failure, self.failed_asked) = (None, None);
        }
        let Some(before) = before else {
            return self.mark(bucket(at), bucket(at));
        };
        let gap = at.since(before);
        let is_watched = gap <= self.watched_gap();
        let first = if is_watched { bucket(before) + 1 } else { bucket(at) };
        self.mark(first.min(bucket(at)), bucket(at));
        if !gap.is_zero() {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back(u64::try_from(gap.as_millis()).unwrap_or(u64::MAX));
            let mut sorted: Vec<u64> = self.gaps.iter().copied().collect();
            sorted.sort_unstable();
            self.interval_ms = sorted.get((sorted.len() - 1) / 2).copied();
        }
    }

    /// Takes the failure of a round or of a part of it.
    pub(super) fn fail(&mut self, at: Timestamp, data: &ShownData<'_>) {
        if self.failure.as_ref().is_none_or(|(failed, _)| *failed <= at) {
            let reason = limits::field(data.reason.as_deref());
            self.failure = Some((at, reason.unwrap_or_else(|| "unknown reason".into())));
            self.failed_asked = limits::field(data.asked.as_deref());
        }
    }

    /// Returns the longest time between two rounds in which nothing changes unseen: while they are as
    /// frequent as usual.
    fn watched_gap(&self) -> Duration {
        let usual = Duration::from_millis(self.interval_ms.unwrap_or(0));
        WATCHED.max(usual.saturating_mul(3))
    }

    fn mark(&mut self, first: i64, last: i64) {
        self.watched.resize(BUCKETS, i64::MIN);
        for bucket in first.max(last - BUCKETS as i64 + 1)..=last {
            let slot = &mut self.watched[bucket.rem_euclid(BUCKETS as i64) as usize];
            *slot = bucket.max(*slot);
        }
    }

    /// Returns whether queues were watched in a bucket: a queue without an event there has not changed.
    pub fn was_watched(&self, bucket: i64) -> bool {
        self.watched.get(bucket.rem_euclid(BUCKETS as i64) as usize) == Some(&bucket)
    }

    /// Returns the same at a moment, at which no round may have finished yet in the newest buckets.
    pub fn is_watched(&self, bucket: i64, now: Timestamp) -> bool {
        let is_recent = |last: Timestamp| {
            let after_last = super::buckets::bucket(last) + 1..=super::buckets::bucket(now);
            after_last.contains(&bucket) && now.since(last) <= self.watched_gap()
        };
        self.was_watched(bucket) || self.last.is_some_and(is_recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 * 300_000 + minutes * 60_000)
    }

    fn after(minutes: &[i64]) -> Rounds {
        let mut rounds = Rounds::default();
        minutes.iter().for_each(|minute| rounds.finish(at(*minute), &ShownData::default()));
        rounds
    }

    #[test]
    fn failure_is_over_with_a_round_that_was_to_ask_the_same() {
        let data = |asked: Option<&'static str>| ShownData {
            asked: asked.map(Into::into),
            reason: Some("denied".into()),
            ..ShownData::default()
        };
        // Who has failed, who finishes a round, after how many minutes, and whether it is over.
        let day = 24 * 60;
        let rows = [
            (Some("a"), Some("a"), 1, true),
            (Some("a"), Some("b"), 1, false),
            (Some("a"), None, 1, true),
            (None, Some("b"), 1, true),
            (Some("a"), Some("b"), day, false),
            (Some("a"), Some("b"), day + 61, true),
            (Some("a"), Some("a"), 0, false),
        ];
        for (failed, asked, after, over) in rows {
            let mut rounds = Rounds::default();
            rounds.fail(at(0), &data(failed));
            rounds.finish(at(after), &data(asked));
            assert_eq!(rounds.failure.is_none(), over, "{failed:?}, {asked:?} after {after}");
        }
    }

    #[test]
    fn usual_interval_survives_an_outage() {
        assert_eq!(after(&[]).interval_ms, None);
        assert_eq!(after(&[0]).interval_ms, None);
        assert_eq!(after(&[0, 1]).interval_ms, Some(60_000));
        assert_eq!(after(&[0, 1, 2, 600, 601]).interval_ms, Some(60_000));
        assert_eq!(after(&[0, 0, 60, 120]).interval_ms, Some(3_600_000));
    }

    #[test]
    fn buckets_are_watched_between_usual_rounds_only() {
        let watched = |minutes: &[i64]| -> Vec<i64> {
            let rounds = after(minutes);
            (0..40).filter(|n| rounds.was_watched(1_000_000 + n)).collect()
        };
        assert_eq!(watched(&[]), [0; 0]);
        assert_eq!(watched(&[0, 10]), [0, 1, 2]);
        assert_eq!(watched(&[0, 1, 2, 100]), [0, 20], "an outage");
        assert_eq!(watched(&[0, 60]), [0, 12], "not usual yet");
        assert_eq!(watched(&[0, 60, 120])[2..], (13..=24).collect::<Vec<_>>(), "usual");
        assert_eq!(watched(&[20, 0]), [0, 4], "late");
    }

    #[test]
    fn newest_buckets_are_watched_until_a_round_is_late() {
        let watched = |minutes: &[i64], now: i64| -> Vec<i64> {
            let rounds = after(minutes);
            (0..40).filter(|n| rounds.is_watched(1_000_000 + n, at(now))).collect()
        };
        assert_eq!(watched(&[], 6), [0; 0], "no round at all");
        assert_eq!(watched(&[4], 5), [0, 1], "a bucket has begun");
        assert_eq!(watched(&[4], 19), [0, 1, 2, 3]);
        assert_eq!(watched(&[4], 20), [0], "a round is late");
        assert_eq!(watched(&[9], 4), [1], "a clock that was set back");
    }

    #[test]
    fn unread_parts_are_counted_whatever_they_are() {
        let unread = |data: ShownData<'_>| {
            let mut rounds = after(&[0]);
            rounds.finish(at(1), &data);
            rounds.unread
        };
        let none = ShownData::default;
        assert_eq!(unread(none()), 0);
        assert_eq!(unread(ShownData { unreadable: Some(1), ..none() }), 1);
        assert_eq!(unread(ShownData { unlisted: Some(2), ..none() }), 2);
        assert_eq!(unread(ShownData { unsurveyed: Some(3), unlisted: Some(1), ..none() }), 4);
    }

    #[test]
    fn queues_of_a_round_include_those_left_to_a_later_one() {
        let rows = [(Some(5), Some(36), Some(41)), (Some(5), None, Some(5)), (None, Some(1), None)];
        for (queues, postponed, expected) in rows {
            let mut rounds = after(&[0]);
            rounds.finish(at(1), &ShownData { queues, postponed, ..ShownData::default() });
            assert_eq!(rounds.queues, expected, "{queues:?} {postponed:?}");
        }
    }

    #[test]
    fn failure_stays_until_a_round_reads_everything() {
        let mut rounds = after(&[0]);
        rounds.fail(at(1), &ShownData { reason: Some("denied".into()), ..ShownData::default() });
        rounds.finish(at(2), &ShownData { unlisted: Some(1), ..ShownData::default() });
        assert_eq!((rounds.unread, rounds.failure.is_some()), (1, true));
        rounds.finish(at(3), &ShownData::default());
        assert_eq!((rounds.unread, rounds.failure, rounds.queues), (0, None, None));
    }
}
