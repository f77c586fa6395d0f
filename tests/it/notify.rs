//! `dlq-notify`: the filter and its channels.

#[cfg(feature = "aws")]
mod commands;
mod desktop;
mod filter;
