//! Second worktree with the base and a patch or a part of it, in which tests run without the other
//! files of the agent's worktree, such as those that the repository ignores.
//!
//! Promises: no branch is made, and the repository gets no objects. The patch is applied to git's
//! own form of the base, so that line ends and sparse checkouts make no difference.

use std::path::{Path, PathBuf};

use super::command::{ANSWER_MAX, Git, TREE, argument};
use super::repository::GitRepository;
use super::snapshot::{NAMES, Scratch, fill_index, texts};
use super::{Worktree, beside, canonical};
use crate::error::Error;
use crate::rules::verdict::PatchFile;
use crate::store::make_dir;

/// Bytes of a file of a patch that are read.
const FILE_MAX: u64 = 1 << 20;
/// Most files of a patch that are read.
const FILES_MAX: usize = 500;

/// Part of a patch.
#[derive(Debug, Clone, Copy)]
pub enum PatchPart<'a> {
    None,
    /// The changes of these files.
    Only(&'a [String]),
    Whole,
}

/// Worktree for the tests of a patch, without a folder of evidence.
#[derive(Debug)]
pub struct TestWorktree {
    pub folder: PathBuf,
    repository: GitRepository,
}

impl Worktree {
    /// Makes `folder` a worktree at the base of this one and applies a part of the patch of a file.
    /// A folder of an earlier run is removed first.
    pub fn test_worktree(
        &self,
        folder: &Path,
        patch: &Path,
        part: PatchPart<'_>,
    ) -> Result<TestWorktree, Error> {
        let folder = canonical(folder)?;
        let patch = patch.canonicalize().map_err(|error| Error::file("read", patch, &error))?;
        let worktree = TestWorktree { folder, repository: self.repository.clone() };
        worktree.remove()?;
        match worktree.fill(&self.base, &patch, part) {
            Ok(()) => Ok(worktree),
            Err(error) => {
                // The first failure is the one to report.
                let _ = worktree.remove();
                Err(error)
            }
        }
    }
}

impl Worktree {
    /// Returns the files that a patch changes in the base, with their texts before and after, or the
    /// reason why it cannot be applied.
    pub fn patch_files(&self, patch: &Path) -> Result<Result<Vec<PatchFile>, String>, Error> {
        let patch = patch.canonicalize().map_err(|error| Error::file("read", patch, &error))?;
        let scratch = Scratch::new(beside(&self.folder, "scan"))?;
        let (empty, index) = (scratch.folder().join("empty"), scratch.folder().join("index"));
        make_dir(&empty)?;
        let admin = self.repository.admin(&self.folder)?;
        let git = Git::within(argument(&admin)?, argument(&empty)?);
        let git = scratch.git(&git, &self.repository.common)?.with("GIT_INDEX_FILE", index);
        fill_index(&git, &self.base)?;
        if let Err(why) = apply(&git, &patch)? {
            return Ok(Err(why));
        }
        let text = |object: String| {
            let read = git.run(&["cat-file", "blob", &object], TREE, FILE_MAX)?;
            Ok(if read.ok { read.output } else { Vec::new() })
        };
        let mut files = Vec::new();
        for path in changed(&git, &self.base)? {
            let mut both = Vec::new();
            if files.len() < FILES_MAX {
                both = text(format!("{}:{path}", self.base))?;
                both.push(b'\n');
                both.extend(text(format!(":{path}"))?);
            }
            files.push(PatchFile { path, texts: String::from_utf8_lossy(&both).into_owned() });
        }
        Ok(Ok(files))
    }
}

/// Applies a patch to the index. Returns the reason why it does not fit.
fn apply(git: &Git, patch: &Path) -> Result<Result<(), String>, Error> {
    let argv = ["apply", "--cached", "--whitespace=nowarn", argument(patch)?];
    let applied = git.run(&argv, TREE, ANSWER_MAX)?;
    match (applied.ok, applied.partly) {
        (true, _) => Ok(Ok(())),
        (_, true) => Ok(Err(applied.complaint)),
        _ => Err(Error::failed("apply", patch.display(), applied.complaint)),
    }
}

/// Returns the paths at which index and base differ.
fn changed(git: &Git, base: &str) -> Result<Vec<String>, Error> {
    let argv = ["diff-index", "--cached", "--name-only", "--no-renames", "-z"];
    let listed = git.must(&[&argv[..], &["--ignore-submodules=none", base]].concat(), TREE)?;
    Ok(texts(&listed.output))
}

impl TestWorktree {
    fn fill(&self, base: &str, patch: &Path, part: PatchPart<'_>) -> Result<(), Error> {
        self.repository.add_worktree(&self.folder, &["--detach", base])?;
        let scratch = Scratch::new(beside(&self.folder, "scan"))?;
        let git = scratch.git(&self.repository.git_in(&self.folder)?, &self.repository.common)?;
        fill_index(&git, base)?;
        if !matches!(part, PatchPart::None) {
            let applied = apply(&git, patch)?;
            applied.map_err(|why| Error::failed("apply", patch.display(), why))?;
        }
        if let PatchPart::Only(kept) = part {
            let all = changed(&git, base)?;
            let others: Vec<String> = all.into_iter().filter(|path| !kept.contains(path)).collect();
            for paths in others.chunks(NAMES) {
                let mut argv = vec!["reset", "--quiet", "--no-recurse-submodules", base, "--"];
                argv.extend(paths.iter().map(String::as_str));
                git.clone().with("GIT_LITERAL_PATHSPECS", "1").must(&argv, TREE)?;
            }
        }
        git.must(&["checkout-index", "--all", "--force", "--quiet", "--index"], TREE)?;
        // The patch's objects go away; in this worktree git shows an uncommitted change.
        git.must(&["reset", "--quiet", "--no-recurse-submodules"], TREE).map(drop)
    }

    /// Removes the worktree with its files.
    pub fn remove(&self) -> Result<(), Error> {
        self.repository.remove_worktree(&self.folder)
    }
}

/// Removes the test worktree of a crashed session.
pub fn remove_test_worktree(repo: &Path, folder: &Path) -> Result<(), Error> {
    TestWorktree { folder: canonical(folder)?, repository: GitRepository::find(repo)? }.remove()
}
