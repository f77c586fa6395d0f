//! One look at a pull request, as GitHub reported it.

use crate::event::words;
use crate::time::Timestamp;

/// A pull request as of one look.
#[derive(Debug, Clone, PartialEq)]
pub struct PullRequestReading {
    /// The id of the node. It stays when the repository is renamed.
    pub id: String,
    /// `owner/name`, as the server spells it now.
    pub repo: String,
    pub number: u64,
    pub title: String,
    pub url: String,
    pub author: PullRequestAuthor,
    pub state: PullRequestState,
    pub is_draft: bool,
    /// The branch that it is to be merged into.
    pub base: String,
    pub head: PullRequestHead,
    pub created_at: Timestamp,
    pub checks: ChecksState,
    pub review: ReviewReading,
    pub merging: MergingItself,
    /// Whether it cannot be merged for conflicts. None: GitHub has not computed it.
    pub has_conflicts: Option<bool>,
    pub labels: Vec<String>,
    /// The newest of: review request, ready for review, push. It restarts reminders.
    pub renewed_at: Option<Timestamp>,
    pub lost: LostParts,
}

/// The parts that an answer has left out with an error. Each is empty, and says nothing: the last known value
/// holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostParts {
    pub author: bool,
    pub labels: bool,
    /// The repository of the branch.
    pub head_repo: bool,
    /// The events that restart reminders.
    pub renewals: bool,
}

/// The branch of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestHead {
    pub branch: String,
    pub commit: String,
    /// `owner/name` of its repository; None when that was deleted.
    pub repo: Option<String>,
}

/// The author of a pull request. The login of a deleted account is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestAuthor {
    pub login: String,
    /// An app, such as `dependabot`.
    pub is_app: bool,
}

/// The state of a pull request. An answer that contradicts itself has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullRequestState {
    Open,
    /// `commit` is the commit on the base branch; None: the answer has none yet.
    Merged {
        at: Timestamp,
        commit: Option<String>,
    },
    Closed {
        at: Timestamp,
    },
}

words! {
    /// The merging that is under way without anybody.
    #[derive(Default)]
    MergingItself {
        #[default]
        No = "no",
        /// A merge queue.
        Queue = "queue",
        /// Auto-merge, which merges as soon as nothing is in its way.
        Auto = "auto",
        /// The answer has left it out.
        Unavailable = "unavailable",
    }
}

words! {
    /// The state of all checks of the head commit.
    ChecksState {
        Passing = "passing",
        Failing = "failing",
        Pending = "pending",
        /// The commit has no checks.
        NoChecks = "none",
        /// The token may not read them, or the answer has left them out.
        Unavailable = "unavailable",
    }
}

/// The reviews as GitHub reports them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewReading {
    /// The decision where branch protection requires a review; None elsewhere, also after an
    /// approval.
    pub decision: Option<ReviewDecision>,
    /// The last opinion of each reviewer. None: the token may not read them.
    pub opinions: Option<Vec<ReviewOpinion>>,
    /// The number of requested reviewers who have not answered.
    pub requested: u64,
    /// The names of the first of them: logins, and teams.
    pub asked: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewDecision {
    Approved,
    ChangesRequested,
    ReviewRequired,
}

/// The last opinion of a reviewer that is not a mere comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewOpinion {
    /// The id of the review.
    pub id: String,
    pub is_approval: bool,
}
