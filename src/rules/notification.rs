//! Notifications: the channels of an event, the text of a notice, and the log of sent notices.

pub mod answer;
pub mod connection;
pub mod delivery;
pub mod message;
pub mod payload;
pub mod policy;
pub mod route;
pub mod scope;
pub mod sent_log;
