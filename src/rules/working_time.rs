//! Times of the week in a time zone: working hours, quiet hours.
//!
//! Promises: a window is read in the local time of its zone, on both sides of a change of its clock;
//! a window over midnight belongs to the day on which it begins. Pure: the zone is a value.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan};

use crate::time::Timestamp;

/// A window of time that is repeated on some days of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct WeekWindow {
    pub zone: TimeZone,
    /// The local time at which the window begins.
    pub from: Time,
    /// The local time at which the window ends; on the next day unless it is later than `from`.
    pub to: Time,
    /// The days on which the window begins.
    pub days: Vec<Weekday>,
}

impl WeekWindow {
    /// Returns the end of the window that contains `at`; None outside of it. Windows that touch are
    /// one.
    pub fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        let mut end = self.single_end_at(at)?;
        // Windows of a whole day touch; after a week they would never end.
        for _ in 0..7 {
            match self.single_end_at(end) {
                Some(later) => end = later,
                None => return Some(end),
            }
        }
        Some(end)
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        self.single_end_at(at).is_some()
    }

    /// Returns the length of a window on a day without a change of the clock.
    pub fn length(&self) -> Duration {
        let seconds = |time: Time| {
            60 * (60 * u64::from(time.hour().unsigned_abs())
                + u64::from(time.minute().unsigned_abs()))
        };
        let (from, to) = (seconds(self.from), seconds(self.to));
        let day = 86_400;
        Duration::from_secs(if to > from { to - from } else { day - from + to })
    }

    /// Returns the time within windows from `start` to `end`, of at most a year.
    pub fn time_between(&self, start: Timestamp, end: Timestamp) -> Duration {
        let Some(first) = self.local_date(start).and_then(|day| day.yesterday().ok()) else {
            return Duration::ZERO;
        };
        let windows = first.series(1.day()).take(367).filter_map(|day| self.window_of(day));
        let inside = windows.take_while(|(from, _)| *from < end).map(|(from, to)| {
            let (from, to) = (from.max(start), to.min(end));
            to.since(from)
        });
        inside.sum()
    }

    fn single_end_at(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.local_date(at)?;
        let days = [today.yesterday().ok(), Some(today)];
        let windows = days.into_iter().flatten().filter_map(|day| self.window_of(day));
        let around = windows.filter(|(from, to)| *from <= at && at < *to);
        around.map(|(_, to)| to).max()
    }

    /// Returns the window that begins on a day.
    fn window_of(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        Some((self.instant(day, self.from)?, self.instant(last, self.to)?))
    }

    fn instant(&self, day: Date, time: Time) -> Option<Timestamp> {
        let zoned = self.zone.to_zoned_datetime(day.to_datetime(time)).ok()?;
        Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
    }

    fn local_date(&self, at: Timestamp) -> Option<Date> {
        let instant = Instant::from_millisecond(at.millis()).ok()?;
        Some(self.zone.to_datetime(instant).date())
    }
}

/// Reads a time of day: `08:30`.
pub fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<i8>().ok())
            .flatten()
    };
    Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
}

/// The days of the week, as the configuration writes them.
pub const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn window(zone: &str, from: &str, to: &str, days: &[&str]) -> WeekWindow {
        let days = DAYS.iter().filter(|(name, _)| days.is_empty() || days.contains(name));
        WeekWindow {
            zone: TimeZone::get(zone).unwrap(),
            from: parse_time(from).unwrap(),
            to: parse_time(to).unwrap(),
            days: days.map(|(_, day)| *day).collect(),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn window_ends_in_its_local_time() {
        // (window, moment, end)
        let night = window("Europe/Berlin", "22:00", "07:00", &[]);
        let work =
            window("America/Sao_Paulo", "09:00", "18:00", &["mon", "tue", "wed", "thu", "fri"]);
        let weekend = window("UTC", "00:00", "00:00", &["sat", "sun"]);
        let always = window("UTC", "00:00", "00:00", &[]);
        let rows = [
            ("before midnight", &night, "2026-11-28T21:30:00Z", Some("2026-11-29T06:00:00Z")),
            ("after midnight", &night, "2026-11-29T05:59:59Z", Some("2026-11-29T06:00:00Z")),
            ("at its end", &night, "2026-11-29T06:00:00Z", None),
            ("by day", &night, "2026-11-29T12:00:00Z", None),
            ("into summer time", &night, "2026-03-28T23:00:00Z", Some("2026-03-29T05:00:00Z")),
            ("out of summer time", &night, "2026-10-24T22:00:00Z", Some("2026-10-25T06:00:00Z")),
            ("working", &work, "2026-11-27T12:00:00Z", Some("2026-11-27T21:00:00Z")),
            ("not working on Saturday", &work, "2026-11-28T12:00:00Z", None),
            ("days that touch", &weekend, "2026-11-28T10:00:00Z", Some("2026-11-30T00:00:00Z")),
            ("always", &always, "2026-11-28T10:00:00Z", Some("2026-12-06T00:00:00Z")),
        ];
        for (rule, window, moment, end) in rows {
            assert_eq!(window.end_at(at(moment)), end.map(at), "{rule}");
            assert_eq!(window.contains(at(moment)), end.is_some(), "{rule}");
        }
    }

    #[test]
    fn time_between_counts_windows_only() {
        let work = window("Europe/Berlin", "09:00", "17:00", &["mon", "tue", "wed", "thu", "fri"]);
        let rows = [
            ("a weekend", "2026-11-27T15:00:00Z", "2026-11-30T09:00:00Z", 3600 * 2),
            ("within one day", "2026-11-27T08:00:00Z", "2026-11-27T10:30:00Z", 9000),
            ("backwards", "2026-11-27T10:00:00Z", "2026-11-27T08:00:00Z", 0),
            (
                "a week with a change of the clock",
                "2026-10-23T00:00:00Z",
                "2026-10-30T00:00:00Z",
                3600 * 40,
            ),
        ];
        for (rule, from, to, seconds) in rows {
            let expected = Duration::from_secs(seconds);
            assert_eq!(work.time_between(at(from), at(to)), expected, "{rule}");
        }
    }

    #[test]
    fn time_of_day_has_two_digits_each() {
        let accepted = ["00:00", "08:30", "23:59"];
        assert!(accepted.iter().all(|text| parse_time(text).is_some()));
        let refused = ["24:00", "8:30", "08:60", "0830", "+8:30", "08:30:00", ""];
        assert!(refused.iter().all(|text| parse_time(text).is_none()));
    }
}
