//! Verification: messages that were sent stay gone, and a consumer was seen at work. Pure.
//!
//! A consumer that has stopped returns nothing, either. So the absence of returns counts only when the
//! destination shows that the messages were consumed (`consumption.rs`).

use std::fmt;
use std::time::Duration;

use super::consumption::{Consumption, ConsumptionState, NEWEST};
use super::gone_returns::GoneReturns;
use crate::text::{count, safe};

/// The time between readings: this part of the window, within these limits.
const READINGS: u32 = NEWEST as u32;
const PAUSE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(15)];
/// The shortest window: a consumer has to receive a message first.
const WINDOW_MIN: Duration = Duration::from_secs(2);
/// Values of SQS for what could not be read.
const VISIBILITY: u64 = 30;
const RECEIVES: u64 = 1;
/// The invocations of a function within a visibility timeout, as AWS advises to set it.
const INVOCATIONS: u32 = 6;
/// The slack of a window: this part of it and a second, a minute at most. A consumer takes a message some
/// time after it became visible, and each receive adds to that.
const SLACK_PART: u32 = 10;
const SLACK_MIN: Duration = Duration::from_secs(1);
const SLACK_MAX: Duration = Duration::from_secs(60);
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

/// Returns how long a message can take to die again after it was sent, or was received for the first time.
pub fn window(settings: &DestinationSettings) -> Duration {
    let visibility = Duration::from_secs(settings.visibility_s.unwrap_or(VISIBILITY));
    let receives = settings.max_receive_count.unwrap_or(RECEIVES).clamp(1, 1000);
    let receives = u32::try_from(receives).unwrap_or(u32::MAX);
    let window = visibility.saturating_mul(receives);
    let window = match settings.batch_window {
        None => window,
        Some(batch) => window.max(visibility.saturating_mul(INVOCATIONS)) + batch,
    };
    let slack = (SLACK_MIN + window / SLACK_PART).min(SLACK_MAX);
    window.max(WINDOW_MIN) + slack + Duration::from_secs(settings.delay_s.unwrap_or(0))
}

/// Returns the pause between two readings.
pub fn pause(window: Duration) -> Duration {
    (window / READINGS).clamp(PAUSE[0], PAUSE[1])
}

/// The state of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationState {
    /// The window has not passed, or readings are missing.
    Watching,
    /// The messages were consumed, and none has returned.
    Verified,
    /// The window has passed, and this many messages wait for a consumer, of which nothing is seen; None:
    /// unknown.
    NotConsumed(Option<u64>),
    /// The window has passed, and so many wait for a consumer that takes some.
    Slow(u64),
    /// The window has passed, and a consumer may hold so many of those sent.
    Held(u64),
    /// The window has passed, and messages of others wait, with or without those that were sent.
    Backlog(u64),
    /// No message was sent.
    NothingSent,
    /// The destination of this ARN, or the dead-letter queue, may have deleted messages by its retention,
    /// before they were seen to be consumed.
    Forgotten(String),
    /// A return may be among messages that could not be looked at: those of the named queue, which cannot be
    /// read, or some of the dead-letter queue.
    ReturnsUnknown(Option<String>),
    /// A return may be gone.
    Gone(GoneReturns),
    /// The number of messages that have arrived and did not die in a queue: a consumer may have written them
    /// for those that fail.
    Unattributed(u64),
}

impl fmt::Display for VerificationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerificationState::Watching => f.write_str("the time for a return has not passed"),
            VerificationState::ReturnsUnknown(Some(queue)) => write!(
                f,
                "messages that die again go to '{}', which cannot be read",
                safe(queue)
            ),
            VerificationState::ReturnsUnknown(None) => f.write_str(
                "not all of the dead-letter queue could be looked at, and a message that has died again \
                 may be in it",
            ),
            VerificationState::Gone(why) => why.fmt(f),
            VerificationState::Unattributed(n) => write!(
                f,
                "{} in the dead-letter queue meanwhile that did not die in a queue: a consumer that fails may \
                 have written {}, in its own form",
                match n {
                    1 => "1 message has arrived".to_owned(),
                    n => format!("{} have arrived", count(*n, "message")),
                },
                if *n == 1 { "it" } else { "them" },
            ),
            VerificationState::Verified => f.write_str("all were consumed, and none has returned"),
            VerificationState::NothingSent => f.write_str("nothing was sent"),
            VerificationState::Forgotten(to) => write!(
                f,
                "the retention of destination '{}', or of its dead-letter queue, has passed since the first \
                 of them was sent: that they are gone shows nothing",
                safe(to)
            ),
            VerificationState::Backlog(n) => write!(
                f,
                "{} in the destination, of others or of those sent: whether those sent were consumed cannot be told",
                match n {
                    1 => "1 message waits".to_owned(),
                    n => format!("{} wait", count(*n, "message")),
                },
            ),
            VerificationState::Held(n) => write!(
                f,
                "a consumer may still hold {} of those sent: at least as many are in flight, and whose they are \
                 cannot be told",
                count(*n, "message"),
            ),
            VerificationState::NotConsumed(None) => {
                f.write_str("the destination could not be read, so that nothing is known")
            }
            VerificationState::NotConsumed(Some(n)) => write!(
                f,
                "{} still in the destination: its consumer has stopped",
                those(*n)
            ),
            VerificationState::Slow(n) => write!(
                f,
                "{} still in the destination: its consumer is behind, or holds messages",
                those(*n)
            ),
        }
    }
}

/// Tells a number of messages that are among those sent, as far as the depth of the destination shows it: where
/// others leave and come, fewer may be.
fn those(messages: u64) -> String {
    format!("at most {messages} of those sent {}", if messages == 1 { "is" } else { "are" })
}

/// Returns how long a backlog is waited for after a window has passed: those sent are behind it.
pub fn backlog_wait(window: Duration) -> Duration {
    window.saturating_mul(BACKLOG_WINDOWS).max(BACKLOG_WAIT_MIN)
}

/// Judges the destinations that something was sent to, when the `window` `is_over` or not. Returns, which
/// end a verification, are judged by the breaker.
pub fn judge(all: &[&Consumption], window: Duration, is_over: bool) -> VerificationState {
    if all.iter().all(|one| one.sent() == 0) {
        return VerificationState::NothingSent;
    }
    if !is_over {
        return VerificationState::Watching;
    }
    let (mut stuck, mut slow, mut held, mut backlog) = (Some(0), 0, 0, 0);
    for one in all {
        match one.state(window) {
            ConsumptionState::Consumed => {}
            ConsumptionState::Unknown => stuck = None,
            ConsumptionState::Stuck(count) => stuck = stuck.map(|sum| sum + count),
            ConsumptionState::Slow(count) => slow += count,
            ConsumptionState::Held(count) => held += count,
            ConsumptionState::Backlog(count) => backlog += count,
        }
    }
    match (stuck, slow, held, backlog) {
        (Some(0), 0, 0, 0) => VerificationState::Verified,
        (Some(0), 0, 0, backlog) => VerificationState::Backlog(backlog),
        (Some(0), 0, held, _) => VerificationState::Held(held),
        (Some(0), slow, _, _) => VerificationState::Slow(slow),
        (stuck, slow, _, _) => VerificationState::NotConsumed(stuck.map(|sum| sum + slow)),
    }
}

impl VerificationState {
    /// Returns the state when a destination may have deleted messages by its retention: only what was seen
    /// before counts, and waiting for more shows nothing.
    pub fn past_retention(self, destination: Option<String>) -> Self {
        match (self, destination) {
            (VerificationState::Watching, _) => VerificationState::Watching,
            (VerificationState::Verified, _) => VerificationState::Verified,
            (_, Some(to)) => VerificationState::Forgotten(to),
            (state, None) => state,
        }
    }

    /// Whether a consumer may be at work, so that more time may show the end.
    pub fn is_moving(&self) -> bool {
        use VerificationState::{Backlog, Held, Slow};
        matches!(self, Slow(_) | Held(_) | Backlog(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::queue::reading::Counts;

    #[test]
    fn window_is_the_time_in_which_a_message_can_die() {
        let s = Duration::from_secs;
        let rows = [
            ("usual", Some(30), Some(3), None, s(90 + 10)),
            ("read as nothing", None, None, None, s(30 + 4)),
            ("no redrive policy", Some(50), None, None, s(50 + 6)),
            ("short", Some(0), Some(5), None, s(2 + 1)),
            ("absurd count", Some(10), Some(u64::MAX), None, s(10_000 + 60)),
            ("Lambda with few receives", Some(30), Some(2), Some(s(20)), s(200 + 21)),
            ("Lambda with many receives", Some(30), Some(10), Some(s(20)), s(320 + 33)),
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

    #[test]
    fn unconsumed_messages_are_told_in_words() {
        use VerificationState::{Backlog, Held, NotConsumed, Slow};
        let rows = [
            (
                NotConsumed(Some(1)),
                "at most 1 of those sent is still in the destination: its consumer has stopped",
            ),
            (
                Slow(20),
                "at most 20 of those sent are still in the destination: its consumer is behind, or holds messages",
            ),
            (
                Held(1),
                "a consumer may still hold 1 message of those sent: at least as many are in flight, and whose they \
                 are cannot be told",
            ),
            (
                Backlog(1),
                "1 message waits in the destination, of others or of those sent: whether those sent were consumed \
                 cannot be told",
            ),
        ];
        for (state, expected) in rows {
            assert_eq!(state.to_string(), expected);
        }
    }

    #[test]
    fn all_destinations_have_to_be_consumed() {
        let minute = Duration::from_secs(60);
        let with = |sent, depths: [u64; 3]| {
            let mut one = Consumption::new(3);
            one.add_sent(sent);
            for visible in depths {
                one.add(Counts { visible, ..Counts::default() }, minute);
            }
            one
        };
        let (done, stopped) = (with(10, [0, 0, 0]), with(10, [13, 13, 13]));
        let (behind, slow) = (with(10, [3, 3, 2]), with(10, [13, 10, 8]));
        let mut held = Consumption::new(0);
        held.add_sent(2);
        for (at, visible) in [0, 9, 0, 9, 0].into_iter().enumerate() {
            held.add(Counts { visible, in_flight: 2, delayed: 0 }, minute * at as u32);
        }
        use VerificationState::{
            Backlog, Held, NotConsumed, NothingSent, Slow, Verified, Watching,
        };
        let rows: [(&str, &[&Consumption], bool, VerificationState); 10] = [
            ("one may be held", &[&done, &behind, &held], true, Held(2)),
            ("one may be held, and one is slow", &[&held, &slow], true, Slow(10)),
            ("none", &[], true, NothingSent),
            ("nothing was sent", &[&with(0, [0, 0, 0])], true, NothingSent),
            ("too early", &[&done], false, Watching),
            ("both", &[&done, &done], true, Verified),
            ("one has a backlog", &[&done, &behind], true, Backlog(2)),
            ("one is slow", &[&done, &behind, &slow], true, Slow(10)),
            ("one has stopped", &[&done, &slow, &stopped], true, NotConsumed(Some(20))),
            ("one is unknown", &[&stopped, &unread()], true, NotConsumed(None)),
        ];
        for (rule, all, is_over, expected) in rows {
            assert_eq!(judge(all, minute, is_over), expected, "{rule}");
        }
    }

    #[test]
    fn consumer_has_stopped_when_no_count_has_fallen() {
        use VerificationState::{NotConsumed, Slow, Verified};
        let minute = Duration::from_secs(60);
        let with = |depths: &[u64]| {
            let mut one = Consumption::new(0);
            one.add_sent(200);
            for &visible in depths {
                one.add(Counts { visible, ..Counts::default() }, minute);
            }
            one
        };
        let rows: [(&str, &[u64], VerificationState); 5] = [
            ("no fall", &[200, 200, 201], NotConsumed(Some(200))),
            ("a fall", &[200, 199, 199], Slow(200)),
            (
                "a fall some time ago",
                &[200, 199, 199, 199, 199, 199, 199, 199, 199, 199],
                Slow(199),
            ),
            ("unknown", &[200, 199], NotConsumed(None)),
            ("verified", &[200, 0, 0, 0], Verified),
        ];
        for (rule, depths, expected) in rows {
            assert_eq!(judge(&[&with(depths)], minute, true), expected, "{rule}");
        }
    }

    #[test]
    fn after_the_retention_only_what_was_seen_before_counts() {
        use VerificationState::{Backlog, Forgotten, NotConsumed, Slow, Verified, Watching};
        let forgotten = Forgotten("to".into());
        let rows = [
            ("returns are still watched for", Watching, Watching),
            ("seen to be consumed before", Verified, Verified),
            ("not consumed before", NotConsumed(Some(3)), forgotten.clone()),
            ("no reading before", NotConsumed(None), forgotten.clone()),
            ("slow", Slow(3), forgotten.clone()),
            ("a backlog", Backlog(3), forgotten),
        ];
        for (rule, state, expected) in rows {
            assert_eq!(state.clone().past_retention(Some("to".into())), expected, "{rule}");
            assert_eq!(state.clone().past_retention(None), state, "{rule}, kept");
        }
    }

    #[test]
    fn doubt_is_told_in_words() {
        let rows = [
            (
                VerificationState::Unattributed(1),
                "1 message has arrived in the dead-letter queue meanwhile that did not die in a queue: a consumer \
                 that fails may have written it, in its own form",
            ),
            (
                VerificationState::Unattributed(2),
                "2 messages have arrived in the dead-letter queue meanwhile that did not die in a queue: a \
                 consumer that fails may have written them, in its own form",
            ),
            (
                VerificationState::Gone(GoneReturns::Removed),
                "messages were removed from the dead-letter queue since the first was sent, and no archive has \
                 them: one that has died again may be among them",
            ),
        ];
        for (state, expected) in rows {
            assert_eq!(state.to_string(), expected);
        }
    }

    fn unread() -> Consumption {
        let mut one = Consumption::new(0);
        one.add_sent(1);
        one
    }
}
