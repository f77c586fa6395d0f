//! The clock: the only reader of the system's time and time zone.

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

use std::time::Instant;

use jiff::tz::TimeZone;

use crate::time::{BootTime, ClockReading, Timestamp};

/// Returns the present in UTC, to the millisecond.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(millis)
}

/// Returns the present in UTC, and since the start of the machine where the system tells it: no step
/// of the clock changes that.
pub fn reading() -> ClockReading {
    ClockReading { wall: now(), boot: boot_time() }
}

#[cfg(target_os = "linux")]
fn boot_time() -> Option<BootTime> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let boot = u32::from_str_radix(id.get(..8)?, 16).ok()?;
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let second_ms = u64::try_from(since.tv_sec).ok()?.checked_mul(1000)?;
    Some(BootTime { boot, ms: second_ms + u64::try_from(since.tv_nsec).ok()? / 1_000_000 })
}

#[cfg(not(target_os = "linux"))]
fn boot_time() -> Option<BootTime> {
    None
}

/// Returns the time zone of the system, or that of $TZ; UTC where neither is known.
pub fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Returns the present of the monotonic clock, for measuring durations.
pub fn tick() -> Instant {
    Instant::now()
}

/// Returns the time since the start of the machine, in which its sleep counts where the system tells that:
/// a lease ends while its holder sleeps.
#[cfg(feature = "dynamodb")]
pub fn uptime() -> std::time::Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    // That of macOS counts sleep.
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let since = rustix::time::clock_gettime(clock);
    let (seconds, nanos) = (u64::try_from(since.tv_sec), u32::try_from(since.tv_nsec));
    std::time::Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}
