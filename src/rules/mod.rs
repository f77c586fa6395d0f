//! The decisions: rules, history and the moment in, a verdict with its reason out.
//!
//! No files, network, clock, environment or threads in this room; `tests/it/tidy.rs` sees to it.

pub mod glob;
pub mod reading;
