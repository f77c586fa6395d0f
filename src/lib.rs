//! dlq-tools: what happens to the messages that die.
//!
//! The map of the rooms, and nothing else. ARCHITECTURE.md walks through them.
//!
//! The wire and the disk:
//! [`event`] names every event type and JSON key, [`wire`] reads and writes lines,
//! [`journal`] is the append-only log, [`document`] names the records of a document, [`store`] is
//! the state folder.
//!
//! The frame of every program:
//! [`tool`] is the shared `main`, [`args`] reads options, [`error`] has the three kinds of
//! failure, [`config`] turns text into validated settings, [`time`] and [`text`] are what their
//! names say.
//!
//! What a program holds while it runs: [`notices`] is what `dlq-notify` has told and is telling.
//!
//! [`rules`] decides, [`edge`] touches the world.

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
pub mod ndjson;
pub mod rules;
pub mod store;
pub mod text;
pub mod time;
pub mod tool;
pub mod wire;
