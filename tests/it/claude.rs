//! The agent `claude`, from a shell stub to the real Claude Code with a real SQS server.

pub mod cli_contract;
#[cfg(feature = "aws")]
mod end_to_end;
pub mod session;
pub mod stub;
