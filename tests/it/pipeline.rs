//! `scripts/pipeline`, with stub stages and with the real programs.

#[cfg(feature = "aws")]
mod damage;
#[cfg(feature = "aws")]
mod kills;
mod stages;
