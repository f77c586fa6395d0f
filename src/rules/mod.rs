//! The decisions: rules, history and the moment in, a verdict with its reason out.
//!
//! No files, network, clock, environment or threads in this room; `tests/it/tidy.rs` sees to it.

pub mod glob;
pub mod handled;
pub mod pick;
pub mod reading;
pub mod route;
pub mod sentence;
