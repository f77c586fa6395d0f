//! Clean-up after a session whose supervisor has died, and before its folder is deleted.
//!
//! A filter runs it as a child (`dlq-supervise clean-up`), because it needs git and the transcript.

use super::context::session_folder;
use super::{Plan, files, plan};
use crate::clock;
use crate::edge::git;
use crate::error::Error;
use crate::log;
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::document::Sessions;
use crate::store::{self, Store};

/// Settles the cost of a crashed session and removes its worktrees. Changes for a fix stay. Does
/// nothing while its agent still runs: the agent may write files and spend money.
pub fn clean_up_crashed(store: &Store, session: &str) -> Result<(), Error> {
    let folder = session_folder(store.dir(), session);
    if store::held(&folder.join(files::STDERR))? {
        return Ok(());
    }
    let _ = std::fs::remove_file(folder.join(files::KEY));
    if let Ok(plan) = plan::read(&folder) {
        settle_budget(store, session, &plan)?;
        let first = plan.resumes.as_deref().unwrap_or(session);
        let worktree = session_folder(store.dir(), first).join(files::TREE);
        remove_test_worktree(store, session, &plan);
        let removed = match &plan.code {
            None => Ok(()),
            Some(code) if code.fix => git::sweep(&code.repo, &worktree).map(drop),
            Some(code) => git::discard_old(&code.repo, &worktree),
        };
        warn_on_error(removed);
    }
    // One attempt: what could not be removed now is removed with the session.
    let _ = std::fs::remove_file(folder.join(files::UNSWEPT));
    Ok(())
}

/// Removes a session's worktrees with all changes in them. The worktree of a conversation belongs
/// to the session in which it began.
pub fn discard_worktrees(store: &Store, session: &str) {
    let folder = session_folder(store.dir(), session);
    let Ok(plan) = plan::read(&folder) else { return };
    remove_test_worktree(store, session, &plan);
    let Some(code) = plan.code.filter(|_| plan.resumes.is_none()) else { return };
    warn_on_error(git::discard_old(&code.repo, &folder.join(files::TREE)));
}

fn remove_test_worktree(store: &Store, session: &str, plan: &Plan) {
    let folder = session_folder(store.dir(), session).join(files::TRIAL);
    if let Some(code) = &plan.code {
        warn_on_error(git::remove_test_worktree(&code.repo, &folder));
    }
}

/// Records the cost that the agent has reported. Without a report it counts as reserved.
fn settle_budget(store: &Store, session: &str, plan: &Plan) -> Result<(), Error> {
    if !plan.spends() {
        return Ok(());
    }
    let folder = session_folder(store.dir(), session);
    let cost = plan.new_cost(plan.transcript(&folder).as_ref());
    store.doc::<Budget>().update(|budget| {
        budget.settle(session, cost, clock::now());
        Ok(())
    })?;
    store.doc::<Sessions>().update(|sessions| {
        if let Some(session) = sessions.session_mut(session) {
            session.cost_usd = session.cost_usd.or(cost);
        }
        Ok(())
    })
}

fn warn_on_error(result: Result<(), Error>) {
    if let Err(error) = result {
        log::warn(&error.to_string());
    }
}
