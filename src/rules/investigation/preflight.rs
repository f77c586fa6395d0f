//! After the evidence and before the agent: is there something to investigate, and is it ours to?
//!
//! What a supervisor asks itself first, before anything is spent. Pure.

use crate::rules::investigation::document::Sessions;
use std::fmt;

use super::session::Status;
use crate::rules::triage::{CodeFault, Triage};

/// From here on a triage is sure enough to spare the investigation.
const SURE: f64 = 0.8;

/// What the evidence step has brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// A sample, judged: at least one cause.
    Judged(Vec<Triage>),
    /// None, and why: the sentence, and whether another attempt can do better.
    None {
        /// The sentence.
        why: String,
        /// Nothing has to change but time.
        passes: bool,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The agent, or, where there is none, the triage alone.
    Go,
    /// Nothing more.
    Skip(Why),
}

/// Why nothing more is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The messages could not be sampled.
    NoEvidence {
        /// The sentence.
        why: String,
        /// Another attempt can do better.
        passes: bool,
    },
    /// Another session has the same cause.
    KnownCause {
        /// The session.
        session: String,
        /// Its queue.
        queue: String,
        /// Whether it is still at work.
        running: bool,
    },
    /// Nothing in the code can be at fault: what is, in a sentence.
    NotACodeBug(String),
}

impl Why {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Why::NoEvidence { .. } => "no_evidence",
            Why::KnownCause { .. } => "known_cause",
            Why::NotACodeBug(_) => "not_a_code_bug",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoEvidence { why, .. } => write!(f, "no message could be looked at: {why}"),
            Why::KnownCause { session, queue, running: true } => {
                write!(f, "session {session} is investigating the same cause in queue '{queue}'")
            }
            Why::KnownCause { session, queue, running: false } => {
                write!(f, "session {session} has investigated the same cause in queue '{queue}'")
            }
            Why::NotACodeBug(what) => f.write_str(what),
        }
    }
}

/// Judges. `spends` says whether an agent follows: the triage alone costs nothing, and is written
/// also about what is no code bug. `owner` is what [`owner`] found.
pub fn judge(evidence: &Evidence, spends: bool, required: bool, owner: Option<Why>) -> Next {
    match evidence {
        Evidence::None { why, passes } if required => {
            Next::Skip(Why::NoEvidence { why: why.clone(), passes: *passes })
        }
        Evidence::None { .. } => Next::Go,
        Evidence::Judged(causes) => {
            let harmless =
                |cause: &Triage| cause.fault == CodeFault::NotACodeBug && cause.confidence >= SURE;
            match (owner, causes.first()) {
                (Some(owner), _) => Next::Skip(owner),
                // One cause that may be in the code is enough to look there.
                (None, Some(first)) if spends && causes.iter().all(harmless) => {
                    Next::Skip(Why::NotACodeBug(format!("{}: {}", first.category, first.reason)))
                }
                _ => Next::Go,
            }
        }
    }
}

/// The session that has the cause already: one that runs, or has come to a result while the
/// incident that it was for is open. A cause that comes back after that is a new one.
pub fn owner(sessions: &Sessions, own: &str, fingerprint: &str) -> Option<Why> {
    let open = |id: &str| {
        let incident = sessions.incidents.iter().find(|incident| incident.id == id);
        incident.is_some_and(|incident| incident.closed_at.is_none())
    };
    let ours = sessions.sessions.iter().find(|session| session.id == own);
    let incident = ours.map(|session| session.incident.as_str());
    let owns = |session: &&super::session::Session| {
        session.id != own
            && session.fingerprint.as_deref() == Some(fingerprint)
            && match session.status {
                Status::Running => true,
                // The same incident is looked at again for a reason.
                Status::Completed => {
                    open(&session.incident) && Some(session.incident.as_str()) != incident
                }
                _ => false,
            }
    };
    let owner = sessions.sessions.iter().rev().find(owns)?;
    Some(Why::KnownCause {
        session: owner.id.clone(),
        queue: owner.queue_name.clone(),
        running: owner.status == Status::Running,
    })
}

#[cfg(test)]
mod tests;
