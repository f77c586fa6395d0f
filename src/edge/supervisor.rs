//! The supervisor of one investigation: parent of the agent, owner of the deadline and the record.
//!
//! It is this very program, started anew in a process session of its own, so that pipelines and
//! cron runs come and go around it. It holds `supervisor.lock` for its life: the session runs
//! exactly while that is held. It writes the session's events, first to the session's own file,
//! then to the journal. When it dies, its watchdog ends the tree, and the next filter that looks
//! names the session crashed. It never reads configuration: its plan says all it needs.

mod evidence;
mod teller;
mod wait;

pub use evidence::to_hand_over;
pub use teller::Teller;
pub use wait::watch;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::evidence::Environment;
use self::wait::{Ended, dismiss, wait};
use super::process::{self, MARKER, Tree};
use super::{clock, exe};
use crate::error::Error;
use crate::event::{
    self, InvestigationCompleted, InvestigationFailed, InvestigationStarted, InvestigationTimedOut,
    Payload,
};
use crate::journal::Journal;
use crate::rules::incident::Incident;
use crate::rules::session::{Sessions, Status};
use crate::rules::verdict::{self, Exit, Outcome};
use crate::rules::{prompt, report};
use crate::store::{self, Lock, Store};
use crate::time::{Timestamp, show_span};
use crate::tool;

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
}

/// The environment that the supervisor and the agent get, when it is set: nothing else, and so no
/// secret. (A process may read the environment of another of the same user.)
const PASSED_ON: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// The tool that tells all of this.
pub const SOURCE: &str = "dlq-investigate";

/// Who asks whether the session runs holds its lock for a moment: so long that is waited out.
const ASKING: Duration = Duration::from_millis(500);

/// The last line of the transcript is looked for in this much of its end.
const RESULT_MAX: u64 = 1 << 20;

/// What a supervisor is told, in the session's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The incident, and its queue.
    pub incident: Incident,
    /// The agent: a program with its path, and its arguments. Without one, the triage stands alone.
    pub agent: Option<Vec<String>>,
    /// What looks at the messages: `dlq-peek`, and its arguments. It gets the environment of who
    /// started the supervisor, by way of its standard input.
    pub peek: Option<Vec<String>>,
    /// A bundle that is there already, and takes the place of a look.
    pub bundle: Option<PathBuf>,
    /// Whether there has to be evidence.
    pub require_evidence: bool,
    /// The folder of the code, when one is mapped: told to the agent, not entered.
    pub repo: Option<PathBuf>,
    /// When it is stopped.
    pub timeout_at: Timestamp,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
    /// From SIGINT to SIGTERM, in milliseconds; half of it again to SIGKILL.
    pub grace_ms: u64,
    /// Until the next investigation of the queue, in milliseconds.
    pub cooldown_ms: u64,
    /// The journal's size, in bytes.
    pub journal_size_max: u64,
    /// The older parts kept.
    pub journal_keep: u32,
}

/// The environment that is passed on.
pub fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Runs the session whose folder and plan a filter has made, to its end.
pub fn supervise(store: &Store, session: &str) -> Result<(), Error> {
    process::detach();
    let environment = evidence::handed_over();
    let folder = folder(store.dir(), session);
    let Some(_lock) = take(&folder.join(files::LOCK))? else {
        return Err(Error::failed("supervise", session, "somebody else does"));
    };
    let path = folder.join(files::PLAN);
    let plan: Plan = std::fs::read(&path)
        .map_err(|error| Error::file("read", &path, &error))
        .and_then(|bytes| {
            serde_json::from_slice(&bytes)
                .map_err(|error| Error::failed("read", path.display(), error))
        })?;
    let journal = Journal::new(store, plan.journal_size_max, plan.journal_keep);
    let supervisor = Supervisor { store, folder, session, plan, journal };
    supervisor.run(environment)
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
}

impl Supervisor<'_> {
    fn run(&self, environment: Environment) -> Result<(), Error> {
        let (begun, started) = (clock::now(), clock::tick());
        let evidence = self.evidence(environment);
        let Some(evidence) = self.pass_gate(begun, evidence)? else { return Ok(()) };
        let Some(argv) = &self.plan.agent else { return self.triage_alone(begun, &evidence) };
        let bundle = evidence.bundle.as_ref().map(|path| path.display().to_string());
        let prompt = prompt::of(&self.plan.incident, bundle.as_deref());
        store::replace(&self.folder.join(files::PROMPT), prompt.as_bytes())?;
        let mut watchdog = self.watchdog()?;
        let agent = match self.spawn(argv, bundle.as_deref()) {
            Ok(agent) => agent,
            Err(error) => {
                let failed = Outcome::Failed("could_not_start", error.to_string());
                self.conclude(begun, failed)?;
                return dismiss(watchdog);
            }
        };
        let pid = agent.id();
        // Should the watchdog have died, the agent still dies with us.
        let _ = watchdog.stdin.as_mut().map(|pipe| writeln!(pipe, "{pid}"));
        self.record(|session| session.pid = Some(pid.into()))?;
        self.begun(argv.first().map_or("", String::as_str), Some(pid.into()))?;
        let number = |pid: u32| i32::try_from(pid).unwrap_or(0);
        let tree = Tree {
            folder: self.folder.clone(),
            root: Some(number(pid)),
            group: (!cfg!(target_os = "linux")).then_some(number(pid)),
            above: Some(number(std::process::id())),
            spare: vec![number(watchdog.id())],
        };
        let grace = Duration::from_millis(self.plan.grace_ms);
        let timeout = Duration::from_millis(self.plan.timeout_ms);
        let ended = wait(agent, timeout.saturating_sub(started.elapsed()))?;
        let gone = match ended {
            Ended::ByItself(_) => Tree { root: None, ..tree.clone() }.end(grace / 2),
            Ended::Deadline | Ended::Told => tree.stop(grace),
        };
        if !gone {
            tool::warn(&format!("processes of session {} do not end", self.session));
        }
        match ended {
            Ended::ByItself(status) => self.conclude(begun, self.outcome(status))?,
            Ended::Deadline => self.timed_out(begun)?,
            Ended::Told => {
                let why = "its supervisor was told to end, and has stopped the agent";
                self.conclude(begun, Outcome::Failed("stopped", why.into()))?;
            }
        }
        dismiss(watchdog)
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

    fn spawn(&self, argv: &[String], bundle: Option<&str>) -> Result<Child, Error> {
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
        let work = self.folder.join(files::WORK);
        store::make_dir(&work)?;
        let mut command = exe();
        command.args(["--shim", &std::process::id().to_string(), "--"]).args(argv);
        command.env_clear();
        command.envs(passed_on());
        command.env("TERM", "dumb").env(MARKER, &self.folder).env("DLQ_SESSION", self.session);
        let Incident { id, queue, .. } = &self.plan.incident;
        command.env("DLQ_INCIDENT", id).env("DLQ_QUEUE", &queue.name);
        if let Some(bundle) = bundle {
            command.env("DLQ_EVIDENCE", bundle);
        }
        if let Some(repo) = &self.plan.repo {
            command.env("DLQ_REPO", repo);
        }
        command
            .current_dir(work)
            .stdin(prompt)
            .stdout(open(files::TRANSCRIPT)?)
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .map_err(|error| Error::file("start", Path::new("the agent"), &error))
    }

    fn outcome(&self, status: ExitStatus) -> Outcome {
        let exit = match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        };
        verdict::judge(exit, last_line(&self.folder.join(files::TRANSCRIPT)).as_deref())
    }

    fn conclude(&self, begun: Timestamp, outcome: Outcome) -> Result<(), Error> {
        let took = clock::now().since(begun);
        let (queue, session) = (self.plan.incident.queue.clone(), self.session.to_owned());
        match outcome {
            Outcome::Completed(verdict, cost_usd, turns) => {
                let report = self.report(&verdict, took)?.display().to_string();
                let duration_s = took.as_secs();
                self.tell(InvestigationCompleted {
                    queue,
                    session,
                    verdict,
                    cost_usd,
                    turns,
                    duration_s,
                    report,
                })?;
                self.close(Status::Completed, true)
            }
            Outcome::Failed(reason, detail) => {
                let detail =
                    format!("{detail}; see '{}'", self.folder.join(files::STDERR).display());
                self.tell(InvestigationFailed {
                    queue,
                    session,
                    reason: reason.into(),
                    detail,
                    cost_usd: None,
                    duration_s: Some(took.as_secs()),
                })?;
                // What never ran has cost nothing: no cooldown.
                self.close(Status::Failed, reason != "could_not_start")
            }
        }
    }

    fn timed_out(&self, begun: Timestamp) -> Result<(), Error> {
        let detail =
            format!("it was given {}", show_span(Duration::from_millis(self.plan.timeout_ms)));
        self.tell(InvestigationTimedOut {
            queue: self.plan.incident.queue.clone(),
            session: self.session.into(),
            detail,
            cost_usd: None,
            duration_s: clock::now().since(begun).as_secs(),
        })?;
        self.close(Status::TimedOut, true)
    }

    fn report(&self, verdict: &event::Verdict, took: Duration) -> Result<PathBuf, Error> {
        let path = self.folder.join(files::REPORT);
        let text = report::of(
            self.session,
            &self.plan.incident.id,
            &self.plan.incident.queue,
            verdict,
            took,
        );
        store::replace(&path, text.as_bytes())?;
        Ok(path)
    }

    fn tell<D: Payload>(&self, data: D) -> Result<(), Error> {
        let Incident { id: incident, queue, .. } = &self.plan.incident;
        let (folder, journal) = (self.folder.as_path(), &self.journal);
        Teller { folder, journal, session: self.session, incident, queue }.tell(data)
    }

    fn close(&self, status: Status, cools: bool) -> Result<(), Error> {
        let now = clock::now();
        let until = now.plus(Duration::from_millis(self.plan.cooldown_ms));
        self.record(|session| {
            session.status = status;
            session.ended_at = Some(now);
            session.cooldown_until = cools.then_some(until);
        })
    }

    fn record(
        &self,
        change: impl FnOnce(&mut crate::rules::session::Session),
    ) -> Result<(), Error> {
        self.store.doc::<Sessions>().update(|sessions| {
            if let Some(session) = sessions.session_mut(self.session) {
                change(session);
            }
            Ok(())
        })
    }
}

/// The last line that is not blank.
fn last_line(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let size = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(size.saturating_sub(RESULT_MAX))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.rfind(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec)
}
