//! The decisions: rules, history and the moment in, a verdict with its reason out.
//!
//! No files, network, clock, environment or threads in this room; `tests/it/tidy.rs` sees to it.

pub mod agents;
pub mod branch;
pub mod budget;
pub mod eligible;
pub mod evidence;
pub mod found;
pub mod gate;
pub mod handled;
pub mod hold;
pub mod incident;
pub mod invocation;
pub mod prompt;
pub mod queue;
pub mod report;
pub mod route;
pub mod sentence;
pub mod session;
pub mod status;
pub mod transcript;
pub mod triage;
pub mod usd;
pub mod verdict;
