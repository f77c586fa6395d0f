//! Verification: messages that were sent stay gone, and a consumer was seen at work. Pure.
//!
//! A consumer that has stopped returns nothing, either. So the absence of returns counts only when as many
//! messages have left the destination as stood in it before and were sent: a backlog that drains shows
//! nothing about those behind it.

use std::fmt;
use std::time::Duration;

use crate::rules::queue::reading::Counts;
use crate::text::count;

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
/// The windows for which a backlog is waited for, and the least time.
const BACKLOG_WINDOWS: u32 = 4;
const BACKLOG_WAIT_MIN: Duration = Duration::from_secs(60);

/// The settings of a destination that decide how long a message can take to die again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DestinationSettings {
    pub visibility_s: Option<u64>,
    pub max_receive_count: Option<u64>,
    /// The time for which a message waits before it can be received.
    pub delay_s: Option<u64>,
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
    window.max(WINDOW_MIN) + Duration::from_secs(settings.delay_s.unwrap_or(0))
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
    /// The messages among them whose delay had not passed: no consumer can take them.
    delayed_before: u64,
    sent: u64,
    /// The newest readings, oldest first.
    readings: Vec<ConsumptionReading>,
    /// The growth between two readings, which messages of others have caused, or late counts of ours.
    grown: u64,
}

/// A reading of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ConsumptionReading {
    depth: u64,
    /// The messages that may be among those sent, when the oldest are consumed first.
    open: u64,
}

/// The end of the messages that were sent to a destination, as far as its depth shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumptionState {
    /// As many have left as stood before and were sent.
    Consumed,
    /// At least so many of those sent are still there; None: too few readings.
    Remaining(Option<u64>),
    /// Some have left. Those sent may be among the messages that wait.
    Backlog(u64),
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
        Consumption { before, delayed_before: 0, sent: 0, readings: Vec::new(), grown: 0 }
    }

    /// Returns what is known before the first message is sent.
    pub fn of_counts(counts: Counts) -> Self {
        Consumption { delayed_before: counts.delayed, ..Consumption::new(counts.depth()) }
    }

    /// Replaces the depth before the first message by one that an earlier run has read.
    pub fn since(mut self, before: u64) -> Self {
        self.before = before;
        self
    }

    pub fn before(&self) -> u64 {
        self.before
    }

    /// Adds messages that were sent. Earlier readings say nothing about them.
    pub fn add_sent(&mut self, count: u64) {
        self.sent += count;
        self.readings.clear();
        self.grown = 0;
    }

    /// Returns how many messages were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Adds a reading of all messages: visible, in flight and delayed.
    pub fn add(&mut self, counts: Counts) {
        let depth = counts.depth();
        if let Some(last) = self.readings.last() {
            self.grown += depth.saturating_sub(last.depth);
        }
        // A count that lags behind a send grows by messages of ours.
        let arrived = self.grown.saturating_sub(self.sent);
        let waiting = depth - counts.delayed.min(self.delayed_before);
        if self.readings.len() == READINGS_MIN {
            self.readings.remove(0);
        }
        self.readings.push(ConsumptionReading { depth, open: waiting.saturating_sub(arrived) });
    }

    /// Returns whether the messages were consumed, by the newest readings.
    pub fn state(&self) -> ConsumptionState {
        let rest = self.sent / REST_SHARE;
        let newest = self.readings.iter();
        let lowest = newest.clone().map(|one| (one.depth, one.open)).min_by_key(|one| one.0);
        let open = newest.map(|one| one.open).min();
        let (Some((depth, _)), Some(open), true) =
            (lowest, open, self.readings.len() >= READINGS_MIN)
        else {
            return ConsumptionState::Remaining(None);
        };
        let remaining = depth.saturating_sub(self.before).min(self.sent);
        match () {
            () if open <= rest => ConsumptionState::Consumed,
            () if remaining > rest => ConsumptionState::Remaining(Some(remaining)),
            () => ConsumptionState::Backlog(open),
        }
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
    /// The window has passed, and messages of others wait, with or without those that were sent.
    Backlog(u64),
    /// No message was sent.
    NothingSent,
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
            VerificationState::NothingSent => f.write_str("nothing was sent"),
            VerificationState::Backlog(n) => write!(
                f,
                "{} in their destination, which stood there before or have come meanwhile: whether those \
                 sent were consumed cannot be told",
                match n {
                    1 => "1 message waits".to_owned(),
                    n => format!("{} wait", count(*n, "message")),
                },
            ),
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

/// Returns how long a backlog is waited for after a window has passed: those sent are behind it.
pub fn backlog_wait(window: Duration) -> Duration {
    window.saturating_mul(BACKLOG_WINDOWS).max(BACKLOG_WAIT_MIN)
}

/// Judges the destinations that something was sent to, when the window `is_over` or not. Returns, which end
/// a verification, are judged by the breaker.
pub fn judge(all: &[&Consumption], is_over: bool) -> VerificationState {
    if all.iter().all(|one| one.sent == 0) {
        return VerificationState::NothingSent;
    }
    if !is_over {
        return VerificationState::Watching;
    }
    let (mut remaining, mut is_known, mut waiting) = (0, true, 0);
    for one in all {
        match one.state() {
            ConsumptionState::Consumed => {}
            ConsumptionState::Remaining(Some(count)) => remaining += count,
            ConsumptionState::Remaining(None) => is_known = false,
            ConsumptionState::Backlog(count) => waiting += count,
        }
    }
    match (is_known, remaining, waiting) {
        (false, _, _) => VerificationState::NotConsumed(None),
        (true, 0, 0) => VerificationState::Verified,
        (true, 0, waiting) => VerificationState::Backlog(waiting),
        (true, remaining, _) => VerificationState::NotConsumed(Some(remaining)),
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
            let delay_s = None;
            let settings =
                DestinationSettings { visibility_s, max_receive_count, delay_s, batch_window };
            assert_eq!(window(&settings), expected, "{rule}");
            let delayed = DestinationSettings { delay_s: Some(60), ..settings };
            assert_eq!(window(&delayed), expected + s(60), "{rule}");
        }
        assert_eq!(pause(s(2)), PAUSE[0]);
        assert_eq!(pause(s(8)), s(1));
        assert_eq!(pause(s(9000)), PAUSE[1]);
    }

    fn waiting(depth: u64) -> Counts {
        Counts { visible: depth, ..Counts::default() }
    }

    #[test]
    fn verification_needs_time_readings_and_consumption() {
        use VerificationState::{Backlog, NotConsumed, NothingSent, Verified, Watching};
        // before, sent, readings, whether the window is over
        type Row<'a> = (&'a str, u64, u64, &'a [u64], bool, VerificationState);
        let rows: [Row<'_>; 19] = [
            ("too early", 0, 1, &[0, 0, 0], false, Watching),
            ("consumed", 0, 1, &[1, 0, 0], true, Verified),
            ("stopped", 0, 1, &[1, 1, 1], true, NotConsumed(Some(1))),
            ("two readings only", 0, 1, &[0, 0], true, NotConsumed(None)),
            ("stopped with a backlog", 7, 10, &[17, 17, 17], true, NotConsumed(Some(10))),
            ("as many have left as were sent", 7, 10, &[12, 8, 7], true, Backlog(7)),
            ("the backlog drains", 60, 1, &[50, 45, 40], true, Backlog(40)),
            ("one is left of the backlog, or it is ours", 60, 1, &[3, 2, 1], true, Backlog(1)),
            ("the backlog has drained", 60, 1, &[9, 4, 0], true, Verified),
            ("the backlog has drained to a share", 60, 100, &[30, 9, 5], true, Verified),
            ("a steady flow of others", 5, 1, &[6, 3, 7, 4, 8, 5], true, Verified),
            ("a flow that covers the backlog in part", 60, 1, &[50, 55, 45], true, Backlog(41)),
            ("the count of ours is late", 0, 1, &[0, 1, 1, 1], true, NotConsumed(Some(1))),
            (
                "the count of ours is late in a backlog",
                5,
                3,
                &[5, 8, 8, 8],
                true,
                NotConsumed(Some(3)),
            ),
            ("half", 0, 100, &[70, 60, 50], true, NotConsumed(Some(50))),
            ("almost all", 0, 100, &[9, 7, 5], true, Verified),
            ("traffic of others", 0, 100, &[40, 3, 60], true, Verified),
            ("only the newest count", 0, 10, &[0, 10, 10, 10], true, NotConsumed(Some(10))),
            ("nothing was sent", 0, 0, &[0, 0, 0], true, NothingSent),
        ];
        for (rule, before, sent, depths, is_over, expected) in rows {
            let mut consumption = Consumption::new(before);
            consumption.add_sent(sent);
            depths.iter().for_each(|depth| consumption.add(waiting(*depth)));
            assert_eq!(judge(&[&consumption], is_over), expected, "{rule}");
        }
        assert_eq!(judge(&[], true), NothingSent);
    }

    #[test]
    fn messages_that_were_delayed_before_are_no_backlog() {
        let counts = |visible, delayed| Counts { visible, in_flight: 0, delayed };
        let rows = [
            ("they are delayed still", counts(0, 4), ConsumptionState::Consumed),
            ("ours wait beside them", counts(3, 4), ConsumptionState::Remaining(Some(3))),
            ("ours are delayed", counts(0, 7), ConsumptionState::Remaining(Some(3))),
            ("their delay has passed", counts(4, 0), ConsumptionState::Backlog(4)),
        ];
        for (rule, counts, expected) in rows {
            let mut one = Consumption::of_counts(Counts { delayed: 4, ..Counts::default() });
            one.add_sent(3);
            (0..READINGS_MIN).for_each(|_| one.add(counts));
            assert_eq!(one.state(), expected, "{rule}");
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
            let mut one = Consumption::new(3);
            one.add_sent(10);
            depths.into_iter().for_each(|depth| one.add(waiting(depth)));
            one
        };
        let (done, stopped, behind) = (with([0, 0, 0]), with([13, 13, 13]), with([9, 4, 2]));
        assert_eq!(judge(&[&done, &done], true), VerificationState::Verified);
        assert_eq!(judge(&[&done, &behind], true), VerificationState::Backlog(2));
        let found = judge(&[&done, &behind, &stopped], true);
        assert_eq!(found, VerificationState::NotConsumed(Some(10)));
        assert!(found.to_string().starts_with("10 messages still in their"));
    }
}
