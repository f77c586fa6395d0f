//! Facts of one session that all steps of its supervisor read and none changes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Plan;
use super::event_log::{EventWriter, WrittenEvents};
use crate::clock;
use crate::document::Keys;
use crate::edge::session_folder::session_folder;
use crate::error::Error;
use crate::event::{Payload, Queue};
use crate::journal::Journal;
use crate::journal::rotation::Rotation;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::Session;
use crate::rules::report::LossFacts;
use crate::store::Store;

/// Folder of a proof in that of its session.
pub(super) const PROOF: &str = "proof";

pub(super) struct SessionContext<'a> {
    pub(super) store: &'a Store,
    pub(super) session: &'a str,
    /// The session's folder, or that of a proof in it, without symbolic links.
    pub(super) folder: PathBuf,
    /// Path of that folder below the folder of all sessions.
    pub(super) place: String,
    pub(super) plan: Plan,
    journal: Journal,
    written: WrittenEvents,
    /// Monotonic time of the start; the wall clock may jump.
    started: Instant,
}

impl<'a> SessionContext<'a> {
    pub(super) fn new(store: &'a Store, session: &'a str, plan: Plan) -> Self {
        let journal = Journal::new(
            store,
            Rotation {
                size_max: plan.journal_size_max,
                keep: plan.journal_keep,
                age_max: Duration::from_millis(plan.journal_age_ms),
            },
        );
        let folder = canonical_session_folder(store.dir(), session);
        let (written, place) = (WrittenEvents::new(&folder), session.to_owned());
        let started = clock::tick();
        SessionContext { store, session, folder, place, plan, journal, written, started }
    }

    /// Returns the facts of a proof after the end of the session.
    pub(super) fn of_proof(store: &'a Store, session: &'a str, plan: Plan) -> Self {
        let context = SessionContext::new(store, session, plan);
        let (folder, place) = (context.folder.join(PROOF), format!("{session}/{PROOF}"));
        SessionContext { folder, place, ..context }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Folder of the session in which a resumed conversation began, else of this session.
    pub(super) fn conversation_folder(&self) -> PathBuf {
        match &self.plan.resumes {
            None => self.folder.clone(),
            Some(first) => canonical_session_folder(self.store.dir(), first),
        }
    }

    pub(super) fn queue(&self) -> Queue {
        self.plan.incident.queue.clone()
    }

    /// Returns the facts of the incident about the loss of its messages, at this moment.
    pub(super) fn loss(&self) -> LossFacts {
        LossFacts { window: self.plan.incident.window(), now: clock::now() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn time_remaining(&self) -> Duration {
        Duration::from_millis(self.plan.timeout_ms).saturating_sub(self.elapsed())
    }

    pub(super) fn grace(&self) -> Duration {
        Duration::from_millis(self.plan.grace_ms)
    }

    pub(super) fn events(&self) -> EventWriter<'_> {
        let Incident { id: incident, queue, .. } = &self.plan.incident;
        let (folder, journal) = (self.folder.as_path(), &self.journal);
        let written = Some(&self.written);
        EventWriter { folder, journal, session: self.session, incident, queue, written }
    }

    /// Returns the writer of the events of a session that has ended, whose folder this is.
    pub(super) fn events_in<'b>(&'b self, folder: &'b Path) -> EventWriter<'b> {
        let Incident { id, queue, .. } = &self.plan.incident;
        EventWriter::after_supervisor(folder, &self.journal, self.session, id, queue)
    }

    /// Returns whether something else than this supervisor has written to its file of events.
    pub(super) fn is_forged(&self) -> bool {
        self.written.is_forged()
    }

    pub(super) fn emit<D: Payload>(&self, data: D) -> Result<(), Error> {
        self.events().emit(data)
    }

    /// Changes this session's record in `sessions.json`.
    pub(super) fn record(&self, change: impl FnOnce(&mut Session)) -> Result<(), Error> {
        let keys = Keys::one(Sessions::SESSION, self.session);
        self.store.update(&keys, |sessions: &mut Sessions| {
            sessions.session_mut(self.session).map(change);
            Ok(())
        })
    }
}

/// Folder of a session, without symbolic links: processes are recognised by this name.
pub(super) fn canonical_session_folder(state: &Path, session: &str) -> PathBuf {
    let folder = session_folder(state, session);
    std::fs::canonicalize(&folder).unwrap_or(folder)
}
