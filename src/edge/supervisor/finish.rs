//! End of a session: the event first, then, when all is cleaned up, the record.

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::check_verdict::{CheckedVerdict, finding, render_report};
use super::context::SessionContext;
use super::evidence::EvidenceSummary;
use super::files;
use crate::clock;
use crate::document::Keys;
use crate::edge::git::PATCH_MAX;
use crate::error::Error;
use crate::event::{
    FixProof, InvestigationCompleted, InvestigationFailed, InvestigationSkipped,
    InvestigationStarted, InvestigationStopped, InvestigationTimedOut, Verdict,
};
use crate::money::Usd;
use crate::regular_file;
use crate::rules::agent::cost::{self, RunCost};
use crate::rules::agent::last_line::StatedResult;
use crate::rules::agent::transcript::ReportedCost;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::proof::ProofReason;
use crate::rules::investigation::second_look;
use crate::rules::investigation::session::{self, SessionStatus};
use crate::rules::investigation::wait::{self, API_UNAVAILABLE, Wait};
use crate::rules::triage;
use crate::rules::verdict::{PatchFacts, report, suspicion};
use crate::store;
use crate::time::show_span;

/// Least time until `dlq-peek` may run again, whatever the cooldown.
const RETRY_MIN: Duration = Duration::from_secs(5 * 60);

/// An emitted end, to be recorded by [`record_end`].
pub(super) struct EmittedEnd {
    status: SessionStatus,
    /// The wait after which the incident is investigated again; its queue then gets no cooldown.
    again: Option<Wait>,
    /// The status of the verdict.
    verdict: Option<String>,
    /// Whether its patch may become a pull request.
    offers_patch: bool,
    pub(super) cost: Option<Usd>,
}

pub(super) fn emit_started(
    context: &SessionContext,
    agent: &str,
    pid: Option<u64>,
) -> Result<(), Error> {
    context.emit(InvestigationStarted {
        queue: context.queue(),
        session: context.session.into(),
        agent: agent.to_owned(),
        pid,
        timeout_at: context.plan.timeout_at,
    })
}

/// Reason why a session has no result.
pub(super) enum NoResult {
    /// A reason code, and a sentence.
    Failed(&'static str, String),
    TimedOut,
    Stopped,
}

impl NoResult {
    /// Returns why an agent did not start: a request or the deadline ends what prepares it, too.
    pub(super) fn not_started(context: &SessionContext, error: &Error) -> Self {
        if context.path(files::STOP).exists() {
            return NoResult::Stopped;
        }
        if context.time_remaining().is_zero() {
            return NoResult::TimedOut;
        }
        NoResult::Failed("could_not_start", error.to_string())
    }
}

/// Changes of a session without a checked verdict.
pub(super) struct SavedChanges {
    /// Sentence that says where they are.
    pub(super) sentence: String,
    /// Reason why they are not offered as a pull request.
    pub(super) held: Option<String>,
}

/// Emits the end of a session without a result. `changes` describes what it has changed.
pub(super) fn emit_no_result(
    context: &SessionContext,
    why: NoResult,
    cost: RunCost,
    changes: Option<&SavedChanges>,
) -> Result<EmittedEnd, Error> {
    let (queue, session) = (context.queue(), context.session.to_owned());
    let RunCost { usd: cost, doubt } = cost;
    let (cost_usd, duration_s) = (cost, context.elapsed().as_secs());
    let changes = changes.map(|changes| changes.sentence.as_str());
    let detail = |text| with_references(context, text, doubt.as_deref(), changes);
    let (status, again) = match why {
        NoResult::Failed(reason, text) => {
            let (detail, duration_s) = (detail(text), Some(duration_s));
            let word = reason.to_owned();
            let end =
                InvestigationFailed { queue, session, reason: word, detail, cost_usd, duration_s };
            context.emit(end)?;
            // Nothing was investigated: no cooldown.
            let again = match reason {
                "could_not_start" => Some(retry_later(context, reason)),
                API_UNAVAILABLE => Some(retry_after_pause(context)),
                _ => None,
            };
            (SessionStatus::Failed, again)
        }
        NoResult::TimedOut => {
            let timeout = show_span(Duration::from_millis(context.plan.timeout_ms));
            let detail = detail(format!("timed out after {timeout}"));
            context.emit(InvestigationTimedOut { queue, session, detail, cost_usd, duration_s })?;
            (SessionStatus::TimedOut, None)
        }
        NoResult::Stopped => {
            let detail = detail("stopped on request".into());
            context.emit(InvestigationStopped { queue, session, detail, cost_usd, duration_s })?;
            (SessionStatus::Stopped, None)
        }
    };
    Ok(EmittedEnd { status, again, verdict: None, offers_patch: false, cost })
}

/// Emits the end of a session whose agent did not run, and so has cost nothing.
pub(super) fn emit_not_run(context: &SessionContext, why: NoResult) -> Result<EmittedEnd, Error> {
    emit_no_result(context, why, RunCost::none(), None)
}

/// Emits a checked verdict.
pub(super) fn emit_checked(
    context: &SessionContext,
    verdict: &CheckedVerdict,
    cost: RunCost,
) -> Result<EmittedEnd, Error> {
    let report = render_report(context, verdict, cost.usd);
    let patch = verdict.patch.as_ref().filter(|patch| !patch.files_changed.is_empty());
    let finding = serde_json::to_vec(&finding(verdict, cost.usd)).unwrap_or_default();
    store::replace(&context.path(files::FINDING), &finding)?;
    let facts = RunFacts {
        turns: verdict.turns,
        denied: Some(verdict.denied()),
        has_patch: patch.is_some(),
        patch_held: patch.and_then(PatchFacts::held),
        proof: record_proof(context, verdict)?,
    };
    emit_completed(context, Verdict::from(&verdict.checked), cost, facts, &report)
}

/// Records base, patch and proof, before the event: who sees that finds them.
fn record_proof(
    context: &SessionContext,
    verdict: &CheckedVerdict,
) -> Result<Option<FixProof>, Error> {
    let is_whole = |patch: &&PatchFacts| !patch.truncated && !patch.files_changed.is_empty();
    let patch = verdict.patch.as_ref().filter(is_whole);
    // A patch that is held has another file, and is not proven again.
    let offered = patch.filter(|patch| patch.held().is_none());
    let hash = offered.and_then(|_| patch_hash(&context.path(files::PATCH)).ok());
    let proof = patch.and_then(|patch| Some(patch.proof.as_ref()?.record()));
    context.record(|session| {
        session.base.clone_from(&verdict.base);
        session.patch = hash;
        if let Some(proof) = &proof {
            let now = clock::now();
            let number = session.begin_proof(ProofReason::Session, &proof.base, now);
            session.end_proof(number, proof.clone(), now);
        }
    })?;
    Ok(proof)
}

/// The SHA-256 of a patch.
pub fn patch_hash(path: &Path) -> Result<String, Error> {
    let bytes =
        regular_file::read(path, PATCH_MAX).map_err(|error| Error::file("read", path, &error))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Emits the result that an agent other than Claude Code has stated. `cost`, that of the
/// transcript, takes precedence over the cost that the agent states.
pub(super) fn emit_stated(
    context: &SessionContext,
    stated: StatedResult,
    cost: RunCost,
    denied: Option<u64>,
    changes: Option<SavedChanges>,
) -> Result<EmittedEnd, Error> {
    let StatedResult { verdict, cost_usd, turns } = stated;
    let has_patch = changes.is_some();
    let patch_held = changes.and_then(|changes| changes.held);
    // No tests are run for such an agent.
    let unproven = || has_patch.then(|| "nobody has tested its changes".to_owned());
    let verdict = suspicion::mark_unchecked(verdict, patch_held.clone().or_else(unproven));
    let Incident { id, queue, .. } = &context.plan.incident;
    let (took, loss) = (context.elapsed(), context.loss());
    let report = report::render_unchecked(context.session, id, queue, &verdict, took, loss);
    let cost = match cost {
        RunCost { usd: None, doubt: None } => {
            let total = cost_usd;
            cost::judge(
                ReportedCost { total, ..ReportedCost::default() },
                Usd::NONE,
                &context.plan.limits,
            )
        }
        known => known,
    };
    let facts = RunFacts { turns, denied, has_patch, patch_held, proof: None };
    emit_completed(context, verdict, cost, facts, &report)
}

/// Emits the triage as the result of a session without an agent.
pub(super) fn emit_triage(
    context: &SessionContext,
    evidence: &EvidenceSummary,
) -> Result<EmittedEnd, Error> {
    emit_started(context, "triage", None)?;
    let verdict = triage::verdict(evidence.causes());
    let facts = RunFacts { turns: Some(0), ..RunFacts::default() };
    let end = emit_completed(context, verdict, RunCost::none(), facts, &evidence.report)?;
    let is_due = evidence.needs_second_look(context);
    Ok(EmittedEnd { again: is_due.then(|| second_look::wait(clock::now())), ..end })
}

/// Facts of a run that has a result.
#[derive(Default)]
struct RunFacts {
    turns: Option<u64>,
    /// Denied calls of tools.
    denied: Option<u64>,
    has_patch: bool,
    /// Reason why the patch is not offered.
    patch_held: Option<String>,
    /// Proof of the patch.
    proof: Option<FixProof>,
}

/// Writes the report and emits the result.
fn emit_completed(
    context: &SessionContext,
    verdict: Verdict,
    cost: RunCost,
    facts: RunFacts,
    report: &str,
) -> Result<EmittedEnd, Error> {
    let path = context.path(files::REPORT);
    store::replace(&path, report.as_bytes())?;
    let status = Some(verdict.status.clone());
    let offers_patch = facts.has_patch && facts.patch_held.is_none();
    context.emit(InvestigationCompleted {
        queue: context.queue(),
        session: context.session.into(),
        verdict,
        cost_usd: cost.usd,
        cost_note: cost.doubt,
        turns: facts.turns,
        denied: facts.denied,
        patch_held: facts.patch_held,
        duration_s: context.elapsed().as_secs(),
        report: path.display().to_string(),
        proof: facts.proof.map(Box::new),
    })?;
    let cost = cost.usd;
    let end = SessionStatus::Completed;
    Ok(EmittedEnd { status: end, again: None, verdict: status, offers_patch, cost })
}

/// Records an emitted end. Until then the session counts as running.
pub(super) fn record_end(context: &SessionContext, end: &EmittedEnd) -> Result<(), Error> {
    if let Some(wait) = &end.again {
        make_incident_wait(context, Some(wait.clone()))?;
    }
    let now = clock::now();
    let until = now.plus(Duration::from_millis(context.plan.cooldown_ms));
    let incident = context.plan.incident.id.as_str();
    let keys = Keys::one(Sessions::SESSION, context.session).with(Sessions::INCIDENT, [incident]);
    // The triage alone is no investigation, and explains nothing away.
    let is_unexplained =
        context.plan.agent.is_some() && end.verdict.as_deref() == Some(session::INCONCLUSIVE);
    context.store.update(&keys, |sessions: &mut Sessions| {
        let mut cause = None;
        if let Some(session) = sessions.session_mut(context.session) {
            session.status = end.status;
            session.verdict.clone_from(&end.verdict);
            session.offers_patch = end.offers_patch;
            session.ended_at = Some(now);
            session.cost_usd = end.cost;
            session.cooldown_until = end.again.is_none().then_some(until);
            cause.clone_from(&session.fingerprint);
        }
        let incident = sessions.incidents.iter_mut().find(|one| one.id == incident);
        let Some(incident) = incident else { return Ok(()) };
        let is_unavailable = end.again.as_ref().is_some_and(|wait| wait.reason == API_UNAVAILABLE);
        incident.unavailable =
            if is_unavailable { incident.unavailable.saturating_add(1) } else { 0 };
        if let (true, Some(cause)) = (is_unexplained, cause) {
            incident.record_unexplained(&cause);
        }
        Ok(())
    })
}

/// Ends a session before its agent has started. With a wait the incident is judged again later.
pub(super) fn finish_skipped(
    context: &SessionContext,
    reason: &str,
    detail: String,
    wait: Option<Wait>,
) -> Result<(), Error> {
    let until = wait.as_ref().and_then(|wait| wait.until);
    let (queue, reason) = (context.queue(), reason.to_owned());
    context.emit(InvestigationSkipped { queue, reason, detail, until })?;
    make_incident_wait(context, wait)?;
    context.record(|session| {
        session.status = SessionStatus::Skipped;
        session.ended_at = Some(clock::now());
    })
}

/// A wait until the cooldown has passed.
pub(super) fn retry_later(context: &SessionContext, reason: &str) -> Wait {
    let now = clock::now();
    let cooldown = Duration::from_millis(context.plan.cooldown_ms).max(RETRY_MIN);
    Wait::ending_at(reason, now, now.plus(cooldown))
}

/// A wait after a failure of the model's API; longer with each in a row.
fn retry_after_pause(context: &SessionContext) -> Wait {
    let now = clock::now();
    let pause = wait::pause(context.plan.incident.unavailable, context.session);
    Wait::ending_at(API_UNAVAILABLE, now, now.plus(pause))
}

/// Records what the incident waits for; `None` removes an earlier wait.
fn make_incident_wait(context: &SessionContext, wait: Option<Wait>) -> Result<(), Error> {
    let keys = Keys::one(Sessions::INCIDENT, context.plan.incident.id.as_str());
    context.store.update(&keys, |sessions: &mut Sessions| {
        let id = &context.plan.incident.id;
        if let Some(incident) = sessions.incidents.iter_mut().find(|one| one.id == *id) {
            incident.armed |= wait.is_some();
            incident.second_look |= wait.as_ref().is_some_and(Wait::is_for_logs);
            incident.wait = wait;
        }
        Ok(())
    })
}

/// Adds a doubt of the cost, the path of the agent's output, the changes, and the command that
/// resumes the session.
fn with_references(
    context: &SessionContext,
    detail: String,
    doubt: Option<&str>,
    changes: Option<&str>,
) -> String {
    let has_text =
        |name: &&str| std::fs::metadata(context.path(name)).is_ok_and(|file| file.len() > 0);
    let mut all = vec![detail];
    all.extend(doubt.map(str::to_owned));
    let output = [files::STDERR, files::TRANSCRIPT].into_iter().find(has_text);
    let output = output.map(|name| context.path(name));
    all.extend(output.map(|path| format!("its output is in '{}'", path.display())));
    all.extend(changes.map(str::to_owned));
    let is_claude = context.plan.agent.as_ref().is_some_and(|agent| agent.claude);
    if is_claude && has_text(&files::TRANSCRIPT) {
        all.push(format!("'dlq-investigate --resume {}' resumes it", context.session));
    }
    all.join("; ")
}
