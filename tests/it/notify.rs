//! `dlq-notify`: the filter and its channels.

mod channels;
#[cfg(feature = "aws")]
mod commands;
mod desktop;
mod filter;
mod hostile;
mod judges;
mod kills;
mod outbox;
mod restarts;
mod withdrawn;
