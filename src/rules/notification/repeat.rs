//! Reminders: when a problem that goes on is sent again. Pure.

use std::time::Duration;

use super::topic::{SendReason, Told};
use crate::time::Timestamp;

/// Returns why an open problem is sent again at `now`. Whoever slept through several reminders gets
/// one.
pub fn judge_repeat(
    told: &Told,
    interval: Option<Duration>,
    acked_until: Option<Timestamp>,
    is_acked: bool,
    now: Timestamp,
) -> Option<SendReason> {
    if is_acked {
        return None;
    }
    if acked_until.is_some() {
        return Some(SendReason::AckExpired);
    }
    interval.is_some_and(|interval| now >= told.at.plus(interval)).then_some(SendReason::Repeat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;

    #[test]
    fn reminder_is_due_after_its_interval_or_the_end_of_an_ack() {
        let at = |minutes: u64| Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes));
        let told = Told {
            first_at: at(0),
            unacked_since: at(0),
            at: at(10),
            severity: Severity::Error,
            depth: None,
            tiers: Vec::new(),
            losses: std::collections::BTreeMap::new(),
            incident: None,
            line: "".into(),
            repeats: 0,
        };
        let hour = Some(Duration::from_secs(3600));
        let rows = [
            ("before its time", hour, None, false, 69, None),
            ("in time", hour, None, false, 70, Some(SendReason::Repeat)),
            ("three reminders late", hour, None, false, 300, Some(SendReason::Repeat)),
            ("no reminders wanted", None, None, false, 9000, None),
            ("acknowledged", hour, Some(at(600)), true, 300, None),
            (
                "acknowledgement expired",
                None,
                Some(at(60)),
                false,
                60,
                Some(SendReason::AckExpired),
            ),
        ];
        for (rule, interval, acked_until, is_acked, now, expected) in rows {
            let found = judge_repeat(&told, interval, acked_until, is_acked, at(now));
            assert_eq!(found, expected, "{rule}");
        }
    }
}
