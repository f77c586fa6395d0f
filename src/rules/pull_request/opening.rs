//! The decision about the fix of a session: a pull request, a comment on one, or none, and why.
//!
//! Promises: one open pull request a cause and repository; one that was closed without a merge is a no,
//! until there is evidence that the refused session did not have. Pure: branches and pull requests that
//! others have made meanwhile are found by the acts themselves.

use std::fmt;
use std::time::Duration;

use super::document::{BASE_MOVED, FixState, FixStep, OpenedPullRequest, PullRequests};
use super::refusal::is_judged_anew;
use super::watch::PullRequestEnd;
use crate::event::words;
use crate::time::{Timestamp, show_span};

const DAY: Duration = Duration::from_secs(86_400);
/// The age of a session's end beyond which its fix becomes a pull request only on request: code and
/// messages have gone on.
pub const AGE_MAX: Duration = Duration::from_secs(3 * 86_400);
/// The failures in a row after which a fix is given up until a person asks for it.
const TRIES_MAX: u32 = 12;
/// The shortest and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(6 * 3600));

words! {
    /// The result of the proofs of a fix.
    ProofGrade {
        Proven = "proven",
        Unproven = "unproven",
        Unknown = "unknown",
    }
}

/// The facts of a fix, from the record and the folder of its session.
#[derive(Debug, Clone, PartialEq)]
pub struct FixFacts {
    pub session: String,
    pub fingerprint: String,
    pub causes: Vec<String>,
    pub category: Option<String>,
    pub files: Vec<String>,
    /// `owner/name`; None: no repository on GitHub is configured for the queue.
    pub repo: Option<String>,
    pub grade: ProofGrade,
    /// The commit of the newest proof.
    pub base: String,
    pub ended_at: Timestamp,
    /// The reasons why a person has to look.
    pub needs_person: Vec<String>,
}

/// The limits on what is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningPolicy {
    /// Whether an unproven fix becomes a pull request.
    pub unproven: bool,
    pub max_open: u32,
    pub max_per_day: u32,
    /// A person asks for this fix: earlier refusals, its age and a pull request that was closed do not count.
    pub is_asked_for: bool,
}

/// The decision about a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpeningVerdict {
    /// A pull request is opened, as the `attempt`th at the cause.
    Open { attempt: u32, regression_of: Option<String> },
    /// The pull request that is open for the cause gets a comment.
    Comment { on: OpenedPullRequest },
    /// The pull request that is open for the cause has had a comment of another session within a day.
    Covered { by: OpenedPullRequest },
    /// A refusal that is recorded and told.
    Refuse(OpeningRefusal),
    /// A pause.
    Wait { until: Timestamp, why: OpeningWait },
    /// An earlier decision, which stands.
    Done,
}

/// The reasons for no pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpeningRefusal {
    NoRepository,
    Suspicious {
        why: String,
    },
    Unproven {
        grade: ProofGrade,
    },
    /// A pull request for the same cause was closed without a merge.
    Rejected {
        number: u64,
    },
    TooOld,
    /// A refusal that an act on the way has met.
    Stopped {
        word: &'static str,
        detail: String,
    },
}

/// The reasons to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpeningWait {
    MaxOpen(u32),
    MaxPerDay(u32),
    /// After a failure.
    TryAgain,
}

/// Returns what is done about a fix.
pub fn judge_opening(
    fix: &FixFacts,
    prs: &PullRequests,
    policy: &OpeningPolicy,
    now: Timestamp,
) -> OpeningVerdict {
    let own = prs.session(&fix.session);
    if let Some(verdict) = own.and_then(|own| judge_earlier(own, fix, prs, policy, now)) {
        return verdict;
    }
    let Some(repo) = fix.repo.as_deref() else {
        return OpeningVerdict::Refuse(OpeningRefusal::NoRepository);
    };
    if let Some(why) = fix.needs_person.first() {
        return OpeningVerdict::Refuse(OpeningRefusal::Suspicious { why: why.clone() });
    }
    if fix.grade != ProofGrade::Proven && !policy.unproven {
        return OpeningVerdict::Refuse(OpeningRefusal::Unproven { grade: fix.grade });
    }
    let is_begun = own.is_some_and(|own| !own.branch.is_empty());
    if !policy.is_asked_for && !is_begun && now >= fix.ended_at.plus(AGE_MAX) {
        return OpeningVerdict::Refuse(OpeningRefusal::TooOld);
    }
    let of_cause = |one: &&FixState| {
        one.id != fix.session
            && one.repo.eq_ignore_ascii_case(repo)
            && one.fingerprint == fix.fingerprint
    };
    let opened: Vec<&FixState> = prs
        .sessions
        .iter()
        .filter(of_cause)
        .filter(|one| one.step == FixStep::Opened && one.pull_request.is_some())
        .collect();
    let number = |one: &FixState| one.pull_request.as_ref().map_or(0, |pr| pr.number);
    if let Some(open) = opened.iter().rev().find(|one| prs.end_of(one).is_none()) {
        return judge_comment(repo, open, prs, now);
    }
    let ends = || opened.iter().filter_map(|one| Some((*one, prs.end_of(one)?)));
    let last = ends().max_by_key(|(_, end)| end.at());
    if let Some((closed, PullRequestEnd::Closed { .. })) = last
        && !policy.is_asked_for
        && !has_new_evidence(fix, &opened, prs)
    {
        return OpeningVerdict::Refuse(OpeningRefusal::Rejected { number: number(closed) });
    }
    if let Some(wait) = judge_limits(fix, repo, prs, policy, now) {
        return wait;
    }
    let merged = ends().filter(|(_, end)| matches!(end, PullRequestEnd::Merged { .. }));
    let merged = merged.max_by_key(|(_, end)| end.at());
    let regression_of = merged.map(|(one, _)| format!("{repo}#{}", number(one)));
    let attempt = match own {
        Some(own) if !own.branch.is_empty() => own.attempt,
        _ => 1 + u32::try_from(opened.len()).unwrap_or(u32::MAX - 1),
    };
    OpeningVerdict::Open { attempt, regression_of }
}

/// Returns whether a decision about a fix may be open, from its record alone: what is false here is judged
/// as done, or as silently too old, whatever else is known.
pub fn may_be_open(own: Option<&FixState>, ended_at: Option<Timestamp>, now: Timestamp) -> bool {
    match own {
        None => ended_at.is_none_or(|at| now < at.plus(AGE_MAX)),
        Some(own) => match own.step {
            FixStep::Planned | FixStep::Pushed => true,
            FixStep::Refused => {
                let waits = own.refused.as_deref() == Some(BASE_MOVED);
                let is_young = || ended_at.is_none_or(|at| now < at.plus(AGE_MAX));
                is_judged_anew(own, None, now) && (waits || is_young())
            }
            FixStep::Opened | FixStep::Commented => false,
        },
    }
}

/// Judges a comment on the pull request that is open for the cause: one a day says that it comes again.
fn judge_comment(
    repo: &str,
    open: &FixState,
    prs: &PullRequests,
    now: Timestamp,
) -> OpeningVerdict {
    let by = open.pull_request.clone().unwrap_or_default();
    let is_comment = |one: &&FixState| {
        one.step == FixStep::Commented
            && one
                .pull_request
                .as_ref()
                .is_some_and(|pr| by.is_it(&pr.id, pr.number, one.repo.eq_ignore_ascii_case(repo)))
    };
    match prs.sessions.iter().filter(is_comment).any(|one| one.at.plus(DAY) > now) {
        true => OpeningVerdict::Covered { by },
        false => OpeningVerdict::Comment { on: by },
    }
}

/// Judges by what was decided about the same fix before. None: it is judged anew.
fn judge_earlier(
    own: &FixState,
    fix: &FixFacts,
    prs: &PullRequests,
    policy: &OpeningPolicy,
    now: Timestamp,
) -> Option<OpeningVerdict> {
    match own.step {
        FixStep::Opened | FixStep::Commented => {
            // Who asks again after a no has changed their mind.
            let is_closed = matches!(prs.end_of(own), Some(PullRequestEnd::Closed { .. }));
            return (!policy.is_asked_for || !is_closed).then_some(OpeningVerdict::Done);
        }
        FixStep::Refused if policy.is_asked_for => return None,
        FixStep::Refused => {
            let is_anew = is_judged_anew(own, Some(&fix.base), now);
            return (!is_anew).then_some(OpeningVerdict::Done);
        }
        FixStep::Planned | FixStep::Pushed => {}
    }
    let until = own.retry_at.filter(|until| *until > now && !policy.is_asked_for)?;
    Some(OpeningVerdict::Wait { until, why: OpeningWait::TryAgain })
}

/// Judges the limits on what is open, and what was opened within a day.
fn judge_limits(
    fix: &FixFacts,
    repo: &str,
    prs: &PullRequests,
    policy: &OpeningPolicy,
    now: Timestamp,
) -> Option<OpeningVerdict> {
    let here = || {
        let others = prs.sessions.iter().filter(|one| one.id != fix.session);
        others.filter(|one| one.repo.eq_ignore_ascii_case(repo) && one.step == FixStep::Opened)
    };
    let open = here().filter(|one| prs.end_of(one).is_none()).count();
    if open >= policy.max_open as usize {
        let (until, why) = (now.plus(PAUSES.0), OpeningWait::MaxOpen(policy.max_open));
        return Some(OpeningVerdict::Wait { until, why });
    }
    let mut today: Vec<Timestamp> =
        here().map(|one| one.at).filter(|at| at.plus(DAY) > now).collect();
    today.sort();
    let excess = (today.len() + 1).checked_sub(policy.max_per_day as usize)?;
    let until = today.get(excess.checked_sub(1)?)?.plus(DAY);
    Some(OpeningVerdict::Wait { until, why: OpeningWait::MaxPerDay(policy.max_per_day) })
}

/// Whether a fix rests on a cause, a category or a file that none of the refused ones had: a model that
/// wavers between two categories brings no evidence.
fn has_new_evidence(fix: &FixFacts, opened: &[&FixState], prs: &PullRequests) -> bool {
    let is_refused =
        |one: &&&FixState| matches!(prs.end_of(one), Some(PullRequestEnd::Closed { .. }));
    let refused = || opened.iter().filter(is_refused);
    let is_new_cause = |cause: &String| !refused().any(|one| one.causes.contains(cause));
    let is_new_file = |file: &String| !refused().any(|one| one.files.contains(file));
    let is_new_category =
        fix.category.is_some() && !refused().any(|one| one.category == fix.category);
    is_new_category || fix.causes.iter().any(is_new_cause) || fix.files.iter().any(is_new_file)
}

/// Returns the time of the next try after a failure; None when it is given up.
pub fn next_try(tries: u32, now: Timestamp) -> Option<Timestamp> {
    let pause = PAUSES.0.saturating_mul(1 << tries.min(16)).min(PAUSES.1);
    (tries < TRIES_MAX).then(|| now.plus(pause))
}

impl OpeningVerdict {
    /// Whether GitHub is asked for it.
    pub fn asks_github(&self) -> bool {
        matches!(self, OpeningVerdict::Open { .. } | OpeningVerdict::Comment { .. })
    }
}

impl OpeningRefusal {
    /// Whether it is neither recorded nor told, unless a person has asked.
    pub fn is_silent(&self) -> bool {
        matches!(self, OpeningRefusal::NoRepository | OpeningRefusal::TooOld)
    }

    /// Returns the reason in one word.
    pub fn word(&self) -> &'static str {
        match self {
            OpeningRefusal::NoRepository => "no_repository",
            OpeningRefusal::Suspicious { .. } => "suspicious",
            OpeningRefusal::Unproven { .. } => "unproven",
            OpeningRefusal::Rejected { .. } => "rejected",
            OpeningRefusal::TooOld => "too_old",
            OpeningRefusal::Stopped { word, .. } => word,
        }
    }
}

impl fmt::Display for OpeningRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpeningRefusal::NoRepository => {
                f.write_str("no repository on GitHub is configured for its queue")
            }
            OpeningRefusal::Suspicious { why } => write!(f, "a person has to look first: {why}"),
            OpeningRefusal::Unproven { grade: ProofGrade::Unproven } => {
                f.write_str("the tests do not prove the fix")
            }
            OpeningRefusal::Unproven { .. } => f.write_str("no test has proven the fix"),
            OpeningRefusal::Rejected { number } => write!(
                f,
                "pull request {number} for the same cause was closed without a merge, and the evidence is the same"
            ),
            OpeningRefusal::Stopped { detail, .. } => f.write_str(detail),
            OpeningRefusal::TooOld => {
                write!(f, "its session ended more than {} ago", show_span(AGE_MAX))
            }
        }
    }
}

impl fmt::Display for OpeningWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpeningWait::MaxOpen(max) => {
                write!(f, "{max} pull requests of ours are open there (github.max_open)")
            }
            OpeningWait::MaxPerDay(max) => {
                write!(f, "{max} were opened there within 24 hours (github.max_per_day)")
            }
            OpeningWait::TryAgain => f.write_str("the last try failed"),
        }
    }
}

#[cfg(test)]
mod tests;
