//! The edges: thin, without policy. Each file is one part of the world.

pub mod clock;
#[cfg(feature = "aws")]
pub mod sqs;
