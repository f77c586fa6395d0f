//! GitHub: its API, and what is done there.

pub mod client;
pub mod look;
pub mod token;
