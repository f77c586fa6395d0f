//! Claude Code: the files that configure it, and its launch.

pub mod agent_files;
pub mod launch;
