//! The start of a session's supervisor.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::SessionRunner;
use crate::clock;
use crate::document::Keys;
use crate::edge::session_folder;
use crate::edge::supervisor::agent_program;
use crate::edge::supervisor::{self, Code, PLAN_VERSION, Plan, files, program};
use crate::error::Error;
use crate::event::Queue;
use crate::money::Usd;
use crate::ndjson;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::Session;
use crate::rules::queue::document::Watched;
use crate::store::{self, BlockingWait};

/// The longest last message of a supervisor, in bytes.
const MESSAGE_MAX: u64 = 64 << 10;
/// A supervisor that has not taken its lock after this time failed to start.
const SUPERVISOR_START_TIMEOUT: Duration = Duration::from_secs(5);

impl SessionRunner {
    /// Creates the folder, starts the supervisor, and returns once that holds its lock, so that the
    /// session does not look crashed. Returns the number of the file of its lock, while it is known that
    /// it is the supervisor's own.
    pub(super) fn spawn(&self, plan: &Plan, session: &Session) -> Result<Option<u64>, Error> {
        let folder = self.folder(&session.id);
        let lock = folder.join(files::LOCK);
        // Another filter started the session and died before it recorded that.
        if self.has_begun(&session.id)? {
            return Ok(None);
        }
        store::make_dir(&folder)?;
        // A failed start may have left a transcript; its lock file is never deleted.
        let _ = std::fs::remove_file(folder.join(files::TRANSCRIPT));
        plan.write(&folder, files::PLAN)?;
        let log = folder.join(files::SUPERVISOR_LOG);
        let stderr =
            store::create_private(&log).map_err(|error| Error::file("open", &log, &error))?;
        let mut supervisor = self
            .supervisor(&["run", &session.id], true)?
            .stdin(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| Error::failed("start", "the supervisor", error))?;
        // A pipe, because other processes of this user may read an environment: see
        // edge/supervisor.
        let handed = supervisor::to_hand_over(self.credential.as_ref());
        // A supervisor that got a part of it has ended, and says so.
        let _ = supervisor.stdin.take().map(|mut to| to.write_all(&handed));
        let deadline = clock::tick() + SUPERVISOR_START_TIMEOUT;
        while !store::is_locked(&lock)? {
            let ended = supervisor.try_wait().ok().flatten();
            if ended.is_some() || clock::tick() >= deadline {
                let _ = supervisor.kill();
                // A very quick agent: the supervisor has ended and left its events.
                if ended.is_some() && folder.join(files::EVENTS).exists() {
                    return Ok(None);
                }
                let last = ndjson::last_line(&log, MESSAGE_MAX).ok().flatten();
                let last = last.map(|line| String::from_utf8_lossy(&line).into_owned());
                let last = last.unwrap_or_else(|| "it printed no message".to_owned());
                return Err(Error::failed("start", "the supervisor", last));
            }
            store::sleep(BlockingWait::SupervisorStart, Duration::from_millis(2));
        }
        // Liveness is decided by the lock; this thread only reaps the child.
        std::thread::spawn(move || store::wait_for_end(&mut supervisor));
        Ok(session_folder::lock_number(&lock))
    }

    /// Builds a command of `dlq-supervise`, with little of the environment when it is `bare`.
    pub(super) fn supervisor(&self, arguments: &[&str], bare: bool) -> Result<Command, Error> {
        let mut command = program::sibling()?;
        if bare {
            command.env_clear().envs(supervisor::passed_on());
        }
        command.args(arguments).env("DLQ_STATE_DIR", self.store.dir());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(command)
    }

    /// Builds the plan that the supervisor reads.
    pub(super) fn session_plan(&self, incident: &Incident, session: &Session) -> Plan {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let rule =
            self.settings.queues.iter().find(|rule| rule.matching.matches(&incident.queue.name));
        Plan {
            version: PLAN_VERSION,
            incident: incident.clone(),
            agent: self.agent.clone(),
            claude: self.settings.claude.clone(),
            limits: self.settings.limits(),
            peek: self.peek.as_ref().map(|argv| {
                agent_program::peek_arguments(argv, incident, self.polled(incident).as_ref())
            }),
            bundle: incident.bundle.as_ref().and_then(|path| self.bundle_at(Path::new(path))),
            require_evidence: self.settings.require_evidence,
            code: rule.and_then(|rule| {
                Some(Code {
                    repo: rule.repo.clone()?,
                    base: rule.base.clone(),
                    test_command: rule.test_command.clone(),
                    tests: rule.tests.patterns().to_vec(),
                    fix: rule.fix,
                    prepare: rule.prepare.clone(),
                    bind: rule.bind.clone(),
                    test_network: rule.test_network,
                })
            }),
            redaction: self.redaction.clone(),
            resumes: None,
            spent_usd: Usd::NONE,
            timeout_at: session.timeout_at,
            timeout_ms: millis(self.settings.timeout),
            grace_ms: millis(self.settings.stop_grace),
            cooldown_ms: millis(self.settings.cooldown),
            journal_size_max: self.state.rotation().size_max,
            journal_keep: self.state.journal_keep,
            journal_age_ms: millis(self.state.rotation().age_max),
        }
    }

    /// Returns the queue of an incident as `dlq-poll` has recorded it.
    fn polled(&self, incident: &Incident) -> Option<Queue> {
        let arn = incident.queue.arn.as_str();
        let watched: Watched = self.store.read(&Keys::one(Watched::QUEUE, arn)).ok()?;
        let entry = watched.entries().find(|entry| entry.queue.arn == arn);
        entry.map(|entry| entry.queue.clone())
    }

    /// Returns the path of a bundle, which comes from outside, when it leads into the evidence
    /// folder.
    pub(super) fn bundle_at(&self, path: &Path) -> Option<PathBuf> {
        let path = std::fs::canonicalize(path).ok()?;
        let evidence = std::fs::canonicalize(self.store.dir().join("evidence")).ok()?;
        path.starts_with(evidence).then_some(path)
    }
}
