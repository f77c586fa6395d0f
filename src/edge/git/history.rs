//! Commits up to the base of a worktree, for an agent that cannot run git.

use super::command::{Git, TREE, argument};
use super::snapshot::Scratch;
use super::{Worktree, beside};
use crate::error::Error;
use crate::rules::evidence::suspect_commits::{self, Commit};

/// Longest history, in bytes.
pub(super) const HISTORY_MAX: u64 = 256 << 10;
/// Longest difference of a commit, in bytes.
const DIFF_MAX: u64 = 64 << 10;

impl Worktree {
    /// Lists the last commits with their files.
    pub fn history(&self) -> Result<Vec<u8>, Error> {
        let form = ["--name-only", "--date=iso-strict", "--format=%ncommit %H%n  %ad %an%n  %s"];
        self.log(&form)
    }

    /// Returns the last commits, the base first.
    pub fn commits(&self) -> Result<Vec<Commit>, Error> {
        let listed = self.log(&[suspect_commits::FORM])?;
        Ok(suspect_commits::parse(&String::from_utf8_lossy(&listed)))
    }

    fn log(&self, form: &[&str]) -> Result<Vec<u8>, Error> {
        let argv = ["log", "--max-count=100", "--no-color", "--no-show-signature"];
        let argv = [&argv[..], form, &[self.base.as_str()]].concat();
        let (_empty, git) = self.reader()?;
        Ok(git.run(&argv, TREE, HISTORY_MAX)?.output)
    }

    /// Returns a git that works in an empty folder, and the folder: of the agent's files it would read
    /// `.gitattributes`, which can be a FIFO.
    fn reader(&self) -> Result<(Scratch, Git), Error> {
        let empty = Scratch::new(beside(&self.folder, "reads"))?;
        let admin = self.repository.admin(&self.folder)?;
        let git = Git::within(argument(&admin)?, argument(empty.folder())?);
        Ok((empty, git))
    }

    /// Returns what a commit changed, against its first parent, and says where the text is cut.
    pub fn commit_diff(&self, hash: &str) -> Result<String, Error> {
        let argv = ["show", "--no-color", "--no-show-signature", "--no-ext-diff", "--no-textconv"];
        let form = ["--submodule=short", "-m", "--first-parent", "--stat", "--patch"];
        let head = ["--date=iso-strict", "--format=commit %H%n%ad %an%n%s", hash, "--"];
        let argv = [&argv[..], &form[..], &head[..]].concat();
        let (_empty, git) = self.reader()?;
        let shown = git.disarmed()?.run(&argv, TREE, DIFF_MAX)?;
        let mut text = String::from_utf8_lossy(&shown.output).into_owned();
        if shown.more {
            text.push_str(&format!("\n(cut after {} KiB)\n", DIFF_MAX >> 10));
        }
        Ok(text)
    }

    /// Returns whether the base commit has a file of this path.
    pub fn has_file(&self, path: &str) -> Result<bool, Error> {
        let object = format!("{}:{path}", self.base);
        let kind = self.git()?.ask(&["cat-file", "-t", &object])?;
        Ok(kind.ok && kind.line() == "blob")
    }
}
