//! The ends of sessions: the report of a dead supervisor, the clean-up of its worktree and budget,
//! and the deletion of old sessions.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use super::SessionRunner;
use crate::edge::command;
use crate::edge::supervisor::{EventWriter, Plan, files};
use crate::error::Error;
use crate::event::{Event, InvestigationFailed, Type};
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::investigation::session_events;
use crate::store;
use crate::{clock, log, ndjson};

/// The bytes of a session's events that are copied into the journal.
const EVENTS_MAX: u64 = 16 << 20;
/// The time for one clean-up, in which git removes worktrees.
const CLEAN_UP_MAX: Duration = Duration::from_secs(120);

impl SessionRunner {
    /// Reports the end of a session whose supervisor is gone, and ends an agent that outlived it.
    pub(super) fn report_end(&self, session: &Session) -> Result<(), Error> {
        let folder = self.folder(&session.id);
        store::is_locked(&folder.join(files::LOCK))?;
        // The agent holds the lock of its standard error.
        if store::is_locked(&folder.join(files::STDERR))? {
            self.start_watchdog(session);
        }
        if session.status == SessionStatus::Crashed {
            self.report_crash(session)?;
        } else {
            // The supervisor died between its last event and its record; the journal may lack the
            // event.
            let events = ndjson::lines_after(&folder.join(files::EVENTS), 0, EVENTS_MAX);
            let own = session_events::own_lines(&events.unwrap_or_default(), session);
            self.journal.append(&own.lines)?;
        }
        store::replace(&folder.join(files::NEEDS_CLEAN_UP), b"")
    }

    /// Reports the end of a session in whose folder nothing can be written or known. Returns the
    /// event, which no file of the session has.
    pub(super) fn end_outside(&self, session: &Session, error: &Error) -> Vec<u8> {
        let data = InvestigationFailed {
            queue: session.queue.clone(),
            session: session.id.clone(),
            reason: "folder".into(),
            detail: format!("its folder cannot be used: {error}"),
            cost_usd: None,
            duration_s: session.ended_at.map(|end| end.since(session.start_time).as_secs()),
        };
        let parts = [session.id.as_str(), Type::InvestigationFailed.as_str()];
        let event = Event::derived(&parts, &session.queue.name, clock::now(), data);
        let line = event.of_incident(session.incident.clone()).line();
        log::warn_on_error(self.journal.append(&line));
        line
    }

    /// Starts a watchdog that ends the agent. The supervisor's own watchdog may have died, too; a
    /// second one does no harm.
    fn start_watchdog(&self, session: &Session) {
        let grace = self.settings.stop_grace.as_millis().to_string();
        let command = self.supervisor(&["watch", &session.id, &grace], true);
        log::warn_on_error(command.and_then(|mut command| {
            let started = command.process_group(0).stderr(Stdio::null()).spawn();
            started.map(drop).map_err(|error| Error::failed("start", "a watchdog", error))
        }));
    }

    fn report_crash(&self, session: &Session) -> Result<(), Error> {
        let folder = self.folder(&session.id);
        let duration = session.ended_at.map(|end| end.since(session.start_time).as_secs());
        let data = InvestigationFailed {
            queue: session.queue.clone(),
            session: session.id.clone(),
            reason: "crashed".into(),
            detail: "its supervisor died; what the agent did until then is in the session's folder"
                .into(),
            cost_usd: None,
            duration_s: duration,
        };
        store::make_dir(&folder)?;
        let (incident, queue) = (session.incident.as_str(), &session.queue);
        let (journal, session) = (&self.journal, session.id.as_str());
        EventWriter::after_supervisor(&folder, journal, session, incident, queue).emit(data)
    }

    /// Runs a clean-up in `dlq-supervise`, which has git and reads transcripts, to its end. Its
    /// messages become messages of this program.
    pub(super) fn run_clean_up(&self, word: &str, session: &str) -> Result<(), Error> {
        let failed = |cause: &str| Error::failed("clean up after session", session, cause);
        // Without the secrets of this program: an agent may have outlived its supervisor.
        let mut command = self.supervisor(&[word, session], true)?;
        let ran = command::run_to_status(&mut command, CLEAN_UP_MAX);
        let (status, errors) = ran.map_err(|cause| failed(&cause))?;
        let fatal = self.repeat_messages(&errors);
        let Some(status) = status else { return Err(failed("it did not end in time")) };
        match status.success() {
            true => Ok(()),
            false => Err(failed(fatal.as_deref().unwrap_or("it ended without a reason"))),
        }
    }

    /// Removes the folder of a session, including its worktrees.
    pub(super) fn delete_folder(&self, session: &str) {
        let folder = self.folder(session);
        let plan = store::read_json::<Plan>(&folder.join(files::PLAN));
        if plan.is_ok_and(|plan| plan.code.is_some()) {
            log::warn_on_error(self.run_clean_up("discard", session));
        }
        let deleted = store::remove(&folder);
        log::warn_on_error(deleted.map_err(|error| Error::file("delete", &folder, &error)));
    }
}
