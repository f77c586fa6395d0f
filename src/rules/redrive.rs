//! Moves of messages out of a dead-letter queue: back to their source, or into an archive only.
//!
//! - [`archive`]: the file of a move, which has each message before it is sent or deleted.
//! - [`document`]: `redrives.json`, which has every move before it begins.
//! - [`purge`]: what may be purged, and in which words that is asked and told.
//! - [`selection`]: which messages of a queue are meant.
//! - [`sweep`]: what it costs to receive every message of a queue.

pub mod archive;
pub mod document;
pub mod purge;
pub mod selection;
pub mod sweep;
