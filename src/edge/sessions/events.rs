//! The events that the filter writes, and the type of a session's last event.

use std::path::Path;

use crate::edge::supervisor::SOURCE;
use crate::event::{self, Event, InvestigationSkipped, InvestigationStarted, Line, Type};
use crate::ndjson;
use crate::rules::investigation::eligibility::SkipReason;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::Session;
use crate::time::Timestamp;

/// Builds the event of an incident that is not investigated.
pub(super) fn skipped(incident: &Incident, why: &SkipReason, now: Timestamp) -> Vec<u8> {
    let data = InvestigationSkipped {
        queue: incident.queue.clone(),
        reason: why.word.into(),
        detail: why.detail.clone(),
        until: why.until,
    };
    let attempt = incident.attempts.to_string();
    let grown = incident.grew_at.map(|at| at.to_string()).unwrap_or_default();
    let parts = [SOURCE, &incident.id, why.word, &attempt, &grown];
    let id = event::derived_id(&parts);
    Event::new(SOURCE, id, &incident.queue.name, now, data).of_incident(incident.id.clone()).line()
}

/// Builds the event of an investigation that a dry run would start.
pub(super) fn would_start(
    incident: &Incident,
    session: &Session,
    agent: &str,
    now: Timestamp,
) -> Vec<u8> {
    let data = InvestigationStarted {
        queue: incident.queue.clone(),
        session: session.id.clone(),
        agent: agent.to_owned(),
        pid: None,
        timeout_at: session.timeout_at,
    };
    let id = event::derived_id(&[SOURCE, &session.id, Type::InvestigationStarted.as_str()]);
    Event::new(SOURCE, id, &incident.queue.name, now, data).of_incident(incident.id.clone()).line()
}

/// Returns the type of a session's last event; `None` when there is none.
pub(super) fn last_event(path: &Path) -> Option<Type> {
    let line = ndjson::last_line(path, event::LINE_MAX as u64).ok()??;
    match event::peek(&line) {
        Line::Event(head) => head.known,
        _ => None,
    }
}
