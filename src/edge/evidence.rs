//! Evidence bundles on disk.

#[cfg(feature = "aws")]
mod call_pace;
#[cfg(feature = "aws")]
pub mod cloudwatch;
#[cfg(feature = "aws")]
mod letters;
#[cfg(feature = "aws")]
pub mod logs;
pub mod read;
#[cfg(feature = "aws")]
pub mod sampled;
#[cfg(feature = "aws")]
pub mod write;
