//! Evidence bundles on disk.

#[cfg(feature = "aws")]
pub mod logs;
#[cfg(feature = "aws")]
pub mod write;
