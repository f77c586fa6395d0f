//! The decisions: rules, history and the moment in, a verdict with its reason out.
//!
//! No files, network, clock, environment or threads in this room; `tests/it/tidy.rs` sees to it.

pub mod discovery;
pub mod eligible;
pub mod expiry;
pub mod glob;
pub mod graph;
pub mod handled;
pub mod incident;
pub mod lint;
pub mod loss;
pub mod names;
pub mod pick;
pub mod prompt;
pub mod reading;
pub mod report;
pub mod rhythm;
pub mod route;
pub mod sentence;
pub mod session;
pub mod stream;
pub mod threshold;
pub mod verdict;
pub mod watch;
pub mod watched;
