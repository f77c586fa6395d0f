//! When the next round begins: on the beat, with a little jitter, and never two at once.

use std::time::Duration;

/// The beat after the one numbered `last`, counted from the start of the program: its number and
/// its moment. Beats that have passed while a round took its time are left out, so that rounds
/// neither drift nor pile up. Jitter, by `salt`, is under a tenth of the interval, so that many
/// pollers do not ask at once.
pub fn next(last: u64, interval: Duration, passed: Duration, salt: u64) -> (u64, Duration) {
    let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let beat = |number: u64| {
        let scattered = (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let jitter = scattered % (millis / 10).max(1);
        Duration::from_millis(number.saturating_mul(millis).saturating_add(jitter))
    };
    let missed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX) / millis;
    let mut number = (last + 1).max(missed);
    while beat(number) <= passed {
        number += 1;
    }
    (number, beat(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_do_not_drift_and_do_not_pile_up() {
        let interval = Duration::from_secs(30);
        let mut last = 0;
        for n in 1..1000 {
            // Every round takes a second.
            let (number, moment) =
                next(last, interval, interval * (n - 1) + Duration::from_secs(4), 7);
            assert_eq!(number, u64::from(n));
            assert!(moment >= interval * n && moment < interval * n + interval / 10, "{moment:?}");
            last = number;
        }
        let (number, moment) = next(3, interval, Duration::from_secs(301), 7);
        assert!(number == 10 || number == 11, "a round of 200 s leaves out the beats in between");
        assert!(moment > Duration::from_secs(301));
    }

    #[test]
    fn two_pollers_do_not_beat_as_one() {
        let moments: Vec<_> =
            (0..20).map(|salt| next(0, Duration::from_secs(30), Duration::ZERO, salt).1).collect();
        assert!(moments.iter().any(|moment| *moment != moments[0]));
    }
}
