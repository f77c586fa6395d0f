//! The user's repository: where its parts are, from what a branch starts, and which branches and
//! worktrees of it are ours.
//!
//! Promises: a branch is made only where none was, and unmade only while it holds nothing that its
//! base lacks; both are one step for git, so two who try at once cannot both succeed. The user's
//! settings, index, working files and other worktrees are not touched: so no `git branch`, which
//! rewrites the settings, and no `git worktree prune`, which also forgets worktrees of the user's
//! that are merely not mounted.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::command;
use super::command::{ASK, Git, TREE, argument};
use crate::error::Error;
use crate::rules::investigation::branch_name::{SAME_MAX, numbered};
use crate::text::{nearest, safe};

/// How many branches a sentence names.
const NAMED: usize = 5;

/// A repository of the user's.
#[derive(Debug, Clone)]
pub struct Home {
    /// The path by which it was named, made whole.
    path: PathBuf,
    /// What all its worktrees share.
    pub common: PathBuf,
    /// Asked in the repository itself.
    pub git: Git,
}

impl Home {
    /// The repository at a path: a checkout or a folder in it, a worktree, a bare one.
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
            return Ok(Home { path, common: asked.line().into(), git });
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

    /// The commit that a name stands for.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Error> {
        let name = format!("{name}^{{commit}}");
        let answer = self.git.ask(&["rev-parse", "--verify", "--quiet", &name])?;
        Ok(answer.ok.then(|| answer.line()))
    }

    /// The commit to start from: that of a base, as fetched last from `origin` or else as it is
    /// here; without a base what is checked out.
    pub fn base(&self, wanted: Option<&str>) -> Result<String, Error> {
        let head = self.commit("HEAD")?;
        match (wanted, head) {
            (None, Some(head)) => Ok(head),
            (Some(wanted), head) => {
                for place in ["refs/remotes/origin", "refs/heads", "refs/remotes", "refs/tags"] {
                    if let Some(commit) = self.commit(&format!("{place}/{wanted}"))? {
                        return Ok(commit);
                    }
                }
                Err(self.no_base(wanted, head.is_some())?)
            }
            (None, None) => Err(self.no_base("HEAD", false)?),
        }
    }

    /// The sentence for a base that there is not, with those that there are.
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

    /// Makes a branch of that name at a commit, or of the first numbered name that is free.
    pub fn claim(&self, branch: &str, base: &str) -> Result<String, Error> {
        let failed = |cause: &str| {
            let path = self.path.display();
            Error::failed("make branch", safe(branch), format!("{cause} (in '{path}')"))
        };
        let git = self.git.clone().disarmed()?;
        for n in 1..=SAME_MAX {
            let name = numbered(branch, n);
            let full = format!("refs/heads/{name}");
            if n == 1 && !self.git.ask(&["check-ref-format", &full])?.ok {
                return Err(failed("git takes no such name"));
            }
            if self.git.ask(&["show-ref", "--verify", "--quiet", &full])?.ok {
                continue;
            }
            // The empty word says that there must be none: whoever comes second is refused.
            let made = git.ask(&["update-ref", &full, base, ""])?;
            if made.ok {
                return Ok(name);
            }
            if made.complaint.contains("already exists") {
                continue;
            }
            if made.complaint.contains("cannot create") {
                let remedy = "rename the branch that stands in its way";
                return Err(failed(&format!("{}; {remedy}", made.complaint)));
            }
            return Err(failed(&made.complaint));
        }
        Err(failed(&format!("{SAME_MAX} of that name are there; delete those that are done")))
    }

    /// Unmakes a branch that holds nothing which its base lacks, and that nobody has checked out.
    /// Returns whether it is gone.
    pub fn release(&self, branch: &str, base: &str) -> Result<bool, Error> {
        let full = format!("refs/heads/{branch}");
        let Some(tip) = self.commit(&full)? else {
            return Ok(true);
        };
        let more = self.git.must(&["rev-list", "--max-count=1", &tip, &format!("^{base}")], ASK)?;
        let used = self.git.must(&["for-each-ref", "--format=%(worktreepath)", &full], ASK)?;
        if !more.line().is_empty() || !used.line().is_empty() {
            return Ok(false);
        }
        // Only while it is still where it was looked at.
        let git = self.git.clone().disarmed()?;
        Ok(git.ask(&["update-ref", "-d", &full, &tip])?.ok)
    }

    /// Makes a worktree on a branch, or `--detach`ed at a commit, without files yet. Returns where
    /// git keeps its part.
    pub fn add(&self, folder: &Path, at: &[&str]) -> Result<PathBuf, Error> {
        let mut argv = vec!["worktree", "add", "--quiet", "--no-checkout", argument(folder)?];
        argv.extend(at);
        let added = self.git.clone().disarmed()?.ask(&argv)?;
        if !added.ok {
            let cause = format!("{} (in '{}')", added.complaint, self.path.display());
            return Err(Error::failed("make worktree", folder.display(), cause));
        }
        self.admin(folder)
            .ok_or_else(|| Error::failed("find worktree", folder.display(), "git does not list it"))
    }

    /// Where git keeps its part of a worktree, be that there or not. Read from the repository's
    /// side: what stands in the worktree may have been written by an agent.
    pub fn admin(&self, folder: &Path) -> Option<PathBuf> {
        let link = folder.join(".git");
        let entries = std::fs::read_dir(self.common.join("worktrees")).ok()?;
        entries.filter_map(|entry| Some(entry.ok()?.path())).find(|admin| {
            let named = std::fs::read(admin.join("gitdir")).unwrap_or_default();
            named.trim_ascii_end() == link.as_os_str().as_bytes()
        })
    }

    /// Removes a worktree with all that is in it, also one that is locked or half made. Its folder
    /// goes first, without git, which refuses when `.git` in it is not as it was made: an agent can
    /// have made anything of that, or of the folder. No link is followed. Then git forgets it.
    pub fn remove(&self, folder: &Path) -> Result<(), Error> {
        let gone = match folder.symlink_metadata() {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(folder),
            Ok(_) => std::fs::remove_file(folder),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        gone.map_err(|error| Error::file("remove worktree", folder, &error))?;
        if self.admin(folder).is_none() {
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
