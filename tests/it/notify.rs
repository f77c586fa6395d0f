//! `dlq-notify`: the filter and its channels.

mod channels;
mod closed_outbox;
#[cfg(feature = "aws")]
mod commands;
mod console;
mod desktop;
mod faults;
mod filter;
mod heartbeat;
mod hostile;
mod judges;
mod kills;
mod outbox;
#[cfg(feature = "aws")]
mod pollers;
mod readers;
mod recovery;
mod restarts;
#[cfg(all(feature = "aws", target_os = "linux"))]
mod secret_recipes;
mod withdrawn;
