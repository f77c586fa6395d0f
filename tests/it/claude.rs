//! The agent `claude`, from a shell stub to the real Claude Code with a real SQS server.

mod cli_contract;
#[cfg(feature = "aws")]
mod end_to_end;
mod last_answer;
mod session;
mod stub;
