//! A round over all pull requests: what is looked at again, and the news of all of them.
//!
//! Promises: a pull request that the searches no longer find is asked for by its id before anything is
//! said of it; without that answer it is unread. One that is not known yet is told when its origin is. The first whole reading of a part of the scope, such as a
//! repository, is the baseline of that part.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::origin::{PullRequestOrigin, origin_of};
use super::reading::{PullRequestReading, PullRequestState};
use super::watch::{
    PullRequestChange, PullRequestEnd, WatchedPullRequest, judge_reading, judge_unread,
};
use crate::time::Timestamp;

/// The time for which the record of an ended pull request of others is kept.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 86_400);
/// The time for which an open pull request of others is kept that no search finds, or that cannot be read.
const KEEP_LEFT: Duration = Duration::from_secs(7 * 86_400);
/// The time for which a closed pull request of ours is still looked at.
const ASKED_AFTER_CLOSE: Duration = Duration::from_secs(7 * 86_400);
/// The open pull requests that are watched at most, and the ended ones of others that are kept. Of more
/// open ones, the newest are left out, and counted.
pub const WATCHED_MAX: usize = 5000;

/// The readings of one round.
#[derive(Debug, Clone, Default)]
pub struct RoundReading {
    /// The pull requests that the searches found, or that were asked for by id.
    pub read: Vec<PullRequestReading>,
    /// The ids that were asked for and could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
    /// The parts of the scope by which the searches found them, by the id of the node.
    pub found_in: BTreeMap<String, BTreeSet<String>>,
    /// The parts of the scope of which every page was read.
    pub whole: BTreeSet<String>,
    /// Whether every page of every search was read.
    pub is_whole: bool,
    /// The account of the token.
    pub login: Option<String>,
    /// The first error that an answer has beside its data, in the server's words.
    pub error: Option<String>,
}

/// The outcome of a round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoundOutcome {
    /// The records that have changed, by the id of the node.
    pub records: BTreeMap<String, WatchedPullRequest>,
    /// The news, in the order of the pull requests, each with the id of its node and its number of
    /// sequence.
    pub changes: Vec<(String, u64, PullRequestChange)>,
    /// The ids whose records are dropped.
    pub dropped: Vec<String>,
    /// The pull requests that are not watched, because there are too many.
    pub left_out: usize,
    /// Whether one that is not known yet waits for a look that shows what it is.
    pub is_in_part: bool,
}

/// Returns the ids of the known pull requests that are asked for one by one: the open ones that the
/// searches have not found, of which each has ended, or has left the scope, or was not readable; and those
/// of ours that were closed lately. GitHub can show a merge as closed for a moment, and people reopen.
pub fn missing_ids(
    known: &BTreeMap<String, WatchedPullRequest>,
    found: &[PullRequestReading],
    now: Timestamp,
) -> Vec<String> {
    let found: BTreeSet<&str> = found.iter().map(|reading| reading.id.as_str()).collect();
    let is_asked = |one: &WatchedPullRequest| match &one.end {
        None => true,
        Some(PullRequestEnd::Closed { at }) => {
            one.origin == PullRequestOrigin::Ours && now < at.plus(ASKED_AFTER_CLOSE)
        }
        // Its deployment is known by the commit, which comes late.
        Some(PullRequestEnd::Merged { at, commit: None }) => {
            one.origin == PullRequestOrigin::Ours && now < at.plus(ASKED_AFTER_CLOSE)
        }
        Some(PullRequestEnd::Merged { .. }) => false,
    };
    let missing = known.values().filter(|one| is_asked(one) && !found.contains(&*one.id));
    missing.map(|one| one.id.clone()).collect()
}

/// Judges what a round has read. `is_ours` tells whether a pull request was opened from here;
/// `is_baseline`: whether no part of the scope that has found it was read to its end before.
pub fn judge_round(
    known: &BTreeMap<String, WatchedPullRequest>,
    round: &RoundReading,
    is_ours: &dyn Fn(&PullRequestReading) -> bool,
    is_baseline: &dyn Fn(&PullRequestReading) -> bool,
    now: Timestamp,
) -> RoundOutcome {
    let mut outcome = RoundOutcome::default();
    let mut seen = BTreeSet::new();
    let mut count = known.values().filter(|one| one.end.is_none()).count();
    for reading in &round.read {
        if !seen.insert(reading.id.as_str()) {
            // Several searches have found it.
            continue;
        }
        let before = known.get(&reading.id);
        let is_recorded = is_ours(reading);
        let origin = match (before, origin_of(reading, is_recorded, round.login.as_deref())) {
            (Some(one), _) if one.origin == PullRequestOrigin::Ours => one.origin,
            (Some(one), origin) => origin.unwrap_or(one.origin),
            // Without the events that renew its turn, the turn would count from its creation.
            (None, Some(origin)) if !reading.lost.renewals => origin,
            (None, _) => {
                outcome.is_in_part |= reading.state == PullRequestState::Open;
                continue;
            }
        };
        if before.is_none() && count >= WATCHED_MAX && origin != PullRequestOrigin::Ours {
            outcome.left_out += 1;
            continue;
        }
        let judged = judge_reading(before, reading, origin, is_baseline(reading), now);
        let Some((mut record, changes)) = judged else { continue };
        let is_found = round.found_in.contains_key(&reading.id);
        if is_found || record.found_at == Timestamp::default() {
            record.found_at = now;
        }
        // It has left the scope: somebody has taken its repository out, or has archived it.
        let is_left = round.is_whole && !is_found && now >= record.found_at.plus(KEEP_LEFT);
        if is_left && origin != PullRequestOrigin::Ours && changes.is_empty() {
            outcome.dropped.push(reading.id.clone());
            continue;
        }
        count += usize::from(before.is_none() && record.end.is_none());
        add(&mut outcome, record, changes);
    }
    for (id, reason) in &round.unread {
        let Some(before) = known.get(id).filter(|_| !seen.contains(id.as_str())) else { continue };
        if before.origin != PullRequestOrigin::Ours && now >= before.read_at.plus(KEEP_LEFT) {
            outcome.dropped.push(id.clone());
            continue;
        }
        let (record, change) = judge_unread(before, reason);
        add(&mut outcome, record, change.into_iter().collect());
    }
    let has_changed = |one: &&WatchedPullRequest| outcome.records.contains_key(&one.id);
    let old = to_drop(known.values().filter(|one| !has_changed(one)), now);
    outcome.dropped.extend(old);
    outcome
}

/// Returns the ids of the ended pull requests of others whose records are dropped: the old ones, and of
/// more than may be watched those that have ended first.
fn to_drop<'a>(known: impl Iterator<Item = &'a WatchedPullRequest>, now: Timestamp) -> Vec<String> {
    let others = known.filter(|one| one.origin != PullRequestOrigin::Ours);
    let mut ended: Vec<(Timestamp, &str)> =
        others.filter_map(|one| Some((one.end.as_ref()?.at(), one.id.as_str()))).collect();
    ended.sort();
    let excess = ended.len().saturating_sub(WATCHED_MAX);
    let is_dropped =
        |(at, (end, _)): &(usize, &(Timestamp, &str))| *at < excess || now >= end.plus(KEEP_ENDED);
    let dropped = ended.iter().enumerate().filter(is_dropped);
    dropped.map(|(_, (_, id))| (*id).to_owned()).collect()
}

fn add(outcome: &mut RoundOutcome, record: WatchedPullRequest, changes: Vec<PullRequestChange>) {
    let first = record.sequence - changes.len() as u64;
    for (at, change) in (first..).zip(changes) {
        outcome.changes.push((record.id.clone(), at + 1, change));
    }
    outcome.records.insert(record.id.clone(), record);
}

#[cfg(test)]
mod tests;
