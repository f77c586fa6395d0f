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
    let mut number = (last + 1).max(missed);
    while tick(number) <= passed {
        number += 1;
    }
    (number, tick(number))
}

#[cfg(test)]
mod tests {
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
        let (number, moment) = next_tick(3, interval, Duration::from_secs(301), 7);
        assert!(number == 10 || number == 11, "a round of 200 s skips the ticks in between");
        assert!(moment > Duration::from_secs(301));
    }

    #[test]
    fn ticks_of_two_pollers_differ() {
        let moments: Vec<_> = (0..20)
            .map(|salt| next_tick(0, Duration::from_secs(30), Duration::ZERO, salt).1)
            .collect();
        assert!(moments.iter().any(|moment| *moment != moments[0]));
    }
}
