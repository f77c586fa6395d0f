//! Clean-up after a session whose supervisor has died, and before its folder is deleted.
//!
//! A filter runs it as a child (`dlq-supervise clean-up`), because it needs git and the transcript.

use super::context::{SessionContext, canonical_session_folder};
use super::preflight::settle_budget;
use super::{files, plan, prove};
use crate::edge::git;
use crate::edge::sandbox::cgroup;
use crate::error::Error;
use crate::log;
use crate::store::{self, Store};

/// Settles the cost of a crashed session and removes its worktrees. Changes for a fix stay. Does
/// nothing while its agent still runs: the agent may write files and spend money. Where that cannot be
/// known, the session counts as reserved, and its worktree stays until its folder is deleted.
pub fn clean_up_crashed(store: &Store, session: &str) -> Result<(), Error> {
    let folder = canonical_session_folder(store.dir(), session);
    match store::is_locked(&folder.join(files::STDERR)) {
        Ok(false) => {}
        Ok(true) => return Ok(()),
        Err(error) => {
            log::warn(&error.to_string());
            if let Ok(plan) = plan::read(&folder, files::PLAN) {
                settle_budget(&SessionContext::new(store, session, plan), None)?;
            }
            let _ = std::fs::remove_file(folder.join(files::NEEDS_CLEAN_UP));
            return Ok(());
        }
    }
    let _ = std::fs::remove_file(folder.join(files::KEY));
    cgroup::remove(&folder);
    if let Ok(plan) = plan::read(&folder, files::PLAN) {
        let context = SessionContext::new(store, session, plan);
        let plan = &context.plan;
        // Without a report of its cost the agent counts as reserved.
        let cost = plan.new_cost(plan.transcript(&folder).as_ref()).usd;
        settle_budget(&context, cost)?;
        if cost.is_some() {
            context.record(|session| session.cost_usd = session.cost_usd.or(cost))?;
        }
        if let Some(code) = &plan.code {
            let worktree = context.conversation_folder().join(files::TREE);
            log::warn_on_error(git::remove_test_worktree(&code.repo, &folder.join(files::TRIAL)));
            log::warn_on_error(match code.fix {
                true => git::remove_unchanged(&code.repo, &worktree),
                false => git::discard_old(&code.repo, &worktree),
            });
        }
    }
    // One attempt: what could not be removed now is removed with the session.
    let _ = std::fs::remove_file(folder.join(files::NEEDS_CLEAN_UP));
    Ok(())
}

/// Removes a session's worktrees with all changes in them. The worktree of a conversation belongs
/// to the session in which it began.
pub fn discard_worktrees(store: &Store, session: &str) {
    let folder = canonical_session_folder(store.dir(), session);
    prove::discard(&folder);
    let Ok(plan) = plan::read(&folder, files::PLAN) else { return };
    let Some(code) = plan.code else { return };
    log::warn_on_error(git::remove_test_worktree(&code.repo, &folder.join(files::TRIAL)));
    if plan.resumes.is_none() {
        log::warn_on_error(git::discard_old(&code.repo, &folder.join(files::TREE)));
    }
}
