//! Queues: which of them are dead-letter queues, how often they are read, and when their depth
//! makes an event (raised, grew, expiring, cleared, unreadable); loss, lint, and the two documents
//! of `dlq-poll`.

pub mod adaptive;
pub mod address;
pub mod asked;
pub mod cost;
pub mod discovery_cache;
pub mod dlq_name;
pub mod document;
pub mod expiry;
pub mod lint;
pub mod loss;
pub mod monitor;
pub mod reading;
pub mod redrive_graph;
pub mod schedule;
pub mod server_clock;
pub mod shard;
pub mod survey_gap;
pub mod threshold;
pub mod unmatched_pattern;
