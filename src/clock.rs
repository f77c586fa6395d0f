//! The clock: the only reader of the system's time and time zone.

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

use std::time::Instant;

use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// Returns the present in UTC, to the millisecond.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(millis)
}

/// Returns the time zone of the system, or that of $TZ; UTC where neither is known.
pub fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Returns the present of the monotonic clock, for measuring durations.
pub fn tick() -> Instant {
    Instant::now()
}
