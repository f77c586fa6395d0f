//! The time at which messages will be lost, computed from arrivals, settings and samples; no
//! message is received for it.
//!
//! A batch of arrivals came in (t0, t1]: t0 is the last reading without it, t1 the first with it.
//! In a standard queue a dead letter keeps the time of its first enqueue. The batch is therefore
//! not lost before t0 + DLQ retention − the longest retention of a source, and is lost by
//! t1 + DLQ retention. In a FIFO queue, and in a queue without a source, the time starts at
//! arrival. Nothing shows which batch a removed message belonged to: the oldest batch counts until
//! the queue is empty or the batch must have expired. SQS tells no age of a message without a
//! receive: a sample (`dlq-peek`) knows better, and narrows the range.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The most batches kept; more are joined, which widens the range and keeps it true.
const BATCHES_MAX: usize = 32;

/// Tolerance for queues that delete and count messages late.
const LATE: Duration = Duration::from_secs(300);

/// Messages that arrived after `after` and not later than `by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalBatch {
    /// The last reading without them; unknown when the queue was never seen empty.
    pub after: Option<Timestamp>,
    /// The first reading with them.
    pub by: Timestamp,
}

/// The range in which a batch is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExpiryWindow {
    /// The earliest time; null when unknown.
    pub after: Option<Timestamp>,
    /// The latest time; null when the retention is unknown.
    pub before: Option<Timestamp>,
}

impl ExpiryWindow {
    /// Narrows the window by a message that is lost at `end`.
    #[must_use]
    pub fn with_loss_at(self, end: Option<Timestamp>) -> Self {
        let before = self.before.into_iter().chain(end).min();
        let after = self.after.filter(|after| before.is_none_or(|before| *after < before));
        ExpiryWindow { after, before }
    }

    /// Returns the time from which on a message may be lost, or else the latest time of the loss.
    pub fn first(self) -> Option<Timestamp> {
        self.after.or(self.before)
    }
}

/// Returns the time at which a message is lost that was first sent at `sent_at`; none in a FIFO
/// queue, where its age counts from its arrival.
pub fn loss_of_message(
    sent_at: Option<Timestamp>,
    retention_s: Option<u64>,
    is_fifo: bool,
) -> Option<Timestamp> {
    let (sent_at, retention_s) = sent_at.zip(retention_s).filter(|_| !is_fifo)?;
    Some(sent_at.plus(Duration::from_secs(retention_s)))
}

/// The settings that decide when messages expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionSettings {
    /// The DLQ's retention, in seconds.
    pub retention_s: Option<u64>,
    /// The maximum age of an arriving message, in seconds: the longest retention of a source; zero
    /// for FIFO or without a source; `None` when unknown.
    pub age_max_s: Option<u64>,
}

/// Returns the range in which a batch is lost.
pub fn window(batch: ArrivalBatch, settings: RetentionSettings) -> ExpiryWindow {
    let retention = settings.retention_s.map(Duration::from_secs);
    let age = settings.age_max_s.map(Duration::from_secs);
    let after = match (batch.after, retention, age) {
        (Some(t0), Some(retention), Some(age)) => Some(t0.plus(retention).minus(age)),
        _ => None,
    };
    ExpiryWindow {
        // A time before t1 would mean a loss at any moment: nothing is known then.
        after: after.filter(|after| *after > batch.by),
        before: retention.map(|retention| batch.by.plus(retention)),
    }
}

/// Returns whether a message with this time of loss is gone, also from a queue that deletes late.
pub fn is_lost(end: Timestamp, at: Timestamp) -> bool {
    end.plus(LATE) <= at
}

/// Returns the batches after one more reading. `past` is the time and depth of the reading before,
/// if known.
pub fn arrive(
    mut batches: Vec<ArrivalBatch>,
    past: Option<(Timestamp, u64)>,
    depth: u64,
    at: Timestamp,
    settings: RetentionSettings,
) -> Vec<ArrivalBatch> {
    if depth == 0 {
        return Vec::new();
    }
    if past.is_none_or(|(_, before)| depth > before) {
        batches.push(ArrivalBatch { after: past.map(|(time, _)| time), by: at });
    }
    let lost = |batch: &ArrivalBatch| {
        window(*batch, settings).before.is_some_and(|before| is_lost(before, at))
    };
    while let Some(oldest) = batches.first().copied().filter(lost) {
        batches.remove(0);
        if batches.is_empty() {
            // The remaining messages arrived later, unnoticed, while others left.
            batches.push(ArrivalBatch { after: Some(oldest.by), by: at });
        }
    }
    while batches.len() > BATCHES_MAX {
        // Join the newest two: the oldest decides the expiry.
        let last = batches.len() - 1;
        let joined = ArrivalBatch { after: batches[last - 1].after, by: batches[last].by };
        batches.splice(last - 1.., [joined]);
    }
    batches
}

/// Returns the shortest tier that has been crossed, and whether that is certain. The tier counts
/// from the earliest time of loss or, when that is unknown, from the latest. `tiers` are sorted,
/// longest first.
pub fn tier(tiers: &[Duration], window: ExpiryWindow, at: Timestamp) -> Option<(Duration, bool)> {
    let (end, certain) = match window {
        ExpiryWindow { after: Some(after), .. } => (after, true),
        ExpiryWindow { before: Some(before), .. } => (before, false),
        _ => return None,
    };
    let remaining = end.since(at);
    tiers.iter().rev().find(|tier| remaining <= **tier).map(|tier| (*tier, certain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(seconds * 1000).unwrap())
    }

    fn cohort(after: u64, by: u64) -> ArrivalBatch {
        ArrivalBatch { after: Some(at(after)), by: at(by) }
    }

    fn keeps(retention: u64, age: u64) -> RetentionSettings {
        RetentionSettings { retention_s: Some(retention), age_max_s: Some(age) }
    }

    #[test]
    fn expiry_range_depends_on_retention_of_dlq_and_source() {
        let rows = [
            // AWS's own example: one day in the source, four in the DLQ: lost after three.
            ("standard", cohort(0, 30), keeps(4 * DAY, DAY), Some(3 * DAY), Some(4 * DAY + 30)),
            (
                "FIFO, or no source",
                cohort(0, 30),
                keeps(4 * DAY, 0),
                Some(4 * DAY),
                Some(4 * DAY + 30),
            ),
            (
                "equal retentions say nothing",
                cohort(0, 30),
                keeps(4 * DAY, 4 * DAY),
                None,
                Some(4 * DAY + 30),
            ),
            (
                "a window that ends with the arrival",
                cohort(0, DAY),
                keeps(2 * DAY, DAY),
                None,
                Some(3 * DAY),
            ),
        ];
        for (rule, cohort, keeps, after, before) in rows {
            assert_eq!(
                window(cohort, keeps),
                ExpiryWindow { after: after.map(at), before: before.map(at) },
                "{rule}"
            );
        }
        let never_empty = ArrivalBatch { after: None, by: at(30) };
        assert_eq!(window(never_empty, keeps(DAY, 0)).after, None);
        let unknown = RetentionSettings { age_max_s: None, ..keeps(DAY, 0) };
        assert_eq!(window(cohort(0, 30), unknown).after, None);
        assert_eq!(window(cohort(0, 30), RetentionSettings::default()), ExpiryWindow::default());
    }

    #[test]
    fn sampled_message_narrows_the_range() {
        let range = |after: Option<u64>, before: Option<u64>| ExpiryWindow {
            after: after.map(at),
            before: before.map(at),
        };
        let known = range(Some(10), Some(20));
        let rows = [
            ("no sample", known, None, known, Some(10)),
            ("lost within the range", known, Some(15), range(Some(10), Some(15)), Some(10)),
            ("lost after it", known, Some(25), known, Some(10)),
            ("lost when it begins", known, Some(10), range(None, Some(10)), Some(10)),
            ("lost before it", known, Some(5), range(None, Some(5)), Some(5)),
            ("nothing else is known", range(None, None), Some(5), range(None, Some(5)), Some(5)),
            ("nothing is known", range(None, None), None, range(None, None), None),
        ];
        for (rule, window, end, expected, first) in rows {
            let narrowed = window.with_loss_at(end.map(at));
            assert_eq!((narrowed, narrowed.first()), (expected, first.map(at)), "{rule}");
        }
    }

    #[test]
    fn message_is_lost_when_its_retention_ends_and_in_fifo_queues_nobody_knows() {
        let rows = [
            ("standard", Some(100), Some(60), false, Some(160)),
            ("FIFO", Some(100), Some(60), true, None),
            ("no sample", None, Some(60), false, None),
            ("the retention is unknown", Some(100), None, false, None),
        ];
        for (rule, sent, retention, is_fifo, expected) in rows {
            let end = loss_of_message(sent.map(at), retention, is_fifo);
            assert_eq!(end, expected.map(at), "{rule}");
        }
        let (end, late) = (at(1000), at(1300));
        assert!(is_lost(end, late) && !is_lost(end, late.minus(Duration::from_millis(1))));
    }

    #[test]
    fn oldest_batch_stays_until_empty_or_expired() {
        let k = keeps(1000, 0);
        let one = arrive(Vec::new(), Some((at(0), 0)), 2, at(10), k);
        assert_eq!(one, [cohort(0, 10)]);
        let two = arrive(one, Some((at(10), 2)), 5, at(20), k);
        assert_eq!(two, [cohort(0, 10), cohort(10, 20)]);
        let fewer = arrive(two.clone(), Some((at(20), 5)), 1, at(30), k);
        assert_eq!(fewer, two, "nothing shows which of them left");
        assert_eq!(arrive(two.clone(), Some((at(30), 5)), 0, at(40), k), []);
        let past = arrive(two.clone(), Some((at(30), 5)), 5, at(1310), k);
        assert_eq!(past, [cohort(10, 20)], "the oldest must have expired");
        let unseen = arrive(past, Some((at(1310), 5)), 5, at(1330), k);
        assert_eq!(unseen, [cohort(20, 1330)], "the remaining message came later");
    }

    #[test]
    fn expiry_of_queue_never_read_before_has_no_start() {
        let cohorts = arrive(Vec::new(), None, 2, at(10), keeps(1000, 0));
        assert_eq!(cohorts, [ArrivalBatch { after: None, by: at(10) }]);
    }

    #[test]
    fn batches_beyond_limit_are_joined_and_range_stays_true() {
        let mut cohorts = Vec::new();
        for n in 0..200 {
            cohorts = arrive(cohorts, Some((at(n), n)), n + 1, at(n + 1), keeps(100_000, 0));
        }
        assert_eq!(cohorts.len(), BATCHES_MAX);
        assert_eq!(cohorts[0], cohort(0, 1));
        assert!(cohorts.windows(2).all(|pair| Some(pair[0].by) == pair[1].after));
    }

    #[test]
    fn tier_is_shortest_one_crossed() {
        let tiers = [DAY, 6 * 3600, 3600].map(Duration::from_secs);
        let known = ExpiryWindow { after: Some(at(10 * DAY)), before: Some(at(11 * DAY)) };
        let rows = [
            (8 * DAY, None),
            (9 * DAY, Some((DAY, true))),
            (10 * DAY - 7200, Some((6 * 3600, true))),
            (10 * DAY - 60, Some((3600, true))),
            (12 * DAY, Some((3600, true))),
        ];
        for (now, expected) in rows {
            let expected = expected.map(|(s, certain)| (Duration::from_secs(s), certain));
            assert_eq!(tier(&tiers, known, at(now)), expected, "at {now}");
        }
        let last_only = ExpiryWindow { after: None, ..known };
        assert_eq!(tier(&tiers, last_only, at(10 * DAY)), Some((Duration::from_secs(DAY), false)));
        assert_eq!(tier(&tiers, ExpiryWindow::default(), at(0)), None);
    }
}
