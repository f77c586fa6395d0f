//! Where the agent stands: a worktree of the mapped code, or an empty folder, with a copy of the
//! evidence in `.dlq/`. What it does to the copy changes nothing for this tool, which judges by the
//! bundle itself.

use std::fs::{DirEntry, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::evidence::Known;
use super::{Supervisor, files};
use crate::edge::git::{self, Worktree};
use crate::error::Error;
use crate::log;
use crate::store;

/// The folder of the evidence, as the agent sees it.
pub(super) const EVIDENCE: &str = git::EVIDENCE;
/// The last commits of the code.
const HISTORY: &str = "history.txt";
/// A bundle has a folder of logs, and that has none.
const DEPTH: u8 = 2;

/// A place.
pub(super) struct Place {
    /// The current folder of the agent.
    pub(super) folder: PathBuf,
    /// The worktree that it is, when code is mapped.
    pub(super) tree: Option<Worktree>,
    /// Whether there is evidence.
    pub(super) evidence: bool,
}

impl Supervisor<'_> {
    /// Makes the place, or finds that of the session which is gone on with.
    pub(super) fn place(&self, known: &Known) -> Result<Place, Error> {
        let home = self.conversation_folder();
        let (folder, tree) = match &self.plan.code {
            None => (home.join(files::WORK), None),
            Some(code) => {
                let at = home.join(files::TREE);
                let queue = &self.plan.incident.queue.name;
                let cause = known.cause().map(|cause| cause.fingerprint.as_str());
                let branch = git::branch(queue, cause, self.session);
                let tree = match Worktree::reopen(&code.repo, &at)? {
                    Some(tree) => tree,
                    None => Worktree::open(&code.repo, code.base.as_deref(), &branch, &at)?,
                };
                (tree.folder().to_owned(), Some(tree))
            }
        };
        store::make_dir(&folder)?;
        let place = Place { folder, tree, evidence: known.bundle.is_some() };
        match self.furnish(&place, known) {
            Ok(()) => Ok(place),
            Err(error) => {
                self.leave(place);
                Err(error)
            }
        }
    }

    /// Files the evidence there, in a folder that is made anew: an agent may have made what was there
    /// a link to somewhere else.
    fn furnish(&self, place: &Place, known: &Known) -> Result<(), Error> {
        let evidence = place.folder.join(EVIDENCE);
        remove(&evidence)?;
        if place.tree.is_none() && known.bundle.is_none() {
            return Ok(());
        }
        store::make_dir(&evidence)?;
        if let Some(tree) = &place.tree {
            write(&evidence.join(".gitignore"), b"*\n")?;
            write(&evidence.join(HISTORY), &tree.history()?)?;
        }
        known.bundle.as_ref().map_or(Ok(()), |bundle| copy(bundle, &evidence, DEPTH))
    }

    /// The folder of the session in which the conversation began.
    pub(super) fn conversation_folder(&self) -> PathBuf {
        match &self.plan.resumes {
            None => self.folder.clone(),
            Some(first) => super::folder(self.store.dir(), first),
        }
    }

    /// Removes what is not needed any more. A worktree stays when a fix was wanted and something
    /// was changed: it is what a person, or the next step, looks at. What a mere look has left
    /// there, such as the files of a test run, goes.
    pub(super) fn leave(&self, place: Place) {
        let _ = std::fs::remove_file(self.folder.join(files::KEY));
        let Some(tree) = place.tree else { return };
        let wanted = self.plan.code.as_ref().is_some_and(|code| code.fix);
        let left = if wanted { tree.close(false).map(drop) } else { tree.discard() };
        if let Err(error) = left {
            log::warn(&error.to_string());
        }
    }
}

/// Removes what is there, be it a folder, a link or a file, and follows no link.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(there) if there.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(|error| Error::file("remove", path, &error))
}

/// Writes a file that was not there.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = made.and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| Error::file("write", path, &error))
}

/// Copies files and folders; what is neither is no part of a bundle.
fn copy(from: &Path, to: &Path, depth: u8) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Error::file("copy", &path, &error)
    };
    let entries: Vec<DirEntry> =
        std::fs::read_dir(from).and_then(Iterator::collect).map_err(failed(from))?;
    for entry in entries {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed(&path))?;
        if kind.is_dir() && depth > 1 {
            store::make_dir(&to)?;
            copy(&path, &to, depth - 1)?;
        } else if kind.is_file() {
            std::fs::copy(&path, &to).map_err(failed(&path))?;
        }
    }
    Ok(())
}
