//! The sandbox of an agent and of tests: whether one is needed, what is in it, and what a process in
//! it may ask of the kernel.
//!
//! - [`mode`]: whether a session runs in a sandbox, without one, or not at all.
//! - [`refusal`]: why this machine has no sandbox, and the remedy.
//! - [`arguments`]: the arguments of bubblewrap, by which a sandbox is built.
//! - [`seccomp`]: the filter of system calls.
//! - [`limits`]: memory, files and processes.
//! - [`cgroup`]: control groups, which hold the sums.
//! - [`program`], [`login`]: the agent's program, and the login of its user.
//! - [`upstream`]: the one server that the agent may reach.

pub mod arguments;
pub mod cgroup;
pub mod limits;
pub mod login;
pub mod mode;
pub mod program;
pub mod refusal;
pub mod seccomp;
pub mod upstream;
