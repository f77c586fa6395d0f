//! The commit of a pull request: a proven patch on the newest commit of the base branch.
//!
//! Promises: no working tree; the same patch, base, message, name and date give the same commit. A
//! patch is used on a newer base only when none of its files has changed there.

use std::path::PathBuf;

use super::{FetchedBase, RemoteRepository};
use crate::edge::git::command::{ANSWER_MAX, Git, TREE, argument};
use crate::edge::git::snapshot::texts;
use crate::error::Error;
use crate::rules::verdict::patch_gate::{Difference, DifferingFile, ListedChange, listing};
use crate::store;

/// Longest list of changes in bytes.
const LIST_MAX: u64 = 4 << 20;
/// Longest text of a file that the gate reads, in bytes.
const TEXT_MAX: u64 = 1 << 20;
/// Most files whose texts are read: as many as the configuration lets a gate pass.
const TEXTS_MAX: usize = 500;

/// Author and committer of a commit.
#[derive(Debug, Clone, Copy)]
pub struct CommitIdentity<'a> {
    pub name: &'a str,
    pub mail: &'a str,
    /// Seconds since 1970, UTC.
    pub seconds: i64,
}

/// Result of putting a patch on the newest base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// The commit, and its difference from the newest base.
    Commit { commit: String, difference: Difference },
    /// The newest base has the changes already.
    AlreadyApplied,
    /// Files of the patch are not as they were when it was proven.
    FilesMoved { paths: Vec<String> },
    /// The patch does not fit the commit on which it was proven.
    DoesNotApply { why: String },
}

impl RemoteRepository {
    /// Makes the commit of a patch.
    pub fn candidate(
        &self,
        base: &FetchedBase,
        patch: &[u8],
        message: &str,
        who: CommitIdentity<'_>,
    ) -> Result<Candidate, Error> {
        let tree = match self.patched(&base.proven, patch)? {
            Ok(tree) => tree,
            Err(why) => return Ok(Candidate::DoesNotApply { why }),
        };
        let listed = match self.listed(&base.proven, &tree)? {
            Ok(listed) => listed,
            Err(why) => {
                let why = format!("the list of changes {why}");
                return Ok(Candidate::DoesNotApply { why });
            }
        };
        if listed.is_empty() {
            return Ok(Candidate::AlreadyApplied);
        }
        if base.tip == base.proven {
            return self.commit(base, &tree, listed, patch, message, who);
        }
        let moved = self.moved(base, &listed)?;
        if !moved.is_empty() {
            let is_applied = self.is_applied(base, &tree, &listed)?;
            return Ok(if is_applied {
                Candidate::AlreadyApplied
            } else {
                Candidate::FilesMoved { paths: moved }
            });
        }
        match self.patched(&base.tip, patch)? {
            Ok(tree) => match self.listed(&base.tip, &tree)? {
                Ok(on_tip) if on_tip == listed => {
                    self.commit(base, &tree, listed, patch, message, who)
                }
                _ => Ok(Candidate::FilesMoved { paths: names(&listed) }),
            },
            // A folder of a new file has become a file.
            Err(_) => Ok(Candidate::FilesMoved { paths: names(&listed) }),
        }
    }

    /// Returns the tree of a commit with the patch, or the reason why it does not fit.
    fn patched(&self, commit: &str, patch: &[u8]) -> Result<Result<String, String>, Error> {
        let index = self.scratch("index")?;
        let git = self.git()?.with("GIT_INDEX_FILE", index);
        git.must(&["read-tree", commit], TREE)?;
        let file = self.scratch("patch")?;
        store::replace(&file, patch)?;
        let argv = ["apply", "--cached", "--whitespace=nowarn", argument(&file)?];
        let applied = git.run(&argv, TREE, ANSWER_MAX)?;
        if !applied.ok && is_of_machine(&applied.complaint) {
            return Err(Error::failed("apply", "the patch", applied.complaint));
        }
        if !applied.ok {
            return Ok(Err(applied.complaint));
        }
        Ok(Ok(git.must(&["write-tree"], TREE)?.line()))
    }

    /// Returns the difference of two trees, as the gate reads it.
    fn listed(&self, from: &str, to: &str) -> Result<Result<Vec<ListedChange>, String>, Error> {
        let mut argv = vec!["diff-tree", "-r", "-z", "--raw", "--numstat", "--no-abbrev"];
        argv.extend(["--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"]);
        argv.extend(["--ignore-submodules=none", from, to]);
        let listed = self.git()?.run(&argv, TREE, LIST_MAX)?;
        if !listed.ok {
            return Err(Error::failed("compare", from, listed.complaint));
        }
        Ok(if listed.more { Err("is too long".to_owned()) } else { listing::parse(&listed.output) })
    }

    /// Returns the paths of the patch that differ between the proven commit and the newest.
    fn moved(&self, base: &FetchedBase, listed: &[ListedChange]) -> Result<Vec<String>, Error> {
        let mut argv = vec!["diff-tree", "-r", "-z", "--name-only", "--no-renames"];
        argv.extend(["--ignore-submodules=none", &base.proven, &base.tip, "--"]);
        argv.extend(listed.iter().map(|one| one.change.path.as_str()));
        let moved = self.git()?.run(&argv, TREE, LIST_MAX)?;
        if moved.ok { Ok(texts(&moved.output)) } else { Err(failed(&base.tip, moved.complaint)) }
    }

    /// Whether merging the patch with the newest base changes nothing there.
    fn is_applied(
        &self,
        base: &FetchedBase,
        tree: &str,
        listed: &[ListedChange],
    ) -> Result<bool, Error> {
        for one in listed.iter().take(TEXTS_MAX) {
            let path = &one.change.path;
            let tip = self.entry(&base.tip, path)?;
            if tip == self.entry(tree, path)? {
                continue;
            }
            let sides = [&base.tip, &base.proven, tree].map(|side| self.blob(side, path));
            let [Ok(Some(ours)), Ok(Some(old)), Ok(Some(theirs))] = sides else {
                return Ok(false);
            };
            let mut argv = vec!["merge-file".to_owned(), "--stdout".to_owned(), "-q".to_owned()];
            for (name, bytes) in [("ours", &ours), ("old", &old), ("theirs", &theirs)] {
                let file = self.scratch(name)?;
                store::replace(&file, bytes)?;
                argv.push(argument(&file)?.to_owned());
            }
            let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
            let merged = self.git()?.run(&argv, TREE, TEXT_MAX + 1)?;
            if !merged.ok || merged.more || merged.output != ours {
                return Ok(false);
            }
        }
        Ok(listed.len() <= TEXTS_MAX)
    }

    /// Returns mode, kind and object of a path in a tree, as `ls-tree` lists them; empty without one.
    fn entry(&self, tree: &str, path: &str) -> Result<String, Error> {
        let listed = self.git()?.must(&["ls-tree", "-z", "--full-tree", tree, "--", path], TREE)?;
        let text = texts(&listed.output).into_iter().next().unwrap_or_default();
        Ok(text.split('\t').next().unwrap_or_default().to_owned())
    }

    /// Returns the bytes of a regular file in a tree.
    fn blob(&self, tree: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let entry = self.entry(tree, path)?;
        match entry.split(' ').collect::<Vec<_>>()[..] {
            [mode, "blob", object] if mode.starts_with("100") => self.object(&self.git()?, object),
            _ => Ok(None),
        }
    }

    /// Whether a file of a commit has a text, not as a part of a longer word.
    pub fn has_text(&self, commit: &str, text: &str) -> Result<bool, Error> {
        let argv =
            ["grep", "--quiet", "--word-regexp", "--fixed-strings", "-e", text, commit, "--"];
        let found = self.git()?.run(&argv, TREE, ANSWER_MAX)?;
        match (found.ok, found.partly) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(Error::failed("search", commit, found.complaint)),
        }
    }

    fn object(&self, git: &Git, object: &str) -> Result<Option<Vec<u8>>, Error> {
        let read = git.run(&["cat-file", "blob", object], TREE, TEXT_MAX)?;
        Ok((read.ok && !read.more).then_some(read.output))
    }

    /// Makes the commit, and reads what the gate needs.
    fn commit(
        &self,
        base: &FetchedBase,
        tree: &str,
        listed: Vec<ListedChange>,
        patch: &[u8],
        message: &str,
        who: CommitIdentity<'_>,
    ) -> Result<Candidate, Error> {
        let file = self.scratch("message")?;
        store::replace(&file, message.as_bytes())?;
        let date = format!("@{} +0000", who.seconds);
        let mut git = self.git()?.setting("i18n.commitEncoding", "UTF-8");
        for role in ["AUTHOR", "COMMITTER"] {
            git = git.with(&format!("GIT_{role}_NAME"), who.name);
            git = git.with(&format!("GIT_{role}_EMAIL"), who.mail);
            git = git.with(&format!("GIT_{role}_DATE"), &date);
        }
        let argv = ["commit-tree", tree, "-p", &base.tip, "-F", argument(&file)?];
        let commit = git.must(&argv, TREE)?.line();
        let mut files = Vec::new();
        for (n, one) in listed.into_iter().enumerate() {
            let text = |mode: &str, object: &str| match mode {
                _ if n >= TEXTS_MAX || one.lines.is_none() => Ok(None),
                "000000" => Ok(Some(String::new())),
                _ if mode.starts_with("100") => {
                    let bytes = self.object(&git, object)?;
                    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
                }
                _ => Ok(None),
            };
            let before = text(&one.change.was, &one.old_object)?;
            let after = text(&one.change.mode, &one.object)?;
            files.push(DifferingFile { change: one.change, lines: one.lines, before, after });
        }
        let difference = Difference { files, patch_bytes: patch.len() as u64 };
        Ok(Candidate::Commit { commit, difference })
    }

    /// Returns the path of a file for git, which does not exist.
    fn scratch(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        store::remove(&path).map_err(|error| Error::file("remove", &path, &error))?;
        Ok(path)
    }
}

fn names(listed: &[ListedChange]) -> Vec<String> {
    listed.iter().map(|one| one.change.path.clone()).collect()
}

/// Whether git complains of this machine, and not of the patch.
fn is_of_machine(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    let words =
        ["no space left", "unable to write", "file too large", "disk quota", "read-only file"];
    words.iter().any(|word| complaint.contains(word))
}

fn failed(commit: &str, why: String) -> Error {
    Error::failed("compare", commit, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_of_the_machine_is_no_verdict_on_a_patch() {
        let rows = [
            ("error: patch failed: src/a.py:1; error: src/a.py: patch does not apply", false),
            ("error: No valid patches in input (allow with \"--allow-empty\")", false),
            ("error: corrupt patch at line 5", false),
            ("error: src/a.py: does not exist in index", false),
            ("error: unable to write loose object file: No space left on device", true),
            ("fatal: unable to write new index file", true),
            ("fatal: write error: File too large", true),
            ("fatal: cannot create 'x': Read-only file system", true),
        ];
        for (complaint, expected) in rows {
            assert_eq!(is_of_machine(complaint), expected, "{complaint}");
        }
    }
}
