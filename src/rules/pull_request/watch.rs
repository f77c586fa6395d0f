//! Changes of a pull request since the last look.
//!
//! Promises: each change is news once, also when a look between could not read a part; a pull request
//! that an answer leaves out is never taken to be closed. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::origin::PullRequestOrigin;
use super::reading::{ChecksState, PullRequestReading, PullRequestState};
use super::turn::{ReviewState, WaitingOn, review_state, waiting_on};
use crate::time::Timestamp;

/// The time for which the news of a merge waits for the commit on the base branch.
const MERGE_COMMIT_WAIT: Duration = Duration::from_secs(600);
/// The looks in a row that have to fail before a pull request counts as unreadable.
const UNREAD_MIN: u32 = 3;
/// The opinions against a pull request that are remembered.
const OPINIONS_MAX: usize = 20;

/// The former names of a repository that are remembered.
const NAMES_MAX: usize = 5;
/// The deployments that are remembered as not containing a merge.
const DEPLOYMENTS_MAX: usize = 20;

/// The record of a pull request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedPullRequest {
    /// The id of the node.
    pub id: String,
    /// `owner/name`.
    pub repo: String,
    /// The former names of the repository, by which people have acknowledged it.
    #[serde(default)]
    pub former_repos: Vec<String>,
    pub number: u64,
    pub title: String,
    pub url: String,
    /// The login of the author; empty for a deleted account.
    pub author: String,
    pub origin: PullRequestOrigin,
    pub draft: bool,
    pub base: String,
    pub head_commit: String,
    pub created_at: Timestamp,
    pub checks: ChecksState,
    pub review: ReviewState,
    pub waiting_on: WaitingOn,
    /// The one who had to act last; checks and merge queues are left out.
    pub actor: WaitingOn,
    /// The beginning of the turn of that actor.
    pub turn_since: Timestamp,
    /// The last reminder of this turn.
    pub reminded_at: Option<Timestamp>,
    /// The end, with what it was.
    pub end: Option<PullRequestEnd>,
    /// The commit whose failed checks were reported.
    pub failed_commit: Option<String>,
    /// The last review state that was known.
    pub known_review: ReviewState,
    /// The ids of the opinions against it that were reported.
    pub opinions_against: Vec<String>,
    /// The failed looks in a row.
    pub unread: u32,
    /// The last whole look.
    pub read_at: Timestamp,
    /// The last look whose searches have found it.
    #[serde(default)]
    pub found_at: Timestamp,
    /// The first look: a record that was made anew after a loss of the state has another one.
    #[serde(default)]
    pub known_since: Timestamp,
    /// The moment at which its merge was seen to be live.
    #[serde(default)]
    pub deployed_at: Option<Timestamp>,
    /// The questions whether it is live.
    #[serde(default)]
    pub deployment: Option<DeploymentSearch>,
    /// The number of news so far: the ids of events are derived from it.
    pub sequence: u64,
}

/// The questions about the deployment of a merge so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSearch {
    pub asked_at: Timestamp,
    /// The ids of deployments of commits that lack the merge: that never changes.
    pub lacking: Vec<u64>,
}

impl WatchedPullRequest {
    /// Takes the present name of its repository. Of many former names, the oldest are forgotten.
    pub fn rename(&mut self, repo: &str) {
        let before = std::mem::replace(&mut self.repo, repo.to_owned());
        if !before.eq_ignore_ascii_case(repo) {
            self.former_repos.retain(|one| !one.eq_ignore_ascii_case(&before));
            self.former_repos.push(before);
            let excess = self.former_repos.len().saturating_sub(NAMES_MAX);
            self.former_repos.drain(..excess);
        }
    }
}

impl DeploymentSearch {
    /// Remembers a deployment that lacks the merge. Of too many, the oldest are forgotten.
    pub fn add_lacking(&mut self, id: u64) {
        self.lacking.push(id);
        let excess = self.lacking.len().saturating_sub(DEPLOYMENTS_MAX);
        self.lacking.drain(..excess);
    }
}

/// The end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestEnd {
    Merged { at: Timestamp, commit: Option<String> },
    Closed { at: Timestamp },
}

impl PullRequestEnd {
    pub fn at(&self) -> Timestamp {
        match self {
            PullRequestEnd::Merged { at, .. } | PullRequestEnd::Closed { at } => *at,
        }
    }
}

/// The news of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullRequestChange {
    /// A pull request that was not known. `is_baseline`: it may have been there for long, because this is the first
    /// look.
    Found {
        is_baseline: bool,
    },
    Approved,
    ChangesRequested,
    ChecksFailed,
    Merged {
        commit: Option<String>,
    },
    Closed,
    Reopened,
    /// A pull request that could not be read for several looks in a row, with the reason.
    Unreadable {
        reason: String,
    },
}

/// Returns the record after a look, and its news. None: an unknown pull request that has ended is
/// nobody's concern.
pub fn judge_reading(
    known: Option<&WatchedPullRequest>,
    reading: &PullRequestReading,
    origin: PullRequestOrigin,
    is_baseline: bool,
    now: Timestamp,
) -> Option<(WatchedPullRequest, Vec<PullRequestChange>)> {
    let end = end_of(&reading.state, now);
    let Some(known) = known else {
        let is_open = reading.state == PullRequestState::Open;
        // What the first look finds is not news, nor what was said of it before. It may have waited for
        // long: reminders begin with the next step of its ladder.
        let found = || {
            let record = first_record(reading, origin, now);
            let reminded_at = is_baseline.then_some(now);
            let change = PullRequestChange::Found { is_baseline };
            (WatchedPullRequest { reminded_at, ..record }, vec![change])
        };
        return is_open.then(found);
    };
    let mut next = known.clone();
    let mut changes = Vec::new();
    update_facts(&mut next, reading, origin, now);
    match (&known.end, end) {
        (None, Some(PullRequestEnd::Merged { at, commit })) => {
            next.end = Some(PullRequestEnd::Merged { at, commit: commit.clone() });
            changes.push(PullRequestChange::Merged { commit });
        }
        (None, Some(PullRequestEnd::Closed { at })) => {
            next.end = Some(PullRequestEnd::Closed { at });
            changes.push(PullRequestChange::Closed);
        }
        // A merge is final: a later answer that says otherwise contradicts itself.
        (Some(PullRequestEnd::Closed { .. }), None) if reading.state == PullRequestState::Open => {
            next.end = None;
            (next.turn_since, next.reminded_at) = (now, None);
            changes.push(PullRequestChange::Reopened);
        }
        (
            Some(PullRequestEnd::Merged { at, commit: None }),
            Some(PullRequestEnd::Merged { commit, .. }),
        ) => {
            next.end = Some(PullRequestEnd::Merged { at: *at, commit });
        }
        (Some(PullRequestEnd::Closed { .. }), Some(PullRequestEnd::Merged { at, commit })) => {
            next.end = Some(PullRequestEnd::Merged { at, commit: commit.clone() });
            changes.push(PullRequestChange::Merged { commit });
        }
        _ => {}
    }
    if reading.state == PullRequestState::Open && next.end.is_none() {
        changes.extend(judge_open(&mut next, reading));
        let is_pushed = known.head_commit != reading.head.commit;
        judge_turn(&mut next, reading, is_pushed, now);
    }
    next.sequence += changes.len() as u64;
    Some((next, changes))
}

/// Returns the record of a pull request that a look could not read, and the news of that.
pub fn judge_unread(
    known: &WatchedPullRequest,
    reason: &str,
) -> (WatchedPullRequest, Option<PullRequestChange>) {
    let mut next = known.clone();
    next.unread = known.unread.saturating_add(1);
    let is_news = next.unread == UNREAD_MIN && known.end.is_none();
    next.sequence += u64::from(is_news);
    (next, is_news.then(|| PullRequestChange::Unreadable { reason: reason.to_owned() }))
}

/// Returns the record of a pull request that was opened from here just now. The next look fills it; its
/// opening is told by whoever has opened it.
pub fn opened_record(reading: &PullRequestReading, now: Timestamp) -> WatchedPullRequest {
    first_record(reading, PullRequestOrigin::Ours, now)
}

/// Returns the end that a state is. A merge whose commit is not known yet is none for a while.
fn end_of(state: &PullRequestState, now: Timestamp) -> Option<PullRequestEnd> {
    match state {
        PullRequestState::Open => None,
        PullRequestState::Merged { at, commit: None } if now < at.plus(MERGE_COMMIT_WAIT) => None,
        PullRequestState::Merged { at, commit } => {
            Some(PullRequestEnd::Merged { at: *at, commit: commit.clone() })
        }
        PullRequestState::Closed { at } => Some(PullRequestEnd::Closed { at: *at }),
    }
}

fn first_record(
    reading: &PullRequestReading,
    origin: PullRequestOrigin,
    now: Timestamp,
) -> WatchedPullRequest {
    let (waiting_on, review) = (waiting_on(reading), review_state(&reading.review));
    let mut record = WatchedPullRequest {
        id: reading.id.clone(),
        repo: reading.repo.clone(),
        former_repos: Vec::new(),
        number: reading.number,
        title: String::new(),
        url: String::new(),
        author: String::new(),
        origin,
        draft: reading.is_draft,
        base: String::new(),
        head_commit: String::new(),
        created_at: reading.created_at,
        checks: reading.checks,
        review,
        waiting_on,
        actor: waiting_on,
        turn_since: renewal(reading, now)
            .unwrap_or(reading.created_at)
            .max(reading.created_at)
            .min(now),
        reminded_at: None,
        end: None,
        failed_commit: (reading.checks == ChecksState::Failing)
            .then(|| reading.head.commit.clone()),
        known_review: review,
        opinions_against: ids_against(reading),
        unread: 0,
        read_at: now,
        found_at: now,
        known_since: now,
        deployed_at: None,
        deployment: None,
        sequence: 1,
    };
    update_facts(&mut record, reading, origin, now);
    record
}

fn update_facts(
    record: &mut WatchedPullRequest,
    reading: &PullRequestReading,
    origin: PullRequestOrigin,
    now: Timestamp,
) {
    record.rename(&reading.repo);
    record.title.clone_from(&reading.title);
    record.url.clone_from(&reading.url);
    if !reading.lost.author {
        record.author.clone_from(&reading.author.login);
    }
    record.base.clone_from(&reading.base);
    record.head_commit.clone_from(&reading.head.commit);
    record.origin = origin;
    record.draft = reading.is_draft;
    record.checks = reading.checks;
    record.review = review_state(&reading.review);
    record.waiting_on = waiting_on(reading);
    record.unread = 0;
    record.read_at = now;
}

/// Returns the news of an open pull request.
fn judge_open(
    next: &mut WatchedPullRequest,
    reading: &PullRequestReading,
) -> Vec<PullRequestChange> {
    let mut changes = Vec::new();
    let was = next.known_review;
    if next.review != ReviewState::Unavailable {
        next.known_review = next.review;
    }
    if next.review == ReviewState::Approved && was != ReviewState::Approved {
        changes.push(PullRequestChange::Approved);
    }
    let against = ids_against(reading);
    let is_new = against.iter().any(|id| !next.opinions_against.contains(id));
    let has_turned = against.is_empty() && was != ReviewState::ChangesRequested;
    if next.review == ReviewState::ChangesRequested && (is_new || has_turned) {
        changes.push(PullRequestChange::ChangesRequested);
    }
    for id in against {
        if !next.opinions_against.contains(&id) {
            next.opinions_against.push(id);
        }
    }
    let excess = next.opinions_against.len().saturating_sub(OPINIONS_MAX);
    next.opinions_against.drain(..excess);
    let commit = &reading.head.commit;
    if reading.checks == ChecksState::Failing && next.failed_commit.as_ref() != Some(commit) {
        next.failed_commit = Some(commit.clone());
        changes.push(PullRequestChange::ChecksFailed);
    }
    changes
}

/// Begins a new turn when somebody else has to act, or after a push, a review request or the mark
/// that it is ready. Checks that run, and merge queues, leave the turn as it is.
///
/// A commit has the time at which it was made, which may be long before its push: the look that sees
/// another commit counts as the push.
fn judge_turn(
    next: &mut WatchedPullRequest,
    reading: &PullRequestReading,
    is_pushed: bool,
    now: Timestamp,
) {
    let is_actor =
        matches!(next.waiting_on, WaitingOn::Author | WaitingOn::Reviewer | WaitingOn::Merge);
    let renewed = renewal(reading, now).filter(|at| *at > next.turn_since);
    let has_changed = is_pushed || is_actor && next.waiting_on != next.actor;
    if is_actor {
        next.actor = next.waiting_on;
    }
    let since = match (renewed, has_changed) {
        (Some(at), _) => at,
        (None, true) => now,
        (None, false) => return,
    };
    if since > next.turn_since {
        (next.turn_since, next.reminded_at) = (since, None);
    }
}

/// Returns the moment from which the turn counts anew. A commit may have any time, such as one in years:
/// what lies ahead is none.
fn renewal(reading: &PullRequestReading, now: Timestamp) -> Option<Timestamp> {
    reading.renewed_at.filter(|at| *at <= now)
}

/// Returns the ids of the opinions against a pull request.
fn ids_against(reading: &PullRequestReading) -> Vec<String> {
    let opinions = reading.review.opinions.iter().flatten();
    opinions.filter(|opinion| !opinion.is_approval).map(|opinion| opinion.id.clone()).collect()
}

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
mod tests;
