//! Deduplication of notices: the log of sent notices, document `notices.json`.
//!
//! A notice is remembered by its channel and the source and id of its event, for eight days and
//! among at most 20,000: longer than any replay of the journal. Pure: the present is an argument,
//! and the store does the locking.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::event::{self, Head};
use crate::time::Timestamp;

/// The time for which a notice is remembered. `scripts/pipeline` replays 7 days.
pub const KEPT_FOR: Duration = Duration::from_secs(8 * 86_400);

/// The number of notices that are remembered.
pub const KEPT_MAX: usize = 20_000;

/// The length over which a source or id is stored as its hash: a foreign line may hold a mebibyte.
const TEXT_MAX: usize = 128;

/// The identity of a notice: an event on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NoticeKey {
    pub channel: String,
    pub source: String,
    pub event: String,
}

impl NoticeKey {
    pub fn new(channel: &str, head: &Head) -> Self {
        let text = |text: &str| {
            if text.len() > TEXT_MAX { event::derived_id(&[text]) } else { text.to_owned() }
        };
        NoticeKey { channel: channel.to_owned(), source: text(&head.source), event: text(&head.id) }
    }

    /// Returns the key of the record: one text for all parts.
    pub fn id(&self) -> String {
        // Escaped, so that no part can hold the separator.
        let part = |text: &str| text.escape_default().to_string();
        [part(&self.channel), part(&self.source), part(&self.event)].join("\n")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentEntry {
    #[serde(flatten)]
    pub key: NoticeKey,
    pub at: Timestamp,
}

/// The document `notices.json`: the sent notices, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentLog {
    handled: Vec<SentEntry>,
}

impl Document for SentLog {
    const NAME: &str = "notices";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some(
        "then run 'dlq-log --json --since 1h | dlq-notify', which repeats the notices of the \
         last hour",
    );

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::NOTICE, &mut self.handled, &mut rest.handled, |entry| entry.key.id());
    }
}

impl SentLog {
    /// The kind of record of a notice, by [`NoticeKey::id`].
    pub const NOTICE: RecordKind = "notice";

    pub fn keys(&self) -> HashSet<NoticeKey> {
        self.handled.iter().map(|entry| entry.key.clone()).collect()
    }

    /// Returns the channels that have delivered a notice of an event.
    pub fn channels(&self, head: &Head) -> Vec<&str> {
        let key = NoticeKey::new("", head);
        let is_it = |one: &&SentEntry| one.key.event == key.event && one.key.source == key.source;
        self.handled.iter().filter(is_it).map(|one| one.key.channel.as_str()).collect()
    }

    /// Adds delivered notices to those that other processes added, and drops old ones. Returns the
    /// number that was dropped before its time.
    pub fn remember(&mut self, delivered: &[NoticeKey], now: Timestamp) -> usize {
        let oldest = now.minus(KEPT_FOR);
        self.handled.retain(|entry| entry.at >= oldest);
        let mut known = self.keys();
        for key in delivered {
            if known.insert(key.clone()) {
                self.handled.push(SentEntry { key: key.clone(), at: now });
            }
        }
        let too_many = self.handled.len().saturating_sub(KEPT_MAX);
        self.handled.drain(..too_many);
        too_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::document::Versioned;
    use crate::event::{Line, peek};

    const DAY: Duration = Duration::from_secs(86_400);

    fn key(n: usize) -> NoticeKey {
        NoticeKey { channel: "console".into(), source: "dlq-poll".into(), event: format!("{n}") }
    }

    fn at(days: u32) -> Timestamp {
        Timestamp::from_millis(0).plus(DAY * days)
    }

    #[test]
    fn notice_is_remembered_once_and_for_8_days() {
        let mut memory = SentLog::default();
        assert_eq!(memory.remember(&[key(1), key(1), key(2)], at(10)), 0);
        assert_eq!(memory.remember(&[key(2), key(3)], at(17)), 0);
        assert_eq!(memory.handled.len(), 3);
        memory.remember(&[], at(18));
        assert!(memory.keys().contains(&key(1)), "eight days to the minute");
        memory.remember(&[], at(19));
        assert_eq!(memory.keys(), HashSet::from([key(3)]));
    }

    #[test]
    fn limit_drops_the_oldest_notices() {
        let mut memory = SentLog::default();
        let all: Vec<NoticeKey> = (0..KEPT_MAX + 5).map(key).collect();
        assert_eq!(memory.remember(&all, at(1)), 5);
        assert!(!memory.keys().contains(&key(4)) && memory.keys().contains(&key(5)));
    }

    #[test]
    fn key_differs_by_channel_and_source() {
        let mut memory = SentLog::default();
        memory.remember(&[key(1)], at(1));
        for other in [
            NoticeKey { channel: "desktop".into(), ..key(1) },
            NoticeKey { source: "mine".into(), ..key(1) },
        ] {
            assert!(!memory.keys().contains(&other));
        }
    }

    #[test]
    fn document_is_as_in_the_manual() {
        let mut memory = SentLog::default();
        memory.remember(&[key(7)], Timestamp::from_millis(0));
        let json = r#"{"version":1,"handled":[{"channel":"console","source":"dlq-poll","event":"7","at":"1970-01-01T00:00:00.000Z"}]}"#;
        let written = Versioned { version: SentLog::VERSION, body: memory };
        assert_eq!(serde_json::to_string(&written).unwrap(), json);
        assert_eq!(serde_json::from_str::<Versioned<SentLog>>(json).unwrap(), written);
    }

    #[test]
    fn key_of_a_long_id_is_a_hash() {
        let line = |last: &str| {
            let id = "x".repeat(5000) + last;
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"t"}}"#)
        };
        let key_of = |line: &str| {
            let Line::Event(head) = peek(line.as_bytes()) else { panic!() };
            NoticeKey::new("c", &head)
        };
        assert_eq!(key_of(&line("a")).event.len(), 36);
        assert_ne!(key_of(&line("a")), key_of(&line("b")));
    }
}
