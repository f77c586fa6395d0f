//! Tests of the whole programs: every test runs the real binaries.

// A test panics at the first unexpected result, and the panic names its place.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods)]

mod claude;
mod dash;
#[cfg(feature = "aws")]
mod demo;
#[cfg(feature = "aws")]
mod eval;
mod feature_switches;
mod git_remote;
mod github_server;
mod golden;
mod http;
mod investigate;
mod log;
mod log_file;
mod manual;
mod notify;
#[cfg(feature = "aws")]
mod peek;
mod pipeline;
#[cfg(feature = "aws")]
mod poll;
mod prs;
#[cfg(feature = "aws")]
mod purge;
#[cfg(feature = "aws")]
mod readme;
#[cfg(feature = "aws")]
mod redrive;
mod say;
mod status;
mod store;
#[cfg(feature = "aws")]
mod story;
mod support;
mod tidy;
