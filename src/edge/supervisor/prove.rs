//! Proof of the fix of a session that has ended, on the base as it is now.
//!
//! Promises: the session's worktree, branch and files stay as they are; all files of the proof are in
//! a folder of its own, and its worktree is removed. The session's lock is held, so that no two proofs
//! of it run. A proof that is interrupted has no result in the record.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::agent_copy::Background;
use super::context::{PROOF, SessionContext, canonical_session_folder};
use super::finish::patch_hash;
use super::prove_patch::{Patch, TestRunner};
use super::wait::{StopRequest, Watchdog};
use super::workspace::{EvidenceSeals, Workspace};
use super::{Code, bound_git, files, plan, program, sandbox, take_lock};
use crate::clock;
use crate::document::Keys;
use crate::edge::git::{self, Worktree};
use crate::edge::process;
use crate::edge::sandbox::cgroup;
use crate::error::Error;
use crate::event::{FixProof, InvestigationProven};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::proof::ProofReason;
use crate::rules::investigation::session::Session;
use crate::rules::verdict::{self, ProofGrade};
use crate::store::{self, Store};
use crate::text::{safe, shorten};

/// Longest reason why the tests were not run, in characters.
const REASON: usize = 600;
/// Digits of a commit in a sentence.
const SHORT: usize = 12;

/// Proves the fixes of sessions whose base has moved, one after the other.
pub fn prove_moved(store: &Store, sessions: &[&str]) -> Result<(), Error> {
    process::detach();
    for session in sessions {
        let path = canonical_session_folder(store.dir(), session).join(files::PROOF_LOG);
        let log =
            store::create_private(&path).map_err(|error| Error::file("write", &path, &error))?;
        let mut child: Command = program::own();
        child.args(["prove", session, ProofReason::BaseMoved.as_str()]);
        child.env("DLQ_STATE_DIR", store.dir()).stdin(Stdio::null()).stdout(Stdio::null());
        // What it cannot do is in that file, and in the record.
        let ended = child.stderr(log).spawn().and_then(|mut child| store::wait_for_end(&mut child));
        ended.map_err(|error| Error::failed("prove session", session, error))?;
    }
    Ok(())
}

/// Proves the fix of a session by the plan that a filter has written. Returns whether the result is
/// known.
pub fn prove(store: &Store, session: &str, reason: ProofReason) -> Result<bool, Error> {
    let refused = |why: &str| Error::failed("prove session", session, why);
    let top = canonical_session_folder(store.dir(), session);
    let plan = plan::read(&top, files::PROOF_PLAN)?;
    let Some(_lock) = take_lock(&top.join(files::LOCK))? else {
        return Err(refused("another process is at work on it"));
    };
    let sessions: Sessions = store.read(&Keys::one(Sessions::SESSION, session))?;
    let known = sessions.session(session).ok_or_else(|| refused("it has no record"))?;
    if let Some(why) = known.unprovable() {
        return Err(refused(why));
    }
    let Some(code) = plan.code.clone() else {
        return Err(refused("no code is configured for its queue"));
    };
    let base = git::current_base(&code.repo, code.base.as_deref())?;
    if reason == ProofReason::BaseMoved && known.is_judged_on(&base) {
        return Ok(true);
    }
    let patch = top.join(files::PATCH);
    if known.patch != Some(patch_hash(&patch)?) {
        return Err(refused("its patch.diff is not the one that the session has recorded"));
    }
    let context = SessionContext::of_proof(store, session, plan);
    bound_git(&context);
    remove_leftovers(&context, &code)?;
    store::make_dir(&context.folder)?;
    let mut number = 0;
    context.record(|session: &mut Session| {
        number = session.begin_proof(reason, &base, clock::now());
    })?;
    let ran = run(&context, &code, &top);
    log::warn_on_error(remove_leftovers(&context, &code));
    let unknown = |error: &Error| FixProof {
        base,
        grade: ProofGrade::Unknown.to_string(),
        detail: shorten(&safe(&format!("the tests were not run: {error}")), REASON).into_owned(),
        on_base: None,
        with_tests: None,
        with_patch: None,
    };
    let result = ran.as_ref().map_or_else(unknown, FixProof::clone);
    let is_known = result.grade != ProofGrade::Unknown.as_str();
    let data = InvestigationProven {
        queue: context.queue(),
        session: session.to_owned(),
        detail: sentence(&result),
        proof: result.clone(),
        duration_s: context.elapsed().as_secs(),
    };
    context.events_in(&top).emit_numbered(number, data)?;
    context.record(|session| session.end_proof(number, result, clock::now()))?;
    ran.map(|_| is_known)
}

/// Returns the result for people.
fn sentence(result: &FixProof) -> String {
    let base = result.base.get(..SHORT).unwrap_or(&result.base);
    let how = match ProofGrade::parse(&result.grade) {
        Some(ProofGrade::Proven) => "the fix is proven",
        Some(ProofGrade::Unproven) => "the fix is not proven",
        _ => "whether the fix is proven is unknown",
    };
    format!("{how} on {base}: {}", result.detail)
}

/// Runs the tests in a worktree of the base under a watchdog.
fn run(context: &SessionContext, code: &Code, top: &Path) -> Result<FixProof, Error> {
    let stop = StopRequest::listen(&context.folder)?;
    let watchdog = Watchdog::start(context)?;
    let proof = run_watched(context, code, top, &stop, watchdog.pid());
    watchdog.dismiss()?;
    proof
}

fn run_watched(
    context: &SessionContext,
    code: &Code,
    top: &Path,
    stop: &StopRequest,
    watchdog: u32,
) -> Result<FixProof, Error> {
    let agent = context.plan.agent.as_ref().map(|agent| agent.name().to_owned());
    let sandbox = sandbox::decide(context, &agent.unwrap_or_default(), true, &Vec::new())
        .map_err(|why| Error::failed("run", "the tests", why))?;
    let branch = format!("dlq/proof-{}", context.session.get(..8).unwrap_or(context.session));
    let tree = context.path(files::TREE);
    let worktree = Worktree::open(&code.repo, code.base.as_deref(), &branch, &tree)?;
    let workspace = Workspace {
        folder: worktree.folder.clone(),
        worktree: Some(worktree),
        has_evidence: false,
        evidence: None,
        background: Background::default(),
        seals: EvidenceSeals::default(),
    };
    if let Some(sandbox) = &sandbox {
        sandbox.enter_for_tests(context, &workspace)?;
    }
    let sandbox = sandbox.as_ref();
    let runner = TestRunner { context, workspace: &workspace, sandbox, stop, watchdog };
    let Some(worktree) = &workspace.worktree else {
        return Err(Error::failed("run", "the tests", "there is no worktree"));
    };
    let named = named_tests(&top.join(files::RESULT));
    let patch = Patch { worktree, path: &top.join(files::PATCH), named: &named };
    let proof = runner.prove(code, &patch)?;
    let proof = proof.map(|proof| proof.record());
    proof.ok_or_else(|| Error::failed("run", "the tests", "no test_command is configured"))
}

/// Returns the tests that the verdict of the session names.
fn named_tests(result: &Path) -> Vec<String> {
    let verdict = store::read_json::<Value>(result).ok();
    let verdict = verdict.and_then(|value| verdict::parse(&value).ok());
    verdict.and_then(|verdict| verdict.fix).map(|fix| fix.tests).unwrap_or_default()
}

/// Removes what a proof has made, but for the output of its tests.
fn remove_leftovers(context: &SessionContext, code: &Code) -> Result<(), Error> {
    cgroup::remove(&context.folder);
    git::remove_test_worktree(&code.repo, &context.path(files::TRIAL))?;
    git::discard_old(&code.repo, &context.path(files::TREE))?;
    let Ok(entries) = std::fs::read_dir(&context.folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            store::remove(&path).map_err(|error| Error::file("remove", &path, &error))?;
        }
    }
    Ok(())
}

/// Removes the worktrees of a proof, before the folder of its session is deleted.
pub(super) fn discard(session_folder: &Path) {
    let folder = session_folder.join(PROOF);
    let Ok(plan) = plan::read(session_folder, files::PROOF_PLAN) else { return };
    let Some(code) = plan.code.filter(|_| folder.is_dir()) else { return };
    log::warn_on_error(git::remove_test_worktree(&code.repo, &folder.join(files::TRIAL)));
    log::warn_on_error(git::discard_old(&code.repo, &folder.join(files::TREE)));
}
