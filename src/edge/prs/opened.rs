//! A repository and a pull request, as GitHub's REST interface describes them.

use serde::Deserialize;

use crate::event::PullRequestFacts;
use crate::rules::pull_request::origin::is_same_account;
use crate::rules::pull_request::published::Audience;
use crate::rules::pull_request::reading::{
    ChecksState, LostParts, MergingItself, PullRequestAuthor, PullRequestHead, PullRequestReading,
    PullRequestState, ReviewReading,
};
use crate::rules::pull_request::watch::{self, WatchedPullRequest};
use crate::time::Timestamp;

/// The facts of a repository that decide what is opened there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RepositoryFacts {
    /// The name as it is now: a repository may have been renamed.
    pub(super) full_name: String,
    pub(super) default_branch: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    private: Option<bool>,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    pub(super) has_issues: Option<bool>,
    /// The repository of which it is a fork, and the first of their line.
    #[serde(default)]
    parent: Option<RepositoryName>,
    #[serde(default)]
    source: Option<RepositoryName>,
}

/// A repository that another answer names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct RepositoryName {
    #[serde(default)]
    full_name: String,
}

impl RepositoryFacts {
    /// Returns why nothing can be opened there.
    pub(super) fn closed(&self) -> Option<&'static str> {
        self.archived.then_some("the repository is archived")
    }

    /// Whether it is a fork of another one.
    pub(super) fn is_fork_of(&self, other: &str) -> bool {
        let origins = self.parent.iter().chain(&self.source);
        origins.into_iter().any(|one| one.full_name.eq_ignore_ascii_case(other))
    }

    /// Returns who reads what is published there. A visibility that is not known is a public one.
    pub(super) fn audience(&self, is_evidence_public: bool) -> Audience {
        let is_private = match self.visibility.as_deref() {
            Some("private" | "internal") => self.private != Some(false),
            Some(_) => false,
            None => self.private == Some(true),
        };
        if is_private || is_evidence_public { Audience::Members } else { Audience::Everybody }
    }
}

/// A pull request, as it was answered.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct PullRequestAnswer {
    pub(super) node_id: String,
    pub(super) number: u64,
    pub(super) html_url: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    head: HeadBranch,
    #[serde(default)]
    base: BaseBranch,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct User {
    #[serde(default)]
    login: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct HeadBranch {
    #[serde(default)]
    sha: String,
    #[serde(default, rename = "ref")]
    branch: String,
    #[serde(default)]
    repo: Option<RepositoryName>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct BaseBranch {
    #[serde(default)]
    sha: String,
    #[serde(default, rename = "ref")]
    branch: String,
}

impl PullRequestAnswer {
    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        !self.state.is_empty() && self.state != "open"
    }

    /// Whether an account has opened it, and its body has a marker. Where the account is not known, the
    /// marker decides.
    pub(super) fn is_by(&self, login: Option<&str>, marker: &str) -> bool {
        let author = self.user.as_ref().map(|user| user.login.as_str());
        let is_author =
            login.is_none_or(|login| author.is_some_and(|author| is_same_account(author, login)));
        is_author && self.has(marker)
    }

    /// Whether its body has a text.
    pub(super) fn has(&self, text: &str) -> bool {
        self.body.as_deref().is_some_and(|body| body.contains(text))
    }

    /// Returns its branch.
    pub(super) fn branch(&self) -> &str {
        &self.head.branch
    }

    /// Whether its branch is in a repository, as far as is known.
    pub(super) fn is_from(&self, repo: &str) -> bool {
        let from = self.head.repo.as_ref();
        from.is_none_or(|from| from.full_name.eq_ignore_ascii_case(repo))
    }

    /// Whether its branch is known to be in a repository.
    pub(super) fn is_in(&self, repo: &str) -> bool {
        let from = self.head.repo.as_ref();
        from.is_some_and(|from| from.full_name.eq_ignore_ascii_case(repo))
    }

    /// Returns the commit of its base.
    pub(super) fn base_commit(&self) -> Option<&str> {
        Some(self.base.sha.as_str()).filter(|commit| !commit.is_empty())
    }

    pub(super) fn is_merged(&self) -> bool {
        self.merged_at.is_some()
    }

    /// Returns the record of a pull request that was opened just now.
    pub(super) fn record(&self, repo: &str, now: Timestamp) -> WatchedPullRequest {
        let login = self.user.as_ref().map_or(String::new(), |user| user.login.clone());
        let reading = PullRequestReading {
            id: self.node_id.clone(),
            repo: repo.to_owned(),
            number: self.number,
            title: self.title.clone(),
            url: self.html_url.clone(),
            author: PullRequestAuthor { is_app: login.ends_with("[bot]"), login },
            state: PullRequestState::Open,
            is_draft: self.draft,
            base: self.base.branch.clone(),
            head: PullRequestHead {
                branch: self.head.branch.clone(),
                commit: self.head.sha.clone(),
                repo: None,
            },
            created_at: now,
            checks: ChecksState::Unavailable,
            review: ReviewReading::default(),
            merging: MergingItself::Unavailable,
            has_conflicts: None,
            labels: Vec::new(),
            renewed_at: None,
            lost: LostParts::default(),
        };
        watch::opened_record(&reading, now)
    }

    /// Returns the facts for an event. Checks and reviews are not known here, and one that has ended
    /// waits for nobody.
    pub(super) fn facts(&self, repo: &str, owner: Option<&str>) -> PullRequestFacts {
        let turn = if self.is_over() { "nobody" } else { "author" };
        PullRequestFacts {
            repo: repo.to_owned(),
            number: self.number,
            title: self.title.split_whitespace().collect::<Vec<_>>().join(" "),
            url: self.html_url.clone(),
            author: self.user.as_ref().map(|user| user.login.clone()),
            draft: self.draft,
            checks: None,
            review: None,
            turn: Some(turn.into()),
            waiting_on: owner.filter(|_| !self.is_over()).map(str::to_owned),
            age_s: 0,
            ours: true,
            automated: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_request_that_has_ended_waits_for_nobody() {
        let rows = [
            ("open", "author", Some("ann")),
            ("", "author", Some("ann")),
            ("closed", "nobody", None),
        ];
        for (state, turn, waiting_on) in rows {
            let answer = PullRequestAnswer { state: state.into(), ..PullRequestAnswer::default() };
            let facts = answer.facts("a/b", Some("ann"));
            assert_eq!(
                (facts.turn.as_deref(), facts.waiting_on.as_deref()),
                (Some(turn), waiting_on),
                "{state}"
            );
        }
    }

    #[test]
    fn repository_that_is_not_known_to_be_private_is_public() {
        let rows = [
            (Some(true), Some("private"), Audience::Members),
            (Some(true), Some("internal"), Audience::Members),
            (Some(false), Some("public"), Audience::Everybody),
            (Some(true), Some("public"), Audience::Everybody),
            (Some(false), Some("private"), Audience::Everybody),
            (Some(true), None, Audience::Members),
            (None, None, Audience::Everybody),
            (None, Some("secret"), Audience::Everybody),
        ];
        for (private, visibility, expected) in rows {
            let facts = RepositoryFacts {
                full_name: "a/b".into(),
                default_branch: "main".into(),
                archived: false,
                private,
                visibility: visibility.map(str::to_owned),
                has_issues: None,
                parent: None,
                source: None,
            };
            assert_eq!(facts.audience(false), expected, "{private:?} {visibility:?}");
            assert_eq!(facts.audience(true), Audience::Members);
        }
    }
}
