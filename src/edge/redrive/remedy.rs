//! The remedies of a redrive that has stopped.

use super::stop::{MoveStop, UnseenMessages};
use crate::rules::redrive::breaker::Trip;
use crate::rules::redrive::verification::VerificationState;
use crate::text::safe;

impl MoveStop {
    /// Returns what a person can do, as a clause. A redrive `of_a_plan` goes on with the same plan.
    pub(super) fn remedy(&self, id: &str, of_a_plan: bool) -> String {
        let plan = if of_a_plan { " PLAN" } else { "" };
        let resume = format!("'dlq-redrive apply --resume {id}{plan}' goes on with it");
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
                "'dlq-redrive apply --resume {id} --canary 1{plan}' goes on without that knowledge, by a new \
                 canary"
            ),
            MoveStop::NotConsumed(VerificationState::Unattributed(_)) => {
                format!(
                    "look at what has arrived; 'dlq-redrive apply --resume {id} --canary 0{plan}' goes on without that \
                     knowledge"
                )
            }
            MoveStop::NotConsumed(VerificationState::Held(_) | VerificationState::Backlog(_)) => {
                format!("{resume} once it is consumed, or with --canary 0 without that knowledge")
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
