//! Stream time: the newest time that an originator has written, which filters decide by.
//!
//! A recorded stream replays to the same decisions. Stream time is at most five minutes ahead of
//! the wall clock, so that one wrong timestamp cannot end every cooldown.

use std::time::Duration;

use crate::event::Head;
use crate::time::Timestamp;

/// The most that stream time is ahead of the wall clock, and that a live stream is behind it.
pub const DRIFT: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Default)]
pub struct StreamClock {
    newest: Option<Timestamp>,
    /// A dry run ignores the wall clock.
    replayed: bool,
}

impl StreamClock {
    /// Returns the clock of a stream without lines; `replayed` is true in a dry run.
    pub fn new(replayed: bool) -> Self {
        StreamClock { newest: None, replayed }
    }

    /// Advances the clock to the time of a line. Returns whether the line is a known event of an
    /// originator.
    pub fn observe(&mut self, head: &Head<'_>) -> bool {
        if !head.known.is_some_and(|known| known.advances_stream_time()) {
            return false;
        }
        self.newest = self.newest.max(head.time());
        true
    }

    /// Returns the time to decide by.
    pub fn now(&self, wall: Timestamp) -> Timestamp {
        match self.newest {
            Some(newest) if self.replayed => newest,
            Some(newest) => newest.min(wall.plus(DRIFT)),
            None => wall,
        }
    }

    /// Returns the time to decide by when a live stream has been silent for a time.
    pub fn now_after(&self, silent: Duration, wall: Timestamp) -> Timestamp {
        match self.newest {
            Some(newest) if !self.replayed => newest.plus(silent).min(wall.plus(DRIFT)),
            _ => self.now(wall),
        }
    }

    /// Returns whether a heartbeat of this time is one to act on. An old one is from a replayed
    /// journal, in which an incident may be closed further down.
    pub fn is_live(&self, heartbeat: Option<Timestamp>, wall: Timestamp) -> bool {
        self.replayed || heartbeat.is_some_and(|at| wall.since(at) <= DRIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Line, peek};

    fn observe(clock: &mut StreamClock, kind: &str, time: &str) -> bool {
        let line = format!(
            r#"{{"specversion":"1.0","id":"i","source":"s","type":"{kind}","time":"{time}"}}"#
        );
        match peek(line.as_bytes()) {
            Line::Event(head) => clock.observe(&head),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn clock_follows_originators_within_the_drift() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let wall = at("2026-01-01T00:10:00Z");
        let mut clock = StreamClock::new(false);
        assert_eq!(clock.now(wall), wall);
        assert!(!observe(&mut clock, "investigation.started", "2026-01-01T00:09:00Z"));
        assert!(!observe(&mut clock, "queue.invented", "2026-01-01T00:09:00Z"));
        assert!(observe(&mut clock, "poll.finished", "2026-01-01T00:01:00Z"));
        assert!(observe(&mut clock, "queue.raised", "2026-01-01T00:00:30Z"));
        assert_eq!(clock.now(wall), at("2026-01-01T00:01:00Z"));
        assert!(observe(&mut clock, "queue.raised", "2099-01-01T00:00:00Z"));
        assert_eq!(clock.now(wall), wall.plus(DRIFT));
        let silent = Duration::from_secs(60);
        assert_eq!(clock.now_after(silent, wall), wall.plus(DRIFT));
        let later = at("2099-01-01T00:00:00Z").plus(silent);
        assert_eq!(clock.now_after(silent, later), later, "a silent stream goes on");
        assert!(!clock.is_live(Some(at("2026-01-01T00:01:00Z")), wall));
        assert!(clock.is_live(Some(at("2026-01-01T00:06:00Z")), wall));
    }

    #[test]
    fn dry_run_ignores_the_wall_clock() {
        let mut clock = StreamClock::new(true);
        observe(&mut clock, "queue.raised", "2099-01-01T00:00:00Z");
        let wall = Timestamp::from_millis(0);
        assert_eq!(clock.now(wall).to_string(), "2099-01-01T00:00:00.000Z");
        assert_eq!(clock.now_after(DRIFT, wall), clock.now(wall));
        assert!(clock.is_live(None, wall));
    }
}
