//! The probes of session folders: locks that are held, events that were written.

use std::path::Path;

use super::SessionRunner;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::event::{self, Line, Type};
use crate::ndjson;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::plan::{FolderState, Probes};
use crate::rules::investigation::session::SessionStatus;
use crate::store;

impl SessionRunner {
    /// Probes the folders of the recorded sessions, and with `unrecorded` also the folder of each
    /// incident's next session, which has begun when another filter started it and died before it
    /// recorded that. A dry run probes nothing.
    pub(super) fn probe(&self, document: &Sessions, unrecorded: bool) -> Result<Probes, Error> {
        let mut probes = Probes::default();
        if self.dry.is_some() {
            return Ok(probes);
        }
        for session in &document.sessions {
            let is_running = session.status == SessionStatus::Running;
            let state = self.probe_folder(&session.id, session.printed, is_running)?;
            probes.folders.insert(session.id.clone(), state);
        }
        for incident in document.incidents.iter().filter(|_| unrecorded) {
            let id = incident.next_session_id();
            if self.has_begun(&id)? {
                let state = self.probe_folder(&id, 0, true)?;
                probes.folders.insert(id, state);
            }
        }
        Ok(probes)
    }

    /// Probes a folder. `is_running` says whether the session runs by its record.
    fn probe_folder(
        &self,
        session: &str,
        printed: u64,
        is_running: bool,
    ) -> Result<FolderState, Error> {
        let folder = self.folder(session);
        let locked = store::is_locked(&folder.join(files::LOCK))?;
        let is_dead = is_running && !locked;
        Ok(FolderState {
            locked,
            last_event: is_dead.then(|| last_event(&folder.join(files::EVENTS))).flatten(),
            unprinted: self.has_unprinted(session, printed),
            needs_clean_up: folder.join(files::NEEDS_CLEAN_UP).exists(),
        })
    }

    /// Whether the supervisor of a session runs or has written an event.
    pub(super) fn has_begun(&self, session: &str) -> Result<bool, Error> {
        let folder = self.folder(session);
        Ok(store::is_locked(&folder.join(files::LOCK))? || folder.join(files::EVENTS).exists())
    }
}

/// Returns the type of a session's last event; `None` when there is none.
fn last_event(path: &Path) -> Option<Type> {
    let line = ndjson::last_line(path, event::LINE_MAX as u64).ok()??;
    match event::peek(&line) {
        Line::Event(head) => head.known,
        _ => None,
    }
}
