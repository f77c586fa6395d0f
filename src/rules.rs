//! Decisions, by subject: functions of policy, history and time that return a result and its
//! reason.
//!
//! - [`queue`]: which queues are dead-letter queues, and when their depth makes an event.
//! - [`evidence`]: what a dead letter shows, decoded, grouped, redacted and sampled.
//! - [`triage`]: which cause built-in rules see in the evidence, before any money is spent.
//! - [`investigation`]: which incident is investigated, when, and for how much money.
//! - [`agent`]: how the agent is prompted and invoked, and what its output means.
//! - [`verdict`]: whether evidence and code support what a model claims; the report.
//! - [`pull_request`]: what became of the fixes, whose turn a pull request is, what has changed on it.
//! - [`lease`]: which process alone may act under a name, by a table that machines share.
//! - [`http`]: what the answer to a request is, and whether a request without one may have arrived.
//! - [`tls`]: in which words the fault of a TLS connection is stated.
//! - [`notification`]: which event is sent through which channel, in which words, and once.
//! - [`speech`]: which sentence an event is spoken in, by which voice and player.
//! - [`redrive`]: what a move of messages out of a queue archives, records and costs.
//! - [`view`]: what `dlq-status`, `dlq-log` and `dlq-dash` show.
//! - [`health`]: what an answer to a check of `dlq-doctor` means, and its remedy.
//! - [`report`]: what the reports of triage and verdict share.
//! - [`sandbox`]: what an agent and tests can see and ask of the machine.
//! - [`loss_text`]: in which words a loss is announced.
//! - [`working_time`]: which times of the week are working or quiet hours.
//! - [`aws_command`]: which commands people are told to run, in the right account.
//!
//! Never: files, network, clock, environment or threads. `tests/it/tidy/imports.rs` reads the
//! imports.

pub mod agent;
pub mod aws_command;
pub mod evidence;
pub mod health;
pub mod http;
pub mod investigation;
pub mod lambda;
pub mod lease;
pub mod loss_text;
pub mod notification;
pub mod pull_request;
pub mod queue;
pub mod redrive;
pub mod report;
pub mod sandbox;
pub mod speech;
pub mod tls;
pub mod triage;
pub mod verdict;
pub mod view;
pub mod working_time;
