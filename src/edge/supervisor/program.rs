//! The private program `dlq-supervise`: how `dlq-investigate` finds it, and how it runs itself.
//!
//! The supervisor is a program of its own so that the filter stays small (Claude Code, git,
//! transcripts, verdicts and reports are linked here only), and so that no option of the filter is
//! private.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::environment::passed_on;
use crate::edge::private_program;
use crate::edge::process::MARKER;
use crate::error::Error;

/// Name of the program.
pub const NAME: &str = "dlq-supervise";

/// A command that starts `dlq-supervise` of the same installation as the running program.
pub fn sibling() -> Result<Command, Error> {
    Ok(command(private_program::find(NAME, "dlq-investigate")?.as_os_str()))
}

/// A command that starts the running program again. On Linux its name also works when the file was
/// replaced meanwhile, so that a session is of one version from its start to its end.
pub(super) fn own() -> Command {
    if cfg!(target_os = "linux") {
        return command(OsStr::new("/proc/self/exe"));
    }
    command(std::env::current_exe().unwrap_or_else(|_| NAME.into()).as_os_str())
}

/// A command that executes the program and the arguments added to it, the agent or the tests of a
/// session, in a process group that ends with this process.
pub(super) fn shim(session_folder: &Path) -> Command {
    let mut command = own();
    command.args(["shim", &std::process::id().to_string()]);
    command.env_clear().envs(passed_on()).env("TERM", "dumb").env(MARKER, session_folder);
    command.process_group(0);
    command
}

fn command(path: &OsStr) -> Command {
    let mut command = Command::new(path);
    // The name that ps(1) shows.
    command.arg0(NAME);
    command
}
