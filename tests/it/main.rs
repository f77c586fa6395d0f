//! Tests of the whole programs: every test runs the real binaries.

// A test panics at the first unexpected result, and the panic names its place.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods)]

#[cfg(feature = "aws")]
mod aws_account;
mod claude;
mod completions;
mod dash;
#[cfg(feature = "aws")]
mod demo;
mod deploy;
#[cfg(feature = "aws")]
mod doctor;
#[cfg(feature = "aws")]
mod eval;
mod feature_switches;
mod git_remote;
mod github_server;
mod golden;
mod http;
mod install;
mod investigate;
#[cfg(feature = "dynamodb")]
mod lambda;
mod log;
mod log_file;
mod manual;
mod metrics;
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
