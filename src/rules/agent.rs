//! The agent: its prompt and subagents, how Claude Code is invoked, and what its output means.

pub mod invocation;
pub mod last_line;
pub mod prompt;
pub mod subagent;
pub mod transcript;
