//! When messages will be lost, told from arrivals and settings alone: nothing is received.
//!
//! A cohort is what arrived in (t0, t1]: t0 is the last sample without it, t1 the first with it.
//! A standard queue keeps the time of the first enqueue when a message dies, so that a cohort is
//! not lost before t0 + DLQ retention − the longest retention of a source, and is lost by
//! t1 + DLQ retention. A FIFO queue starts the time anew, and so does a queue without a source.
//! Which of several cohorts a message that left belonged to nobody can tell: the oldest counts
//! until the queue is empty or its last moment has passed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// More cohorts than this are joined: the window widens, and stays true.
const COHORTS_MAX: usize = 32;

/// A queue may let go of its messages, and count them, a little late.
const LATE: Duration = Duration::from_secs(300);

/// Messages that arrived after `after` and not later than `by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    /// The last sample without them; unknown when the queue was never seen empty.
    pub after: Option<Timestamp>,
    /// The first sample with them.
    pub by: Timestamp,
}

/// When a cohort is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Not before this; null when nothing is known.
    pub after: Option<Timestamp>,
    /// By this; null when the retention is unknown.
    pub before: Option<Timestamp>,
}

/// The settings that decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keeps {
    /// The DLQ's retention, in seconds.
    pub retention_s: Option<u64>,
    /// How old a message may already be when it arrives, in seconds: the longest retention of a
    /// source; zero for FIFO or without a source; `None` when unknown.
    pub age_max_s: Option<u64>,
}

/// The window of a cohort.
pub fn window(cohort: Cohort, keeps: Keeps) -> Window {
    let retention = keeps.retention_s.map(Duration::from_secs);
    let age = keeps.age_max_s.map(Duration::from_secs);
    let after = match (cohort.after, retention, age) {
        (Some(t0), Some(retention), Some(age)) => Some(t0.plus(retention).minus(age)),
        _ => None,
    };
    Window {
        // Not after t1 means that they could be lost at any moment: that is no knowledge.
        after: after.filter(|after| *after > cohort.by),
        before: retention.map(|retention| cohort.by.plus(retention)),
    }
}

/// The cohorts after one more sample. `past` is the last reading before it, as far as one is
/// known: its time and depth.
pub fn arrive(
    mut cohorts: Vec<Cohort>,
    past: Option<(Timestamp, u64)>,
    depth: u64,
    at: Timestamp,
    keeps: Keeps,
) -> Vec<Cohort> {
    if depth == 0 {
        return Vec::new();
    }
    if past.is_none_or(|(_, before)| depth > before) {
        cohorts.push(Cohort { after: past.map(|(time, _)| time), by: at });
    }
    let lost = |cohort: &Cohort| {
        window(*cohort, keeps).before.is_some_and(|before| before.plus(LATE) <= at)
    };
    while let Some(oldest) = cohorts.first().copied().filter(lost) {
        cohorts.remove(0);
        if cohorts.is_empty() {
            // Something is left, so it came later, unseen, while others went.
            cohorts.push(Cohort { after: Some(oldest.by), by: at });
        }
    }
    while cohorts.len() > COHORTS_MAX {
        // The newest two: the oldest counts, and stays what it is.
        let last = cohorts.len() - 1;
        let joined = Cohort { after: cohorts[last - 1].after, by: cohorts[last].by };
        cohorts.splice(last - 1.., [joined]);
    }
    cohorts
}

/// The deepest tier that has been crossed, and whether that is certain: counted from the first
/// moment at which something may be lost, or, when that is unknown, from the last. `tiers` goes
/// from the longest to the shortest.
pub fn tier(tiers: &[Duration], window: Window, at: Timestamp) -> Option<(Duration, bool)> {
    let (end, certain) = match window {
        Window { after: Some(after), .. } => (after, true),
        Window { before: Some(before), .. } => (before, false),
        _ => return None,
    };
    let left = end.since(at);
    tiers.iter().rev().find(|tier| left <= **tier).map(|tier| (*tier, certain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(seconds * 1000).unwrap())
    }

    fn cohort(after: u64, by: u64) -> Cohort {
        Cohort { after: Some(at(after)), by: at(by) }
    }

    fn keeps(retention: u64, age: u64) -> Keeps {
        Keeps { retention_s: Some(retention), age_max_s: Some(age) }
    }

    #[test]
    fn windows() {
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
                Window { after: after.map(at), before: before.map(at) },
                "{rule}"
            );
        }
        let never_empty = Cohort { after: None, by: at(30) };
        assert_eq!(window(never_empty, keeps(DAY, 0)).after, None);
        let unknown = Keeps { age_max_s: None, ..keeps(DAY, 0) };
        assert_eq!(window(cohort(0, 30), unknown).after, None);
        assert_eq!(window(cohort(0, 30), Keeps::default()), Window::default());
    }

    #[test]
    fn the_oldest_cohort_stays_until_empty_or_past() {
        let k = keeps(1000, 0);
        let one = arrive(Vec::new(), Some((at(0), 0)), 2, at(10), k);
        assert_eq!(one, [cohort(0, 10)]);
        let two = arrive(one, Some((at(10), 2)), 5, at(20), k);
        assert_eq!(two, [cohort(0, 10), cohort(10, 20)]);
        let fewer = arrive(two.clone(), Some((at(20), 5)), 1, at(30), k);
        assert_eq!(fewer, two, "which of them left nobody can tell");
        assert_eq!(arrive(two.clone(), Some((at(30), 5)), 0, at(40), k), []);
        let past = arrive(two.clone(), Some((at(30), 5)), 5, at(1310), k);
        assert_eq!(past, [cohort(10, 20)], "its last moment has passed");
        let unseen = arrive(past, Some((at(1310), 5)), 5, at(1330), k);
        assert_eq!(unseen, [cohort(20, 1330)], "what is left came later");
    }

    #[test]
    fn a_queue_that_was_never_read_before_has_no_first_moment() {
        let cohorts = arrive(Vec::new(), None, 2, at(10), keeps(1000, 0));
        assert_eq!(cohorts, [Cohort { after: None, by: at(10) }]);
    }

    #[test]
    fn many_cohorts_are_joined_and_the_window_stays_true() {
        let mut cohorts = Vec::new();
        for n in 0..200 {
            cohorts = arrive(cohorts, Some((at(n), n)), n + 1, at(n + 1), keeps(100_000, 0));
        }
        assert_eq!(cohorts.len(), COHORTS_MAX);
        assert_eq!(cohorts[0], cohort(0, 1));
        assert!(cohorts.windows(2).all(|pair| Some(pair[0].by) == pair[1].after));
    }

    #[test]
    fn only_the_deepest_tier_crossed_counts() {
        let tiers = [DAY, 6 * 3600, 3600].map(Duration::from_secs);
        let known = Window { after: Some(at(10 * DAY)), before: Some(at(11 * DAY)) };
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
        let last_only = Window { after: None, ..known };
        assert_eq!(tier(&tiers, last_only, at(10 * DAY)), Some((Duration::from_secs(DAY), false)));
        assert_eq!(tier(&tiers, Window::default(), at(0)), None);
    }
}
