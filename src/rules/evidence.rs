//! Evidence: decoding a dead letter, grouping by fingerprint, redaction and sampling; the file
//! formats of an evidence bundle, log commands, and the limit on peeks of a queue.

pub mod agent_copy;
pub mod bundle;
pub mod contrast;
pub mod decode;
pub mod fingerprint;
mod inflate;
pub mod json_text;
pub mod log_command;
pub mod logs;
pub mod message;
pub mod peek_limit;
pub mod python_literal;
pub mod redact;
pub mod sample;
pub mod sender;
pub mod source_queues;
pub mod suspect_commits;
pub mod timeline;

#[cfg(test)]
mod tests;
