//! The fixes whose dead letters may go home without a person: opened from here, merged, and live. Pure.
//!
//! Decided from records alone: a line of a stream can be written by anybody. That time has passed since
//! a merge proves no deployment.

use crate::event::Queue;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::Session;
use crate::rules::pull_request::document::{FixState, FixStep, PullRequests};
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, Redrives};
use crate::time::Timestamp;

/// A fix that is live, and whose messages have not been redriven.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRedrive {
    pub session: String,
    pub fingerprint: String,
    /// The queues that were not redriven for it: that of its session, then others with its cause whose
    /// code is in its repository.
    pub queues: Vec<QueueOfCause>,
    /// The names of queues with its cause whose code is elsewhere, or is not known: the fix changes
    /// nothing for them.
    pub elsewhere: Vec<String>,
    /// `owner/name#12`.
    pub pull_request: String,
    pub deployed_at: Timestamp,
}

/// A queue with messages of a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueOfCause {
    pub queue: Queue,
    /// The incident that is open in it, or was when its cause was investigated; empty when unknown.
    pub incident: String,
}

/// Returns what is due, the earliest deployment first. `repository` returns where the code of a queue is,
/// by its name.
pub fn due<'a>(
    prs: &PullRequests,
    sessions: &Sessions,
    redrives: &Redrives,
    repository: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<DueRedrive> {
    let judge = |fix| judge(fix, prs, sessions, redrives, repository);
    let mut due: Vec<DueRedrive> = prs.sessions.iter().filter_map(judge).collect();
    due.sort_by(|a, b| (a.deployed_at, &a.session).cmp(&(b.deployed_at, &b.session)));
    due
}

/// Returns the redrive of a fix; None when it is not due.
fn judge<'a>(
    fix: &FixState,
    prs: &PullRequests,
    sessions: &Sessions,
    redrives: &Redrives,
    repository: &dyn Fn(&str) -> Option<&'a str>,
) -> Option<DueRedrive> {
    if fix.step != FixStep::Opened || fix.fingerprint.is_empty() {
        return None;
    }
    let watched = prs.watched_of(fix)?;
    let deployed_at = watched.deployed_at?;
    let session = sessions.session(&fix.id)?;
    // A redrive of a queue for this fix is made once, and none after one that has not come to its end:
    // a person decides about the next one.
    let made: Vec<&Move> =
        redrives.moves.iter().filter(|one| one.session.as_deref() == Some(&fix.id)).collect();
    if made.iter().any(|one| one.outcome != Some(MoveOutcome::Completed)) {
        return None;
    }
    let mut queues = queues_of_cause(fix, session, sessions);
    queues.retain(|of| !made.iter().any(|one| is_same(&one.queue, &of.queue)));
    let is_fixed = |of: &QueueOfCause| {
        is_same(&of.queue, &session.queue)
            || repository(&of.queue.name).is_some_and(|repo| repo.eq_ignore_ascii_case(&fix.repo))
    };
    let (queues, elsewhere): (Vec<_>, Vec<_>) = queues.into_iter().partition(is_fixed);
    (!queues.is_empty()).then(|| DueRedrive {
        session: fix.id.clone(),
        fingerprint: fix.fingerprint.clone(),
        queues,
        elsewhere: elsewhere.into_iter().map(|of| of.queue.name).collect(),
        pull_request: format!("{}#{}", watched.repo, watched.number),
        deployed_at,
    })
}

/// Returns the queues whose messages have a cause: that of the session which has fixed it, and those of
/// open incidents that have it, by their samples, by what they wait for or by their sessions.
fn queues_of_cause(fix: &FixState, session: &Session, sessions: &Sessions) -> Vec<QueueOfCause> {
    let fingerprint = fix.fingerprint.as_str();
    let has_session = |incident: &Incident| {
        sessions.sessions.iter().any(|one| {
            one.incident == incident.id && one.fingerprint.as_deref() == Some(fingerprint)
        })
    };
    let waits = |incident: &Incident| {
        let cause = incident.wait.as_ref().and_then(|wait| wait.cause.as_ref());
        cause.is_some_and(|cause| cause.fingerprint == fingerprint)
    };
    let is_of_cause = |incident: &&Incident| {
        incident.closed_at.is_none()
            && (incident.causes.iter().any(|cause| cause == fingerprint)
                || waits(incident)
                || has_session(incident))
    };
    let (queue, incident) = (session.queue.clone(), fix.incident.clone());
    let mut queues = vec![QueueOfCause { queue, incident }];
    for incident in sessions.incidents.iter().filter(is_of_cause) {
        if !queues.iter().any(|known| is_same(&known.queue, &incident.queue)) {
            let (queue, incident) = (incident.queue.clone(), incident.id.clone());
            queues.push(QueueOfCause { queue, incident });
        }
    }
    queues
}

fn is_same(a: &Queue, b: &Queue) -> bool {
    match a.arn.is_empty() || b.arn.is_empty() {
        true => a.url == b.url && a.name == b.name,
        false => a.arn == b.arn,
    }
}

/// Returns the redrives for fixes of ours that have stopped before their end: until a person decides, they
/// and the other queues of their causes wait.
pub fn stopped<'a>(
    prs: &'a PullRequests,
    redrives: &'a Redrives,
) -> impl Iterator<Item = &'a Move> {
    let is_of_fix = |one: &Move| {
        let fix = |fix: &&FixState| one.session.as_ref() == Some(&fix.id);
        prs.sessions.iter().find(fix).is_some_and(|fix| fix.step == FixStep::Opened)
    };
    let is_last = |one: &Move| {
        let last = redrives.of_queue(&one.queue.arn).rev().find(|any| any.session == one.session);
        last.is_some_and(|last| last.id == one.id)
    };
    let has_ended = |one: &Move| one.finished_at.is_some() && one.kind == MoveKind::Redrive;
    redrives.moves.iter().filter(move |one| {
        has_ended(one)
            && one.outcome != Some(MoveOutcome::Completed)
            && is_of_fix(one)
            && is_last(one)
    })
}

/// Returns the redrives for fixes that a kill has interrupted, and that nobody was told of. `is_running`
/// tells whether the lock of a queue is held.
pub fn interrupted(redrives: &Redrives, is_running: impl Fn(&str) -> bool) -> Vec<Move> {
    let is_open = |one: &&Move| {
        one.kind == MoveKind::Redrive && one.session.is_some() && one.finished_at.is_none()
    };
    let open = redrives.moves.iter().filter(is_open);
    open.filter(|one| !is_running(&one.queue.arn)).cloned().collect()
}

#[cfg(test)]
mod tests;
