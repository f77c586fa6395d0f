//! The whole programs, run as people run them: every test starts the real binaries.

// A test that meets what it does not expect ends there, and says where.
#![allow(clippy::unwrap_used)]

mod log;
mod manual;
mod notify;
mod notify_desktop;
mod tidy;
mod workbench;
