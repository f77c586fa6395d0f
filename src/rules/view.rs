//! Views: what a person asks to see, computed from the state.

pub mod status;
