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
use crate::rules::investigation::claim;
use crate::rules::investigation::claimed_cause::ClaimedCause;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::eligibility::SkipReason;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::preflight::{self, PreflightFacts};
use crate::rules::investigation::preflight_skip::{
    NEEDS_PERSON, NOT_A_CODE_BUG, PreflightSkip, Retry, UNEXPLAINED,
};
use crate::rules::investigation::second_look;
use crate::rules::investigation::wait::Wait;
use crate::store;

/// Records what the sample shows of the loss, claims the cause for this session and decides whether to go on. `None` when the session has
/// ended as skipped, which is then emitted and recorded.
pub(super) fn claim_cause(
    context: &SessionContext,
    evidence: EvidenceSummary,
) -> Result<Option<EvidenceSummary>, Error> {
    let cause = evidence.cause().map(ClaimedCause::from);
    let plan = &context.plan;
    let Incident { id, queue, forced, .. } = &plan.incident;
    let facts = PreflightFacts {
        queue,
        spends: plan.agent.is_some(),
        requires_evidence: plan.require_evidence,
        forced: *forced,
        logs_again: evidence.needs_second_look(context),
    };
    // The claim is one update: of two sessions with one cause, the second sees the first. Whether
    // the first one still owns the cause depends on its incident.
    let skip = context.store.update(&Keys::all(), |sessions: &mut Sessions| {
        let refusal = cause.as_ref().and_then(|cause| {
            let others = sessions.sessions.iter().filter(|one| one.id != context.session);
            claim::refusal(cause, id, queue, &others.collect::<Vec<_>>(), &sessions.incidents)
        });
        let skip = preflight::judge(&evidence.triage, facts, refusal);
        if let Some(incident) = sessions.incidents.iter_mut().find(|one| one.id == *id) {
            incident.add_sample(evidence.loss.window.before);
            if facts.logs_again {
                // In case that no other can be collected.
                let bundle = evidence.bundle.as_ref().map(|path| path.display().to_string());
                incident.bundle = incident.bundle.take().or(bundle);
            }
        }
        if let Some(session) = sessions.session_mut(context.session) {
            let claimed = cause.as_ref().filter(|_| skip.is_none());
            session.fingerprint = claimed.map(|cause| cause.fingerprint.clone());
        }
        Ok(skip)
    })?;
    let Some(PreflightSkip { word, mut detail, retry }) = skip else { return Ok(Some(evidence)) };
    if [NOT_A_CODE_BUG, NEEDS_PERSON].contains(&word) {
        let report = context.path(files::REPORT);
        store::replace(&report, evidence.report.as_bytes())?;
        detail = format!("{detail}; see '{}'", report.display());
    }
    let later = retry_later(context, word);
    let wait = match retry {
        Retry::Never => None,
        Retry::AfterCooldown => Some(later),
        Retry::AfterLogs => Some(second_look::wait(clock::now())),
        Retry::AfterSession(id) => Some(Wait { until: None, session: Some(id), cause, ..later }),
        // What only a person, or a change of the incident, can end.
        Retry::ByPerson => {
            Some(Wait { until: None, cause: cause.filter(|_| word == UNEXPLAINED), ..later })
        }
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
    let (queue, loss) = (&plan.incident.queue, evidence.loss.window.first());
    // The limits apply to the sum of all runs.
    let refusal = context.store.update(&Keys::all(), |budget: &mut Budget| {
        let now = clock::reading();
        let reserved = budget.reserve(&plan.limits, context.session, &queue.name, cause, loss, now);
        Ok(reserved.err())
    })?;
    let Some(SkipReason { word, detail, until }) = refusal else { return Ok(true) };
    let limits = Some(plan.limits.clone());
    let wait = Wait {
        reason: word.into(),
        since: clock::now(),
        until,
        session: None,
        limits,
        cause: None,
        spends_on: cause.map(str::to_owned),
    };
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
        budget.settle(context.session, cost, clock::reading());
        Ok(())
    })
}
