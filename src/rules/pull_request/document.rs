//! The document `prs.json`: the pull requests that are watched, and what became of the fixes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::watch::WatchedPullRequest;
use crate::document::{Document, RecordKind, SetOperation};
use crate::event::words;
use crate::time::Timestamp;

/// Reason of a refusal: the base has moved since the proof, and the patch's files have changed there.
pub const BASE_MOVED: &str = "base_moved";
/// Reason of a refusal: everybody reads the repository, and the patch would publish evidence.
pub const EVIDENCE: &str = "evidence";

/// The longest limit that is obeyed, and the longest pause between two tries, with a margin.
const PAUSE_MAX: Duration = Duration::from_secs(86_400 + 100);
const RETRY_MAX: Duration = Duration::from_secs(7 * 3600);

/// The document `prs.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullRequests {
    /// The sessions whose fix was looked at, the oldest first.
    pub sessions: Vec<FixState>,
    /// The issues that were opened, the oldest first.
    pub issues: Vec<IssueState>,
    /// The pull requests that are watched, by the id of their node.
    pub watched: BTreeMap<String, WatchedPullRequest>,
    /// The first whole look at each part of the scope, by [`baseline_key`].
    pub baselines: BTreeMap<String, Timestamp>,
    /// The limits of GitHub that are in force, by kind.
    pub pauses: BTreeMap<String, RequestPause>,
    /// The end of the last look, and the reason why it was not whole.
    pub look: Option<LookResult>,
}

/// Returns the key of the baseline of a part of the scope, such as `repo:acme/web`.
pub fn baseline_key(server: &str, place: &str) -> String {
    format!("{server} {}", place.to_lowercase())
}

/// The time after a limit for which the number of limits in a row is remembered.
const PAUSE_KEPT: Duration = Duration::from_secs(3600);

/// A limit on requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestPause {
    pub until: Timestamp,
    /// The number of limits in a row.
    pub count: u32,
}

/// The limits that a run has met, by kind of request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenLimits {
    pub pauses: BTreeMap<String, RequestPause>,
    /// The kinds that had an answer behind their last limit.
    pub answered: BTreeSet<String>,
}

/// The result of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookResult {
    pub at: Timestamp,
    /// The reason why a part could not be read, as it was told; None when all was.
    pub failure: Option<String>,
}

words! {
    /// The progress of a fix on its way to a pull request.
    #[derive(Default)]
    FixStep {
        /// Recorded before the branch is made.
        #[default]
        Planned = "planned",
        /// The branch has the commit.
        Pushed = "pushed",
        Opened = "opened",
        /// A pull request for the same cause was open, and has a comment.
        Commented = "commented",
        Refused = "refused",
    }
}

words! {
    /// A step behind the opening. None of them is worth the pull request.
    ExtraStep {
        Labels = "labels",
        Reviewers = "reviewers",
        Assignee = "assignee",
    }
}

/// State of the fix of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FixState {
    pub id: String,
    pub step: FixStep,
    /// The reason for which no pull request was opened, in one word; null when there is none.
    pub refused: Option<String>,
    /// The reason as a sentence.
    pub detail: Option<String>,
    pub incident: String,
    pub fingerprint: String,
    /// All causes of its evidence, its category, and the files that it cites and changes.
    pub causes: Vec<String>,
    pub category: Option<String>,
    pub files: Vec<String>,
    /// `owner/name`.
    pub repo: String,
    /// The login of whoever is responsible for the code.
    pub owner: Option<String>,
    /// The number of the attempt at the cause, which the branch has.
    pub attempt: u32,
    pub branch: String,
    /// The commit of the base branch that the branch was made from.
    pub base: String,
    /// The branch that the pull request was opened into; empty when it is not known.
    pub into: String,
    /// The commit of the fix.
    pub commit: Option<String>,
    /// All commits that were pushed for the fix, or were about to be: an intent replaces no fact.
    pub commits: Vec<String>,
    pub pull_request: Option<OpenedPullRequest>,
    /// The steps behind the opening that are left.
    pub extras: Vec<ExtraStep>,
    /// The last change of this record.
    pub at: Timestamp,
    /// The failures in a row, and the time of the next try.
    pub tries: u32,
    pub retry_at: Option<Timestamp>,
}

/// The time for the steps behind an opening; who opened it will have seen to them then.
const EXTRAS_KEPT: Duration = Duration::from_secs(86_400);

/// The commits of a fix that are remembered.
const COMMITS_MAX: usize = 20;

impl FixState {
    /// Returns the state with a commit that is about to be pushed.
    pub fn with_commit(mut self, commit: &str) -> Self {
        self.commits.retain(|one| one != commit);
        self.commits.push(commit.to_owned());
        let excess = self.commits.len().saturating_sub(COMMITS_MAX);
        self.commits.drain(..excess);
        self.commit = Some(commit.to_owned());
        self
    }

    /// Whether steps behind the opening are left that are still worth it.
    pub fn has_extras(&self, prs: &PullRequests, now: Timestamp) -> bool {
        let is_open = self.step == FixStep::Opened && prs.end_of(self).is_none();
        is_open && !self.extras.is_empty() && now < self.at.plus(EXTRAS_KEPT)
    }
}

/// State of the issue of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueState {
    /// The session.
    pub id: String,
    pub incident: String,
    pub fingerprint: String,
    /// `owner/name`.
    pub repo: String,
    /// The number of the issue. None: it is being opened, or that was interrupted.
    pub number: Option<u64>,
    /// The id of its node; empty when it is not known.
    pub node_id: String,
    pub title: String,
    pub url: String,
    /// The beginning, or the end of the opening.
    pub at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Whether it was closed from here, because the incident was over.
    pub is_closed_by_us: bool,
    /// The failures in a row, and the time of the next try.
    pub tries: u32,
    pub retry_at: Option<Timestamp>,
}

/// A pull request that was opened, or commented on, for a fix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedPullRequest {
    /// The id of the node.
    pub id: String,
    pub number: u64,
    pub url: String,
}

impl PullRequests {
    /// The kind of record of a session, by its id.
    pub const SESSION: RecordKind = "session";
    /// The kind of record of an issue, by the id of its session.
    pub const ISSUE: RecordKind = "issue";
    /// The kind of record of a pull request, by the id of its node.
    pub const WATCHED: RecordKind = "pull request";
    pub const BASELINE: RecordKind = "baseline";
    pub const PAUSE: RecordKind = "pause";
    /// The kind of record of the last look, which is one.
    pub const LOOK: RecordKind = "look";

    /// Returns the sessions whose fix waits for a proof on a newer base.
    pub fn base_moved(&self) -> impl Iterator<Item = &str> {
        let moved = |one: &&FixState| one.refused.as_deref() == Some(BASE_MOVED);
        self.sessions.iter().filter(moved).map(|one| one.id.as_str())
    }

    pub fn session(&self, id: &str) -> Option<&FixState> {
        self.sessions.iter().find(|one| one.id == id)
    }

    /// Whether a commit was made here, for any fix.
    pub fn has_made(&self, commit: &str) -> bool {
        let has_it = |one: &FixState| {
            one.commit.as_deref() == Some(commit) || one.commits.iter().any(|own| own == commit)
        };
        self.sessions.iter().any(has_it)
    }

    /// Replaces or adds the state of a fix.
    pub fn put(&mut self, state: FixState) {
        match self.sessions.iter_mut().find(|one| one.id == state.id) {
            Some(known) => *known = state,
            None => self.sessions.push(state),
        }
    }

    /// Replaces or adds the state of an issue.
    pub fn put_issue(&mut self, state: IssueState) {
        match self.issues.iter_mut().find(|one| one.id == state.id) {
            Some(known) => *known = state,
            None => self.issues.push(state),
        }
    }

    /// Returns the document as of `now`. What lies in the future was written by a clock that has since
    /// been set back: it counts from now, and a limit that is longer than GitHub's longest has ended.
    pub fn as_of(mut self, now: Timestamp) -> Self {
        let past = |at: &mut Timestamp| *at = (*at).min(now);
        self.pauses.retain(|_, pause| pause.until <= now.plus(PAUSE_MAX));
        for one in &mut self.sessions {
            past(&mut one.at);
            one.retry_at = one.retry_at.filter(|at| *at <= now.plus(RETRY_MAX));
        }
        for one in &mut self.issues {
            past(&mut one.at);
            one.retry_at = one.retry_at.filter(|at| *at <= now.plus(RETRY_MAX));
        }
        for one in self.watched.values_mut() {
            past(&mut one.turn_since);
            one.reminded_at.iter_mut().for_each(past);
            one.deployment.iter_mut().for_each(|search| past(&mut search.asked_at));
        }
        self
    }

    /// Takes over the limits that a run has met. Runs overlap: of two limits the later end holds, and an
    /// answer ends none that is still in force.
    pub fn merge_limits(&mut self, seen: &SeenLimits, now: Timestamp) {
        // Of a clock that was ahead: it would stay for as long as that was.
        self.pauses.retain(|_, pause| pause.until <= now.plus(PAUSE_MAX));
        for (kind, pause) in &seen.pauses {
            let known = self.pauses.get(kind);
            if known.is_none_or(|known| known.until < pause.until) {
                self.pauses.insert(kind.clone(), *pause);
            }
        }
        self.pauses.retain(|kind, pause| {
            let is_answered = seen.answered.contains(kind);
            pause.until > now || !is_answered && pause.until.plus(PAUSE_KEPT) > now
        });
    }
}

impl Document for PullRequests {
    const NAME: &str = "prs";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some(
        "which forgets which fixes have a pull request; those of your account on branches dlq/ are \
         recognised at the next look",
    );
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        let sessions = &mut self.sessions;
        operation.list(Self::SESSION, sessions, &mut rest.sessions, |one| one.id.clone());
        let issues = &mut self.issues;
        operation.list(Self::ISSUE, issues, &mut rest.issues, |one| one.id.clone());
        operation.map(Self::WATCHED, &mut self.watched, &mut rest.watched);
        operation.map(Self::BASELINE, &mut self.baselines, &mut rest.baselines);
        operation.map(Self::PAUSE, &mut self.pauses, &mut rest.pauses);
        operation.value(Self::LOOK, &mut self.look, &mut rest.look);
    }
}

#[cfg(test)]
mod tests {
    use super::super::watch::{DeploymentSearch, fixtures};
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((1_000_000 + seconds) * 1000)
    }

    #[test]
    fn later_limit_holds_and_an_answer_ends_only_what_has_passed() {
        type Pauses<'a> = &'a [(&'a str, i64, u32)];
        let pauses = |all: Pauses<'_>| -> BTreeMap<String, RequestPause> {
            let one = |(kind, until, count): &(&str, i64, u32)| {
                ((*kind).to_owned(), RequestPause { until: at(*until), count: *count })
            };
            all.iter().map(one).collect()
        };
        // (rule, recorded, seen, answered, recorded then); the moment is 0
        let rows: [(&str, Pauses<'_>, Pauses<'_>, &[&str], Pauses<'_>); 12] = [
            ("first", &[], &[("rest", 60, 1)], &[], &[("rest", 60, 1)]),
            ("of another run, meanwhile", &[("rest", 60, 1)], &[], &[], &[("rest", 60, 1)]),
            (
                "of the other kind",
                &[("rest", 60, 1)],
                &[("graphql", 30, 1)],
                &["graphql"],
                &[("graphql", 30, 1), ("rest", 60, 1)],
            ),
            ("later", &[("rest", 60, 1)], &[("rest", 90, 2)], &[], &[("rest", 90, 2)]),
            ("earlier", &[("rest", 90, 2)], &[("rest", 60, 1)], &[], &[("rest", 90, 2)]),
            ("answered before it", &[("rest", 60, 1)], &[], &["rest"], &[("rest", 60, 1)]),
            ("over, and answered", &[("rest", -1, 3)], &[], &["rest"], &[]),
            ("over, and not answered", &[("rest", -1, 3)], &[], &[], &[("rest", -1, 3)]),
            ("over for long", &[("rest", -3600, 3)], &[], &[], &[]),
            ("of a day", &[], &[("rest", 86_400, 1)], &[], &[("rest", 86_400, 1)]),
            ("of a clock that was ahead", &[("rest", 90_000, 1)], &[], &[], &[]),
            (
                "of a clock that was ahead, and one that is in force",
                &[("rest", 90_000, 1)],
                &[("rest", 60, 1)],
                &[],
                &[("rest", 60, 1)],
            ),
        ];
        for (rule, recorded, seen, answered, expected) in rows {
            let mut prs = PullRequests { pauses: pauses(recorded), ..PullRequests::default() };
            let answered = answered.iter().map(|kind| (*kind).to_owned()).collect();
            prs.merge_limits(&SeenLimits { pauses: pauses(seen), answered }, at(0));
            assert_eq!(prs.pauses, pauses(expected), "{rule}");
        }
    }

    #[test]
    fn instants_of_a_clock_that_was_ahead_hold_nothing_back() {
        let ahead = at(30 * 86_400);
        let deployment = Some(DeploymentSearch { asked_at: ahead, ..DeploymentSearch::default() });
        let record = WatchedPullRequest {
            turn_since: ahead,
            reminded_at: Some(ahead),
            deployment,
            ..fixtures::watched("PR_1", "acme/web", 1)
        };
        let prs = PullRequests {
            sessions: vec![FixState { at: ahead, retry_at: Some(ahead), ..FixState::default() }],
            issues: vec![IssueState { at: ahead, retry_at: Some(ahead), ..IssueState::default() }],
            watched: [("PR_1".to_owned(), record)].into(),
            pauses: [("rest".to_owned(), RequestPause { until: ahead, count: 1 })].into(),
            ..PullRequests::default()
        };
        let text = serde_json::to_string(&prs.as_of(at(0))).unwrap();
        assert!(!text.contains(&ahead.to_string()), "{text}");
    }
}
