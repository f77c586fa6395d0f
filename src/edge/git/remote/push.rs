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
    /// The repository lacks ancestors of the commit, which this one has not fetched.
    LacksHistory,
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
        Ok(match refusal(failure.kind, &errors, &line) {
            Some(PushRefusal::Shallow) => PushOutcome::LacksHistory,
            Some(PushRefusal::Workflow) => PushOutcome::WorkflowScope {
                sentence: sentence("the token may not change workflows"),
            },
            Some(PushRefusal::Rule) => PushOutcome::Protected {
                sentence: sentence("a rule of the repository refuses the push"),
            },
            Some(PushRefusal::Permission) => {
                PushOutcome::Denied { sentence: sentence("the token may not push") }
            }
            None => return Err(failure),
        })
    }
}

/// Reasons of a server that has judged a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PushRefusal {
    Shallow,
    Workflow,
    Rule,
    Permission,
}

/// Tells why a push was refused, by what the server said and by the line about the reference.
fn refusal(kind: RemoteErrorKind, errors: &str, line: &str) -> Option<PushRefusal> {
    let said = format!("{errors}\n{line}").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["shallow update not allowed"]) {
        return Some(PushRefusal::Shallow);
    }
    if has(&WORKFLOW) {
        return Some(PushRefusal::Workflow);
    }
    if has(&PROTECTED) || line.contains("[remote rejected]") {
        return Some(PushRefusal::Rule);
    }
    let is_denied = matches!(kind, RemoteErrorKind::Denied | RemoteErrorKind::NotFound);
    is_denied.then_some(PushRefusal::Permission)
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

#[cfg(test)]
mod tests {
    use super::super::failure;
    use super::*;

    const REF: &str = "refs/heads/dlq/x-1";

    fn rejected(why: &str) -> String {
        format!("!\t0123:{REF}\t[remote rejected] ({why})")
    }

    /// The texts are those of github.com, but for the names.
    #[test]
    fn refusal_is_told_by_the_words_of_the_server() {
        let rows = [
            (
                "workflow scope of a classic token",
                "error: failed to push some refs to 'https://github.com/a/b.git'",
                rejected(
                    "refusing to allow a Personal Access Token to create or update workflow \
                     `.github/workflows/ci.yml` without `workflow` scope",
                ),
                Some(PushRefusal::Workflow),
            ),
            (
                "workflows permission of an app",
                "",
                rejected(
                    "refusing to allow a GitHub App to create or update workflow \
                     `.github/workflows/ci.yml` without `workflows` permission",
                ),
                Some(PushRefusal::Workflow),
            ),
            (
                "protected branch",
                "remote: error: GH006: Protected branch update failed for refs/heads/main.",
                rejected("protected branch hook declined"),
                Some(PushRefusal::Rule),
            ),
            (
                "ruleset",
                "remote: error: GH013: Repository rule violations found for refs/heads/dlq/x-1.\n\
                 remote: - Commits must have verified signatures.",
                rejected("push declined due to repository rule violations"),
                Some(PushRefusal::Rule),
            ),
            ("hook", "remote: no", rejected("pre-receive hook declined"), Some(PushRefusal::Rule)),
            (
                "no write permission",
                "remote: Permission to a/b.git denied to bot.\nfatal: unable to access \
                 'https://github.com/a/b.git/': The requested URL returned error: 403",
                String::new(),
                Some(PushRefusal::Permission),
            ),
            (
                "read-only fine-grained token",
                "remote: Write access to repository not granted.\nfatal: unable to access \
                 'https://github.com/a/b.git/': The requested URL returned error: 403",
                String::new(),
                Some(PushRefusal::Permission),
            ),
            (
                "archived",
                "remote: This repository was archived so it is read-only.\nfatal: unable to \
                 access 'https://github.com/a/b.git/': The requested URL returned error: 403",
                String::new(),
                Some(PushRefusal::Permission),
            ),
            (
                "not visible",
                "remote: Repository not found.\nfatal: repository \
                 'https://github.com/a/b.git/' not found",
                String::new(),
                Some(PushRefusal::Permission),
            ),
            (
                "broken connection",
                "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\n\
                 send-pack: unexpected disconnect while reading sideband packet",
                String::new(),
                None,
            ),
        ];
        for (rule, errors, line, expected) in rows {
            assert_eq!(refusal(failure::kind(errors), errors, &line), expected, "{rule}");
        }
    }

    #[test]
    fn status_line_is_that_of_the_reference() {
        let output = format!(
            "To https://github.com/a/b.git\n*\t1:refs/heads/other\t[new branch]\n\
             =\t2:{REF}\t[up to date]\nDone\n"
        );
        let line = status_line(output.as_bytes(), REF).unwrap();
        assert_eq!(line, format!("=\t2:{REF}\t[up to date]"));
        assert_eq!(status_line(output.as_bytes(), "refs/heads/dlq/x"), None);
    }
}
