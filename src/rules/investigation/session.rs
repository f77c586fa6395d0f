//! A session: the record of one investigation.
//!
//! `status` stays `running` until an end is recorded. Whether the session really runs is decided by
//! its supervisor's lock alone.

use serde::{Deserialize, Serialize};

use super::proof::SessionProof;
use crate::event::{Queue, Type, words};
use crate::money::{self, Usd};
use crate::time::Timestamp;

words! {
    /// The recorded status of a session.
    #[derive(Default)]
    SessionStatus {
        /// The supervisor was started.
        #[default]
        Running = "running",
        /// The session ended with a result.
        Completed = "completed",
        /// The session ended without a result.
        Failed = "failed",
        /// The session was stopped at its deadline.
        TimedOut = "timed_out",
        /// A user stopped the session.
        Stopped = "stopped",
        /// The supervisor found no reason to start the agent.
        Skipped = "skipped",
        /// The supervisor died.
        Crashed = "crashed",
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The id, which is also the name of the session's folder.
    pub id: String,
    pub incident: String,
    pub queue_name: String,
    pub queue: Queue,
    pub status: SessionStatus,
    /// The agent's process, for display only: the number may be reused.
    pub pid: Option<u64>,
    pub start_time: Timestamp,
    /// The deadline.
    pub timeout_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The time before which no other investigation of the queue starts.
    pub cooldown_until: Option<Timestamp>,
    /// The time at which the end was first seen in the future; null while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ahead_at: Option<Timestamp>,
    /// The number of bytes of the session's events that were printed.
    pub printed: u64,
    /// The cost in US dollars; null while the session runs, and when the agent does not report it.
    #[serde(default, deserialize_with = "money::reported")]
    pub cost_usd: Option<Usd>,
    /// The fingerprint of the cause of most messages, once it is known or expected.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The status of the verdict; null before there is one.
    #[serde(default)]
    pub verdict: Option<String>,
    /// The first session of the conversation that this one resumes.
    #[serde(default)]
    pub resumes: Option<String>,
    /// The commit from which its code was read; null without code, and before the end.
    #[serde(default)]
    pub base: Option<String>,
    /// The SHA-256 of its patch; null when it has none.
    #[serde(default)]
    pub patch: Option<String>,
    /// The proofs of its fix, the oldest first.
    #[serde(default)]
    pub proofs: Vec<SessionProof>,
    /// Whether its patch may become a pull request. A session that says nothing offers none.
    #[serde(default)]
    pub offers_patch: bool,
    /// The pull request whose merge has resolved its cause, as `owner/name#12`; null before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// The lines of its file of events that its supervisor has not written. They were dropped.
    #[serde(default)]
    pub forged: u64,
    /// The number of the file that its supervisor has locked; null when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<u64>,
}

impl SessionStatus {
    /// Returns the status of a session whose last event has this type; None when the event is not
    /// an end.
    pub fn from_event(kind: Type) -> Option<Self> {
        // The name of an end is that of the status.
        SessionStatus::parse(kind.as_str().strip_prefix("investigation.")?)
    }
}

/// The status of a verdict that names no cause.
pub const INCONCLUSIVE: &str = "inconclusive";

impl Session {
    /// Whether the session ended with a result that names a cause.
    pub fn has_found_cause(&self) -> bool {
        self.status == SessionStatus::Completed && self.verdict.as_deref() != Some(INCONCLUSIVE)
    }

    /// Returns the first session of the conversation, which may be this one.
    pub fn first_part(&self) -> &str {
        self.resumes.as_deref().unwrap_or(&self.id)
    }
}
