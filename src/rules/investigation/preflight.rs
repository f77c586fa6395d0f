//! The check between evidence and agent: whether there is something to investigate, and whether no
//! other session does. Decides before anything is spent.

use crate::rules::investigation::document::Sessions;
use std::fmt;

use super::session::SessionStatus;
use crate::rules::triage::{CodeFault, Triage};

/// The confidence from which a triage makes an investigation unnecessary.
const SURE: f64 = 0.8;

/// The result of the evidence step.
#[derive(Debug, Clone, PartialEq)]
pub enum SampledEvidence {
    /// The triage of a sample: at least one cause.
    Judged(Vec<Triage>),
    /// No sample.
    Missing {
        why: String,
        /// A later attempt may succeed.
        temporary: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightResult {
    /// Run the agent, or report the triage when there is no agent.
    Proceed,
    Skip(PreflightSkip),
}

/// The reason why no agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightSkip {
    /// The messages could not be sampled.
    NoEvidence {
        why: String,
        /// A later attempt may succeed.
        temporary: bool,
    },
    /// Another session has the same cause.
    KnownCause { session: String, queue: String, running: bool },
    /// The code is not at fault; the sentence says what is.
    NotACodeBug(String),
}

impl PreflightSkip {
    /// Returns one word for programs.
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

/// Decides whether to go on. `spends` says whether an agent follows: the triage alone costs nothing
/// and is reported for every cause. `owner` is the result of [`owner`].
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
                |cause: &Triage| cause.fault == CodeFault::NotACodeBug && cause.confidence >= SURE;
            match (owner, causes.first()) {
                (Some(owner), _) => PreflightResult::Skip(owner),
                // One cause that may be in the code is enough.
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

/// Returns the session that has the same cause: one that runs, or has a result while its incident
/// is open. A cause that returns after that is a new one.
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
                // The same incident is investigated again for a reason.
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
