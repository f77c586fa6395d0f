//! A reading of a queue: counts and attributes, or the error that hid them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The three counts of a queue. They are approximate, and settle within about a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that somebody has received and not yet deleted.
    pub in_flight: u64,
    /// Messages whose delay has not passed.
    pub delayed: u64,
}

impl Counts {
    /// A dead letter that somebody is reading is still one.
    pub fn depth(self) -> u64 {
        self.visible.saturating_add(self.in_flight).saturating_add(self.delayed)
    }
}

/// The redrive policy of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    pub target: String,
    /// After how many receives a message goes there; unknown when it could not be read.
    pub max_receive_count: Option<u64>,
}

/// The attributes of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// The ARN of the queue.
    pub arn: String,
    /// The numbers of messages.
    pub counts: Counts,
    /// The retention period, in seconds.
    pub retention_s: Option<u64>,
    /// The visibility timeout, in seconds.
    pub visibility_s: Option<u64>,
    /// The redrive policy; absent when the queue has none.
    pub redrive: Option<Redrive>,
}

/// The error that hid the attributes of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The service throttled all attempts.
    Throttled,
    /// The permission is missing; the service does not say which.
    Denied,
    /// The permission is missing that the service names: action and resource.
    NotAuthorized(String),
    /// AWS reports that the queue does not exist; it does so too after lost access.
    Missing,
    /// No connection, or it broke.
    Network(String),
    /// No answer in time.
    TimedOut,
    /// No credentials, or they are not valid.
    Credentials(String),
    /// The clock of this machine is wrong: AWS refuses the signatures.
    Clock(String),
    /// The service has failed at the request, in its words: it may succeed when it is repeated.
    Failed(String),
    /// Something else, in the service's words.
    Other(String),
}

impl ReadError {
    /// Whether the same request may succeed a moment later.
    pub fn passes(&self) -> bool {
        use ReadError::{Failed, Network, Throttled, TimedOut};
        matches!(self, Throttled | TimedOut | Network(_) | Failed(_))
    }

    /// Whether the service has refused the request, which had no effect then.
    pub fn is_refusal(&self) -> bool {
        use ReadError::{Clock, Credentials, Denied, Missing, NotAuthorized, Throttled};
        matches!(self, Denied | NotAuthorized(_) | Throttled | Missing | Credentials(_) | Clock(_))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Throttled => f.write_str("throttled"),
            ReadError::Denied => f.write_str("access denied"),
            ReadError::NotAuthorized(what) => write!(f, "access denied: {what}"),
            ReadError::Missing => f.write_str("does not exist, or access to it was lost"),
            ReadError::Network(what) => write!(f, "network: {what}"),
            ReadError::TimedOut => f.write_str("no answer in time"),
            ReadError::Credentials(what) => write!(f, "credentials: {what}"),
            ReadError::Clock(what) | ReadError::Failed(what) | ReadError::Other(what) => {
                f.write_str(what)
            }
        }
    }
}

/// The attributes that a round judges: it holds those of all its queues at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub counts: Counts,
    /// The retention period, in seconds.
    pub retention_s: Option<u64>,
}

/// An attempt to read a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<T = Attributes> {
    /// The time of the attempt.
    pub at: Timestamp,
    /// The attributes, or the error.
    pub result: Result<T, ReadError>,
}

impl Reading {
    /// Returns the part that a round judges.
    pub fn backlog(self) -> Reading<Backlog> {
        let backlog = |Attributes { counts, retention_s, .. }| Backlog { counts, retention_s };
        Reading { at: self.at, result: self.result.map(backlog) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_tells_whether_a_repetition_may_help_and_whether_the_request_was_refused() {
        use ReadError::{
            Clock, Credentials, Denied, Failed, Missing, Network, NotAuthorized, Other, Throttled,
            TimedOut,
        };
        let what = || "in its words".to_owned();
        // The error, whether the same request may succeed a moment later, whether it had no effect.
        let rows = [
            (Throttled, true, true, "throttled"),
            (Denied, false, true, "access denied"),
            (NotAuthorized(what()), false, true, "access denied: in its words"),
            (Missing, false, true, "does not exist, or access to it was lost"),
            (Network(what()), true, false, "network: in its words"),
            (TimedOut, true, false, "no answer in time"),
            (Credentials(what()), false, true, "credentials: in its words"),
            (Clock(what()), false, true, "in its words"),
            (Failed(what()), true, false, "in its words"),
            (Other(what()), false, false, "in its words"),
        ];
        for (error, passes, is_refusal, text) in rows {
            let found = (error.passes(), error.is_refusal(), error.to_string());
            assert_eq!(found, (passes, is_refusal, text.to_owned()), "{error:?}");
        }
    }

    #[test]
    fn message_that_nobody_can_receive_now_counts_as_well() {
        assert_eq!(Counts { visible: 1, in_flight: 20, delayed: 300 }.depth(), 321);
    }
}
