//! The edges: thin, without policy. Each file is one part of the world.

pub mod channel;
pub mod clock;
pub mod secret;
