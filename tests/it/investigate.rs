//! `dlq-investigate`: the filter, its sessions and their supervisors.

mod agent_environment;
mod agent_program;
mod budget;
mod clock;
mod concurrency;
mod disk_full;
#[cfg(feature = "aws")]
mod evidence;
mod filter;
mod named_queue;
#[cfg(feature = "aws")]
mod redaction;
mod replay;
mod same_shape;
#[cfg(feature = "aws")]
mod second_look;
mod session_end;
mod strange_folders;
mod supervisor;
mod unrecorded;
mod verdict_schema;
