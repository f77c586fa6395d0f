//! The check between evidence and agent: whether there is something to investigate, and whether no
//! other session does. Decides before anything is spent.

use std::fmt;

use super::document::Sessions;
use super::session::{Session, SessionStatus};
use crate::rules::triage::{CodeFault, Triage};

/// The confidence from which a triage makes an investigation unnecessary.
const SURE: f64 = 0.8;

/// The reason why there is no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEvidence {
    pub why: String,
    /// A later attempt may succeed.
    pub temporary: bool,
}

/// The triage of a sample, which has at least one cause.
pub type SampledEvidence = Result<Vec<Triage>, MissingEvidence>;

/// The reason why no agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightSkip {
    /// The messages could not be sampled.
    NoEvidence(MissingEvidence),
    /// Another session has the same cause.
    KnownCause { session: String, queue: String, running: bool },
    /// The code is not at fault; the sentence says what is.
    NotACodeBug(String),
}

impl PreflightSkip {
    /// Returns one word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            PreflightSkip::NoEvidence(_) => "no_evidence",
            PreflightSkip::KnownCause { .. } => "known_cause",
            PreflightSkip::NotACodeBug(_) => "not_a_code_bug",
        }
    }
}

impl fmt::Display for PreflightSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PreflightSkip::NoEvidence(missing) => {
                write!(f, "no message could be looked at: {}", missing.why)
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

/// Returns the reason why the session ends here; `None` when its agent runs, or its triage is the
/// result. `spends` says whether an agent follows: the triage alone costs nothing and is reported for
/// every cause. `owner` is the result of [`owner`].
pub fn judge(
    evidence: &SampledEvidence,
    spends: bool,
    required: bool,
    owner: Option<PreflightSkip>,
) -> Option<PreflightSkip> {
    let causes = match evidence {
        Err(missing) => return required.then(|| PreflightSkip::NoEvidence(missing.clone())),
        Ok(causes) => causes,
    };
    let harmless =
        |cause: &Triage| cause.fault == CodeFault::NotACodeBug && cause.confidence >= SURE;
    owner.or_else(|| {
        // One cause that may be in the code is enough.
        let first = causes.first().filter(|_| spends && causes.iter().all(harmless))?;
        Some(PreflightSkip::NotACodeBug(format!("{}: {}", first.category, first.reason)))
    })
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
    let owns = |session: &&Session| {
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
