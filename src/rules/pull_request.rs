//! Decisions about pull requests: what became of the fixes, whose turn it is, when somebody is
//! reminded, what has changed since the last look, and what an answer of GitHub means.
//!
//! Promises: what an answer does not say is unknown, and never "closed", "none" or "passing".

pub mod answer;
pub mod deployment;
pub mod disclosure;
pub mod document;
pub mod finding;
pub mod identity;
pub mod issue;
pub mod news;
pub mod opening;
pub mod origin;
pub mod proof_words;
pub mod published;
pub mod query;
pub mod reading;
pub mod redriven;
pub mod refusal;
pub mod reminder;
pub mod retention;
pub mod round;
pub mod server;
pub mod turn;
pub mod watch;
