//! Proofs of fixes after the end of their session: on request, and when their base has moved.

use std::process::Stdio;

use super::SessionRunner;
use crate::document::Keys;
use crate::edge::supervisor::{Plan, files, program};
use crate::error::Error;
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::lookup;
use crate::rules::investigation::proof::ProofReason;
use crate::rules::investigation::proof_again;
use crate::rules::investigation::session::Session;
use crate::rules::pull_request::document::PullRequests;
use crate::store;
use crate::text::{safe, shorten};

/// Longest id in a message, in characters.
const ID_MAX: usize = 80;

impl SessionRunner {
    /// Proves the fix of a session on the base as it is now, and waits for the result. Returns
    /// whether it is known.
    pub fn prove(&self, id: &str) -> Result<bool, Error> {
        let refused =
            |why: &str| Error::failed("prove session", safe(&shorten(id, ID_MAX)).as_ref(), why);
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let session = lookup::session_by_prefix(sessions.sessions.iter(), id, "session");
        let session = session.map_err(|why| refused(&why))?;
        if let Some(why) = session.unprovable() {
            return Err(refused(why));
        }
        if store::is_locked(&self.folder(&session.id).join(files::LOCK))? {
            return Err(refused("another process is at work on it"));
        }
        self.write_proof_plan(session)?;
        let words = ["prove", &session.id, ProofReason::Person.as_str()];
        let mut command = self.supervisor(&words, true)?;
        command.stderr(Stdio::piped());
        let ran = store::output_of(&mut command).map_err(|error| refused(&error.to_string()))?;
        match self.repeat_messages(&ran.stderr) {
            Some(cause) => Err(Error::Failed(cause)),
            None => Ok(ran.status.success()),
        }
    }

    /// Starts the proofs that are due because the base has moved, unless some are being made.
    pub fn prove_moved(&self) {
        if let Err(error) = self.start_proofs() {
            self.warn_once(&error.to_string());
        }
    }

    fn start_proofs(&self) -> Result<(), Error> {
        if self.dry.is_some() || !self.policy.start.enabled || self.is_proving() {
            return Ok(());
        }
        let prs: PullRequests = self.store.read(&Keys::all())?;
        if prs.base_moved().next().is_none() {
            return Ok(());
        }
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let mut words = vec!["prove-moved"];
        for session in proof_again::due(&sessions, &prs) {
            if store::is_locked(&self.folder(&session.id).join(files::LOCK))? {
                return Ok(());
            }
            match self.write_proof_plan(session) {
                Ok(()) => words.push(&session.id),
                Err(error) => self.warn_once(&error.to_string()),
            }
        }
        if words.len() > 1 {
            let mut command = self.supervisor(&words, true)?;
            let child = command.stderr(Stdio::null()).spawn();
            let child = child.map_err(|error| Error::failed("start", program::NAME, error))?;
            *self.prover.borrow_mut() = Some(child);
        }
        Ok(())
    }

    /// Whether proofs that this program has started are being made.
    pub fn is_proving(&self) -> bool {
        let mut prover = self.prover.borrow_mut();
        prover.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Writes the plan of a proof: that of the session with the current configuration.
    fn write_proof_plan(&self, session: &Session) -> Result<(), Error> {
        let folder = self.folder(&session.id);
        let earlier: Plan = store::read_json(&folder.join(files::PLAN))?;
        let plan = self.session_plan(&earlier.incident, session);
        let has_tests = plan.code.as_ref().is_some_and(|code| code.test_command.is_some());
        if !has_tests {
            let cause = "no repo with a test_command is configured for its queue";
            return Err(Error::failed("prove session", &session.id, cause));
        }
        // Two processes can write it at a time.
        let (own, path) =
            (format!("proof-{}.json", std::process::id()), folder.join(files::PROOF_PLAN));
        Plan { agent: earlier.agent, ..plan }.write(&folder, &own)?;
        let moved = std::fs::rename(folder.join(own), &path);
        moved.map_err(|error| Error::file("replace", &path, &error))
    }

    /// Repeats the warnings of a child as this program's own. Returns the cause of its failure.
    pub(super) fn repeat_messages(&self, stderr: &[u8]) -> Option<String> {
        let mut fatal = None;
        for line in String::from_utf8_lossy(stderr).lines() {
            let line = line.strip_prefix(program::NAME).unwrap_or(line);
            match line.strip_prefix(": fatal: ") {
                Some(cause) => fatal = Some(cause.to_owned()),
                None => log::warn(line.strip_prefix(": warning: ").unwrap_or(line)),
            }
        }
        fatal
    }
}
