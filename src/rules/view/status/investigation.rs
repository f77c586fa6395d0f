//! The investigation of an incident: whether one runs, is waited for, or has ended.

use serde::Serialize;

use super::SessionRow;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::SessionStatus;
use crate::time::Timestamp;

/// The state of an incident's investigation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InvestigationState {
    /// `none`, `waiting`, `running` or `ended`.
    pub state: &'static str,
    /// The newest reason reported for `waiting`; the session's status for `ended`.
    pub reason: Option<String>,
    /// Time until which the reason holds; null when unknown.
    pub until: Option<Timestamp>,
    pub session: Option<String>,
    /// The reason why a person has to look at the verdict before anybody acts on it.
    pub needs_person: Option<String>,
    /// The session that investigates or has investigated the same cause, and is waited for.
    pub same_cause: Option<SameCause>,
}

/// A session with the same cause as an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SameCause {
    pub session: String,
    pub queue: String,
    /// The path of its report, once there is one.
    pub report: Option<String>,
}

/// Returns the state of an incident's investigation, by the newest session of it.
pub(super) fn state(
    incident: &Incident,
    shown: &[SessionRow],
    cooldown: Option<Timestamp>,
) -> InvestigationState {
    let newest = shown.iter().find(|session| session.incident == incident.id);
    let session = newest.map(|session| session.id.clone());
    let reason = incident.reported.last().cloned();
    match newest {
        Some(newest) if newest.status == SessionStatus::Running => {
            InvestigationState { state: "running", session, ..InvestigationState::default() }
        }
        Some(newest) if !incident.armed => {
            let reason = Some(newest.status.to_string());
            let needs_person = newest.last_event.needs_person.clone();
            let ended = InvestigationState { state: "ended", ..InvestigationState::default() };
            InvestigationState { reason, session, needs_person, ..ended }
        }
        _ if incident.armed => {
            let held = incident.wait.as_ref();
            let until = cooldown.filter(|_| reason.as_deref() == Some("cooldown"));
            let until = held.map_or(until, |hold| hold.until);
            let reason = held.map(|hold| hold.reason.clone()).or(reason);
            let owner = held.and_then(|hold| hold.session.as_ref());
            let same_cause = owner.map(|owner| same_cause(owner, shown));
            let needs_person = None;
            InvestigationState {
                state: "waiting",
                reason,
                until,
                session,
                needs_person,
                same_cause,
            }
        }
        // The session was pruned.
        _ => InvestigationState { state: "ended", ..InvestigationState::default() },
    }
}

fn same_cause(owner: &str, shown: &[SessionRow]) -> SameCause {
    let row = shown.iter().find(|row| row.id == owner);
    SameCause {
        session: owner.to_owned(),
        queue: row.map_or(String::new(), |row| row.queue.clone()),
        report: row.and_then(|row| row.last_event.report.clone()),
    }
}
