//! The workspace of an investigation: a worktree of the user's repository on a branch of its own.
//!
//! Promises: the user's checkout stays as it is, to the byte: files, index, HEAD, stash, settings.
//! Nobody's work is lost: what has changes stays, with its branch. Nothing is fetched or pushed, and
//! nothing that a repository or an agent has written is run by the calls here. What the repository
//! gets: a branch, its log, and an entry in `worktrees/`.
//!
//! Evidence is in `.dlq/` with a `.gitignore` of its own that says `*`: the agent's own calls of git
//! leave it out too, and neither `info/exclude`, which all worktrees share, nor a setting of the
//! user's is written.

use std::path::{Path, PathBuf};

use self::command::{ASK, Git, TREE, argument};
pub use self::diff::{COMMITS_MAX, Changes, PATCH_MAX};
use self::repository::Home;
pub use self::test_worktree::{Trial, sweep_trial};
pub use crate::rules::investigation::branch_name::branch;

use crate::error::Error;
use crate::store;

/// The folder of the evidence, in the worktree.
pub const EVIDENCE: &str = ".dlq";

/// How much of a file is read to find a line of it.
const CITED_MAX: u64 = 8 << 20;
/// How much of the history is told.
const HISTORY_MAX: u64 = 256 << 10;

/// A worktree on a branch of its own.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    branch: String,
    /// The commit that it began with.
    base: String,
    /// Where git keeps its part of the worktree.
    admin: PathBuf,
    home: Home,
    git: Git,
}

/// What has become of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is gone, and with it its branch, unless that is in use elsewhere.
    Removed,
    /// It is still there: it has changes, or was to be kept.
    Kept,
    /// There was none of ours.
    Absent,
}

impl Workspace {
    /// Makes `folder` a worktree of `repo`, on a new branch that starts at `base`: at
    /// `origin/BASE`, as it was fetched last, else at `BASE`; without one at what is checked out.
    /// When the branch exists, a number is added to its name.
    pub fn open(
        repo: &Path,
        base: Option<&str>,
        branch: &str,
        folder: &Path,
    ) -> Result<Self, Error> {
        let home = Home::find(repo)?;
        let base = home.base(base)?;
        let folder = whole(folder)?;
        if folder.symlink_metadata().is_ok() {
            let cause = "something is there already; move it away";
            return Err(Error::failed("make worktree", folder.display(), cause));
        }
        let branch = home.claim(branch, &base)?;
        // Written before there is a worktree: what a crash leaves behind is known for ours.
        let noted = store::replace(&note(&folder), format!("{base}\n{branch}\n").as_bytes());
        let opened = noted.and_then(|()| {
            let admin = home.add(&folder, &[&branch])?;
            let workspace = Workspace::of(&home, &folder, &branch, &base, admin)?;
            workspace.fill()?;
            Ok(workspace)
        });
        if opened.is_err() {
            // The first failure is the one to tell.
            let _ = discard(&home, &folder, &branch, &base);
        }
        opened
    }

    /// The workspace that an earlier run has opened, if it is still there and was finished.
    pub fn reopen(repo: &Path, folder: &Path) -> Result<Option<Self>, Error> {
        let found = Workspace::found(repo, folder)?;
        found.iter().try_for_each(|workspace| workspace.in_place("open"))?;
        Ok(found)
    }

    /// The same, whatever has become of its folder.
    fn found(repo: &Path, folder: &Path) -> Result<Option<Self>, Error> {
        let home = Home::find(repo)?;
        let folder = whole(folder)?;
        match (noted(&folder), home.admin(&folder)) {
            (Some((base, branch)), Some(admin)) if admin.join("index").is_file() => {
                Workspace::of(&home, &folder, &branch, &base, admin).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn of(
        home: &Home,
        folder: &Path,
        branch: &str,
        base: &str,
        admin: PathBuf,
    ) -> Result<Self, Error> {
        let git = Git::within(argument(&admin)?, argument(folder)?);
        let (branch, base) = (branch.to_owned(), base.to_owned());
        Ok(Workspace { folder: folder.to_owned(), branch, base, admin, home: home.clone(), git })
    }

    /// Refuses a link that somebody has put in place of the folder: what is read or written there
    /// would be somewhere else.
    fn in_place(&self, doing: &str) -> Result<(), Error> {
        if self.folder.is_symlink() {
            return Err(Error::failed(doing, self.folder.display(), "it is a link now"));
        }
        Ok(())
    }

    /// Checks the files out, and makes the folder of the evidence.
    fn fill(&self) -> Result<(), Error> {
        let git = self.git.clone().disarmed()?;
        git.must(&["reset", "--hard", "--quiet", "--no-recurse-submodules"], TREE)?;
        let evidence = self.evidence();
        // A link of this name would take the evidence somewhere else.
        if evidence.symlink_metadata().is_ok() {
            let cause = format!("the repository has a '{EVIDENCE}' of its own; rename it");
            return Err(Error::failed("make folder", evidence.display(), cause));
        }
        store::make_dir(&evidence)?;
        let ignore = evidence.join(".gitignore");
        std::fs::write(&ignore, "*\n").map_err(|error| Error::file("write", &ignore, &error))
    }

    /// The worktree.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where evidence goes.
    pub fn evidence(&self) -> PathBuf {
        self.folder.join(EVIDENCE)
    }

    /// Its branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The commit that it began with.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A line of a file as it was before anybody worked here, counted from 1, and the empty text
    /// for a file as such. A link is not followed: its text is where it leads.
    pub fn cited(&self, path: &str, line: Option<u64>) -> Result<Option<String>, Error> {
        let mut names: Vec<&str> = Vec::new();
        for part in Path::new(path).components() {
            match part {
                std::path::Component::Normal(name) => names.extend(name.to_str()),
                std::path::Component::CurDir => {}
                _ => return Ok(None),
            }
        }
        let place = format!("{}:{}", self.base, names.join("/"));
        let read = self.git.run(&["cat-file", "blob", &place], ASK, CITED_MAX)?;
        if names.is_empty() || !read.ok {
            return Ok(None);
        }
        let Some(line) = line else { return Ok(Some(String::new())) };
        let mut lines = read.output.split_inclusive(|byte| *byte == b'\n');
        let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let text = at.and_then(|at| lines.nth(at)).map(String::from_utf8_lossy);
        Ok(text.map(|text| text.trim_end_matches('\n').to_owned()))
    }

    /// The last commits before the base, with the files that they touch, for who has no git.
    pub fn history(&self) -> Result<Vec<u8>, Error> {
        let argv = ["log", "--max-count=100", "--no-color", "--no-show-signature", "--name-only"];
        let form = ["--date=iso-strict", "--format=%ncommit %H%n  %ad %an%n  %s", &self.base];
        Ok(self.git.run(&[&argv[..], &form[..]].concat(), TREE, HISTORY_MAX)?.output)
    }

    /// Date, author and subject of the commit of that hash, if it is the base or comes before it: an
    /// agent's own commit is no evidence. Of at least 7 digits, so that none is hit by chance.
    pub fn commit(&self, hash: &str) -> Result<Option<String>, Error> {
        if hash.len() < 7 || hash.len() > 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        // A branch may be called like a hash.
        let same = |commit: &String| commit.starts_with(&hash.to_ascii_lowercase());
        let Some(commit) = self.home.commit(hash)?.filter(same) else { return Ok(None) };
        if !self.home.git.ask(&["merge-base", "--is-ancestor", &commit, &self.base])?.ok {
            return Ok(None);
        }
        let argv = ["log", "--max-count=1", "--no-color", "--no-show-signature", "--date=short"];
        let form = ["--format=%ad %an: %s", &commit];
        Ok(Some(self.git.must(&[&argv[..], &form[..]].concat(), ASK)?.line()))
    }

    /// Removes the workspace with its branch when nothing was changed in it and it is not to be
    /// kept in any case. Ignored files and evidence are no changes.
    pub fn close(self, keep: bool) -> Result<Closed, Error> {
        if keep || !self.is_unchanged()? {
            return Ok(Closed::Kept);
        }
        discard(&self.home, &self.folder, &self.branch, &self.base)?;
        Ok(Closed::Removed)
    }

    /// Removes the workspace, whatever is in it. Its branch stays when it has commits.
    pub fn discard(self) -> Result<(), Error> {
        discard(&self.home, &self.folder, &self.branch, &self.base)
    }
}

/// Removes a workspace that has outlived its session, whatever is in it.
pub fn discard_old(repo: &Path, folder: &Path) -> Result<(), Error> {
    let folder = whole(folder)?;
    match noted(&folder) {
        Some((base, branch)) => discard(&Home::find(repo)?, &folder, &branch, &base),
        None => Ok(()),
    }
}

/// Removes what a crash has left of a workspace, unless it has changes. Only for a session that does
/// not run: an agent that is still at work would lose its files.
pub fn sweep(repo: &Path, folder: &Path) -> Result<Closed, Error> {
    if let Some(workspace) = Workspace::found(repo, folder)? {
        return workspace.close(false);
    }
    let folder = whole(folder)?;
    let Some((base, branch)) = noted(&folder) else {
        return Ok(Closed::Absent);
    };
    // Without an index nobody has worked in it yet.
    discard(&Home::find(repo)?, &folder, &branch, &base)?;
    Ok(Closed::Removed)
}

/// Removes worktree, branch and note, in this order: while the note is there, it can be repeated.
fn discard(home: &Home, folder: &Path, branch: &str, base: &str) -> Result<(), Error> {
    // What git does not list may be somebody else's.
    if home.admin(folder).is_some() {
        home.remove(folder)?;
    }
    home.release(branch, base)?;
    let note = note(folder);
    match std::fs::remove_file(&note) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", &note, &error))
        }
        _ => Ok(()),
    }
}

/// The path as git will write it down. What is above it is made.
fn whole(folder: &Path) -> Result<PathBuf, Error> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(Error::wrong(format!("cannot make worktree '{}'", folder.display())));
    };
    store::make_dir(parent)?;
    let parent =
        parent.canonicalize().map_err(|error| Error::file("find folder", parent, &error))?;
    Ok(parent.join(name))
}

/// A file or folder beside the worktree, where an agent's `git add` does not see it.
fn beside(folder: &Path, extension: &str) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

/// Base and branch are noted here.
fn note(folder: &Path) -> PathBuf {
    beside(folder, "base")
}

fn noted(folder: &Path) -> Option<(String, String)> {
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
