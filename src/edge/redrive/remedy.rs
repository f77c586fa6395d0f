//! The remedies of a redrive that has stopped.

use super::stop::{MoveStop, UnseenMessages};
use crate::error::Error;
use crate::rules::queue::reading::ReadError;
use crate::rules::redrive::breaker::Trip;
use crate::rules::redrive::document::Move;
use crate::rules::redrive::reverify;
use crate::rules::redrive::verification::VerificationState;
use crate::text::safe;

/// The remedy for a destination that is gone, as a clause. A redrive goes on with the destination that it
/// was begun with.
const ELSEWHERE: &str = "begin anew, with --to and another queue";

/// Returns why a redrive cannot go on, to a destination that its first command line has given, if it has.
pub(super) fn not_found_again(error: Error, id: &str, to: Option<&str>) -> Error {
    let Some(to) = to else { return error };
    let why = format!("{error}; if '{}' is gone, {ELSEWHERE}", safe(to));
    Error::failed("resume redrive", id, why)
}

/// Returns why a destination of an earlier run cannot be read, and what a person can do.
pub(super) fn unreadable_destination(error: &ReadError) -> String {
    match error {
        ReadError::Missing => format!("{error}; {ELSEWHERE}, unless access to it comes back"),
        other => other.to_string(),
    }
}

impl MoveStop {
    /// Returns what a person can do about a redrive, as a clause.
    pub(super) fn remedy(&self, state: &Move) -> String {
        let resume = format!("'{}' goes on with it", reverify::resume_command(state));
        match self {
            // Its own messages are dead again: only another redrive takes them.
            MoveStop::Tripped(Trip::Returned(_)) => {
                "look for the cause before another redrive".to_owned()
            }
            // It would be refused again.
            MoveStop::Refused { .. } => {
                "begin anew, with a plan as it was printed, or with --to and another queue"
                    .to_owned()
            }
            MoveStop::Destination { error: ReadError::Missing, .. }
            | MoveStop::NotSent { error: ReadError::Missing, .. } => {
                format!("{ELSEWHERE}; if access to it comes back, {resume}")
            }
            MoveStop::FewReceives { .. } => {
                format!("raise the maxReceiveCount of its redrive policy; then {resume}")
            }
            MoveStop::Unseen(UnseenMessages::Behind(_)) => {
                "begin anew, and choose the earlier messages of their groups as well".to_owned()
            }
            MoveStop::NotConsumed(VerificationState::ReturnsUnknown(Some(queue))) => format!(
                "allow this program to read '{}'; then {resume}, or with --canary 0 without that knowledge",
                safe(queue)
            ),
            MoveStop::NotConsumed(
                VerificationState::ReturnsUnknown(None) | VerificationState::Gone(_),
            ) => format!(
                "'{} --canary 1' goes on without that knowledge, by a new canary",
                reverify::resume_command(state)
            ),
            MoveStop::NotConsumed(VerificationState::Unattributed(_)) => {
                format!(
                    "look at what has arrived; '{} --canary 20' goes on by a larger canary, which shows more",
                    reverify::resume_command(state)
                )
            }
            MoveStop::NotConsumed(VerificationState::Held(_) | VerificationState::Backlog(_)) => {
                format!("{resume} once it is consumed, or with --canary 0 without that knowledge")
            }
            // Nothing that is seen from now on proves it.
            MoveStop::NotConsumed(VerificationState::Forgotten(_)) => {
                "find out whether those that were sent were consumed, which the archive has; then begin anew"
                    .to_owned()
            }
            MoveStop::Forgets { .. } => {
                format!("raise its MessageRetentionPeriod, or give a shorter --wait; then {resume}")
            }
            MoveStop::KnownId { .. } => format!("five minutes later {resume}"),
            MoveStop::File(_) => format!("when the file can be written {resume}"),
            _ => resume,
        }
    }
}
