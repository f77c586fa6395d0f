//! Views of the state and of the journal for a person.

pub mod dashboard;
pub mod keys;
pub mod metrics;
pub mod notice;
pub mod page;
pub mod part;
pub mod queue_list;
pub mod screen;
pub mod statement;
pub mod status;
pub mod story;
pub mod times;
