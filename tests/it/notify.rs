//! `dlq-notify`: the filter and its channels.

mod channels;
#[cfg(feature = "aws")]
mod commands;
mod desktop;
mod filter;
mod heartbeat;
mod judges;
mod outbox;
