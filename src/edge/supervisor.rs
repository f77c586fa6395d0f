//! The supervisor of one investigation: parent of the agent, owner of the deadline and the record.
//!
//! It is this very program, started anew in a process session of its own, so that pipelines and
//! cron runs come and go around it. It holds `supervisor.lock` for its life: the session runs
//! exactly while that is held. It writes the session's events, first to the session's own file,
//! then to the journal. When it dies, its watchdog ends the tree, and the next filter that looks
//! names the session crashed. It never reads configuration: its plan says all it needs.

mod agent;
pub mod agent_program;
mod check_verdict;
mod claude;
mod event_log;
mod evidence;
mod finish;
mod plan;
mod resource_usage;
mod run_tests;
mod transcript_tail;
mod wait;
mod workspace;

pub use event_log::Teller;
pub use evidence::to_hand_over;
pub use plan::{Code, Plan};
pub use wait::watch;

use crate::rules::investigation::document::Sessions;
use std::cell::Cell;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::claude::Ready;
use self::evidence::{Environment, Known};
use self::finish::End;
use self::resource_usage::Sampler;
use self::wait::{Ended, dismiss, wait};
use self::workspace::Place;
use super::exe;
use super::process::{self, MARKER, Tree};
use crate::clock;
use crate::config::SecretValue;
use crate::error::Error;
use crate::event::{InvestigationStarted, Payload};
use crate::journal::Journal;
use crate::log;
use crate::rules::agent::last_line::AgentResult;
use crate::rules::agent::transcript::Transcript;
use crate::rules::investigation::incident::Incident;

use crate::rules::investigation::wait::Hold;
use crate::store::{self, Lock, Store};

/// The names of the files of a session's folder.
pub mod files {
    #![allow(missing_docs)]
    pub const PLAN: &str = "plan.json";
    pub const PROMPT: &str = "prompt.md";
    pub const TRANSCRIPT: &str = "transcript.ndjson";
    pub const STDERR: &str = "stderr.log";
    pub const SUPERVISOR_LOG: &str = "supervisor.log";
    pub const LOCK: &str = "supervisor.lock";
    pub const EVENTS: &str = "events.ndjson";
    pub const REPORT: &str = "report.md";
    pub const WORK: &str = "work";
    /// The worktree of the mapped code.
    pub const TREE: &str = "tree";
    /// The subagents of Claude Code.
    pub const AGENTS: &str = "agents.json";
    /// A pipe, for as long as nobody has read from it.
    pub const KEY: &str = "key";
    /// Claude Code runs its hooks.
    pub const HOOKED: &str = "hooked";
    /// The worktree of a crashed session is still to be looked after.
    pub const UNSWEPT: &str = "unswept";
    /// What was changed in the worktree.
    pub const PATCH: &str = "patch.diff";
    /// A second worktree, with the patch alone, while the tests run there.
    pub const TRIAL: &str = "trial";
    /// What the tests have said.
    pub const TESTS: &str = "tests.log";
    /// Somebody asks for the end.
    pub const STOP: &str = "stop";
    /// What its processes use.
    pub const USAGE: &str = "usage.json";
    /// What the agent found, in full.
    pub const RESULT: &str = "result.json";
}

/// The environment that the supervisor and the agent get, when it is set: nothing else, and so no
/// secret. (A process may read the environment of another of the same user.)
const PASSED_ON: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// The tool that tells all of this.
pub const SOURCE: &str = "dlq-investigate";

/// Who asks whether the session runs holds its lock for a moment: so long that is waited out.
const ASKING: Duration = Duration::from_millis(500);

/// The environment that is passed on.
pub fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Runs the session whose folder and plan a filter has made, to its end.
pub fn supervise(store: &Store, session: &str) -> Result<(), Error> {
    process::detach();
    let (environment, credential) = evidence::handed_over();
    let folder = folder(store.dir(), session);
    let Some(_lock) = take(&folder.join(files::LOCK))? else {
        return Err(Error::failed("supervise", session, "somebody else does"));
    };
    let path = folder.join(files::PLAN);
    let plan: Plan = store::read_json(&path)?;
    let journal = Journal::new(store, plan.journal_size_max, plan.journal_keep);
    let supervisor = Supervisor {
        store,
        folder,
        session,
        plan,
        journal,
        started: clock::tick(),
        signalled: Arc::default(),
        told: Cell::new(0),
    };
    supervisor.run(environment, credential)
}

/// The session's folder, by the one name that the kernel has for it.
fn folder(state: &Path, session: &str) -> PathBuf {
    let folder = state.join("sessions").join(session);
    std::fs::canonicalize(&folder).unwrap_or(folder)
}

fn take(path: &Path) -> Result<Option<Lock>, Error> {
    let deadline = clock::tick() + ASKING;
    loop {
        match Lock::try_take(path)? {
            None if clock::tick() < deadline => std::thread::sleep(Duration::from_millis(2)),
            taken => return Ok(taken),
        }
    }
}

struct Supervisor<'a> {
    store: &'a Store,
    folder: PathBuf,
    session: &'a str,
    plan: Plan,
    journal: Journal,
    /// When it began. The wall clock may jump meanwhile.
    started: Instant,
    /// A signal has told us to end.
    signalled: Arc<AtomicBool>,
    /// How often progress was told.
    told: Cell<u64>,
}

impl Supervisor<'_> {
    fn run(&self, environment: Environment, key: Option<SecretValue>) -> Result<(), Error> {
        // Before anything is received: a program that will not do costs nothing.
        let ready = match self.fit(key) {
            Ok(ready) => ready,
            Err(why) => return self.skip("agent_unfit", why, Some(self.later("agent_unfit"))),
        };
        let evidence = self.evidence(environment);
        let Some(evidence) = self.pass_gate(evidence)? else { return Ok(()) };
        let Some(ready) = ready else { return self.triage_alone(&evidence) };
        if self.folder.join(files::STOP).exists() {
            return self.close(&self.stopped(Some(0.0), None)?);
        }
        if self.left().is_zero() {
            return self.close(&self.timed_out(Some(0.0), None)?);
        }
        if let Some(why) = self.reserve(&evidence)? {
            let hold = Hold {
                reason: why.word().into(),
                since: clock::now(),
                until: why.until(),
                session: None,
                limits: Some(self.plan.limits.clone()),
            };
            return self.skip(why.word(), why.to_string(), Some(hold));
        }
        let place = match self.place(&evidence) {
            Ok(place) => place,
            Err(error) => {
                let end = self.not_started(&error);
                self.settle(Some(0.0))?;
                return self.close(&end?);
            }
        };
        let end = self.attend(&ready, &place, &evidence);
        // In this order: who dies between two of them leaves what the next filter puts right.
        self.settle(end.as_ref().ok().and_then(|end| end.cost))?;
        self.leave(place);
        self.close(&end?)
    }

    /// Until the deadline.
    fn left(&self) -> Duration {
        Duration::from_millis(self.plan.timeout_ms).saturating_sub(self.started.elapsed())
    }

    /// The agent did not come to run.
    fn not_started(&self, error: &Error) -> Result<End, Error> {
        let failed = AgentResult::Failed("could_not_start", error.to_string());
        self.conclude(failed, Some(0.0), None, None)
    }

    /// Starts the agent, waits for its end, and says what has come of it.
    fn attend(&self, ready: &Ready, place: &Place, evidence: &Known) -> Result<End, Error> {
        self.heed_signals()?;
        let mut watchdog = self.watchdog()?;
        let spawned = self.brief(ready, place, evidence).and_then(|()| self.spawn(ready, place));
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                let end = self.not_started(&error);
                dismiss(watchdog)?;
                return end;
            }
        };
        let pid = child.id();
        // Should the watchdog have died, the agent still dies with us.
        let _ = watchdog.stdin.as_mut().map(|pipe| writeln!(pipe, "{pid}"));
        self.record(|session| session.pid = Some(pid.into()))?;
        self.begun(ready.name(), Some(pid.into()))?;
        let mut listener = self.listener(ready);
        let tree = self.tree(pid, watchdog.id());
        let mut sampler = Sampler::new(&tree, self.folder.join(files::USAGE));
        let ended = wait(child, self.left(), &mut || {
            sampler.sample();
            let asked = self.is_told().then_some(Ended::Told);
            asked.or_else(|| listener.as_mut()?.listen(&mut |progress| self.progressed(progress)))
        });
        self.stop(&ended, tree);
        if let Some(listener) = &mut listener {
            listener.finish(&mut |progress| self.progressed(progress));
        }
        let transcript = self.transcript(ready.program, listener);
        let end = self.judged(ready, place, evidence, ended, transcript.as_ref(), watchdog.id());
        dismiss(watchdog)?;
        end
    }

    /// What the end of the agent comes to.
    fn judged(
        &self,
        ready: &Ready,
        place: &Place,
        evidence: &Known,
        ended: Ended,
        transcript: Option<&Transcript>,
        watchdog: u32,
    ) -> Result<End, Error> {
        let cost = self.plan.new_cost(transcript);
        let status = match ended {
            Ended::ByItself(status) => status,
            // It had its result; it only did not end.
            Ended::Lingering => ExitStatus::default(),
            Ended::Deadline => return self.timed_out(cost, self.unfinished(place).as_deref()),
            Ended::Told => return self.stopped(cost, self.unfinished(place).as_deref()),
            Ended::Aborted(reason, detail) => {
                let left = self.unfinished(place);
                return self.conclude(
                    AgentResult::Failed(reason, detail),
                    cost,
                    None,
                    left.as_deref(),
                );
            }
        };
        let bundle = evidence.bundle.as_deref();
        let outcome = self.outcome(ready.program, status, transcript, bundle, place)?;
        let (outcome, finding) = self.verified(outcome, place, watchdog);
        let left = finding.is_none().then(|| self.unfinished(place)).flatten();
        self.conclude(outcome, cost, finding.as_ref(), left.as_deref())
    }

    /// The processes of the agent.
    fn tree(&self, agent: u32, watchdog: u32) -> Tree {
        let number = |pid: u32| i32::try_from(pid).unwrap_or(0);
        Tree {
            folder: self.folder.clone(),
            root: Some(number(agent)),
            group: (!cfg!(target_os = "linux")).then_some(number(agent)),
            above: Some(number(std::process::id())),
            spare: vec![number(watchdog)],
        }
    }

    /// Ends the tree: all of it, or what an agent that has ended by itself left behind.
    fn stop(&self, ended: &Ended, tree: Tree) {
        let grace = Duration::from_millis(self.plan.grace_ms);
        let gone = match ended {
            Ended::ByItself(_) => Tree { root: None, ..tree }.end(grace / 2),
            _ => tree.stop(grace),
        };
        if !gone {
            log::warn(&format!("processes of session {} do not end", self.session));
        }
    }

    fn begun(&self, agent: &str, pid: Option<u64>) -> Result<(), Error> {
        self.tell(InvestigationStarted {
            queue: self.plan.incident.queue.clone(),
            session: self.session.into(),
            agent: agent.to_owned(),
            pid,
            timeout_at: self.plan.timeout_at,
        })
    }

    fn spawn(&self, ready: &Ready, place: &Place) -> Result<Child, Error> {
        let open = |name: &str| -> Result<File, Error> {
            let path = self.folder.join(name);
            store::append_private(&path).map_err(|error| Error::file("open", &path, &error))
        };
        let prompt = self.folder.join(files::PROMPT);
        let prompt = File::open(&prompt).map_err(|error| Error::file("open", &prompt, &error))?;
        let stderr = self.folder.join(files::STDERR);
        let Some(stderr) = Lock::try_take(&stderr)? else {
            return Err(Error::failed("lock", stderr.display(), "an earlier agent is still there"));
        };
        let stderr = stderr
            .file()
            .try_clone()
            .map_err(|error| Error::failed("share", "stderr.log", error))?;
        let mut command = exe();
        command.args(["--shim", &std::process::id().to_string()]);
        command.env_clear().envs(passed_on());
        let argv = match ready.program.claude {
            true => self.claude(ready, &mut command)?,
            false => ready.program.argv.clone(),
        };
        command.arg("--").args(argv);
        command.env("TERM", "dumb").env(MARKER, &self.folder).env("DLQ_SESSION", self.session);
        let Incident { id, queue, .. } = &self.plan.incident;
        command.env("DLQ_INCIDENT", id).env("DLQ_QUEUE", &queue.name);
        if place.evidence {
            command.env("DLQ_EVIDENCE", place.folder.join(workspace::EVIDENCE));
        }
        if place.tree.is_some() {
            command.env("DLQ_REPO", &place.folder);
        }
        command
            .current_dir(&place.folder)
            .stdin(prompt)
            .stdout(open(files::TRANSCRIPT)?)
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .map_err(|error| Error::file("start", Path::new("the agent"), &error))
    }

    fn tell<D: Payload>(&self, data: D) -> Result<(), Error> {
        self.teller().tell(data)
    }

    fn teller(&self) -> Teller<'_> {
        let Incident { id: incident, queue, .. } = &self.plan.incident;
        let (folder, journal) = (self.folder.as_path(), &self.journal);
        Teller { folder, journal, session: self.session, incident, queue }
    }

    fn record(
        &self,
        change: impl FnOnce(&mut crate::rules::investigation::session::Session),
    ) -> Result<(), Error> {
        self.store.doc::<Sessions>().update(|sessions| {
            if let Some(session) = sessions.session_mut(self.session) {
                change(session);
            }
            Ok(())
        })
    }
}
