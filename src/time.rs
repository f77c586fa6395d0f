//! Instants and durations, as they are written on the wire, in state and in options.
//!
//! An instant is UTC to the millisecond, written as RFC 3339 with `Z`. A duration has a unit, as
//! `30s` or `4h`, or is a number of seconds. Pure: only `clock.rs` reads a clock.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in UTC, to the millisecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The time since a start of the machine, which no step of the clock changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTime {
    /// A number that tells this start from others.
    pub boot: u32,
    pub ms: u64,
}

/// A present by the clock, and since the start of the machine where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    pub wall: Timestamp,
    pub boot: Option<BootTime>,
}

impl BootTime {
    /// Returns the time since an earlier one of the same start.
    pub fn since(self, earlier: BootTime) -> Option<Duration> {
        let is_same = self.boot == earlier.boot;
        is_same.then(|| self.ms.checked_sub(earlier.ms).map(Duration::from_millis))?
    }
}

impl From<Timestamp> for ClockReading {
    fn from(wall: Timestamp) -> Self {
        ClockReading { wall, boot: None }
    }
}

impl Timestamp {
    /// Returns the instant `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; finer parts than a millisecond are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        parse_own(text.as_bytes()).or_else(|| {
            let parsed = DateTime::parse_from_rfc3339(text).ok()?;
            Some(Timestamp(parsed.timestamp_millis()))
        })
    }

    /// Reads the date of an HTTP header: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = DateTime::parse_from_rfc2822(text).ok()?;
        Some(Timestamp(parsed.timestamp_millis()))
    }

    /// Returns the time since `earlier`; zero after the clock has stepped back.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(millis))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(millis))
    }
}

/// Reads the form that this family writes, `2026-11-22T19:57:32[.123]Z`. Faster than chrono,
/// because filters read the time of every line.
fn parse_own(b: &[u8]) -> Option<Timestamp> {
    let millis = match (b.len(), b.last()) {
        (20, Some(b'Z')) => 0,
        (24, Some(b'Z')) if b[19] == b'.' => digits(&b[20..23])?,
        _ => return None,
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, byte)| b[at] != byte) {
        return None;
    }
    let (year, month, day) = (digits(&b[0..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
    // chrono reads leap seconds.
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let at = date.and_hms_milli_opt(hour, minute, second, millis)?;
    Some(Timestamp(at.and_utc().timestamp_millis()))
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // chrono ends near the year 262,000; later instants show as its last.
        let at = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        });
        f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .ok_or_else(|| de::Error::custom(format!("'{text}' is not an RFC 3339 time")))
    }
}

/// The durations that [`parse_span`] reads, in words.
pub const SPAN: &str = "a duration such as 30s, 15m or 7d, or a number of seconds";

/// Reads a duration of a file, a variable or an option: a whole number with its unit, or a number of
/// seconds.
pub fn parse_span(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_ms = match unit {
        "" => return Duration::try_from_secs_f64(number.parse().ok()?).ok(),
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms).map(Duration::from_millis)
}

/// Formats a duration for people in its two largest units: `2d 3h`, `5m 10s`, `450ms`.
pub fn show_span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds == 0 && !span.is_zero() {
        return format!("{}ms", span.as_millis());
    }
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    let shown = parts[first..].iter().take(2).enumerate();
    let shown = shown.filter(|(at, (n, _))| *at == 0 || *n > 0).map(|(_, part)| part);
    shown.map(|(n, unit)| format!("{n}{unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_own_agrees_with_chrono() {
        let cases = [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.999Z",
            "1900-02-28T00:00:00Z",
            "2026-11-22T19:57:32.123Z",
            "2400-12-31T12:00:00Z",
            "1969-12-31T23:59:59Z",
            "0000-03-01T00:00:00Z",
        ];
        for case in cases {
            let chrono = DateTime::parse_from_rfc3339(case).unwrap().timestamp_millis();
            assert_eq!(parse_own(case.as_bytes()), Some(Timestamp(chrono)), "{case}");
        }
        for bad in ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z", ""] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn parse_reads_other_offsets_and_precisions() {
        let utc = Timestamp::parse("2026-11-22T19:57:32Z").unwrap();
        assert_eq!(Timestamp::parse("2026-11-22T16:57:32-03:00"), Some(utc));
        assert_eq!(Timestamp::parse("2026-11-22T19:57:32.000999Z"), Some(utc));
        assert_eq!(utc.to_string(), "2026-11-22T19:57:32.000Z");
    }

    #[test]
    fn since_is_zero_after_the_clock_stepped_back() {
        let (early, late) = (Timestamp::from_millis(1000), Timestamp::from_millis(2000));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_secs(1));
    }

    #[test]
    fn parse_span_reads_units_and_seconds() {
        let rows = [
            ("30s", 30_000),
            ("4h", 4 * 3_600_000),
            ("500ms", 500),
            ("30", 30_000),
            ("0.5", 500),
            ("0", 0),
        ];
        for (text, millis) in rows {
            assert_eq!(parse_span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", ".", "s", "-1s", "-1", "1.5h", "30 s", "inf", "99999999999999999999d"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
        assert_eq!(parse_span(&"9".repeat(400)), None);
    }

    #[test]
    fn show_span_has_two_units_at_most() {
        assert_eq!(show_span(Duration::ZERO), "0s");
        assert_eq!(show_span(Duration::from_millis(450)), "450ms");
        assert_eq!(show_span(Duration::from_secs(90)), "1m 30s");
        assert_eq!(show_span(Duration::from_secs(3 * 86_400)), "3d");
        assert_eq!(show_span(Duration::from_secs(86_400 + 61)), "1d");
    }
}
