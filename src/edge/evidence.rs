//! Evidence bundles on disk.

#[cfg(feature = "aws")]
pub mod logs;
pub mod read;
#[cfg(feature = "aws")]
pub mod write;
