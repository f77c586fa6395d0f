//! The limits of journal rotation; `Journal` rotates.

use std::time::Duration;

use crate::time::Timestamp;

/// The number of older segments that age does not delete: a clock that was wrong for a moment then
/// costs no recent event.
pub const YOUNG_MIN: u32 = 8;

/// The size at which the newest segment is rotated, and the older ones that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The size, in bytes, beyond which the newest segment is rotated.
    pub size_max: u64,
    /// The number of older segments that are kept.
    pub keep: u32,
    /// The time for which a segment is kept after its last line.
    pub age_max: Duration,
}

impl Rotation {
    /// Returns whether a rotation deletes the older segment that would have the number `n` after it,
    /// and whose last line was written at `last`.
    pub fn deletes(&self, n: u32, last: Timestamp, now: Timestamp) -> bool {
        n > self.keep || n > YOUNG_MIN && now.since(last) > self.age_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_is_deleted_by_its_number_or_its_age() {
        let day = Duration::from_secs(86_400);
        let rotation = Rotation { size_max: 1, keep: 64, age_max: day * 90 };
        let now = Timestamp::parse("2026-11-30T00:00:00Z").unwrap();
        let rows = [
            (1, 0, false),
            (64, 0, false),
            (65, 0, true),
            (9, 90, false),
            (9, 91, true),
            // A clock that is a year ahead, or was.
            (8, 365, false),
            (1, 365, false),
        ];
        for (n, days, expected) in rows {
            assert_eq!(rotation.deletes(n, now.minus(day * days), now), expected, "{n} {days}");
        }
        assert!(!rotation.deletes(64, now.plus(day), now), "a time in the future");
        assert!(Rotation { keep: 0, ..rotation }.deletes(1, now, now));
    }
}
