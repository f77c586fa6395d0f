//! Events about pull requests, as far as they are routed and spoken. Recorded streams have them; no
//! program of this version writes them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Head;

/// The news of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestNews {
    /// A new one, ours or to be reviewed.
    Opened,
    ReviewDue,
    Approved,
    ChangesRequested,
    ChecksFailed,
    Merged,
    Deployed,
    /// The end without a merge.
    Closed,
}

/// The part of the payload that is routed and spoken.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PullRequest {
    /// `owner/name`; empty when the payload has none.
    #[serde(default)]
    pub repo: String,
    #[serde(default)]
    pub title: String,
    /// Whether dlq-tools opened it. None: the payload does not say it.
    #[serde(default)]
    pub ours: Option<bool>,
}

impl PullRequest {
    /// Reads the pull request of an event of any type.
    pub fn read(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Outer<'a> {
            #[serde(borrow)]
            data: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Inner {
            pr: PullRequest,
        }
        let outer: Outer<'_> = serde_json::from_slice(line).ok()?;
        let inner: Inner = serde_json::from_str(outer.data.get()).ok()?;
        Some(inner.pr)
    }
}

impl PullRequestNews {
    /// Returns the news of an event about a pull request; None for any other type.
    pub fn read(head: &Head, line: &[u8]) -> Option<(Self, PullRequest)> {
        let news = match &*head.kind {
            "pr.found" | "pr.opened" => PullRequestNews::Opened,
            "pr.review_due" => PullRequestNews::ReviewDue,
            "pr.approved" => PullRequestNews::Approved,
            "pr.changes_requested" => PullRequestNews::ChangesRequested,
            "pr.checks_failed" => PullRequestNews::ChecksFailed,
            "pr.merged" => PullRequestNews::Merged,
            "pr.deployed" => PullRequestNews::Deployed,
            "pr.closed" => PullRequestNews::Closed,
            _ => return None,
        };
        let mut request = PullRequest::read(line).unwrap_or_default();
        if request.repo.is_empty() {
            let subject = head.subject.as_deref().unwrap_or_default();
            subject.split('#').next().unwrap_or_default().clone_into(&mut request.repo);
        }
        Some((news, request))
    }
}
