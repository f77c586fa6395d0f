//! Pushing a commit to a branch that is as expected.
//!
//! The server compares the expected commit with the branch in the moment of the change, so that of
//! two machines that make the same branch one fails, and no commit that somebody else has pushed is
//! overwritten.

use super::failure::{RemoteError, RemoteErrorKind};
use super::{RemoteAccess, RemoteRepository, is_object_id};
use crate::edge::command::CommandResult;

/// Result of a push that the server has judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// The branch is at the commit now.
    Pushed,
    /// The branch was at the commit before.
    AlreadyThere,
    /// The branch is not as expected, and stays; `None`: it does not exist.
    LeaseLost { actual: Option<String> },
    /// The token may not change files of workflows.
    WorkflowScope { sentence: String },
    /// A rule of the repository refuses: a protected branch, a ruleset, a secret that was found, a
    /// signature that is missing.
    Protected { sentence: String },
    /// The token may not push.
    Denied { sentence: String },
}

impl RemoteRepository {
    /// Pushes a commit to a branch whose head is `expected`; `None`: that does not exist yet.
    pub fn push(
        &self,
        access: &RemoteAccess<'_>,
        commit: &str,
        branch: &str,
        expected: Option<&str>,
    ) -> Result<PushOutcome, RemoteError> {
        let is_id = |id: Option<&str>| id.is_none_or(is_object_id);
        if !is_id(Some(commit)) || !is_id(expected) {
            return Err(RemoteError::other(access, "a commit is not named by its hash"));
        }
        let reference = format!("refs/heads/{branch}");
        self.check_reference(&reference)?;
        let lease = format!("--force-with-lease={reference}:{}", expected.unwrap_or_default());
        let refspec = format!("{commit}:{reference}");
        let mut argv = vec!["push", "--porcelain", "--no-progress", "--no-verify", "--no-signed"];
        argv.extend(["--no-follow-tags", "--recurse-submodules=no", "--atomic", &lease]);
        argv.extend(["--", access.url.as_str(), &refspec]);
        let ran = access.run(&self.git()?, &argv)?;
        let status = ran.status.and_then(|status| status.code());
        let line = status_line(&ran.output, &reference);
        match (status, &line) {
            (Some(0), Some(line)) if line.starts_with('=') => Ok(PushOutcome::AlreadyThere),
            (Some(0), Some(_)) => Ok(PushOutcome::Pushed),
            _ => self.refused(access, commit, &reference, expected, &ran),
        }
    }

    /// Judges a push that has failed. The branch decides first: an answer may have been lost.
    fn refused(
        &self,
        access: &RemoteAccess<'_>,
        commit: &str,
        reference: &str,
        expected: Option<&str>,
        ran: &CommandResult,
    ) -> Result<PushOutcome, RemoteError> {
        let failure = RemoteError::from_result(access, ran);
        let errors = String::from_utf8_lossy(&ran.errors);
        let line = status_line(&ran.output, reference).unwrap_or_default();
        let said = format!("{errors}\n{line}").to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        // A server that does not know the token is not asked again.
        if failure.kind == RemoteErrorKind::Auth {
            return Err(failure);
        }
        let actual = match self.ls_remote(access, reference) {
            Ok(actual) => actual,
            Err(_) => return Err(failure),
        };
        if actual.as_deref() == Some(commit) {
            return Ok(PushOutcome::Pushed);
        }
        if actual.as_deref() != expected {
            return Ok(PushOutcome::LeaseLost { actual });
        }
        let sentence = |why: &str| access.explained(why, &explanation(&errors, &line));
        if has(&WORKFLOW) {
            return Ok(PushOutcome::WorkflowScope {
                sentence: sentence("the token may not change workflows"),
            });
        }
        if has(&PROTECTED) || line.contains("[remote rejected]") {
            return Ok(PushOutcome::Protected {
                sentence: sentence("a rule of the repository refuses the push"),
            });
        }
        if failure.kind == RemoteErrorKind::Denied || failure.kind == RemoteErrorKind::NotFound {
            return Ok(PushOutcome::Denied { sentence: sentence("the token may not push") });
        }
        Err(failure)
    }
}

/// Phrases of a server that refuses a change of workflows, in lower case.
const WORKFLOW: [&str; 2] = ["without `workflow` scope", "without `workflows` permission"];
/// Phrases of a rule that refuses, in lower case.
const PROTECTED: [&str; 5] =
    ["protected branch", "rule violations", "gh006", "gh013", "hook declined"];

/// Returns the line about a reference in `push --porcelain`: a flag, a tab, `FROM:TO`, a tab, words.
fn status_line(output: &[u8], reference: &str) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let is_it = |line: &&str| {
        let mut parts = line.split('\t').skip(1);
        parts.next().is_some_and(|pair| pair.ends_with(&format!(":{reference}")))
    };
    text.lines().find(is_it).map(str::to_owned)
}

/// Returns what the server said; without that, the words of the line about the reference.
fn explanation(errors: &str, line: &str) -> String {
    if errors.lines().any(|line| line.starts_with("remote:")) || line.is_empty() {
        return errors.to_owned();
    }
    format!("error: {}", line.split('\t').nth(2).unwrap_or_default())
}
