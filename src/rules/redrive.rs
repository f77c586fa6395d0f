//! Moves of messages out of a dead-letter queue: back to their source, or into an archive only.
//!
//! - [`archive`]: the file of a move, which has each message before it is sent or deleted.
//! - [`progress`]: how far each message of an archive has come.
//! - [`id_set`]: many ids in little memory.
//! - [`document`]: `redrives.json`, which has every move before it begins.
//! - [`purge`]: what may be purged, and in which words that is asked and told.
//! - [`newer`]: what newer redrives of a queue show about one that goes on.
//! - [`options`]: what becomes of each option when a redrive goes on.
//! - [`selection`]: which messages of a queue are meant.
//! - [`sweep`]: what it costs to receive every message of a queue.
//! - [`destination`]: to which queue a message may go.
//! - [`plan`]: the file format of a plan.
//! - [`batch`]: which messages share a request.
//! - [`dedup_id`]: the deduplication id of a message that is sent again.
//! - [`ramp`]: canary, ramp, rest: the number of messages of each step.
//! - [`rate`]: how many messages travel at once, and within a second.
//! - [`breaker`]: when dead letters that arrive stop a redrive.
//! - [`copies`]: which dead letter is one that was sent, under another id.
//! - [`gone`]: when returns may be gone before anybody has looked.
//! - [`consumption`]: whether what was sent was consumed, by the counts of a destination.
//! - [`verification`]: how long returns are looked for, and what the end is.
//! - [`retention`]: until when messages are kept, which have to be seen to be consumed before.
//! - [`parking`]: which message has died too often to be sent again.
//! - [`due`]: which fixes are live, so that their messages may go home without a person.

pub mod archive;
pub mod batch;
pub mod breaker;
pub mod consumption;
pub mod copies;
pub mod dedup_id;
pub mod destination;
pub mod document;
pub mod due;
pub mod gone;
pub mod gone_returns;
pub mod id_set;
pub mod newer;
pub mod options;
pub mod parking;
pub mod plan;
pub mod progress;
pub mod purge;
pub mod ramp;
pub mod rate;
pub mod restoring;
pub mod retention;
pub mod reverify;
pub mod selection;
pub mod sweep;
pub mod verification;
