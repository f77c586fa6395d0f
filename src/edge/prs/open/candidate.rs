//! The commit of a fix on the newest base: fetched, made, checked.

use std::path::Path;

use super::Opening;
use super::stop::{Halt, Stop};
use super::way::{MAIL, OpeningGit, WORK};
use crate::config::{Evidence, Settings};
use crate::edge::git::PATCH_MAX;
use crate::edge::git::remote::{Candidate, CommitIdentity, RemoteError, RemoteErrorKind};
use crate::edge::supervisor::{files, patch_hash};
use crate::error::Error;
use crate::regular_file;
use crate::rules::evidence::redact::Redactor;
use crate::rules::pull_request::document::BASE_MOVED;
use crate::rules::pull_request::published;
use crate::rules::verdict::patch_gate::{self, Difference, FORBIDDEN, ForbiddenPaths, GatePolicy};
use crate::text::safe;

/// The bytes of a repository that may be too large: half of the limit on what is fetched.
const LARGE: u64 = 512 << 20;
/// The author of the commits.
const NAME: &str = "dlq-tools";

impl Opening<'_> {
    /// Reads the patch, and compares it with the record of the session.
    pub(super) fn patch(&self, folder: &Path) -> Result<Vec<u8>, Halt> {
        let path = folder.join(files::PATCH);
        let bytes = match regular_file::read(&path, PATCH_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let why = format!("'{}' is not there any more", path.display());
                return Err(Stop::Refused("patch_missing", why).into());
            }
            read => read.map_err(|error| Error::file("read", &path, &error))?,
        };
        if self.fix.session.patch != Some(patch_hash(&path)?) {
            let why =
                format!("'{}' is not the patch that the session has recorded", path.display());
            return Err(Stop::Refused("patch_changed", why).into());
        }
        Ok(bytes)
    }

    /// Makes the commit of the patch on the newest base, and checks it. Returns commit and base.
    pub(super) fn candidate(
        &self,
        git: &OpeningGit,
        base: &str,
        patch: &[u8],
    ) -> Result<(String, String), Halt> {
        let facts = &self.fix.facts;
        // A session of code without a commit of its own, such as one without a checkout.
        if !is_commit(&facts.base) {
            let why = "its session has recorded no commit that the patch belongs to";
            return Err(Stop::Refused("base_unknown", why.to_owned()).into());
        }
        let token = self.client.token();
        let fetched = git.bare.fetch(&git.access(&git.from, &token), base, &facts.base);
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return Err(self.fetch_failure(error, base)),
        };
        let message = published::commit_message(&self.summary(None, &fetched.tip));
        // The same for each try, so that a repetition finds its own commit.
        let seconds = facts.ended_at.millis() / 1000;
        let who = CommitIdentity { name: NAME, mail: MAIL, seconds };
        let refused = |word, why: String| Err(Stop::Refused(word, why).into());
        match git.bare.candidate(&fetched, patch, &message, who)? {
            Candidate::Commit { commit, difference } => {
                gate(self.prs.settings, &difference)?;
                self.check_disclosure(&git.bare, &fetched.tip, &difference)?;
                Ok((commit, fetched.tip))
            }
            Candidate::AlreadyApplied => {
                refused("already_fixed", format!("branch '{base}' has the change already"))
            }
            Candidate::FilesMoved { paths } => {
                let named: Vec<_> = paths.iter().take(5).map(|path| safe(path)).collect();
                let why = format!(
                    "branch '{base}' has changed in files of the fix since its proof: {}",
                    named.join(", ")
                );
                refused(BASE_MOVED, why)
            }
            Candidate::DoesNotApply { why } => {
                refused("does_not_apply", format!("the patch does not apply: {}", safe(&why)))
            }
        }
    }

    /// Returns why a fetch has failed. A full disk ends it with the words of a repository that is too
    /// large, and a page of a proxy looks like a repository without branches: neither is a verdict on
    /// the fix.
    fn fetch_failure(&self, error: RemoteError, base: &str) -> Halt {
        let size = size_of(&self.prs.store.dir().join(WORK));
        match error.kind {
            RemoteErrorKind::TooLarge if size < LARGE => {
                let why = "the repository cannot be written: the disk is full, or the size of files is limited";
                Stop::Failed(why.to_owned()).into()
            }
            RemoteErrorKind::BranchMissing => {
                let path = format!("/repos/{}/branches/{base}", self.repo.full_name);
                match self.client.get(&path) {
                    Ok(None) => error.into(),
                    Ok(Some(_)) => Stop::Failed(error.sentence).into(),
                    Err(error) => Stop::from(error).into(),
                }
            }
            _ => error.into(),
        }
    }
}

/// Returns the bytes of the files in a folder and those inside of it.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Checks the difference that would be pushed. The first reason names the refusal, and all are told.
fn gate(settings: &Settings, difference: &Difference) -> Result<(), Halt> {
    let github = &settings.github;
    let forbidden =
        FORBIDDEN.iter().copied().chain(github.forbidden_paths.iter().map(String::as_str));
    let policy = GatePolicy {
        max_files: github.max_files as usize,
        max_lines: u64::from(github.max_lines),
        allow_build_files: github.allow_build_files,
        forbidden: ForbiddenPaths::new(&forbidden.collect::<Vec<_>>()).map_err(Error::wrong)?,
        ..GatePolicy::default()
    };
    let refusals = patch_gate::judge(&policy, &redactor(settings)?, difference);
    let Some(first) = refusals.first() else { return Ok(()) };
    let all: Vec<&str> = refusals.iter().map(|one| one.sentence.as_str()).collect();
    Err(Stop::Refused(first.reason.as_str(), all.join("; ")).into())
}

/// Returns the configured redaction.
pub(super) fn redactor(settings: &Settings) -> Result<Redactor, Error> {
    let Evidence { redact, redact_allow, .. } = &settings.evidence;
    Redactor::new(redact, redact_allow).map_err(Error::wrong)
}

/// Whether a text is the full hash of a commit.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
