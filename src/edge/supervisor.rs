//! Supervisor of one session: parent of the agent, owner of the deadline and of the record.
//!
//! The supervisor runs in `dlq-supervise`, in a process session of its own, so that it outlives the
//! filter, the pipeline and the terminal. It holds `supervisor.lock` for its life: a session runs
//! exactly while that lock is held. It writes the session's events, first to the session's file,
//! then to the journal. When it dies, its watchdog ends the agent's process tree, and the next
//! filter records the session as crashed. It reads no configuration: the plan has all settings.
//!
//! [`run`] is the sequence of steps. Each step is a function that takes the values of the steps
//! before it, and the session's facts (`context.rs`), which no step changes:
//!
//! | step | takes | gives |
//! |---|---|---|
//! | `agent::prepare_agent` | plan, credential | prepared agent |
//! | `evidence::collect` | environment | evidence |
//! | `preflight::claim_cause` | evidence | evidence with a claimed cause, or a skipped session |
//! | `preflight::reserve_budget` | evidence | reserved budget |
//! | `workspace::open_workspace` | evidence | workspace |
//! | `StopRequest::listen`, `Watchdog::start` | session's facts | stop request, watchdog |
//! | `prompt::write_prompt` | agent, workspace, evidence | prompt file |
//! | `agent::start_agent` | agent, workspace | running agent |
//! | `agent::follow_agent` | agent, running agent, watchdog, stop request | agent run |
//! | `agent::ask_last_answer` | agent, workspace, agent run | agent run, of a resumed agent |
//! | `check_verdict::read_outcome` | run, evidence, workspace | checked verdict or stated result |
//! | `FixCheck::verify` | verdict, workspace, watchdog, stop request | verdict with proven patch |
//! | `finish::emit_checked`, `emit_stated` | verdict or stated result | end: an event |
//! | `finish::emit_triage` | evidence | end: an event, when the plan has no agent |
//! | `finish::emit_no_result`, `emit_not_run` | failure, stop request, deadline | end: an event |
//! | `FixCheck::save_changes` | workspace | patch of a run without a checked verdict |
//! | `finish::finish_skipped` | reason, wait | end and record, before the agent has started |
//! | `preflight::settle_budget` | cost | settled budget |
//! | `workspace::clean_up` | workspace | |
//! | `finish::record_end` | end | record |
//!
//! `prove.rs` runs the tests of a fix again after the end, with the same [`TestRunner`].

mod agent;
mod agent_copy;
mod agent_files;
mod agent_pipes;
pub mod agent_program;
mod check_verdict;
mod claude;
mod clean_up;
mod context;
mod environment;
mod event_log;
mod evidence;
mod evidence_seal;
mod finish;
mod plan;
mod preflight;
pub mod program;
mod prompt;
mod prove;
mod prove_patch;
mod resource_usage;
mod run_tests;
mod sandbox;
mod shim;
mod transcript_tail;
mod wait;
mod workspace;

pub use clean_up::{clean_up_crashed, discard_worktrees};
pub use environment::{passed_on, to_hand_over};
pub use event_log::EventWriter;
pub use finish::patch_hash;
pub use plan::{Code, PLAN_VERSION, Plan, Redaction};
pub use prove::{prove, prove_moved};
pub use shim::{enter, init, lead, shim};
pub use wait::watch;

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use self::agent::{
    AgentRun, PreparedAgent, ask_last_answer, follow_agent, prepare_agent, start_agent,
};
use self::check_verdict::{CheckOutcome, read_outcome};
use self::context::SessionContext;
use self::environment::Variables;
use self::evidence::EvidenceSummary;
use self::finish::{EmittedEnd, NoResult, emit_not_run, finish_skipped, record_end, retry_later};
use self::prompt::write_prompt;
use self::prove_patch::TestRunner;
use self::run_tests::FixCheck;
use self::wait::{StopRequest, WaitResult, Watchdog, forgery};
use self::workspace::{Workspace, clean_up, open_workspace};
use super::{git, process};
use crate::clock;
use crate::config::SecretValue;
use crate::error::Error;
use crate::money::Usd;
use crate::rules::agent::transcript::Transcript;
use crate::rules::investigation::wait::API_UNAVAILABLE;
use crate::store::{self, BlockingWait, Lock, Store};

/// Names of the files in a session's folder.
pub mod files {
    pub const PLAN: &str = "plan.json";
    /// Plan of a proof after the end, and the messages of one that nobody has asked for.
    pub const PROOF_PLAN: &str = "proof.json";
    pub const PROOF_LOG: &str = "proof.log";
    pub const PROMPT: &str = "prompt.md";
    pub const TRANSCRIPT: &str = "transcript.ndjson";
    pub const STDERR: &str = "stderr.log";
    pub const SUPERVISOR_LOG: &str = "supervisor.log";
    /// Lock of the session: held exactly while its supervisor runs.
    pub const LOCK: &str = "supervisor.lock";
    pub const EVENTS: &str = "events.ndjson";
    pub const REPORT: &str = "report.md";
    /// The parts of the verdict that a pull request shows.
    pub const FINDING: &str = "finding.json";
    pub const WORK: &str = "work";
    /// Worktree of the mapped code.
    pub const TREE: &str = "tree";
    /// Subagents of Claude Code.
    pub const AGENTS: &str = "agents.json";
    /// Named pipe with the credential, until it is read.
    pub const KEY: &str = "key";
    /// Folders of the agent.
    pub const HOME: &str = "home";
    pub const TEMPORARY: &str = "tmp";
    pub const CONFIGURATION: &str = "claude";
    /// Evidence of an agent in a sandbox.
    pub const EVIDENCE: &str = "evidence";
    /// Home folder of the tests, which the preparation has filled.
    pub const TEST_HOME: &str = "cache";
    /// Folders of the worktree that the preparation has made, and the list of them.
    pub const PREPARED: &str = "prepared";
    pub const PREPARED_LIST: &str = "prepared.json";
    /// Output of the preparation.
    pub const PREPARE_LOG: &str = "prepare.log";
    /// Sockets of its sandboxes.
    pub const SOCKETS: &str = "run";
    /// File that a sandbox has in the place of the worktree's link to its repository.
    pub const GIT_LINK: &str = "gitlink";
    /// Clone of the worktree's branch, for git in a sandbox.
    pub const GIT: &str = "git";
    /// Proof that Claude Code runs its hooks.
    pub const HOOKED: &str = "hooked";
    /// Mark of a crashed session that is not cleaned up yet. State folders on disk have this name.
    pub const NEEDS_CLEAN_UP: &str = "unswept";
    /// Changes in the worktree.
    pub const PATCH: &str = "patch.diff";
    /// Changes that no program may offer as a pull request.
    pub const HELD: &str = "held.diff";
    /// Second worktree, with a part of the patch, in which the tests run.
    pub const TRIAL: &str = "trial";
    /// Output of the tests with the patch, with the new tests alone, without, and with the patch but
    /// what runs the tests.
    pub const TESTS: &str = "tests.log";
    pub const NEW_TESTS: &str = "tests.new.log";
    pub const RUNNER_TESTS: &str = "tests.runner.log";
    pub const BASE_TESTS: &str = "tests.base.log";
    /// Request to end the session.
    pub const STOP: &str = "stop";
    /// Resources that the agent's processes use.
    pub const USAGE: &str = "usage.json";
    /// The agent's result, in full.
    pub const RESULT: &str = "result.json";
}

/// A liveness probe holds the lock briefly; taking it is retried for this long.
const LOCK_RETRY: Duration = Duration::from_millis(500);

/// Most time after the deadline for what has to be saved and cleaned up.
const AFTER_DEADLINE: Duration = Duration::from_secs(60);

/// Bounds all later calls of git: after its deadline a session has as long again, and a minute at most.
fn bound_git(context: &SessionContext) {
    let timeout = Duration::from_millis(context.plan.timeout_ms);
    git::end_by(clock::tick() + context.time_remaining() + AFTER_DEADLINE.min(timeout));
}

/// Runs the session whose folder and plan a filter has made, to its end.
pub fn supervise(store: &Store, session: &str) -> Result<(), Error> {
    process::detach();
    let (environment, credential) = environment::receive()?;
    let folder = context::canonical_session_folder(store.dir(), session);
    // Before the lock: while it is held the filter takes the session for started, and does not
    // report why it cannot be.
    let plan = plan::read(&folder, files::PLAN)?;
    let Some(_lock) = take_lock(&folder.join(files::LOCK))? else {
        return Err(Error::failed("supervise", session, "another supervisor holds its lock"));
    };
    let context = SessionContext::new(store, session, plan);
    run(&context, environment, credential)
}

fn take_lock(path: &Path) -> Result<Option<Lock>, Error> {
    let deadline = clock::tick() + LOCK_RETRY;
    loop {
        match Lock::try_take(path)? {
            None if clock::tick() < deadline => {
                store::sleep(BlockingWait::Lock, Duration::from_millis(2));
            }
            taken => return Ok(taken),
        }
    }
}

/// Runs all steps of a session.
fn run(
    context: &SessionContext,
    environment: Variables,
    credential: Option<SecretValue>,
) -> Result<(), Error> {
    bound_git(context);
    // Validate the agent before receiving messages: an unsuitable program costs nothing.
    let agent = match prepare_agent(context, credential, &environment) {
        Ok(agent) => agent,
        Err(why) => {
            let retry = retry_later(context, "agent_unfit");
            return finish_skipped(context, "agent_unfit", why, Some(retry));
        }
    };
    let evidence = evidence::collect(context, environment);
    let Some(evidence) = preflight::claim_cause(context, evidence)? else { return Ok(()) };
    let Some(mut agent) = agent else {
        return record_end(context, &finish::emit_triage(context, &evidence)?);
    };
    if context.path(files::STOP).exists() {
        return record_end(context, &emit_not_run(context, NoResult::Stopped)?);
    }
    if context.time_remaining().is_zero() {
        return record_end(context, &emit_not_run(context, NoResult::TimedOut)?);
    }
    if !preflight::reserve_budget(context, &evidence)? {
        return Ok(());
    }
    agent.keep_useful_subagents(evidence.has_logs);
    let sandboxed = agent.sandbox().is_some();
    let opened = open_workspace(context, &evidence, sandboxed);
    let end = match &opened {
        Ok(workspace) => run_agent(context, agent, workspace, &evidence),
        Err(error) => emit_not_run(context, NoResult::not_started(context, error)),
    };
    // Order matters: after a crash between any two steps the next filter can finish the rest.
    let cost = match &opened {
        Ok(_) => end.as_ref().ok().and_then(|end| end.cost),
        Err(_) => Some(Usd::NONE),
    };
    preflight::settle_budget(context, cost)?;
    if let Ok(workspace) = opened {
        clean_up(context, workspace);
    }
    record_end(context, &end?)
}

/// Starts the agent under a watchdog, follows it, and emits its result. An error after the start
/// drops the watchdog undismissed, which ends the agent.
fn run_agent(
    context: &SessionContext,
    mut agent: PreparedAgent,
    workspace: &Workspace,
    evidence: &EvidenceSummary,
) -> Result<EmittedEnd, Error> {
    let stop = StopRequest::listen(&context.folder)?;
    let mut watchdog = Watchdog::start(context)?;
    let started = write_prompt(context, &agent, workspace, evidence)
        .and_then(|()| start_agent(context, &agent, workspace));
    let end = match started {
        Ok(running) => {
            let run = follow_agent(context, &agent, running, &mut watchdog, &stop, None)?;
            let run = ask_last_answer(context, &mut agent, workspace, run, &mut watchdog, &stop)?;
            let watchdog = watchdog.pid();
            let sandbox = agent.sandbox();
            let tests = TestRunner { context, workspace, sandbox, stop: &stop, watchdog };
            let check = FixCheck { context, workspace, tests };
            conclude(context, &agent, evidence, run, &check)
        }
        Err(error) => emit_not_run(context, NoResult::not_started(context, &error)),
    };
    watchdog.dismiss()?;
    end
}

/// Checks the result of a run, and emits it.
fn conclude(
    context: &SessionContext,
    agent: &PreparedAgent,
    evidence: &EvidenceSummary,
    run: AgentRun,
    check: &FixCheck,
) -> Result<EmittedEnd, Error> {
    let transcript = run.transcript.as_ref();
    check.note_written(transcript);
    let cost = context.plan.new_cost(transcript);
    let no_result =
        |why| finish::emit_no_result(context, why, cost.clone(), check.save_changes().as_ref());
    let status = match run.result {
        WaitResult::Exited(status) => status,
        // The agent has written its result.
        WaitResult::Lingering => ExitStatus::default(),
        WaitResult::Cut(NoResult::TimedOut)
            if transcript.is_some_and(Transcript::is_without_api) =>
        {
            let why = "the model's API did not answer until the deadline";
            return no_result(NoResult::Failed(API_UNAVAILABLE, why.to_owned()));
        }
        WaitResult::Cut(why) => return no_result(why),
    };
    if let Some(why) = forgery(context) {
        return no_result(why);
    }
    let bundle = evidence.bundle.as_deref();
    if let Some(why) = check.workspace.broken_evidence() {
        return no_result(NoResult::Failed("forged", why));
    }
    match read_outcome(context, agent.program, status, transcript, bundle, check.workspace)? {
        Ok(CheckOutcome::Checked(mut verdict)) => {
            verdict.checked.notes.extend(check.workspace.changed_copy());
            finish::emit_checked(context, &check.verify(*verdict), cost.clone())
        }
        Ok(CheckOutcome::Stated(stated)) => {
            // The result of another agent is not checked; its patch is saved, and gated.
            let saved = check.save_changes();
            let denied = transcript.map(|known| known.denied_tools().count() as u64);
            finish::emit_stated(context, stated, cost.clone(), denied, saved)
        }
        Err(failure) => {
            let (reason, detail) = run.first.unwrap_or(failure);
            no_result(NoResult::Failed(reason, detail))
        }
    }
}
