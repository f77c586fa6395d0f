//! What is going on, put together from the documents: open incidents, investigations, money.
//!
//! A view of what was read, for people (`table.rs`) and, as it serializes, for programs. What is
//! not known is null there and `unknown` for people, never 0; what could not be read is a null
//! part, beside the parts that could.

mod table;

use crate::rules::investigation::document::Sessions;
use std::collections::BTreeMap;

use serde::Serialize;

pub use last_event::LastEvent;
pub use table::table;

use crate::rules::investigation::budget::{Budget, BudgetLimits};
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::money::Usd;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::queue::document::{Entry, Watched};
use crate::time::Timestamp;

/// What was read; None for what could not be.
#[derive(Debug, Clone, Default)]
pub struct StateDocuments {
    /// `sessions.json`
    pub sessions: Option<Sessions>,
    /// `queues.json`
    pub watched: Option<Watched>,
    /// `budget.json`
    pub budget: Option<Budget>,
}

/// What a session's folder shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionProbe {
    /// Whether its supervisor's lock is held; None when that cannot be told.
    pub held: Option<bool>,
    /// Its last event.
    pub told: Option<LastEvent>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusView {
    /// The moment.
    pub at: Timestamp,
    /// The state folder.
    pub state: String,
    /// The open incidents, nearest to loss first.
    pub incidents: Option<Vec<IncidentRow>>,
    /// The investigations, the newest first.
    pub sessions: Option<Vec<SessionRow>>,
    /// The money.
    pub spend: Option<SpendSummary>,
    /// What could not be read, a sentence each.
    pub problems: Vec<String>,
}

/// An open incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentRow {
    /// The incident.
    pub incident: String,
    /// The queue's name.
    pub queue: String,
    /// The queue's ARN.
    pub arn: String,
    /// How many messages are there; null when the last attempt to read the queue failed.
    pub depth: Option<u64>,
    /// When it began.
    pub since: Timestamp,
    /// No message is lost before this.
    pub expires_after: Option<Timestamp>,
    /// The oldest is lost by this.
    pub expires_before: Option<Timestamp>,
    /// What is done about it.
    pub investigation: InvestigationState,
}

/// Where the investigation of an incident stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InvestigationState {
    /// `none`, `waiting`, `running` or `ended`.
    pub state: &'static str,
    /// Of `waiting`, the newest reason that was told; of `ended`, how it ended.
    pub reason: Option<String>,
    /// When the reason ends, where that is known.
    pub until: Option<Timestamp>,
    /// The newest session.
    pub session: Option<String>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// The incident.
    pub incident: String,
    /// The queue's name.
    pub queue: String,
    /// As in `sessions.json`, and as its lock and its last event say where that is behind.
    pub status: String,
    /// Whether `sessions.json` says so too.
    pub recorded: bool,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long ago it was started, in seconds.
    pub age_s: u64,
    /// What it has cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// The word of its verdict.
    pub verdict: Option<String>,
    /// The title of its verdict.
    pub title: Option<String>,
    /// The path of its report.
    pub report: Option<String>,
    /// Why there is no verdict: a word, and a sentence.
    pub reason: Option<String>,
    #[allow(missing_docs)]
    pub detail: Option<String>,
}

/// The money, in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpendSummary {
    /// Of runs that have ended, in 24 hours.
    pub spent_usd: f64,
    /// Of runs that may go on.
    pub reserved_usd: f64,
    /// What may be spent in 24 hours; null: no limit.
    pub limit_usd: Option<f64>,
    /// What is left of it.
    pub left_usd: Option<f64>,
    /// What is left when no loss is near.
    pub left_unless_near_usd: Option<f64>,
    /// What counts for each cause, the dearest first.
    pub fingerprints: Vec<CauseSpend>,
}

/// What counts for a cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CauseSpend {
    /// Its fingerprint.
    pub fingerprint: String,
    /// In 30 days, in US dollars.
    pub usd: f64,
}

/// Puts the view together. `seen` is by session.
pub fn view(
    documents: &StateDocuments,
    seen: &BTreeMap<String, SessionProbe>,
    limits: &BudgetLimits,
    state: &str,
    now: Timestamp,
) -> StatusView {
    let StateDocuments { sessions, watched, budget } = documents;
    let shown = |session: &Session| shown(session, seen.get(&session.id), budget.as_ref(), now);
    let shown: Option<Vec<SessionRow>> =
        sessions.as_ref().map(|all| all.sessions.iter().rev().map(shown).collect());
    let known = sessions.is_some() || watched.is_some();
    StatusView {
        at: now,
        state: state.to_owned(),
        incidents: known.then(|| {
            open(sessions.as_ref(), watched.as_ref(), shown.as_deref().unwrap_or_default(), now)
        }),
        sessions: shown,
        spend: budget.as_ref().map(|budget| spent(budget, limits, now)),
        problems: Vec::new(),
    }
}

/// The open incidents: those of which the stream has told, and those that are polled and that no
/// investigator has heard of.
fn open(
    sessions: Option<&Sessions>,
    watched: Option<&Watched>,
    shown: &[SessionRow],
    now: Timestamp,
) -> Vec<IncidentRow> {
    let told = sessions.map_or(&[][..], |sessions| &sessions.incidents);
    let entries: Vec<&Entry> = watched.map_or_else(Vec::new, |all| all.entries().collect());
    let of_stream = told.iter().filter(|one| one.closed_at.is_none()).map(|one| {
        let entry = entries.iter().find(|entry| entry.queue.arn == one.queue.arn);
        let cooldown = sessions.and_then(|all| all.cooldown_until(&one.queue.arn));
        IncidentRow {
            incident: one.id.clone(),
            queue: one.queue.name.clone(),
            arn: one.queue.arn.clone(),
            depth: entry.map_or(one.depth, |entry| depth(entry)),
            since: one.raised_at,
            expires_after: one.expires_after,
            expires_before: one.expires_before,
            investigation: investigation(one, shown, cooldown.filter(|until| *until > now)),
        }
    });
    let unheard = entries.iter().filter_map(|entry| {
        let one = entry.record.incident.as_ref()?;
        let window = entry.record.window(None);
        let heard = told.iter().any(|heard| heard.id == one.id);
        (!heard).then(|| IncidentRow {
            incident: one.id.clone(),
            queue: entry.queue.name.clone(),
            arn: entry.queue.arn.clone(),
            depth: depth(entry),
            since: one.raised_at,
            expires_after: window.after,
            expires_before: window.before,
            investigation: InvestigationState { state: "none", ..InvestigationState::default() },
        })
    });
    let mut open: Vec<IncidentRow> = of_stream.chain(unheard).collect();
    open.sort_by_key(|one| {
        let loss = one.expires_after.or(one.expires_before);
        (loss.is_none(), loss, one.since, one.incident.clone())
    });
    open
}

/// What is there, unless the last attempt to read it failed.
fn depth(entry: &Entry) -> Option<u64> {
    let read = entry.record.read.filter(|_| entry.record.misses == 0);
    read.map(|(_, counts)| counts.depth())
}

fn investigation(
    incident: &Incident,
    shown: &[SessionRow],
    cooldown: Option<Timestamp>,
) -> InvestigationState {
    let newest = shown.iter().find(|session| session.incident == incident.id);
    let session = newest.map(|session| session.id.clone());
    let reason = incident.reported.last().cloned();
    match newest {
        Some(newest) if newest.status == word(SessionStatus::Running) => {
            InvestigationState { state: "running", session, ..InvestigationState::default() }
        }
        Some(newest) if !incident.armed => {
            let reason = Some(newest.status.clone());
            InvestigationState { state: "ended", reason, session, until: None }
        }
        _ if incident.armed => {
            let held = incident.wait.as_ref();
            let until = cooldown.filter(|_| reason.as_deref() == Some("cooldown"));
            let until = held.map_or(until, |hold| hold.until);
            let reason = held.map(|hold| hold.reason.clone()).or(reason);
            InvestigationState { state: "waiting", reason, until, session }
        }
        // Its session is long forgotten.
        _ => InvestigationState { state: "ended", ..InvestigationState::default() },
    }
}

fn shown(
    session: &Session,
    seen: Option<&SessionProbe>,
    budget: Option<&Budget>,
    now: Timestamp,
) -> SessionRow {
    let told = seen.and_then(|seen| seen.told.clone());
    let dead = session.status == SessionStatus::Running && seen.and_then(|s| s.held) == Some(false);
    // A supervisor that died after its last event has said how the session ended.
    let ended = told.as_ref().and_then(|told| told.ended);
    let status = if dead { ended.unwrap_or(SessionStatus::Crashed) } else { session.status };
    let settled = || {
        let mut spends = budget?.spends.iter();
        spends.find(|spend| spend.session == session.id && spend.settled_at.is_some())?.cost_usd
    };
    let told = told.unwrap_or_default();
    SessionRow {
        id: session.id.clone(),
        incident: session.incident.clone(),
        queue: session.queue_name.clone(),
        status: word(status),
        recorded: !dead,
        started_at: session.start_time,
        ended_at: session.ended_at,
        age_s: now.since(session.start_time).as_secs(),
        cost_usd: told.cost_usd.or_else(settled),
        verdict: told.verdict,
        title: told.title,
        report: told.report,
        reason: told.reason,
        detail: told.detail,
    }
}

/// The word that the document has for it.
fn word(status: SessionStatus) -> String {
    let value = serde_json::to_value(status).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn spent(budget: &Budget, limits: &BudgetLimits, now: Timestamp) -> SpendSummary {
    let day = budget.day(now);
    let taken = day.spent.plus(day.reserved);
    let limit = limits.per_day.map(Usd::limit);
    let kept = |limit: Usd| limit.less(limit.share(limits.reserve_for_expiry));
    let left = |limit: Usd| limit.less(taken).dollars();
    let cause = |(fingerprint, usd): (&str, Usd)| CauseSpend {
        fingerprint: fingerprint.to_owned(),
        usd: usd.dollars(),
    };
    SpendSummary {
        spent_usd: day.spent.dollars(),
        reserved_usd: day.reserved.dollars(),
        limit_usd: limit.map(Usd::dollars),
        left_usd: limit.map(left),
        left_unless_near_usd: limit.map(kept).map(left),
        fingerprints: budget.causes(now).into_iter().map(cause).collect(),
    }
}

mod last_event;
#[cfg(test)]
mod tests;
