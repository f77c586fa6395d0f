//! The check between evidence and agent: whether there is something to investigate, and whether
//! another session already investigates the cause (`claim.rs`). Decides before anything is spent.

use super::preflight_skip::{
    KNOWN_CAUSE, LOGS_NOT_YET, NEEDS_PERSON, NOT_A_CODE_BUG, PreflightSkip, Retry, retry_command,
};
use super::second_look;
use crate::event::Queue;
use crate::rules::triage::{CodeFault, Triage};

/// The confidence from which a triage makes an investigation unnecessary: that of ten proven messages
/// of any number. An agent would see no more of them.
const CONFIDENCE_MIN: f64 = 0.7;

/// The reason why there is no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEvidence {
    pub why: String,
    /// A later attempt may succeed.
    pub temporary: bool,
}

/// The triage of a sample, which has at least one cause.
pub type SampledEvidence = Result<Vec<Triage>, MissingEvidence>;

/// Facts of the session that is checked.
#[derive(Debug, Clone, Copy)]
pub struct PreflightFacts<'a> {
    pub queue: &'a Queue,
    /// An agent follows; the triage alone costs nothing and is reported for every cause.
    pub spends: bool,
    /// A session without evidence is skipped.
    pub requires_evidence: bool,
    /// A person asks for the investigation.
    pub forced: bool,
    /// The logs were asked too early, and are asked once more: see [`second_look::is_due`].
    pub logs_again: bool,
}

/// Returns the reason why the session ends here; `None` when its agent runs, or its triage is the
/// result. `refusal` is the result of [`super::claim::refusal`].
pub fn judge(
    evidence: &SampledEvidence,
    facts: PreflightFacts<'_>,
    refusal: Option<PreflightSkip>,
) -> Option<PreflightSkip> {
    let causes = match evidence {
        Err(missing) => {
            let detail = format!("no message could be sampled: {}", missing.why);
            let retry = if missing.temporary { Retry::AfterCooldown } else { Retry::Never };
            let skip = PreflightSkip { word: "no_evidence", detail, retry };
            return facts.requires_evidence.then_some(skip);
        }
        Ok(causes) => causes,
    };
    // What the logs will show decides whether the cause is known or was investigated in vain.
    if facts.logs_again && facts.spends && !facts.forced {
        let (word, detail) = (LOGS_NOT_YET, second_look::DETAIL.to_owned());
        return Some(PreflightSkip { word, detail, retry: Retry::AfterLogs });
    }
    // Without an agent nothing is spent, and only a cause that is known elsewhere is left to it.
    let refusal = refusal.filter(|skip| facts.spends || skip.word == KNOWN_CAUSE);
    refusal.filter(|_| !facts.forced).or_else(|| harmless(causes, facts))
}

/// Returns the reason when the code is at fault in none of the causes. One cause that may be in the
/// code is enough for an investigation.
fn harmless(causes: &[Triage], facts: PreflightFacts<'_>) -> Option<PreflightSkip> {
    let is_proven = |cause: &&Triage| {
        cause.fault == CodeFault::NotACodeBug && cause.confidence >= CONFIDENCE_MIN
    };
    let is_claimed = |cause: &&Triage| cause.fault == CodeFault::Unconfirmed;
    let first = causes.first().filter(|_| facts.spends)?;
    if causes.iter().all(|cause| is_proven(&cause)) {
        let reason = first.reason.trim_end_matches('.');
        let detail = format!("{}: {reason}", first.category);
        return Some(PreflightSkip { word: NOT_A_CODE_BUG, detail, retry: Retry::Never });
    }
    let is_harmless = causes.iter().all(|cause| is_proven(&cause) || is_claimed(&cause));
    let claimed = causes.iter().find(is_claimed).filter(|_| is_harmless && !facts.forced)?;
    let detail = format!(
        "a person has to confirm the cause ({}), because nothing proves who states it; {} investigates",
        claimed.category,
        retry_command(facts.queue)
    );
    Some(PreflightSkip { word: NEEDS_PERSON, detail, retry: Retry::ByPerson })
}

#[cfg(test)]
mod tests;
