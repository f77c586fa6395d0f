//! Evidence: a dead letter unwrapped, grouped by fingerprint, redacted and sampled; the files of an
//! evidence bundle, the logs beside it, and how often a queue may be peeked at.

pub mod bundle;
pub mod decode;
pub mod fingerprint;
pub mod log_command;
pub mod message;
pub mod peek_limit;
pub mod redact;
pub mod sample;
pub mod source_queues;
pub mod timeline;
