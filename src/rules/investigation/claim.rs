//! Claim of a cause: whether another session has the same cause, or whether it was investigated in
//! vain.
//!
//! Messages with the same error have the same cause, wherever they are. Messages of which only the
//! shape of the payload is known may have any cause: a result about some of them says nothing about
//! others, and another account is another system.

use super::claimed_cause::{ClaimedCause, Likeness};
use super::incident::Incident;
use super::preflight_skip::{
    KNOWN_CAUSE, PreflightSkip, Retry, SAME_SHAPE, UNEXPLAINED, retry_command,
};
use super::session::{Session, SessionStatus};
use super::wait::Wait;
use crate::event::Queue;
use crate::text::count;

/// Investigations of one cause or shape that may end without a cause before a person is asked.
const INCONCLUSIVE_MAX: usize = 2;
/// Queues that a sentence names.
const NAMED: usize = 3;

/// The reason for which a wait goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitedFor {
    /// No reason is left.
    Gone,
    /// The reason and the session have not changed.
    Stands,
    /// Another reason or session.
    Replaced(PreflightSkip),
}

/// Returns the reason why an incident with this cause is not investigated now. `sessions` are those
/// of other investigations, the oldest first.
pub fn refusal(
    cause: &ClaimedCause,
    incident: &str,
    queue: &Queue,
    sessions: &[&Session],
    incidents: &[Incident],
) -> Option<PreflightSkip> {
    let is_near =
        |other: &Queue| cause.likeness == Likeness::Error || account(other) == account(queue);
    let same = |session: &&&Session| {
        session.fingerprint.as_deref() == Some(&cause.fingerprint) && is_near(&session.queue)
    };
    let open = |id: &str| incidents.iter().any(|one| one.id == id && one.closed_at.is_none());
    // The same incident is investigated again for a reason.
    let knows = |session: &&&Session| {
        session.has_found_cause() && session.incident != incident && open(&session.incident)
    };
    let running = |session: &&&Session| session.status == SessionStatus::Running;
    let newest = |is: &dyn Fn(&&&Session) -> bool| {
        sessions.iter().rev().filter(same).find(|session| is(session)).copied()
    };
    if let Some(owner) = newest(&knows).filter(|_| cause.likeness == Likeness::Error) {
        return Some(known_cause(owner));
    }
    unexplained(cause, incidents.iter().filter(|one| is_near(&one.queue)), queue).or_else(|| {
        let owner = newest(&running)?;
        Some(match cause.likeness {
            Likeness::Error => known_cause(owner),
            Likeness::Shape => same_shape(owner),
        })
    })
}

/// Returns the state of what a wait is for.
pub fn waited_for(
    wait: &Wait,
    incident: &Incident,
    sessions: &[&Session],
    incidents: &[Incident],
) -> WaitedFor {
    let Some(cause) = &wait.cause else {
        let named = |id: &String| sessions.iter().find(|session| session.id == *id);
        let status = wait.session.as_ref().and_then(named).map(|session| session.status);
        return if wait.awaits(status) { WaitedFor::Stands } else { WaitedFor::Gone };
    };
    match refusal(cause, &incident.id, &incident.queue, sessions, incidents) {
        None => WaitedFor::Gone,
        Some(skip)
            if skip.word == wait.reason && skip.retry.session() == wait.session.as_deref() =>
        {
            WaitedFor::Stands
        }
        Some(skip) => WaitedFor::Replaced(skip),
    }
}

fn known_cause(owner: &Session) -> PreflightSkip {
    let (id, queue) = (&owner.id, &owner.queue_name);
    // A part of the id is unique in practice, and fits a line.
    let short = id.get(..8).unwrap_or(id);
    let work = if owner.status == SessionStatus::Running { "running session" } else { "report" };
    PreflightSkip {
        word: KNOWN_CAUSE,
        detail: format!("same cause as {queue}, {work} {short}"),
        retry: Retry::AfterSession(id.clone()),
    }
}

fn same_shape(owner: &Session) -> PreflightSkip {
    let (id, queue) = (&owner.id, &owner.queue_name);
    let detail = format!(
        "session {id} is investigating messages of the same shape in queue '{queue}'; their cause may \
         be another, and this queue is next when that session has ended"
    );
    PreflightSkip { word: SAME_SHAPE, detail, retry: Retry::AfterSession(id.clone()) }
}

/// Returns the reason when enough investigations have ended without a cause.
fn unexplained<'a>(
    cause: &ClaimedCause,
    incidents: impl Iterator<Item = &'a Incident>,
    queue: &Queue,
) -> Option<PreflightSkip> {
    let ends =
        |one: &Incident| one.unexplained.iter().filter(|it| **it == cause.fingerprint).count();
    let (mut ended, mut names) = (0, Vec::new());
    for (number, incident) in
        incidents.map(|one| (ends(one), one)).filter(|(number, _)| *number > 0)
    {
        ended += number;
        names.push(format!("'{}'", incident.queue.name));
    }
    if ended < INCONCLUSIVE_MAX {
        return None;
    }
    let what = match cause.likeness {
        Likeness::Error => "messages with the same error",
        Likeness::Shape => "messages of the same shape",
    };
    let more = if names.len() > NAMED { " and others" } else { "" };
    names.truncate(NAMED);
    let (ended, names) = (count(ended as u64, "investigation"), names.join(", "));
    let retry = retry_command(queue);
    let detail = format!(
        "{ended} of {what} found no cause (queue {names}{more}); this queue waits for new evidence, or \
         for {retry}"
    );
    Some(PreflightSkip { word: UNEXPLAINED, detail, retry: Retry::ByPerson })
}

/// Returns the number of the account that owns a queue, else the name that is configured for it.
fn account(queue: &Queue) -> &str {
    let number = queue.arn.split(':').nth(4).filter(|number| !number.is_empty());
    number.unwrap_or(&queue.account)
}

#[cfg(test)]
mod tests;
