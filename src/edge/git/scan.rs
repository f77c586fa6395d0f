//! What was changed in a worktree, committed or not.
//!
//! The state of the files becomes a tree of git's in an index and a store of objects that are
//! thrown away afterwards: neither the agent's index nor the user's objects get anything.
//! Submodules are no part of a change: to tell whether one has changed git would ask it by its own
//! settings, which an agent may have written, and which may name programs.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::Workspace;
use super::run::{ANSWER_MAX, ASK, Git, TREE, argument};
use super::{EVIDENCE, beside};
use crate::error::Error;
use crate::store::make_dir;

/// A longer patch is cut: nobody reviews it.
pub const PATCH_MAX: u64 = 1 << 20;
/// More commits are not listed.
pub const COMMITS_MAX: usize = 1000;
/// The index of a repository with some 500,000 files.
const INDEX_MAX: u64 = 64 << 20;

/// What was changed since the base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The files, by their paths in the repository, in order.
    pub files: Vec<String>,
    /// A patch that `git apply` takes, from the base to the files as they are.
    pub patch: Vec<u8>,
    /// Something is missing here: patch or lists are longer, or git could not read a file.
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

/// A folder that goes when it is not needed any more.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is overwritten by the next.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Workspace {
    /// What was changed since the base, committed or not; evidence is left out, and what the
    /// repository ignores.
    pub fn changes(&self) -> Result<Changes, Error> {
        self.in_place("compare")?;
        let scratch = Scratch(beside(&self.folder, "scan"));
        let git = self.aside(&scratch.0)?;
        let (tree, whole) = self.tree(&git)?;
        let evidence = format!(":(exclude){EVIDENCE}");
        let diff = |form: &[&str], max: u64| {
            let mut argv = vec!["diff-tree", "-r", "--no-renames", "--no-color"];
            argv.extend(["--no-ext-diff", "--no-textconv", "--submodule=short"]);
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

    /// A git that writes to a folder of its own.
    fn aside(&self, scratch: &Path) -> Result<Git, Error> {
        let objects = scratch.join("objects");
        make_dir(&objects)?;
        let index = scratch.join("index");
        let theirs = self.admin.join("index");
        copy(&theirs, &index).map_err(|error| Error::file("copy", &theirs, &error))?;
        let shared = argument(&self.home.common)?.replace('\\', "\\\\").replace('"', "\\\"");
        let git = self.git.clone().disarmed()?;
        Ok(git
            .with("GIT_INDEX_FILE", index)
            .with("GIT_OBJECT_DIRECTORY", objects)
            // In quotes, because a colon would end it.
            .with("GIT_ALTERNATE_OBJECT_DIRECTORIES", format!("\"{shared}/objects\"")))
    }

    /// The files as they are, as a tree; and whether it has all of them.
    fn tree(&self, git: &Git) -> Result<(String, bool), Error> {
        let listed = git.run(&["ls-files", "--stage", "-z"], ASK, INDEX_MAX)?;
        if listed.more || !listed.ok {
            let cause = if listed.more { "the index is too long" } else { &listed.complaint };
            return Err(Error::failed("list the files of", self.folder.display(), cause));
        }
        let mut places = vec![".".to_owned(), format!(":(exclude){EVIDENCE}")];
        for entry in texts(&listed.output) {
            if let Some((_, path)) = entry.strip_prefix("160000 ").and_then(|s| s.split_once('\t'))
            {
                places.push(format!(":(exclude,literal){path}"));
            }
        }
        // One file that cannot be read, or a repository without a commit, is no reason to have none.
        let mut argv = vec!["add", "--all", "--sparse", "--ignore-errors", "--"];
        argv.extend(places.iter().map(String::as_str));
        let added = git.run(&argv, TREE, ANSWER_MAX)?;
        if !added.ok && !added.partly {
            return Err(Error::failed("read", self.folder.display(), added.complaint));
        }
        Ok((git.must(&["write-tree"], TREE)?.line(), added.ok))
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

/// Copies an index with its time: by that git tells which entries it cannot trust without reading
/// the file.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    let modified = File::open(from)?.metadata()?.modified()?;
    File::options().write(true).open(to)?.set_modified(modified)
}

/// Texts that end in NUL each.
fn texts(bytes: &[u8]) -> Vec<String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}
