//! The agent: its prompt and subagents, the call of Claude Code, and the parsers of its output.

pub mod briefing;
pub mod cost;
pub mod invocation;
pub mod last_answer;
pub mod last_line;
pub mod prompt;
pub mod subagent;
pub mod transcript;
