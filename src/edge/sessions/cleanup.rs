//! What is to be done after a session: the record of one whose supervisor has died, the worktree and
//! the money that such a one has left, and the end of what is old.

use crate::rules::investigation::document::Sessions;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use super::Desk;
use super::events::last_told;
use crate::clock;
use crate::document::Keys;
use crate::edge::supervisor::{self, Plan, Teller, files};
use crate::edge::{exe, git};
use crate::error::Error;
use crate::event::{InvestigationFailed, Type};
use crate::log;
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::session::{Session, Status};
use crate::store;

impl Desk {
    /// Closes a session whose supervisor has died: as its own last event says, or as crashed. An
    /// agent that has outlived its supervisor is ended. Says whether that was so.
    pub(super) fn close_if_crashed(&self, session: &mut Session) -> Result<bool, Error> {
        let folder = self.folder(&session.id);
        if session.status != Status::Running || store::is_locked(&folder.join(files::LOCK))? {
            return Ok(false);
        }
        if store::is_locked(&folder.join(files::STDERR))? {
            // Its watchdog died too, or is at work; a second one does no harm.
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
        Teller { folder: &folder, journal: &self.journal, session: &session.id, incident, queue }
            .tell(data)
            .map(|()| true)
    }

    /// Tidies up after a session whose supervisor has died: settles what it has cost, and removes its
    /// worktree. What was changed for a fix stays.
    pub(super) fn sweep(&self, session: &str) -> Result<(), Error> {
        let folder = self.folder(session);
        // An agent that is still being ended may write and spend: later.
        if store::is_locked(&folder.join(files::STDERR))? {
            return Ok(());
        }
        let _ = std::fs::remove_file(folder.join(files::KEY));
        if let Ok(plan) = store::read_json::<Plan>(&folder.join(files::PLAN)) {
            self.settle(session, &plan)?;
            let first = plan.resumes.as_deref().unwrap_or(session);
            let tree = self.folder(first).join(files::TREE);
            self.sweep_trial(session, &plan);
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

    fn sweep_trial(&self, session: &str, plan: &Plan) {
        let trial = self.folder(session).join(files::TRIAL);
        let swept = plan.code.as_ref().map(|code| git::sweep_trial(&code.repo, &trial));
        if let Some(Err(error)) = swept {
            log::warn(&error.to_string());
        }
    }

    /// Without a word of the agent what it has cost stays unknown, and counts as it was reserved.
    fn settle(&self, session: &str, plan: &Plan) -> Result<(), Error> {
        if !plan.spends() {
            return Ok(());
        }
        let cost = plan.cost_left(&self.folder(session));
        let keys = Keys::one(Budget::SPEND, session);
        self.store.update(&keys, |budget: &mut Budget| {
            budget.settle(session, cost, clock::now());
            Ok(())
        })?;
        let keys = Keys::one(Sessions::SESSION, session);
        self.store.update(&keys, |sessions: &mut Sessions| {
            if let Some(session) = sessions.session_mut(session) {
                session.cost_usd = session.cost_usd.or(cost);
            }
            Ok(())
        })
    }

    /// Removes a session's worktrees, with all that is in them.
    fn discard_tree(&self, session: &str) {
        let folder = self.folder(session);
        let Ok(plan) = store::read_json::<Plan>(&folder.join(files::PLAN)) else { return };
        self.sweep_trial(session, &plan);
        // That of a conversation goes with its first part.
        let Some(code) = plan.code.filter(|_| plan.resumes.is_none()) else { return };
        if let Err(error) = git::discard_old(&code.repo, &folder.join(files::TREE)) {
            log::warn(&error.to_string());
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
            let at_work = store::is_locked(&folder.join(files::LOCK))?;
            if at_work || self.unprinted(session) || folder.join(files::UNSWEPT).exists() {
                stay.push(session.id.clone());
            }
        }
        Ok(sessions.prune(keep, age_max, clock::now(), |session| stay.contains(&session.id)))
    }

    /// Removes the folder of a session, and with it the worktree in it, and what was changed there.
    pub(super) fn discard(&self, session: &str) {
        let folder = self.folder(session);
        self.discard_tree(session);
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            log::warn(&Error::file("delete", &folder, &error).to_string());
        }
    }
}
