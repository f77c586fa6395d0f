//! Checks before an agent starts and money is spent: cause, evidence and budget.

use super::context::SessionContext;
use super::evidence::EvidenceSummary;
use super::files;
use super::finish::{finish_skipped, retry_later};
use crate::clock;
use crate::document::Keys;
use crate::error::Error;
use crate::rules::investigation::budget::{Budget, BudgetExceeded, SpendRequest};
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::money::Usd;
use crate::rules::investigation::preflight;
use crate::rules::investigation::preflight::PreflightSkip;
use crate::rules::investigation::wait::Wait;
use crate::store;

/// Claims the cause for this session and decides whether to go on. `None` when the session has
/// ended as skipped, which is then emitted and recorded.
pub(super) fn pass(
    context: &SessionContext,
    evidence: EvidenceSummary,
) -> Result<Option<EvidenceSummary>, Error> {
    let cause = evidence.cause().map(|cause| cause.fingerprint.clone());
    let plan = &context.plan;
    let (spends, required) = (plan.agent.is_some(), plan.require_evidence);
    // The claim is one update: of two sessions with one cause, the second sees the first. Whether the
    // first one still owns the cause depends on its incident.
    let skip = context.store.update(&Keys::all(), |sessions: &mut Sessions| {
        let owner = cause.as_ref().filter(|_| !plan.incident.forced);
        let owner = owner.and_then(|cause| preflight::owner(sessions, context.session, cause));
        let skip = preflight::judge(&evidence.triage, spends, required, owner);
        if let (None, Some(session)) = (&skip, sessions.session_mut(context.session)) {
            session.fingerprint.clone_from(&cause);
        }
        Ok(skip)
    })?;
    let Some(why) = skip else { return Ok(Some(evidence)) };
    let mut detail = why.to_string();
    if let PreflightSkip::NotACodeBug(_) = why {
        let report = context.path(files::REPORT);
        store::replace(&report, evidence.report.as_bytes())?;
        detail = format!("{detail}; see '{}'", report.display());
    }
    let wait = match &why {
        PreflightSkip::NoEvidence(missing) if missing.temporary => {
            Some(retry_later(context, why.word()))
        }
        PreflightSkip::KnownCause { session, .. } => {
            let session = Some(session.clone());
            Some(Wait { until: None, session, ..retry_later(context, why.word()) })
        }
        _ => None,
    };
    finish_skipped(context, why.word(), detail, wait)?;
    Ok(None)
}

/// Reserves what the agent may cost, or returns why the budget does not allow it. An agent that
/// does not report its cost is not limited.
pub(super) fn reserve_budget(
    context: &SessionContext,
    evidence: &EvidenceSummary,
) -> Result<Option<BudgetExceeded>, Error> {
    let plan = &context.plan;
    if !plan.spends() {
        return Ok(None);
    }
    let fingerprint = evidence.cause().map(|cause| cause.fingerprint.clone());
    let want = SpendRequest { fingerprint, expires_after: plan.incident.expires_after };
    let (limits, queue) = (&plan.limits, &plan.incident.queue.name);
    // The limits apply to the sum of all runs.
    context.store.update(&Keys::all(), |budget: &mut Budget| {
        let now = clock::now();
        budget.clamp_future_times(now);
        budget.forget(now);
        Ok(budget.reserve(limits, context.session, queue, &want, now).err())
    })
}

/// Ends the session because of the budget; the incident waits until the limit allows it.
pub(super) fn finish_over_budget(
    context: &SessionContext,
    why: &BudgetExceeded,
) -> Result<(), Error> {
    let wait = Wait {
        reason: why.word().into(),
        since: clock::now(),
        until: why.until(),
        session: None,
        limits: Some(context.plan.limits.clone()),
    };
    finish_skipped(context, why.word(), why.to_string(), Some(wait))
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
