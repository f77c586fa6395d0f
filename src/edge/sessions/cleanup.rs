//! What is to be done after a session: the record of one whose supervisor has died, the worktree and
//! the money that such a one has left, and the end of what is old.

use crate::rules::investigation::document::Sessions;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use super::Desk;
use super::events::last_told;
use crate::clock;
use crate::edge::supervisor::{self, EventWriter, Plan, files, program};
use crate::error::Error;
use crate::event::{InvestigationFailed, Type};
use crate::log;
use crate::rules::investigation::session::{Session, Status};
use crate::store;

impl Desk {
    /// Closes a session whose supervisor has died: as its own last event says, or as crashed. An
    /// agent that has outlived its supervisor is ended. Says whether that was so.
    pub(super) fn close_if_crashed(&self, session: &mut Session) -> Result<bool, Error> {
        let folder = self.folder(&session.id);
        if session.status != Status::Running || store::held(&folder.join(files::LOCK))? {
            return Ok(false);
        }
        if store::held(&folder.join(files::STDERR))? {
            // Its watchdog died too, or is at work; a second one does no harm.
            let grace = self.settings.stop_grace.as_millis().to_string();
            let started = program::sibling().and_then(|mut command| {
                let failed = |error| Error::failed("start", "a watchdog", error);
                command
                    .args(["watch", &session.id, &grace])
                    .env_clear()
                    .envs(supervisor::passed_on())
                    .process_group(0)
                    .env("DLQ_STATE_DIR", self.store.dir())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .map_err(failed)
            });
            if let Err(error) = started {
                log::warn(&error.to_string());
            }
        }
        let now = clock::now();
        session.ended_at = Some(now);
        let told = last_told(&folder.join(files::EVENTS));
        session.status = match told {
            Some(Type::InvestigationCompleted) => Status::Completed,
            Some(Type::InvestigationFailed) => Status::Failed,
            Some(Type::InvestigationTimedOut) => Status::TimedOut,
            Some(Type::InvestigationStopped) => Status::Stopped,
            Some(Type::InvestigationSkipped) => Status::Skipped,
            _ => Status::Crashed,
        };
        let cools = session.status != Status::Skipped;
        session.cooldown_until = cools.then(|| now.plus(self.settings.cooldown));
        if session.status != Status::Crashed {
            // It died between its last event and its record; the journal may lack the event.
            let events = std::fs::read(folder.join(files::EVENTS)).unwrap_or_default();
            return self.journal.append(&events).map(|()| true);
        }
        let data = InvestigationFailed {
            queue: session.queue.clone(),
            session: session.id.clone(),
            reason: "crashed".into(),
            detail: "its supervisor died; what the agent did until then is in the session's folder"
                .into(),
            cost_usd: None,
            duration_s: Some(now.since(session.start_time).as_secs()),
        };
        store::make_dir(&folder)?;
        let (incident, queue) = (session.incident.as_str(), &session.queue);
        let (journal, session) = (&self.journal, session.id.as_str());
        let writer = EventWriter { folder: &folder, journal, session, incident, queue };
        writer.emit(data).map(|()| true)
    }

    /// Settles the cost of a crashed session and removes its worktrees.
    pub(super) fn sweep(&self, session: &str) -> Result<(), Error> {
        self.run_cleanup("clean-up", session)
    }

    /// Runs a clean-up in `dlq-supervise`, which has git and reads transcripts, to its end. Its
    /// messages become messages of this program.
    fn run_cleanup(&self, word: &str, session: &str) -> Result<(), Error> {
        let failed = |cause: &str| Error::failed("clean up after session", session, cause);
        let ran = program::sibling()?
            .args([word, session])
            .env("DLQ_STATE_DIR", self.store.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| failed(&error.to_string()))?;
        let text = String::from_utf8_lossy(&ran.stderr);
        let mut fatal = None;
        for line in text.lines() {
            let line = line.strip_prefix(program::NAME).unwrap_or(line);
            match line.strip_prefix(": fatal: ") {
                Some(cause) => fatal = Some(cause),
                None => log::warn(line.strip_prefix(": warning: ").unwrap_or(line)),
            }
        }
        match ran.status.success() {
            true => Ok(()),
            false => Err(failed(fatal.unwrap_or("it ended without a reason"))),
        }
    }

    /// The sessions to forget.
    pub(super) fn prune(&self, sessions: &mut Sessions) -> Result<Vec<String>, Error> {
        let age_max = Duration::from_secs(u64::from(self.state.sessions_keep_days) * 86_400);
        let keep = usize::try_from(self.state.sessions_keep).unwrap_or(usize::MAX);
        if !sessions.may_prune(keep, age_max, clock::now()) {
            return Ok(Vec::new());
        }
        let mut stay: Vec<String> = Vec::new();
        for session in &sessions.sessions {
            let folder = self.folder(&session.id);
            let at_work = store::held(&folder.join(files::LOCK))?;
            if at_work || self.unprinted(session) || folder.join(files::UNSWEPT).exists() {
                stay.push(session.id.clone());
            }
        }
        Ok(sessions.prune(keep, age_max, clock::now(), |session| stay.contains(&session.id)))
    }

    /// Removes the folder of a session, and with it the worktree in it, and what was changed there.
    pub(super) fn discard(&self, session: &str) {
        let folder = self.folder(session);
        let plan = store::read_json::<Plan>(&folder.join(files::PLAN));
        if plan.is_ok_and(|plan| plan.code.is_some())
            && let Err(error) = self.run_cleanup("discard", session)
        {
            log::warn(&error.to_string());
        }
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            log::warn(&Error::file("delete", &folder, &error).to_string());
        }
    }
}
