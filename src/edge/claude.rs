//! Claude Code: the files it gets, and how it is launched.

pub mod agent_files;
