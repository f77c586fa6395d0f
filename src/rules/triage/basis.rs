//! Basis of a judgement, and the confidence that each basis allows.

use crate::rules::evidence::logs::FoundBy;

/// Confidence in an error that the producer states as a code and in words.
pub(super) const CODE_AND_TEXT: f64 = 0.9;
/// Confidence in an error that the producer states as a code: the least confidence for a
/// conclusion.
pub(super) const CODE: f64 = 0.8;
/// Confidence in an error of the fields or texts of several messages, which senders can write too.
pub(super) const TEXT: f64 = 0.6;
/// Confidence in an error of the texts of one or two messages, or in a cause that only counts and
/// settings suggest.
pub(super) const SUGGESTION: f64 = 0.4;

/// Source of the judgement of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// The producer's code and its text agree.
    CodeAndText,
    /// The producer's code.
    Code,
    /// Fields name a service, and nothing proves that it sent them.
    Claimed,
    /// The producer passes on an error of the function.
    PassedOn,
    /// The producer's code and its text disagree.
    Disagree,
    /// Errors in message bodies, and the number of messages that have one.
    Bodies(u64),
    /// An error in the log of the consumer, and the rule that found it.
    Logged(FoundBy),
    /// Counts and settings.
    Counts,
    /// The messages have an error that no rule knows.
    UnknownError,
    Nothing,
}
