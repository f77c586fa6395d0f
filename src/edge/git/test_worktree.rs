//! Second worktree with the base and a patch alone, in which tests run without the other files of
//! the agent's worktree, such as those that the repository ignores.
//!
//! Promises: no branch is made, and the repository gets no objects. The patch is applied to git's
//! own form of the base, so that line ends and sparse checkouts make no difference.

use std::path::{Path, PathBuf};

use super::command::{ANSWER_MAX, TREE, argument};
use super::repository::GitRepository;
use super::snapshot::{Scratch, fill_index};
use super::{Worktree, beside, canonical};
use crate::error::Error;

/// Worktree for the tests of a patch, without a folder of evidence.
#[derive(Debug)]
pub struct TestWorktree {
    pub folder: PathBuf,
    repository: GitRepository,
}

impl Worktree {
    /// Makes `folder` a worktree at the base of this one and applies the patch of a file. A folder
    /// of an earlier run is removed first.
    pub fn test_worktree(&self, folder: &Path, patch: &Path) -> Result<TestWorktree, Error> {
        let folder = canonical(folder)?;
        let patch = patch.canonicalize().map_err(|error| Error::file("read", patch, &error))?;
        let worktree = TestWorktree { folder, repository: self.repository.clone() };
        worktree.remove()?;
        match worktree.fill(&self.base, &patch) {
            Ok(()) => Ok(worktree),
            Err(error) => {
                // The first failure is the one to report.
                let _ = worktree.remove();
                Err(error)
            }
        }
    }
}

impl TestWorktree {
    fn fill(&self, base: &str, patch: &Path) -> Result<(), Error> {
        self.repository.add_worktree(&self.folder, &["--detach", base])?;
        let scratch = Scratch::new(beside(&self.folder, "scan"))?;
        let git = scratch.git(&self.repository.git_in(&self.folder)?, &self.repository.common)?;
        fill_index(&git, base)?;
        let argv = ["apply", "--cached", "--whitespace=nowarn", argument(patch)?];
        let applied = git.run(&argv, TREE, ANSWER_MAX)?;
        if !applied.ok {
            return Err(Error::failed("apply", patch.display(), applied.complaint));
        }
        git.must(&["checkout-index", "--all", "--force", "--quiet", "--index"], TREE)?;
        // The patch's objects go away; in this worktree git shows an uncommitted change.
        git.must(&["reset", "--quiet", "--no-recurse-submodules"], TREE).map(drop)
    }

    /// Removes the worktree with its files.
    pub fn remove(&self) -> Result<(), Error> {
        self.repository.remove_worktree(&self.folder)
    }
}

/// Removes the test worktree of a crashed session.
pub fn remove_test_worktree(repo: &Path, folder: &Path) -> Result<(), Error> {
    TestWorktree { folder: canonical(folder)?, repository: GitRepository::find(repo)? }.remove()
}
