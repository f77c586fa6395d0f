//! The end of all children, also when this program is killed.
//!
//! Commands that a check runs, and all that they start, carry a mark in their environment: this program
//! becomes itself again with the mark set, at its begin. A child of its own, without the mark, reads a pipe
//! that this program holds. When the pipe closes, by whatever end, it kills what has the mark.

use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};

use crate::edge::private_program;
use crate::edge::process::{self, RUN_MARKER as MARK, Tree};
use crate::edge::supervisor::program::NAME;
use crate::log;

/// The word of `dlq-supervise` for the watchdog.
pub const WORD: &str = "end-marked";

/// The watchdog of a run; dropping it ends it.
pub struct ChildWatchdog {
    mark: String,
    /// The pipe whose end it waits for.
    _pipe: Option<ChildStdin>,
}

/// Becomes this program again, with the mark; returns when that has been done, or cannot be.
pub fn become_marked() {
    let own = std::process::id().to_string();
    if std::env::var(MARK).is_ok_and(|mark| mark == own) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    // Returns only when it fails: the run goes on without a mark.
    let _ = Command::new(program).arg0(name).args(arguments).env(MARK, own).exec();
}

impl ChildWatchdog {
    /// Starts the watchdog. Without its program, children outlive a SIGKILL; the run goes on.
    pub fn start() -> Self {
        let mark = std::process::id().to_string();
        let started = private_program::find(NAME, "dlq-doctor").map_err(|error| error.to_string());
        let started = started.and_then(|program| {
            let mut command = Command::new(program);
            command.args([WORD, &mark]).env_remove(MARK).process_group(0);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().map_err(|error| error.to_string())
        });
        let pipe = match started {
            Ok(mut child) => child.stdin.take(),
            Err(cause) => {
                log::info(&format!("children are not watched: {cause}"));
                None
            }
        };
        ChildWatchdog { mark, _pipe: pipe }
    }

    /// Kills what the checks have left running.
    pub fn end_children(&self) {
        // Most runs leave nothing, and a scan of all processes takes a few milliseconds.
        tree(&self.mark).kill();
    }
}

/// Returns the processes of a run but itself.
fn tree(mark: &str) -> Tree {
    let excluded = mark.parse().ok().into_iter().collect();
    Tree { mark: (MARK, mark.to_owned()), excluded, ..Tree::default() }
}

/// Waits for the end of the run with this mark, and kills what it has left.
pub fn end_marked(mark: &str) {
    process::detach();
    // Returns at the end of the run, whose write end closes with it.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tree(mark).kill();
}
