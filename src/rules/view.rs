//! Views of the state for a person.

pub mod status;
