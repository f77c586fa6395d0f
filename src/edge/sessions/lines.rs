//! What the filter itself tells, and what a session has told last.

use std::path::Path;

use crate::edge::supervisor::SOURCE;
use crate::event::{self, Event, InvestigationSkipped, InvestigationStarted, Line, Type};
use crate::rules::eligible::Why;
use crate::rules::incident::Incident;
use crate::rules::session::Session;
use crate::time::Timestamp;

/// That an incident is not investigated, and why.
pub(super) fn skipped(incident: &Incident, why: &Why, now: Timestamp) -> Vec<u8> {
    let data = InvestigationSkipped {
        queue: incident.queue.clone(),
        reason: why.word().into(),
        detail: why.to_string(),
        until: why.until(),
    };
    let attempt = incident.attempts.to_string();
    let grown = incident.grew_at.map(|at| at.to_string()).unwrap_or_default();
    let parts = [SOURCE, &incident.id, why.word(), &attempt, &grown];
    let id = event::derived_id(&parts);
    Event::new(SOURCE, id, &incident.queue.name, now, data).of_incident(incident.id.clone()).line()
}

/// In a dry run: that an investigation would be started.
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

/// The type of a session's last event.
pub(super) fn last_told(path: &Path) -> Option<Type> {
    let bytes = std::fs::read(path).ok()?;
    let whole = &bytes[..=bytes.iter().rposition(|byte| *byte == b'\n')?];
    let line = whole.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    match event::peek(line) {
        Line::Event(head) => head.known,
        _ => None,
    }
}
