//! The agent `claude`, from a shell stub to the real Claude Code with a real SQS server.

#[cfg(target_os = "linux")]
mod attacks;
mod cli_contract;
#[cfg(feature = "aws")]
mod end_to_end;
#[cfg(feature = "aws")]
mod evidence;
mod last_answer;
#[cfg(target_os = "linux")]
mod projects;
mod proof;
#[cfg(target_os = "linux")]
mod sandboxed;
mod session;
mod stub;
mod suspicion;
