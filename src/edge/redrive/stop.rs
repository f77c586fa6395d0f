//! The reasons for which a move stops before its end.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::rules::queue::reading::ReadError;
use crate::rules::redrive::breaker::Trip;
use crate::rules::redrive::destination::NoDestination;
use crate::rules::redrive::verification::VerificationState;
use crate::text::{self, count, safe};
use crate::time::show_span;

/// Messages of a queue that could not be received, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnseenMessages {
    /// Messages that may be received later.
    Passing(String),
    /// Messages behind others of their groups, which were not chosen.
    Behind(String),
}

/// The reason for which a move stops.
#[derive(Debug)]
pub(super) enum MoveStop {
    /// Dead letters arrive.
    Tripped(Trip),
    /// A signal.
    Interrupted,
    /// A step was not consumed.
    NotConsumed(VerificationState),
    /// A message may not go where it should.
    Refused { id: String, why: NoDestination },
    /// A message would go to a further dead-letter queue when it is looked at again.
    FewReceives { id: String, left: u64 },
    /// A destination cannot be read.
    Destination { to: String, error: ReadError },
    /// A destination deletes messages before the end of the watch.
    Forgets { to: String, retention: Duration, window: Duration },
    /// A send was refused as a whole.
    NotSent { to: String, error: ReadError },
    /// A send had no answer, and may have taken place.
    Unanswered { to: String, messages: u64, error: ReadError },
    /// Each message of several batches in a row was refused.
    AllRefused { to: String, why: String },
    /// Messages were sent and could not be deleted: they are in both queues.
    NotDeleted { messages: u64, error: String },
    /// Not every message could be looked at.
    Unseen(UnseenMessages),
    /// A send returned an id that is known: SQS has delivered nothing.
    KnownId { id: String, new: String },
    /// The archive or another file cannot be written.
    File(Error),
    /// The attributes of the queue cannot be read.
    Queue(ReadError),
    /// The queue cannot be received from.
    Receive(ReadError),
}

impl MoveStop {
    /// Returns the reason in one word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            MoveStop::Tripped(trip) => trip.word(),
            MoveStop::Interrupted => "interrupted",
            MoveStop::NotConsumed(
                VerificationState::ReturnsUnknown(_) | VerificationState::Gone(_),
            ) => "returns_unknown",
            MoveStop::NotConsumed(VerificationState::Unattributed(_)) => "arrivals",
            MoveStop::NotConsumed(VerificationState::Forgotten(_)) => "destination",
            MoveStop::NotConsumed(_) => "not_consumed",
            MoveStop::Refused { .. } => "destination_refused",
            MoveStop::FewReceives { .. } => "receives",
            MoveStop::Destination { .. } | MoveStop::Forgets { .. } => "destination",
            MoveStop::NotSent { .. } | MoveStop::AllRefused { .. } => "not_sent",
            MoveStop::Unanswered { .. } => "unanswered",
            MoveStop::KnownId { .. } => "known_id",
            MoveStop::NotDeleted { .. } => "not_deleted",
            MoveStop::Unseen(_) => "unseen",
            MoveStop::File(_) => "file",
            MoveStop::Queue(_) | MoveStop::Receive(_) => "queue",
        }
    }
}

fn were(messages: u64) -> String {
    format!("{} {}", text::count(messages, "message"), if messages == 1 { "was" } else { "were" })
}

impl fmt::Display for MoveStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MoveStop::Tripped(trip) => trip.fmt(f),
            MoveStop::Interrupted => f.write_str("it was interrupted"),
            MoveStop::NotConsumed(state) => state.fmt(f),
            MoveStop::Refused { id, why } => write!(f, "message '{}' is refused: {why}", safe(id)),
            MoveStop::FewReceives { id, left } => write!(
                f,
                "message '{}' can be received {} more before it goes to a further dead-letter queue, and two receives \
                 are needed",
                safe(id),
                match left {
                    1 => "once".to_owned(),
                    left => format!("{left} times"),
                }
            ),
            MoveStop::Destination { to, error } => {
                write!(f, "cannot read destination '{}': {error}", safe(to))
            }
            MoveStop::Forgets { to, retention, window } => write!(
                f,
                "destination '{}' keeps messages for {}, and they are watched for {}: those that nobody \
                 consumes would be gone as well",
                safe(to),
                show_span(*retention),
                show_span(*window)
            ),
            MoveStop::NotSent { to, error } => write!(f, "cannot send to '{}': {error}", safe(to)),
            MoveStop::Unanswered { to, messages, error } => write!(
                f,
                "no answer to a send to '{}': {error}; {} may be in both queues, which the archive \
                 lists",
                safe(to),
                count(*messages, "message")
            ),
            MoveStop::AllRefused { to, why } => {
                write!(f, "'{}' refuses message after message: {why}", safe(to))
            }
            MoveStop::KnownId { id, new } => write!(
                f,
                "the send of message '{}' returned the id '{}', which is known: it was not \
                 delivered, and nothing was deleted",
                safe(id),
                safe(new)
            ),
            MoveStop::NotDeleted { messages, error } => write!(
                f,
                "{} sent and could not be deleted: {error}; the dead-letter queue still has {}",
                were(*messages),
                if *messages == 1 { "it" } else { "them" },
            ),
            MoveStop::Unseen(UnseenMessages::Passing(why) | UnseenMessages::Behind(why)) => {
                f.write_str(why)
            }
            MoveStop::File(error) => error.fmt(f),
            MoveStop::Queue(error) => write!(f, "cannot read the queue: {error}"),
            MoveStop::Receive(error) => write!(f, "cannot receive from the queue: {error}"),
        }
    }
}

impl From<Error> for MoveStop {
    fn from(error: Error) -> Self {
        MoveStop::File(error)
    }
}
