//! The cause that a session claims, as far as its evidence shows.

use serde::{Deserialize, Serialize};

use crate::event::words;
use crate::rules::triage::Triage;

words! {
    /// The common part of the messages of a group.
    Likeness {
        /// The error that they state.
        Error = "error",
        /// The shape of their payload, or its masked text.
        Shape = "shape",
    }
}

/// The cause of most messages of an incident, as far as its evidence shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedCause {
    pub fingerprint: String,
    pub likeness: Likeness,
}

impl From<&Triage> for ClaimedCause {
    fn from(triage: &Triage) -> Self {
        let likeness = if triage.states_error { Likeness::Error } else { Likeness::Shape };
        ClaimedCause { fingerprint: triage.fingerprint.clone(), likeness }
    }
}
