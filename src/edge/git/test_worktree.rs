//! A second worktree that holds the base and a patch, and nothing else: to see what the patch does
//! without whatever else lies about in a worktree where somebody has worked, such as the files that
//! the repository ignores.
//!
//! Promises: no branch is made, and the repository gets no objects. What is written is what the
//! patch makes of the base in git's own form, so that line ends and sparse checkouts are no matter.

use std::path::{Path, PathBuf};

use super::command::{ANSWER_MAX, Git, TREE, argument};
use super::repository::Home;
use super::snapshot::{Scratch, begin};
use super::{Workspace, beside, whole};
use crate::error::Error;

/// A worktree to try a patch in. It has no folder of evidence.
#[derive(Debug)]
pub struct Trial {
    folder: PathBuf,
    home: Home,
}

impl Workspace {
    /// Makes `folder` a worktree at the base of this one, with a patch applied that is in a file.
    /// The folder belongs to trials alone: whatever an earlier one has left there is removed first.
    pub fn trial(&self, folder: &Path, patch: &Path) -> Result<Trial, Error> {
        let folder = whole(folder)?;
        let patch = patch.canonicalize().map_err(|error| Error::file("read", patch, &error))?;
        let trial = Trial { folder, home: self.home.clone() };
        trial.clear()?;
        match trial.fill(&self.base, &patch) {
            Ok(()) => Ok(trial),
            Err(error) => {
                // The first failure is the one to tell.
                let _ = trial.clear();
                Err(error)
            }
        }
    }
}

impl Trial {
    fn fill(&self, base: &str, patch: &Path) -> Result<(), Error> {
        let admin = self.home.add(&self.folder, &["--detach", base])?;
        let scratch = Scratch::new(beside(&self.folder, "scan"))?;
        let git = Git::within(argument(&admin)?, argument(&self.folder)?);
        let git = scratch.git(&git, &self.home.common)?;
        begin(&git, base)?;
        let argv = ["apply", "--cached", "--whitespace=nowarn", argument(patch)?];
        let applied = git.run(&argv, TREE, ANSWER_MAX)?;
        if !applied.ok {
            return Err(Error::failed("apply", patch.display(), applied.complaint));
        }
        git.must(&["checkout-index", "--all", "--force", "--quiet", "--index"], TREE)?;
        // The objects of the patch go: who asks git there sees a change that is not committed.
        git.must(&["reset", "--quiet", "--no-recurse-submodules"], TREE).map(drop)
    }

    /// The worktree.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes it, with all that is in it.
    pub fn remove(self) -> Result<(), Error> {
        self.clear()
    }

    fn clear(&self) -> Result<(), Error> {
        self.home.remove(&self.folder)
    }
}

/// Removes what a crash has left of a trial.
pub fn sweep_trial(repo: &Path, folder: &Path) -> Result<(), Error> {
    Trial { folder: whole(folder)?, home: Home::find(repo)? }.remove()
}
