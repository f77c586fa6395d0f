//! The check between evidence and agent: whether there is something to investigate, and whether
//! another session already investigates the cause. Decides before anything is spent.

use super::document::Sessions;
use super::session::{Session, SessionStatus};
use crate::rules::triage::{CodeFault, Triage};

/// The confidence from which a triage makes an investigation unnecessary.
const CONFIDENCE_MIN: f64 = 0.8;

/// The word for a cause that is not in the code.
pub const NOT_A_CODE_BUG: &str = "not_a_code_bug";

/// The word for a cause that another session has.
pub const KNOWN_CAUSE: &str = "known_cause";

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
pub struct PreflightSkip {
    /// The reason as one word, for programs.
    pub word: &'static str,
    /// The reason as a sentence, for people.
    pub detail: String,
    pub retry: Retry,
}

/// The time at which the incident is judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// The next change of the incident.
    Never,
    AfterCooldown,
    /// The end of this session without a result.
    AfterSession(String),
}

/// Returns the reason why the session ends here; `None` when its agent runs, or its triage is the
/// result. `spends` says whether an agent follows: the triage alone costs nothing and is reported
/// for every cause. `owner` is the result of [`owner`].
pub fn judge(
    evidence: &SampledEvidence,
    spends: bool,
    required: bool,
    owner: Option<PreflightSkip>,
) -> Option<PreflightSkip> {
    let causes = match evidence {
        Err(missing) => {
            let detail = format!("no message could be sampled: {}", missing.why);
            let retry = if missing.temporary { Retry::AfterCooldown } else { Retry::Never };
            return required.then_some(PreflightSkip { word: "no_evidence", detail, retry });
        }
        Ok(causes) => causes,
    };
    let harmless = |cause: &Triage| {
        cause.fault == CodeFault::NotACodeBug && cause.confidence >= CONFIDENCE_MIN
    };
    owner.or_else(|| {
        // One cause that may be in the code is enough.
        let first = causes.first().filter(|_| spends && causes.iter().all(harmless))?;
        let detail = format!("{}: {}", first.category, first.reason);
        Some(PreflightSkip { word: NOT_A_CODE_BUG, detail, retry: Retry::Never })
    })
}

/// Returns the session that has the same cause: one that runs, or has a result while its incident
/// is open. A cause that returns after that is a new one.
pub fn owner(sessions: &Sessions, own: &str, fingerprint: &str) -> Option<PreflightSkip> {
    let open = |id: &str| {
        let incident = sessions.incidents.iter().find(|incident| incident.id == id);
        incident.is_some_and(|incident| incident.closed_at.is_none())
    };
    let incident = sessions.session(own).map(|session| session.incident.as_str());
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
    let verb = if owner.status == SessionStatus::Running {
        "is investigating"
    } else {
        "has investigated"
    };
    let (id, queue) = (&owner.id, &owner.queue_name);
    let detail = format!("session {id} {verb} the same cause in queue '{queue}'");
    let retry = Retry::AfterSession(id.clone());
    Some(PreflightSkip { word: KNOWN_CAUSE, detail, retry })
}

#[cfg(test)]
mod tests;
