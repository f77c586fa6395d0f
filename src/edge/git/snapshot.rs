//! Snapshot of a worktree's files as a tree object, in a temporary index and object store.
//!
//! Promises: the agent's index and the user's objects are not changed. The agent's index is not
//! read either: it can mark files as unchanged. The temporary index starts as the base, without
//! file times, so that git reads every file. Files of a nested repository are missing, and the
//! snapshot is then incomplete: git would read them by that repository's settings, which an agent
//! may have written and which may name programs.

use std::path::{Path, PathBuf};

use super::command::{ANSWER_MAX, Git, TREE, argument};
use super::{EVIDENCE, Worktree, special_files};
use crate::error::Error;
use crate::rules::verdict::patch_gate::FileChange;
use crate::store::make_dir;

/// Longest list of files, in bytes: some 500,000 files.
const INDEX_MAX: u64 = 64 << 20;
/// File names in one call.
pub(super) const NAMES: usize = 200;
/// Mode of a commit in a tree: a nested repository.
const COMMIT: &str = "160000";

/// Temporary folder for git's files, removed on drop.
pub(super) struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // The next snapshot removes the rest.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// Makes an empty folder.
    pub(super) fn new(folder: PathBuf) -> Result<Self, Error> {
        let scratch = Scratch(folder);
        let _ = std::fs::remove_dir_all(&scratch.0);
        make_dir(&scratch.0)?;
        Ok(scratch)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Returns a git that writes objects here and reads those of a repository too.
    pub(super) fn git(&self, git: &Git, shared: &Path) -> Result<Git, Error> {
        let objects = self.0.join("objects");
        make_dir(&objects)?;
        let shared = argument(shared)?.replace('\\', "\\\\").replace('"', "\\\"");
        let git = git.clone().disarmed()?.with("GIT_OBJECT_DIRECTORY", objects);
        // Quoted, because a colon separates paths.
        Ok(git.with("GIT_ALTERNATE_OBJECT_DIRECTORIES", format!("\"{shared}/objects\"")))
    }
}

/// Fills the index from a commit. The working tree of this git must be empty: the second call,
/// which marks the files outside of a sparse checkout, would write files otherwise.
pub(super) fn fill_index(git: &Git, base: &str) -> Result<(), Error> {
    git.must(&["read-tree", base], TREE)?;
    git.must(&["read-tree", "-m", "-u", base], TREE).map(drop)
}

/// Mode of a file that is not there.
const ABSENT: &str = "000000";

/// Tree of a worktree's files.
pub(super) struct Snapshot {
    pub(super) tree: String,
    /// Whether it is complete.
    pub(super) whole: bool,
    /// Files that runs of programs have made or changed, which are no part of a patch.
    pub(super) left_out: Vec<String>,
}

/// File that differs from the base, with its object there.
struct ChangedFile {
    object: String,
    change: FileChange,
    /// Path as git has it, which need not be UTF-8.
    name: Vec<u8>,
}

/// Returns the changes of a `--raw -z` listing, each with the object that the base has.
pub(super) fn raw_changes(listed: &[String]) -> impl Iterator<Item = (String, FileChange)> {
    listed.chunks_exact(2).filter_map(|pair| {
        let mut words = pair[0].strip_prefix(':')?.split(' ').map(str::to_owned);
        let (was, mode, object) = (words.next()?, words.next()?, words.next()?);
        Some((object, FileChange { was, mode, path: pair[1].clone() }))
    })
}

impl Worktree {
    /// Writes the files as a tree, without changes that are no part of a patch.
    pub(super) fn write_tree(&self, scratch: &Scratch) -> Result<Snapshot, Error> {
        let empty = scratch.0.join("empty");
        make_dir(&empty)?;
        let (index, base) = (scratch.0.join("index"), scratch.0.join("base"));
        let admin = self.repository.admin(&self.folder)?;
        let git = Git::within(argument(&admin)?, argument(&empty)?).disarmed()?;
        fill_index(&git.with("GIT_INDEX_FILE", &base), &self.base)?;
        std::fs::copy(&base, &index).map_err(|error| Error::file("copy", &base, &error))?;

        let git = scratch.git(&self.git()?, &self.repository.common)?.with("GIT_INDEX_FILE", index);
        special_files::refuse(&self.folder)?;
        let (paths, mut whole) = self.paths_to_add(&git)?;
        self.refuse_large_in_sum(&git)?;
        // One unreadable file, or a nested repository without a commit, is no reason to fail.
        let mut argv = vec!["add", "--update", "--sparse", "--ignore-errors", "--"];
        argv.extend(paths.iter().map(String::as_str));
        let mut is_added = self.add(&git, &argv)?;
        let (new, left_new) = self.new_files(&git, &paths)?;
        if !new.is_empty() {
            let list = scratch.0.join("new");
            let names: Vec<u8> =
                new.iter().flat_map(|name| [name.as_slice(), &[0]].concat()).collect();
            std::fs::write(&list, names).map_err(|error| Error::file("write", &list, &error))?;
            let from = format!("--pathspec-from-file={}", argument(&list)?);
            let argv = ["add", "--sparse", "--ignore-errors", "--pathspec-file-nul", &from];
            is_added &= self.add(&git.clone().with("GIT_LITERAL_PATHSPECS", "1"), &argv)?;
        }
        let changed = self.changed(&git)?;
        let is_nested = |one: &ChangedFile| one.change.was == COMMIT || one.change.mode == COMMIT;
        whole &= is_added && !changed.iter().any(is_nested);
        self.restore(&git, &changed, &base, &scratch.0.join("made"))?;
        let changed = self.changed(&git)?;
        let mut left_out = self.leave_out(scratch, &git, changed)?;
        left_out.extend(left_new);
        left_out.sort_unstable();
        let tree = git.must(&["write-tree"], TREE)?.line();
        Ok(Snapshot { tree, whole, left_out })
    }

    /// Gives the index the base's entries of the files that the agent has not changed, and returns them.
    fn leave_out(
        &self,
        scratch: &Scratch,
        git: &Git,
        changed: Vec<ChangedFile>,
    ) -> Result<Vec<String>, Error> {
        let written = self.written();
        let is_own = |change: &FileChange| {
            let is_nested = change.was == COMMIT || change.mode == COMMIT;
            is_nested || written.has(&change.path, change.was == ABSENT)
        };
        let (own, mut left): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|one| is_own(&one.change));
        // A file cannot be in the index beside a folder of its name.
        let holds = |folder: &str, path: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let is_over = |one: &FileChange, other: &FileChange| {
            holds(&one.path, &other.path) || holds(&other.path, &one.path)
        };
        left.retain(|one| {
            one.change.mode != ABSENT || !own.iter().any(|own| is_over(&own.change, &one.change))
        });
        // New files first: they may stand where the base has a folder.
        left.sort_by_key(|one| one.change.was != ABSENT);
        let mut entries = Vec::new();
        for ChangedFile { object, change, name } in &left {
            // Mode 0 removes an entry.
            entries.extend_from_slice(format!("{} {object} 0\t", change.was).as_bytes());
            entries.extend_from_slice(name);
            entries.push(0);
        }
        if !left.is_empty() {
            let path = scratch.0.join("entries");
            std::fs::write(&path, entries).map_err(|error| Error::file("write", &path, &error))?;
            let argv = ["update-index", "-z", "--index-info"];
            git.clone().reading(path).must(&argv, TREE)?;
        }
        Ok(left.into_iter().map(|one| one.change.path).collect())
    }

    /// Adds files to the index. Returns whether all could be read.
    fn add(&self, git: &Git, argv: &[&str]) -> Result<bool, Error> {
        let added = git.run(argv, TREE, ANSWER_MAX)?;
        match added.ok || added.partly {
            true => Ok(added.ok),
            false => Err(self.unread(&added.complaint)),
        }
    }

    /// Lists the files that the base does not have: those that may belong to the patch, as git names them,
    /// and the paths of the others. Git never reads those: a run of tests can leave many, and large ones.
    fn new_files(&self, git: &Git, paths: &[String]) -> Result<(Vec<Vec<u8>>, Vec<String>), Error> {
        let mut argv = vec!["ls-files", "-z", "--others", "--exclude-standard", "--"];
        argv.extend(paths.iter().map(String::as_str));
        let listed = self.list_bytes(git, &argv)?;
        let (mut own, mut left) = (Vec::new(), Vec::new());
        for name in parts(&listed) {
            let path = String::from_utf8_lossy(name).into_owned();
            // A folder is a nested repository.
            if path.ends_with('/') || self.written().has(&path, true) {
                self.refuse_large_file(&path)?;
                own.push(name.to_owned());
            } else {
                left.push(path);
            }
        }
        Ok((own, left))
    }

    /// Returns a git that reads the trees and no attributes, neither of the files nor of an index: they
    /// could have a change shown in a form that nobody can read.
    pub(super) fn without_attributes(&self, scratch: &Scratch) -> Result<Git, Error> {
        let empty = scratch.0.join("empty");
        let admin = self.repository.admin(&self.folder)?;
        let git = Git::within(argument(&admin)?, argument(&empty)?);
        let git = scratch.git(&git, &self.repository.common)?;
        Ok(git.with("GIT_INDEX_FILE", scratch.0.join("none")))
    }

    /// Returns the paths to add, and whether they are all. Unmarks files outside of a sparse
    /// checkout that exist.
    fn paths_to_add(&self, git: &Git) -> Result<(Vec<String>, bool), Error> {
        let (mut paths, mut whole) = (vec![".".to_owned(), format!(":(exclude){EVIDENCE}")], true);
        let mut existing = Vec::new();
        for entry in self.list(git, &["ls-files", "-t", "--stage", "-z"])? {
            let Some((about, path)) = entry.split_once('\t') else { continue };
            let file = self.folder.join(path);
            let is_commit = about.split(' ').nth(1) == Some(COMMIT);
            if is_commit && file.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                paths.push(format!(":(exclude,literal){path}"));
                // Git checks a nested repository out as an empty folder: its files are missing.
                whole &= file.read_dir().is_ok_and(|mut inner| inner.next().is_none());
            } else if about.starts_with("S ") && file.symlink_metadata().is_ok() {
                existing.push(path.to_owned());
            }
        }
        for paths in existing.chunks(NAMES) {
            let mut argv = vec!["update-index", "--no-skip-worktree", "--"];
            argv.extend(paths.iter().map(String::as_str));
            git.must(&argv, TREE)?;
        }
        Ok((paths, whole))
    }

    /// Lists the differences between base and index.
    fn changed(&self, git: &Git) -> Result<Vec<ChangedFile>, Error> {
        let mut argv = vec!["diff-index", "--cached", "--raw", "--no-abbrev", "--no-renames", "-z"];
        argv.extend(["--ignore-submodules=none", &self.base]);
        let listed = self.list_bytes(git, &argv)?;
        let parts: Vec<&[u8]> = parts(&listed).collect();
        let file = |pair: &[&[u8]]| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (object, change) = raw_changes(&[text(pair[0]), text(pair[1])]).next()?;
            Some(ChangedFile { object, change, name: pair[1].to_owned() })
        };
        Ok(parts.chunks_exact(2).filter_map(file).collect())
    }

    /// Restores the base's object for files that equal a fresh checkout byte for byte. Git would
    /// normalise some, for instance their line ends, and report them as changed.
    fn restore(
        &self,
        git: &Git,
        changed: &[ChangedFile],
        base: &Path,
        made: &Path,
    ) -> Result<(), Error> {
        let is_file = |mode: &str| mode.starts_with("100");
        let files: Vec<_> = changed
            .iter()
            .filter(|one| is_file(&one.change.was) && is_file(&one.change.mode))
            .collect();
        let checkout = git.clone().with("GIT_INDEX_FILE", base);
        let prefix = format!("--prefix={}/", argument(made)?);
        for files in files.chunks(NAMES) {
            let mut argv = vec!["checkout-index", "--quiet", "--force", &prefix, "--"];
            argv.extend(files.iter().map(|one| one.change.path.as_str()));
            // A file that it could not write counts as changed.
            checkout.run(&argv, TREE, ANSWER_MAX)?;
            let same = files.iter().filter(|one| {
                let path = &one.change.path;
                is_same(&made.join(path), &self.folder.join(path)).unwrap_or(false)
            });
            let entry = |ChangedFile { object, change, .. }: &&ChangedFile| {
                format!("{},{object},{}", change.mode, change.path)
            };
            let entries: Vec<String> = same.map(entry).collect();
            let mut argv = vec!["update-index"];
            argv.extend(entries.iter().flat_map(|entry| ["--cacheinfo", entry]));
            git.must(&argv, TREE)?;
        }
        Ok(())
    }

    /// Runs a command that lists names; a cut list is an error.
    pub(super) fn list(&self, git: &Git, argv: &[&str]) -> Result<Vec<String>, Error> {
        self.list_bytes(git, argv).map(|listed| texts(&listed))
    }

    fn list_bytes(&self, git: &Git, argv: &[&str]) -> Result<Vec<u8>, Error> {
        let listed = git.run(argv, TREE, INDEX_MAX)?;
        match (listed.more, listed.ok) {
            (true, _) => Err(self.unread("it has too many files")),
            (_, false) => Err(self.unread(&listed.complaint)),
            _ => Ok(listed.output),
        }
    }

    fn unread(&self, why: &str) -> Error {
        Error::failed("read", self.folder.display(), why)
    }
}

/// Whether two files have the same bytes.
fn is_same(one: &Path, other: &Path) -> std::io::Result<bool> {
    let (size, other_size) = (one.symlink_metadata()?.len(), other.symlink_metadata()?.len());
    Ok(size == other_size && std::fs::read(one)? == std::fs::read(other)?)
}

/// Splits output at NUL bytes.
pub(super) fn texts(bytes: &[u8]) -> Vec<String> {
    parts(bytes).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}
