//! The probes of session folders: locks that are held, events that were written.

use std::path::Path;

use super::SessionRunner;
use crate::clock;
use crate::document::Keys;
use crate::edge::session_folder;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::event::{self, Type};
use crate::ndjson;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::plan::{FolderState, Probes};
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::investigation::session_events;
use crate::rules::investigation::wait::Wait;
use crate::store;
use crate::text::safe;

impl SessionRunner {
    /// Probes the folders of the recorded sessions, and with `unrecorded` also the folder of each
    /// incident's next session, which has begun when another filter started it and died before it
    /// recorded that. A dry run probes nothing.
    pub(super) fn probe(&self, document: &Sessions, unrecorded: bool) -> Probes {
        let mut probes = Probes::default();
        let waits = |one: &Incident| one.wait.as_ref().is_some_and(Wait::is_for_budget);
        if document.incidents.iter().any(waits) {
            // Without it the waits go on.
            match self.store.read(&Keys::all()) {
                Ok(budget) => probes.budget = Some(budget),
                Err(error) => self.warn_once(&error.to_string()),
            }
        }
        if self.dry.is_some() {
            return probes;
        }
        for session in &document.sessions {
            probes.folders.insert(session.id.clone(), self.probe_folder(session));
        }
        for (index, incident) in document.incidents.iter().enumerate().filter(|_| unrecorded) {
            let next = incident.next_session(clock::now(), clock::now());
            match self.has_begun(&next.id) {
                Ok(true) => drop(probes.folders.insert(next.id.clone(), self.probe_folder(&next))),
                Ok(false) => {}
                Err(error) => {
                    let (queue, folder) = (&incident.queue.name, self.folder(&next.id));
                    self.warn_once(&format!(
                        "no investigation of queue '{}': {error}; remove '{}'",
                        safe(queue),
                        folder.display()
                    ));
                    probes.unstartable.push(index);
                }
            }
        }
        probes
    }

    /// Probes a folder. A strange or unreadable one is a failure of its session alone.
    fn probe_folder(&self, session: &Session) -> FolderState {
        let folder = self.folder(&session.id);
        let is_running = session.status == SessionStatus::Running;
        let probed = match is_running {
            true => session_folder::is_supervised(&folder.join(files::LOCK), session.lock),
            false => store::is_locked(&folder.join(files::LOCK)),
        };
        let locked = match probed {
            Ok(locked) => locked,
            Err(error) => {
                if is_running {
                    self.warn_once(&format!(
                        "whether session {} runs is unknown: {error}",
                        session.id
                    ));
                }
                return FolderState { unknown: true, ..FolderState::default() };
            }
        };
        let is_dead = is_running && !locked;
        let events = folder.join(files::EVENTS);
        FolderState {
            locked,
            last_event: is_dead.then(|| last_event(&events, session)).flatten(),
            unprinted: self.has_unprinted(&session.id, session.printed),
            needs_clean_up: folder.join(files::NEEDS_CLEAN_UP).exists(),
            unknown: false,
        }
    }

    /// Whether the supervisor of a session runs or has written an event.
    pub(super) fn has_begun(&self, session: &str) -> Result<bool, Error> {
        let folder = self.folder(session);
        Ok(store::is_locked(&folder.join(files::LOCK))? || folder.join(files::EVENTS).exists())
    }
}

/// Returns the type of the last event, when that is one of the session; `None` when there is none.
fn last_event(path: &Path, session: &Session) -> Option<Type> {
    let line = ndjson::last_line(path, event::LINE_MAX as u64).ok()??;
    session_events::own_type(&line, session)
}
