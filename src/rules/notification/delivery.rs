//! The contract between the dispatcher and the channels: what is to be delivered, and what came of
//! one attempt. A channel makes one attempt; the dispatcher decides about the next.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::Notice;
use crate::event::words;
use crate::rules::http::RequestError;
use crate::time::Timestamp;

/// The longest line of an event that a delivery carries, in bytes.
pub const EVENT_MAX: usize = 4096;

words! {
    /// The part that a notice plays in the story of its incident.
    Action {
        /// The first notice of an incident, or one without an incident.
        Trigger = "trigger",
        /// A later notice of the incident. A channel that can replaces the earlier one by it.
        Update = "update",
        /// The incident is over.
        Resolve = "resolve",
    }
}

/// The keys of the problems that a notice tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemKeys {
    /// The keys of those that go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// The keys of those whose end it tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
}

impl ProblemKeys {
    /// Adds the keys of a later notice: what it says of a problem counts.
    pub fn follow(&mut self, later: &ProblemKeys) {
        for (key, goes_on) in later
            .ended
            .iter()
            .map(|key| (key, false))
            .chain(later.open.iter().map(|key| (key, true)))
        {
            self.open.retain(|known| known != key);
            self.ended.retain(|known| known != key);
            if goes_on { &mut self.open } else { &mut self.ended }.push(key.clone());
        }
    }
}

/// A notice for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Idempotency key: the same for every attempt.
    pub id: String,
    pub action: Action,
    /// The key of the problem: a notice of its end ends what the notices with the same key began.
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub problems: ProblemKeys,
    /// The id of the incident; None as well when there are several.
    pub incident: Option<String>,
    /// The line of the event, at most [`EVENT_MAX`] bytes. None: longer, or several events.
    pub event: Option<Arc<str>>,
    pub notice: Notice,
    /// Name that the channel gave to an earlier notice of the incident.
    pub handle: Option<String>,
    /// The moment of the notice.
    pub at: Timestamp,
}

/// The outcome of one attempt to deliver a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The channel has it. `handle` names the message, for an update of it.
    Delivered { handle: Option<String> },
    /// Another attempt may succeed.
    Later {
        cause: String,
        /// The pause that the service asks for.
        after: Option<Duration>,
        /// Whether the service may have taken the notice.
        unknown: bool,
    },
    /// No attempt with this notice or this configuration succeeds.
    Refused { cause: String },
    /// The address of the channel is gone for good.
    Gone { cause: String },
}

impl From<RequestError> for Outcome {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(cause) => Outcome::Refused { cause },
            RequestError::Unsent(cause) => Outcome::Later { cause, after: None, unknown: false },
            RequestError::Unknown(cause) => Outcome::Later { cause, after: None, unknown: true },
        }
    }
}
