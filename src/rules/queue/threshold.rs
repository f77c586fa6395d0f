//! When a queue is raised, when it is cleared, and when it has grown: hysteresis over samples.
//!
//! One sample at or over the threshold raises. Only zeros clear: so many in a row, and over at
//! least a minute, because counts may not settle sooner; a miss starts that run anew. Between
//! zero and the threshold a raised queue stays raised.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Zeros clear only when they span this: AWS's counts settle within about a minute.
pub const SETTLED: Duration = Duration::from_secs(60);

/// Zeros in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zeros {
    /// The first of them.
    pub since: Timestamp,
    /// How many.
    pub samples: u64,
}

/// Whether a depth begins an incident.
pub fn raises(threshold: u64, depth: u64) -> bool {
    depth >= threshold.max(1)
}

/// The run of zeros after one more sample: `None` for a depth that could not be read.
pub fn zeros(past: Option<Zeros>, depth: Option<u64>, at: Timestamp) -> Option<Zeros> {
    (depth == Some(0)).then(|| match past {
        Some(run) => Zeros { samples: run.samples + 1, ..run },
        None => Zeros { since: at, samples: 1 },
    })
}

/// Whether a run of zeros ends the incident.
pub fn clears(clear_after: u64, run: Option<Zeros>, at: Timestamp) -> bool {
    run.is_some_and(|run| run.samples >= clear_after && at.since(run.since) >= SETTLED)
}

/// The depth at which growth is told next, after `depth` has been told: the first step of
/// `raised_depth` × `factor`ⁿ above it.
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

    /// Feeds samples (second, depth; `None` for a miss) and tells the edges as they come.
    fn story(samples: &[(i64, Option<u64>)], threshold: u64) -> Vec<(i64, &'static str)> {
        let (mut raised, mut run, mut edges) = (false, None, Vec::new());
        for &(second, depth) in samples {
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
    fn stories() {
        type Row = (&'static str, &'static [(i64, Option<u64>)], &'static [(i64, &'static str)]);
        let rows: [Row; 7] = [
            ("one sample at the threshold raises", &[(0, Some(2))], &[(0, "raised")]),
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
        for (rule, samples, edges) in rows {
            assert_eq!(story(samples, 2), edges, "{rule}");
        }
    }

    /// Every sequence of six samples over five depths: edges alternate and begin with a raise,
    /// and no clear comes without two zeros that span a minute.
    #[test]
    fn edges_alternate_over_every_short_history() {
        let depths = [None, Some(0), Some(1), Some(2), Some(50)];
        for code in 0..depths.len().pow(6) {
            let pick = |n: u32| depths[code / depths.len().pow(n) % depths.len()];
            let samples: Vec<_> = (0..6).map(|n| (i64::from(n) * 30, pick(n))).collect();
            let edges = story(&samples, 2);
            for (n, edge) in edges.iter().enumerate() {
                assert_eq!(edge.1, if n % 2 == 0 { "raised" } else { "cleared" }, "{samples:?}");
            }
            for (second, _) in edges.iter().filter(|edge| edge.1 == "cleared") {
                let last = usize::try_from(second / 30).unwrap();
                assert!(samples[last - 2..=last].iter().all(|s| s.1 == Some(0)), "{samples:?}");
            }
        }
    }

    #[test]
    fn growth_is_told_at_doublings() {
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
