//! Proof of the sender: which service's own error fields can be believed, and by what.
//!
//! Any sender can write the attributes and the body of a message. Only what SQS reports of the
//! sender, and only a sender that nobody but the service has, proves that the service sent it.

use super::MessageFacts;
use crate::rules::evidence::decode::Producer;
use crate::rules::evidence::sender;

/// Authorship of the error of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authorship {
    /// The service sent the messages.
    Proven,
    /// The messages have the fields of a service of which no proof is known.
    Claimed,
    /// Anybody may have written the error.
    Anybody,
}

/// Evidence that a service has sent a message.
enum Proof {
    /// `SenderId` of the Lambda service.
    LambdaSender,
    /// `SenderId` of the Lambda service, and an `ErrorCode` of the type Number.
    LambdaSenderAndNumber,
    /// No sender is known that only the service has.
    NoneKnown,
    /// The producer states no error of its own.
    NoError,
}

/// Returns the proof that a producer has sent a message: the table of all producers.
fn proof_of(producer: Producer) -> Proof {
    match producer {
        Producer::LambdaAsync => Proof::LambdaSenderAndNumber,
        Producer::LambdaDestination => Proof::LambdaSender,
        Producer::EventbridgeRule | Producer::Scheduler | Producer::Sns => Proof::NoneKnown,
        Producer::Sqs | Producer::Unknown => Proof::NoError,
    }
}

/// Returns the authorship of the error of messages that have the fields of `producer`. A message
/// that SQS moved from another queue keeps the attributes and the body of its sender, and proves
/// nothing.
pub(super) fn authorship(producer: &str, messages: &[&MessageFacts]) -> Authorship {
    let proof = Producer::parse(producer).map_or(Proof::NoError, proof_of);
    let is_moved = messages.iter().any(|seen| seen.source_arn.is_some());
    let all = |is_met: fn(&MessageFacts) -> bool| messages.iter().all(|seen| is_met(seen));
    let is_lambda: fn(&MessageFacts) -> bool =
        |seen| seen.sender_id.as_deref().is_some_and(sender::is_lambda_service);
    let is_proven = match proof {
        _ if messages.is_empty() || is_moved => return Authorship::Anybody,
        Proof::NoneKnown => return Authorship::Claimed,
        Proof::NoError => false,
        Proof::LambdaSender => all(is_lambda),
        Proof::LambdaSenderAndNumber => all(is_lambda) && all(|seen| seen.codes.is_number),
    };
    if is_proven { Authorship::Proven } else { Authorship::Anybody }
}

/// Returns the error code in the field of the producer itself.
pub(super) fn own_code<'a>(producer: &str, seen: &'a MessageFacts) -> Option<&'a str> {
    match Producer::parse(producer)? {
        Producer::LambdaAsync | Producer::Sns => seen.codes.letter.as_deref(),
        Producer::LambdaDestination => seen.codes.record.as_deref(),
        Producer::EventbridgeRule | Producer::Scheduler => seen.codes.event.as_deref(),
        Producer::Sqs | Producer::Unknown => None,
    }
}
