//! Views of the state for a person.

pub mod queue_list;
pub mod status;
