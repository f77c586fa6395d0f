//! The user's repository: its folders, and the branches and worktrees that this tool makes in it.
//!
//! Promises: a branch is made only where none exists, and deleted only while it has no commit that
//! its base lacks. Both are atomic in git, so of two concurrent attempts one fails. The user's
//! settings, index, working files and other worktrees stay as they are. Therefore `git branch`,
//! which rewrites the settings, and `git worktree prune`, which forgets unmounted worktrees of the
//! user, are not used.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::command;
use super::command::{ASK, Git, TREE, argument};
use crate::error::Error;
use crate::rules::investigation::branch_name::{SAME_MAX, numbered};
use crate::store;
use crate::text::{nearest, safe};

/// Branches that a message names.
const NAMED: usize = 5;

/// Repository of the user.
#[derive(Debug, Clone)]
pub struct GitRepository {
    /// Canonical path of the configured folder.
    path: PathBuf,
    /// Git folder that all worktrees share.
    pub common: PathBuf,
    /// Git that runs in the configured folder.
    pub git: Git,
}

impl GitRepository {
    /// Finds the repository of a path: a checkout or a folder in it, a worktree, or a bare one.
    pub fn find(repo: &Path) -> Result<Self, Error> {
        let refused = |why: &str| Error::wrong(format!("cannot use '{}': {why}", repo.display()));
        let path = std::fs::canonicalize(repo).map_err(|error| {
            refused(&format!("{}; name a clone", crate::error::io_cause(&error)))
        })?;
        if !path.is_dir() {
            return Err(refused("not a folder; name a clone"));
        }
        let git = Git::at(argument(&path)?);
        command::check(&git.must(&["version"], ASK)?.line())?;
        let asked = git.ask(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        if asked.ok {
            return Ok(GitRepository { path, common: asked.line().into(), git });
        }
        let why = asked.complaint;
        Err(refused(&if why.contains("not a git repository") {
            "not a git repository; name a clone".to_owned()
        } else if why.contains("dubious ownership") {
            "its repository is in a folder above and belongs to another user; name that folder"
                .into()
        } else {
            why
        }))
    }

    /// Resolves a name to a commit.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Error> {
        let name = format!("{name}^{{commit}}");
        let answer = self.git.ask(&["rev-parse", "--verify", "--quiet", &name])?;
        Ok(answer.ok.then(|| answer.line()))
    }

    /// Returns the commit to start from: that of `origin/BASE` as last fetched, else of `BASE`;
    /// without a base that of HEAD.
    pub fn base(&self, wanted: Option<&str>) -> Result<String, Error> {
        let head = self.commit("HEAD")?;
        match (wanted, head) {
            (None, Some(head)) => Ok(head),
            (Some(wanted), head) => {
                for namespace in ["refs/remotes/origin", "refs/heads", "refs/remotes", "refs/tags"]
                {
                    if let Some(commit) = self.commit(&format!("{namespace}/{wanted}"))? {
                        return Ok(commit);
                    }
                }
                Err(self.no_base(wanted, head.is_some())?)
            }
            (None, None) => Err(self.no_base("HEAD", false)?),
        }
    }

    /// Error for an unknown base, with the known branches.
    fn no_base(&self, wanted: &str, head: bool) -> Result<Error, Error> {
        let argv = ["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes/origin"];
        let listed = self.git.must(&argv, ASK)?.line();
        let mut known: Vec<&str> = listed
            .lines()
            .filter_map(|name| {
                name.strip_prefix("refs/heads/").or(name.strip_prefix("refs/remotes/origin/"))
            })
            .filter(|name| *name != "HEAD")
            .collect();
        known.sort_unstable();
        known.dedup();
        let path = self.path.display();
        let wanted = safe(wanted);
        if known.is_empty() && !head {
            return Ok(Error::wrong(format!(
                "cannot use '{path}': it has no commit yet; make one"
            )));
        }
        let hint = match nearest(&wanted, known.iter().copied()) {
            Some(near) => format!("did you mean '{}'?", safe(near)),
            None => {
                let more = if known.len() > NAMED { ", …" } else { "" };
                known.truncate(NAMED);
                format!("known: {}{more}", safe(&known.join(", ")))
            }
        };
        let sentence = format!("cannot use base '{wanted}' of '{path}': no such branch ({hint})");
        Ok(Error::wrong(sentence))
    }

    /// Makes a branch at a commit, with a number when the name is in use, and returns its name.
    pub fn create_branch(&self, branch: &str, base: &str) -> Result<String, Error> {
        let failed = |cause: &str| {
            let path = self.path.display();
            Error::failed("make branch", safe(branch), format!("{cause} (in '{path}')"))
        };
        let git = self.git.clone().disarmed()?;
        for n in 1..=SAME_MAX {
            let name = numbered(branch, n);
            let full = format!("refs/heads/{name}");
            if n == 1 && !self.git.ask(&["check-ref-format", &full])?.ok {
                return Err(failed("git does not allow this name"));
            }
            // The empty old value requires that the branch does not exist: a second attempt fails.
            let made = git.ask(&["update-ref", &full, base, ""])?;
            if made.ok {
                return Ok(name);
            }
            if made.complaint.contains("already exists") {
                continue;
            }
            if made.complaint.contains("cannot create") {
                let remedy = "rename the branch that is in conflict";
                return Err(failed(&format!("{}; {remedy}", made.complaint)));
            }
            return Err(failed(&made.complaint));
        }
        Err(failed(&format!("{SAME_MAX} branches of that name exist; delete those that are done")))
    }

    /// Deletes a branch that has no commit beyond its base and is checked out nowhere.
    pub fn delete_branch(&self, branch: &str, base: &str) -> Result<(), Error> {
        let full = format!("refs/heads/{branch}");
        let Some(tip) = self.commit(&full)? else { return Ok(()) };
        let more = self.git.must(&["rev-list", "--max-count=1", &tip, &format!("^{base}")], ASK)?;
        let used = self.git.must(&["for-each-ref", "--format=%(worktreepath)", &full], ASK)?;
        if more.line().is_empty() && used.line().is_empty() {
            // The old value makes sure that nobody has moved it since.
            self.git.clone().disarmed()?.ask(&["update-ref", "-d", &full, &tip])?;
        }
        Ok(())
    }

    /// Makes a worktree without files, on a branch or `--detach`ed at a commit.
    pub fn add_worktree(&self, folder: &Path, at: &[&str]) -> Result<(), Error> {
        let mut argv = vec!["worktree", "add", "--quiet", "--no-checkout", argument(folder)?];
        argv.extend(at);
        let added = self.git.clone().disarmed()?.ask(&argv)?;
        if added.ok {
            return Ok(());
        }
        let cause = format!("{} (in '{}')", added.complaint, self.path.display());
        Err(Error::failed("make worktree", folder.display(), cause))
    }

    /// Returns git's folder of a worktree, `worktrees/ID`, whether the worktree exists or not. The
    /// search is in the repository: an agent may have written any file in the worktree.
    pub fn admin(&self, folder: &Path) -> Result<PathBuf, Error> {
        let link = folder.join(".git");
        let is_its = |admin: &PathBuf| {
            let named = std::fs::read(admin.join("gitdir")).unwrap_or_default();
            named.trim_ascii_end() == link.as_os_str().as_bytes()
        };
        let entries = std::fs::read_dir(self.common.join("worktrees"));
        let mut entries =
            entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        entries
            .find(is_its)
            .ok_or_else(|| Error::failed("find worktree", folder.display(), "git does not list it"))
    }

    /// Returns a git that works in a worktree.
    pub fn git_in(&self, folder: &Path) -> Result<Git, Error> {
        Ok(Git::within(argument(&self.admin(folder)?)?, argument(folder)?))
    }

    /// Removes a worktree with its files, also a locked or incomplete one. The folder is deleted
    /// first, without git, which refuses a worktree whose `.git` an agent has changed. Links are
    /// not followed.
    pub fn remove_worktree(&self, folder: &Path) -> Result<(), Error> {
        store::remove(folder).map_err(|error| Error::file("remove worktree", folder, &error))?;
        if self.admin(folder).is_err() {
            return Ok(());
        }
        let argv = ["worktree", "remove", "--force", "--force", argument(folder)?];
        let removed = self.git.clone().disarmed()?.run(&argv, TREE, command::ANSWER_MAX)?;
        if removed.ok {
            return Ok(());
        }
        let cause = format!("{} (of '{}')", removed.complaint, self.path.display());
        Err(Error::failed("remove worktree", folder.display(), cause))
    }
}
