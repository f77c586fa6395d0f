//! Copies of messages that a redrive has sent: a consumer that writes its failures into the dead-letter
//! queue itself gives them new ids. Pure.

use std::collections::HashSet;
use std::time::Duration;

use super::id_set::{IdHash, id_hash};
use super::selection::sent_at;
use crate::rules::evidence::message::Message;
use crate::time::Timestamp;

/// The most bodies that are known: those that were sent first. A fault is seen early.
const BODIES_MAX: usize = 2000;

/// The time by which the begin may be later than is known: the dates of SQS are cut to seconds.
const BEGIN_SLACK: Duration = Duration::from_secs(2);

/// The contents that a redrive has sent, in all of its runs.
#[derive(Debug, Clone, Default)]
pub struct SentContents {
    /// The moment before the first send, on the clock of SQS.
    begun_at: Option<Timestamp>,
    bodies: HashSet<IdHash>,
}

impl SentContents {
    /// Begins at a moment that no message is sent before, by the clock of SQS.
    pub fn begin(&mut self, at: Timestamp) {
        self.begun_at = Some(at);
    }

    /// Adds a message that is about to be sent, or was. One that came meanwhile is not added: of several that
    /// others write with one body, the next would be taken for a copy of it.
    pub fn add(&mut self, message: &Message) {
        if self.bodies.len() < BODIES_MAX && !self.is_later(message) {
            self.bodies.insert(id_hash(&message.body));
        }
    }

    /// Whether a message was certainly first sent after the redrive had begun to send.
    pub fn is_later(&self, message: &Message) -> bool {
        self.is_after_begin(message, BEGIN_SLACK)
    }

    fn is_after_begin(&self, message: &Message, slack: Duration) -> bool {
        let begun = self.begun_at.map(|begun| begun.plus(slack));
        begun.is_some_and(|begun| sent_at(message).is_some_and(|at| at > begun))
    }

    /// Whether a message, which is none of those that were sent, has the content of one, and may be newer.
    pub fn is_copy(&self, message: &Message) -> bool {
        self.is_after_begin(message, Duration::ZERO)
            && self.bodies.contains(&id_hash(&message.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::queue::server_clock::ServerClock;

    fn message(body: &str, sent: Option<&str>) -> Message {
        let system = sent.map(|at| ("SentTimestamp".to_owned(), at.to_owned()));
        Message { body: body.into(), system: system.into_iter().collect(), ..Message::default() }
    }

    #[test]
    fn copy_is_newer_and_has_a_known_body() {
        let mut sent = SentContents::default();
        assert!(!sent.is_copy(&message("a", Some("2000"))), "nothing was sent");
        sent.begin(Timestamp::from_millis(1000));
        sent.add(&message("a", Some("10")));
        sent.add(&message("b", Some("20")));
        sent.add(&message("d", Some("3500")));
        let rows = [
            ("copy", "a", Some("2000"), true),
            ("copy of the second", "b", Some("4000"), true),
            ("the same body, died before", "a", Some("500"), false),
            ("at the begin", "a", Some("1000"), false),
            ("another body", "c", Some("2000"), false),
            ("no time", "a", None, false),
            ("the body of one that came meanwhile", "d", Some("4000"), false),
        ];
        for (rule, body, at, expected) in rows {
            assert_eq!(sent.is_copy(&message(body, at)), expected, "{rule}");
            assert_eq!(sent.is_later(&message(body, at)), at == Some("4000"), "{rule}");
        }
    }

    /// The clock of a machine may be ten minutes off, or less than the dates of a server show: what is a copy
    /// does not depend on it.
    #[test]
    fn copies_are_told_by_the_time_of_the_server() {
        let ms = Duration::from_millis;
        for skew in [-600_000, 0, 1200, 600_000] {
            let mut server = ServerClock::default();
            server.hear(Timestamp::from_millis(1_000_000), ms(500));
            let own = Timestamp::from_millis(1_000_600 + skew);
            let mut sent = SentContents::default();
            sent.begin(server.earliest(ms(700), own));
            sent.add(&message("a", Some("10")));
            let rows = [
                ("999000", false),
                ("1000700", true),
                ("1005000", true),
                ("1300000", true),
                ("400000", false),
            ];
            for (at, expected) in rows {
                assert_eq!(sent.is_copy(&message("a", Some(at))), expected, "{skew} {at}");
            }
        }
    }
}
