//! After the evidence and before the agent: is there something to investigate, and is it ours to?
//!
//! What a supervisor asks itself first, before anything is spent. Pure.

use crate::rules::investigation::document::Sessions;
use std::fmt;

use super::session::SessionStatus;
use crate::rules::triage::{Bug, Triage};

/// From here on a triage is sure enough to spare the investigation.
const SURE: f64 = 0.8;

/// What the evidence step has brought.
#[derive(Debug, Clone, PartialEq)]
pub enum SampledEvidence {
    /// A sample, judged: at least one cause.
    Judged(Vec<Triage>),
    /// None, and why: the sentence, and whether another attempt can do better.
    Missing {
        /// The sentence.
        why: String,
        /// Nothing has to change but time.
        temporary: bool,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightResult {
    /// The agent, or, where there is none, the triage alone.
    Proceed,
    /// Nothing more.
    Skip(PreflightSkip),
}

/// PreflightSkip nothing more is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightSkip {
    /// The messages could not be sampled.
    NoEvidence {
        /// The sentence.
        why: String,
        /// Another attempt can do better.
        temporary: bool,
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

impl PreflightSkip {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            PreflightSkip::NoEvidence { .. } => "no_evidence",
            PreflightSkip::KnownCause { .. } => "known_cause",
            PreflightSkip::NotACodeBug(_) => "not_a_code_bug",
        }
    }
}

impl fmt::Display for PreflightSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PreflightSkip::NoEvidence { why, .. } => {
                write!(f, "no message could be looked at: {why}")
            }
            PreflightSkip::KnownCause { session, queue, running: true } => {
                write!(f, "session {session} is investigating the same cause in queue '{queue}'")
            }
            PreflightSkip::KnownCause { session, queue, running: false } => {
                write!(f, "session {session} has investigated the same cause in queue '{queue}'")
            }
            PreflightSkip::NotACodeBug(what) => f.write_str(what),
        }
    }
}

/// Judges. `spends` says whether an agent follows: the triage alone costs nothing, and is written
/// also about what is no code bug. `owner` is what [`owner`] found.
pub fn judge(
    evidence: &SampledEvidence,
    spends: bool,
    required: bool,
    owner: Option<PreflightSkip>,
) -> PreflightResult {
    match evidence {
        SampledEvidence::Missing { why, temporary } if required => {
            PreflightResult::Skip(PreflightSkip::NoEvidence {
                why: why.clone(),
                temporary: *temporary,
            })
        }
        SampledEvidence::Missing { .. } => PreflightResult::Proceed,
        SampledEvidence::Judged(causes) => {
            let harmless =
                |cause: &Triage| cause.bug == Bug::NotACodeBug && cause.confidence >= SURE;
            match (owner, causes.first()) {
                (Some(owner), _) => PreflightResult::Skip(owner),
                // One cause that may be in the code is enough to look there.
                (None, Some(first)) if spends && causes.iter().all(harmless) => {
                    PreflightResult::Skip(PreflightSkip::NotACodeBug(format!(
                        "{}: {}",
                        first.category, first.reason
                    )))
                }
                _ => PreflightResult::Proceed,
            }
        }
    }
}

/// The session that has the cause already: one that runs, or has come to a result while the
/// incident that it was for is open. A cause that comes back after that is a new one.
pub fn owner(sessions: &Sessions, own: &str, fingerprint: &str) -> Option<PreflightSkip> {
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
                SessionStatus::Running => true,
                // The same incident is looked at again for a reason.
                SessionStatus::Completed => {
                    open(&session.incident) && Some(session.incident.as_str()) != incident
                }
                _ => false,
            }
    };
    let owner = sessions.sessions.iter().rev().find(owns)?;
    Some(PreflightSkip::KnownCause {
        session: owner.id.clone(),
        queue: owner.queue_name.clone(),
        running: owner.status == SessionStatus::Running,
    })
}

#[cfg(test)]
mod tests;
