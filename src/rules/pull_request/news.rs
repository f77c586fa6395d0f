//! The events of a look at the pull requests. Pure.

use std::collections::HashMap;
use std::time::Duration;

use super::document::{FixState, PullRequests};
use super::origin::PullRequestOrigin;
use super::reading::{ChecksState, PullRequestReading};
use super::reminder::{ReminderPolicy, ReminderVerdict, WaitingTurn, judge_reminder};
use super::round::RoundOutcome;
use super::turn::{ReviewState, WaitingOn, names_waited_on};
use super::watch::{PullRequestChange, PullRequestEnd, WatchedPullRequest};
use crate::event::{
    Event, Payload, PrApproved, PrChangesRequested, PrChecksFailed, PrClosed, PrDeployed, PrFound,
    PrMerged, PrReviewDue, PrUnreadable, PullRequestFacts,
};
use crate::rules::investigation::document::Sessions;
use crate::rules::notification::ack::Acks;
use crate::text::shorten;
use crate::time::Timestamp;

/// The longest title in an event, in characters.
const TITLE_MAX: usize = 200;

/// Returns the facts of a pull request for an event. `reading` names the people who are asked;
/// `fix` is the state of the fix that has opened it.
pub fn facts(
    record: &WatchedPullRequest,
    reading: Option<&PullRequestReading>,
    fix: Option<&FixState>,
    now: Timestamp,
) -> PullRequestFacts {
    let owner = fix.and_then(|fix| fix.owner.as_deref());
    let is_open = record.end.is_none();
    let known = |word: &str, is_known: bool| is_known.then(|| word.to_owned());
    let author = owner.unwrap_or(&record.author);
    let waiting_on =
        reading.and_then(|reading| names_waited_on(record.waiting_on, reading, author));
    let turn = record.waiting_on;
    PullRequestFacts {
        repo: record.repo.clone(),
        number: record.number,
        title: one_line(&record.title),
        url: record.url.clone(),
        author: known(&record.author, !record.author.is_empty()),
        draft: record.draft,
        checks: known(record.checks.as_str(), record.checks != ChecksState::Unavailable),
        review: known(record.review.as_str(), record.review != ReviewState::Unavailable),
        turn: match is_open {
            true => known(turn.as_str(), turn != WaitingOn::Unknown),
            false => known(WaitingOn::Nobody.as_str(), true),
        },
        waiting_on: waiting_on.filter(|_| is_open),
        age_s: now.since(record.created_at).as_secs(),
        ours: record.origin == PullRequestOrigin::Ours,
        automated: record.origin == PullRequestOrigin::Automated,
    }
}

fn one_line(title: &str) -> String {
    let folded = title.split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&folded, TITLE_MAX).into_owned()
}

/// The time after which checks that have not ended are somebody's turn.
const CHECKS_MAX: Duration = Duration::from_secs(6 * 3600);

/// Returns the subject of a pull request: `owner/name#12`.
pub fn subject(repo: &str, number: u64) -> String {
    format!("{repo}#{number}")
}

/// The readings of a round, by the id of the node.
pub type Readings<'a> = HashMap<&'a str, &'a PullRequestReading>;

/// Returns the line of each change of a round.
pub fn lines(
    outcome: &RoundOutcome,
    readings: &Readings<'_>,
    prs: &PullRequests,
    now: Timestamp,
) -> Vec<Vec<u8>> {
    let line = |(id, sequence, change): &(String, u64, PullRequestChange)| {
        let record = outcome.records.get(id)?;
        let fix = prs.opener_of(record);
        // Its opening was told when it happened.
        if matches!(change, PullRequestChange::Found { .. }) && fix.is_some() {
            return None;
        }
        let pr = facts(record, readings.get(&**id).copied(), fix, now);
        let told = ToldPullRequest { record, fix, sequence: *sequence, now };
        Some(match change {
            PullRequestChange::Found { is_baseline } => {
                told.line(PrFound { pr, baseline: *is_baseline })
            }
            PullRequestChange::Reopened => told.line(PrFound { pr, baseline: false }),
            PullRequestChange::Approved => told.line(PrApproved { pr }),
            PullRequestChange::ChangesRequested => told.line(PrChangesRequested { pr }),
            PullRequestChange::ChecksFailed => told.line(PrChecksFailed { pr }),
            PullRequestChange::Merged { commit } => {
                let (merge_commit, base) = (commit.clone(), record.base.clone());
                told.line(PrMerged { pr, merge_commit, base })
            }
            PullRequestChange::Closed => told.line(PrClosed { pr }),
            PullRequestChange::Unreadable { reason } => {
                told.line(PrUnreadable { pr: Some(pr), reason: reason.clone() })
            }
        })
    };
    outcome.changes.iter().filter_map(line).collect()
}

/// A pull request of which something is told.
struct ToldPullRequest<'a> {
    record: &'a WatchedPullRequest,
    fix: Option<&'a FixState>,
    sequence: u64,
    now: Timestamp,
}

impl ToldPullRequest<'_> {
    /// Returns the line of an event. Its id is that of the pull request's `sequence`th news, so that a
    /// repetition after a crash has the same. After a loss of the state, sequences begin anew, and only
    /// the first news, that it was found, is a repetition.
    fn line<D: Payload>(&self, data: D) -> Vec<u8> {
        let sequence = self.sequence.to_string();
        let since = self.record.known_since.to_string();
        let parts = [&*self.record.id, D::TYPE.as_str(), &sequence, &since];
        let parts = if self.sequence > 1 { &parts[..] } else { &parts[..3] };
        let subject = subject(&self.record.repo, self.record.number);
        let incident = self.fix.map(|fix| fix.incident.clone()).filter(|id| !id.is_empty());
        Event::derived(parts, &subject, self.now, data).of_incident(incident).line()
    }
}

/// The conditions of a reminder beside the pull request.
pub struct ReminderContext<'a> {
    pub ours: &'a ReminderPolicy,
    pub others: &'a ReminderPolicy,
    /// Returns the next loss of messages of an incident that is open; None: none is near, or it is over.
    pub loss_of: &'a dyn Fn(&str) -> Option<Timestamp>,
    /// Returns whether an incident is known to be over.
    pub is_over: &'a dyn Fn(&str) -> bool,
    pub acks: &'a Acks,
}

/// Returns the reminder of a pull request that is due, and marks it in the record.
pub fn remind(
    record: &mut WatchedPullRequest,
    reading: &PullRequestReading,
    fix: Option<&FixState>,
    context: &ReminderContext<'_>,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let is_somebodys = match record.waiting_on {
        WaitingOn::Author | WaitingOn::Reviewer | WaitingOn::Merge => true,
        // Some checks wait for a person, or for an app that is gone.
        WaitingOn::Checks => now >= record.turn_since.plus(CHECKS_MAX),
        WaitingOn::Nobody | WaitingOn::Unknown => false,
    };
    if record.end.is_some() || !is_somebodys {
        return None;
    }
    let incident = fix.map(|fix| &*fix.incident);
    // Without dead letters, a fix of ours is a pull request like others: the slower of both ladders.
    let is_ours = record.origin == PullRequestOrigin::Ours;
    let is_over = incident.is_some_and(context.is_over);
    let policy = if is_ours && !is_over { context.ours } else { context.others };
    let names = std::iter::once(&record.repo).chain(&record.former_repos);
    let until = |repo: &String| context.acks.until(incident, &subject(repo, record.number), now);
    let snoozed_until = names.filter_map(until).max();
    let loss_at = incident.and_then(context.loss_of);
    let turn = WaitingTurn {
        since: record.turn_since,
        reminded_at: record.reminded_at,
        loss_at,
        snoozed_until,
    };
    let ReminderVerdict::Due { step, is_loss_near } = judge_reminder(policy, &turn, now) else {
        return None;
    };
    let is_due_for_ours =
        || matches!(judge_reminder(context.ours, &turn, now), ReminderVerdict::Due { .. });
    if is_ours && is_over && !is_due_for_ours() {
        return None;
    }
    record.reminded_at = Some(now);
    record.sequence += 1;
    let data = PrReviewDue {
        pr: facts(record, Some(reading), fix, now),
        reminder: u64::from(step),
        waiting_s: policy.age(record.turn_since, now).as_secs(),
        detail: detail(record, reading),
        loss_at: loss_at.filter(|_| is_loss_near),
    };
    Some(ToldPullRequest { record, fix, sequence: record.sequence, now }.line(data))
}

/// Returns what is to be done, as a sentence.
fn detail(record: &WatchedPullRequest, reading: &PullRequestReading) -> String {
    let text = match record.waiting_on {
        WaitingOn::Merge => "it is approved: merge it",
        WaitingOn::Reviewer => "review it",
        WaitingOn::Checks => "its checks do not end: look at them",
        _ if record.checks == ChecksState::Failing => "its checks fail: look at them",
        _ if reading.has_conflicts == Some(true) => "it has conflicts with its base: resolve them",
        _ if record.review == ReviewState::ChangesRequested => "changes are requested: make them",
        _ if record.draft && record.checks == ChecksState::Passing => {
            "its checks pass: mark it ready for review"
        }
        _ if record.draft => "it is a draft: mark it ready for review, or close it",
        _ => "nobody was asked for a review: ask somebody",
    };
    text.to_owned()
}

/// Returns the line that a merge is live, and marks it in the record.
pub fn tell_deployed(
    record: &mut WatchedPullRequest,
    fix: Option<&FixState>,
    by: &str,
    now: Timestamp,
) -> Vec<u8> {
    record.deployed_at = Some(now);
    record.sequence += 1;
    let merge_commit = match &record.end {
        Some(PullRequestEnd::Merged { commit, .. }) => commit.clone(),
        _ => None,
    };
    let pr = facts(record, None, fix, now);
    let data = PrDeployed { pr, merge_commit, by: by.to_owned() };
    ToldPullRequest { record, fix, sequence: record.sequence, now }.line(data)
}

/// Returns the sessions whose fix was merged and whose record does not say so yet, each with the name of
/// the pull request for its record. A run that was killed between the two documents is made up for.
pub fn resolved(prs: &PullRequests, sessions: &Sessions) -> Vec<(String, String)> {
    let merged =
        prs.watched.values().filter(|one| matches!(one.end, Some(PullRequestEnd::Merged { .. })));
    let pair = |one: &WatchedPullRequest| {
        // Somebody has put it into another branch: what runs has no fix yet.
        let is_there = |fix: &&FixState| fix.into.is_empty() || fix.into == one.base;
        let fix = prs.opener_of(one).filter(is_there)?;
        let session = sessions.session(&fix.id).filter(|one| one.resolved_by.is_none())?;
        Some((session.id.clone(), subject(&one.repo, one.number)))
    };
    merged.filter_map(pair).collect()
}

#[cfg(test)]
mod tests;
