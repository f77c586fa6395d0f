//! The ban on waiting under the lock of a document, and the functions that wait.
//!
//! The lock would stop every other program of the state folder for as long as the wait lasts.
//! clippy.toml refuses the waiting functions of std elsewhere, so all programs wait through this
//! file and name a [`BlockingWait`]. [`assert_may_wait`] panics, in a debug build,
//! when this thread is inside an update. Only [`BlockingWait::SupervisorStart`] is allowed there.

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

use std::cell::Cell;
use std::io;
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

thread_local! {
    /// The document that this thread is updating.
    static UPDATING: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Something to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockingWait {
    /// An answer from the network.
    Network,
    /// A command that is run, git among them.
    Command,
    /// The end of another process.
    ProcessEnd,
    /// A lock that another process holds for a moment.
    Lock,
    /// The lock of a supervisor that was just started, for at most 5 seconds: until it is held the
    /// new session would look crashed to another filter. Allowed inside an update.
    SupervisorStart,
}

/// Panics, in a debug build, when this thread may not wait because it updates a document.
#[track_caller]
pub fn assert_may_wait(wait: BlockingWait) {
    debug_assert!(
        UPDATING.get().is_none() || wait == BlockingWait::SupervisorStart,
        "wait for {wait:?} under the lock of '{}'",
        UPDATING.get().unwrap_or_default(),
    );
}

/// Sleeps between two checks whether `wait` has ended.
#[track_caller]
pub fn sleep(wait: BlockingWait, span: Duration) {
    assert_may_wait(wait);
    std::thread::sleep(span);
}

/// Waits for the end of a child process, and reaps it.
#[track_caller]
pub fn wait_for_end(child: &mut Child) -> io::Result<ExitStatus> {
    assert_may_wait(BlockingWait::ProcessEnd);
    child.wait()
}

/// Runs a command to its end. Use `edge::command` for one that needs a deadline.
#[track_caller]
pub fn output_of(command: &mut Command) -> io::Result<Output> {
    assert_may_wait(BlockingWait::Command);
    command.output()
}

/// Receives the result of another thread, which waits for a process.
#[track_caller]
pub fn receive<T>(results: &Receiver<T>, timeout: Duration) -> Result<T, RecvTimeoutError> {
    assert_may_wait(BlockingWait::ProcessEnd);
    results.recv_timeout(timeout)
}

/// Marks this thread as updating a document, until it is dropped.
pub(super) struct UpdateMark;

impl UpdateMark {
    /// Panics, in a debug build, when this thread updates a document already: two threads that lock
    /// two documents in different orders would wait for each other for ever.
    #[track_caller]
    pub(super) fn set(document: &'static str) -> Self {
        let outer = UPDATING.replace(Some(document));
        debug_assert!(
            outer.is_none(),
            "update of '{document}' inside an update of '{}'",
            outer.unwrap_or_default(),
        );
        UpdateMark
    }
}

impl Drop for UpdateMark {
    fn drop(&mut self) {
        UPDATING.set(None);
    }
}
