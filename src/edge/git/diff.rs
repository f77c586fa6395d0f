//! Changes in a worktree, committed or not.
//!
//! The files become a tree object (`snapshot.rs`), which is compared with the tree of the base.

use super::command::TREE;
use super::snapshot::{Scratch, Snapshot, raw_changes, texts};
use super::{EVIDENCE, Worktree, beside};
use crate::error::Error;
use crate::rules::verdict::patch_gate::{FileChange, GatedPath, gate};

/// Longest patch in bytes; nobody reviews a longer one.
pub const PATCH_MAX: u64 = 1 << 20;
/// Longest list of changes in bytes.
const LIST_MAX: u64 = 4 << 20;

/// Changes since the base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Sorted paths in the repository.
    pub files: Vec<String>,
    /// Changes that a machine or an agent would run.
    pub gated: Vec<GatedPath>,
    /// Patch for `git apply`, from the base to the files.
    pub patch: Vec<u8>,
    /// Whether something is missing: patch or list was cut, git could not read a file, or there is
    /// a nested repository, whose files are in no patch.
    pub truncated: bool,
    /// Files that the agent has not written, whose changes are none of it.
    pub left_out: Vec<String>,
    /// Whether there is a commit that the base lacks.
    pub committed: bool,
}

impl Changes {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.committed && !self.truncated
    }
}

impl Worktree {
    /// Compares with the base, without evidence and ignored files.
    pub fn changes(&self) -> Result<Changes, Error> {
        self.refuse_link("compare")?;
        let scratch = Scratch::new(beside(&self.folder, "scan"))?;
        let Snapshot { tree, whole, left_out } = self.write_tree(&scratch)?;
        let git = self.without_attributes(&scratch)?;
        let evidence = format!(":(exclude){EVIDENCE}");
        let diff = |form: &[&str], max: u64| {
            let mut argv = vec!["diff-tree", "-r", "--no-renames", "--no-color"];
            argv.extend(["--no-ext-diff", "--no-textconv"]);
            // Settings for submodules could hide them.
            argv.extend(["--submodule=short", "--ignore-submodules=none"]);
            argv.extend(form);
            argv.extend([self.base.as_str(), tree.as_str(), "--", ".", &evidence]);
            let answer = git.run(&argv, TREE, max)?;
            let why = || Error::failed("compare", self.folder.display(), &answer.complaint);
            if answer.ok { Ok(answer) } else { Err(why()) }
        };
        let listed = diff(&["--raw", "--no-abbrev", "-z"], LIST_MAX)?;
        let patch = diff(&["-p", "--binary", "--full-index"], PATCH_MAX)?;
        let mut changes: Vec<FileChange> =
            raw_changes(&texts(&listed.output)).map(|(_, change)| change).collect();
        if listed.more {
            // The last name may be cut.
            changes.pop();
        }
        let gated = gate(&changes);
        let files = changes.into_iter().map(|change| change.path).collect();
        let truncated = !whole || listed.more || patch.more;
        let committed = self.is_committed()?;
        Ok(Changes { files, gated, patch: patch.output, truncated, left_out, committed })
    }

    /// Whether nothing was changed. For a folder that was removed or replaced only commits count.
    pub(super) fn is_unchanged(&self) -> Result<bool, Error> {
        if self.folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(self.changes()?.is_empty());
        }
        Ok(!self.is_committed()?)
    }

    /// Whether branch or HEAD has a commit that the base lacks.
    fn is_committed(&self) -> Result<bool, Error> {
        let mut names = vec![format!("refs/heads/{}", self.branch)];
        // The repository knows HEAD also when the folder is gone.
        if let Ok(admin) = self.repository.admin(&self.folder) {
            let id = admin.file_name().unwrap_or_default().to_string_lossy();
            names.push(format!("worktrees/{id}/HEAD"));
        }
        for name in names {
            let Some(tip) = self.repository.commit(&name)? else { continue };
            let argv = ["rev-list", "--max-count=1", &tip, &format!("^{}", self.base)];
            if !self.repository.git.must(&argv, TREE)?.line().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
