//! What was changed in a worktree, committed or not.
//!
//! The state of the files becomes a tree (`tree.rs`), which is compared with that of the base.

use super::command::{ANSWER_MAX, TREE};
use super::snapshot::{Scratch, texts};
use super::{EVIDENCE, Workspace, beside};
use crate::error::Error;

/// A longer patch is cut: nobody reviews it.
pub const PATCH_MAX: u64 = 1 << 20;
/// More commits are not listed.
pub const COMMITS_MAX: usize = 1000;

/// What was changed since the base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The files, by their paths in the repository, in order.
    pub files: Vec<String>,
    /// A patch that `git apply` takes, from the base to the files as they are.
    pub patch: Vec<u8>,
    /// Something is missing here: patch or lists are longer, git could not read a file, or there is
    /// a repository within, of which no patch has the files.
    pub truncated: bool,
    /// The commits that the base lacks, the oldest first.
    pub commits: Vec<String>,
    /// Evidence was committed. It is in no patch, but in those commits: they are not to be pushed.
    pub evidence_committed: bool,
}

impl Changes {
    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.commits.is_empty() && !self.truncated
    }
}

impl Workspace {
    /// What was changed since the base, committed or not; evidence is left out, and what the
    /// repository ignores.
    pub fn changes(&self) -> Result<Changes, Error> {
        self.in_place("compare")?;
        let scratch = Scratch::new(beside(&self.folder, "scan"))?;
        let (git, tree, whole) = self.tree(&scratch)?;
        let evidence = format!(":(exclude){EVIDENCE}");
        let diff = |form: &[&str], max: u64| {
            let mut argv = vec!["diff-tree", "-r", "--no-renames", "--no-color"];
            argv.extend(["--no-ext-diff", "--no-textconv"]);
            // What the settings say of submodules would hide them.
            argv.extend(["--submodule=short", "--ignore-submodules=none"]);
            argv.extend(form);
            argv.extend([self.base.as_str(), tree.as_str(), "--", ".", &evidence]);
            let answer = git.run(&argv, TREE, max)?;
            let why = || Error::failed("compare", self.folder.display(), &answer.complaint);
            if answer.ok { Ok(answer) } else { Err(why()) }
        };
        let names = diff(&["--name-only", "-z"], ANSWER_MAX)?;
        let patch = diff(&["-p", "--binary", "--full-index"], PATCH_MAX)?;
        let mut files: Vec<String> = texts(&names.output);
        if names.more {
            // The last name is cut.
            files.pop();
        }
        let (commits, more) = self.commits(&[])?;
        let evidence_committed = !self.commits(&["--", &format!(":(top){EVIDENCE}")])?.0.is_empty();
        let truncated = !whole || names.more || patch.more || more;
        Ok(Changes { files, patch: patch.output, truncated, commits, evidence_committed })
    }

    /// Nothing was changed; of a folder that somebody has removed, or has put something else in
    /// place of, only the commits count.
    pub(super) fn is_unchanged(&self) -> Result<bool, Error> {
        if self.folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(self.changes()?.is_empty());
        }
        Ok(self.commits(&[])?.0.is_empty())
    }

    /// The commits that the base lacks, of the branch and of what is checked out; and whether
    /// there are more.
    fn commits(&self, places: &[&str]) -> Result<(Vec<String>, bool), Error> {
        // Asked of the repository, so that it is known also when the folder is gone.
        let id = self.admin.file_name().unwrap_or_default().to_string_lossy();
        let mut tips = Vec::new();
        for name in [format!("worktrees/{id}/HEAD"), format!("refs/heads/{}", self.branch)] {
            tips.extend(self.home.commit(&name)?);
        }
        if tips.is_empty() {
            return Ok((Vec::new(), false));
        }
        let (max, base) = (format!("--max-count={}", COMMITS_MAX + 1), format!("^{}", self.base));
        let mut argv = vec!["rev-list", "--topo-order", &max, &base];
        argv.extend(tips.iter().map(String::as_str));
        argv.extend(places);
        let listed = self.home.git.must(&argv, TREE)?.line();
        let mut commits: Vec<String> = listed.lines().map(str::to_owned).collect();
        let more = commits.len() > COMMITS_MAX;
        commits.truncate(COMMITS_MAX);
        commits.reverse();
        Ok((commits, more))
    }
}
