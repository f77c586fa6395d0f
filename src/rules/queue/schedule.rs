//! The start of the next round: a fixed interval with a little jitter, one round at a time.

use std::time::Duration;

/// Returns the number and the time, since the start of the program, of the tick after `last`. Ticks
/// that passed during a long round are skipped, so that rounds neither drift nor pile up. The
/// jitter, chosen by `salt`, is less than a tenth of the interval, so that many pollers do not ask
/// at once.
pub fn next_tick(last: u64, interval: Duration, passed: Duration, salt: u64) -> (u64, Duration) {
    let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let tick = |number: u64| {
        let scattered = (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let jitter = scattered % (millis / 10).max(1);
        Duration::from_millis(number.saturating_mul(millis).saturating_add(jitter))
    };
    let missed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX) / millis;
    let ahead = if tick(missed) > passed { missed } else { missed + 1 };
    let number = ahead.max(last + 1);
    (number, tick(number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ticks_neither_drift_nor_pile_up() {
        let interval = Duration::from_secs(30);
        let mut last = 0;
        for n in 1..1000 {
            // Every round takes a second.
            let (number, moment) =
                next_tick(last, interval, interval * (n - 1) + Duration::from_secs(4), 7);
            assert_eq!(number, u64::from(n));
            assert!(moment >= interval * n && moment < interval * n + interval / 10, "{moment:?}");
            last = number;
        }
        // A round of over 200 s skips the ticks in between. The tenth has passed at its own moment.
        let after = |passed| next_tick(3, interval, passed, 7);
        let (number, tenth) = after(Duration::from_secs(300));
        assert_eq!(number, 10);
        let before = tenth.saturating_sub(Duration::from_millis(1));
        let passed = [Duration::from_secs(299), before, tenth, Duration::from_secs(304)];
        assert_eq!(passed.map(|passed| after(passed).0), [10, 10, 11, 11]);
    }

    #[test]
    fn ticks_of_two_pollers_differ() {
        let interval = Duration::from_secs(30);
        let first = |salt| next_tick(0, interval, Duration::ZERO, salt);
        let moments: BTreeSet<_> = (0..20).map(|salt| first(salt).1).collect();
        assert_eq!(moments.len(), 20);
        assert!(moments.iter().all(|moment| *moment >= interval), "the first round has been");
    }
}
