//! The reasons for which the way of a fix ends before its pull request.

use std::fmt;

use crate::edge::git::remote::{RemoteError, RemoteErrorKind};
use crate::edge::github::client::GithubError;
use crate::error::Error;
use crate::time::Timestamp;

/// A step that cannot go on.
pub(in crate::edge::prs) enum Stop {
    /// A refusal: a word and a sentence.
    Refused(&'static str, String),
    /// A failure that may pass.
    Failed(String),
    /// A token that git's server has not accepted.
    Unauthorized(String),
    /// A limit of GitHub.
    Limited(Timestamp),
    /// Another machine has made the branch, and no pull request yet.
    BranchTaken { branch: String },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Refused(_, why) | Stop::Failed(why) | Stop::Unauthorized(why) => f.write_str(why),
            Stop::Limited(until) => write!(f, "GitHub limits requests until {until}"),
            Stop::BranchTaken { branch } => write!(
                f,
                "dlq-tools of another machine has made branch '{branch}', and no pull request of it yet"
            ),
        }
    }
}

/// The end of a way: a stop, or an error of this machine.
pub(super) enum Halt {
    Stop(Stop),
    Error(Error),
}

impl Halt {
    /// Returns a failure of this machine as one of the fix at hand: the others still have their turn. A
    /// wrong configuration, and an output that is closed, stop all.
    pub(super) fn of_this_fix(self) -> Self {
        match self {
            Halt::Error(Error::Failed(why)) => Halt::Stop(Stop::Failed(why)),
            other => other,
        }
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Halt::Stop(stop)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Error(error)
    }
}

impl From<RemoteError> for Halt {
    fn from(error: RemoteError) -> Self {
        let sentence = error.sentence;
        Halt::Stop(match error.kind {
            RemoteErrorKind::BranchMissing => Stop::Refused("no_base_branch", sentence),
            RemoteErrorKind::CommitMissing => Stop::Refused("base_unknown", sentence),
            RemoteErrorKind::Auth => Stop::Unauthorized(sentence),
            RemoteErrorKind::TooLarge => Stop::Refused("too_large", sentence),
            _ => Stop::Failed(sentence),
        })
    }
}

impl From<GithubError> for Stop {
    fn from(error: GithubError) -> Self {
        match error {
            GithubError::Limited { until } => Stop::Limited(until),
            other => Stop::Failed(other.to_string()),
        }
    }
}
