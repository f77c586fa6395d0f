//! The edges: thin, without policy. Each file is one part of the world.

#[cfg(feature = "aws")]
pub mod aws;
pub mod claude;
pub mod command;
pub mod evidence;
pub mod git;
pub mod investigate;
pub mod notify;
#[cfg(feature = "aws")]
pub mod peek;
#[cfg(feature = "aws")]
pub mod poll;
pub mod process;
pub mod secret;
pub mod sessions;
pub mod status;
pub mod supervisor;
