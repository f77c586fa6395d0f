//! The whole programs, run as people run them: every test starts the real binaries.

// A test that meets what it does not expect ends there, and says where.
#![allow(clippy::unwrap_used)]

mod after;
mod agent_example;
mod claude;
mod claude_cli;
mod crash;
#[cfg(feature = "aws")]
mod evidence;
mod fake_claude;
#[cfg(feature = "aws")]
mod fake_sqs;
mod golden;
mod hold;
mod hold_clock;
mod hold_disk;
mod hold_kept;
mod investigate;
#[cfg(feature = "aws")]
mod kills;
mod log;
mod manual;
mod notify;
mod notify_desktop;
#[cfg(feature = "aws")]
mod peek;
#[cfg(feature = "aws")]
mod peek_hostile;
mod pipeline;
#[cfg(feature = "aws")]
mod poll;
#[cfg(feature = "aws")]
mod poll_edges;
#[cfg(feature = "aws")]
mod poll_faults;
#[cfg(feature = "aws")]
mod poll_finds;
#[cfg(feature = "aws")]
mod poll_follow;
#[cfg(feature = "aws")]
mod poll_real;
#[cfg(feature = "aws")]
mod polling;
mod reader;
mod real_claude;
#[cfg(feature = "aws")]
mod real_golden;
mod replay;
#[cfg(feature = "aws")]
mod sqs;
mod status;
mod stream;
mod supervisor;
mod switches;
mod tidy;
mod workbench;
