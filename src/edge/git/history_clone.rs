//! Bare clone of a worktree's own branch, for git in a sandbox.
//!
//! Promises: it has the last commits of that branch and no other object of the repository, shares no
//! file with it, and names no remote. Nobody compares with it: it is for the commands of tests.

use std::path::Path;

use super::Worktree;
use super::command::{ASK, Git, TREE, argument};
use crate::error::Error;
use crate::store;

/// Commits of the branch.
const DEPTH: &str = "--depth=100";

impl Worktree {
    /// Makes `folder` such a clone, in the place of an earlier one.
    pub fn clone_history(&self, folder: &Path) -> Result<(), Error> {
        store::remove(folder).map_err(|error| Error::file("remove", folder, &error))?;
        let url = format!("file://{}", argument(&self.repository.common)?);
        let to = argument(folder)?;
        let git = self.repository.git.clone().setting("protocol.file.allow", "always");
        let branch = format!("--branch={}", self.branch);
        let argv = ["clone", "--quiet", "--bare", DEPTH, "--single-branch", "--no-tags", &branch];
        git.must(&[&argv[..], &["--", &url, to]].concat(), TREE)?;
        // A work tree is beside the link to this folder.
        let git = Git::within(to, to);
        git.must(&["config", "core.bare", "false"], ASK)?;
        git.must(&["config", "--remove-section", "remote.origin"], ASK)?;
        git.must(&["read-tree", "HEAD"], TREE).map(drop)
    }
}
