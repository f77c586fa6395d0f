//! The decisions: rules, history and the moment in, a verdict with its reason out.
//!
//! No files, network, clock, environment or threads in this room; `tests/it/tidy.rs` sees to it.

pub mod agent;
pub mod evidence;
pub mod investigation;
pub mod notification;
pub mod queue;
pub mod triage;
pub mod verdict;
pub mod view;
