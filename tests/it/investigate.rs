//! `dlq-investigate`: the filter, its sessions and their supervisors.

mod agent_environment;
mod agent_program;
mod clock;
mod disk_full;
#[cfg(feature = "aws")]
mod evidence;
mod filter;
mod replay;
mod session_end;
mod supervisor;
mod unread_output;
mod unrecorded;
