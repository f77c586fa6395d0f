//! The ends of sessions: the report of a dead supervisor, the cleanup of its worktree and budget,
//! and the deletion of old sessions.

use crate::rules::investigation::document::Sessions;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use super::SessionRunner;
use crate::clock;
use crate::edge::supervisor::{self, Plan, Teller, files};
use crate::edge::{exe, git};
use crate::error::Error;
use crate::event::InvestigationFailed;
use crate::log;
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::money::Usd;
use crate::rules::investigation::plan::SessionEnd;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::store;

impl SessionRunner {
    /// Reports the end of a session whose supervisor is gone, and ends an agent that outlived it.
    pub(super) fn report_end(&self, end: &SessionEnd) -> Result<(), Error> {
        let session = &end.session;
        let folder = self.folder(&session.id);
        if end.agent_runs {
            self.start_watchdog(session);
        }
        if session.status == SessionStatus::Crashed {
            self.report_crash(session)?;
        } else {
            // The supervisor died between its last event and its record; the journal may lack the
            // event.
            let events = std::fs::read(folder.join(files::EVENTS)).unwrap_or_default();
            self.journal.append(&events)?;
        }
        store::replace(&folder.join(files::UNSWEPT), b"")
    }

    /// Starts a watchdog that ends the agent. The supervisor's own watchdog may have died, too; a
    /// second one does no harm.
    fn start_watchdog(&self, session: &Session) {
        let grace = self.settings.stop_grace.as_millis().to_string();
        let _ = exe()
            .args(["--watch", &session.id, "--grace-ms", &grace])
            .env_clear()
            .envs(supervisor::passed_on())
            .process_group(0)
            .env("DLQ_STATE_DIR", self.store.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
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
        Teller { folder: &folder, journal: &self.journal, session: &session.id, incident, queue }
            .tell(data)
    }

    /// Cleans up after a session whose supervisor died: settles its cost and removes its worktree.
    /// Uncommitted changes of a fix stay.
    pub(super) fn clean_up(&self, session: &str) -> Result<(), Error> {
        let folder = self.folder(session);
        // An agent that is still being ended may write and spend: later.
        if store::held(&folder.join(files::STDERR))? {
            return Ok(());
        }
        let _ = std::fs::remove_file(folder.join(files::KEY));
        if let Ok(plan) = store::read_json::<Plan>(&folder.join(files::PLAN)) {
            self.settle(session, &plan)?;
            let first = plan.resumes.as_deref().unwrap_or(session);
            let tree = self.folder(first).join(files::TREE);
            self.delete_trial(session, &plan);
            let swept = match &plan.code {
                None => Ok(()),
                Some(code) if code.fix => git::sweep(&code.repo, &tree).map(drop),
                Some(code) => git::discard_old(&code.repo, &tree),
            };
            if let Err(error) = swept {
                log::warn(&error.to_string());
            }
        }
        // Said once: what could not be removed now goes with the session.
        let _ = std::fs::remove_file(folder.join(files::UNSWEPT));
        Ok(())
    }

    fn delete_trial(&self, session: &str, plan: &Plan) {
        let trial = self.folder(session).join(files::TRIAL);
        let swept = plan.code.as_ref().map(|code| git::sweep_trial(&code.repo, &trial));
        if let Some(Err(error)) = swept {
            log::warn(&error.to_string());
        }
    }

    /// Settles the budget. Without a report of the agent the cost stays unknown and counts as
    /// reserved.
    fn settle(&self, session: &str, plan: &Plan) -> Result<(), Error> {
        if !plan.spends() {
            return Ok(());
        }
        let cost = plan.cost_left(&self.folder(session)).and_then(Usd::from_dollars);
        self.store.doc::<Budget>().update(|budget| {
            budget.settle(session, cost, clock::now());
            Ok(())
        })?;
        self.store.doc::<Sessions>().update(|sessions| {
            if let Some(session) = sessions.session_mut(session) {
                session.cost_usd = session.cost_usd.or(cost);
            }
            Ok(())
        })
    }

    /// Removes a session's worktrees with their contents.
    fn delete_worktrees(&self, session: &str) {
        let folder = self.folder(session);
        let Ok(plan) = store::read_json::<Plan>(&folder.join(files::PLAN)) else { return };
        self.delete_trial(session, &plan);
        // That of a conversation goes with its first part.
        let Some(code) = plan.code.filter(|_| plan.resumes.is_none()) else { return };
        if let Err(error) = git::discard_old(&code.repo, &folder.join(files::TREE)) {
            log::warn(&error.to_string());
        }
    }

    /// Removes the folder of a session, including its worktrees.
    pub(super) fn delete_folder(&self, session: &str) {
        let folder = self.folder(session);
        self.delete_worktrees(session);
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            log::warn(&Error::file("delete", &folder, &error).to_string());
        }
    }
}
