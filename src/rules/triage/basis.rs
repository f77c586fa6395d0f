//! The basis of a judgement, and the confidence that each basis allows.

/// What the producer says twice, as a code and in words.
pub(super) const SAID_TWICE: f64 = 0.9;
/// What the producer says as a code: the least that concludes anything.
pub(super) const SAID: f64 = 0.8;
/// What stands in a text that others can write too, in several messages.
pub(super) const TEXT: f64 = 0.6;
/// The same in one or two messages, and what only counts and settings suggest.
pub(super) const HINT: f64 = 0.4;

/// What the cause of one group was judged from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// The producer's code, and its text agrees.
    CodeAndText,
    /// The producer's code.
    Code,
    /// What the producer hands on from the function.
    Handed,
    /// The producer's code and its text say different things.
    Disagree,
    /// The text of so many messages.
    Bodies(u64),
    /// Counts and settings.
    Counts,
    /// Nothing.
    Nothing,
}
