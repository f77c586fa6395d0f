//! The events that the filter writes, and the reading of session events.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use crate::edge::supervisor::SOURCE;
use crate::error::Error;
use crate::event::{self, Event, InvestigationSkipped, InvestigationStarted, Line, Type};
use crate::rules::investigation::eligibility::SkipReason;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::Session;
use crate::time::Timestamp;

/// Builds the event of an incident that is not investigated.
pub(super) fn skipped(incident: &Incident, why: &SkipReason, now: Timestamp) -> Vec<u8> {
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

/// Returns the type of a session's last event.
pub(super) fn last_event(path: &Path) -> Option<Type> {
    let bytes = std::fs::read(path).ok()?;
    let whole = &bytes[..=bytes.iter().rposition(|byte| *byte == b'\n')?];
    let line = whole.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    match event::peek(line) {
        Line::Event(head) => head.known,
        _ => None,
    }
}

/// Returns the complete lines after the first `printed` bytes, and the offset behind them.
pub(super) fn unread(path: &Path, printed: u64) -> Result<(Vec<Vec<u8>>, u64), Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(printed))?;
        file.read_to_end(&mut bytes)
    });
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), printed)),
        Err(error) => return Err(Error::file("read", path, &error)),
        Ok(_) => {}
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    Ok((lines.collect(), printed + whole as u64))
}
