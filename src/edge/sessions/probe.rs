//! The probes of session folders: locks that are held, events that were written.

use super::SessionRunner;
use super::events::last_event;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::plan::{FolderState, Probes};
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::store;

impl SessionRunner {
    /// Probes the folders of the recorded sessions. A dry run probes nothing.
    pub(super) fn probe_sessions(&self, document: &Sessions) -> Result<Probes, Error> {
        let mut probes = Probes::default();
        if self.dry.is_none() {
            for session in &document.sessions {
                probes.folders.insert(session.id.clone(), self.probe_session(session)?);
            }
        }
        Ok(probes)
    }

    fn probe_session(&self, session: &Session) -> Result<FolderState, Error> {
        let folder = self.folder(&session.id);
        let locked = store::is_locked(&folder.join(files::LOCK))?;
        let dead = session.status == SessionStatus::Running && !locked;
        Ok(FolderState {
            locked,
            agent_runs: dead && store::is_locked(&folder.join(files::STDERR))?,
            last_event: dead.then(|| last_event(&folder.join(files::EVENTS))).flatten(),
            unprinted: self.has_unprinted(session),
            needs_cleanup: folder.join(files::UNSWEPT).exists(),
        })
    }

    /// Probes the folder of each incident's next session. It exists when another filter started
    /// the session and died before it recorded that.
    pub(super) fn probe_unrecorded(
        &self,
        document: &Sessions,
    ) -> Result<Vec<(usize, FolderState)>, Error> {
        let mut unrecorded = Vec::new();
        if self.dry.is_some() {
            return Ok(unrecorded);
        }
        for (index, incident) in document.incidents.iter().enumerate() {
            let id = incident.next_session_id();
            if self.has_begun(&id)? {
                let folder = self.folder(&id);
                let locked = store::is_locked(&folder.join(files::LOCK))?;
                let state = FolderState {
                    locked,
                    agent_runs: !locked && store::is_locked(&folder.join(files::STDERR))?,
                    last_event: last_event(&folder.join(files::EVENTS)),
                    ..FolderState::default()
                };
                unrecorded.push((index, state));
            }
        }
        Ok(unrecorded)
    }

    /// Whether the supervisor of a session runs or has written an event.
    pub(super) fn has_begun(&self, session: &str) -> Result<bool, Error> {
        let folder = self.folder(session);
        Ok(store::is_locked(&folder.join(files::LOCK))? || folder.join(files::EVENTS).exists())
    }
}
