//! Checks before an agent starts and money is spent: cause, evidence and budget.

use super::context::SessionContext;
use super::evidence::EvidenceSummary;
use super::files;
use super::finish::{finish_skipped, retry_later};
use crate::clock;
use crate::document::Keys;
use crate::error::Error;
use crate::money::Usd;
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::eligibility::SkipReason;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::preflight::{self, NOT_A_CODE_BUG, PreflightSkip, Retry};
use crate::rules::investigation::wait::Wait;
use crate::store;

/// Claims the cause for this session and decides whether to go on. `None` when the session has
/// ended as skipped, which is then emitted and recorded.
pub(super) fn claim_cause(
    context: &SessionContext,
    evidence: EvidenceSummary,
) -> Result<Option<EvidenceSummary>, Error> {
    let cause = evidence.cause().map(|cause| cause.fingerprint.clone());
    let plan = &context.plan;
    let (spends, required) = (plan.agent.is_some(), plan.require_evidence);
    // The claim is one update: of two sessions with one cause, the second sees the first. Whether
    // the first one still owns the cause depends on its incident.
    let skip = context.store.update(&Keys::all(), |sessions: &mut Sessions| {
        let owner = cause.as_ref().filter(|_| !plan.incident.forced);
        let owner = owner.and_then(|cause| preflight::owner(sessions, context.session, cause));
        let skip = preflight::judge(&evidence.triage, spends, required, owner);
        if let (None, Some(session)) = (&skip, sessions.session_mut(context.session)) {
            session.fingerprint.clone_from(&cause);
        }
        Ok(skip)
    })?;
    let Some(PreflightSkip { word, mut detail, retry }) = skip else { return Ok(Some(evidence)) };
    if word == NOT_A_CODE_BUG {
        let report = context.path(files::REPORT);
        store::replace(&report, evidence.report.as_bytes())?;
        detail = format!("{detail}; see '{}'", report.display());
    }
    let later = retry_later(context, word);
    let wait = match retry {
        Retry::Never => None,
        Retry::AfterCooldown => Some(later),
        Retry::AfterSession(id) => Some(Wait { until: None, session: Some(id), ..later }),
    };
    finish_skipped(context, word, detail, wait)?;
    Ok(None)
}

/// Reserves what the agent may cost. `false` when the budget does not allow it: the session has
/// then ended as skipped, and the incident waits until the limit allows it. An agent that does not
/// report its cost is not limited.
pub(super) fn reserve_budget(
    context: &SessionContext,
    evidence: &EvidenceSummary,
) -> Result<bool, Error> {
    let plan = &context.plan;
    if !plan.spends() {
        return Ok(true);
    }
    let cause = evidence.cause().map(|cause| cause.fingerprint.as_str());
    let Incident { queue, expires_after, .. } = &plan.incident;
    // The limits apply to the sum of all runs.
    let refusal = context.store.update(&Keys::all(), |budget: &mut Budget| {
        let now = clock::now();
        budget.clamp_future_times(now);
        budget.forget(now);
        let reserved =
            budget.reserve(&plan.limits, context.session, &queue.name, cause, *expires_after, now);
        Ok(reserved.err())
    })?;
    let Some(SkipReason { word, detail, until }) = refusal else { return Ok(true) };
    let limits = Some(plan.limits.clone());
    let wait = Wait { reason: word.into(), since: clock::now(), until, session: None, limits };
    finish_skipped(context, word, detail, Some(wait))?;
    Ok(false)
}

/// Replaces the reservation by the cost. An unknown cost counts as reserved.
pub(super) fn settle_budget(context: &SessionContext, cost: Option<Usd>) -> Result<(), Error> {
    if !context.plan.spends() {
        return Ok(());
    }
    let keys = Keys::one(Budget::SPEND, context.session);
    context.store.update(&keys, |budget: &mut Budget| {
        budget.settle(context.session, cost, clock::now());
        Ok(())
    })
}
