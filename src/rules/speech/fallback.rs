//! Fallback: why a local voice speaks instead of ElevenLabs, and how often that is said.
//!
//! Promises: each reason is said once a day; an account whose quota is used up, or a server that
//! does not answer, is left alone for a time that ends by itself. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::words::words;

words! {
    /// The reasons for which ElevenLabs does not speak.
    FallbackReason {
        /// No key is configured, or it cannot be read.
        NoKey = "no_key",
        /// No program here plays the configured format.
        NoPlayer = "no_player",
        Quota = "quota",
        InvalidKey = "invalid_key",
        MissingPermission = "missing_permission",
        Busy = "busy",
        /// The request is refused: another one would be refused, too.
        Refused = "refused",
        /// The server fails.
        Unavailable = "unavailable",
        Network = "network",
        /// The answer is no audio.
        NotAudio = "not_audio",
        /// The audio cannot be filed.
        Disk = "disk",
    }
}

/// The time for which a reason is not said again.
const SAID_FOR: Duration = Duration::from_secs(86_400);

impl FallbackReason {
    /// Returns the sentence for people.
    const fn sentence(self) -> &'static str {
        match self {
            FallbackReason::NoKey => "no key of ElevenLabs",
            FallbackReason::NoPlayer => {
                "no program here plays the configured format; install mpv, or set a format wav_..."
            }
            FallbackReason::Quota => "the quota of ElevenLabs is used up",
            FallbackReason::InvalidKey => "ElevenLabs refuses the key",
            FallbackReason::MissingPermission => {
                "the key of ElevenLabs may not do this; it needs 'Text to Speech'"
            }
            FallbackReason::Busy => "ElevenLabs is busy",
            FallbackReason::Refused => "ElevenLabs refuses the request",
            FallbackReason::Unavailable => "ElevenLabs fails",
            FallbackReason::Network => "ElevenLabs cannot be reached",
            FallbackReason::NotAudio => "the answer of ElevenLabs was dropped",
            FallbackReason::Disk => "the audio of ElevenLabs cannot be filed",
        }
    }

    /// Returns whether a second attempt may succeed at once.
    pub const fn is_brief(self) -> bool {
        matches!(self, FallbackReason::Busy | FallbackReason::Unavailable)
    }

    /// Returns how long the account is not asked again. A quota is refilled by the month; waiting for
    /// a dead network would delay each sentence.
    const fn pause(self) -> Option<Duration> {
        match self {
            FallbackReason::Quota | FallbackReason::InvalidKey => Some(Duration::from_secs(900)),
            FallbackReason::Network | FallbackReason::Unavailable => Some(Duration::from_secs(60)),
            _ => None,
        }
    }
}

/// A failure to get audio from ElevenLabs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynthesisFailure {
    pub reason: FallbackReason,
    /// The words of the server or the system; may be empty.
    pub detail: String,
}

impl SynthesisFailure {
    pub fn new(reason: FallbackReason, detail: impl Into<String>) -> Self {
        SynthesisFailure { reason, detail: detail.into() }
    }
}

impl fmt::Display for SynthesisFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.sentence())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// The memory of fallbacks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FallbackLog {
    /// The last time that a reason was said.
    #[serde(default)]
    said: BTreeMap<FallbackReason, Timestamp>,
    /// Accounts that are not asked, by [`super::voice::Voice::account`].
    #[serde(default)]
    paused: BTreeMap<String, Pause>,
}

/// A time in which an account is not asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pause {
    since: Timestamp,
    failure: SynthesisFailure,
}

impl FallbackLog {
    /// Returns whether a reason is to be said now, and remembers it then.
    pub fn is_news(&mut self, reason: FallbackReason, now: Timestamp) -> bool {
        let is_recent = self.said.get(&reason).is_some_and(|at| is_within(*at, SAID_FOR, now));
        if !is_recent {
            self.said.insert(reason, now);
        }
        !is_recent
    }

    /// Remembers a failure of an account. Ended pauses are dropped.
    pub fn pause(&mut self, account: &str, failure: &SynthesisFailure, now: Timestamp) {
        self.paused.retain(|_, pause| pause.is_on(now));
        if failure.reason.pause().is_some() {
            let pause = Pause { since: now, failure: failure.clone() };
            self.paused.insert(account.to_owned(), pause);
        }
    }

    /// Returns the failure for which an account is not asked now.
    pub fn paused(&self, account: &str, now: Timestamp) -> Option<&SynthesisFailure> {
        self.paused.get(account).filter(|pause| pause.is_on(now)).map(|pause| &pause.failure)
    }
}

impl Pause {
    fn is_on(&self, now: Timestamp) -> bool {
        self.failure.reason.pause().is_some_and(|length| is_within(self.since, length, now))
    }
}

/// Whether `now` is less than `span` after `at`. An instant in the future was written by a clock
/// that has been set back, and counts as past.
fn is_within(at: Timestamp, span: Duration, now: Timestamp) -> bool {
    at <= now && now.since(at) < span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((1_000_000 + seconds) * 1000)
    }

    #[test]
    fn reason_is_said_once_a_day() {
        let mut log = FallbackLog::default();
        let rows = [
            (FallbackReason::Quota, 0, true),
            (FallbackReason::Quota, 60, false),
            (FallbackReason::NoKey, 60, true),
            (FallbackReason::Quota, 86_399, false),
            (FallbackReason::Quota, 86_400, true),
            // The clock was set back.
            (FallbackReason::Quota, 10, true),
        ];
        for (reason, seconds, expected) in rows {
            assert_eq!(log.is_news(reason, at(seconds)), expected, "{reason} at {seconds}");
        }
    }

    #[test]
    fn account_is_left_alone_for_a_time() {
        let rows = [
            (FallbackReason::Quota, 899, true),
            (FallbackReason::Quota, 900, false),
            (FallbackReason::Quota, -1, false),
            (FallbackReason::InvalidKey, 100, true),
            (FallbackReason::Network, 59, true),
            (FallbackReason::Network, 60, false),
            (FallbackReason::Busy, 0, false),
            (FallbackReason::Refused, 0, false),
            (FallbackReason::MissingPermission, 0, false),
        ];
        for (reason, seconds, expected) in rows {
            let mut log = FallbackLog::default();
            log.pause("a", &SynthesisFailure::new(reason, "why"), at(0));
            assert_eq!(log.paused("a", at(seconds)).is_some(), expected, "{reason} at {seconds}");
            assert_eq!(log.paused("b", at(seconds)), None, "another key");
        }
    }
}
