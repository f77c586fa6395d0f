//! Notifications: the channels of an event, when and how often people are told, the text of a notice,
//! and what was told. One stage a file, in the order of [`judge`] and [`plan`].

pub mod ack;
pub mod amend;
pub mod answer;
pub mod causes;
pub mod connection;
pub mod decision;
pub mod delivery;
pub mod due;
pub mod escalate;
pub mod explain;
pub mod facts;
pub mod fallback;
pub mod fate;
#[cfg(test)]
pub mod fixtures;
pub mod group;
pub mod heartbeat;
pub mod inhibit;
pub mod judge;
pub mod message;
pub mod notice_key;
pub mod notices;
pub mod outbox;
pub mod overtake;
pub mod payload;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod quiet;
pub mod reload;
pub mod repeat;
pub mod restraints;
pub mod route;
pub mod scope;
pub mod silence;
pub mod told;
pub mod topic;
pub mod waiting;
