//! dlq-tools: programs for dead-letter queues of Amazon SQS.
//!
//! - Events and state: [`event`] defines every event type and JSON key, [`wire`] reads and writes
//!   lines and runs filters, [`journal`] is the append-only log, [`store`] holds locked JSON
//!   documents.
//! - The frame of the programs: [`programs`] describes each one, [`tool`] is their `main`, [`args`]
//!   parses options, [`config`] validates settings, [`secret`] refers to secrets, [`error`] and
//!   [`log`] report problems.
//! - [`rules`] decides without I/O; [`edge`] does the I/O without decisions.
//!
//! ARCHITECTURE.md explains how they work together.

// Tests may sleep and start processes.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod args;
pub mod clock;
pub mod config;
pub mod document;
pub mod edge;
pub mod error;
pub mod event;
pub mod glob;
pub mod journal;
pub mod log;
pub mod markdown;
pub mod money;
pub mod ndjson;
pub mod programs;
pub mod regular_file;
pub mod rules;
pub mod secret;
pub mod shell;
pub mod store;
pub mod text;
pub mod time;
pub mod tool;
pub mod wire;
mod words;
