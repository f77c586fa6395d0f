//! The ban on waiting for the world under the lock of a document.
//!
//! Every function that waits for the network or for another process says so first, by
//! [`assert_may_wait`]. In a debug build, which is the one that the tests run, it panics when this
//! thread is inside an update: the lock would stop every other program of the state folder for as
//! long as the wait lasts. Only [`BlockingWait::SupervisorStart`] is allowed there.

use std::cell::Cell;

thread_local! {
    /// The document that this thread is updating.
    static UPDATING: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Something to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockingWait {
    /// An answer from the network.
    Network,
    /// A command that is run for its output, git among them.
    Command,
    /// The end of another process.
    ProcessEnd,
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
