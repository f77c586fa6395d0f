//! The status view: open incidents, investigations and spend, computed from the documents.
//!
//! `table.rs` renders it for people; serialised, it is the output for programs. Unknown values are
//! null there and `unknown` for people, never 0. A document that could not be read is a null part
//! beside the others.

mod investigation;
mod restraint;
mod summary;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

pub use investigation::{InvestigationState, SameCause};
pub use last_event::LastEvent;
pub use restraint::{AckRow, SilenceRow};
pub use summary::{RoundFacts, Summary, SummaryFacts, summary};
pub use table::{TableStyle, table};

use crate::event::stream_time::DRIFT;
use crate::money::Usd;
use crate::rules::investigation::budget::{Budget, BudgetLimits};
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::notification::ack::Acks;
use crate::rules::notification::silence::Silences;
use crate::rules::queue::document::{Watched, WatchedQueue};
use crate::rules::queue::expiry::{self, ExpiryWindow};
use crate::time::Timestamp;

/// The documents; None for one that could not be read.
#[derive(Debug, Clone, Default)]
pub struct StateDocuments {
    pub sessions: Option<Sessions>,
    pub watched: Option<Watched>,
    pub budget: Option<Budget>,
    pub acks: Option<Acks>,
    pub silences: Option<Silences>,
}

/// The state of a session's folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionProbe {
    /// Whether the supervisor's lock is held; None when unknown.
    pub held: Option<bool>,
    pub last_event: LastEvent,
}

/// The whole status.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusView {
    pub at: Timestamp,
    pub state: String,
    /// Nearest to loss first; None when unknown, also before anything was recorded.
    pub incidents: Option<Vec<IncidentRow>>,
    /// The newest first.
    pub sessions: Option<Vec<SessionRow>>,
    pub spend: Option<SpendSummary>,
    /// The one that ends first comes first, here and in `silences`.
    pub acks: Option<Vec<AckRow>>,
    pub silences: Option<Vec<SilenceRow>>,
    /// A sentence for each document that could not be read.
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentRow {
    pub incident: String,
    pub queue: String,
    pub arn: String,
    pub region: String,
    pub account: String,
    /// Null when the last attempt to read the queue failed.
    pub depth: Option<u64>,
    pub since: Timestamp,
    /// No message is lost before this time.
    pub expires_after: Option<Timestamp>,
    /// The oldest message is lost by this time.
    pub expires_before: Option<Timestamp>,
    pub investigation: InvestigationState,
    /// The ends of its acknowledgement and of the silence of its queue, that ends last.
    pub acked_until: Option<Timestamp>,
    pub silenced_until: Option<Timestamp>,
}

impl IncidentRow {
    /// Returns the range in which the first message is lost.
    pub fn window(&self) -> ExpiryWindow {
        ExpiryWindow { after: self.expires_after, before: self.expires_before }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    pub id: String,
    pub incident: String,
    pub queue: String,
    pub region: String,
    pub account: String,
    /// The recorded status, or the status by lock and last event where the record is behind.
    pub status: SessionStatus,
    /// Whether `sessions.json` has this status.
    pub recorded: bool,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Seconds since the start.
    pub age_s: u64,
    #[serde(flatten)]
    pub last_event: LastEvent,
}

/// Amounts in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpendSummary {
    /// Cost of sessions that ended, in 24 hours.
    pub spent_usd: Usd,
    /// Reservations of sessions that may still run.
    pub reserved_usd: Usd,
    /// The limit in 24 hours.
    pub limit_usd: Usd,
    pub left_usd: Usd,
    /// The rest of the budget when no loss is near.
    pub left_unless_near_usd: Usd,
    /// The most expensive cause first.
    pub fingerprints: Vec<CauseSpend>,
}

/// The spend on one cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CauseSpend {
    pub fingerprint: String,
    /// US dollars in 30 days.
    pub usd: Usd,
}

impl StatusView {
    /// Returns whether no document has anything: no program has recorded what happened.
    pub fn is_blank(&self) -> bool {
        let is_free = |spend: &SpendSummary| {
            spend.spent_usd.plus(spend.reserved_usd) == Usd::NONE && spend.fingerprints.is_empty()
        };
        self.incidents.is_none()
            && self.problems.is_empty()
            && self.sessions.as_ref().is_some_and(Vec::is_empty)
            && self.acks.as_ref().is_some_and(Vec::is_empty)
            && self.silences.as_ref().is_some_and(Vec::is_empty)
            && self.spend.as_ref().is_some_and(is_free)
    }

    /// Returns whether the open incidents are in more than one account or region.
    pub fn has_scopes(&self) -> bool {
        let open = self.incidents.iter().flatten();
        let scopes: BTreeSet<_> = open.map(|one| (&one.region, &one.account)).collect();
        scopes.len() > 1
    }
}

/// Computes the view. `seen` is by session.
pub fn view(
    documents: &StateDocuments,
    seen: &BTreeMap<String, SessionProbe>,
    limits: &BudgetLimits,
    state: &str,
    now: Timestamp,
) -> StatusView {
    let StateDocuments { sessions, watched, budget, acks, silences } = documents;
    let shown = |session: &Session| shown(session, seen.get(&session.id), budget.as_ref(), now);
    let shown: Option<Vec<SessionRow>> =
        sessions.as_ref().map(|all| all.sessions.iter().rev().map(shown).collect());
    let known = sessions.is_some() || watched.is_some();
    let rows =
        || open(sessions.as_ref(), watched.as_ref(), shown.as_deref().unwrap_or_default(), now);
    let is_recorded = is_recorded(sessions.as_ref(), watched.as_ref());
    let mut incidents = known.then(rows).filter(|open| is_recorded || !open.is_empty());
    for one in incidents.iter_mut().flatten() {
        let ack = acks.as_ref().and_then(|acks| acks.until(Some(&one.incident), &one.queue, now));
        let silence = silences.as_ref().and_then(|all| all.of_subject(&one.queue, now));
        (one.acked_until, one.silenced_until) = (ack, silence.map(|one| one.until));
    }
    let open = incidents.as_deref().unwrap_or_default();
    StatusView {
        at: now,
        state: state.to_owned(),
        spend: budget.as_ref().map(|budget| spend(budget, limits, now)),
        acks: acks.as_ref().map(|acks| restraint::acks(acks, open, now)),
        silences: silences.as_ref().map(|silences| restraint::silences(silences, now)),
        sessions: shown,
        incidents,
        problems: Vec::new(),
    }
}

/// Returns whether a moment is later than the clock allows.
pub fn is_ahead_of_clock(at: Timestamp, now: Timestamp) -> bool {
    at > now.plus(DRIFT)
}

/// Returns the sentence about a round that is.
pub fn ahead_of_clock(round: Timestamp) -> String {
    format!("the clock is behind, or was ahead: dlq-poll has finished a round at {round}")
}

/// Returns whether a program has recorded what tells that no incident is open: a round, or what was read
/// of the events.
fn is_recorded(sessions: Option<&Sessions>, watched: Option<&Watched>) -> bool {
    let has_round = watched.is_some_and(|all| all.newest_round().is_some());
    let has_records = |all: &Sessions| !all.sessions.is_empty() || !all.incidents.is_empty();
    has_round || sessions.is_some_and(has_records)
}

/// Returns the open incidents: those that `dlq-investigate` has recorded, and those that are polled
/// and not yet seen by it.
fn open(
    sessions: Option<&Sessions>,
    watched: Option<&Watched>,
    shown: &[SessionRow],
    now: Timestamp,
) -> Vec<IncidentRow> {
    let sessions = sessions.map(|sessions| sessions.with_clamped_times(now));
    let recorded = sessions.as_ref().map_or(&[][..], |sessions| &sessions.incidents);
    let ids: HashSet<&str> = recorded.iter().map(|one| &*one.id).collect();
    let row = |one: &Incident, entry: Option<&WatchedQueue>, investigation| {
        let window = loss(one, entry, now);
        IncidentRow {
            incident: one.id.clone(),
            queue: one.queue.name.clone(),
            arn: one.queue.arn.clone(),
            region: one.queue.region.clone(),
            account: one.queue.account.clone(),
            depth: entry.map_or(one.depth, depth),
            since: one.raised_at,
            expires_after: window.after,
            expires_before: window.before,
            investigation,
            acked_until: None,
            silenced_until: None,
        }
    };
    let of_stream = recorded.iter().filter(|one| one.closed_at.is_none()).map(|one| {
        let entry = watched.and_then(|all| all.entry(&one.queue.arn));
        let cooldown = sessions.as_ref().and_then(|all| all.cooldown_until(&one.queue.arn));
        row(one, entry, investigation::state(one, shown, cooldown.filter(|until| *until > now)))
    });
    let polled = watched.into_iter().flat_map(Watched::entries).filter_map(|entry| {
        let one = entry.record.incident.as_ref()?;
        let is_recorded = ids.contains(&*one.id);
        let unseen = Incident::new(&one.id, entry.queue.clone(), one.raised_at);
        let none = InvestigationState { state: "none", ..InvestigationState::default() };
        (!is_recorded).then(|| row(&unseen, Some(entry), none))
    });
    let mut open: Vec<IncidentRow> = of_stream.chain(polled).collect();
    open.sort_by_key(|one| {
        let loss = one.window().first();
        (loss.is_none(), loss, one.since, one.incident.clone())
    });
    open
}

/// Returns when messages are lost: by the record of `dlq-poll` where the incident is open there,
/// because the end of an incident's own range is that of messages which may be gone.
fn loss(one: &Incident, entry: Option<&WatchedQueue>, now: Timestamp) -> ExpiryWindow {
    let is_open = |entry: &&WatchedQueue| {
        entry.record.incident.as_ref().is_some_and(|open| open.id == one.id)
    };
    let Some(polled) = entry.filter(is_open).map(|entry| entry.record.window(None)) else {
        return one.window();
    };
    // Only events tell the settings of the sources, and so the first moment of a loss.
    let is_past = one.expires_before.is_some_and(|end| expiry::is_lost(end, now));
    let after = one.expires_after.filter(|_| !is_past);
    ExpiryWindow { after, before: None }.with_loss_at(polled.before)
}

/// Returns the depth, unless the last attempt to read the queue failed.
fn depth(entry: &WatchedQueue) -> Option<u64> {
    let read = entry.record.read.filter(|_| entry.record.misses == 0);
    read.map(|(_, counts)| counts.depth())
}

fn shown(
    session: &Session,
    seen: Option<&SessionProbe>,
    budget: Option<&Budget>,
    now: Timestamp,
) -> SessionRow {
    let mut last_event = seen.map(|seen| seen.last_event.clone()).unwrap_or_default();
    let dead = session.status == SessionStatus::Running && seen.and_then(|s| s.held) == Some(false);
    // The last event of a supervisor that died may report the end.
    let status =
        if dead { last_event.ended.unwrap_or(SessionStatus::Crashed) } else { session.status };
    let settled = || {
        let mut spends = budget?.spends.iter();
        spends.find(|spend| spend.session == session.id && spend.settled_at.is_some())?.cost_usd
    };
    last_event.cost_usd = last_event.cost_usd.or_else(settled);
    let proven = session.proofs.iter().rev().find_map(|one| one.result.clone());
    last_event.proof = proven.or(last_event.proof);
    SessionRow {
        id: session.id.clone(),
        incident: session.incident.clone(),
        queue: session.queue_name.clone(),
        region: session.queue.region.clone(),
        account: session.queue.account.clone(),
        status,
        recorded: !dead,
        started_at: session.start_time,
        ended_at: session.ended_at,
        age_s: now.since(session.start_time).as_secs(),
        last_event,
    }
}

/// Returns what was spent in 24 hours, and what is left.
pub fn spend(budget: &Budget, limits: &BudgetLimits, now: Timestamp) -> SpendSummary {
    let day = budget.day(now);
    let limit = limits.per_day;
    let left = limit.less(day.spent.plus(day.reserved));
    let cause =
        |(fingerprint, usd): (&str, Usd)| CauseSpend { fingerprint: fingerprint.to_owned(), usd };
    SpendSummary {
        spent_usd: day.spent,
        reserved_usd: day.reserved,
        limit_usd: limit,
        left_usd: left,
        left_unless_near_usd: left.less(limit.share(limits.reserve_for_expiry)),
        fingerprints: budget.causes(now).into_iter().map(cause).collect(),
    }
}

mod last_event;
#[cfg(test)]
mod tests;
