//! The agent of a session: validated first, started later, then followed until it ends.

use std::path::Path;
use std::process::Stdio;

use super::agent_pipes::RunningAgent;
use super::check_verdict::exit_of;
use super::claude::{self, PreparedClaude};
use super::context::SessionContext;
use super::environment::Variables;
use super::finish::NoResult;
use super::resource_usage::UsageSampler;
use super::sandbox::{self, SessionSandbox};
use super::transcript_tail::TranscriptTail;
use super::wait::{StopRequest, WaitResult, Watchdog, forgery, wait};
use super::workspace::Workspace;
use super::{files, finish, program};
use crate::config::{ResultFormat, SecretValue};
use crate::edge::git::EVIDENCE;
use crate::edge::process::Tree;
use crate::edge::sandbox::{cgroup, launch};
use crate::edge::supervisor::agent_program::Program;
use crate::error::Error;
use crate::event::InvestigationProgressed;
use crate::log;
use crate::regular_file;
use crate::rules::agent::invocation::Invocation;
use crate::rules::agent::last_answer;
use crate::rules::agent::last_line::{Exit, Failure};
use crate::rules::agent::subagent::useful;
use crate::rules::agent::transcript;
use crate::rules::agent::transcript::{Progress, Transcript};
use crate::rules::investigation::incident::Incident;
use crate::rules::sandbox::limits;
use crate::rules::sandbox::refusal::Unavailable;
use crate::store::{self, Lock};

/// Bytes of standard error in which the message of bubblewrap is.
const SAID_MAX: u64 = 64 << 10;

/// A validated agent and the files loaded for it.
pub(super) struct PreparedAgent<'a> {
    pub(super) program: &'a Program,
    /// Present for Claude Code only.
    pub(super) claude: Option<PreparedClaude<'a>>,
}

impl PreparedAgent<'_> {
    /// The sandbox in which the agent runs.
    pub(super) fn sandbox(&self) -> Option<&SessionSandbox> {
        self.claude.as_ref()?.sandbox.as_ref()
    }

    /// Removes the subagent for logs where the evidence has none.
    pub(super) fn keep_useful_subagents(&mut self, logs: bool) {
        if let Some(claude) = &mut self.claude {
            claude.subagents = useful(std::mem::take(&mut claude.subagents), true, true, logs);
        }
    }
}

/// A run that has ended.
pub(super) struct AgentRun {
    pub(super) result: WaitResult,
    /// Parsed output; `None` for an agent whose last line is its result.
    pub(super) transcript: Option<Transcript>,
    /// Reason of the first run of an agent that was asked for a last answer.
    pub(super) first: Option<Failure>,
}

/// Validates the plan's agent and loads its files; `None` when the plan has no agent. An error says
/// why it cannot be used.
pub(super) fn prepare_agent<'a>(
    context: &'a SessionContext,
    credential: Option<SecretValue>,
    variables: &Variables,
) -> Result<Option<PreparedAgent<'a>>, String> {
    let Some(program) = &context.plan.agent else { return Ok(None) };
    let claude = match program.claude {
        true => Some(claude::prepare(context, program.name(), credential, variables)?),
        false => {
            sandbox::decide_without(context)?;
            None
        }
    };
    Ok(Some(PreparedAgent { program, claude }))
}

/// Starts the agent with the prompt as its standard input.
pub(super) fn start_agent(
    context: &SessionContext,
    agent: &PreparedAgent,
    workspace: &Workspace,
) -> Result<RunningAgent, Error> {
    let stderr = context.path(files::STDERR);
    let Some(stderr) = Lock::try_take(&stderr)? else {
        let cause = "an earlier agent of this session still runs";
        return Err(Error::failed("lock", stderr.display(), cause));
    };
    let stderr =
        stderr.file().try_clone().map_err(|error| Error::failed("share", "stderr.log", error))?;
    let mut command = program::shim(&context.folder);
    match &agent.claude {
        None => drop(command.arg("--").args(&agent.program.argv)),
        Some(claude) => claude.complete(&mut command, context, workspace)?,
    }
    let Incident { id, queue, .. } = &context.plan.incident;
    command.env("DLQ_SESSION", context.session).env("DLQ_INCIDENT", id);
    command.env("DLQ_QUEUE", &queue.name);
    if workspace.has_evidence {
        command.env("DLQ_EVIDENCE", workspace.folder.join(EVIDENCE));
    }
    if workspace.worktree.is_some() {
        command.env("DLQ_REPO", &workspace.folder);
    }
    let transcript = context.path(files::TRANSCRIPT);
    let transcript = store::append_private(&transcript)
        .map_err(|error| Error::file("open", &transcript, &error))?;
    let child = command
        .current_dir(&workspace.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| Error::file("start", Path::new("the agent"), &error))?;
    RunningAgent::attach(child, &context.path(files::PROMPT), transcript)
}

/// Records and emits that the agent runs, follows it until it ends or must be ended, then ends its
/// process tree.
pub(super) fn follow_agent(
    context: &SessionContext,
    agent: &PreparedAgent,
    running: RunningAgent,
    watchdog: &mut Watchdog,
    stop: &StopRequest,
    earlier: Option<(Transcript, u64)>,
) -> Result<AgentRun, Error> {
    let (child, wait_for_output) = running.split();
    let pid = child.id();
    watchdog.set_agent(pid);
    context.record(|session| session.pid = Some(pid.into()))?;
    if earlier.is_none() {
        finish::emit_started(context, agent.program.name(), Some(pid.into()))?;
    }
    let mut tail = transcript_tail(context, agent);
    if let Some((transcript, offset)) = earlier {
        tail = tail.map(|tail| tail.after(transcript, offset));
    }
    let sandboxed = agent.sandbox().is_some();
    let tree = Tree { sandboxed, ..process_tree(context, pid, watchdog.pid()) };
    let mut sampler = UsageSampler::new(&tree, context.path(files::USAGE));
    let mut number = 0;
    let mut report = |progress| {
        number += 1;
        emit_progress(context, number, progress);
    };
    let result = wait(child, context.time_remaining(), &mut || {
        if let Some(why) = sampler.sample() {
            return Some(WaitResult::Cut(NoResult::Failed("limits", why)));
        }
        let forgery = || forgery(context).map(WaitResult::Cut);
        stop.check().or_else(forgery).or_else(|| tail.as_mut()?.follow(&mut report))
    });
    let result = end_of_sandbox(context, agent, result);
    end_tree(context, &result, tree);
    let result = match wait_for_output() {
        Some(error) => lost_output(context, result, &error),
        None => result,
    };
    if let Some(tail) = &mut tail {
        tail.finish(&mut report);
    }
    let transcript = match agent.program.format {
        ResultFormat::StreamJson => tail.map(|tail| tail.transcript),
        _ => context.plan.transcript(&context.folder),
    };
    Ok(AgentRun { result, transcript, first: None })
}

/// Asks Claude Code once for a last answer when its run ended without a verdict: see
/// `rules/agent/last_answer.rs`.
pub(super) fn ask_last_answer(
    context: &SessionContext,
    agent: &mut PreparedAgent,
    workspace: &Workspace,
    run: AgentRun,
    watchdog: &mut Watchdog,
    stop: &StopRequest,
) -> Result<AgentRun, Error> {
    let (Some(claude), Some(transcript)) = (&mut agent.claude, &run.transcript) else {
        return Ok(run);
    };
    let exit = match run.result {
        WaitResult::Exited(status) => exit_of(status),
        WaitResult::Lingering => Exit::Status(0),
        WaitResult::Cut(_) => return Ok(run),
    };
    let Err(failure) = transcript::outcome(exit, transcript, true) else { return Ok(run) };
    let cost = context.plan.new_cost(Some(transcript));
    let (limits, remaining) = (&context.plan.limits, context.time_remaining());
    let Some(budget) = last_answer::budget(limits, failure.0, &cost, remaining) else {
        return Ok(run);
    };
    let call = &mut claude.call;
    (call.resumed, call.max_turns, call.budget_usd) = (true, last_answer::TURNS, budget.dollars());
    store::replace(&context.path(files::PROMPT), last_answer::PROMPT.as_bytes())?;
    let size = std::fs::metadata(context.path(files::TRANSCRIPT)).map_or(0, |file| file.len());
    let Ok(running) = start_agent(context, agent, workspace) else { return Ok(run) };
    let earlier = run.transcript.map(|transcript| (transcript, size));
    let again = follow_agent(context, agent, running, watchdog, stop, earlier)?;
    Ok(AgentRun { first: Some(failure), ..again })
}

/// Names the reason when the output of an agent that has exited could not be kept.
fn lost_output(context: &SessionContext, result: WaitResult, error: &std::io::Error) -> WaitResult {
    if matches!(result, WaitResult::Cut(_)) {
        return result;
    }
    let why = Error::file("write", &context.path(files::TRANSCRIPT), error);
    WaitResult::Cut(NoResult::Failed("no_result", why.to_string()))
}

/// Names the reason when the sandbox could not be built, so that no agent has run, and when it was
/// ended by a limit.
fn end_of_sandbox(
    context: &SessionContext,
    agent: &PreparedAgent,
    result: WaitResult,
) -> WaitResult {
    let WaitResult::Exited(status) = &result else { return result };
    let of_memory = || cgroup::was_killed_for_memory(&context.folder, sandbox::OF_AGENT);
    if agent.sandbox().is_some() && !status.success() {
        let exceeded = status.code() == Some(limits::EXCEEDED.into());
        if exceeded || of_memory() {
            let what = if exceeded { "processes or memory" } else { "memory" };
            let why = format!("it used more {what} than its sandbox allows");
            return WaitResult::Cut(NoResult::Failed("limits", why));
        }
    }
    let started = || launch::has_started(&sandbox::plan_file(context, sandbox::OF_AGENT));
    if agent.sandbox().is_none() || status.code() != Some(1) || started() {
        return result;
    }
    let said = regular_file::read_end(&context.path(files::STDERR), SAID_MAX).unwrap_or_default();
    let why = format!("there is no sandbox: {}", Unavailable::from_message(&said));
    WaitResult::Cut(NoResult::Failed("could_not_start", why))
}

/// The reader of an agent that writes its progress.
fn transcript_tail(context: &SessionContext, agent: &PreparedAgent) -> Option<TranscriptTail> {
    let call = agent.claude.as_ref().map(|claude| &claude.call);
    let hooked = call.filter(|call| !call.unchecked).map(|call| call.hooks.1.clone().into());
    let expected = call.map(Invocation::expected_init);
    let path = context.path(files::TRANSCRIPT);
    let streams = agent.program.format == ResultFormat::StreamJson;
    streams.then(|| TranscriptTail::new(&path, expected, hooked))
}

/// Emits progress. A failure ends no investigation.
fn emit_progress(context: &SessionContext, number: u64, progress: Progress) {
    let Progress { step, subagent, tool, cost_usd } = progress;
    let (queue, session) = (context.queue(), context.session.to_owned());
    let data = InvestigationProgressed { queue, session, step, subagent, tool, cost_usd };
    log::warn_on_error(context.events().emit_numbered(number, data));
}

/// The processes of a child, the agent or the tests.
pub(super) fn process_tree(context: &SessionContext, child: u32, watchdog: u32) -> Tree {
    let number = |pid: u32| i32::try_from(pid).unwrap_or(0);
    Tree {
        root: Some(number(child)),
        group: (!cfg!(target_os = "linux")).then_some(number(child)),
        ancestor: Some(number(std::process::id())),
        excluded: vec![number(watchdog)],
        ..Tree::of_session(&context.folder)
    }
}

/// Ends the whole tree, or what an agent that exited has left running.
fn end_tree(context: &SessionContext, result: &WaitResult, tree: Tree) {
    let gone = match result {
        WaitResult::Exited(_) => Tree { root: None, ..tree }.end(context.grace() / 2),
        _ => tree.stop(context.grace()),
    };
    if !gone {
        log::warn(&format!("processes of session {} did not end after SIGKILL", context.session));
    }
}
