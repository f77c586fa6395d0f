//! Worktree of the user's repository for one session, on a branch of its own.
//!
//! Promises: the user's checkout keeps every byte: files, index, HEAD, stash, settings. A worktree
//! with changes stays, with its branch. Nothing is fetched or pushed. No program that a repository
//! or an agent names is run. The repository gets a branch, the branch's reflog, and an entry in
//! `worktrees/`.
//!
//! Evidence is in `.dlq/`, with a `.gitignore` that says `*`: the agent's own git calls skip it
//! too. Its `.ignore` and `.rgignore` say `!*`, so that searches do not. Neither `info/exclude`, which all
//! worktrees share, nor a setting of the user is written.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use self::command::end_by;
use self::command::{ASK, Git, TREE};
pub use self::diff::{Changes, PATCH_MAX};
use self::repository::GitRepository;
pub use self::test_worktree::{PatchPart, remove_test_worktree};
pub use crate::rules::investigation::branch_name::branch;

use crate::error::Error;
use crate::regular_file;
use crate::rules::investigation::branch_name;
use crate::rules::verdict::WrittenFiles;
use crate::store;

/// Folder of the evidence in the worktree.
pub const EVIDENCE: &str = ".dlq";

/// Bytes of a file that are read to find a cited line.
const CITED_MAX: u64 = 8 << 20;
/// A worktree on a branch of its own, complete or not, also one whose folder was removed or
/// replaced.
#[derive(Debug)]
pub struct Worktree {
    pub folder: PathBuf,
    pub branch: String,
    /// Commit from which the branch started.
    base: String,
    repository: GitRepository,
    /// The files that its agent has written.
    written: OnceLock<WrittenFiles>,
}

impl Worktree {
    /// Makes `folder` a worktree of `repo`, on a new branch that starts at `base`: at
    /// `origin/BASE`, as it was fetched last, else at `BASE`; without one at what is checked out.
    /// When the branch exists, a number is added to its name.
    pub fn open(
        repo: &Path,
        base: Option<&str>,
        branch: &str,
        folder: &Path,
    ) -> Result<Self, Error> {
        let repository = GitRepository::find(repo)?;
        let base = repository.base(base)?;
        let folder = canonical(folder)?;
        if folder.symlink_metadata().is_ok() {
            let cause = "the path exists already; move it away";
            return Err(Error::failed("make worktree", folder.display(), cause));
        }
        let branch = repository.create_branch(branch, &base)?;
        let written = OnceLock::new();
        let worktree = Worktree { folder, branch, base, repository, written };
        if let Err(error) = worktree.fill() {
            // The first failure is the one to report.
            let _ = worktree.discard();
            return Err(error);
        }
        Ok(worktree)
    }

    /// Returns the commit from which the branch started.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Names the files that the agent has written, once: what else has changed is no change of it.
    pub fn set_written(&self, written: WrittenFiles) {
        let _ = self.written.set(written);
    }

    fn written(&self) -> &WrittenFiles {
        self.written.get().unwrap_or(&WrittenFiles::Unknown)
    }

    /// Makes the worktree and checks out the files.
    fn fill(&self) -> Result<(), Error> {
        // Written before the worktree: after a crash it identifies the worktree as ours.
        let text = format!("{}\n{}\n", self.base, self.branch);
        store::replace(&note(&self.folder), text.as_bytes())?;
        self.repository.add_worktree(&self.folder, &[&self.branch])?;
        let git = self.git()?.disarmed()?;
        git.must(&["reset", "--hard", "--quiet", "--no-recurse-submodules"], TREE)?;
        let evidence = self.folder.join(EVIDENCE);
        // With a link of this name the evidence would go somewhere else.
        if evidence.symlink_metadata().is_ok() {
            let cause = format!("the repository has a '{EVIDENCE}' of its own; rename it");
            return Err(Error::failed("make folder", evidence.display(), cause));
        }
        Ok(())
    }

    /// Finds the worktree that an earlier run has begun.
    fn find(repo: &Path, folder: &Path) -> Result<Option<Self>, Error> {
        let folder = canonical(folder)?;
        let Some((base, branch)) = read_note(&folder) else { return Ok(None) };
        let repository = GitRepository::find(repo)?;
        let written = OnceLock::new();
        Ok(Some(Worktree { folder, branch, base, repository, written }))
    }

    /// Returns the worktree that an earlier run has opened, when it exists and is complete.
    pub fn reopen(repo: &Path, folder: &Path) -> Result<Option<Self>, Error> {
        let found = Worktree::find(repo, folder)?.filter(Worktree::is_complete);
        found.iter().try_for_each(|worktree| worktree.refuse_link("open"))?;
        Ok(found)
    }

    /// Whether the files were checked out.
    fn is_complete(&self) -> bool {
        self.repository.admin(&self.folder).is_ok_and(|admin| admin.join("index").is_file())
    }

    /// Git that works in the folder.
    fn git(&self) -> Result<Git, Error> {
        self.repository.git_in(&self.folder)
    }

    /// Refuses a symbolic link in place of the folder: it leads somewhere else.
    fn refuse_link(&self, doing: &str) -> Result<(), Error> {
        match self.folder.is_symlink() {
            true => {
                let cause = "it was replaced by a symbolic link";
                Err(Error::failed(doing, self.folder.display(), cause))
            }
            false => Ok(()),
        }
    }

    /// Returns a line of a file in the base commit, counted from 1. The text of a symbolic link is
    /// its target.
    pub fn cited(&self, path: &str, line: u64) -> Result<Option<String>, Error> {
        let mut names: Vec<&str> = Vec::new();
        for part in Path::new(path).components() {
            match part {
                std::path::Component::Normal(name) => names.extend(name.to_str()),
                std::path::Component::CurDir => {}
                _ => return Ok(None),
            }
        }
        let object = format!("{}:{}", self.base, names.join("/"));
        let read = self.git()?.run(&["cat-file", "blob", &object], ASK, CITED_MAX)?;
        if names.is_empty() || !read.ok {
            return Ok(None);
        }
        let mut lines = read.output.split_inclusive(|byte| *byte == b'\n');
        let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let text = at.and_then(|at| lines.nth(at)).map(String::from_utf8_lossy);
        Ok(text.map(|text| text.trim_end_matches('\n').to_owned()))
    }

    /// Returns date, author and subject of a commit that is the base or an ancestor of it: an
    /// agent's own commit is no evidence. The hash needs at least 7 digits, so that none matches by
    /// chance.
    pub fn commit(&self, hash: &str) -> Result<Option<String>, Error> {
        if hash.len() < 7 || hash.len() > 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        // A branch may have the name of a hash.
        let same = |commit: &String| commit.starts_with(&hash.to_ascii_lowercase());
        let Some(commit) = self.repository.commit(hash)?.filter(same) else { return Ok(None) };
        if !self.repository.git.ask(&["merge-base", "--is-ancestor", &commit, &self.base])?.ok {
            return Ok(None);
        }
        let argv = ["log", "--max-count=1", "--no-color", "--no-show-signature", "--date=short"];
        let form = ["--format=%ad %an: %s", &commit];
        Ok(Some(self.git()?.must(&[&argv[..], &form[..]].concat(), ASK)?.line()))
    }

    /// Lists the folders of which git knows no file, ignored ones too, as paths in the worktree.
    pub fn untracked_folders(&self) -> Result<Vec<String>, Error> {
        let argv = ["ls-files", "--others", "--directory", "--no-empty-directory", "-z"];
        let listed = self.git()?.disarmed()?.run(&argv, TREE, history::HISTORY_MAX)?;
        if !listed.ok || listed.more {
            let cause = if listed.more { "too many are new" } else { &listed.complaint };
            return Err(Error::failed("list the files of", self.folder.display(), cause));
        }
        let all = snapshot::texts(&listed.output);
        Ok(all.iter().filter_map(|name| Some(name.strip_suffix('/')?.to_owned())).collect())
    }

    /// Removes the worktree and its branch, unless it has changes. Ignored files and evidence are
    /// no changes. Returns whether it was removed.
    pub fn close(&self) -> Result<bool, Error> {
        let unchanged = self.is_unchanged()?;
        if unchanged {
            self.discard()?;
        }
        Ok(unchanged)
    }

    /// Removes worktree and note with all changes; the branch stays when it has commits. While the
    /// note exists, the removal can be repeated.
    pub fn discard(&self) -> Result<(), Error> {
        // A folder that git does not list may be the user's.
        if self.repository.admin(&self.folder).is_ok() {
            self.repository.remove_worktree(&self.folder)?;
        }
        self.repository.delete_branch(&self.branch, &self.base)?;
        let note = note(&self.folder);
        store::remove(&note).map_err(|error| Error::file("remove", &note, &error))
    }
}

/// Returns the commit at which a worktree of this base would start now.
pub fn current_base(repo: &Path, base: Option<&str>) -> Result<String, Error> {
    GitRepository::find(repo)?.base(base)
}

/// Removes the worktree of a session that has ended, with all changes.
pub fn discard_old(repo: &Path, folder: &Path) -> Result<(), Error> {
    Worktree::find(repo, folder)?.map_or(Ok(()), |worktree| worktree.discard())
}

/// Removes the worktree of a crashed session, unless it has changes. The session must not run: its
/// agent would lose its files.
pub fn remove_unchanged(repo: &Path, folder: &Path) -> Result<(), Error> {
    match Worktree::find(repo, folder)? {
        Some(worktree) if worktree.is_complete() => worktree.close().map(drop),
        // Nothing was checked out yet.
        Some(worktree) => worktree.discard(),
        None => Ok(()),
    }
}

/// Returns the path as git records it, and makes its parent folders.
fn canonical(folder: &Path) -> Result<PathBuf, Error> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(Error::wrong(format!("cannot make worktree '{}'", folder.display())));
    };
    store::make_dir(parent)?;
    let parent =
        parent.canonicalize().map_err(|error| Error::file("find folder", parent, &error))?;
    Ok(parent.join(name))
}

/// Path of a file or folder beside the worktree, outside of the agent's `git add`.
fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

/// Path of the note with base and branch.
fn note(folder: &Path) -> PathBuf {
    beside(folder, "base")
}

/// Bytes of the note.
const NOTE_MAX: u64 = 4096;

fn read_note(folder: &Path) -> Option<(String, String)> {
    // An agent without a sandbox can have replaced the note: only a branch of ours is ever deleted.
    let text = String::from_utf8(regular_file::read(&note(folder), NOTE_MAX).ok()?).ok()?;
    let (base, branch) = text.strip_suffix('\n')?.split_once('\n')?;
    let is_hash = base.len() >= 40 && base.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && branch_name::is_own(branch)).then(|| (base.to_owned(), branch.to_owned()))
}

pub mod askpass;
mod command;
mod diff;
mod history;
mod history_clone;
pub mod remote;
mod repository;
mod sizes;
mod snapshot;
mod special_files;
mod test_worktree;
#[cfg(test)]
mod tests;
