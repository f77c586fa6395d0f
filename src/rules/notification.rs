//! Notifications: which event goes to which channel, in which words, and what was sent already.

pub mod message;
pub mod policy;
pub mod route;
pub mod sent_log;
