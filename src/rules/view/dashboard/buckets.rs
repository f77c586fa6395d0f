//! The spans of time of a history.

use crate::time::Timestamp;

/// The time of one bucket of a history, in milliseconds: a day has 288 of them.
pub const BUCKET_MS: i64 = 5 * 60 * 1000;
/// The buckets that are kept.
pub const BUCKETS: usize = 288;

/// Returns the number of the bucket of a moment.
pub fn bucket(at: Timestamp) -> i64 {
    at.millis().div_euclid(BUCKET_MS)
}
