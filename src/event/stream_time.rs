//! The time of the stream: what filters decide by.
//!
//! It is the newest time that an originator has written, so that a recorded stream replays to the
//! same verdicts, but never far ahead of the wall, so that one wild timestamp cannot end every
//! cooldown.

use std::time::Duration;

use crate::event::Head;
use crate::time::Timestamp;

/// The stream is at most this far ahead of the wall, and live when it is at most this far behind.
pub const DRIFT: Duration = Duration::from_secs(300);

/// The time of a stream.
#[derive(Debug, Clone, Default)]
pub struct StreamClock {
    newest: Option<Timestamp>,
    /// In a dry run the wall has no say.
    replayed: bool,
}

impl StreamClock {
    /// The time of a stream of which nothing has been read; `replayed` for a dry run.
    pub fn new(replayed: bool) -> Self {
        StreamClock { newest: None, replayed }
    }

    /// Takes in a head; tells whether it is that of an originator whose type is known.
    pub fn observe(&mut self, head: &Head<'_>) -> bool {
        if !head.known.is_some_and(|known| known.is_originators()) {
            return false;
        }
        self.newest = self.newest.max(head.time());
        true
    }

    /// The moment to decide by.
    pub fn now(&self, wall: Timestamp) -> Timestamp {
        match self.newest {
            Some(newest) if self.replayed => newest,
            Some(newest) => newest.min(wall.plus(DRIFT)),
            None => wall,
        }
    }

    /// Whether a heartbeat of this time is one to act on. An old one stands in a replayed journal:
    /// what is open then may have been closed since, further down.
    pub fn is_live(&self, heartbeat: Option<Timestamp>, wall: Timestamp) -> bool {
        self.replayed || heartbeat.is_some_and(|at| wall.since(at) <= DRIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Line, peek};

    fn heard(clock: &mut StreamClock, kind: &str, time: &str) -> bool {
        let line = format!(
            r#"{{"specversion":"1.0","id":"i","source":"s","type":"{kind}","time":"{time}"}}"#
        );
        match peek(line.as_bytes()) {
            Line::Event(head) => clock.observe(&head),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_originators_set_it_and_never_far_ahead() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let wall = at("2026-01-01T00:10:00Z");
        let mut clock = StreamClock::new(false);
        assert_eq!(clock.now(wall), wall);
        assert!(!heard(&mut clock, "investigation.started", "2026-01-01T00:09:00Z"));
        assert!(!heard(&mut clock, "queue.invented", "2026-01-01T00:09:00Z"));
        assert!(heard(&mut clock, "poll.finished", "2026-01-01T00:01:00Z"));
        assert!(heard(&mut clock, "queue.raised", "2026-01-01T00:00:30Z"));
        assert_eq!(clock.now(wall), at("2026-01-01T00:01:00Z"));
        assert!(heard(&mut clock, "queue.raised", "2099-01-01T00:00:00Z"));
        assert_eq!(clock.now(wall), wall.plus(DRIFT));
        assert!(!clock.is_live(Some(at("2026-01-01T00:01:00Z")), wall));
        assert!(clock.is_live(Some(at("2026-01-01T00:06:00Z")), wall));
    }

    #[test]
    fn a_dry_run_does_not_look_at_the_wall() {
        let mut clock = StreamClock::new(true);
        heard(&mut clock, "queue.raised", "2099-01-01T00:00:00Z");
        let wall = Timestamp::from_millis(0);
        assert_eq!(clock.now(wall).to_string(), "2099-01-01T00:00:00.000Z");
        assert!(clock.is_live(None, wall));
    }
}
