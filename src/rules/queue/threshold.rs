//! Raise, clear and growth of a queue: hysteresis over readings.
//!
//! A reading at or above the threshold raises the queue. Only empty readings clear it: a number of
//! them in a row, over at least a minute, because counts need that long to settle. A failed reading
//! starts the streak again. A raised queue between zero and the threshold stays raised.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The shortest streak of empty readings that clears: counts of SQS settle within about a minute.
pub const SETTLED: Duration = Duration::from_secs(60);

/// Consecutive readings of an empty queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmptyStreak {
    /// The time of the first one.
    pub since: Timestamp,
    #[serde(rename = "samples")]
    pub readings: u64,
}

/// Whether a depth begins an incident.
pub fn raises(threshold: u64, depth: u64) -> bool {
    depth >= threshold.max(1)
}

/// Returns the streak after one more reading; a depth of `None` could not be read and ends it.
pub fn zeros(past: Option<EmptyStreak>, depth: Option<u64>, at: Timestamp) -> Option<EmptyStreak> {
    (depth == Some(0)).then(|| match past {
        Some(run) => EmptyStreak { readings: run.readings + 1, ..run },
        None => EmptyStreak { since: at, readings: 1 },
    })
}

/// Whether a streak of empty readings ends the incident.
pub fn clears(clear_after: u64, run: Option<EmptyStreak>, at: Timestamp) -> bool {
    run.is_some_and(|run| run.readings >= clear_after && at.since(run.since) >= SETTLED)
}

/// Returns the depth at which growth is reported next, after `depth` was reported: the first step
/// of `raised_depth` × `factor`ⁿ above it.
pub fn next_step(raised_depth: u64, factor: u64, depth: u64) -> u64 {
    let mut step = raised_depth.max(1);
    while step <= depth {
        match step.checked_mul(factor.max(2)) {
            Some(next) => step = next,
            None => return u64::MAX,
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// Returns the edges of readings (second, depth; `None` for a failed reading).
    fn story(readings: &[(i64, Option<u64>)], threshold: u64) -> Vec<(i64, &'static str)> {
        let (mut raised, mut run, mut edges) = (false, None, Vec::new());
        for &(second, depth) in readings {
            run = zeros(run, depth, at(second));
            if !raised && depth.is_some_and(|depth| raises(threshold, depth)) {
                raised = true;
                edges.push((second, "raised"));
            } else if raised && clears(2, run, at(second)) {
                raised = false;
                edges.push((second, "cleared"));
            }
        }
        edges
    }

    #[test]
    fn raise_at_threshold_and_clear_after_two_zeros() {
        type Row = (&'static str, &'static [(i64, Option<u64>)], &'static [(i64, &'static str)]);
        let rows: [Row; 7] = [
            ("one reading at the threshold raises", &[(0, Some(2))], &[(0, "raised")]),
            ("below it nothing happens", &[(0, Some(1)), (30, Some(0))], &[]),
            (
                "3,0,3,0 within a minute: one raise, no clear",
                &[(0, Some(3)), (15, Some(0)), (30, Some(3)), (45, Some(0))],
                &[(0, "raised")],
            ),
            (
                "two zeros 5 s apart do not clear",
                &[(0, Some(3)), (5, Some(0)), (10, Some(0))],
                &[(0, "raised")],
            ),
            (
                "two zeros a minute apart clear",
                &[(0, Some(3)), (30, Some(0)), (90, Some(0))],
                &[(0, "raised"), (90, "cleared")],
            ),
            (
                "a miss starts the run anew",
                &[
                    (0, Some(3)),
                    (30, Some(0)),
                    (60, None),
                    (90, Some(0)),
                    (120, Some(0)),
                    (150, Some(0)),
                ],
                &[(0, "raised"), (150, "cleared")],
            ),
            (
                "between zero and the threshold it stays raised",
                &[
                    (0, Some(3)),
                    (30, Some(1)),
                    (90, Some(1)),
                    (150, Some(0)),
                    (180, Some(3)),
                    (240, Some(0)),
                ],
                &[(0, "raised")],
            ),
        ];
        for (rule, readings, edges) in rows {
            assert_eq!(story(readings, 2), edges, "{rule}");
        }
    }

    /// Every sequence of six readings over five depths: edges alternate and begin with a raise,
    /// and no clear comes without two zeros that span a minute.
    #[test]
    fn edges_alternate_over_every_short_history() {
        let depths = [None, Some(0), Some(1), Some(2), Some(50)];
        for code in 0..depths.len().pow(6) {
            let pick = |n: u32| depths[code / depths.len().pow(n) % depths.len()];
            let readings: Vec<_> = (0..6).map(|n| (i64::from(n) * 30, pick(n))).collect();
            let edges = story(&readings, 2);
            for (n, edge) in edges.iter().enumerate() {
                assert_eq!(edge.1, if n % 2 == 0 { "raised" } else { "cleared" }, "{readings:?}");
            }
            for (second, _) in edges.iter().filter(|edge| edge.1 == "cleared") {
                let last = usize::try_from(second / 30).unwrap();
                assert!(
                    readings[last - 2..=last].iter().all(|one| one.1 == Some(0)),
                    "{readings:?}"
                );
            }
        }
    }

    #[test]
    fn growth_steps_double() {
        let rows = [
            (3, 2, 3, 6),
            (3, 2, 6, 12),
            (3, 2, 50, 96),
            (1, 2, 1, 2),
            (1, 10, 99, 100),
            (1, 10, 100, 1000),
        ];
        for (raised, factor, depth, step) in rows {
            assert_eq!(next_step(raised, factor, depth), step, "{raised} x{factor} at {depth}");
        }
        assert_eq!(next_step(u64::MAX - 1, 2, u64::MAX - 1), u64::MAX);
    }
}
