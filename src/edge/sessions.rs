//! The sessions on disk: their probes, their starts and ends, and the printing of their events.
//!
//! Each step of the filter is one locked update of `sessions.json`: the changes of the stream are
//! applied, the session folders are probed, a plan is made (see rules/investigation/plan.rs),
//! carried out and recorded. An update never waits for an investigation.

mod clean_up;
mod control;
mod launch;
mod probe;
mod prove;
mod update;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use super::session_folder::session_folder;
use super::supervisor::{Redaction, agent_program, files};
use crate::config::{AutoInvestigation, Env, Secret, SecretValue, Settings, State};
use crate::document::Keys;
use crate::error::Error;
use crate::journal::Journal;
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::eligibility::StartPolicy;
use crate::rules::investigation::incident::IncidentChange;
use crate::rules::investigation::plan::{UpdatePlan, UpdatePolicy};
use crate::rules::investigation::session::SessionStatus;
use crate::store::Store;
use crate::time::Timestamp;

/// The result of an update.
#[derive(Debug, Default)]
pub struct UpdateResult {
    /// The lines to print, each with its LF.
    pub lines: Vec<u8>,
    /// The plan that was carried out.
    pub plan: UpdatePlan,
    /// The sessions that this update started or adopted.
    pub started: Vec<String>,
    /// A supervisor could not be started. A warning was logged.
    pub failed: bool,
    /// The sessions whose events are among the lines, and the offset behind those events: to be
    /// passed to [`SessionRunner::mark_printed`] once the lines have reached the reader.
    pub printed: Vec<(String, u64)>,
    /// The end of a session was written, and is printed when its supervisor has recorded it.
    pub withheld: bool,
}

/// Starts, closes and prunes the sessions of a state folder.
pub struct SessionRunner {
    store: Store,
    journal: Journal,
    policy: UpdatePolicy,
    /// The agent; `None` when the triage by rules is the result.
    agent: Option<agent_program::Program>,
    /// The model's credential, when a variable holds it.
    credential: Option<SecretValue>,
    /// The command line of `dlq-peek`, when that program was found.
    peek: Option<Vec<String>>,
    settings: AutoInvestigation,
    redaction: Redaction,
    state: State,
    /// The document of a dry run, which is never written.
    dry: Option<RefCell<Sessions>>,
    /// The warnings that were given.
    warned: RefCell<HashSet<String>>,
    /// Ended sessions that could not be cleaned up.
    unclean: RefCell<HashSet<String>>,
    /// The process that proves fixes again.
    prover: RefCell<Option<Child>>,
}

impl SessionRunner {
    /// Reads the settings. `env` locates programs and may hold the model's credential.
    pub fn open(store: Store, all: &Settings, env: &Env, dry_run: bool) -> Result<Self, Error> {
        if store.is_shared() && !dry_run {
            // Their supervisors are processes of this machine, and know its folder only.
            let cause = "dlq-investigate has its sessions in the state folder only: give it a \
                         configuration without state.shared";
            return Err(Error::wrong(cause));
        }
        let path = env.real("PATH");
        let (settings, state) = (all.auto_investigation.clone(), all.state.clone());
        let chosen = agent_program::choose(&settings, path);
        if chosen.is_fallback && settings.enabled {
            log::warn("Claude Code is not installed: incidents get a triage by rules instead");
        }
        let start = StartPolicy {
            enabled: settings.enabled && all.features.investigate,
            targets: settings.target_queues.clone(),
            max_concurrent: settings.max_concurrent,
            cooldown: settings.cooldown,
            agent_missing: chosen.missing,
        };
        let policy = UpdatePolicy {
            start,
            limits: settings.limits(),
            timeout: settings.timeout,
            keep: usize::try_from(state.sessions_keep).unwrap_or(usize::MAX),
            age_max: Duration::from_secs(u64::from(state.sessions_keep_days) * 86_400),
        };
        let (agent, peek) = (chosen.program, agent_program::peek(&all.origin, path));
        let variable = settings.claude.auth.as_ref().filter(|auth| matches!(auth, Secret::Env(_)));
        // The session that needs a missing credential reports it.
        let credential = variable.and_then(|auth| auth.resolve(env).ok());
        let journal = Journal::new(&store, state.rotation());
        let redaction = Redaction {
            patterns: all.evidence.redact.clone(),
            allow: all.evidence.redact_allow.clone(),
        };
        let dry = dry_run.then(|| store.read(&Keys::all()).map(RefCell::new)).transpose()?;
        let warned = RefCell::default();
        Ok(SessionRunner {
            store,
            journal,
            policy,
            agent,
            credential,
            peek,
            settings,
            redaction,
            state,
            dry,
            warned,
            unclean: RefCell::default(),
            prover: RefCell::default(),
        })
    }

    /// Turns investigations on or off. `auto_investigation.enabled: false` cannot be overridden.
    pub fn set_enabled(&mut self, on: bool) {
        self.policy.start.enabled = self.settings.enabled && on;
    }

    /// Applies changes of incidents, and evaluates the open incidents when `evaluate_at` is given.
    pub fn update(
        &self,
        changes: Vec<IncidentChange>,
        evaluate_at: Option<Timestamp>,
    ) -> Result<UpdateResult, Error> {
        if let Some(document) = &self.dry {
            return self.apply_and_plan(&mut document.borrow_mut(), changes, evaluate_at);
        }
        // Concurrency limits, pruning and the incidents need all records.
        self.store.update(&Keys::all(), |sessions: &mut Sessions| {
            self.apply_and_plan(sessions, changes, evaluate_at)
        })
    }

    /// Cleans up after ended sessions. Called without the lock, because git may take long, and after
    /// the lines of the update were printed, which no later update would repeat.
    /// Returns whether all of it was done.
    pub fn clean_up(&self, plan: &UpdatePlan) -> bool {
        if self.dry.is_some() {
            return true;
        }
        let mut is_done = true;
        for session in &plan.clean_up {
            // What fails is tried once by each filter: it can be a failure of that session alone.
            if !self.unclean.borrow().contains(session)
                && let Err(error) = self.run_clean_up("clean-up", session)
            {
                is_done = false;
                log::warn(&error.to_string());
                self.unclean.borrow_mut().insert(session.clone());
            }
        }
        plan.prune.iter().for_each(|session| self.delete_folder(session));
        is_done
    }

    /// Whether a session runs by its record, or has unprinted events. Takes no lock.
    pub fn is_busy(&self) -> Result<bool, Error> {
        if self.dry.is_some() {
            return Ok(false);
        }
        if self.is_proving() {
            return Ok(true);
        }
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        Ok(sessions.sessions.iter().any(|session| {
            session.status == SessionStatus::Running
                || self.has_unprinted(&session.id, session.printed)
        }))
    }

    /// Records how far the events of sessions have reached the reader. A filter that dies before
    /// this prints them again.
    pub fn mark_printed(&self, printed: &[(String, u64)]) -> Result<(), Error> {
        let keys = Keys::none().with(Sessions::SESSION, printed.iter().map(|(id, _)| id.as_str()));
        self.store.update(&keys, |sessions: &mut Sessions| {
            for (id, printed) in printed {
                if let Some(session) = sessions.session_mut(id) {
                    session.printed = session.printed.max(*printed);
                }
            }
            Ok(())
        })
    }

    fn agent_name(&self) -> &str {
        self.agent.as_ref().and_then(|agent| agent.argv.first()).map_or("triage", String::as_str)
    }

    fn folder(&self, session: &str) -> PathBuf {
        session_folder(self.store.dir(), session)
    }

    /// Whether the file of a session's events is not as long as what was printed of it.
    fn has_unprinted(&self, session: &str, printed: u64) -> bool {
        let path = self.folder(session).join(files::EVENTS);
        std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() != printed)
    }

    /// Warns of something that lasts: once in the life of this program.
    fn warn_once(&self, sentence: &str) {
        if self.warned.borrow_mut().insert(sentence.to_owned()) {
            log::warn(sentence);
        }
    }
}
