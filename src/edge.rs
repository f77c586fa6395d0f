//! Input and output: access to the outside world, without policy, one part of it in each file. Not
//! the edges of dlq(7), which are events.

pub mod archive;
#[cfg(feature = "aws")]
pub mod aws;
mod closed_folder;
pub mod command;
pub mod dash;
#[cfg(feature = "aws")]
pub mod doctor;
pub mod evidence;
pub mod filter_child;
pub mod git;
pub mod github;
pub mod http;
pub mod investigate;
pub mod lambda;
pub mod log_file;
pub mod marked_children;
pub mod metrics;
#[cfg(feature = "aws")]
mod move_record;
pub mod notify;
#[cfg(feature = "aws")]
pub mod peek;
#[cfg(feature = "aws")]
pub mod poll;
pub mod private_program;
pub mod process;
mod proxy;
pub mod prs;
#[cfg(feature = "aws")]
pub mod purge;
#[cfg(feature = "aws")]
pub mod redrive;
pub mod sandbox;
pub mod secret;
pub mod session_folder;
pub mod sessions;
pub mod speech;
pub mod state_store;
pub mod statement;
pub mod status;
#[cfg(feature = "aws")]
mod stop_signals;
pub mod supervisor;
#[cfg(feature = "aws")]
pub mod sweep;
