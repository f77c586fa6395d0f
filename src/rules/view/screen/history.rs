//! Depths over time, as numbers and as bars.

use super::symbols::Symbols;
use crate::rules::view::dashboard::queues::{BUCKET_MS, BUCKETS, DepthHistory, ShownQueue};
use crate::time::Timestamp;

/// The buckets of an hour.
pub const HOUR: usize = 12;

/// Returns the depth in each of the last buckets up to now, the oldest first. A depth that was not
/// read again has not changed: events tell changes only.
pub fn depths(history: &DepthHistory, now: Timestamp) -> Vec<Option<u64>> {
    let last = now.millis().div_euclid(BUCKET_MS);
    let known = history.buckets.len() as i64;
    let first_known = history.newest.saturating_sub(known - 1);
    let first = last - BUCKETS as i64 + 1;
    let mut depth = None;
    // The depth before the first shown bucket carries into it.
    let begin = first.min(first_known.max(first - BUCKETS as i64));
    let mut shown = Vec::with_capacity(BUCKETS);
    for bucket in begin..=last {
        let at = usize::try_from(bucket.saturating_sub(first_known)).ok();
        match at.and_then(|at| history.buckets.get(at)) {
            Some(0) | None => {}
            Some(more) => depth = Some(u64::from(*more - 1)),
        }
        if bucket >= first {
            shown.push(depth);
        }
    }
    shown
}

/// Returns how much the depth of a queue has changed in the last hour, or since it is known.
pub fn change_in_hour(queue: &ShownQueue, now: Timestamp) -> Option<i64> {
    if queue.depths.buckets.is_empty() {
        return None;
    }
    let depths = depths(&queue.depths, now);
    let before = depths.iter().rev().take(HOUR + 1).filter_map(|depth| *depth).next_back()?;
    let known = depths.iter().filter(|depth| depth.is_some()).count();
    let signed = |depth: u64| i64::try_from(depth).unwrap_or(i64::MAX);
    // One bucket alone shows no change.
    (known > 1).then(|| signed(queue.depth.unwrap_or(before)).saturating_sub(signed(before)))
}

/// Returns a row of bars, one cell each: the greatest of each part of the values.
pub fn bars(values: &[Option<u64>], cells: usize, symbols: Symbols) -> String {
    let parts = parts(values, cells);
    let most = parts.iter().flatten().max().copied().unwrap_or(0).max(1);
    let bar = |value: &Option<u64>| match value {
        None => " ",
        Some(0) => symbols.bars[0],
        Some(value) => symbols.bars[level(*value, most, 7)],
    };
    parts.iter().map(bar).collect()
}

/// Returns the greatest of each of so many equal parts of the values.
pub fn parts(values: &[Option<u64>], cells: usize) -> Vec<Option<u64>> {
    let cells = cells.max(1);
    let bounds = |at: usize| at * values.len() / cells;
    let part = |at: usize| {
        let (from, to) = (bounds(at), bounds(at + 1).max(bounds(at) + 1).min(values.len()));
        values.get(from..to).unwrap_or_default().iter().flatten().max().copied()
    };
    (0..cells).map(part).collect()
}

/// Returns the height of a bar: 0 for nothing, else at least 1.
fn level(value: u64, most: u64, heights: u64) -> usize {
    let level = (u128::from(value) * u128::from(heights)).div_ceil(u128::from(most.max(1)));
    usize::try_from(level.min(u128::from(heights))).unwrap_or(0)
}

/// Returns a chart of bars as lines, the top first.
pub fn chart(
    values: &[Option<u64>],
    cells: usize,
    height: usize,
    symbols: Symbols,
) -> (Vec<String>, u64) {
    let parts = parts(values, cells);
    let most = parts.iter().flatten().max().copied().unwrap_or(0);
    let row = |from_top: usize| {
        let below = (height - 1 - from_top) * 8;
        let cell = |value: &Option<u64>| match value {
            None => " ",
            Some(0) if below == 0 => symbols.bars[0],
            Some(value) => match level(*value, most, 8 * height as u64).saturating_sub(below) {
                0 => " ",
                eighths => symbols.bars[eighths.min(8) - 1],
            },
        };
        parts.iter().map(cell).collect()
    };
    ((0..height).map(row).collect(), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(newest: i64, buckets: &[u32], depth: u64) -> ShownQueue {
        let depths = DepthHistory { newest, buckets: buckets.to_vec() };
        ShownQueue { depth: Some(depth), depths, ..ShownQueue::default() }
    }

    #[test]
    fn change_counts_from_an_hour_ago() {
        let now = Timestamp::from_millis(1000 * BUCKET_MS + 7);
        let hour_ago: Vec<u32> = (1..=13).collect();
        let rows = [
            ("an hour", queue(1000, &hour_ago, 12), Some(12)),
            ("more than an hour", queue(1000, &[&[90; 20][..], &hour_ago].concat(), 12), Some(12)),
            ("since it is known", queue(1000, &[5, 1], 0), Some(-4)),
            ("a depth that did not change", queue(900, &[5, 3], 2), Some(0)),
            ("one bucket", queue(1000, &[5], 4), None),
            ("an unknown bucket", queue(1000, &[5, 0, 8], 7), Some(3)),
            ("nothing", queue(1000, &[], 0), None),
        ];
        for (rule, queue, change) in rows {
            assert_eq!(change_in_hour(&queue, now), change, "{rule}");
        }
    }

    #[test]
    fn bars_show_nothing_for_unknown_and_little_for_little() {
        let symbols = Symbols::new(false, false);
        let values = [None, Some(0), Some(1), Some(50), Some(100)];
        assert_eq!(bars(&values, 5, symbols), " ▁▂▅█");
        assert_eq!(bars(&values, 2, symbols), "▁█");
        assert_eq!(bars(&[], 3, symbols), "   ");
        let (lines, most) = chart(&values, 5, 2, symbols);
        assert_eq!((lines, most), (vec!["    █".to_owned(), " ▁▁██".to_owned()], 100));
    }
}
