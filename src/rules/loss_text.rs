//! The words for a loss that notices, reports, the log and the status share.
//!
//! Promises: a span is rounded so that the sentence holds. What is safe is rounded down ([`span`]), and
//! the time within which something is lost is rounded up ([`upper`]), both but for a minute; a time that
//! is unknown is stated as unknown.

use std::time::Duration;

use crate::rules::queue::expiry::ExpiryWindow;
use crate::time::Timestamp;

/// The time before a loss from which it counts as near.
const NEAR: Duration = Duration::from_secs(24 * 3600);

/// The time from a reading to the notice of it, which a span of hours or days does not count.
const GRACE: Duration = Duration::from_secs(60);

/// The longest time of a loss that is told.
pub const LONGEST: Duration = Duration::from_secs(9999 * 86_400);

/// Returns when the oldest message is lost, as a clause: `safe for 9d`, `within 59m`. A bound that is
/// far gives no time to wait: the messages may be older than is known.
pub fn clause(window: ExpiryWindow, now: Timestamp) -> String {
    match (window.after, window.before) {
        (Some(end), _) | (None, Some(end)) if end <= now => "may be lost".into(),
        (Some(after), _) => format!("safe for {}", span(after.since(now))),
        (None, Some(before)) => match before.since(now) {
            left if left > NEAR + GRACE => format!("in {} or sooner", upper(left)),
            left => format!("within {}", upper(left)),
        },
        (None, None) => "unknown".into(),
    }
}

/// Returns [`clause`] for the oldest of `depth` messages, as a part of a sentence: `safe for 9d`,
/// `first lost within 59m`.
pub fn phrase(window: ExpiryWindow, depth: Option<u64>, now: Timestamp) -> String {
    let clause = clause(window, now);
    let is_one = depth == Some(1);
    match (window.after, window.before) {
        (Some(end), _) | (None, Some(end)) if end <= now && !is_one => format!("some {clause}"),
        (None, Some(before)) if before > now && is_one => format!("lost {clause}"),
        (None, Some(before)) if before > now => format!("first lost {clause}"),
        (None, None) => "loss time unknown".into(),
        _ => clause,
    }
}

/// Returns [`phrase`] with the instant: `safe for 9d, until 2026-11-26 09:11Z`.
pub fn phrase_with_instant(window: ExpiryWindow, depth: Option<u64>, now: Timestamp) -> String {
    let text = phrase(window, depth, now);
    match (window.after, window.before) {
        (Some(end), _) | (None, Some(end)) if end <= now => {
            format!("{text}, since {}", minute(end))
        }
        (Some(after), _) => format!("{text}, until {}", minute(after)),
        (None, Some(before)) => format!("{text}, by {}", minute(before)),
        (None, None) => "unknown".into(),
    }
}

/// Returns whether a message may be lost within a day, as far as is known.
pub fn is_near(window: ExpiryWindow, now: Timestamp) -> bool {
    window.first().is_some_and(|end| end <= now.plus(NEAR))
}

/// Formats a span in one unit, rounded down: `9d`, `38h`, `59m`. What lacks up to a minute of an hour
/// or a day counts as whole, so that a notice says the same as the log of its event.
pub fn span(span: Duration) -> String {
    match (span.as_secs() / 60, (span + GRACE).as_secs() / 3600) {
        (0, _) => "seconds".into(),
        (minutes @ 1..120, _) => format!("{minutes}m"),
        (_, hours @ ..48) => format!("{hours}h"),
        (_, hours) => format!("{}d", hours / 24),
    }
}

/// Formats the time within which something happens in one unit, rounded up: `4d`, `38h`, `119m`, and
/// `1h` for more than 59 minutes. A minute above an hour or a day is not counted.
pub fn upper(time: Duration) -> String {
    let time = time.min(LONGEST);
    let minutes = time.as_millis().div_ceil(60_000).max(1);
    let hours = time.saturating_sub(GRACE).as_millis().div_ceil(3_600_000);
    match (minutes, hours) {
        (..60, _) => format!("{minutes}m"),
        (..120, 2..) => format!("{minutes}m"),
        (_, ..=48) => format!("{hours}h"),
        _ => format!("{}d", hours.div_ceil(24)),
    }
}

/// Formats a span that lasts, or has lasted, as [`span`] does, and one below a minute in seconds: `45s`.
pub fn lasting(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        _ => span(time),
    }
}

/// Formats an instant to the minute: `2026-11-24 10:00Z`.
pub fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).map_or(text.clone(), |minute| minute.replace('T', " ") + "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrase_states_the_least_time() {
        let now = Timestamp::parse("2026-11-22T19:57:32Z").unwrap();
        let at = |seconds: u64| Some(now.plus(Duration::from_secs(seconds)));
        let rows = [
            (at(3594), at(7200), Some(2), "safe for 59m", "until 2026-11-22 20:57Z", true),
            (at(864_000), None, Some(2), "safe for 10d", "until 2026-12-02 19:57Z", false),
            (None, at(3594), Some(2), "first lost within 1h", "by 2026-11-22 20:57Z", true),
            (None, at(3594), Some(1), "lost within 1h", "by 2026-11-22 20:57Z", true),
            (None, at(7199), None, "first lost within 2h", "by 2026-11-22 21:57Z", true),
            (None, at(345_599), Some(1), "lost in 4d or sooner", "by 2026-11-26 19:57Z", false),
            (at(345_540), None, None, "safe for 4d", "until 2026-11-26 19:56Z", false),
            (at(345_539), None, None, "safe for 3d", "until 2026-11-26 19:56Z", false),
            (None, at(59), Some(1), "lost within 1m", "by 2026-11-22 19:58Z", true),
            (None, at(172_739), Some(1), "lost in 48h or sooner", "by 2026-11-24 19:56Z", false),
            (at(0), at(60), Some(2), "some may be lost", "since 2026-11-22 19:57Z", true),
            (None, at(0), Some(1), "may be lost", "since 2026-11-22 19:57Z", true),
        ];
        for (after, before, depth, short, instant, near) in rows {
            let window = ExpiryWindow { after, before };
            assert_eq!(phrase(window, depth, now), short);
            assert_eq!(phrase_with_instant(window, depth, now), format!("{short}, {instant}"));
            assert_eq!(is_near(window, now), near, "{short}");
        }
        let unknown = ExpiryWindow::default();
        assert_eq!(phrase(unknown, None, now), "loss time unknown");
        assert_eq!(phrase_with_instant(unknown, None, now), "unknown");
        assert!(!is_near(unknown, now));
    }

    /// An upper bound that is rounded down would promise a loss earlier than it is known, and one that
    /// says `59m` for 59 minutes and 30 seconds would be false.
    #[test]
    fn upper_bound_is_rounded_up_but_for_a_minute() {
        let rows = [
            (0, "1m"),
            (59, "1m"),
            (61, "2m"),
            (3540, "59m"),
            (3541, "1h"),
            (3660, "1h"),
            (3661, "62m"),
            (7140, "119m"),
            (7141, "2h"),
            (7260, "2h"),
            (10_260, "3h"),
            (172_860, "48h"),
            (172_861, "3d"),
            (345_660, "4d"),
            (345_661, "5d"),
            (u64::MAX, "9999d"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(upper(Duration::from_secs(seconds)), expected, "{seconds}");
        }
        assert_eq!(upper(Duration::from_millis(3_540_001)), "1h");
        let now = Timestamp::from_millis(0);
        let within = |seconds: i64| {
            let before = Some(Timestamp::from_millis(seconds * 1000));
            clause(ExpiryWindow { after: None, before }, now)
        };
        // No clause says "within 25h" or "in 24h or sooner".
        assert_eq!([within(86_460), within(86_461)], ["within 24h", "in 25h or sooner"]);
    }
}
