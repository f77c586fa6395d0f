//! The queues of the state folder, until the lines that are older have been read.
//!
//! A history goes ahead in time only: figures of now would leave no place in it for the lines of the
//! day that are still being read.

use std::time::{Duration, Instant};

use crate::rules::queue::document::Watched;

/// The longest wait, for a stream that does not pause.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The newest queues, and what they wait for.
#[derive(Debug)]
pub struct WaitingQueues {
    newest: Option<Watched>,
    /// The moment at which the wait began.
    since: Option<Instant>,
    /// Whether lines have come since the last reading of the folder. Before the first one they may.
    has_lines: bool,
}

impl WaitingQueues {
    pub fn new() -> Self {
        WaitingQueues { newest: None, since: None, has_lines: true }
    }

    /// Notes that lines have come.
    pub fn take_lines(&mut self) {
        self.has_lines = true;
    }

    /// Takes the queues of a reading. Returns those whose turn has come: after a time between two
    /// readings without lines, or after [`WAIT_MAX`].
    pub fn due(&mut self, read: Option<Watched>, now: Instant) -> Option<Watched> {
        self.newest = read.or(self.newest.take());
        let is_quiet = !std::mem::take(&mut self.has_lines);
        self.newest.as_ref()?;
        let since = *self.since.get_or_insert(now);
        if !is_quiet && now.duration_since(since) < WAIT_MAX {
            return None;
        }
        self.since = None;
        self.newest.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_wait_for_lines_but_not_for_ever() {
        let begin = crate::clock::tick();
        let second = |seconds: u64| begin + Duration::from_secs(seconds);
        let mut waiting = WaitingQueues::new();
        let mut due = |lines: bool, is_read: bool, at: u64| {
            if lines {
                waiting.take_lines();
            }
            waiting.due(is_read.then(Watched::default), second(at)).is_some()
        };
        assert!(!due(false, true, 0), "lines may come");
        assert!(!due(true, false, 1), "lines came");
        assert!(due(false, false, 2), "a pause");
        assert!(!due(false, false, 3), "none is waiting");
        assert!(due(false, true, 4), "none is read any more");
        assert!(!due(true, true, 5));
        assert!((6..15).all(|at| !due(true, true, at)));
        assert!(due(true, false, 15), "a stream that does not pause");
        assert!(!due(true, true, 16), "the wait begins anew");
    }
}
