//! A session: the record of one investigation.
//!
//! `status` says `running` until somebody has recorded an end; whether the session really runs is
//! told by its supervisor's lock alone.

use serde::{Deserialize, Serialize};

use super::incident::Incident;
use crate::event::{Queue, Type};
use crate::time::Timestamp;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Its supervisor was started.
    Running,
    /// It ended with a result.
    Completed,
    /// It ended without one.
    Failed,
    /// It was stopped at its deadline.
    TimedOut,
    /// It was stopped because somebody asked for it.
    Stopped,
    /// Its supervisor found no reason to start the agent.
    Skipped,
    /// Its supervisor died.
    Crashed,
}

/// One investigation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id, and the name of its folder.
    pub id: String,
    /// The incident.
    pub incident: String,
    /// The queue's name, for people.
    pub queue_name: String,
    /// The queue.
    pub queue: Queue,
    /// Where it stands.
    pub status: SessionStatus,
    /// The agent's process, for people, never for identity.
    pub pid: Option<u64>,
    /// When it was started.
    pub start_time: Timestamp,
    /// When it is stopped.
    pub timeout_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Before this, no other investigation of the queue starts.
    pub cooldown_until: Option<Timestamp>,
    /// How many bytes of its events have been printed.
    pub printed: u64,
    /// What it has cost, in US dollars; null while it runs, and when the agent does not say.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// The cause that it is about, when it is known: that of most messages.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The session in which the conversation began that this one goes on with.
    #[serde(default)]
    pub resumes: Option<String>,
}

impl SessionStatus {
    /// Returns the status of a session whose last event has this type; None when the event is not
    /// an end.
    pub fn from_event(kind: Type) -> Option<Self> {
        match kind {
            Type::InvestigationCompleted => Some(SessionStatus::Completed),
            Type::InvestigationFailed => Some(SessionStatus::Failed),
            Type::InvestigationTimedOut => Some(SessionStatus::TimedOut),
            Type::InvestigationStopped => Some(SessionStatus::Stopped),
            Type::InvestigationSkipped => Some(SessionStatus::Skipped),
            _ => None,
        }
    }
}

impl Session {
    /// Creates the record of the next session about an incident.
    pub fn new(incident: &Incident, start_time: Timestamp, timeout_at: Timestamp) -> Self {
        Session {
            id: incident.next_session_id(),
            incident: incident.id.clone(),
            queue_name: incident.queue.name.clone(),
            queue: incident.queue.clone(),
            status: SessionStatus::Running,
            pid: None,
            start_time,
            timeout_at,
            ended_at: None,
            cooldown_until: None,
            printed: 0,
            cost_usd: None,
            fingerprint: None,
            resumes: None,
        }
    }

    /// The session in which its conversation began: itself, unless it goes on with another.
    pub fn first_part(&self) -> &str {
        self.resumes.as_deref().unwrap_or(&self.id)
    }
}
