//! The files of a worktree, as a tree of git's, in an index and a store of objects that are thrown
//! away afterwards: neither the agent's index nor the user's objects get anything.
//!
//! Promises: the agent's index is not read, in which a file can be marked as not to be looked at.
//! The index begins as the base, without the times of files, so that every file is read. What is
//! in a repository within the worktree is missing in the tree, which then is not whole: git would
//! ask such a one by its own settings, which an agent may have written, and which may name programs.

use std::path::{Path, PathBuf};

use super::command::{ANSWER_MAX, Git, TREE, argument};
use super::{EVIDENCE, Workspace};
use crate::error::Error;
use crate::store::make_dir;

/// The index of a repository with some 500,000 files.
const INDEX_MAX: u64 = 64 << 20;
/// So many names fit into one call.
const NAMES: usize = 200;
/// The mode of a commit in a tree, which is a repository within.
const COMMIT: &str = "160000";

/// A folder for what git makes, which goes when it is not needed any more.
pub(super) struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// An empty one.
    pub(super) fn new(folder: PathBuf) -> Result<Self, Error> {
        let scratch = Scratch(folder);
        let _ = std::fs::remove_dir_all(&scratch.0);
        make_dir(&scratch.0)?;
        Ok(scratch)
    }

    /// A git that writes its objects here, and knows those of a repository.
    pub(super) fn git(&self, git: &Git, shared: &Path) -> Result<Git, Error> {
        let objects = self.0.join("objects");
        make_dir(&objects)?;
        let shared = argument(shared)?.replace('\\', "\\\\").replace('"', "\\\"");
        let git = git.clone().disarmed()?.with("GIT_OBJECT_DIRECTORY", objects);
        // In quotes, because a colon would end it.
        Ok(git.with("GIT_ALTERNATE_OBJECT_DIRECTORIES", format!("\"{shared}/objects\"")))
    }
}

/// Makes the index that of a commit. The git has to have an empty working tree: the second call
/// would write files, but here only marks those that a sparse checkout is without.
pub(super) fn begin(git: &Git, base: &str) -> Result<(), Error> {
    git.must(&["read-tree", base], TREE)?;
    git.must(&["read-tree", "-m", "-u", base], TREE).map(drop)
}

/// What is not as in the base.
struct Changed {
    /// Its mode and object in the base.
    was: String,
    object: String,
    /// Its mode now.
    mode: String,
    path: String,
}

impl Workspace {
    /// The files as they are, as a tree; whether it has all of them; and the git that knows it.
    pub(super) fn tree(&self, scratch: &Scratch) -> Result<(Git, String, bool), Error> {
        let empty = scratch.0.join("empty");
        make_dir(&empty)?;
        let (index, base) = (scratch.0.join("index"), scratch.0.join("base"));
        let git = Git::within(argument(&self.admin)?, argument(&empty)?).disarmed()?;
        begin(&git.with("GIT_INDEX_FILE", &base), &self.base)?;
        std::fs::copy(&base, &index).map_err(|error| Error::file("copy", &base, &error))?;

        let git = scratch.git(&self.git, &self.home.common)?.with("GIT_INDEX_FILE", index);
        let (places, mut whole) = self.places(&git)?;
        // One file that cannot be read, or a repository without a commit, is no reason to have none.
        let mut argv = vec!["add", "--all", "--sparse", "--ignore-errors", "--"];
        argv.extend(places.iter().map(String::as_str));
        let added = git.run(&argv, TREE, ANSWER_MAX)?;
        if !added.ok && !added.partly {
            return Err(self.unread(&added.complaint));
        }
        let changed = self.changed(&git)?;
        whole &= added.ok && !changed.iter().any(|one| one.was == COMMIT || one.mode == COMMIT);
        self.restore(&git, &changed, &base, &scratch.0.join("made"))?;
        Ok((git.clone(), git.must(&["write-tree"], TREE)?.line(), whole))
    }

    /// Where to look; and whether that is all. Files that a sparse checkout is without are no
    /// longer so marked when they are there.
    fn places(&self, git: &Git) -> Result<(Vec<String>, bool), Error> {
        let (mut places, mut whole) = (vec![".".to_owned(), format!(":(exclude){EVIDENCE}")], true);
        let mut there = Vec::new();
        for entry in self.list(git, &["ls-files", "-t", "--stage", "-z"])? {
            let Some((about, path)) = entry.split_once('\t') else { continue };
            let place = self.folder.join(path);
            let is_commit = about.split(' ').nth(1) == Some(COMMIT);
            if is_commit && place.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                places.push(format!(":(exclude,literal){path}"));
                // As git makes it, it is empty.
                whole &= place.read_dir().is_ok_and(|mut inner| inner.next().is_none());
            } else if about.starts_with("S ") && place.symlink_metadata().is_ok() {
                there.push(path.to_owned());
            }
        }
        for paths in there.chunks(NAMES) {
            let mut argv = vec!["update-index", "--no-skip-worktree", "--"];
            argv.extend(paths.iter().map(String::as_str));
            git.must(&argv, TREE)?;
        }
        Ok((places, whole))
    }

    /// What differs between base and index.
    fn changed(&self, git: &Git) -> Result<Vec<Changed>, Error> {
        let mut argv = vec!["diff-index", "--cached", "--raw", "--no-abbrev", "--no-renames", "-z"];
        argv.extend(["--ignore-submodules=none", &self.base]);
        let listed = self.list(git, &argv)?;
        let pairs = listed.chunks_exact(2).filter_map(|pair| {
            let mut words = pair[0].strip_prefix(':')?.split(' ').map(str::to_owned);
            let (was, mode, object) = (words.next()?, words.next()?, words.next()?);
            Some(Changed { was, mode, object, path: pair[1].clone() })
        });
        Ok(pairs.collect())
    }

    /// Gives files their object of the base back that are to the byte what a checkout makes of it.
    /// Git would write some in another way than they were committed, because of their line ends
    /// for one, and takes them for changed as soon as it reads them.
    fn restore(
        &self,
        git: &Git,
        changed: &[Changed],
        base: &Path,
        made: &Path,
    ) -> Result<(), Error> {
        let is_file = |mode: &str| mode.starts_with("100");
        let files: Vec<_> =
            changed.iter().filter(|one| is_file(&one.was) && is_file(&one.mode)).collect();
        let checkout = git.clone().with("GIT_INDEX_FILE", base);
        let prefix = format!("--prefix={}/", argument(made)?);
        for files in files.chunks(NAMES) {
            let mut argv = vec!["checkout-index", "--quiet", "--force", &prefix, "--"];
            argv.extend(files.iter().map(|one| one.path.as_str()));
            // What it could not make differs.
            checkout.run(&argv, TREE, ANSWER_MAX)?;
            let same = files.iter().filter(|one| {
                is_same(&made.join(&one.path), &self.folder.join(&one.path)).unwrap_or(false)
            });
            let entries: Vec<String> =
                same.map(|one| format!("{},{},{}", one.mode, one.object, one.path)).collect();
            let mut argv = vec!["update-index"];
            argv.extend(entries.iter().flat_map(|entry| ["--cacheinfo", entry]));
            git.must(&argv, TREE)?;
        }
        Ok(())
    }

    /// A list of git's, whole.
    fn list(&self, git: &Git, argv: &[&str]) -> Result<Vec<String>, Error> {
        let listed = git.run(argv, TREE, INDEX_MAX)?;
        match (listed.more, listed.ok) {
            (true, _) => Err(self.unread("it has too many files")),
            (_, false) => Err(self.unread(&listed.complaint)),
            _ => Ok(texts(&listed.output)),
        }
    }

    fn unread(&self, why: &str) -> Error {
        Error::failed("read", self.folder.display(), why)
    }
}

/// Two files have the same bytes.
fn is_same(one: &Path, other: &Path) -> std::io::Result<bool> {
    let (size, other_size) = (one.symlink_metadata()?.len(), other.symlink_metadata()?.len());
    Ok(size == other_size && std::fs::read(one)? == std::fs::read(other)?)
}

/// Texts that end in NUL each.
pub(super) fn texts(bytes: &[u8]) -> Vec<String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}
