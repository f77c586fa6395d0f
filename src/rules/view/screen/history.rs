//! Depths over time, as numbers and as bars.

use super::symbols::Symbols;
use crate::rules::view::dashboard::Rounds;
use crate::rules::view::dashboard::queues::{BUCKETS, ShownQueue, bucket};
use crate::time::Timestamp;

/// The buckets of an hour.
const HOUR: i64 = 12;

/// Returns the depth in each bucket of the last day, the oldest first.
pub fn depths(queue: &ShownQueue, rounds: &Rounds, now: Timestamp) -> Vec<Option<u64>> {
    let last = bucket(now);
    let buckets = last - BUCKETS as i64 + 1..=last;
    buckets.map(|bucket| queue.depth_in(bucket, rounds)).collect()
}

/// Returns how much the depth of a queue has changed in the last hour, or since it is known.
pub fn change_in_hour(queue: &ShownQueue, rounds: &Rounds, now: Timestamp) -> Option<i64> {
    let last = bucket(now);
    let before = (last - HOUR..last).find_map(|bucket| queue.depth_in(bucket, rounds))?;
    let signed = |depth: u64| i64::try_from(depth).unwrap_or(i64::MAX);
    Some(signed(queue.depth?) - signed(before))
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
    use crate::rules::view::dashboard::queues::{BUCKET_MS, DepthHistory};

    #[test]
    fn change_counts_from_an_hour_ago() {
        let now = Timestamp::from_millis(1000 * BUCKET_MS + 7);
        let watched = Rounds { watched: (1000 - 288 + 1..=1000).collect(), ..Rounds::default() };
        let mut rounds = watched.clone();
        rounds.watched.sort_by_key(|bucket| bucket.rem_euclid(BUCKETS as i64));
        let hour_ago: Vec<u32> = (1..=13).collect();
        let rows = [
            ("an hour", 1000, &hour_ago[..], 12, Some(12)),
            ("since it is known", 1000, &[5, 1], 0, Some(-4)),
            ("a depth that did not change", 900, &[5, 3], 2, Some(0)),
            ("a queue that was empty before", 1000, &[1, 5], 4, Some(4)),
            ("one bucket", 1000, &[5], 4, None),
            ("an unknown bucket", 1000, &[5, 0, 8], 7, Some(3)),
            ("always empty", 1000, &[], 0, Some(0)),
        ];
        for (rule, newest, buckets, depth, change) in rows {
            let depths = DepthHistory { newest, buckets: buckets.to_vec() };
            let queue = ShownQueue { depth: Some(depth), depths, ..ShownQueue::default() };
            assert_eq!(change_in_hour(&queue, &rounds, now), change, "{rule}");
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
