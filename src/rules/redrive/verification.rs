//! Verification: messages that were sent stay gone, and a consumer was seen at work. Pure.
//!
//! A consumer that has stopped returns nothing, either. So the absence of returns counts only when the
//! destination has become as empty as it was before.

use std::fmt;
use std::time::Duration;

use crate::text::count;
use crate::time::Timestamp;

/// The readings of a destination that a result needs.
pub const READINGS_MIN: usize = 3;
/// The time between readings: this part of the window, within these limits.
const READINGS: u32 = 8;
const PAUSE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(15)];
/// The shortest window: a consumer has to receive a message first.
const WINDOW_MIN: Duration = Duration::from_secs(2);
/// Values of SQS for what could not be read.
const VISIBILITY: u64 = 30;
const RECEIVES: u64 = 1;
/// The invocations of a function within a visibility timeout, as AWS advises to set it.
const INVOCATIONS: u32 = 6;
/// The share of the messages that may still be there.
const REST_SHARE: u64 = 20;

/// The settings of a destination that decide how long a message can take to die again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DestinationSettings {
    pub visibility_s: Option<u64>,
    pub max_receive_count: Option<u64>,
    /// The batch window of a Lambda function that consumes; None: another consumer.
    pub batch_window: Option<Duration>,
}

/// Returns how long a message can take to die again after it was sent.
pub fn window(settings: &DestinationSettings) -> Duration {
    let visibility = Duration::from_secs(settings.visibility_s.unwrap_or(VISIBILITY));
    let receives = settings.max_receive_count.unwrap_or(RECEIVES).clamp(1, 1000);
    let receives = u32::try_from(receives).unwrap_or(u32::MAX);
    let window = visibility.saturating_mul(receives);
    let window = match settings.batch_window {
        None => window,
        Some(batch) => window.max(visibility.saturating_mul(INVOCATIONS)) + batch,
    };
    window.max(WINDOW_MIN)
}

/// Returns the pause between two readings.
pub fn pause(window: Duration) -> Duration {
    (window / READINGS).clamp(PAUSE[0], PAUSE[1])
}

/// The messages of a destination, followed since something was sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// The depth before the first message was sent.
    before: u64,
    sent: u64,
    /// The newest depths, oldest first.
    depths: Vec<u64>,
}

/// Returns the depth that a destination had before the first message was sent to it. The record of the
/// move says it, also to a later run; until something was sent it is the present depth.
pub fn baseline(recorded: Option<u64>, sent: u64, depth: u64) -> u64 {
    match (recorded, sent) {
        (Some(recorded), _) => recorded,
        (None, 0) => depth,
        // What was there is unknown, and counts as not consumed.
        (None, _) => 0,
    }
}

impl Consumption {
    pub fn new(before: u64) -> Self {
        Consumption { before, sent: 0, depths: Vec::new() }
    }

    pub fn before(&self) -> u64 {
        self.before
    }

    /// Adds messages that were sent. Earlier readings say nothing about them.
    pub fn add_sent(&mut self, count: u64) {
        self.sent += count;
        self.depths.clear();
    }

    /// Returns how many messages were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Adds a reading of all messages: visible, in flight and delayed.
    pub fn add(&mut self, depth: u64) {
        if self.depths.len() == READINGS_MIN {
            self.depths.remove(0);
        }
        self.depths.push(depth);
    }

    /// Returns how many messages of those sent have not been consumed, as far as depths show it; None
    /// before enough readings.
    pub fn remaining(&self) -> Option<u64> {
        let lowest = self.depths.iter().min().filter(|_| self.depths.len() >= READINGS_MIN)?;
        Some(lowest.saturating_sub(self.before).min(self.sent))
    }

    /// Returns whether the messages were consumed.
    fn is_consumed(&self) -> bool {
        self.remaining().is_some_and(|remaining| remaining <= self.sent / REST_SHARE)
    }
}

/// The state of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationState {
    /// The window has not passed, or readings are missing.
    Watching,
    /// The messages were consumed, and none has returned.
    Verified,
    /// The window has passed, and this many messages wait for a consumer; None: unknown.
    NotConsumed(Option<u64>),
    /// A return may be among messages that could not be looked at.
    ReturnsUnknown,
}

impl fmt::Display for VerificationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerificationState::Watching => f.write_str("the time for a return has not passed"),
            VerificationState::ReturnsUnknown => f.write_str(
                "not all of the dead-letter queue could be looked at, and a message that has died again \
                 may be in it",
            ),
            VerificationState::Verified => f.write_str("all were consumed, and none has returned"),
            VerificationState::NotConsumed(None) => {
                f.write_str("the destination could not be read, so that nothing is known")
            }
            VerificationState::NotConsumed(Some(n)) => write!(
                f,
                "{} still in their destination: its consumer has stopped or is behind",
                count(*n, "message")
            ),
        }
    }
}

/// Judges destinations at `now`; returns, which end a verification, are judged by the breaker.
pub fn judge(all: &[&Consumption], until: Timestamp, now: Timestamp) -> VerificationState {
    if now < until {
        return VerificationState::Watching;
    }
    match all.iter().all(|one| one.is_consumed()) {
        true => VerificationState::Verified,
        false => {
            let remaining: Option<Vec<u64>> = all.iter().map(|one| one.remaining()).collect();
            VerificationState::NotConsumed(remaining.map(|all| all.iter().sum()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_the_time_in_which_a_message_can_die() {
        let s = Duration::from_secs;
        let rows = [
            ("usual", Some(30), Some(3), None, s(90)),
            ("read as nothing", None, None, None, s(30)),
            ("no redrive policy", Some(45), None, None, s(45)),
            ("short", Some(0), Some(5), None, s(2)),
            ("absurd count", Some(10), Some(u64::MAX), None, s(10_000)),
            ("Lambda with few receives", Some(30), Some(2), Some(s(20)), s(200)),
            ("Lambda with many receives", Some(30), Some(10), Some(s(20)), s(320)),
        ];
        for (rule, visibility_s, max_receive_count, batch_window, expected) in rows {
            let settings = DestinationSettings { visibility_s, max_receive_count, batch_window };
            assert_eq!(window(&settings), expected, "{rule}");
        }
        assert_eq!(pause(s(2)), PAUSE[0]);
        assert_eq!(pause(s(8)), s(1));
        assert_eq!(pause(s(9000)), PAUSE[1]);
    }

    #[test]
    fn verification_needs_time_readings_and_consumption() {
        use VerificationState::{NotConsumed, Verified, Watching};
        let until = Timestamp::from_millis(1000);
        type Row<'a> = (&'a str, u64, u64, &'a [u64], i64, VerificationState);
        let rows: [Row<'_>; 11] = [
            ("too early", 0, 1, &[0, 0, 0], 999, Watching),
            ("consumed", 0, 1, &[1, 0, 0], 1000, Verified),
            ("stopped", 0, 1, &[1, 1, 1], 1000, NotConsumed(Some(1))),
            ("two readings only", 0, 1, &[0, 0], 1000, NotConsumed(None)),
            ("stopped with a backlog", 7, 10, &[17, 17, 17], 1000, NotConsumed(Some(10))),
            ("back to the backlog", 7, 10, &[12, 8, 7], 1000, Verified),
            ("half", 0, 100, &[70, 60, 50], 1000, NotConsumed(Some(50))),
            ("almost all", 0, 100, &[9, 7, 5], 1000, Verified),
            ("traffic of others", 0, 100, &[40, 3, 60], 1000, Verified),
            ("only the newest count", 0, 10, &[0, 10, 10, 10], 1000, NotConsumed(Some(10))),
            ("nothing was sent", 0, 0, &[0, 0, 0], 1000, Verified),
        ];
        for (rule, before, sent, depths, now, expected) in rows {
            let mut consumption = Consumption::new(before);
            consumption.add_sent(sent);
            depths.iter().for_each(|depth| consumption.add(*depth));
            let now = Timestamp::from_millis(now);
            assert_eq!(judge(&[&consumption], until, now), expected, "{rule}");
        }
    }

    #[test]
    fn baseline_is_the_depth_before_the_first_message() {
        let rows = [
            ("nothing sent, nothing recorded", None, 0, 7, 7),
            ("recorded before a kill, nothing sent", Some(7), 0, 9, 7),
            ("sent by an earlier run", Some(7), 3, 10, 7),
            ("the backlog has shrunk meanwhile", Some(7), 3, 2, 7),
            ("it was empty", Some(0), 3, 10, 0),
            ("sent, and not recorded", None, 3, 10, 0),
        ];
        for (rule, recorded, sent, depth, expected) in rows {
            assert_eq!(baseline(recorded, sent, depth), expected, "{rule}");
        }
    }

    #[test]
    fn all_destinations_have_to_be_consumed() {
        let with = |depths: [u64; 3]| {
            let mut one = Consumption::new(0);
            one.add_sent(10);
            depths.into_iter().for_each(|depth| one.add(depth));
            one
        };
        let at = Timestamp::from_millis(0);
        let (done, stopped) = (with([0, 0, 0]), with([10, 10, 10]));
        assert_eq!(judge(&[&done, &done], at, at), VerificationState::Verified);
        let found = judge(&[&done, &stopped], at, at);
        assert_eq!(found, VerificationState::NotConsumed(Some(10)));
        assert!(found.to_string().starts_with("10 messages still in their"));
    }
}
