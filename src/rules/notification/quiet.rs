//! Quiet hours: notices below a severity wait for the end of the night. Pure.

use crate::event::Severity;
use crate::rules::working_time::WeekWindow;
use crate::time::Timestamp;

/// The quiet hours of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    pub window: WeekWindow,
    /// Notices of at least this severity are sent all the same.
    pub severity: Severity,
}

impl QuietHours {
    /// Returns the moment until which a notice waits.
    pub fn hold(&self, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if severity >= self.severity { None } else { self.window.end_at(now) }
    }

    /// Returns whether two moments are in the same quiet hours.
    pub fn is_one_night(&self, earlier: Timestamp, now: Timestamp) -> bool {
        let end = self.window.end_at(now);
        end.is_some() && end == self.window.end_at(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::working_time::{DAYS, parse_time};

    #[test]
    fn notices_below_the_severity_wait_for_the_morning() {
        let quiet = QuietHours {
            window: WeekWindow {
                zone: jiff::tz::TimeZone::UTC,
                from: parse_time("22:00").unwrap(),
                to: parse_time("07:00").unwrap(),
                days: DAYS.iter().map(|(_, day)| *day).collect(),
            },
            severity: Severity::Fatal,
        };
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let rows = [
            (Severity::Error, "2026-11-28T23:00:00Z", Some("2026-11-29T07:00:00Z")),
            (Severity::Fatal, "2026-11-28T23:00:00Z", None),
            (Severity::Error, "2026-11-28T21:59:59Z", None),
        ];
        for (severity, now, until) in rows {
            assert_eq!(quiet.hold(severity, at(now)), until.map(at), "{severity} at {now}");
        }
    }
}
