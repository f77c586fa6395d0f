//! Worktree of the user's repository for one session, on a branch of its own.
//!
//! Promises: the user's checkout keeps every byte: files, index, HEAD, stash, settings. A worktree
//! with changes stays, with its branch. Nothing is fetched or pushed. No program that a repository
//! or an agent names is run. The repository gets a branch, the branch's reflog, and an entry in
//! `worktrees/`.
//!
//! Evidence is in `.dlq/`, with a `.gitignore` that says `*`: the agent's own git calls skip it too.
//! Neither `info/exclude`, which all worktrees share, nor a setting of the user is written.

use std::path::{Path, PathBuf};

use self::command::{ASK, Git, TREE, argument};
pub use self::diff::{COMMITS_MAX, Changes, PATCH_MAX};
use self::repository::GitRepository;
pub use self::test_worktree::{TestWorktree, remove_test_worktree};
pub use crate::rules::investigation::branch_name::branch;

use crate::error::Error;
use crate::store;

/// Folder of the evidence in the worktree.
pub const EVIDENCE: &str = ".dlq";

/// Bytes of a file that are read to find a cited line.
const CITED_MAX: u64 = 8 << 20;
/// Longest history, in bytes.
const HISTORY_MAX: u64 = 256 << 10;

/// A worktree on a branch of its own.
#[derive(Debug)]
pub struct Worktree {
    folder: PathBuf,
    branch: String,
    /// Commit from which the branch started.
    base: String,
    /// Git's folder of the worktree, `worktrees/ID` in the repository.
    admin: PathBuf,
    repository: GitRepository,
    git: Git,
}

/// Result of closing a worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseResult {
    /// Removed, with its branch unless that is in use elsewhere.
    Removed,
    /// Kept, because of changes.
    Kept,
    /// No worktree of this tool was there.
    Absent,
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
        // Written before the worktree: after a crash it identifies the worktree as ours.
        let noted = store::replace(&note(&folder), format!("{base}\n{branch}\n").as_bytes());
        let opened = noted.and_then(|()| {
            let admin = repository.add_worktree(&folder, &[&branch])?;
            let worktree = Worktree::at(&repository, &folder, &branch, &base, admin)?;
            worktree.check_out()?;
            Ok(worktree)
        });
        if opened.is_err() {
            // The first failure is the one to report.
            let _ = discard(&repository, &folder, &branch, &base);
        }
        opened
    }

    /// Returns the worktree that an earlier run has opened, when it exists and is complete.
    pub fn reopen(repo: &Path, folder: &Path) -> Result<Option<Self>, Error> {
        let found = Worktree::find(repo, folder)?;
        found.iter().try_for_each(|worktree| worktree.refuse_link("open"))?;
        Ok(found)
    }

    /// Finds a complete worktree, also one whose folder was removed or replaced.
    fn find(repo: &Path, folder: &Path) -> Result<Option<Self>, Error> {
        let repository = GitRepository::find(repo)?;
        let folder = canonical(folder)?;
        match (read_note(&folder), repository.admin(&folder)) {
            (Some((base, branch)), Some(admin)) if admin.join("index").is_file() => {
                Worktree::at(&repository, &folder, &branch, &base, admin).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn at(
        repository: &GitRepository,
        folder: &Path,
        branch: &str,
        base: &str,
        admin: PathBuf,
    ) -> Result<Self, Error> {
        let git = Git::within(argument(&admin)?, argument(folder)?);
        let (branch, base) = (branch.to_owned(), base.to_owned());
        Ok(Worktree {
            folder: folder.to_owned(),
            branch,
            base,
            admin,
            repository: repository.clone(),
            git,
        })
    }

    /// Refuses a symbolic link in place of the folder: it leads somewhere else.
    fn refuse_link(&self, doing: &str) -> Result<(), Error> {
        if self.folder.is_symlink() {
            return Err(Error::failed(
                doing,
                self.folder.display(),
                "it was replaced by a symbolic link",
            ));
        }
        Ok(())
    }

    /// Checks out the files, and makes the folder of the evidence.
    fn check_out(&self) -> Result<(), Error> {
        let git = self.git.clone().disarmed()?;
        git.must(&["reset", "--hard", "--quiet", "--no-recurse-submodules"], TREE)?;
        let evidence = self.evidence();
        // With a link of this name the evidence would go somewhere else.
        if evidence.symlink_metadata().is_ok() {
            let cause = format!("the repository has a '{EVIDENCE}' of its own; rename it");
            return Err(Error::failed("make folder", evidence.display(), cause));
        }
        store::make_dir(&evidence)?;
        let ignore = evidence.join(".gitignore");
        std::fs::write(&ignore, "*\n").map_err(|error| Error::file("write", &ignore, &error))
    }

    /// Folder of the worktree.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of the evidence.
    pub fn evidence(&self) -> PathBuf {
        self.folder.join(EVIDENCE)
    }

    /// Name of the branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Commit from which the branch started.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns a line of a file in the base commit, counted from 1, or the empty text without a line
    /// number. The text of a symbolic link is its target.
    pub fn cited(&self, path: &str, line: Option<u64>) -> Result<Option<String>, Error> {
        let mut names: Vec<&str> = Vec::new();
        for part in Path::new(path).components() {
            match part {
                std::path::Component::Normal(name) => names.extend(name.to_str()),
                std::path::Component::CurDir => {}
                _ => return Ok(None),
            }
        }
        let object = format!("{}:{}", self.base, names.join("/"));
        let read = self.git.run(&["cat-file", "blob", &object], ASK, CITED_MAX)?;
        if names.is_empty() || !read.ok {
            return Ok(None);
        }
        let Some(line) = line else { return Ok(Some(String::new())) };
        let mut lines = read.output.split_inclusive(|byte| *byte == b'\n');
        let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let text = at.and_then(|at| lines.nth(at)).map(String::from_utf8_lossy);
        Ok(text.map(|text| text.trim_end_matches('\n').to_owned()))
    }

    /// Lists the last commits up to the base with their files, for an agent that cannot run git.
    pub fn history(&self) -> Result<Vec<u8>, Error> {
        let argv = ["log", "--max-count=100", "--no-color", "--no-show-signature", "--name-only"];
        let form = ["--date=iso-strict", "--format=%ncommit %H%n  %ad %an%n  %s", &self.base];
        Ok(self.git.run(&[&argv[..], &form[..]].concat(), TREE, HISTORY_MAX)?.output)
    }

    /// Returns date, author and subject of a commit that is the base or an ancestor of it: an agent's
    /// own commit is no evidence. The hash needs at least 7 digits, so that none matches by chance.
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
        Ok(Some(self.git.must(&[&argv[..], &form[..]].concat(), ASK)?.line()))
    }

    /// Removes the worktree and its branch, unless it has changes. Ignored files and evidence are no
    /// changes.
    pub fn close(self) -> Result<CloseResult, Error> {
        if !self.is_unchanged()? {
            return Ok(CloseResult::Kept);
        }
        discard(&self.repository, &self.folder, &self.branch, &self.base)?;
        Ok(CloseResult::Removed)
    }

    /// Removes the worktree with all changes. The branch stays when it has commits.
    pub fn discard(self) -> Result<(), Error> {
        discard(&self.repository, &self.folder, &self.branch, &self.base)
    }
}

/// Removes the worktree of a session that has ended, with all changes.
pub fn discard_old(repo: &Path, folder: &Path) -> Result<(), Error> {
    let folder = canonical(folder)?;
    match read_note(&folder) {
        Some((base, branch)) => discard(&GitRepository::find(repo)?, &folder, &branch, &base),
        None => Ok(()),
    }
}

/// Removes the worktree of a crashed session, unless it has changes. The session must not run: its
/// agent would lose its files.
pub fn sweep(repo: &Path, folder: &Path) -> Result<CloseResult, Error> {
    if let Some(worktree) = Worktree::find(repo, folder)? {
        return worktree.close();
    }
    let folder = canonical(folder)?;
    let Some((base, branch)) = read_note(&folder) else {
        return Ok(CloseResult::Absent);
    };
    // Without an index nothing was checked out yet.
    discard(&GitRepository::find(repo)?, &folder, &branch, &base)?;
    Ok(CloseResult::Removed)
}

/// Removes worktree, branch and note, in this order: while the note exists, it can be repeated.
fn discard(
    repository: &GitRepository,
    folder: &Path,
    branch: &str,
    base: &str,
) -> Result<(), Error> {
    // A folder that git does not list may be the user's.
    if repository.admin(folder).is_some() {
        repository.remove_worktree(folder)?;
    }
    repository.delete_branch(branch, base)?;
    let note = note(folder);
    store::remove(&note).map_err(|error| Error::file("remove", &note, &error))
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

fn read_note(folder: &Path) -> Option<(String, String)> {
    let text = std::fs::read_to_string(note(folder)).ok()?;
    let (base, branch) = text.strip_suffix('\n')?.split_once('\n')?;
    let is_hash = base.len() >= 40 && base.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && !branch.is_empty()).then(|| (base.to_owned(), branch.to_owned()))
}

mod command;
mod diff;
mod repository;
mod snapshot;
mod test_worktree;
#[cfg(test)]
mod tests;
